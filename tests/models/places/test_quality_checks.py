"""Each check of a run trips at its limit and nowhere else, and says what is wrong with figures."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from models.places.quality_checks import (
    COLUMNS,
    InputMeasures,
    QualityConfig,
    check_forecasts,
    check_input,
    check_ranking,
    refusal,
    warnings,
)

ROOT = Path(__file__).parents[3]
DEFAULTS = yaml.safe_load((ROOT / "configs/default.yaml").read_text(encoding="utf-8"))
CONFIG = QualityConfig(**DEFAULTS["quality"])
GOOD = InputMeasures(
    days_ahead=0,
    window_days=365,
    incidents=1000,
    outside=0,
    unknown_area=0,
    ranked=900,
    unstated=0,
    read=2000,
    unlocated=0,
    newest_age_days=0,
    ranked_before=(900.0, 910.0, 890.0),
    weights=DEFAULTS["places"]["weights"],
    missing_axes=(),
    assumed_axes=(),
)


def outcomes(config: QualityConfig = CONFIG, **changes: object) -> dict[str, str]:
    table = check_input(replace(GOOD, **changes), config)
    return table.set_index("check_name").query("outcome != 'passed'")["outcome"].to_dict()


def test_good_input_passes_every_check() -> None:
    table = check_input(GOOD, CONFIG)
    assert list(table.columns) == COLUMNS
    assert set(table["outcome"]) == {"passed"}
    assert table["way_out"].isna().all()
    assert refusal(table) is None
    assert warnings(table) == []


@pytest.mark.parametrize(
    ("changes", "check", "outcome"),
    [
        ({"days_ahead": 1}, "day_has_begun", "failed"),
        ({"days_ahead": -400}, "day_has_begun", None),
        ({"newest_age_days": 22}, "newest_incident", None),
        ({"newest_age_days": 23}, "newest_incident", "warning"),
        ({"newest_age_days": 45}, "newest_incident", "warning"),
        ({"newest_age_days": 46}, "newest_incident", "failed"),
        ({"newest_age_days": None}, "newest_incident", "failed"),
        ({"unknown_area": 70}, "located", None),
        ({"unknown_area": 80}, "located", "warning"),
        ({"unknown_area": 160}, "located", "failed"),
        ({"unlocated": 160}, "located", "warning"),
        ({"unlocated": 320}, "located", "failed"),
        ({"unlocated": 160, "unknown_area": 90}, "located", "failed"),
        ({"outside": 70}, "outside_map", None),
        ({"outside": 80}, "outside_map", "warning"),
        ({"outside": 150}, "outside_map", "warning"),
        ({"outside": 151}, "outside_map", "failed"),
        ({"ranked": 1, "ranked_before": ()}, "ranked_incidents", None),
        ({"ranked": 0, "ranked_before": ()}, "ranked_incidents", "failed"),
        ({"unstated": 330}, "kind_unstated", None),
        ({"unstated": 340}, "kind_unstated", "warning"),
        ({"unstated": 676}, "kind_unstated", "failed"),
        ({"assumed_axes": ("ratio",)}, "axes_with_data", None),
        ({"missing_axes": ("minors",)}, "axes_with_data", "warning"),
        ({"missing_axes": ("minors", "disorder"), "assumed_axes": ("ratio",)}, "axes_with_data", "warning"),
        ({"missing_axes": ("minors", "violence"), "assumed_axes": ("ratio",)}, "axes_with_data", "failed"),
        ({"ranked": 680}, "fall_of_incidents", None),
        ({"ranked": 670}, "fall_of_incidents", "warning"),
        ({"ranked": 450}, "fall_of_incidents", "warning"),
        ({"ranked": 449}, "fall_of_incidents", "failed"),
        ({"ranked": 9000}, "fall_of_incidents", None),
        ({"ranked": 1, "ranked_before": ()}, "fall_of_incidents", None),
        ({"ranked": 1, "ranked_before": (0.0,)}, "fall_of_incidents", None),
        ({"ranked": 300, "ranked_before": (310.0, 900.0, 900.0)}, "fall_of_incidents", None),  # the new level is kept
        ({"ranked": 300, "ranked_before": (900.0, 310.0, 310.0)}, "fall_of_incidents", None),  # the latest was odd
    ],
)
def test_each_check_trips_alone_at_its_limit(changes: dict[str, object], check: str, outcome: str | None) -> None:
    assert outcomes(**changes) == ({check: outcome} if outcome else {})


def test_a_refusal_names_each_failed_check_with_figures_and_the_way_out() -> None:
    table = check_input(replace(GOOD, outside=1000, ranked=0, newest_age_days=300), CONFIG)
    assert refusal(table) == (
        "- The newest incidents are 300 days old on the day of the run; at most 45 days are allowed. Load what is "
        "missing, or give --as-of a day just after the last incident.\n"
        "- 100% of incidents lie outside every area (1,000 of 1,000); at most 15.0% may. Is it this city's file, "
        "and this city's map (force.areas.path)? If x and y are swapped, correct them in the mapping, and load the "
        "file into a new home.\n"
        "- 0 of 1,000 incidents in the 365 days before the day of the run can be ranked: they lie in an area, "
        "weigh more than zero, and were not discovered by police. Load incidents of these days, or give --as-of a "
        "day that follows them.\n"
        "- 0 incidents are ranked, 100% fewer than before (900 in the latest or usual kept run); a fall of at most "
        "50.0% is allowed. Load what is missing. If the fall is real, raise quality.fall_share until a run of the new "
        "level is kept."
    )


@pytest.mark.parametrize(
    ("missing", "assumed", "said"),
    [
        (("minors",), (), "Use of minors has no data, so its weight is spread over the other measures (20.0% of"),
        (("minors", "disorder"), (), "Disorder and use of minors have no data, so their weights are spread"),
        (("minors",), ("ratio",), "over the other measures; crimes per officer-hour rests on an assumption (40.0% of"),
        (("violence", "disorder", "minors", "ratio"), (), "No measure has data (100% of"),
        ((), (), "Every measure has data (0% of"),
    ],
)
def test_the_check_of_axes_says_where_the_weight_goes(
    missing: tuple[str, ...], assumed: tuple[str, ...], said: str
) -> None:
    table = check_input(replace(GOOD, missing_axes=missing, assumed_axes=assumed), CONFIG).set_index("check_name")
    assert said in table.loc["axes_with_data", "detail"]


def test_an_axis_whose_weight_is_zero_is_not_missed() -> None:
    weights = {"violence": 0.5, "disorder": 0.3, "minors": 0.0, "ratio": 0.2}
    assert outcomes(weights=weights, missing_axes=("minors",)) == {}


def ranking(*rows: tuple[str, int, bool, int], is_assumed: bool = True) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["area_name", "rank", "is_listed", "rank_without_ratio"])
    return frame.assign(is_staffing_assumed=is_assumed)


def test_assumed_staffing_that_decides_a_place_is_said_by_name() -> None:
    table = ranking(("Castle", 1, True, 1), ("Quarry", 2, True, 3), ("Old Town", 3, False, 2), ("Mill", 4, False, 4))
    check = check_ranking(table, 2).set_index("check_name").loc["staffing_decides"]
    assert check["outcome"] == "warning"
    assert check["value"] == 2
    assert "put Quarry on and keep Old Town off the target list" in check["detail"]
    assert set(check_ranking(table.assign(is_staffing_assumed=False), 2)["outcome"]) == {"passed"}
    same = ranking(("Castle", 1, True, 2), ("Quarry", 2, True, 1), ("Old Town", 3, False, 3))
    assert set(check_ranking(same, 2)["outcome"]) == {"passed"}
    stays = ranking(("Castle", 1, True, 1), ("Quarry", 2, True, 2), ("Old Town", 3, True, 3), ("Mill", 4, False, 4))
    assert set(check_ranking(stays, 2)["outcome"]) == {"passed"}  # Old Town stays by hysteresis, not by the hours


@pytest.mark.parametrize(("top_k", "outcome"), [(2, "passed"), (3, "warning"), (9, "warning")])
def test_a_list_with_room_for_all_areas_is_said(top_k: int, outcome: str) -> None:
    table = ranking(("a", 1, False, 1), ("b", 2, False, 2), ("c", 3, False, 3))
    assert check_ranking(table, top_k).set_index("check_name").loc["list_chooses", "outcome"] == outcome


@given(
    outside=st.integers(0, 1000),
    unknown=st.integers(0, 1000),
    unlocated=st.integers(0, 2000),
    ranked=st.integers(0, 1000),
    unstated=st.integers(0, 1000),
    age=st.none() | st.integers(0, 4000),
    before=st.lists(st.floats(0, 1e6), max_size=5),
)
def test_a_run_without_ranked_incidents_or_a_newest_one_never_passes(
    outside: int, unknown: int, unlocated: int, ranked: int, unstated: int, age: int | None, before: list[float]
) -> None:
    measures = replace(
        GOOD, outside=outside, unknown_area=unknown, unlocated=unlocated, ranked=ranked,
        unstated=min(unstated, ranked), newest_age_days=age, ranked_before=before,
    )  # fmt: skip
    table = check_input(measures, CONFIG)
    assert table["check_name"].is_unique
    assert set(table["outcome"]) <= {"passed", "warning", "failed"}
    assert (table["way_out"].isna() == table["outcome"].eq("passed")).all()
    if ranked == 0 or age is None:
        assert refusal(table)


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in DEFAULTS["quality"] if name != "newest_days" for value in (-0.1, 1.1)]
    + [("newest_days", 0)],
)
def test_limits_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"quality.{name}="):
        QualityConfig(**{**DEFAULTS["quality"], name: value})


def test_a_flagged_forecast_is_a_warning_in_words() -> None:
    record = pd.DataFrame({"is_off": [False, True], "off_because": [None, "too low by about 5×"]})
    check = check_forecasts(record).iloc[0]
    assert (check["outcome"], check["detail"]) == ("warning", "Earlier forecasts were wrong: too low by about 5×.")
    assert check_forecasts(record.iloc[:1])["outcome"].tolist() == ["passed"]
    assert check_forecasts(record.iloc[:0]).empty
