"""The five unintended consequences as a table, from the run's snapshot."""

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd

from flows.home.settings import Settings
from flows.inputs.assembly import local_zone_clock, query
from models.operations.history import without_hidden_actions
from models.outcomes.consequences import BEFORE_WEEKS, LOOKS, Evidence, measure_consequences
from models.places.displacement import LATEST_DAYS
from pipeline.reference_table import Column, TableFile

SUBSTANCES = {
    "substance": Column("a word of the sources for a substance, in lower case"),
    "name": Column("what it is counted as"),
    "is_synthetic_opioid": Column("true or false", "truth"),
}


def consequences(
    connection: duckdb.DuckDBPyConnection,
    operations: pd.DataFrame,
    displacement: pd.DataFrame,
    overdose_watch: pd.DataFrame,
    as_of: datetime,
    settings: Settings,
) -> pd.DataFrame:
    """Return consequence less run columns; call `place_incidents` first.

    Operations that column is_hidden marks are named nowhere, and what was done in their areas meanwhile counts nowhere.
    """
    # An operation that began a year ago is compared with the two years before its announcement, at most a block before.
    since = as_of - timedelta(days=LATEST_DAYS + 7 * (BEFORE_WEEKS + LOOKS[-1]))
    shown = operations[~operations["is_hidden"]]
    substances = read_substances(settings.force.substances)
    evidence = Evidence(
        incidents=query(connection, "consequence#incident", since=since, with_violence=not shown.empty),
        actions=without_hidden_actions(query(connection, "consequence#action", since=since), operations),
        sellers=query(connection, "consequence#seller", since=since),
        names=dict(zip(substances["substance"], substances["name"], strict=True)),
        synthetic_opioids=frozenset(substances.loc[substances["is_synthetic_opioid"], "name"]),
    )
    return measure_consequences(
        evidence,
        shown,
        displacement,
        overdose_watch,
        as_of=local_zone_clock(as_of, settings),
        cell_size_m=settings.places.cell_size_m,
        seed=settings.seed,
    )


def read_substances(path: Path) -> pd.DataFrame:
    """Return substance, name, is_synthetic_opioid; raise SettingsError with row and column of a wrong cell."""
    return TableFile(path, "substances").read(SUBSTANCES, key=("substance",))
