"""HTML page of what policing brought and what it cost in a kept run, for people who look rather than read."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from flows.home.home import Home
from flows.inputs.assembly import read_run_codebook
from flows.outputs import outcome_sections as sections
from flows.outputs.harm_grid import in_short, matrices, moves
from flows.outputs.kept_run import kept_run
from pipeline.pages.base import page_environment, page_rows
from pipeline.privacy.pii_guard import refuse_people_in_text
from pipeline.publication.publish import read_places, runs
from pipeline.publication.tables import read_tables
from pipeline.wording.catalogue import Catalogue

TABLES = (
    "harm_matrix", "harm_grade", "enforcement_ledger", "enforcement_cost", "arrest_policy", "scoreboard", "consequence",
    "operation_effect", "operation_register", "area_ranking",
)  # fmt: skip


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
        area_names=sections.names_of(tables["area_ranking"]),
        **drawn,
    )  # fmt: skip
    refuse_people_in_text("the page of outcomes", html)
    return html


def _drawn(tables: Mapping[str, pd.DataFrame], catalogue: Catalogue) -> dict[str, Any]:
    """Return what each section shows; None where the run has no such rows."""

    def rows(name: str) -> pd.DataFrame | None:
        table = tables.get(name)
        return table if table is not None and len(table) else None

    ledger, policy, board, found = map(rows, ("enforcement_ledger", "arrest_policy", "scoreboard", "consequence"))
    effects, register, money = map(rows, ("operation_effect", "operation_register", "enforcement_cost"))
    return {
        "costs": None if ledger is None else sections.costs(ledger, catalogue),
        "operations": None if ledger is None else sections.operations(ledger),
        "policy": None if policy is None else sections.policy(policy),
        "board": None if board is None else sections.months(board, catalogue),
        "consequences": None if found is None else sections.consequences(found),
        "effects": None if effects is None else page_rows(effects),
        "register": None if register is None else page_rows(register),
        "money": None if money is None else page_rows(money[money["scope"] == "force"]),
    }
