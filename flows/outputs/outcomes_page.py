"""HTML page of what policing brought and what it cost in a kept run, for people who look rather than read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from flows.home.home import Home
from flows.outputs.harm_grid import matrices, moves
from flows.outputs.kept_run import kept_run
from flows.outputs.outcome_sections import sections
from pipeline.events.codebook import read_codebook
from pipeline.pages.base import page_environment
from pipeline.privacy.pii_guard import refuse_people_in_text
from pipeline.publication.publish import read_places
from pipeline.publication.tables import read_tables
from pipeline.wording.catalogue import Catalogue

TABLES = (
    "harm_matrix", "harm_grade", "enforcement_ledger", "arrest_policy", "scoreboard", "consequence", "operation_effect",
    "operation_register", "area_ranking",
)  # fmt: skip


def write_outcomes_page(home: Home, run_id: str | None, path: Path) -> None:
    """Write the outcomes of run `run_id` (default: the latest); a table that it lacks is left out of the page."""
    run = kept_run(home, run_id)
    tables = read_places(home.path, [name for name in TABLES if name in read_tables().published], run["run_id"])
    codebook = read_codebook(home.settings.ingest.codebook, run["as_of"].date(), codebook_axes())
    path.write_text(render_outcomes(run, tables, codebook["label"], home.catalogue), encoding="utf-8")


def render_outcomes(
    run: pd.Series, tables: Mapping[str, pd.DataFrame], labels: Mapping[Any, str], catalogue: Catalogue | None = None
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
    catalogue : Catalogue or None
        The texts in the force's language; by default English.

    Raises
    ------
    PublicationError
        When the page would contain a pseudonym.
    """
    catalogue, zone = catalogue or Catalogue(), ZoneInfo(run["time_zone"])
    day = run["as_of"].tz_convert(zone).date()
