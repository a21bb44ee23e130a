"""Load third-party CSV and Parquet files through a mapping: one relation, then incidents, in set-based SQL."""

import csv
import gzip
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyproj

from pipeline.database import connect, frame, literal_sql, name_sql, query, unordered
from pipeline.errors import SourceError
from pipeline.events.columns import DEAD_LETTER, ENVELOPE
from pipeline.events.version_sql import stage_sql
from pipeline.mapped.extract import (
    WGS84,
    column_types,
    content_of_row_sql,
    extract_sql,
    id_sql,
    is_degrees,
    set_reading,
    words_of,
)
from pipeline.mapped.mapping import PRECISIONS, Mapping, check_columns
from pipeline.mapped.time_zones import zone_spans

SUFFIXES = (".parquet", ".csv", ".csv.gz")
_ADDED_COLUMNS = ("harmspot_file", "file_row_number")  # columns that reading adds
_ROW_BITS = 40  # bits for the row number in a Parquet file; the bits above hold the file index
# The incident columns that sql/mapped/incident.sql yields.
STAGED = (
    *(field.name for field in ENVELOPE),
    *("incident_id", "version", "status", "occurred_at", "occurred_precision", "is_ambiguous_hour", "reported_at"),
    *("offence_code", "discovery", "lon", "lat", "area_id", "is_domestic"),
)


def read_raw(connection: duckdb.DuckDBPyConnection, path: Path, mapping: Mapping) -> list[Path]:
    """Create temporary view `raw`: the rows of a file, or of every file in a folder, sorted by name.

    Parquet is read in place. CSV is copied once, into `csv_row`: its columns stay text, and malformed lines go to
    DuckDB's table `reject_errors`. Column `harmspot_file` names each row's file, `harmspot_number` identifies the row.

    Returns
    -------
    list of Path
        The files of a folder that `mapping.files` skips.

    Raises
    ------
    SourceError
        When the file does not exist, or DuckDB cannot read it.
    MappingError
        When a column that the mapping names is missing.
    """
    connection.execute("DROP TABLE IF EXISTS temp.reject_errors; DROP TABLE IF EXISTS temp.reject_scans")
    read, passed_over = find_files(path, mapping.files)
    groups = _group_by_header(read)
    sources = [_source_sql(files, mapping) for files in groups]
    try:
        for files, source in zip(groups, sources, strict=True):
            present = [row[0] for row in connection.execute(f"DESCRIBE FROM {source}").fetchall()]
            check_columns(mapping, [name for name in present if name not in _ADDED_COLUMNS], str(files[0]))
        _view_raw(connection, sources, is_parquet=groups[0][0].name.lower().endswith(".parquet"))
    except (duckdb.IOException, duckdb.InvalidInputException, duckdb.BinderException) as error:
        raise SourceError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    connection.execute(query("mapped/file#raw_file"))
    return passed_over


def _view_raw(connection: duckdb.DuckDBPyConnection, sources: list[str], *, is_parquet: bool) -> None:
    if is_parquet:
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW raw AS SELECT * EXCLUDE (file_row_number), "  # noqa: S608
            f"file_index::BIGINT << {_ROW_BITS} | file_row_number AS harmspot_number FROM {sources[0]}"
        )
        return
    connection.execute(f"CREATE OR REPLACE TEMP TABLE csv_row AS FROM {' UNION ALL BY NAME FROM '.join(sources)}")
    connection.execute("CREATE OR REPLACE TEMP VIEW raw AS SELECT *, rowid AS harmspot_number FROM csv_row")


def find_files(path: Path, pattern: str = "*") -> tuple[list[Path], list[Path]]:
    """Return the file, or the sorted CSV or Parquet files below the folder; then those that do not match `pattern`."""
    if not path.exists():
        raise SourceError(f"{path} does not exist; name a CSV or Parquet file, or a folder of them")
    found = (
        sorted(file for file in path.rglob("*") if file.name.lower().endswith(SUFFIXES)) if path.is_dir() else [path]
    )
    passed_over = [file for file in found if path.is_dir() and not file.match(pattern)]
    found = [file for file in found if file not in passed_over]
    if passed_over and not found:
        raise SourceError(
            f"{path} holds no file that matches the mapping's pattern {pattern!r}; name a file to read it anyway"
        )
    kinds = sorted({file.name.lower().endswith(".parquet") for file in found})
    if not found or not found[0].name.lower().endswith(SUFFIXES):
        raise SourceError(f"{path}: expected {', '.join(SUFFIXES)}, in a folder at least one of them")
    if len(kinds) > 1:
        raise SourceError(f"{path} holds both CSV and Parquet; load one kind at a time")
    return found, passed_over


