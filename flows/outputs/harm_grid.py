"""The harm matrices as the page of outcomes draws them: a grid of cells with their words, and what moved."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from models.outcomes.harm_book import INCIDENCES, MATRICES, PRIORITIES, SEVERITIES, HarmBook
from pipeline.pages.base import page_rows
from pipeline.wording.catalogue import Catalogue, message

PLACE = ["matrix", "matrix_row", "matrix_column"]
TITLES = {
    "type_by_level": message("Kinds of harm, and whom they reach"),
    "source_by_bearer": message("Harm around drugs: where it comes from, and who bears it"),
}
INTROS = {
    "type_by_level": message(
        "Offences and overdoses (which are no offence) as the whole force had them reported, by the kind of harm that "
        "they do. A robbery hurts body and purse: it counts in two boxes. Possession of drugs and stops count in none: "
        "they say what police did."
    ),
    "source_by_bearer": message(
        "Drug use, drug supply and drug production do harm, and so does enforcement: arrests, complaints and injuries "
        "of the public are counted as harm here. Days in custody and officers who were hurt are told below, in their "
        "own units. Most violence is in no box, because its record does not say whether drugs had to do with it."
    ),
}
WORDS = {
    "physical": message("Physical"),
    "social": message("Social"),
    "environmental": message("Environmental"),
    "economic": message("Economic"),
    "structural": message("Structural"),
    "individual": message("Individuals"),
    "community": message("Community"),
    "country": message("Country"),
    "use": message("Use"),
    "supply": message("Supply"),
    "production": message("Production"),
    "enforcement": message("Enforcement"),
    "users": message("People who use drugs"),
    "neighbourhood": message("Neighbourhood"),
    "national": message("The nation"),
    "international": message("Other countries"),
}
PRIORITY = {
    "low": message("Low priority"),
    "medium": message("Medium priority"),
    "high": message("High priority"),
    "very_high": message("Very high priority"),
}
GRADES = {
    "marginal": message("marginal"),
    "moderate": message("moderate"),
    "serious": message("serious"),
    "grave": message("grave"),
    "catastrophic": message("catastrophic"),
    "rare": message("rare"),
    "seldom": message("seldom"),
    "occasional": message("occasional"),
    "persistent": message("persistent"),
    "continuous": message("continuous"),
}
EVENTS = {  # confidence of a grade from events
    "low": message("it rests on few cases"),
    "medium": message("it rests on some cases"),
    "high": message("it rests on many cases"),
}
OR_WORSE = {  # the least severe ones leave nothing out
    "moderate": message("moderate or worse"),
    "serious": message("serious or worse"),
    "grave": message("grave or worse"),
    "catastrophic": message("catastrophic"),
}
CONFIDENCE = {
    "low": message("low confidence"),
    "medium": message("medium confidence"),
    "high": message("high confidence"),
}
ANSWERED_BY = {
    "local": message("Local police"),
    "health": message("Health services"),
    "national": message("National agencies"),
}
FIGURES = {  # of the enforcement ledger
    "arrests": message("arrests"),
    "possession_arrests": message("arrests for possession or use of drugs"),
    "treatment_lost": message("arrests after which treatment was left"),
    "complaints": message("complaints"),
    "injured_public": message("members of the public injured"),
    "dead_public": message("members of the public killed"),
}


def matrices(
    table: pd.DataFrame, grades: pd.DataFrame, labels: Mapping[Any, str], now: datetime, catalogue: Catalogue
) -> list[dict[str, Any]]:
    """Return each matrix as title, intro, heads of columns, rows of cells and heads of the columns that are left out.

    A column is left out where agencies of the country answer for all of it and nothing of it is known.

    Parameters
    ----------
    table, grades : pandas.DataFrame
        harm_matrix and harm_grade.
    labels : mapping of str to str
        Label by offence code.
    now : datetime
        A grade that ends later is in force.
    catalogue : Catalogue
        The texts.
    """
    given = {tuple(row[name] for name in PLACE): row for row in page_rows(in_force(grades, now))}
    rows = {tuple(row[name] for name in PLACE): row for row in page_rows(table)}
    drawn = []
    for matrix, (names, columns) in MATRICES.items():
        cells = {
            (name, column): _cell(rows[matrix, name, column], given.get((matrix, name, column)), labels, catalogue)
            for name in names
            for column in columns
        }
        empty = [column for column in columns if all(_is_of_others(cells[name, column]) for name in names)]
        shown = [column for column in columns if column not in empty]
        heads = {column: catalogue.text(WORDS[column]) for column in columns}
        lines = [
            {"head": catalogue.text(WORDS[name]), "cells": [cells[name, column] for column in shown]} for name in names
        ]
        drawn.append(
            {
                "title": TITLES[matrix],
                "intro": INTROS[matrix],
                "columns": [heads[column] for column in shown],
                "rows": lines,
                "left_out": [heads[column] for column in empty],
            }
        )
    return drawn


def _is_of_others(cell: Mapping[str, Any]) -> bool:
    """Return whether agencies of the country answer for a cell of which nothing is known."""
    return cell["answered_by"] == "national" and not cell["is_measured"] and cell["given"] is None


def scales(book: HarmBook) -> dict[str, list[tuple[str, float]]]:
    """Return each severity with its least harm points, and each incidence with its least events a week, in words."""
    return {
        "severities": [(GRADES[name], getattr(book.severity, name)) for name in SEVERITIES],
        "incidences": [(GRADES[name], getattr(book.incidence.in_the_force, name)) for name in INCIDENCES],
    }


def _cell(
    row: dict[str, Any], given: dict[str, Any] | None, labels: Mapping[Any, str], catalogue: Catalogue
) -> dict[str, Any]:
    """Return a cell as the page shows it: what events say, and beside it what a named person said."""
    is_measured = row["state"] != "not_measured"
    shown = row if is_measured else given
    return {
        "is_measured": is_measured,
        "tone": shown["priority"] if shown else "none",
        "own": {**_grade(row, catalogue), "confidence": catalogue.text(EVENTS[row["confidence"]])}
        if is_measured
        else None,
        "count": row["event_count"],
        "every": sum(row["item_counts"]),
        "days": row["counted_days"],
        "or_worse": catalogue.text(OR_WORSE[row["severity"]]) if row["severity"] in OR_WORSE else "",
        "items": _items(row, labels, catalogue),
        "why": row["why_not_measured"],
        "given": None if given is None else {**given, **_grade(given, catalogue)},
        "answered_by": row["answered_by"],
        "answered_words": catalogue.text(ANSWERED_BY[row["answered_by"]]),
    }


def _items(row: Mapping[str, Any], labels: Mapping[Any, str], catalogue: Catalogue) -> list[tuple[str, int, bool]]:
    """Return what counted in a cell: words, how often, and whether it is as severe as the cell or more; those first."""
    least = SEVERITIES.index(row["severity"]) if row["severity"] else 0
    found = [
        (item_words(name, labels, catalogue), count, SEVERITIES.index(severity) >= least)
        for name, count, severity in zip(row["items"], row["item_counts"], row["item_severities"], strict=True)
    ]
    return sorted(found, key=lambda each: (not each[2], -each[1]))


def _grade(row: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    return {
        "level": PRIORITIES.index(row["priority"]) + 1,
        "priority": catalogue.text(PRIORITY[row["priority"]]),
        "severity": catalogue.text(GRADES[row["severity"]]),
        "incidence": catalogue.text(GRADES[row["incidence"]]),
        "confidence": catalogue.text(CONFIDENCE[row["confidence"]]),
    }


def item_words(name: str, labels: Mapping[Any, str], catalogue: Catalogue) -> str:
    """Return what an offence, or a figure of the ledger, is called."""
    return catalogue.text(FIGURES[name]) if name in FIGURES else catalogue.text(str(labels.get(name, name)))


def place_words(row: Mapping[str, Any], catalogue: Catalogue) -> str:
    """Return what a cell is called."""
    head, column = (catalogue.text(WORDS[row[name]]) for name in PLACE[1:])
    return f"{head} ({column[0].lower()}{column[1:]})"


def moves(
    table: pd.DataFrame, grades: pd.DataFrame, since: datetime | None, labels: Mapping[Any, str], catalogue: Catalogue
) -> list[dict[str, Any]]:
    """Return the cells that moved since the run before, by events or by a person's grade: place, before, after, by."""
    found: list[dict[str, Any]] = [
        {
            "place": place_words(row, catalogue),
            "before": _pair(row, "_before", catalogue),
            "after": _pair(row, "", catalogue),
            "by": [
                (item_words(name, labels, catalogue), change)
                for name, change in zip(row["moved_items"], row["moved_counts"], strict=True)
            ],
            "grade": None,
        }
        for row in page_rows(table[table["has_moved"].astype(bool)].sort_values("position"))
    ]
    fresh = grades.iloc[:0] if since is None else grades[grades["graded_at"] > since]
    found += [
        {
            "place": place_words(row, catalogue),
            "before": _pair(row, "_before", catalogue),
            "after": _pair(row, "", catalogue),
            "by": [],
            "grade": row,
        }
        for row in page_rows(fresh.sort_values("graded_at"))
    ]
    return found


