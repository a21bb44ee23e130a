"""The publication of a home: the pair `published.duckdb` (places) and `restricted.duckdb` (people, encrypted).

A run writes both files anew and renames them over the old ones, restricted first. `published.duckdb` defines which runs
exist: a run that only the restricted file holds was interrupted during publication, and counts as unpublished until it
is published again. A reader with an open file keeps the old version. Rows are checked, when they are read, against the
hash that was published with them. Not checked are counts of rows, and the runs of a harmspot that wrote no hashes.

Projections show human decisions. They belong to no run: every publication rebuilds them, and so does `project` after
every decision, which leaves all other tables unchanged.
"""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from pipeline.complete_file import give_to_owner, remove_unfinished, unfinished
from pipeline.database import query
from pipeline.errors import PublicationError
from pipeline.privacy.access_log import AccessLog, require_purpose
from pipeline.privacy.keys import Key
from pipeline.privacy.pii_guard import refuse_people
from pipeline.publication.content_hash import HASHES, OF_NO_RUN, Hashes
from pipeline.publication.duckdb_file import (
    all_rows_sql,
    counts_sql,
    hashes_of,
    holds_people,
    opened,
    put_in_place,
    read_tables_of,
    remove_stale_logs,
    rewrite_rows,
    rewrite_tables,
    rows_of_run_sql,
    runs_with_rows_sql,
    table_names,
    version_of,
    without_people,
    write_file,
)
from pipeline.publication.tables import Table, conform, read_tables
from pipeline.publication.withheld import (
    Withheld,
    cell_size,
    cell_sizes,
    hidden_markets,
    markets_by_run,
    named_markets,
    without_markets,
)

PUBLISHED = "published.duckdb"
RESTRICTED = "restricted.duckdb"
LOCK = "publication.lock"


@dataclass(frozen=True, slots=True)
class Shown:
    """Content of the projections: their rows by table name; whom and what no row of any run may name.

    `erased` are the ids of erased people, `withheld` says which markets are withheld.
    """

    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    erased: Sequence[str] = ()
    withheld: Withheld | None = None


# Returns the content of the projections. It is called under the lock, so that after two concurrent decisions the
# publication shows both.
Projector = Callable[[], Shown]


@dataclass(frozen=True, slots=True)
class PublishResult:
    """Result of a publication: whether the run is new, the two files, and the row counts of the run by table."""

    is_new: bool
    paths: tuple[Path, Path]
    counts: dict[str, int]


def publish(
    home: Path,
    run: Mapping[str, Any],
    published: Mapping[str, pd.DataFrame],
    restricted: Mapping[str, pd.DataFrame],
    *,
    key: Key,
    history_runs: int,
    valid_to: Mapping[str, datetime] | None = None,
    projector: Projector = Shown,
    wait_s: float = 60.0,
) -> PublishResult:
    """Replace both files by new ones with the latest `history_runs` runs, including this one.

    Parameters
    ----------
    home : Path
        Folder of the publication.
    run : mapping
        The row of table `run`. Its run_id, as_of and valid_to are prepended to every row of the other tables.
    published : mapping of str to pandas.DataFrame
        One frame, without the run columns, for each table of places in `tables.yml` that is neither a projection nor
        `run` nor `content_hash`.
    restricted : mapping of str to pandas.DataFrame
        The same for each table of people.
    key : Key
        Keys of the home.
    history_runs : int
        Number of runs to keep.
    valid_to : mapping of str to datetime or None
        Expiry by table, for tables that do not expire with the run.
    projector : Projector
        Returns the projections; those it omits are empty. The people it lists as erased are removed from all runs.
    wait_s : float
        Seconds to wait for another publisher before giving up.

    Returns
    -------
    PublishResult
        Whether the run is new, the two files, and the row counts.

    Raises
    ------
    PublicationError
        When a frame does not fit `tables.yml`, a table of places holds possible PII, or another publisher holds the
        home for longer than `wait_s`. The files stay unchanged.
    """
    paths = (home / PUBLISHED, home / RESTRICTED)
    places = _rows(read_tables().published, run, published, valid_to or {})
    people = _rows(read_tables().restricted, run, restricted, valid_to or {})
    for name, rows in places.items():
        refuse_people(name, rows)
    counts = {name: len(rows) for name, rows in {**people, **places}.items() if read_tables().find(name).is_of_one_run}
    with publication_lock(home, wait_s), _leaving_nothing(home):
        is_new = not has_run(home, key, run["run_id"])
        if is_new:
            shown = projector()
            shown_places, shown_people = _projected(shown)
            if shown.withheld:
                _withhold(home, {}, shown.withheld)
                hidden = hidden_markets(
                    places["market"], run["crs"], cell_size(places), shown.withheld, named_markets(places)
                )
                places |= without_markets(places, hidden)
            _replace_pair(
                home,
                {**places, **shown_places},
                {**people, **shown_people},
                kept_run_ids=_kept_runs(home, run, history_runs),
                erased=shown.erased,
                key=key,
            )
    return PublishResult(is_new, paths, counts)


