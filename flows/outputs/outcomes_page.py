"""HTML page of what policing brought and what it cost in a kept run, for people who look rather than read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from flows.home.home import Home
from flows.inputs.assembly import read_run_codebook
from flows.outputs.harm_grid import in_short, matrices, moves
from flows.outputs.kept_run import kept_run
from pipeline.briefing.scoreboard import board
from pipeline.pages.base import page_environment, page_rows
from pipeline.privacy.pii_guard import refuse_people_in_text
from pipeline.publication.publish import read_places, runs
from pipeline.publication.tables import read_tables
from pipeline.wording.catalogue import Catalogue, message

METHODS = {
    "interrupted_time_series": message("its own trend, continued"),
    "difference_in_differences": message("beside places without an operation"),
    "synthetic_control": message("beside the places most like it"),
}
FINDINGS = {"fall": message("fewer"), "rise": message("more"), "undecided": message("chance may explain it")}
STATES = {
    "registered": message("registered"),
    "running": message("goes on"),
    "due": message("over, its evaluation is owed"),
    "evaluated": message("evaluated"),
}
BOARD = ("scoreboard", "enforcement_ledger")
TABLES = (
    "harm_matrix", "harm_grade", "enforcement_ledger", "enforcement_cost", "arrest_policy", "scoreboard", "consequence",
    "operation_effect", "operation_register", "area_ranking",
)  # fmt: skip
COSTS = (  # of the enforcement ledger, as the page shows them
    "operation_hours", "arrests", "possession_arrests", "custody_days", "prison_days", "court_cases", "treatment_lost",
    "complaints", "injured_public", "injured_officers", "deaths",
)  # fmt: skip
OF_OPERATION = ("operation_hours", "arrests", "custody_days", "complaints", "injuries", "deaths")
CONSEQUENCES = {
    "black_market": message("Black market: is the trade left more violent, dearer or dirtier?"),
    "policy": message("Policy displacement: does enforcement crowd out health?"),
    "geographical": message("Geographical displacement: did it move next door?"),
    "substance": message("Substance displacement: did people turn to other drugs?"),
    "marginalisation": message("Marginalisation: are people driven away from help?"),
}


def write_outcomes_page(home: Home, run_id: str | None, path: Path) -> None:
    """Write the outcomes of run `run_id` (default: the latest); a table without rows is left out of the page."""
    run = kept_run(home, run_id)
    tables = read_places(home.path, [name for name in TABLES if name in read_tables().published], run["run_id"])
    kept = runs(home.path).set_index("run_id")["as_of"]
    before = kept.get(run["predecessor_run_id"])
    labels = read_run_codebook(home.settings, run["as_of"].to_pydatetime())["label"]
    html = render_outcomes(run, tables, labels.to_dict(), before=before, now=home.now(), catalogue=home.catalogue)
    path.write_text(html, encoding="utf-8")


def render_outcomes(
    run: pd.Series,
    tables: Mapping[str, pd.DataFrame],
    labels: Mapping[Any, str],
    *,
    before: datetime | None,
    now: datetime,
    catalogue: Catalogue | None = None,
) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    run : pandas.Series
        A row of table run.
    tables : mapping of str to pandas.DataFrame
        Those of TABLES that there are, as published.
    labels : mapping of str to str
        Label by offence code.
    before : datetime or None
        Clock of the run before, since when grades by people are told as changes.
    now : datetime
        Grades by people that end later are in force.
    catalogue : Catalogue or None
        The texts in the force's language; by default English.

    Raises
    ------
    PublicationError
        When the page would contain a pseudonym.
    """
    catalogue, zone = catalogue or Catalogue(), ZoneInfo(run["time_zone"])
    day = run["as_of"].tz_convert(zone).date()
    table, grades = tables["harm_matrix"], tables["harm_grade"]
    drawn = _drawn(tables, catalogue)
    html = page_environment(zone, catalogue).get_template("outcomes.html.jinja").render(
        title=f"{run['force_name']}, {catalogue.formats.day(day)}",
        matrices=matrices(table, grades, labels, now, catalogue) if len(table) else [],
        moves=moves(table, grades, before, labels, catalogue),
        in_short=in_short(table, grades, now, catalogue),
        has_before=before is not None,
        methods=METHODS,
        findings=FINDINGS,
        states=STATES,
        area_names=_names_of(tables["area_ranking"]),
        **drawn,
    )  # fmt: skip
    refuse_people_in_text("the page of outcomes", html)
    return html


