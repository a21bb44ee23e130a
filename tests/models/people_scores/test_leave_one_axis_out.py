import numpy as np
import pytest

from models.people_scores import ranking as ranking
from models.people_scores.leave_one_axis_out import ranks_without
from models.people_scores.ranking import Rates, ScoreScale, rank_people
from models.statistics.rank_draws import total_ranks

AXIS = np.array([0, 1, 2])
HARM_DAYS = np.array([365.0, 10.0, 200.0])
IDS = ["violent", "noisy", "user_of_minors", "a_little_of_all"]
# A hundred incidents over four years on one axis, a few elsewhere: the order is clear in every draw.
SHAPE = np.array([[100, 2, 2], [2, 100, 4], [4, 4, 100], [20, 20, 20]], dtype=float)
RATES = Rates(SHAPE, np.full(SHAPE.shape, 4.0), HARM_DAYS, AXIS)
EVERYWHERE = np.ones(SHAPE.shape, dtype=bool)


def scale(
    rates: Rates, has_evidence: np.ndarray, weights: tuple[float, ...] = (0.5, 0.2, 0.3), concentration: float = 20
) -> ScoreScale:
    harm = rates.shape / rates.rate @ rates.by_axis(3)
    return ScoreScale.fit(harm, has_evidence, weights, top_k=1, concentration=concentration, draws=300, seed=1)


def test_whoever_stands_first_by_one_axis_alone_falls_when_it_is_left_out() -> None:
    ranks = ranks_without(1, IDS, RATES, scale(RATES, EVERYWHERE), 1)
    assert ranks.index.tolist() == IDS
    assert ranks.loc["violent"].tolist() == [4, 1, 1]
    assert [ranks.loc["noisy", "without_1"], ranks.loc["user_of_minors", "without_2"]] == [4, 4]
    assert (np.sort(ranks, axis=0) == [[1], [2], [3], [4]]).all()


def test_without_an_axis_of_no_weight_everybody_stands_where_they_stood() -> None:
    measure = scale(RATES, EVERYWHERE, (0.6, 0.4, 0.0))
    table = rank_people(1, IDS, RATES, measure, 1).table
    expected = total_ranks(table["p_top_k"], table["score"], ids=IDS)
    assert ranks_without(1, IDS, RATES, measure, 1)["without_2"].tolist() == expected.tolist()


def test_where_no_other_axis_separates_anybody_there_is_no_rank() -> None:
    only_violence = EVERYWHERE & (AXIS == 0)
    for measure in (scale(RATES, only_violence), scale(RATES, EVERYWHERE, (1.0, 0.0, 0.0))):
        ranks = ranks_without(1, IDS, RATES, measure, 1)
        assert ranks["without_0"].isna().all()
        assert ranks[["without_1", "without_2"]].notna().all(axis=None)


@pytest.mark.parametrize("concentration", [20.0, np.inf])
def test_what_is_left_of_the_weights_means_among_itself_what_it_did(concentration: float) -> None:
    measure = scale(RATES, EVERYWHERE, concentration=concentration)
    left = measure.without(0)
    assert left is not None
    assert left.weights == pytest.approx([0, 0.4, 0.6])
    assert left.concentration == pytest.approx(concentration / 2)
    assert left.drawn_weights.sum(axis=1) == pytest.approx(1)
    before, after = measure.drawn_weights, left.drawn_weights
    assert after[:, 1] * before[:, 2] == pytest.approx(after[:, 2] * before[:, 1])


def test_those_not_drawn_in_full_stand_nearly_where_they_would(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    true = rng.gamma(0.3, 2.0, (1200, 3))
    rates = Rates(0.3 + rng.poisson(true * 3), np.full(true.shape, 0.5 + 3), HARM_DAYS, AXIS)
    ids, measure = [f"id{i}" for i in range(1200)], scale(rates, np.ones(true.shape, dtype=bool))
    part = ranks_without(1, ids, rates, measure, 10)
    monkeypatch.setattr(ranking, "LEAST_DRAWN", 1200)
    full = ranks_without(1, ids, rates, measure, 10)
    assert not part.equals(full)
    apart = (part.astype(int) - full.astype(int)).abs()
    assert apart.where(full.le(20)).max(axis=None) <= 4
    assert apart.median().max() <= 30
