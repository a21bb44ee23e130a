"""Bitemporal snapshot: events that occurred before `as_of`, in the version that the store knew at `known_at`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType

import duckdb
import pandas as pd
import pyarrow as pa

from pipeline.database import Progress, attach, connect, log_progress, name_sql, query
from pipeline.errors import StoreError
from pipeline.local_time import EARLIEST
from pipeline.privacy.keys import Key
from pipeline.privacy.pii_scan import without_mentions
from pipeline.privacy.short_ids import know_short_ids
from pipeline.store.migrations import missing_migrations
from pipeline.store.same_people import SamePeople, same_people_at
from pipeline.store.store import open_store

Look = Callable[[duckdb.DuckDBPyConnection], None]

# Ten million incidents take 5 GB; memory beyond this limit is spilled, encrypted, to leave room for the models' frames.
AT_MOST_BYTES = 1_500_000_000

# The order matters: the two queries after superseded_incident read it.
_TABLES = {
    "superseded_incident": ("known_at",),
    "incident_snapshot": ("known_at", "as_of", "since"),
    "involvement_snapshot": ("known_at", "as_of", "since"),
    "person_snapshot": ("known_at", "as_of"),
    "treatment_snapshot": ("known_at", "as_of"),
    "custody_snapshot": ("known_at", "as_of"),
    "warrant_snapshot": ("known_at", "as_of"),
    "staffing_snapshot": ("known_at", "as_of"),
    "action_snapshot": ("known_at", "as_of"),
    "batch_snapshot": ("known_at",),
    "dead_letter_snapshot": ("known_at",),
}
_OF_NO_PERSON = ("staffing_snapshot", "batch_snapshot", "dead_letter_snapshot")

_REDACTED = pa.schema([("original", pa.string()), ("clean", pa.string())])
_ONE_PERSON = pa.schema([("person_id", pa.string()), ("one_id", pa.string())])


class Snapshot:
    """In-memory copy of the store at two clocks; a context manager.

    Tables: `<entity>_snapshot`, `involvement_snapshot`, `batch_snapshot`, `dead_letter_snapshot`. Columns are those of
    `pipeline.events.columns` without envelope and involvements, plus event_time. The snapshot does not lock the store,
    which may be written meanwhile. The order of rows has no meaning. Ids that are one person are one id in every
    table, as `same_people_in` says.
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
    look: Look | None = None,
) -> Snapshot:
    """Copy what the store at `path` knew into memory and release the store.

    Parameters
    ----------
    path : pathlib.Path
        File of the store.
    key : Key
        Key of the home.
    as_of : datetime
        Exclusive end of the events; later ones are left out.
    known_at : datetime, optional
        Versions ingested later are left out; None includes all.
    since : datetime
        Earlier incidents are left out, because a long unused history costs memory.
    wait_s : float
        Longest wait for a busy store, in seconds.
    progress : callable, optional
        Receives messages while waiting.
    look : callable, optional
        Called with the connection while the whole store is attached to it as `store`.

    Returns
    -------
    Snapshot
        The snapshot; the caller closes it.

    Raises
    ------
    StoreError
        The store cannot be opened or is empty, or a clock has no zone.
    KeyFileError
        The store was written with another key.
    StoreBusyError
        Another process holds the store for longer than `wait_s`.
    """
    check_clocks(as_of=as_of, known_at=known_at, since=since)
    return take_snapshot(_read(path, key, wait_s, progress), as_of=as_of, known_at=known_at, since=since, look=look)


def take_snapshot(
    connection: duckdb.DuckDBPyConnection,
    *,
    as_of: datetime,
    known_at: datetime | None,
    since: datetime,
    look: Look | None = None,
) -> Snapshot:
    """Return the snapshot of the store that is attached to a connection; detaches it, and closes both on an error."""
    try:
        if look:
            look(connection)
        resolved = known_at or known_until(connection.execute(query("store/batches#known_until")).fetchall())
        _copy(connection, _TABLES, as_of=as_of, known_at=resolved, since=since)
    except BaseException:
        connection.close()
        raise
    return Snapshot(connection, as_of, resolved)


def snapshot_of(
    versions: Mapping[str, pa.Table],
    *,
    as_of: datetime,
    known_at: datetime,
    since: datetime = EARLIEST,
    joined_at: datetime | None = None,
) -> Snapshot:
    """Return the snapshot of an excerpt of the store, as `open_snapshot` does of the whole.

    Parameters
    ----------
    versions : mapping of str to Table
        As `Store.versions_about` returns them.
    as_of, known_at, since : datetime
        As of `open_snapshot`.
    joined_at : datetime, optional
        Which ids are one person is as known at this moment; None takes known_at.
    """
    check_clocks(as_of=as_of, known_at=known_at, since=since, joined_at=joined_at)
    connection = connect(is_encrypting=False)
    try:
        connection.execute("ATTACH ':memory:' AS store")
        for name, rows in versions.items():
            connection.register("incoming", rows)
            connection.execute(f"CREATE TABLE store.{name_sql(name)} AS SELECT * FROM incoming")  # noqa: S608
            connection.unregister("incoming")
        of_people = {name: clocks for name, clocks in _TABLES.items() if name not in _OF_NO_PERSON}
        _copy(connection, of_people, joined_at, as_of=as_of, known_at=known_at, since=since)
    except BaseException:
        connection.close()
        raise
    return Snapshot(connection, as_of, known_at)


