import numpy as np
import pandas as pd
import pytest

from models.people_scores import ranking as ranking
from models.people_scores.ranking import (
    Rates,
    ScoreScale,
    choose_drawn,
    draw_scores,
    position_moments,
    rank_people,
    score_moments,
)
from models.statistics.rank_draws import chance_above, chance_in_top, draw_gamma, percentiles, rank_draws

AXIS = np.array([0, 0, 1, 2])
HARM_DAYS = np.array([700.0, 10.0, 2.0, 365.0])


def population(n: int, seed: int) -> tuple[list[str], Rates, np.ndarray]:
    """Return people whose true rates are drawn from the model: ids, posteriors, true rates."""
    rng = np.random.default_rng(seed)
    shape, mean = np.array([0.3, 0.6, 0.6, 0.1]), np.array([0.1, 0.5, 0.8, 0.02])
    true = rng.gamma(shape, mean / shape, (n, 4))
    exposure = rng.uniform(0.5, 4, n)[:, None]
    count = rng.poisson(true * exposure)
    return [f"id{i}" for i in range(n)], Rates(shape + count, shape / mean + exposure, HARM_DAYS, AXIS), true


def scale(rates: Rates, top_k: int, *, concentration: float = 20, draws: int = 400) -> ScoreScale:
    harm = rates.shape / rates.rate @ rates.by_axis(3)
    everyone = np.ones(harm.shape, dtype=bool)
    return ScoreScale.fit(
        harm, everyone, [0.5, 0.2, 0.3], top_k=top_k, concentration=concentration, draws=draws, seed=1
    )


@pytest.mark.parametrize(
    ("shape", "rate", "kappa"), [(0.3, 2.0, 0.5), (1.2, 0.01, 100.0), (5.0, 1.0, 3.0), (40.0, 9.0, 1.0)]
)
def test_moments_of_a_position_agree_with_draws(shape: float, rate: float, kappa: float) -> None:
    drawn = np.random.default_rng(1).gamma(shape, 1 / rate, 200_000)
    position = drawn / (drawn + kappa)
    first, second = position_moments(np.array([[shape / rate]]), np.array([[shape / rate**2]]), np.array([kappa]))
    assert first[0, 0] == pytest.approx(position.mean(), rel=0.01)
    assert second[0, 0] == pytest.approx((position**2).mean(), rel=0.01)


def test_an_axis_without_evidence_separates_nobody() -> None:
    harm, evidence = np.array([[3.0, 1.0], [2.0, 1.0]]), np.array([[True, False], [True, False]])
    fitted = ScoreScale.fit(harm, evidence, [0.5, 0.5], top_k=5, concentration=20, draws=3, seed=1)
    assert fitted.kappa.tolist() == [2.0, np.inf]


def test_nobody_enters_by_a_tie_whether_weights_are_drawn_or_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, rates, _ = population(4, seed=4)
    scores = np.array([[3.0] * 4, [2.0] * 4, [2.0] * 4, [2.0] * 4], dtype=np.float32)
    tied = ranking.Drawn(scores, scores, np.zeros((4, 2)), np.zeros((4, 3)))
    monkeypatch.setattr(ranking, "draw_scores", lambda *_: tied)
    table = rank_people(1, ids, rates, scale(rates, 2), 2).table
    for column in ("p_top_k", "p_top_k_fixed_weights"):
        assert table[column].tolist() == [1.0, 0.0, 0.0, 0.0]
    first_out = ranking.first_outside(scores, lambda score: np.zeros(score.shape), 2)
    assert chance_above(scores, first_out).tolist() == [1.0, 0.0, 0.0, 0.0]
    assert (ranking.first_outside(scores, lambda score: np.zeros(score.shape), 4) == -np.inf).all()
    one_besides = ranking.first_outside(scores, lambda score: np.where(score < 2.5, 1.0, 0.0), 3)
    assert chance_above(scores, one_besides).tolist() == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("people", [3, 400])
def test_in_no_place_is_nobody(people: int) -> None:
    ids, rates, _ = population(people, seed=4)
    found = rank_people(1, ids, rates, scale(rates, 0), 0)
    assert found.table[["p_top_k", "p_top_k_fixed_weights"]].eq(0).all(axis=None)
    assert found.table["score"].between(0.01, 1, inclusive="neither").all()


@pytest.mark.parametrize("concentration", [20.0, np.inf])
def test_analytic_scores_agree_with_draws(concentration: float) -> None:
    ids, rates, _ = population(150, seed=2)
    measure = scale(rates, 20, concentration=concentration, draws=4000)
    moments, drawn = score_moments(rates, measure), draw_scores(1, ids, rates, measure).scores
    assert np.abs(moments.mean - drawn.mean(axis=1)).max() < 0.015
    for level in (0.1, 0.3, 0.5):
        apart = np.abs(moments.above(level) - (drawn > level).mean(axis=1))
        assert apart.mean() < 0.025
        assert apart.max() < 0.15
        assert moments.above(level).mean() == pytest.approx((drawn > level).mean(), abs=0.02)


