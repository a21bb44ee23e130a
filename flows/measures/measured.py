"""The tables of a run that measure what was done and what came of it. Nothing else in the run reads them."""

import duckdb
import pandas as pd

from flows.home.home import Home
from flows.home.run_identity import RunIdentity
from flows.inputs.assembly import Map
from flows.measures.consequences import consequences
from flows.measures.harm_matrix import harm_matrix


def measure_outcomes(
    home: Home,
    identity: RunIdentity,
    connection: duckdb.DuckDBPyConnection,
    geography: Map,
    operations: pd.DataFrame,
    codebook: pd.DataFrame,
    displacement: pd.DataFrame,
    overdose_watch: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """Return the measuring tables less run columns, by name; call `place_incidents` on the connection first.

    `operations` are those of `plan_frames`; what column is_hidden marks is named in no table.
    """
    as_of, settings = identity.as_of, identity.settings
    return {
        "harm_matrix": harm_matrix(home, identity, connection, geography, codebook, pd.DataFrame({"scope": []})),
        "consequence": consequences(connection, operations, displacement, overdose_watch, as_of, settings),
    }
