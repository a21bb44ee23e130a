"""Last announced state of each place, stored beside the events that caused it; and what batches brought."""

from datetime import datetime

import duckdb
import pyarrow as pa

from pipeline.database import frame, query
from pipeline.loading.rows import Rows
from pipeline.store.human_events import HumanEvent, events_of

State = dict[tuple[str, str], str]  # by (place_kind, place_id)
COLUMNS = pa.schema({"place_kind": pa.string(), "place_id": pa.string(), "standing": pa.string()})


class Announced(Rows):
    """The part of the store from which live figures follow; `pipeline.store.interface` describes it."""

    def last_batch(self) -> int:
        """Return the number of the last batch."""
        return last_batch(self._connection)

    def changed_incidents(self, seen: int) -> pa.Table:
        """Return the latest version of every incident that batches after `seen` brought, by id_hash."""
        return self._connection.execute(query("live/changed_incident"), {"seen": seen}).to_arrow_table()

    def market_events(self) -> tuple[HumanEvent, ...]:
        """Return the decisions on markets in order of recording."""
        return events_of(frame(self._connection, query("store/human_events#of_markets")))

    def announced_state(self, run_id: str) -> State:
        """Return the state last announced since the run."""
        rows = self._rows("live/announced_state", {"run_id": run_id})
        return {(place_kind, place_id): state for place_kind, place_id, state in rows}

    def keep_announced_state(self, run_id: str, state: State) -> None:
        """Store the announced state; call this within the transaction that stores the announcements."""
        if state:
            rows = [(*place, of_place) for place, of_place in state.items()]
            table = pa.table(list(zip(*rows, strict=True)), schema=COLUMNS)
            self._execute_on("announced_state", table, query("live/keep_announced_state"), {"run_id": run_id})


def last_batch(connection: duckdb.DuckDBPyConnection, known_at: datetime | None = None) -> int:
    """Return the number of the last batch ingested by `known_at` (None: of all batches)."""
    [(number,)] = connection.execute(query("live/last_batch"), {"known_at": known_at}).fetchall()
    return int(number)


def known_versions(connection: duckdb.DuckDBPyConnection, seen: int) -> pa.Table:
    """Return id_hash, version and content of every incident version that batches up to `seen` brought."""
    return connection.execute(query("live/known_version"), {"seen": seen}).to_arrow_table()
