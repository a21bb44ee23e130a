"""Last announced state of each place, stored beside the events that caused it."""

from datetime import datetime

import duckdb
import pyarrow as pa

from pipeline.database import frame, query
from pipeline.store.human_events import HumanEvent, events_of

State = dict[tuple[str, str], str]  # by (place_kind, place_id)
COLUMNS = pa.schema({"place_kind": pa.string(), "place_id": pa.string(), "standing": pa.string()})


def last_batch(connection: duckdb.DuckDBPyConnection, known_at: datetime | None = None) -> int:
    """Return the number of the last batch ingested by `known_at` (None: of all batches)."""
    [(number,)] = connection.execute(query("live/last_batch"), {"known_at": known_at}).fetchall()
    return int(number)


def known_versions(connection: duckdb.DuckDBPyConnection, seen: int) -> pa.Table:
    """Return id_hash, version and content of every incident version that batches up to `seen` brought."""
    return connection.execute(query("live/known_version"), {"seen": seen}).to_arrow_table()


def changed_incidents(connection: duckdb.DuckDBPyConnection, seen: int) -> pa.Table:
    """Return the latest version of every incident that batches after `seen` brought, by id_hash."""
    return connection.execute(query("live/changed_incident"), {"seen": seen}).to_arrow_table()


def market_events(connection: duckdb.DuckDBPyConnection) -> tuple[HumanEvent, ...]:
    """Return the decisions on markets in order of recording."""
    return events_of(frame(connection, query("store/human_events#of_markets")))


def read_announced_state(connection: duckdb.DuckDBPyConnection, run_id: str) -> State:
    """Return the state last announced since the run."""
    rows = connection.execute(query("live/announced_state"), {"run_id": run_id}).fetchall()
    return {(place_kind, place_id): state for place_kind, place_id, state in rows}


def keep_announced_state(connection: duckdb.DuckDBPyConnection, run_id: str, state: State) -> None:
    """Store the announced state; call this within the transaction that stores the announcements."""
    if not state:
        return
    rows = [(*place, of_place) for place, of_place in state.items()]
    connection.register("announced_state", pa.table(list(zip(*rows, strict=True)), schema=COLUMNS))
    connection.execute(query("live/keep_announced_state"), {"run_id": run_id})
    connection.unregister("announced_state")
