"""What was known: the events that had happened at one clock, as the store knew them at the other."""

from datetime import datetime
from pathlib import Path
from types import TracebackType

import duckdb
import pandas as pd
import pyarrow as pa

from pipeline.database import Progress, attach, connect, log_progress, query
from pipeline.errors import StoreError
from pipeline.local_time import EARLIEST
from pipeline.privacy.keys import Key
from pipeline.privacy.pii_scan import without_mentions
from pipeline.store.migrations import check_migrated

# Ten million incidents take 5 GB; what is beyond this is spilled, encrypted, and leaves room for the models' frames.
_AT_MOST_BYTES = 1_500_000_000

# In order: superseded_incident serves the two after it.
_TABLES = {
    "superseded_incident": ("known_at",),
    "incident_snapshot": ("known_at", "as_of", "since"),
    "involvement_snapshot": ("known_at", "as_of", "since"),
    "person_snapshot": ("known_at", "as_of"),
    "custody_snapshot": ("known_at", "as_of"),
    "warrant_snapshot": ("known_at", "as_of"),
    "staffing_snapshot": ("known_at", "as_of"),
    "action_snapshot": ("known_at", "as_of"),
    "batch_snapshot": ("known_at",),
    "dead_letter_snapshot": ("known_at",),
}

_BLOTTED = pa.schema([("said", pa.string()), ("clean", pa.string())])


class Snapshot:
    """In-memory tables `<entity>_snapshot`, `involvement_snapshot`, `batch_snapshot`, `dead_letter_snapshot`; a
    context manager.

    Columns are those of `pipeline.events.columns`, less envelope and involvements, plus event_time. Nothing holds the
    store any more: it may be written meanwhile. The order of rows means nothing.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, as_of: datetime, known_at: datetime) -> None:
        self.connection = connection
        self.as_of = as_of
        self.known_at = known_at

    def __enter__(self) -> "Snapshot":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()


def open_snapshot(
    path: Path,
    key: Key,
    *,
    as_of: datetime,
    known_at: datetime | None = None,
    since: datetime = EARLIEST,
    wait_s: float,
    progress: Progress = log_progress,
) -> Snapshot:
    """Copy what the store at `path` knew into memory and let the store go.

    Parameters
    ----------
    as_of
        What happened from here on is not there (exclusive).
    known_at
        What was ingested later is not there; None takes all that was.
    since
        Incidents before it are left out: a long history that nothing looks at costs memory.

    Raises
    ------
    StoreError, KeyFileError, StoreBusyError
        As `pipeline.database.attach`; StoreError, too, for a clock without a zone.
    """
    _check_clocks(as_of=as_of, known_at=known_at, since=since)
    connection = _read(path, key, wait_s, progress)
    try:
        resolved = known_at or _known_until(connection)
        clocks = {"as_of": as_of, "known_at": resolved, "since": since}
        for name, names in _TABLES.items():
            connection.execute(query(f"snapshot/{name}"), {clock: clocks[clock] for clock in names})
        connection.execute(query("snapshot/without_erased"))
        _redact_actions(connection)
        connection.execute("DETACH store; DROP TABLE superseded_incident")
    except BaseException:
        connection.close()
        raise
    return Snapshot(connection, as_of, resolved)


def resolve_known_at(
    path: Path, key: Key, known_at: datetime | None = None, *, wait_s: float, progress: Progress = log_progress
) -> datetime:
    """Return `known_at`, or where it is None when the store last learnt something."""
    _check_clocks(known_at=known_at)
    if known_at is not None:
        return known_at
    connection = _read(path, key, wait_s, progress)
    try:
        return _known_until(connection)
    finally:
        connection.close()


def touched_runs(
    path: Path, key: Key, run_clocks: pd.DataFrame, *, wait_s: float, progress: Progress = log_progress
) -> pd.Series:
    """Return, on the index of `run_clocks`, whether the store has learnt of the time before as_of after known_at."""
    connection = _read(path, key, wait_s, progress)
    try:
        connection.register("run_clock", run_clocks[["as_of", "known_at"]])
        touched = connection.execute(query("store/touched_run")).to_arrow_table().to_pandas()
    finally:
        connection.close()
    flags = touched.set_index(["as_of", "known_at"])["is_touched"]
    clocks = pd.MultiIndex.from_frame(run_clocks[["as_of", "known_at"]])
    return pd.Series(flags.reindex(clocks).to_numpy(dtype=bool), index=run_clocks.index)


def _read(path: Path, key: Key, wait_s: float, progress: Progress) -> duckdb.DuckDBPyConnection:
    connection = connect(path.parent / "spill", at_most_bytes=_AT_MOST_BYTES)
    try:
        attach(connection, path, key.encryption, alias="store", read_only=True, wait_s=wait_s, progress=progress)
        check_migrated(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _redact_actions(connection: duckdb.DuckDBPyConnection) -> None:
    """Blot people out of the words of actions: some are published, and what came in is not ours to refuse."""
    for name in ("actor", "notice_id", "detail"):
        texts = connection.execute(f"SELECT DISTINCT {name} FROM action_snapshot WHERE {name} IS NOT NULL").fetchall()  # noqa: S608
        clean = without_mentions(connection, (text for (text,) in texts))
        connection.register("blotted", pa.table({"said": [*clean], "clean": [*clean.values()]}, _BLOTTED))
        connection.execute(f"UPDATE action_snapshot SET {name} = clean FROM blotted WHERE {name} = said")  # noqa: S608
        connection.unregister("blotted")


def _known_until(connection: duckdb.DuckDBPyConnection) -> datetime:
    row = connection.execute(query("store/known_until")).fetchone()
    if row is None or row[0] is None:
        raise StoreError("the store holds no events yet; load or ingest some first: harmspot load, harmspot ingest")
    return row[0]


def _check_clocks(**clocks: datetime | None) -> None:
    for name, clock in clocks.items():
        if clock is not None and clock.tzinfo is None:
            raise StoreError(f"{name}={clock.isoformat()}: expected a time with a zone")