def map_incidents(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, horizon: datetime, stated_crs: str | None = None
) -> None:
    """Create temporary view `mapped` of `raw`: incidents, row_number and `rule` (see refusal.sql).

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Connection with view `raw`.
    mapping : Mapping
        The mapping of the file.
    horizon : datetime
        Latest time an incident may be dated.
    stated_crs : str or None
        Coordinate system that the file itself states; the mapping's holds where it states one.
    """
    crs = mapping.crs or stated_crs or WGS84
    date_order = set_reading(connection, mapping, crs)
    types = column_types(connection)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW extract AS {extract_sql(mapping, types, date_order)}")
    _derive_ids(connection, mapping, types)
    connection.execute(query("mapped/file#identified"))
    _locate(connection, crs)
    _place(connection, mapping)
    _fill_lookups(connection, mapping, horizon.year)
    connection.execute(query("mapped/refusal"))
    # A view cannot bind parameters.
    for name in ("source", "discovery"):
        connection.execute(f"SET VARIABLE {name} = $value::VARCHAR", {"value": getattr(mapping, name)})
    connection.execute("SET VARIABLE rank = $rank", {"rank": PRECISIONS.index(mapping.precision)})
    connection.execute(
        "SET VARIABLE no_number = $rule", {"rule": "no_point" if "point" in mapping.columns.named() else "no_number"}
    )
    connection.execute("SET VARIABLE has_gazetteer = $has", {"has": mapping.gazetteer is not None})
    connection.execute("SET VARIABLE horizon = $horizon", {"horizon": horizon})
    connection.execute(query("mapped/incident"))


def read_mapped_incidents(path: Path, mapping: Mapping, *, horizon: datetime) -> tuple[pd.DataFrame, int]:
    """Read a file, or a folder of files, without a store, for a forecast directly from the file.

    Parameters
    ----------
    path : Path
        CSV or Parquet file, or a folder of them.
    mapping : Mapping
        The mapping of the file.
    horizon : datetime
        Latest time an incident may be dated.

    Returns
    -------
    pandas.DataFrame
        occurred_at (UTC), offence (harmspot code), lon, lat.
    int
        Number of rows that a load would turn into dead letters.

    Raises
    ------
    SourceError
        As `Store.load_mapped`.
    MappingError
        As `Store.load_mapped`.
    """
    with closing(connect(is_encrypting=False)) as connection:
        read_raw(connection, path, mapping)
        map_incidents(connection, mapping, horizon)
        incidents = frame(connection, query("mapped/file#readable"))
        [(unreadable,)] = connection.execute("SELECT count(*) FROM mapped WHERE rule IS NOT NULL").fetchall()
    return incidents, int(unreadable)


def is_all_new(connection: duckdb.DuckDBPyConnection) -> bool:
    """Return whether no row of `mapped` can duplicate or contradict another row of `mapped` or of the store.

    False may be a false alarm; True is always right.
    """
    with unordered(connection):
        connection.execute(query("mapped/file#identity_hash"))
    hashes = connection.execute("FROM identity_hash").to_arrow_table()
    connection.execute("DROP TABLE identity_hash")
    with ThreadPoolExecutor() as pool:
        repeats = any(pool.map(_has_duplicates, hashes.columns))
    return not repeats and not connection.execute(query("mapped/file#is_held")).fetchall()[0][0]


def stage_incidents(connection: duckdb.DuckDBPyConnection, *, refused_only: bool = False) -> None:
    """Create temporary table `staged` from `mapped` with content_hash: all rows, or only those that a rule refuses."""
    rows = "FROM mapped WHERE rule IS NOT NULL" if refused_only else "FROM mapped"
    with unordered(connection):
        connection.execute(stage_sql("incident", rows, STAGED))