def project(home: Path, shown: Shown, *, key: Key) -> list[Path]:
    """Replace every projection, restricted first, and return the files that were replaced.

    The caller holds `publication_lock` and read `shown` under it, so that after two concurrent decisions the
    publication shows both.

    A file whose projections are unchanged is not written, nor is a home without a publication: its first publication
    includes the projections. If an erased person is still in a kept run, the file of people is written anew, so that
    even its free space does not hold the rows; likewise the file of places, if a kept run names a withheld market.

    Raises
    ------
    PublicationError
        As `publish`. The files stay unchanged.
    """
    with _leaving_nothing(home):
        places, people = _projected(shown)
        fresh = [(_without_erased(home / RESTRICTED, people, key, shown.erased), home / RESTRICTED)]
        if shown.withheld is None:
            fresh.append((_rewritten(home / PUBLISHED, read_tables().published, places, None), home / PUBLISHED))
        replaced = [(beside, path) for beside, path in fresh if beside]
        for beside, path in replaced:
            put_in_place(beside, path)
        withheld = _withhold(home, places, shown.withheld) if shown.withheld else []
        return [*(path for _, path in replaced), *withheld]


def _withhold(home: Path, projections: Mapping[str, pa.Table], withheld: Withheld) -> list[Path]:
    """Take the withheld markets out of every kept run, with fresh `projections`; return the file if it was replaced."""
    path, tables = home / PUBLISHED, read_tables().published
    if not path.exists():
        return []
    kept = read_tables_of(path, {name: tables[name] for name in projections}, None)
    fresh_rows = {name: rows for name, rows in projections.items() if name not in kept or not rows.equals(kept[name])}
    changed, damaged = _rows_without(path, tables, withheld)
    changed |= {(OF_NO_RUN, name): rows for name, rows in fresh_rows.items()}
    if not changed:
        return []
    fresh = unfinished(path)
    rewrite_rows(path, fresh, tables, changed, without_hashes=damaged)
    shutil.copymode(path, fresh)
    put_in_place(fresh, path)
    return [path]


def _rows_without(
    path: Path, tables: Mapping[str, Table], withheld: Withheld
) -> tuple[dict[tuple[str, str], pa.Table], set[tuple[str, str]]]:
    """Return, by run and table, the rows without withheld markets where some name them, and which were damaged."""
    changed, damaged = {}, set()
    with opened(path, None) as connection:
        hashes, present = hashes_of(connection, path), table_names(connection)
        named, sizes = markets_by_run(connection, tables), cell_sizes(connection)
        for run in _kept_rows_of_runs(connection, hashes).to_pylist():
            run_id = run["run_id"]
            market = _rows_of_run(connection, tables["market"], run_id, present)
            hidden = hidden_markets(market, run["crs"], sizes.get(run_id), withheld, named.get(run_id, ()))
            of_run = [table for table in tables.values() if hidden and table.is_of_one_run and table.name in present]
            rows = {table.name: _rows_of_run(connection, table, run_id, present) for table in of_run}
            for name, left in without_markets(rows, hidden).items():
                changed[run_id, name] = left
                if not (hashes.knows(run_id) and hashes.is_as_published(name, run_id, rows[name])):
                    damaged.add((run_id, name))
    return changed, damaged


