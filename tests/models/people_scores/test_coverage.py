"""Coverage of the rank intervals, and share of the true harm in the top K."""

import numpy as np
import pytest

from tests.offenders import Scored, score_population, undecayed

SEEDS = range(20)


@pytest.fixture(scope="module")
def populations() -> list[Scored]:
    return [score_population(seed, 300, undecayed(top_k=20, draws=200)) for seed in SEEDS]


def test_eighty_percent_intervals_hold_the_true_rank_eighty_times_in_a_hundred(populations: list[Scored]) -> None:
    assert 0.77 <= np.mean([each.coverage for each in populations]) <= 0.83


def test_the_top_holds_as_much_true_harm_as_the_greatest_posterior_means(populations: list[Scored]) -> None:
    """Weighing three axes costs part of the harm in the top K; the method must not lose the rest."""
    chance, mean, count = (
        np.mean([each.captured(by, 20) for each in populations]) for by in ("p_top_k", "harm_per_day", "raw_count")
    )
    assert chance > 0.9 * mean
    assert chance > count
