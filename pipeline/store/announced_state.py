"""Last announced state of each place, stored beside the events that caused it."""

from datetime import datetime

import duckdb
import pandas as pd
import pyarrow as pa

from pipeline.database import frame, query

COLUMNS = pa.schema({"place_kind": pa.string(), "place_id": pa.string(), "standing": pa.string()})


def last_batch(connection: duckdb.DuckDBPyConnection, known_at: datetime | None = None) -> int:
    """Return the number of the last batch ingested by `known_at` (None: of all batches)."""
    [(number,)] = connection.execute(query("live/last_batch"), {"known_at": known_at}).fetchall()
    return int(number)


def changed_incidents(connection: duckdb.DuckDBPyConnection, seen: int) -> pd.DataFrame:
    """Return the latest version of every incident that a batch after `seen` touched."""
    return frame(connection, query("live/changed_incident"), {"seen": seen})


def read_announced_state(connection: duckdb.DuckDBPyConnection, run_id: str) -> pd.Series:
    """Return the state last announced since the run, indexed by (place_kind, place_id); empty if there is none."""
    rows = frame(connection, query("live/announced_state"), {"run_id": run_id})
    return rows.set_index(["place_kind", "place_id"])["standing"]


def keep_announced_state(connection: duckdb.DuckDBPyConnection, run_id: str, state: pd.Series) -> None:
    """Store the announced state; call this within the transaction that stores the announcements."""
    if state.empty:
        return
    rows = pa.Table.from_pandas(state.rename("standing").reset_index(), schema=COLUMNS, preserve_index=False)
    connection.register("standing_arrived", rows)
    connection.execute(query("live/keep_announced_state"), {"run_id": run_id})
    connection.unregister("standing_arrived")
