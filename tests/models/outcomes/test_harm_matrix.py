"""The harm matrices: one event moves the cells that the table names, ordinals are looked up, unmeasured is no zero."""

from datetime import date
from itertools import product
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.home.settings import CONFIGS
from flows.inputs.harm_book import read_harm_book
from models.outcomes.harm_book import INCIDENCES, MATRICES, PRIORITIES, SEVERITIES
from models.outcomes.harm_matrix import GRADE, Exposure, grade_cells
from models.places.axes import codebook_axes
from pipeline.events.codebook import read_codebook

CODEBOOK = read_codebook(CONFIGS / "codebooks" / "harm.csv", date(2026, 1, 1), codebook_axes())
BOOK = read_harm_book(CONFIGS / "codebooks" / "harm_matrix.yaml", CODEBOOK)
PLACE = ["matrix", "matrix_row", "matrix_column"]
Place = tuple[str, str, str]
YEAR = Exposure(364)
NO_LEDGER = pd.DataFrame({"scope": [], "span": []})


def graded(counts: dict[str, int], ledger: pd.DataFrame = NO_LEDGER, **more: Any) -> pd.DataFrame:
    offences = pd.DataFrame(
        {"offence_code": [*counts], "n": [*counts.values()], "evidence_ids": [[f"{code}-1"] for code in counts]}
    )
    exposure = more.pop("exposure", YEAR)
    return grade_cells(offences, ledger, BOOK, CODEBOOK, exposure, **more).set_index(PLACE)


def cells(counts: dict[str, int]) -> dict[Place, dict[str, Any]]:
    """The rows of the table by place."""
    table = graded(counts)
    return dict(zip(table.index, table.astype(object).where(table.notna(), None).to_dict("records"), strict=True))


def named(code: str) -> set[Place]:
    """The cells that the file names for an offence."""
    return {(matrix, row, column) for matrix, row, column, cell in BOOK.cells() if code in cell.offences}


def differing(one: dict[Place, Any], other: dict[Place, Any]) -> set[Place]:
    return {place for place in one if one[place] != other[place]}


EVERY = dict.fromkeys(CODEBOOK.index, 5)
NOBODY, EVERYBODY = cells({}), cells(EVERY)
COUNTS = st.dictionaries(st.sampled_from(list(CODEBOOK.index)), st.integers(1, 3000), max_size=8)


@pytest.mark.parametrize("code", CODEBOOK.index)
def test_one_event_moves_exactly_the_cells_that_its_table_names(code: str) -> None:
    assert differing(NOBODY, cells({code: 1})) == named(code)
    assert differing(EVERYBODY, cells({**EVERY, code: EVERY[code] + 1})) == named(code)


@settings(max_examples=40)
@given(COUNTS, st.sampled_from(list(CODEBOOK.index)))
def test_one_more_event_lowers_no_priority_and_moves_no_other_cell(counts: dict[str, int], code: str) -> None:
    before, after = cells(counts), cells({**counts, code: counts.get(code, 0) + 1})
    assert differing(before, after) <= named(code)
    for place in named(code):
        if before[place]["state"] != "not_measured":
            then, now = (PRIORITIES.index(found[place]["priority"]) for found in (before, after))
            assert now >= then


@settings(max_examples=40)
@given(COUNTS)
def test_the_number_of_a_cell_is_that_of_its_items_as_severe_or_more(counts: dict[str, int]) -> None:
    measured = graded(counts).dropna(subset="event_count")
    for _, row in measured.iterrows():
        least = SEVERITIES.index(row["severity"])
        counted = zip(row["item_counts"], row["item_severities"], strict=True)
        assert row["event_count"] == sum(n for n, severity in counted if SEVERITIES.index(severity) >= least)


@settings(max_examples=40)
@given(COUNTS)
def test_grades_are_looked_up_and_what_nobody_reported_is_no_zero(counts: dict[str, int]) -> None:
    for _, row in graded(counts).iterrows():
        if row["state"] == "not_measured":
            assert (
                row[[*GRADE, "confidence", "event_count", "events_per_week"]].isna().all() and row["why_not_measured"]
            )
        else:
            assert row["priority"] == BOOK.priority.of(row["severity"], row["incidence"]) and row["event_count"] > 0