def _pair(row: Mapping[str, Any], end: str, catalogue: Catalogue) -> str | None:
    severity, incidence = row[f"severity{end}"], row[f"incidence{end}"]
    if severity is None:
        return None
    return f"{catalogue.text(GRADES[severity])}, {catalogue.text(GRADES[incidence])}"


def in_short(table: pd.DataFrame, grades: pd.DataFrame, now: datetime, catalogue: Catalogue) -> dict[str, Any]:
    """Return of the cells that the force answers for: how many, those of the highest priority, those not measured."""
    own = table[table["answered_by"] == "local"].sort_values("position")
    is_measured = own["state"] != "not_measured"
    ranks = own.loc[is_measured, "priority"].map(PRIORITIES.index)
    given = {tuple(row[name] for name in PLACE) for row in page_rows(in_force(grades, now))}
    unknown = [row for row in page_rows(own[~is_measured]) if tuple(row[name] for name in PLACE) not in given]
    return {
        "every": len(own),
        "highest": [place_words(row, catalogue) for row in page_rows(own.loc[ranks.index[ranks == ranks.max()]])],
        "unknown": [place_words(row, catalogue) for row in unknown],
    }


def in_force(grades: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """Return the grades by people that are in force."""
    return grades[(grades["ends_at"] > now) & ~grades["state"].isin(["renewed", "withdrawn"])]
