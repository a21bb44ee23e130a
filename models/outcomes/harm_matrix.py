"""Grades of the cells of the harm matrices, from events and from the enforcement ledger.

For each severity the events that are as severe or more are counted, and their number a week gives an incidence; the
cell shows the severity whose priority is highest, of equal ones the graver. So no petty event hides a grave one,
nothing is averaged, and one more event lowers no priority. A cell without events is not measured: it is no zero. What a
named person graded stands beside, in table harm_grade, and is never mixed with this.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from models.outcomes.harm_book import PRIORITIES, SEVERITIES, Cell, HarmBook

EVIDENCE = 3  # ids of events shown with a cell
GRADE = ("severity", "incidence", "priority")
GRADES = (*GRADE, *(f"{name}_before" for name in GRADE))
NO_EVENTS = "no event shows this harm; a named person may grade it"
NONE_REPORTED = "no event that counts here was reported in the window, which does not show that there is no harm"
NONE_IN_LEDGER = "the enforcement ledger holds nothing that counts here"
COLUMNS = (
    "position", "matrix", "matrix_row", "matrix_column", "answered_by", "state", *GRADE, "confidence", "event_count",
    "events_per_week", "per_100000_residents", "counted_days", "items", "item_counts", "item_severities",
    "evidence_ids",
    "why_not_measured", "has_moved", *(f"{name}_before" for name in GRADE), "moved_items", "moved_counts",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exposure:
    """The days in which events were counted, and the residents among whom; None where their number is unknown."""

    days: int
    residents: float | None = None

    def a_week(self, count: int) -> float:
        """Return a count as events a week in the force."""
        return 7 * count / self.days

    def a_week_per_100000(self, count: int) -> float | None:
        """Return a count as events a week per 100,000 residents."""
        return None if self.residents is None else self.a_week(count) * 100_000 / self.residents


@dataclass(frozen=True, slots=True)
class _Item:
    """An offence or a figure of the ledger with its events: how many, how severe, and ids of some, latest first."""

    name: str
    count: int
    severity: int  # place in SEVERITIES
    weight: float
    evidence_ids: Sequence[str] = ()


def grade_cells(
    offences: pd.DataFrame,
    ledger: pd.DataFrame,
    book: HarmBook,
    codebook: pd.DataFrame,
    exposure: Exposure,
    before: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return harm_matrix less run columns: one row per cell, in the order of the matrices.

    Parameters
    ----------
    offences : pandas.DataFrame
        offence_code, n (reported events in the window, at least one), evidence_ids (ids of some, latest first).
    ledger : pandas.DataFrame
        Table enforcement_ledger: its row of the force and the year counts; a figure that was not recorded there, or is
        withheld, is missing.
    book : HarmBook
        Which offence and figure counts to which cell, and the scales.
    codebook : pandas.DataFrame
        Index offence_code; harm_days.
    exposure : Exposure
        Days and residents.
    before : pandas.DataFrame or None
        harm_matrix of the run before.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`. items, item_counts and item_severities are the offences or figures that counted; event_count,
        events_per_week and evidence_ids are of the events that are as severe as the cell or more. moved_items and
        moved_counts are by how many events each of them changed, where the grade of the cell moved.
    """
    weights = codebook["harm_days"].to_dict()
    items = {
        code: _Item(code, count, SEVERITIES.index(book.severity_of(code, weights[code])), weights[code], ids)
        for code, count, ids in offences[["offence_code", "n", "evidence_ids"]].itertuples(index=False)
    }
    year = ledger[(ledger["scope"] == "force") & (ledger["span"] == "year")]
    figures = {str(name): float(figure) for name, figure in year.sum(numeric_only=True).items()}  # missing: zero
    of_year = _of_year(year, exposure)
    kept = {} if before is None else {_place(row): row for row in before.to_dict("records")}
    rows = []
    for position, (matrix, row, column, cell) in enumerate(book.cells(), start=1):
        counted = (
            _from_ledger(cell, figures) if cell.ledger else [items[code] for code in cell.offences if code in items]
        )
        place = {"position": position, "matrix": matrix, "matrix_row": row, "matrix_column": column}
        grade = (
            place
            | {"answered_by": cell.answered_by}
            | _graded(counted, cell, book, of_year if cell.ledger else exposure)
        )
        rows.append(grade | _move(grade, kept.get(_place(grade))))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(GRADES, object))