def _drawn(tables: Mapping[str, pd.DataFrame], catalogue: Catalogue) -> dict[str, Any]:
    """Return what each section shows; None where the run has no such rows."""

    def rows(name: str) -> pd.DataFrame | None:
        table = tables.get(name)
        return table if table is not None and len(table) else None

    ledger, policy, scores, found = map(rows, ("enforcement_ledger", "arrest_policy", "scoreboard", "consequence"))
    effects, register, money = map(rows, ("operation_effect", "operation_register", "enforcement_cost"))
    return {
        "costs": None if ledger is None else _costs(ledger, catalogue),
        "operations": None if ledger is None else _operations(ledger),
        "policy": None if policy is None else _policy(policy),
        "board": None if scores is None or ledger is None else board({name: tables[name] for name in BOARD}),
        "consequences": None if found is None else _consequences(found),
        "register": None if register is None else _register(register, effects),
        "money": None if money is None else page_rows(money[(money["scope"] == "force") & (money["span"] == "year")]),
    }


def _register(register: pd.DataFrame, effects: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Return the operations of the register, the latest first, each with what the methods measured of it."""
    own = (
        {} if effects is None else {key: page_rows(rows) for key, rows in effects.groupby(["market_id", "started_at"])}
    )
    found = page_rows(register.sort_values(["started_at", "area_id"], ascending=[False, True]))
    return [{**row, "effects": own.get((row["market_id"], row["started_at"]), [])} for row in found]


def _costs(ledger: pd.DataFrame, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return each cost of the force in the last twelve months: label, total (None: not known) and why it is none."""
    year = page_rows(ledger[(ledger["scope"] == "force") & (ledger["span"] == "year")])
    return [
        {
            "label": _label("enforcement_ledger", name, catalogue),
            "total": row[name],
            "why": _why_missing(row["not_recorded"], name) or "",
        }
        for row in year[:1]
        for name in COSTS
    ]


def _label(table: str, column: str, catalogue: Catalogue) -> str:
    """Return the label of a column of a published table."""
    return catalogue.text(read_tables().find(table).column(column).title)


def _why_missing(reasons: Sequence[str] | None, name: str) -> str | None:
    """Return why a figure is missing, of the texts `names: reason` of a row."""
    for text in reasons if reasons is not None else ():
        names, _, reason = text.partition(": ")
        if name in names.split(", "):
            return reason
    return None


def _operations(ledger: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the operations of the ledger, the latest first, each with why its figures are missing."""
    found = ledger[ledger["scope"] == "operation"].sort_values(["from_on", "scope_id"], ascending=[False, True])
    return [
        {
            **row,
            "verdict": _verdict(row["harm_averted_lo"], row["harm_averted_hi"]),
            "why": {name: _why_missing(row["not_recorded"], name) for name in (*OF_OPERATION, "harm_averted")},
        }
        for row in page_rows(found)
    ]


def _verdict(lo: float | None, hi: float | None) -> str | None:
    """Return good or bad where the interval of harm averted lies on one side of zero, else None."""
    if lo is None or hi is None or lo <= 0 <= hi:
        return None
    return "good" if lo > 0 else "bad"


def _policy(table: pd.DataFrame) -> dict[str, Any]:
    """Return the arrests against the policy: of the force, then its shifts, then the areas with any."""
    rows = page_rows(table)
    whole = next((row for row in rows if row["scope"] == "force" and row["shift"] == "all"), None)
    return {
        "whole": whole,
        "why": whole and _why_missing(whole["not_recorded"], "share_against_policy"),
        "shifts": [row for row in rows if row["scope"] == "force" and row["shift"] != "all"],
        "areas": sorted(
            (row for row in rows if row["scope"] == "area" and row["shift"] == "all" and row["share_against_policy"]),
            key=lambda row: (-row["share_against_policy"], row["scope_id"]),
        ),
    }


def _consequences(table: pd.DataFrame) -> list[dict[str, Any]]:
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


def _names_of(ranking: pd.DataFrame) -> Mapping[str, str]:
    """Return the name of each area by its id."""
    return dict(zip(ranking["area_id"], ranking["area_name"], strict=True))