def refuse(connection: duckdb.DuckDBPyConnection, mapping_name: str, *, again: bool = False) -> pa.Table:
    """Delete the rows with a `rule` from `staged` and return them as dead letters, of a replay with the new reason."""
    refused = query("mapped/dead_letters#refused_again" if again else "mapped/dead_letters#refused")
    dead = connection.execute(refused, {"mapping": mapping_name}).to_arrow_table()
    connection.execute("DELETE FROM staged WHERE rule IS NOT NULL")
    return dead.cast(DEAD_LETTER)


def unread_lines(connection: duckdb.DuckDBPyConnection, mapping_name: str) -> pa.Table:
    """Return malformed CSV lines as dead letters."""
    connection.execute(query("mapped/dead_letters#reject_tables"))
    return (
        connection.execute(query("mapped/dead_letters#unread_lines"), {"mapping": mapping_name})
        .to_arrow_table()
        .cast(DEAD_LETTER)
    )


def read_waiting(connection: duckdb.DuckDBPyConnection, mapping: Mapping) -> None:
    """Fill `raw` with the pending dead letters of the mapping, and `tried` with their keys."""
    connection.execute(query("mapped/dead_letters#tried_rows"), {"mapping": mapping.name})
    connection.execute("CREATE OR REPLACE TEMP TABLE tried AS SELECT topic, payload_hash FROM tried_row")
    columns = [f"payload ->> {literal_sql(_pointer(name))} AS {name_sql(name)}" for name in mapping.columns.theirs()]
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW raw AS SELECT {', '.join(dict.fromkeys(columns))}, "  # noqa: S608
        "payload ->> '/harmspot_incident_id' AS harmspot_incident_id, "
        "payload ->> '/harmspot_date_order' AS harmspot_date_order, source_offset AS harmspot_row, "
        "topic AS harmspot_file, rowid AS harmspot_number FROM tried_row"
    )
    connection.execute(query("mapped/file#raw_file"))


def _pointer(column: str) -> str:
    """Return the JSON pointer (RFC 6901) to a key."""
    return "/" + column.replace("~", "~0").replace("/", "~1")


def _has_duplicates(hashes: pa.ChunkedArray) -> bool:
    """Return whether a hash occurs twice; sorting takes a tenth of the time of DuckDB's grouping, and 8 bytes a row."""
    ordered = np.sort(hashes.to_numpy())
    return bool((ordered[1:] == ordered[:-1]).any())


def _group_by_header(files: list[Path]) -> list[list[Path]]:
    """Group CSV files by header, because DuckDB reads different ones by position; Parquet files need no grouping."""
    groups: dict[bytes, list[Path]] = {}
    for file in files:
        groups.setdefault(_header(file), []).append(file)
    return list(groups.values())


def _header(file: Path) -> bytes:
    if file.name.lower().endswith(".parquet"):
        return b""
    try:
        with gzip.open(file) if file.suffix.lower() == ".gz" else file.open("rb") as opened:
            return opened.readline().removeprefix(b"\xef\xbb\xbf").strip()
    except (OSError, EOFError) as error:
        raise SourceError(f"{file} cannot be read: {error}") from None


def _source_sql(files: list[Path], mapping: Mapping) -> str:
    names = f"[{', '.join(literal_sql(str(file)) for file in files)}]"
    common = "filename = 'harmspot_file'"
    if files[0].name.lower().endswith(".parquet"):
        return (
            f"read_parquet({names}, {common}, file_row_number = true, union_by_name = true, hive_partitioning = false)"
        )
    delimiter = mapping.delimiter or ","
    columns = ", ".join(f"{literal_sql(name)}: 'VARCHAR'" for name in _column_names(files[0], delimiter))
    # Detection is off: a single bad line could mislead or stop it.
    return (
        f"read_csv({names}, {common}, hive_partitioning = false, auto_detect = false, columns = {{{columns}}}, "
        f"header = true, delim = {literal_sql(delimiter)}, quote = '\"', escape = '\"', store_rejects = true)"
    )


