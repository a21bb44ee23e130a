"""Grades of harm by named people: with date and reason, renewed, withdrawn, over after a year; never by a machine."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.decisions.audits import grade_cell, withdraw_grade
from flows.home.home import Home
from flows.human_log.harm_grades import harm_grade
from flows.human_log.ledger import read_ledger
from pipeline.errors import PublicationError
from tests.town import CLOCK

CELL = ("type_by_level", "structural", "community")
BY = "Supt. A. Lee"
SERIOUS = {"severity": "serious", "incidence": "persistent", "confidence": "low", "reason": "calls go unanswered"}


@pytest.fixture
def home(tmp_path: Path, new_home: Callable[..., Home]) -> Home:
    found = new_home(tmp_path / "home")
    found.ensure()
    return found


def grades(home: Home) -> list[dict[Any, Any]]:
    return harm_grade(read_ledger(home), home.now()).sort_values("graded_at").to_dict("records")


def at(home: Home, days: float) -> Home:
    return replace(home, clock=CLOCK + timedelta(days=days))


def test_a_grade_is_kept_with_name_date_reason_and_the_priority_looked_up(home: Home) -> None:
    priority, last_day = grade_cell(home, CELL, by=BY, **SERIOUS)
    [row] = grades(home)
    assert (priority, row["priority"], row["state"]) == ("high", "high", "in_force")
    assert (row["graded_by"], row["graded_at"], row["reason"]) == (BY, CLOCK, "calls go unanswered")
    assert (row["matrix_row"], row["matrix_column"], row["severity_before"]) == ("structural", "community", None)
    assert last_day == (CLOCK + timedelta(days=364)).date() and row["ends_at"] == CLOCK + timedelta(days=365)


def test_a_later_grade_takes_the_place_of_an_earlier_one_and_all_stay_on_record(home: Home) -> None:
    grade_cell(home, CELL, by=BY, **SERIOUS)
    grade_cell(at(home, 30), CELL, by="Insp. J. Reyes", **{**SERIOUS, "severity": "grave", "reason": "it grew worse"})
    withdraw_grade(at(home, 60), CELL, reason="a survey is under way", by=BY)
    first, second = grades(at(home, 61))
    assert (first["state"], first["ended_by"], first["ended_because"]) == ("renewed", "Insp. J. Reyes", "it grew worse")
    assert (second["state"], second["ended_by"], second["severity_before"]) == ("withdrawn", BY, "serious")
    assert second["ends_at"] == CLOCK + timedelta(days=60)


def test_a_grade_is_over_after_a_year(home: Home) -> None:
    grade_cell(home, CELL, by=BY, **SERIOUS)
    assert grades(at(home, 364.9))[0]["state"] == "in_force"
    assert grades(at(home, 365))[0]["state"] == "expired"
    with pytest.raises(PublicationError, match="no grade by a person is in force"):
        withdraw_grade(at(home, 365), CELL, reason="it is over now", by=BY)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"by": "harmspot"}, "a named person must do it, not harmspot"),
        ({"by": " "}, "actor is missing"),
        ({"reason": "bad bad"}, "reason too short: give at least two different words"),
    ],
)
def test_a_grade_by_nobody_by_a_machine_or_without_a_reason_is_refused(
    home: Home, change: dict[str, str], said: str
) -> None:
    with pytest.raises(PublicationError, match=rf"structural/community cannot be graded: {said}"):
        grade_cell(home, CELL, **{**SERIOUS, "by": BY, **change})
    grade_cell(home, CELL, by=BY, **SERIOUS)
    with pytest.raises(PublicationError, match="cannot be withdrawn"):
        withdraw_grade(at(home, 1), CELL, **{"reason": "a survey is under way", "by": BY, **change})
    with pytest.raises(PublicationError, match="graded at this very moment"):
        grade_cell(home, CELL, by=BY, **SERIOUS)
    assert [row["state"] for row in grades(home)] == ["in_force"]


def run(home: Home, *words: str) -> str:
    options = ["--home", str(home.path), "--config", str(home.config_file), "--clock", CLOCK.isoformat()]
    result = CliRunner().invoke(cli, [*options, "evaluate", "grade", *words, "--by", BY])
    return f"{result.output} {result.exception or ''}"


def test_the_command_grades_withdraws_and_names_the_nearest_cell(home: Home) -> None:
    grade_cell(at(home, -1), CELL, by=BY, **SERIOUS)  # makes the store
    cell = ("type_by_level", "structural", "community", "--reason", "calls go unanswered")
    said = run(home, *cell, "--severity", "serious", "--incidence", "persistent")
    assert "structural by community is graded serious and persistent, priority high, until 2026-12-31" in said
    assert "the grade of structural by community is withdrawn" in run(home, *cell, "--withdraw")
    assert "give --severity and --incidence, or --withdraw" in run(home, *cell)
    wrong = ("source_by_bearer", "supply", "neigbourhood", "--reason", "dealers sell by the school")
    said = run(home, *wrong, "--severity", "grave", "--incidence", "continuous")
    assert "matrix source_by_bearer has no 'neigbourhood'; did you mean 'neighbourhood'?" in said
    assert "did you mean 'serious'" in run(home, *cell, "--severity", "serius", "--incidence", "rare")
