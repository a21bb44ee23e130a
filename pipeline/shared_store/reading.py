"""What was known at two clocks, read from the shared store: what the windows need is copied, and read as in the file.

The server is held while the rows are copied, at one moment of it, and no batch waits for that.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pandas as pd

from pipeline.database import Progress, connect, query
from pipeline.local_time import EARLIEST
from pipeline.privacy.keys import Key
from pipeline.privacy.short_ids import know_short_ids
from pipeline.shared_store.copies import Copies
from pipeline.shared_store.schema import prepare
from pipeline.shared_store.server import CLOCK, Database, Server
from pipeline.shared_store.store import VERSIONS
from pipeline.store.snapshot import (
    AT_MOST_BYTES,
    Look,
    Snapshot,
    check_clocks,
    known_until,
    take_snapshot,
    touched_of,
)

# Every version of each incident of which any lies in the window: one that left it supersedes one within.
_IN_WINDOW = (
    "WHERE ingested_at <= $1 AND incident_id IN "
    "(SELECT incident_id FROM store.incident_version WHERE ingested_at <= $1 AND occurred_at >= $2)"
)
_KNOWN = "WHERE ingested_at <= $1"


def shared_snapshot(
    database: Database,
    key: Key,
    *,
    as_of: datetime,
    known_at: datetime | None,
    since: datetime,
    wait_s: float,
    progress: Progress,
    look: Look | None = None,
) -> Snapshot:
    """Return a snapshot of the store in a database; parameters and errors are those of `open_snapshot`."""
    check_clocks(as_of=as_of, known_at=known_at, since=since)
    with _copied(database, key, wait_s, progress) as copies:
        known = known_at or known_until(copies.server.rows(query("store/batches#known_until")))
        is_whole = look is not None or since == EARLIEST
        copies.fill("incident_version", *((_KNOWN, known) if is_whole else (_IN_WINDOW, known, since)))
        for table in (*VERSIONS[1:], "ingest_batch"):
            copies.fill(table, _KNOWN, known)
        waiting = f"{_KNOWN} AND (resolved_at IS NULL OR resolved_at > $1)"
        copies.fill("dead_letter", waiting, known, blank=["payload"])
        for table in ("identity", "erased_id"):
            copies.fill(table)
        connection = copies.connection
    return take_snapshot(connection, as_of=as_of, known_at=known, since=since, look=look)


def shared_known_at(
    database: Database, key: Key, if_empty: datetime | None, *, wait_s: float, progress: Progress
) -> datetime:
    """Return the time of the last batch that changed the store, once none is on its way with an earlier one."""
    check_clocks(if_empty=if_empty)
    with Server(database, wait_s=wait_s, progress=progress) as server:
        prepare(server, key)
        with server.still():
            return known_until(server.rows(query("store/batches#known_until")), if_empty)


def shared_touched(
    database: Database, key: Key, run_clocks: pd.DataFrame, *, wait_s: float, progress: Progress
) -> pd.Series:
    """Return what `touched_runs` does, of the store in a database."""
    with _copied(database, key, wait_s, progress) as copies:
        since = run_clocks["known_at"].min()
        for table in VERSIONS:
            copies.make(table)
            if len(run_clocks):
                copies.fill(table, "WHERE ingested_at > $1", since.to_pydatetime())
    with copies.connection:
        return touched_of(copies.connection, run_clocks)


@contextmanager
def _copied(database: Database, key: Key, wait_s: float, progress: Progress) -> Iterator[Copies]:
    """Yield a copy to fill, of the database at one moment at which no batch was on its way; it outlives the block."""
    connection = connect(database.folder / "spill", at_most_bytes=AT_MOST_BYTES)
    try:
        know_short_ids(connection, key.ids)
        with Server(database, wait_s=wait_s, progress=progress) as server:
            copies = Copies(connection, server, prepare(server, key))
            copies.begin()
            server.run("SELECT pg_advisory_lock($1)", [CLOCK])
            with server.transaction("ISOLATION LEVEL REPEATABLE READ READ ONLY"):
                server.run("SELECT 1 FROM store.home")  # the moment that the transaction sees
                server.unlock(CLOCK)
                yield copies
    except BaseException:
        connection.close()
        raise
