import numpy as np
import pytest

from models.forecast.predictive import HarmDraws, central_interval, chances_of_top, draw_harm


def draws_of(table):
    """HarmDraws of a literal table [cells, draws]."""
    table = np.asarray(table, dtype=float)
    cell, draw = np.nonzero(table)
    return HarmDraws(cell, draw, table[cell, draw], *table.shape)


def dense(drawn):
    table = np.zeros((drawn.cells, drawn.draws))
    table[drawn.cell, drawn.draw] = drawn.harm
    return table


def test_counts_have_the_mean_and_the_variance_asked_for():
    rates, excess = np.array([[0.5, 0.25], [3.0, 1.0], [0.0, 0.0]]), np.array([0.0, 0.8, 0.5])
    counts = dense(draw_harm(rates, np.ones(2), excess, draws=40_000, seed=3))
    np.testing.assert_allclose(counts.mean(axis=1), [0.75, 4.0, 0.0], rtol=0.03)
    np.testing.assert_allclose(counts.var(axis=1), [0.75, 4.0 * 1.8, 0.0], rtol=0.05)


def test_offences_come_in_proportion_to_their_rates():
    rates, weights = np.array([[3.0, 1.0]]), np.array([1.0, 1000.0])
    harm = dense(draw_harm(rates, weights, np.zeros(1), draws=40_000, seed=3))
    assert harm.mean() == pytest.approx(3 + 1000, rel=0.03)


def test_the_same_seed_draws_the_same_and_another_does_not():
    rates, weights = np.full((50, 2), 0.3), np.array([2.0, 365.0])
    one, same, other = (dense(draw_harm(rates, weights, np.full(50, 0.2), draws=60, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_the_interval_is_made_of_order_statistics():
    lo, hi = central_interval(draws_of([[0, 0, 0, 0, 0, 0, 0, 0, 9, 7], [5, 4, 1, 2, 3, 10, 9, 8, 7, 6], [0] * 10]))
    np.testing.assert_array_equal(lo, [0, 1, 0])
    np.testing.assert_array_equal(hi, [7, 9, 0])


def test_equals_at_the_edge_share_the_places():
    drawn = draws_of([[9, 9], [5, 9], [5, 9], [0, 0]])
    # Two places: the first draw has one sure and two sharing one; the second has three sharing two.
    (chances,) = chances_of_top(drawn, [0.5])
    np.testing.assert_allclose(chances, [(1 + 2 / 3) / 2, (1 / 2 + 2 / 3) / 2, (1 / 2 + 2 / 3) / 2, 0])


def test_where_less_cells_are_harmed_than_places_the_others_share_what_is_left():
    (chances,) = chances_of_top(draws_of([[9.0], [0], [0], [0]]), [0.5])
    np.testing.assert_allclose(chances, [1, 1 / 3, 1 / 3, 1 / 3])


def test_chances_add_up_to_the_places():
    rates = np.random.default_rng(0).gamma(0.3, 1, (200, 3))
    drawn = draw_harm(rates, np.array([1.0, 10, 100]), np.full(200, 0.3), draws=50, seed=1)
    for share, chances in zip((0.01, 0.05, 0.9), chances_of_top(drawn, (0.01, 0.05, 0.9)), strict=True):
        assert chances.sum() == pytest.approx(round(200 * share))
        assert ((chances >= 0) & (chances <= 1 + 1e-12)).all()


def test_nothing_expected_draws_nothing():
    drawn = draw_harm(np.zeros((4, 0)), np.empty(0), np.zeros(4), draws=10, seed=0)
    assert dense(drawn).sum() == 0
    np.testing.assert_allclose(chances_of_top(drawn, [0.25])[0], 0.25)