def clean_up(home: Path) -> list[Path]:
    """Remove what an interrupted publication left, and the logs of others who wrote to the files; return the paths."""
    files = (home / PUBLISHED, home / RESTRICTED)
    return [left for path in files for left in (*remove_unfinished(path), *remove_stale_logs(path))]


@contextmanager
def _leaving_nothing(home: Path) -> Iterator[None]:
    """Remove unfinished files before and after the block: one that failed on a full disk must not keep it full."""
    clean_up(home)
    try:
        yield
    finally:
        for path in (home / PUBLISHED, home / RESTRICTED):
            remove_unfinished(path)


def runs(home: Path) -> pd.DataFrame:
    """Return table `run`, the latest run last; empty if nothing is published yet.

    Unusable runs come before all usable ones, so the latest run is a usable one wherever one is kept.
    """
    table, path = read_tables().published["run"], home / PUBLISHED
    if not path.exists():
        return pd.DataFrame(columns=table.column_names)
    return _runs_in(path, version_of(path)).copy()


@lru_cache(maxsize=8)
def _runs_in(path: Path, version: tuple[int, ...]) -> pd.DataFrame:
    """Return what `runs` does, read once per version of the file: a command asks a dozen times."""
    with opened(path, None) as connection:
        return _kept(connection, hashes_of(connection, path))


def usable_runs(home: Path) -> pd.DataFrame:
    """Return the rows of `runs` on which readers may act, the latest run last."""
    kept = runs(home)
    return kept[kept["is_usable"].astype(bool)].reset_index(drop=True)


def latest_usable(home: Path) -> str | None:
    """Return the id of the latest usable run, None if there is none."""
    kept = usable_runs(home)
    return None if kept.empty else str(kept["run_id"].iloc[-1])


def unusable(because: str) -> str:
    """Return what every reader of an unusable run is told."""
    return f"UNUSABLE RUN, do not act on it: {because}"


def unusable_run(home: Path, run_id: str | None = None) -> str | None:
    """Return what readers of a run (default: the latest) are told if it is unusable, else None."""
    kept = runs(home)
    chosen = kept[kept["run_id"] == run_id] if run_id else kept.tail(1)
    because = chosen["unusable_because"].dropna().tolist()
    return unusable(because[0]) if because else None


def _kept(connection: duckdb.DuckDBPyConnection, hashes: Hashes) -> pd.DataFrame:
    """Return table `run` of the attached file in the order of `runs`, checked, with all columns of this version."""
    hashes.check("run", OF_NO_RUN, connection.execute("SELECT * FROM kept.run ORDER BY rowid").to_arrow_table())
    rows = connection.execute(query("publication/runs")).to_arrow_table()
    kept = _completed(read_tables().published["run"], rows).to_pandas()
    kept["is_usable"] = kept["is_usable"].ne(False)  # null in the runs of an earlier version
    return kept.sort_values("is_usable", kind="stable", ignore_index=True)


def predecessor(home: Path, as_of: datetime, known_at: datetime) -> dict[str, Any] | None:
    """Return the row of the usable kept run with the latest as_of before `as_of`, or None if there is none.

    A run with a later known_at than `known_at` is skipped, because it used information recorded later.
    """
    kept = usable_runs(home)
    earlier = kept[(kept["as_of"] < pd.Timestamp(as_of)) & (kept["known_at"] <= pd.Timestamp(known_at))]
    return None if earlier.empty else {str(name): value for name, value in earlier.iloc[-1].items()}


