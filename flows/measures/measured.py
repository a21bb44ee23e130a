"""The tables of a run that measure what was done and what came of it. Nothing else in the run reads them."""

import duckdb
import pandas as pd

from flows.home.home import Home
from flows.home.run_identity import RunIdentity
from flows.inputs.assembly import Map
from flows.measures.operation_effects import operation_effects
from geo.same_place import Boxes


def measure_outcomes(
    home: Home,
    identity: RunIdentity,
    connection: duckdb.DuckDBPyConnection,
    geography: Map,
    operations: pd.DataFrame,
    codebook: pd.DataFrame,
    hidden: Boxes | None = None,
) -> dict[str, pd.DataFrame]:
    """Return the measuring tables less run columns, by name; call `place_incidents` on the connection first.

    `operations` are those of `plan_frames`; what column is_hidden marks is named in no table, nor is `hidden` ground.
    """
    del home, codebook
    as_of, settings = identity.as_of, identity.settings
    return {**operation_effects(connection, operations, geography, as_of, settings, hidden)}
