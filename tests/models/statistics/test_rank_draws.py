import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.statistics.rank_draws import (
    chance_above,
    chance_in_top,
    draw_gamma,
    draw_weights,
    percentiles,
    rank_draws,
    rank_interval,
    total_order,
    total_ranks,
)

IDS = st.lists(st.text(min_size=1, max_size=8), min_size=2, max_size=8, unique=True)


def test_draws_have_the_moments_of_the_gamma() -> None:
    drawn = draw_gamma(1, ["a", "b"], [[0.5, 4.0], [9.0, 1.0]], [[2.0, 2.0], [3.0, 0.5]], 40_000)
    assert drawn.shape == (2, 40_000, 2)
    assert drawn.mean(axis=1) == pytest.approx(np.array([[0.25, 2.0], [3.0, 2.0]]), rel=0.04)
    assert drawn.var(axis=1) == pytest.approx(np.array([[0.125, 1.0], [1.0, 4.0]]), rel=0.08)


@settings(max_examples=40)
@given(ids=IDS, seed=st.integers(-(2**40), 2**62), data=st.data())
def test_nobody_else_can_move_an_entitys_draws(ids: list[str], seed: int, data: st.DataObject) -> None:
    n = len(ids)
    shape = np.linspace(0.3, 5, 2 * n).reshape(n, 2)
    drawn = draw_gamma(seed, ids, shape, np.ones((n, 2)), 7)
    kept = data.draw(st.permutations(range(n)))[: n // 2]
    other_shape = shape[kept].copy()
    other_shape[1:] += 3  # the others change as well
    again = draw_gamma(seed, [ids[i] for i in kept], other_shape, np.ones((len(kept), 2)), 7)
    assert (again[0] == drawn[kept[0]]).all()


def test_seed_and_id_both_key_the_stream() -> None:
    one = np.ones((1, 1))
    assert (draw_gamma(1, ["a"], one, one, 5) != draw_gamma(2, ["a"], one, one, 5)).all()
    assert (draw_gamma(1, ["a"], one, one, 5) != draw_gamma(1, ["b"], one, one, 5)).all()


def test_repeated_ids_are_refused_without_naming_them() -> None:
    with pytest.raises(ValueError, match="repeat") as caught:
        draw_gamma(1, ["p_secret", "p_secret"], np.ones((2, 1)), np.ones((2, 1)), 3)
    assert "p_secret" not in str(caught.value)


def test_drawn_weights_centre_on_the_configured_ones() -> None:
    drawn = draw_weights(1, [5, 2, 3, 0], 20, 20_000)
    assert drawn.sum(axis=1) == pytest.approx(np.ones(20_000))
    assert drawn.mean(axis=0) == pytest.approx([0.5, 0.2, 0.3, 0.0], abs=0.01)
    assert drawn[:, 0].var() == pytest.approx(0.5 * 0.5 / 21, rel=0.05)
    assert (draw_weights(1, [5, 2, 3, 0], np.inf, 2) == [0.5, 0.2, 0.3, 0.0]).all()


@pytest.mark.parametrize(("weights", "concentration"), [([0, 0], 20), ([-1, 2], 20), ([1, 2], 0)])
def test_weights_that_mean_nothing_are_refused(weights: list[float], concentration: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        draw_weights(1, weights, concentration, 3)


def test_percentiles_run_along_entities_and_share_ties() -> None:
    assert percentiles([[1.0, 5.0], [3.0, 5.0], [2.0, 9.0], [0.0, 5.0]]).tolist() == [
        [0.375, 0.375],
        [0.875, 0.375],
        [0.625, 0.875],
        [0.125, 0.375],
    ]


def test_nobody_has_no_percentile() -> None:
    assert percentiles(np.empty((0, 3))).shape == (0, 3)


def test_nobody_enters_by_a_tie() -> None:
    assert rank_draws([[1.0], [1.0], [2.0]]).tolist() == [[3], [3], [1]]


def test_the_chance_in_the_top_counts_no_tie_with_the_first_outside() -> None:
    scores = np.array([[3.0, 1.0], [2.0, 1.0], [2.0, 1.0], [2.0, 0.0]])
    assert chance_in_top(scores, 2).tolist() == [0.5, 0.0, 0.0, 0.0]
    assert chance_in_top(scores, 3).tolist() == [1.0, 0.5, 0.5, 0.0]
    assert chance_in_top(scores, 4).tolist() == [1.0] * 4
    for top_k in (1, 2, 3, 4):
        assert (chance_in_top(scores, top_k) == (rank_draws(scores) <= top_k).mean(axis=1)).all()
    assert chance_above(scores, [2.0, 0.5]).tolist() == [1.0, 0.5, 0.5, 0.0]


def test_the_total_order_goes_by_each_score_in_turn_and_then_by_id() -> None:
    first, second = [1.0, 2.0, 2.0, 2.0], [9.0, 1.0, 5.0, 5.0]
    assert total_order(first, second, ids=["a", "b", "d", "c"]).tolist() == [3, 2, 1, 0]
    assert total_ranks(first, second, ids=["a", "b", "d", "c"]).tolist() == [4, 3, 2, 1]
    assert total_order(first, ids=pd.Index(["z", "y", "x", "w"])).tolist() == [3, 2, 1, 0]
    assert total_order([1.0, np.nan, 3.0], ids=[0, 1, 2]).tolist() == [2, 0, 1]


def test_summary_by_hand() -> None:
    scores = np.array([[9.0] * 10, [5.0] * 8 + [1.0] * 2, [2.0] * 10])
    assert chance_in_top(scores, top_k=2).tolist() == [1.0, 0.8, 0.2]
    rank_lo, rank_hi = rank_interval(scores, 0.8)
    assert rank_lo.tolist() == [1, 2, 3]  # the third is third in eight draws of ten, the second second
    assert rank_hi.tolist() == [1, 2, 3]


@pytest.mark.parametrize("interval", [0.0, 1.0])
def test_an_interval_that_is_no_probability_is_named(interval: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        rank_interval([[1.0]], interval)


def test_interval_covers_the_true_rank_as_often_as_it_says() -> None:
    rng = np.random.default_rng(8)
    covered = []
    for _ in range(6):
        true = rng.gamma(0.8, 1 / 2.0, 200)
        count = rng.poisson(true * 5.0)
        drawn = draw_gamma(1, [str(i) for i in range(200)], (0.8 + count)[:, None], np.full((200, 1), 7.0), 400)[..., 0]
        rank_lo, rank_hi = rank_interval(drawn, 0.8)
        rank = rank_draws(true[:, None])[:, 0]
        covered.append((rank_lo <= rank) & (rank_hi >= rank))
    assert 0.77 < np.mean(covered) < 0.84