def has_run(home: Path, key: Key, run_id: str) -> bool:
    """Return whether both files hold the run."""
    files = ((home / PUBLISHED, None), (home / RESTRICTED, key.encryption))
    return all(path.exists() and run_id in _run_ids(path, encryption_key) for path, encryption_key in files)


def read_published(home: Path, table_name: str, run_id: str | None = None) -> pd.DataFrame:
    """Return a table of places as one run (default: the latest) published it, or a projection; sorted by its key.

    Raises
    ------
    PublicationError
        When it is not a table of places, the run is not kept, or its rows are not those that were published.
    """
    return read_places(home, [table_name], run_id)[table_name]


def read_places(home: Path, table_names: Iterable[str], run_id: str | None = None) -> dict[str, pd.DataFrame]:
    """Return several tables of places by name, each as `read_published` does, from one version of the file."""
    tables = read_tables().published
    wanted = list(table_names)
    if unknown := [name for name in wanted if name not in tables]:
        raise PublicationError(f"{unknown[0]!r} is not a table of {PUBLISHED}; available: {', '.join(tables)}")
    with _opened_published(home) as connection:
        hashes = hashes_of(connection, home / PUBLISHED)
        run_id = _required_run(home, _kept(connection, hashes), run_id)
        return _tables_of_run(connection, hashes, [tables[name] for name in wanted], run_id)


def read_kept(home: Path, table_name: str) -> list[pd.DataFrame]:
    """Return a table of places as each usable kept run published it, the latest last, from one version of the file.

    Raises
    ------
    PublicationError
        As `read_published`.
    """
    table = read_tables().published.get(table_name)
    if table is None:
        raise PublicationError(f"{table_name!r} is not a table of {PUBLISHED}")
    with _opened_published(home) as connection:
        hashes = hashes_of(connection, home / PUBLISHED)
        kept = _kept(connection, hashes)
        usable = kept.loc[kept["is_usable"].astype(bool), "run_id"]
        return [_tables_of_run(connection, hashes, [table], str(run_id))[table_name] for run_id in usable]


def read_restricted(
    home: Path,
    key: Key,
    table_name: str,
    *,
    reader: str | None,
    purpose: str | None,
    log: AccessLog,
    now: datetime,
    run_id: str | None = None,
) -> pd.DataFrame:
    """Return a table of people as one run (default: the latest) published it, or a projection; sorted by its key.

    The access log records the read before anything is read.

    Raises
    ------
    PurposeError
        Without a named reader and a purpose.
    PublicationError
        When it is not a table of people, the run is not kept, or its rows are not those that were published.
    """
    table = read_tables().restricted.get(table_name)
    if table is None:
        raise PublicationError(
            f"{table_name!r} is not a table of {RESTRICTED}; available: {', '.join(read_tables().restricted)}"
        )
    require_purpose(reader, purpose)
    wanted = _required_run(home, runs(home), run_id)
    detail = {"table": table_name, "run_id": wanted}
    log.append(reader=reader, purpose=purpose, action="read", detail=detail, now=now)
    with opened(home / RESTRICTED, key.encryption) as connection:
        hashes = hashes_of(connection, home / RESTRICTED)
        return _tables_of_run(connection, hashes, [table], wanted)[table_name]


def read_for_rules(home: Path, key: Key, table_names: Iterable[str], run_id: str) -> dict[str, pd.DataFrame]:
    """Return tables of people of a kept run by name, unlogged: for rules that ask of people and show nobody to anybody.

    Raises
    ------
    PublicationError
        When the rows of a table are not those that were published.
    """
    tables = [read_tables().restricted[name] for name in table_names]
    with opened(home / RESTRICTED, key.encryption) as connection:
        return _tables_of_run(connection, hashes_of(connection, home / RESTRICTED), tables, run_id)


def list_valid_to(home: Path, key: Key, table_name: str, run_id: str) -> datetime | None:
    """Return the expiry of a run's list, None if it has no rows; reveals nothing about any person."""
    expiry = read_for_rules(home, key, [table_name], run_id)[table_name]["valid_to"]
    return None if expiry.empty else expiry.max().to_pydatetime()


