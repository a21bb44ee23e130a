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


def test_people_with_little_time_at_liberty_are_not_put_in_the_top_for_that(populations: list[Scored]) -> None:
    """Of those who do not belong in the top K, no more are put there where most of the window was spent in custody."""
    wrongly, events_per_day = [], []
    for each in populations:
        table = each.table[each.table["true_rank"] > 20]
        days = each.scoring.people.loc[table.index, "liberty_days"]
        is_short = days < 900
        chosen = table.index.isin(each.table["p_top_k"].nlargest(20).index)
        raw = (each.table["raw_harm"] / each.scoring.people.loc[each.table.index, "liberty_days"]).nlargest(20).index
        wrongly.append((chosen[is_short].mean(), chosen[~is_short].mean()))
        events_per_day.append((table.index.isin(raw)[is_short].mean(), table.index.isin(raw)[~is_short].mean()))
    short, long = np.mean(wrongly, axis=0)
    raw_short, raw_long = np.mean(events_per_day, axis=0)
    assert short < long + 0.01
    assert raw_short > raw_long + 0.02  # harm per day, which is not shrunk, does it
