"""The scoreboard of the report: the force's whole months, breaks where a figure is missing, and why."""

from typing import Any

import pandas as pd

from pipeline.briefing.scoreboard import FIGURES, board, chart

MONTHS = (("month", "2026-02-01", False), ("month", "2026-01-01", False), ("month", "2026-03-01", True))


def tables(**of_year: Any) -> dict[str, pd.DataFrame]:
    """Both tables with ones, harm 5 in February, and other values in the rows of the year."""
    columns = {name for _, column, _, of, _ in FIGURES for name in (column, of) if name}
    columns |= {f"{column}_{end}" for column in columns if column.endswith("_share") for end in ("lo", "hi")}
    ones = dict.fromkeys(sorted(columns), 1.0)
    rows = []
    for scope in ("force", "area"):
        for span, day, is_current in (*MONTHS, ("year", "2026-01-01", True)):
            begin, to_on = pd.Timestamp(day), pd.Timestamp(day) + pd.offsets.MonthEnd(0)
            key = {"scope": scope, "span": span, "from_on": begin, "to_on": to_on, "is_current": is_current}
            key["recorded_from"] = pd.Timestamp("2026-01-01")
            rows.append({**ones, **key, "not_recorded": [], **(of_year if span == "year" else {})})
            rows[-1]["harm"] = 5.0 if day == "2026-02-01" else 1.0
    frame = pd.DataFrame(rows)
    return {"scoreboard": frame, "enforcement_ledger": frame}


def test_it_shows_whole_months_of_the_force_in_order() -> None:
    found = board(tables())
    assert [f"{month:%m}" for month in found["months"]] == ["01", "02"]
    assert found["figures"][0]["values"] == [1.0, 5.0]
    assert len(found["figures"]) == len(FIGURES)


def test_a_figure_that_is_missing_says_why() -> None:
    why = ["promises_due, promises_kept: no announcement was ever recorded", "custody_days: fewer than 10 people"]
    figures = {
        str(f["name"]): f
        for f in board(tables(promises_kept_share=None, custody_days=None, not_recorded=why))["figures"]
    }
    assert figures["Promises kept"]["is_missing"]
    assert figures["Days in custody, a cost"]["is_withheld"]
    assert not figures["Complaints about the police"]["is_missing"]


def test_a_chart_breaks_where_a_month_is_missing_and_a_run_without_the_tables_has_none() -> None:
    assert str(chart([0.0, 2.0, None, 1.0])) == "M0.0 24.0h0L33.3 0.0M100.0 12.0h0"
    empty = {name: frame[:0] for name, frame in tables().items()}
    assert board(empty) == {"months": [], "figures": [], "begin": None}


def test_months_that_are_not_wholly_on_record_are_not_drawn_and_each_figure_has_its_cases_and_direction() -> None:
    late = {name: frame.assign(recorded_from=pd.Timestamp("2026-01-05")) for name, frame in tables().items()}
    found = board(late)
    assert [f"{month:%m}" for month in found["months"]] == ["02"] and found["begin"] == pd.Timestamp("2026-01-05")
    figures = {str(figure["name"]): figure for figure in board(tables())["figures"]}
    hours = figures["Hours until a report at an announced market was answered, median"]
    assert hours["of"] == 1.0
    assert not hours["is_share"] and figures["Promises kept"]["is_share"]
    assert figures["Promises kept"]["direction"] == "more is better"
    frame = tables()["scoreboard"]
    frame.loc[frame["from_on"] == pd.Timestamp("2026-01-01"), "complaints"] = None
    figures = {str(figure["name"]): figure for figure in board({**tables(), "enforcement_ledger": frame})["figures"]}
    assert figures["Complaints about the police"]["since"] == pd.Timestamp("2026-02-01")
    assert figures["Arrests, a cost"]["since"] is None


def test_a_record_that_began_this_month_has_no_whole_month_and_is_drawn() -> None:
    young = {name: frame.assign(recorded_from=pd.Timestamp("2026-03-02")) for name, frame in tables().items()}
    found = board(young)
    assert found["months"] == [] and len(found["figures"]) == len(FIGURES)
    assert {figure["latest"] for figure in found["figures"]} == {None}
    assert chart([]) == ""