def _of_year(year: pd.DataFrame, exposure: Exposure) -> Exposure:
    """Return the days on record of the row of the ledger, if there is one, with the same residents."""
    on_record = year.dropna(subset="recorded_from") if len(year) else year
    if on_record.empty:
        return exposure
    [(begin, end)] = on_record[["recorded_from", "to_on"]].itertuples(index=False)
    return Exposure((pd.Timestamp(end) - pd.Timestamp(begin)).days + 1, exposure.residents)


def _place(row: Mapping[Any, Any]) -> tuple[str, str, str]:
    return row["matrix"], row["matrix_row"], row["matrix_column"]


def _from_ledger(cell: Cell, figures: Mapping[str, float]) -> list[_Item]:
    counts = {name: round(figures.get(name, 0)) for name in sorted(cell.ledger)}
    return [_Item(name, count, SEVERITIES.index(cell.ledger[name]), 0.0) for name, count in counts.items() if count > 0]


def _graded(items: Sequence[_Item], cell: Cell, book: HarmBook, exposure: Exposure) -> dict[str, Any]:
    """Return the grade of a cell, or that it is not measured and why."""
    if not items:
        why = NONE_IN_LEDGER if cell.ledger else NONE_REPORTED if cell.offences else NO_EVENTS
        unknown = dict.fromkeys((*GRADE, "confidence", "event_count", "events_per_week", "per_100000_residents"))
        empty: dict[str, Any] = {"items": [], "item_counts": [], "item_severities": [], "evidence_ids": []}
        return {"state": "not_measured", **unknown, **empty, "counted_days": exposure.days, "why_not_measured": why}
    least, incidence, priority = max(
        (_candidate(items, least, book, exposure) for least in sorted({item.severity for item in items})),
        key=lambda found: (PRIORITIES.index(found[2]), found[0]),
    )
    severe = sorted(
        (item for item in items if item.severity >= least), key=lambda item: (-item.severity, -item.weight, item.name)
    )
    count, named = sum(item.count for item in severe), sorted(items, key=lambda item: item.name)
    return {
        "state": "from_ledger" if cell.ledger else "from_events",
        **dict(zip(GRADE, (SEVERITIES[least], incidence, priority), strict=True)),
        "confidence": book.confidence_of(count),
        "event_count": count,
        "events_per_week": exposure.a_week(count),
        "per_100000_residents": exposure.a_week_per_100000(count),
        "counted_days": exposure.days,
        "items": [item.name for item in named],
        "item_counts": [item.count for item in named],
        "item_severities": [SEVERITIES[item.severity] for item in named],
        "evidence_ids": [each for item in severe for each in item.evidence_ids][:EVIDENCE],
        "why_not_measured": None,
    }


def _candidate(items: Sequence[_Item], least: int, book: HarmBook, exposure: Exposure) -> tuple[int, str, str]:
    """Return a severity, the incidence of events that are as severe or more, and their priority."""
    count = sum(item.count for item in items if item.severity >= least)
    per_residents = exposure.a_week_per_100000(count)
    rate = exposure.a_week(count) if per_residents is None else per_residents
    incidence = book.incidence_of(rate, is_per_residents=per_residents is not None)
    return least, incidence, book.priority.of(SEVERITIES[least], incidence)


def _move(row: Mapping[Any, Any], before: Mapping[Any, Any] | None) -> dict[str, Any]:
    then: dict[str, Any] = {
        f"{name}_before": before[name] if before is not None and isinstance(before[name], str) else None
        for name in GRADE
    }
    has_moved = before is not None and any(then[f"{name}_before"] != row[name] for name in GRADE)
    changes: dict[str, int] = {}
    if before is not None and has_moved:
        old, new = (dict(zip(each["items"], each["item_counts"], strict=True)) for each in (before, row))
        changes = {name: int(new.get(name, 0)) - int(old.get(name, 0)) for name in sorted({*old, *new})}
    changed = {name: change for name, change in changes.items() if change}
    return {**then, "has_moved": has_moved, "moved_items": [*changed], "moved_counts": [*changed.values()]}
