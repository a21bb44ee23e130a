"""What was last announced of each place, kept in the store beside the events that caused it."""

from datetime import datetime

import duckdb
import pandas as pd
import pyarrow as pa

from pipeline.database import frame, query

COLUMNS = pa.schema({"place_kind": pa.string(), "place_id": pa.string(), "standing": pa.string()})


def last_batch(connection: duckdb.DuckDBPyConnection, known_at: datetime | None = None) -> int:
    """Return the number of the last batch that had come in by `known_at` (None: of all)."""
    [(number,)] = connection.execute(query("live/last_batch"), {"known_at": known_at}).fetchall()
    return int(number)


def changed_incidents(connection: duckdb.DuckDBPyConnection, seen: int) -> pd.DataFrame:
    """Return the latest version of every incident that a batch after `seen` touched."""
    return frame(connection, query("live/changed_incident"), {"seen": seen})


def read_announced_state(connection: duckdb.DuckDBPyConnection, run_id: str) -> pd.Series:
    """Return what was last announced since the run, on (place_kind, place_id); empty where nothing was."""
    rows = frame(connection, query("live/announced_state"), {"run_id": run_id})
    return rows.set_index(["place_kind", "place_id"])["standing"]


def keep_announced_state(connection: duckdb.DuckDBPyConnection, run_id: str, standing: pd.Series) -> None:
    """Keep what is now announced; call it within the transaction that keeps the announcements."""
    if standing.empty:
        return
    rows = pa.Table.from_pandas(standing.rename("standing").reset_index(), schema=COLUMNS, preserve_index=False)
    connection.register("standing_arrived", rows)
    connection.execute(query("live/keep_announced_state"), {"run_id": run_id})
    connection.unregister("standing_arrived")