def test_a_homicide_among_a_thousand_lesser_events_is_neither_hidden_nor_averaged() -> None:
    cell = graded({"homicide": 40, "violence_without_injury": 2000}).loc["type_by_level", "physical", "individual"]
    assert cell[[*GRADE, "event_count"]].tolist() == ["catastrophic", "occasional", "high", 40]
    assert cell["confidence"] == "medium" and cell["evidence_ids"] == ["homicide-1"]
    assert cell["item_counts"] == [40, 2000] and cell["item_severities"] == ["catastrophic", "moderate"]
    petty = graded({"homicide": 1, "violence_without_injury": 3000}).loc["type_by_level", "physical", "individual"]
    assert petty[[*GRADE, "event_count"]].tolist() == ["moderate", "continuous", "high", 3001]


def test_incidence_goes_by_residents_where_they_are_known() -> None:
    place = ("type_by_level", "economic", "community")
    of_force, of_city = graded({"shoplifting": 104}), graded({"shoplifting": 104}, exposure=Exposure(364, 1e6))
    assert of_force.loc[place, ["incidence", "events_per_week"]].tolist() == ["persistent", 2.0]
    assert of_city.loc[place, ["incidence", "per_100000_residents"]].tolist() == ["seldom", 0.2]
    assert pd.isna(of_force.loc[place, "per_100000_residents"])


def test_a_weightless_overdose_has_the_severity_that_the_file_states() -> None:
    row = graded({"overdose": 30}).loc["source_by_bearer", "use", "users"]
    assert row[["severity", "answered_by", "state"]].tolist() == ["serious", "health", "from_events"]


def test_the_row_of_enforcement_fills_itself_from_the_ledger() -> None:
    nan = float("nan")
    ledger = pd.DataFrame(
        {
            "scope": ["force", "force", "area"],
            "span": ["year", "month", "year"],
            "from_on": pd.to_datetime(["2025-01-01", "2025-02-01", "2025-01-01"]),
            "to_on": pd.to_datetime(["2025-02-28", "2025-02-28", "2025-02-28"]),
            "recorded_from": pd.to_datetime(["2025-02-01", "2025-02-01", "2025-02-01"]),
            "custody_days": [400.0, 250.0, 250.0],
            "arrests": [60, 40, 50],
            "possession_arrests": [28, 28, 28],
            "complaints": [8.0, 8.0, 5.0],
            "injured_officers": [5, 5, 5],
            "dead_public": [nan, nan, nan],
            "injured_public": [0.0, 0.0, 0.0],
        }
    )
    table = graded({}, ledger)
    held = table.loc["source_by_bearer", "enforcement", "users"]
    # 28 arrests in the 28 days on record are one a day: continuous; in the 59 days of the period they would not be.
    assert held[["severity", "incidence", "event_count", "counted_days"]].tolist() == ["moderate", "continuous", 28, 28]
    near = table.loc["source_by_bearer", "enforcement", "neighbourhood"]
    assert (near["items"], near["item_counts"], near["state"]) == (["arrests", "complaints"], [60, 8], "from_ledger")
    assert near["item_severities"] == ["moderate", "moderate"]
    assert set(table.loc[table["state"] != "not_measured"].index) == {
        ("source_by_bearer", "enforcement", "users"),
        ("source_by_bearer", "enforcement", "neighbourhood"),
        ("type_by_level", "structural", "community"),
    }


def test_a_change_between_runs_names_what_moved_the_cell() -> None:
    before = graded({"shoplifting": 40, "robbery": 9, "arson": 60}).reset_index()
    after = graded({"shoplifting": 400, "robbery": 9, "arson": 59}, before=before)
    moved = after[after["has_moved"]]
    assert list(moved.index) == [("type_by_level", "economic", "community")]
    row = moved.iloc[0]
    assert (row["incidence_before"], row["incidence"]) == ("occasional", "continuous")
    assert (row["moved_items"], row["moved_counts"]) == (["shoplifting"], [360])
    gone = graded({}, before=before).loc["type_by_level", "economic", "community"]
    assert gone["has_moved"] and gone["moved_counts"] == [-40] and gone["severity"] is None
    assert not graded({"robbery": 9})["has_moved"].any()  # a first run compares with nothing


def test_the_cells_are_those_of_both_matrices_and_each_says_who_answers_for_it() -> None:
    table = graded({})
    every = [(name, *cell) for name, sides in MATRICES.items() for cell in product(*sides)]
    assert list(table.index) == every and len(every) == 31
    assert set(table["answered_by"]) == {"local", "health", "national"}
    assert {len(SEVERITIES), len(INCIDENCES)} == {5}
