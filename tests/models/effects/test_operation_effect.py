"""The table of effects on a town with geometry: the same reports as displacement, planted falls, and reasons."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.effects.agreement import together
from models.effects.operation_effect import EFFECT_COLUMNS, METHODS, measure_effects
from models.places.displacement import measure_displacement
from tests.models.places.test_displacement import AS_OF, START, Town, operation, operations, still, town_of

NOTHING_YET = operations()


def measured(town: Town, reports: pd.DataFrame, *rows: dict[str, Any], withheld: Any = None) -> pd.DataFrame:
    ground, history = town.ground(reports)
    return measure_effects(operations(*rows), history, ground, as_of=AS_OF, longest_days=84, withheld=withheld)


@cache
def effects(away: float) -> pd.DataFrame:
    """The table if this share of the market's reports stays away since the start."""
    town = town_of(4)
    middle = town.hottest()
    gone = town.inside(middle) & (town.reports["occurred_at"] >= START).to_numpy()
    gone &= np.cumsum(gone) % 10 < 10 * away
    return measured(town, town.reports[~gone], operation(middle))


def test_the_table_counts_the_reports_that_displacement_counts() -> None:
    table, displacement = effects(0.0), still(4).set_index("part").loc["all"]
    assert list(table.columns) == list(EFFECT_COLUMNS)
    assert table["method"].tolist() == [*METHODS]
    assert table["observed"].tolist() == [displacement["target_after"]] * 3
    assert table["window_days"].tolist() == [56] * 3
    assert (table["placebo_count"] >= 20).all() and (table["independent_count"] >= 9).all()
    for row in table.to_dict("records"):
        assert row["change"] == pytest.approx(row["observed"] - row["expected"])
        assert sum(row["expected_by_week"]) == pytest.approx(row["expected"])
        assert len(row["observed_by_week"]) == row["weeks_before"] + 8
        assert sum(row["observed_by_week"][-8:]) == row["observed"]
        assert row["change_lo"] < row["change"] < row["change_hi"]


def test_a_planted_fall_is_found_by_every_method_and_none_is_found_without() -> None:
    assert effects(0.6)["finding"].tolist() == ["fall"] * 3
    assert (effects(0.6)["change"] < effects(0.0)["change"]).all()
    assert (effects(0.6)["net_change"] < effects(0.0)["net_change"]).all()
    assert together(effects(0.6)).startswith("All 3 methods find a fall beyond chance.")
    assert not (effects(0.0)["finding"] == "fall").all()
    said = effects(0.6)["why"].iloc[0]
    assert "reports in 8 weeks" in said and "with 500 m around it" in said and "would be told from chance" in said


def test_whole_weeks_count_in_both_tables_and_one_of_them_says_whether_the_market_fell() -> None:
    town = town_of(4)
    middle = town.hottest()
    ground, history = town.ground(town.reports)
    of_both = {"as_of": AS_OF - pd.Timedelta(days=3), "longest_days": 84}  # 7 weeks and 4 days
    effect, moved = (
        measure(operations(operation(middle)), history, ground, **of_both)
        for measure in (measure_effects, measure_displacement)
    )
    whole = moved.set_index("part").loc["all"]
    assert effect["window_days"].tolist() == [49] * 3 and whole["window_days"] == 49
    assert effect["observed"].tolist() == [whole["target_after"]] * 3
    assert whole["why"].startswith("within 500 m around the market ")
    assert f"{whole['target_after']} reports" not in whole["why"] and "a fall" not in whole["why"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (operation("market_x"), "names no cell in its middle"),
        (operation("market_1_1"), "is not on this map"),
        (operation("market_1_1", AS_OF - pd.Timedelta(days=3)), "fewer than 7 days have passed"),
        (operation("market_1_1", AS_OF - pd.Timedelta(days=400)), "more than 365 days ago"),
    ],
)
def test_what_cannot_be_measured_says_why(row: dict[str, Any], words: str) -> None:
    town = town_of(4)
    table = measured(town, town.reports, row)
    assert len(table) == 3 and table["why"].str.contains(words).all()
    assert table["finding"].isna().all() and table["change"].isna().all()
    assert together(table) == "No method could measure it: nothing can be said."


def test_a_town_with_few_places_or_without_reports_states_nothing() -> None:
    town = town_of(4)
    middle = town.hottest()
    near = (np.abs(town.offset(middle)) < 2000).all(axis=1)
    table = measured(town, town.reports[near], operation(middle))
    assert table["change"].isna().all() and table["why"].str.contains("not measured").all()
    ground, history = town.ground(town.reports)
    assert measure_effects(NOTHING_YET, history, ground, as_of=AS_OF, longest_days=84).empty
    empty = measure_effects(operations(operation(middle)), history[:0], ground, as_of=AS_OF, longest_days=84)
    assert empty["why"].tolist() == ["nothing was reported"] * 3


def test_no_place_on_withheld_ground_is_compared_with() -> None:
    town = town_of(4)
    middle = town.hottest()
    whole = effects(0.0)["placebo_count"].iloc[0]
    cells = town.cells.to_numpy(np.int64)
    far = cells[(np.abs(cells - np.array(middle)) > 24).any(axis=1)]
    table = measured(town, town.reports, operation(middle), withheld=far)
    assert 0 < table["placebo_count"].iloc[0] < whole