def test_partly_analytic_standing_agrees_with_full_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, rates, _ = population(1500, seed=3)
    measure = scale(rates, 10)
    part = rank_people(1, ids, rates, measure, 10).table
    assert 200 <= part["is_drawn"].sum() < 1300
    monkeypatch.setattr(ranking, "LEAST_DRAWN", 1500)
    full = rank_people(1, ids, rates, measure, 10).table
    assert full["is_drawn"].all()
    assert (part["p_top_k"] - full["p_top_k"]).abs().max() < 0.03
    assert part["score"].to_numpy() == pytest.approx(full["score"].to_numpy(), abs=0.03)
    leaders = full["p_top_k"].nlargest(30).index
    for end in ("rank_lo", "rank_hi"):
        off = (part[end] - full[end]).loc[leaders].abs()
        assert off.le(np.maximum(3, 0.15 * full.loc[leaders, end])).all()
    rest = full.index[~part["is_drawn"]]
    assert (part["rank_hi"] - full["rank_hi"]).loc[rest].abs().median() < 0.06 * len(ids)
    assert full["p_top_k"].sum() == pytest.approx(10, abs=0.01)


def test_those_left_out_could_fill_next_to_no_place() -> None:
    ids, rates, _ = population(1500, seed=4)
    measure = scale(rates, 10)
    chosen = choose_drawn(score_moments(rates, measure), 10)
    full = rank_people(1, ids, rates, measure, 10).table["p_top_k"]
    assert np.delete(full.to_numpy(), chosen).sum() < 0.3


def test_rank_interval_covers_the_true_rank_as_often_as_it_says() -> None:
    covered = []
    for seed in range(6):
        ids, rates, true = population(300, seed)
        measure = scale(rates, 20, concentration=np.inf)
        table = rank_people(seed, ids, rates, measure, 20).table
        harm = true @ rates.by_axis(3)
        rank = rank_draws((harm / (harm + measure.kappa) @ measure.weights)[:, None])[:, 0]
        covered.append(table["rank_lo"].le(rank) & table["rank_hi"].ge(rank))
    assert 0.77 < np.mean(covered) < 0.83


def test_positions_keep_true_harm_in_the_top_that_percentiles_lose() -> None:
    by_position, by_percentile, by_mean = [], [], []
    for seed in range(5):
        ids, rates, true = population(1500, seed + 10)
        measure = scale(rates, 20, draws=200)
        harm = rates.shape / rates.rate @ rates.by_axis(3)
        drawn = draw_gamma(seed, ids, rates.shape, rates.rate, 200) @ rates.by_axis(3)
        ranked = np.stack([percentiles(drawn[:, :, axis]) for axis in range(3)], axis=2)
        chance = chance_in_top((ranked * measure.drawn_weights).sum(axis=2), 20)
        top = rank_people(seed, ids, rates, measure, 20).table["p_top_k"]
        for found, score in ((by_position, top), (by_percentile, chance), (by_mean, harm.sum(axis=1))):
            found.append((true @ HARM_DAYS)[np.argsort(-np.asarray(score), kind="stable")[:20]].sum())
    assert np.sum(by_position) > 1.1 * np.sum(by_percentile)
    assert np.sum(by_position) > 0.7 * np.sum(by_mean)  # the rest is the cost of weighing three axes


def test_with_one_axis_the_top_holds_as_much_true_harm_as_by_posterior_mean() -> None:
    by_chance, by_mean = 0.0, 0.0
    for seed in range(5):
        ids, rates, true = population(1500, seed + 10)
        harm = rates.shape / rates.rate @ rates.by_axis(3)
        everyone = np.ones(harm.shape, dtype=bool)
        measure = ScoreScale.fit(harm, everyone, [1, 0, 0], top_k=100, concentration=20, draws=300, seed=1)
        top = rank_people(seed, ids, rates, measure, 100).table["p_top_k"].to_numpy()
        violence = (true @ rates.by_axis(3))[:, 0]
        by_chance += violence[np.argsort(-top, kind="stable")[:100]].sum()
        by_mean += violence[np.argsort(-harm[:, 0], kind="stable")[:100]].sum()
    assert by_chance > 0.97 * by_mean


def test_harm_and_shares_by_hand() -> None:
    rates = Rates(np.array([[2.0, 1.0, 3.0, 0.5]]), np.full((1, 4), 4.0), HARM_DAYS, AXIS)
    table = rank_people(1, ["a"], rates, scale(rates, 1, draws=4000), 1).table
    assert table.loc["a", "harm_per_day"] == pytest.approx((2 * 700 + 10 + 3 * 2 + 0.5 * 365) / 4)
    assert table.loc["a", ["share_0", "share_1", "share_2"]].sum() == pytest.approx(1)
    assert table.loc["a", "share_0"] > table.loc["a", "share_2"] > table.loc["a", "share_1"]
    assert table.loc["a", "harm_per_day_lo"] < table.loc["a", "harm_per_day"] < table.loc["a", "harm_per_day_hi"]


def test_chance_with_other_scores_sets_the_person_aside() -> None:
    offences_held = ranking.PeopleRanking(pd.DataFrame(), last_in=np.array([0.5, 0.5]), first_out=np.array([0.3, 0.4]))
    now = np.array([[0.5, 0.2]])  # in the top K only in the first draw
    assert offences_held.chance(now, np.array([[0.35, 0.45]])).tolist() == [0.5]