def table_counts(home: Path, key: Key, run_id: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return the row counts of a run by table, of places and of people; counts reveal nothing about any person."""
    places = _counts(home / PUBLISHED, None, read_tables().published, run_id)
    return places, _counts(home / RESTRICTED, key.encryption, read_tables().restricted, run_id)


def _no_rows(table: Table) -> pa.Table:
    return pa.schema([(column.name, column.arrow_type) for column in table.columns]).empty_table()


def _projected(shown: Shown) -> tuple[dict[str, pa.Table], dict[str, pa.Table]]:
    """Return the Arrow rows of every projection, of places and of people."""
    tables = read_tables()
    if unexpected := sorted({*shown.tables} - {*tables.projections}):
        raise PublicationError(f"projections {unexpected}: no such tables with `projection: true` in tables.yml")
    empty = {name: pd.DataFrame(columns=tables.find(name).column_names) for name in tables.projections}
    rows = {
        name: without_people(conform(name, shown.tables.get(name, empty[name])), shown.erased)
        for name in tables.projections
    }
    places = {name: table for name, table in rows.items() if name in tables.published}
    for name, table in places.items():
        refuse_people(name, table)
    return places, {name: table for name, table in rows.items() if name not in places}


def _rewritten(
    path: Path, tables: Mapping[str, Table], rows: Mapping[str, pa.Table], encryption_key: str | None
) -> Path | None:
    """Write a new version of the file if its projections differ from `rows`; return its path, else None."""
    if not (path.exists() and rows):
        return None
    kept = read_tables_of(path, {name: tables[name] for name in rows}, encryption_key)
    changed = {name: table for name, table in rows.items() if name not in kept or not table.equals(kept[name])}
    if not changed:
        return None
    fresh = unfinished(path)
    rewrite_tables(path, fresh, tables, changed, encryption_key)
    shutil.copymode(path, fresh)
    return fresh


def _without_erased(path: Path, projections: Mapping[str, pa.Table], key: Key, erased: Sequence[str]) -> Path | None:
    """Write a new version of the file of people if it holds anyone in `erased` or its projections differ."""
    tables = read_tables().restricted
    if not (path.exists() and holds_people(path, tables, key.encryption, erased)):
        return _rewritten(path, tables, projections, key.encryption)
    rows = {name: _no_rows(table) for name, table in tables.items() if name != HASHES} | dict(projections)
    return _write_beside(path, tables, rows, _run_ids(path, key.encryption), key.encryption, erased)


def _rows(
    tables: Mapping[str, Table],
    run: Mapping[str, Any],
    frames: Mapping[str, pd.DataFrame],
    valid_to: Mapping[str, datetime],
) -> dict[str, pa.Table]:
    """Return the Arrow rows by table, with the run columns first."""
    wanted = {name for name, table in tables.items() if not table.is_projection} - {"run", HASHES}
    missing, unexpected = sorted(wanted - {*frames}), sorted({*frames} - wanted)
    if missing or unexpected:
        raise PublicationError(
            f"a run must publish every table of pipeline/publication/tables.yml: {missing=}, {unexpected=}"
        )
    stamps = {name: {**run, "valid_to": valid_to.get(name, run["valid_to"])} for name in frames}
    rows = {name: conform(name, frames[name], stamps[name] if tables[name].is_of_one_run else None) for name in frames}
    return {"run": conform("run", pd.DataFrame([dict(run)])), **rows}


def _kept_runs(home: Path, run: Mapping[str, Any], history_runs: int) -> list[str]:
    """Return the ids of the latest other runs to keep; an unusable run takes the place of no other."""
    others = [run_id for run_id in runs(home)["run_id"] if run_id != run["run_id"]]
    room = history_runs if run.get("is_usable") is False else history_runs - 1
    return others[max(len(others) - room, 0) :]


def _replace_pair(
    home: Path,
    places: Mapping[str, pa.Table],
    people: Mapping[str, pa.Table],
    *,
    kept_run_ids: list[str],
    erased: Sequence[str],
    key: Key,
) -> None:
    """Write both files beside the old ones, then rename: restricted first; renaming published commits the run."""
    tables = read_tables()
    fresh_people = _write_beside(home / RESTRICTED, tables.restricted, people, kept_run_ids, key.encryption, erased)
    fresh_places = _write_beside(home / PUBLISHED, tables.published, places, kept_run_ids, None)
    put_in_place(fresh_people, home / RESTRICTED)
    put_in_place(fresh_places, home / PUBLISHED)


def _write_beside(
    path: Path,
    tables: Mapping[str, Table],
    rows: Mapping[str, pa.Table],
    kept_run_ids: list[str],
    key: str | None,
    erased: Sequence[str] = (),
) -> Path:
    fresh = unfinished(path)
    history = path if path.exists() else None
    write_file(fresh, tables, rows, history=history, kept_run_ids=kept_run_ids, encryption_key=key, forgotten=erased)
    if key:
        fresh.chmod(0o600)
    return fresh


@contextmanager
def publication_lock(home: Path, wait_s: float = 60.0) -> Iterator[None]:
    """Hold the home's lock; the operating system releases it when a process dies.

    Raises
    ------
    PublicationError
        Another process holds it for longer than `wait_s`.
    """
    with held(home / LOCK, wait_s, f"another process has been publishing or recording a decision in {home}"):
        yield


@contextmanager
def held(path: Path, wait_s: float, busy: str) -> Iterator[None]:
    """Hold the lock of a file of the home; PublicationError, which begins with `busy`, where that takes too long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_s
    with path.open("a") as file:
        give_to_owner(path, path.parent)
        while not _try_lock(file.fileno()):
            if time.monotonic() >= deadline:
                raise PublicationError(f"{busy} for {wait_s:g} s; wait for it or stop it, then rerun")
            time.sleep(0.05)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _opened_published(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    if not (home / PUBLISHED).exists():
        if (home / RESTRICTED).exists():
            raise PublicationError(
                f"{home / PUBLISHED} is missing, and {RESTRICTED} stands beside it: restore both from a backup, or run "
                f"again: harmspot --home {home} run"
            )
        raise PublicationError(f"nothing is published in {home} yet; run: harmspot run --as-of DAY")
    with opened(home / PUBLISHED, None) as connection:
        yield connection


def _kept_rows_of_runs(connection: duckdb.DuckDBPyConnection, hashes: Hashes) -> pa.Table:
    """Return the rows of table run in the attached file, the latest run last, checked by their hash."""
    hashes.check("run", OF_NO_RUN, connection.execute("SELECT * FROM kept.run ORDER BY rowid").to_arrow_table())
    return connection.execute(query("publication/runs")).to_arrow_table()


def _required_run(home: Path, rows: pd.DataFrame, run_id: str | None) -> str:
    """Return the requested run, or the latest, of the rows of table run."""
    kept = rows["run_id"].tolist()
    if not kept:
        raise PublicationError(f"nothing is published in {home} yet; run: harmspot run --as-of DAY")
    if run_id is not None and run_id not in kept:
        raise PublicationError(
            f"run {run_id!r} is not kept in {home}; harmspot show runs lists the {len(kept)} kept runs"
        )
    return run_id or str(kept[-1])


def _tables_of_run(
    connection: duckdb.DuckDBPyConnection, hashes: Hashes, tables: Sequence[Table], run_id: str
) -> dict[str, pd.DataFrame]:
    """Return tables of the attached file by name, checked; one that an older harmspot did not write is empty."""
    kept = table_names(connection)
    found = {table.name: _rows_of_run(connection, table, run_id, kept) for table in tables}
    for table in tables:
        if table.name not in ("run", HASHES):  # the first is checked whole, the second holds the hashes
            hashes.check(table.name, OF_NO_RUN if table.is_projection else run_id, found[table.name])
    return {table.name: _completed(table, found[table.name]).to_pandas() for table in tables}


def changed_tables(home: Path, key: Key) -> list[str]:
    """Return, as `FILE: TABLE of run RUN_ID`, each table of each kept run that is not what was published."""
    files = (
        (home / PUBLISHED, None, read_tables().published),
        (home / RESTRICTED, key.encryption, read_tables().restricted),
    )
    return [changed for path, encryption_key, tables in files for changed in _changed(path, encryption_key, tables)]


def unchecked_runs(home: Path, key: Key) -> list[str]:
    """Return the kept runs that `changed_tables` cannot check, because a harmspot without hashes published them."""
    found: dict[str, None] = {}
    for path, encryption_key in ((home / PUBLISHED, None), (home / RESTRICTED, key.encryption)):
        with opened(path, encryption_key) as connection:
            hashes = hashes_of(connection, path)
            ids = connection.execute(query("publication/runs")).to_arrow_table()["run_id"].to_pylist()
        found |= {run_id: None for run_id in ids if not hashes.knows(run_id) and run_id not in hashes.hashed}
    return list(found)


def _changed(path: Path, encryption_key: str | None, tables: Mapping[str, Table]) -> Iterator[str]:
    with opened(path, encryption_key) as connection:
        hashes, kept = hashes_of(connection, path), table_names(connection)
        in_order = connection.execute("SELECT * FROM kept.run ORDER BY rowid").to_arrow_table()
        if not hashes.is_as_published("run", OF_NO_RUN, in_order):
            yield f"{path.name}: run"
        for table in (table for table in tables.values() if table.name not in ("run", HASHES)):
            filled = _filled_runs(connection, table, kept)
            for run_id in [OF_NO_RUN] if table.is_projection else in_order["run_id"].to_pylist():
                is_empty = filled is not None and run_id not in filled
                rows = pa.table({}) if is_empty else _rows_of_run(connection, table, run_id, kept)
                if not hashes.is_as_published(table.name, run_id, rows):
                    yield f"{path.name}: {table.name}" + (f" of run {run_id}" if run_id else "")


def _filled_runs(connection: duckdb.DuckDBPyConnection, table: Table, kept: set[str]) -> set[str] | None:
    """Return the runs with rows in a table, so that the empty ones need no query each; None where rows are shared."""
    if not table.is_of_one_run:
        return None
    if table.name not in kept:
        return set()
    return {run_id for (run_id,) in connection.execute(runs_with_rows_sql(table.name)).fetchall()}


def _rows_of_run(connection: duckdb.DuckDBPyConnection, table: Table, run_id: str, kept: set[str]) -> pa.Table:
    if table.name not in kept:
        return pa.table({})
    if table.is_projection:
        return connection.execute(all_rows_sql(table)).to_arrow_table()
    return connection.execute(rows_of_run_sql(table), {"run_id": run_id}).to_arrow_table()


def _completed(table: Table, rows: pa.Table) -> pa.Table:
    """Return the rows with all columns of the table; those that an older harmspot did not write are null."""
    for column in table.columns:
        if column.name not in rows.column_names:
            rows = rows.append_column(column.name, pa.nulls(len(rows), column.arrow_type))
    return rows.select(table.column_names)


def _run_ids(path: Path, encryption_key: str | None) -> list[str]:
    with opened(path, encryption_key) as connection:
        kept = _kept_rows_of_runs(connection, hashes_of(connection, path))
    return list(map(str, kept["run_id"].to_pylist()))


def _counts(path: Path, encryption_key: str | None, tables: Mapping[str, Table], run_id: str) -> dict[str, int]:
    names = [name for name, table in tables.items() if table.is_of_one_run]
    with opened(path, encryption_key) as connection:
        kept = table_names(connection)  # an older harmspot wrote fewer
        counted = counts_sql([name for name in names if name in kept])
        found = connection.execute(counted, {"run_id": run_id}).fetchall()
    return dict.fromkeys(names, 0) | dict(found)
