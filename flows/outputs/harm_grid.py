"""The harm matrices as the page of outcomes draws them: a grid of cells with their words, and what moved."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from models.outcomes.harm_book import MATRICES, PRIORITIES
from pipeline.pages.base import page_rows
from pipeline.wording.catalogue import Catalogue, message

PLACE = ["matrix", "matrix_row", "matrix_column"]
TITLES = {
    "type_by_level": message("Kinds of harm, and whom they reach"),
    "source_by_bearer": message("Harm around drugs: where it comes from, and who bears it"),
}
INTROS = {
    "type_by_level": message(
        "Reported offences of the whole force, by the kind of harm that they do. A robbery hurts body and purse: it "
        "counts in two cells. Possession of drugs and stops count in none: they say what police did."
    ),
    "source_by_bearer": message(
        "Drug use, drug supply and drug production do harm, and so does enforcement: days in custody, complaints and "
        "injuries are counted as harm here, from the ledger below. Most violence is in no cell, because its record "
        "does not say whether drugs had to do with it."
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
    "custody_days": message("days in custody"),
    "prison_days": message("days in prison"),
    "treatment_lost": message("people lost to treatment"),
    "complaints": message("complaints"),
    "injured_public": message("members of the public injured"),
    "dead_public": message("members of the public killed"),
    "injured_officers": message("officers injured"),
    "dead_officers": message("officers killed"),
}


def matrices(
    table: pd.DataFrame, grades: pd.DataFrame, labels: Mapping[Any, str], now: datetime, catalogue: Catalogue
) -> list[dict[str, Any]]:
    """Return each matrix as title, intro, heads of columns and rows of cells.

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
        lines = [
            {
                "head": catalogue.text(WORDS[name]),
                "cells": [
                    _cell(rows[matrix, name, column], given.get((matrix, name, column)), labels, catalogue)
                    for column in columns
                ],
            }
            for name in names
        ]
        heads = [catalogue.text(WORDS[column]) for column in columns]
        drawn.append({"title": TITLES[matrix], "intro": INTROS[matrix], "columns": heads, "rows": lines})
    return drawn


def _cell(
    row: dict[str, Any], given: dict[str, Any] | None, labels: Mapping[Any, str], catalogue: Catalogue
) -> dict[str, Any]:
    """Return a cell as the page shows it: what events say, and beside it what a named person said."""
    is_measured = row["state"] != "not_measured"
    shown = row if is_measured else given
    return {
        "is_measured": is_measured,
        "tone": shown["priority"] if shown else "none",
        "own": _grade(row, catalogue) if is_measured else None,
        "count": row["event_count"],
        "days": row["counted_days"],
        "items": [
            (item_words(name, labels, catalogue), count)
            for name, count in sorted(zip(row["items"], row["item_counts"], strict=True), key=lambda each: -each[1])
        ],
        "evidence": row["evidence_ids"],
        "why": row["why_not_measured"],
        "given": None if given is None else {**given, **_grade(given, catalogue)},
        "answered_by": row["answered_by"],
        "answered_words": catalogue.text(ANSWERED_BY[row["answered_by"]]),
    }


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