def _column_names(file: Path, delimiter: str) -> list[str]:
    """Return the names in the header; blank and repeated ones become `column<position>`."""
    try:
        found = next(csv.reader([_header(file).decode("utf-8")], delimiter=delimiter), [])
    except (UnicodeDecodeError, csv.Error, TypeError) as error:
        raise SourceError(f"{file}: the header cannot be read: {error}") from None
    if not found:
        raise SourceError(f"{file} is empty: expected a header and rows")
    return [
        name if name and name not in found[:position] else f"column{position}" for position, name in enumerate(found)
    ]


def _derive_ids(connection: duckdb.DuckDBPyConnection, mapping: Mapping, types: dict[str, str]) -> None:
    is_hashed = mapping.blank_id == "hash" and "harmspot_incident_id" not in types
    content = content_of_row_sql(mapping) if is_hashed else "NULL::VARCHAR"
    condition = f"({id_sql(mapping, types)}) IS NULL" if is_hashed else "false"
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW unidentified AS SELECT harmspot_number AS row_number, harmspot_file AS file, "  # noqa: S608
        f"{content} AS content FROM raw WHERE {condition}"
    )
    connection.execute(query("mapped/file#derived_id"))


def _locate(connection: duckdb.DuckDBPyConnection, crs: str) -> None:
    """Create temporary view `located`: `extract` with lon and lat; only distinct points are transformed."""
    if is_degrees(crs):
        connection.execute(query("mapped/file#located_in_degrees"))
        return
    points = frame(connection, query("mapped/file#distinct_point"))
    transform = pyproj.Transformer.from_crs(crs, WGS84, always_xy=True).transform
    lon, lat = transform(points["x"].to_numpy(dtype=float), points["y"].to_numpy(dtype=float))
    is_finite = np.isfinite(lon) & np.isfinite(lat)
    _create_table(connection, "point_wgs84", points.assign(lon=lon, lat=lat)[is_finite])
    connection.execute(query("mapped/file#located_by_point"))


def _place(connection: duckdb.DuckDBPyConnection, mapping: Mapping) -> None:
    """Create temporary view `placed`: `located` with the points of the gazetteer."""
    if mapping.gazetteer is None:
        connection.execute(query("mapped/file#not_placed"))
        return
    _create_table(connection, "gazetteer_place", mapping.places)
    connection.execute(query("mapped/file#place_point"))
    connection.execute(query("mapped/file#placed"))


def _fill_lookups(connection: duckdb.DuckDBPyConnection, mapping: Mapping, last_year: int) -> None:
    _create_table(connection, "offence_table", mapping.offences)
    connection.execute(query("mapped/offence_word"))
    _create_table(connection, "status_word", words_of(mapping.statuses), "folded(word) AS word, meaning")
    _create_table(connection, "discovery_word", words_of(mapping.discoveries), "folded(word) AS word, meaning")
    spans = zone_spans(mapping.time_zone or "UTC", last_year)
    _create_table(connection, "zone_span", spans if mapping.time_zone else spans.slice(0, 0))
    for ours in ("occurred_at", "occurred_to", "reported_at"):
        # DuckDB leaves out a join with what it knows to be empty.
        rows = "FROM zone_span" if ours in mapping.columns.named() else "FROM zone_span WHERE false"
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {ours}_span AS {rows}")
    _create_table(connection, "named_column", _named_columns(mapping))


def _named_columns(mapping: Mapping) -> pa.Table:
    """Return our name of a column, the file's in words, and JSON pointers to its values."""
    named = mapping.columns.named()
    named["point"] = named.get("point") or named.get("x", ()) + named.get("y", ())
    rows = [
        {"ours": ours, "theirs": " and ".join(f"`{name}`" for name in names), "pointers": [_pointer(n) for n in names]}
        for ours, names in named.items()
        if names
    ]
    types = {"ours": pa.string(), "theirs": pa.string(), "pointers": pa.list_(pa.string())}
    return pa.Table.from_pylist(rows, schema=pa.schema(types))


def _create_table(connection: duckdb.DuckDBPyConnection, name: str, rows: object, columns: str = "*") -> None:
    connection.register("filling", rows)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {columns} FROM filling")  # noqa: S608 - ours
    connection.unregister("filling")
