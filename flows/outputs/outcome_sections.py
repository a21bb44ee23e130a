"""The tables of outcomes as the page draws them: costs beside harm averted, the policy, months, consequences."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.pages.base import page_row, page_rows
from pipeline.publication.tables import read_tables
from pipeline.wording.catalogue import Catalogue, message

COSTS = (  # of the enforcement ledger, as the page shows them
    "operation_hours", "arrests", "possession_arrests", "custody_days", "prison_days", "court_cases", "treatment_lost",
    "complaints", "injured_public", "injured_officers", "deaths",
)  # fmt: skip
OF_OPERATION = ("operation_hours", "arrests", "custody_days", "complaints", "injuries", "deaths")
MONTHLY = (
    "harm", "public_calls", "promises_kept", "diversions_offered", "diversions_accepted", "started_in_72h",
    "retained_12_weeks", "median_consequence_h", "arrests",
)  # fmt: skip
MEANS = {"median_consequence_h"}  # of months; the rest are sums
CONSEQUENCES = {
    "black_market": message("Black market: is the trade left more violent, dearer or dirtier?"),
    "policy": message("Policy displacement: does enforcement crowd out health?"),
    "geographical": message("Geographical displacement: did it move next door?"),
    "substance": message("Substance displacement: did people turn to other drugs?"),
    "marginalisation": message("Marginalisation: are people driven away from help?"),
}


def costs(ledger: pd.DataFrame, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return each cost of the force in the last twelve months: label, total (None: not recorded), why, and months."""
    months = ledger[ledger["scope"] == "force"]
    return [
        {
            "label": label("enforcement_ledger", name, catalogue),
            "total": page_row({"total": months[name].sum(min_count=1)})["total"],
            "months": int(months[name].notna().sum()),
            "why": (why_missing(months["not_recorded"].iloc[-1], name) if len(months) else None) or "",
        }
        for name in COSTS
    ]


def label(table: str, column: str, catalogue: Catalogue) -> str:
    """Return the label of a column of a published table."""
    return catalogue.text(read_tables().find(table).column(column).title)


def why_missing(reasons: Sequence[str] | None, name: str) -> str | None:
    """Return why a figure is missing, of the texts `names: reason` of a row."""
    for text in reasons if reasons is not None else ():
        names, _, reason = text.partition(": ")
        if name in names.split(", "):
            return reason
    return None


def operations(ledger: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the operations of the ledger, the latest first, each with why its figures are missing."""
    found = ledger[ledger["scope"] == "operation"].sort_values(["from_on", "scope_id"], ascending=[False, True])
    return [
        {
            **row,
            "verdict": _verdict(row["harm_averted_lo"], row["harm_averted_hi"]),
            "why": {name: why_missing(row["not_recorded"], name) for name in (*OF_OPERATION, "harm_averted")},
        }
        for row in page_rows(found)
    ]


def _verdict(lo: float | None, hi: float | None) -> str | None:
    """Return good or bad where the interval of harm averted lies on one side of zero, else None."""
    if lo is None or hi is None or lo <= 0 <= hi:
        return None
    return "good" if lo > 0 else "bad"


def policy(table: pd.DataFrame) -> dict[str, Any]:
    """Return the arrests against the policy: of the force, then its shifts, then the areas with any."""
    rows = page_rows(table)
    whole = next((row for row in rows if row["scope"] == "force" and row["shift"] == "all"), None)
    return {
        "whole": whole,
        "why": whole and why_missing(whole["not_recorded"], "share_against_policy"),
        "shifts": [row for row in rows if row["scope"] == "force" and row["shift"] != "all"],
        "areas": sorted(
            (row for row in rows if row["scope"] == "area" and row["shift"] == "all" and row["stated_arrests"]),
            key=lambda row: (-(row["share_against_policy"] or 0), row["scope_id"]),
        ),
    }


def months(table: pd.DataFrame, catalogue: Catalogue) -> dict[str, Any]:
    """Return the scoreboard of the force by month: the months, and a line of values for each figure."""
    found = table[table["scope"] == "force"].sort_values("from_on")
    rows = page_rows(found)
    lines = []
    for name in MONTHLY:
        values = [row[name] for row in rows]
        top = max((value for value in values if value is not None), default=0)
        lines.append(
            {
                "label": label("scoreboard", name, catalogue),
                "values": values,
                "heights": [None if value is None or not top else round(100 * value / top) for value in values],
                "is_known": any(value is not None for value in values),
                "why": (why_missing(rows[-1]["not_recorded"], name) if rows else None) or "",
                "digits": 0 if name not in MEANS else 1,
            }
        )
    return {"months": rows, "lines": lines}


def consequences(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the five consequences: question, rows with an alarm, other measured rows, and those not measured."""
    found = []
    for name, question in CONSEQUENCES.items():
        rows = page_rows(table[table["consequence"] == name].sort_values(["indicator", "place"]))
        unmeasured = [row for row in rows if row["not_measured_because"]]
        measured = [row for row in rows if not row["not_measured_because"]]
        found.append(
            {
                "name": name,
                "question": question,
                "alarms": [row for row in measured if row["is_alarm"]],
                "quiet": [row for row in measured if not row["is_alarm"]],
                "unmeasured": unmeasured,
            }
        )
    return found


def names_of(ranking: pd.DataFrame) -> Mapping[str, str]:
    """Return the name of each area by its id."""
    return dict(zip(ranking["area_id"], ranking["area_name"], strict=True))