def resolve_known_at(
    path: Path,
    key: Key,
    known_at: datetime | None = None,
    *,
    if_empty: datetime | None = None,
    wait_s: float,
    progress: Progress = log_progress,
) -> datetime:
    """Return `known_at`; if it is None, the time of the last batch that changed the store.

    Of a store without events it is `if_empty`; if that is None, StoreError is raised.
    """
    check_clocks(known_at=known_at, if_empty=if_empty)
    if known_at is not None:
        return known_at
    connection = _read(path, key, wait_s, progress)
    try:
        return known_until(connection.execute(query("store/batches#known_until")).fetchall(), if_empty)
    finally:
        connection.close()


def touched_runs(
    path: Path, key: Key, run_clocks: pd.DataFrame, *, wait_s: float, progress: Progress = log_progress
) -> pd.Series:
    """Return, on the index of `run_clocks`, whether data about the time before as_of arrived after known_at."""
    connection = _read(path, key, wait_s, progress)
    try:
        return touched_of(connection, run_clocks)
    finally:
        connection.close()


def touched_of(connection: duckdb.DuckDBPyConnection, run_clocks: pd.DataFrame) -> pd.Series:
    """Return what `touched_runs` does, of the store that is attached to a connection."""
    connection.register("run_clock", run_clocks[["as_of", "known_at"]])
    touched = connection.execute(query("store/touched_run")).to_arrow_table().to_pandas()
    flags = touched.set_index(["as_of", "known_at"])["is_touched"]
    clocks = pd.MultiIndex.from_frame(run_clocks[["as_of", "known_at"]])
    return pd.Series(flags.reindex(clocks).to_numpy(dtype=bool), index=run_clocks.index)


def _read(path: Path, key: Key, wait_s: float, progress: Progress) -> duckdb.DuckDBPyConnection:
    connection = connect(path.parent / "spill", at_most_bytes=AT_MOST_BYTES)
    try:
        know_short_ids(connection, key.ids)
        attach(connection, path, key.encryption, alias="store", read_only=True, wait_s=wait_s, progress=progress)
        if missing_migrations(connection):
            connection.execute("DETACH store")
            open_store(path, key, wait_s=wait_s, progress=progress).close()  # migrates it
            attach(connection, path, key.encryption, alias="store", read_only=True, wait_s=wait_s, progress=progress)
    except BaseException:
        connection.close()
        raise
    return connection


def _copy(
    connection: duckdb.DuckDBPyConnection,
    tables: Mapping[str, tuple[str, ...]],
    joined_at: datetime | None = None,
    **clocks: datetime,
) -> None:
    """Make the tables of a snapshot from the attached `store`, and detach it."""
    for name, names in tables.items():
        connection.execute(query(f"snapshot/{name}"), {clock: clocks[clock] for clock in names})
    with _one_person(connection, same_people_at(connection)):  # who is erased is erased at every clock
        connection.execute(query("snapshot/without_erased"))
    same = same_people_at(connection, joined_at or clocks["known_at"])
    if same.one_ids:
        with _one_person(connection, same):
            connection.execute(query("snapshot/one_person"))
    _redact_actions(connection)
    connection.execute("DETACH store; DROP TABLE superseded_incident")


@contextmanager
def _one_person(connection: duckdb.DuckDBPyConnection, same: SamePeople) -> Iterator[None]:
    """Make table `one_person` for the block: person_id and the one_id of everybody with several ids."""
    ids = pa.table({"person_id": [*same.one_ids], "one_id": [*same.one_ids.values()]}, _ONE_PERSON)
    connection.register("one_person", ids)
    try:
        yield
    finally:
        connection.unregister("one_person")


def _redact_actions(connection: duckdb.DuckDBPyConnection) -> None:
    """Redact people in the text of actions: some is published, and ingested text cannot be refused."""
    for name in ("actor", "notice_id", "detail"):
        texts = connection.execute(f"SELECT DISTINCT {name} FROM action_snapshot WHERE {name} IS NOT NULL").fetchall()  # noqa: S608
        clean = without_mentions(connection, (text for (text,) in texts))
        connection.register("redacted", pa.table({"original": [*clean], "clean": [*clean.values()]}, _REDACTED))
        connection.execute(f"UPDATE action_snapshot SET {name} = clean FROM redacted WHERE {name} = original")  # noqa: S608
        connection.unregister("redacted")


def known_until(rows: list[tuple], if_empty: datetime | None = None) -> datetime:
    """Return the time that `store/batches#known_until` found, or of a store without events `if_empty`.

    Raises
    ------
    StoreError
        Both are missing.
    """
    found: datetime | None = (rows[0][0] if rows else None) or if_empty
    if found is None:
        raise StoreError("the store holds no events yet; load or ingest some first: harmspot load, harmspot ingest")
    return found


def check_clocks(**clocks: datetime | None) -> None:
    """Raise StoreError for a clock without a zone."""
    for name, clock in clocks.items():
        if clock is not None and clock.tzinfo is None:
            raise StoreError(f"{name}={clock.isoformat()}: expected a time with a zone")
