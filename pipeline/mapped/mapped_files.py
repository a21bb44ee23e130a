"""Load third-party files through a mapping: one relation, then incidents, in set-based SQL."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyproj

from pipeline.database import connect, frame, literal_sql, name_sql, query, unordered
from pipeline.errors import MappingError, SourceError
from pipeline.events.columns import DEAD_LETTER, ENVELOPE
from pipeline.files.parts import Part, PassedOver
from pipeline.files.table import ReadFile, read_files, read_parts
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
from pipeline.mapped.mapping import DISCOVERIES, PRECISIONS, STATUSES, Mapping, check_columns
from pipeline.mapped.time_zones import zone_spans

SHOWN_LOSSES = 5  # lines of a load that name what is lost
LEAST_LOSS = 5  # refused rows that say something about what they have in common
# The incident columns that sql/mapped/incident.sql yields.
STAGED = (
    *(field.name for field in ENVELOPE),
    *("incident_id", "version", "status", "occurred_at", "occurred_precision", "is_ambiguous_hour", "reported_at"),
    *("offence_code", "discovery", "lon", "lat", "area_id", "is_domestic"),
)


def read_raw(
    connection: duckdb.DuckDBPyConnection, path: Path, mapping: Mapping
) -> tuple[list[ReadFile], list[PassedOver]]:
    """Create temporary view `raw` and table `unread_line` of a file, or of the files in a folder or zip.

    Returns
    -------
    list of ReadFile
        The files read.
    list of PassedOver
        The files of a folder or zip that are not read.

    Raises
    ------
    SourceError
        When a file does not exist or cannot be read.
    MappingError
        When a column that the mapping names is missing.
    """
    files, passed_over = read_files(connection, path, mapping.format)
    for file in files:
        check_columns(mapping, file.columns, file.name)
    return files, passed_over


def read_part(connection: duckdb.DuckDBPyConnection, part: Part, mapping: Mapping) -> ReadFile:
    """Do the same as `read_raw` for one file of those that `pipeline.files.parts.find_parts` found."""
    [file], _ = read_parts(connection, [part], mapping.format)
    check_columns(mapping, file.columns, file.name)
    return file


def map_incidents(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, horizon: datetime, file_crs: str | None = None
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
    file_crs : str or None
        Coordinate system that the file itself states; the mapping's holds where it states one. Rows that wait have that
        of their own file.
    """
    types = column_types(connection)
    systems = [mapping.crs or file_crs or WGS84]
    if mapping.crs is None and "harmspot_crs" in types:
        systems = [row[0] for row in connection.execute(query("mapped/file#waiting_systems")).fetchall()] or systems
    connection.execute("SET VARIABLE stated_crs = $crs::VARCHAR", {"crs": file_crs})
    told = set_reading(connection, mapping, systems)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW extract AS {extract_sql(mapping, types, told)}")
    _derive_ids(connection, mapping, types)
    fill_spans(connection, mapping, horizon.year)
    connection.execute(query("mapped/file#identified"))
    _locate(connection, systems)
    _place(connection, mapping)
    _fill_lookups(connection, mapping)
    connection.execute(query("mapped/refusal"))
    # A view cannot bind parameters.
    for name in ("source", "discovery"):
        connection.execute(f"SET VARIABLE {name} = $value::VARCHAR", {"value": getattr(mapping, name)})
    connection.execute("SET VARIABLE rank = $rank", {"rank": PRECISIONS.index(mapping.precision)})
    connection.execute(
        "SET VARIABLE no_number = $rule", {"rule": "no_point" if "point" in mapping.columns.named() else "no_number"}
    )
    is_versioned = mapping.columns.is_versioned()
    connection.execute("SET VARIABLE is_versioned = $is", {"is": is_versioned})
    connection.execute("SET VARIABLE has_gazetteer = $has", {"has": mapping.gazetteer is not None})
    connection.execute("SET VARIABLE horizon = $horizon", {"horizon": horizon})
    connection.execute(query("mapped/file#no_refused_number"))
    connection.execute(query("mapped/incident"))


def read_mapped_incidents(path: Path, mapping: Mapping, *, horizon: datetime) -> tuple[pd.DataFrame, int]:
    """Read a file, or a folder of files, without a store, for a forecast directly from the file.

    Parameters
    ----------
    path : Path
        A file, or a folder or zip of files.
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
    if mapping.kind != "incidents":
        raise MappingError(f"mapping {mapping.name!r} reads {mapping.kind}: expected one of incidents")
    with closing(connect(is_encrypting=False)) as connection:
        files, _ = read_raw(connection, path, mapping)
        map_incidents(connection, replace(mapping, source_ids="as_given"), horizon, stated_crs(files))
        incidents = frame(connection, query("mapped/file#readable"))
        [(unreadable,)] = connection.execute("SELECT count(*) FROM mapped WHERE rule IS NOT NULL").fetchall()
    return incidents, int(unreadable)


def stage_incidents(connection: duckdb.DuckDBPyConnection) -> None:
    """Create temporary table `staged` from `mapped`."""
    with unordered(connection):
        connection.execute("CREATE OR REPLACE TEMP TABLE staged AS FROM mapped")


def refuse(connection: duckdb.DuckDBPyConnection, mapping: Mapping, *, again: bool = False) -> pa.Table:
    """Delete the rows with a `rule` from `staged` and return them as dead letters, of a replay with the new reason."""
    refused = query("mapped/dead_letters#refused_again" if again else "mapped/dead_letters#refused")
    dead = connection.execute(refused, {"mapping": mapping.name}).to_arrow_table()
    connection.execute("INSERT INTO refused_number SELECT row_number FROM staged WHERE rule IS NOT NULL")
    connection.execute("DELETE FROM staged WHERE rule IS NOT NULL")
    return dead.cast(DEAD_LETTER)


def warnings_of(connection: duckdb.DuckDBPyConnection, mapping: Mapping) -> Iterator[str]:
    """Yield what is odd about the rows as a whole, once they are kept: ids, places, what the refused have in common."""
    [(may_be_twins,)] = connection.execute(query("mapped/file#has_odd_ids")).fetchall()
    if may_be_twins and (twins := connection.execute(query("mapped/file#twins")).fetchall()[0][0]):
        yield (
            f"{twins:,} ids differ from another only in leading zeros or `.0`; if they are numbers, set numeric: "
            "[incident_id] in the mapping"
        )
    yield from warnings_of_times(connection)
    if mapping.gazetteer:
        [(asked, placed, _)] = connection.execute(query("mapped/file#gazetteer_rate")).fetchall()
        if asked:
            yield f"the gazetteer knows {placed:,} of {asked:,} rows without a point ({placed / asked:.0%})"
    [(refused,)] = connection.execute("SELECT count(*) FROM refused_number").fetchall()
    if refused < LEAST_LOSS:
        return
    lost_rows = connection.execute(query("mapped/file#biased_loss"), {"least": LEAST_LOSS}).fetchall()
    for trait, value, rows, lost in lost_rows[:SHOWN_LOSSES]:
        yield f"biased loss: {lost:,} of {rows:,} rows of {trait} {value!r} are refused; the ranking lacks them"
    if more := lost_rows[SHOWN_LOSSES:]:
        yield f"biased loss: the ranking lacks {len(more):,} further offences, months or areas, too"


def warnings_of_times(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Yield which times are read as epochs though the mapping does not say so."""
    for (ours,) in connection.execute("SELECT DISTINCT ours FROM epoch_column ORDER BY ours").fetchall():
        yield (
            f"{ours} is written in digits alone and is read as seconds, milliseconds or microseconds since 1970; set "
            f"{ours}_format (epoch_s or epoch_ms) in the mapping to be sure"
        )


def unread_lines(connection: duckdb.DuckDBPyConnection, mapping_name: str) -> pa.Table:
    """Return the lines that are no rows as dead letters."""
    return (
        connection.execute(query("mapped/dead_letters#unread_lines"), {"mapping": mapping_name})
        .to_arrow_table()
        .cast(DEAD_LETTER)
    )


def read_waiting(connection: duckdb.DuckDBPyConnection, mapping: Mapping, topic: str, digest: str | None) -> None:
    """Fill `raw` with the pending dead letters of the mapping from one file, and `tried` with their keys."""
    letters = {"mapping": mapping.name, "topic": topic, "digest": digest}
    connection.execute(query("mapped/dead_letters#tried_rows"), letters)
    connection.execute("CREATE OR REPLACE TEMP TABLE tried AS SELECT topic, payload_hash FROM tried_row")
    columns = [f"{_waiting_sql(name)} AS {name_sql(name)}" for name in mapping.theirs()]
    content = [
        f"coalesce(payload ->> {literal_sql(_pointer(name))}, '')"
        for several in mapping.columns.named().values()
        for name in several
    ]
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW raw AS SELECT {', '.join(columns)}, "  # noqa: S608
        "payload ->> '/harmspot_incident_id' AS harmspot_incident_id, source_offset + 1 AS harmspot_line, "
        f"concat_ws(chr(31), {', '.join(content)}) AS harmspot_content, payload ->> '/harmspot_crs' AS harmspot_crs, "
        "payload ->> '/harmspot_date_order' AS harmspot_date_order, payload ->> '/harmspot_epochs' AS harmspot_epochs, "
        "topic AS harmspot_file, rowid AS harmspot_number FROM tried_row"
    )


def stated_crs(files: Sequence[ReadFile]) -> str | None:
    """Return the coordinate system that the files state; raise SourceError if they state different ones."""
    stated = sorted({file.crs for file in files if file.crs})
    if len(stated) > 1:
        both = " and ".join(stated)
        raise SourceError(f"{files[0].name} and others are in {both}; state crs in the mapping, or load them apart")
    return stated[0] if stated else None


def waiting_crs(connection: duckdb.DuckDBPyConnection) -> str | None:
    """Return the coordinate system that the files of the dead letters in `tried_row` stated."""
    [(crs,)] = connection.execute("SELECT max(payload ->> '/harmspot_crs') FROM tried_row").fetchall()
    return crs


def _waiting_sql(column: str) -> str:
    """Return SQL of a column of a dead letter as text, whole numbers without `.0`."""
    pointer = literal_sql(_pointer(column))
    text = f"payload ->> {pointer}"
    return (
        f"CASE WHEN json_type(payload, {pointer}) = 'DOUBLE' THEN regexp_replace({text}, '\\.0$', '') ELSE {text} END"
    )


def _pointer(column: str) -> str:
    """Return the JSON pointer (RFC 6901) to a key."""
    return "/" + column.replace("~", "~0").replace("/", "~1")


def _derive_ids(connection: duckdb.DuckDBPyConnection, mapping: Mapping, types: dict[str, str]) -> None:
    is_hashed = mapping.blank_id == "hash"
    content = "harmspot_content" if "harmspot_content" in types else content_of_row_sql(mapping)
    condition = f"({id_sql(mapping, types)}) IS NULL" if is_hashed else "false"
    if "harmspot_incident_id" in types:  # of a row that waits, which may have been given one
        condition += " AND harmspot_incident_id IS NULL"
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW unidentified AS SELECT harmspot_number AS row_number, harmspot_file AS file, "  # noqa: S608
        f"{content} AS content FROM raw WHERE {condition}"
    )
    connection.execute(query("mapped/file#derived_id"))
    if mapping.same_id == "each":
        connection.execute(query("mapped/file#each_id"))


def _locate(connection: duckdb.DuckDBPyConnection, systems: Sequence[str]) -> None:
    """Create temporary view `located`: `extract` with lon and lat; only distinct points are transformed."""
    if all(map(is_degrees, systems)):
        connection.execute(query("mapped/file#located_in_degrees"))
    elif len(systems) == 1:
        points = frame(connection, query("mapped/file#distinct_point"))
        create_table(connection, "point_wgs84", _in_degrees(points, systems[0]))
        connection.execute(query("mapped/file#located_by_point"))
    else:
        points = frame(connection, query("mapped/file#distinct_point_by_crs"))
        parts = [_in_degrees(points[points["row_crs"] == crs], crs) for crs in systems]
        create_table(connection, "point_wgs84", pd.concat(parts))
        connection.execute(query("mapped/file#located_by_point_and_crs"))


def _in_degrees(points: pd.DataFrame, crs: str) -> pd.DataFrame:
    """Return the points (x, y) with lon and lat, without those that are not on Earth."""
    transform = pyproj.Transformer.from_crs(crs, WGS84, always_xy=True).transform
    lon, lat = transform(points["x"].to_numpy(dtype=float), points["y"].to_numpy(dtype=float))
    return points.assign(lon=lon, lat=lat)[np.isfinite(lon) & np.isfinite(lat)]


def _place(connection: duckdb.DuckDBPyConnection, mapping: Mapping) -> None:
    """Create temporary view `placed`: `located` with the points of the gazetteer."""
    if mapping.gazetteer is None:
        connection.execute(query("mapped/file#not_placed"))
        return
    create_table(connection, "gazetteer_place", mapping.places)
    connection.execute(query("mapped/file#place_point"))
    connection.execute(query("mapped/file#placed"))


def _fill_lookups(connection: duckdb.DuckDBPyConnection, mapping: Mapping) -> None:
    match_offences(connection, mapping)
    # Of words that are the same when folded, the first listed counts.
    words = "folded(word) AS word, arg_min(meaning, rank) AS meaning"
    create_table(connection, "status_word", words_of(mapping.statuses, STATUSES), words, "GROUP BY ALL")
    create_table(connection, "discovery_word", words_of(mapping.discoveries, DISCOVERIES), words, "GROUP BY ALL")
    create_table(connection, "named_column", _named_columns(mapping))


def fill_spans(connection: duckdb.DuckDBPyConnection, mapping: Mapping, last_year: int) -> None:
    """Create the spans of the mapping's time zone for each time of an incident, and of updated_at of any record."""
    spans = zone_spans(mapping.time_zone or "UTC", last_year)
    create_table(connection, "zone_span", spans if mapping.time_zone else spans.slice(0, 0))
    for ours in ("occurred_at", "occurred_to", "reported_at", "updated_at"):
        # DuckDB leaves out a join with what it knows to be empty.
        rows = "FROM zone_span" if ours in mapping.columns.named() else "FROM zone_span WHERE false"
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {ours}_span AS {rows}")


def match_offences(connection: duckdb.DuckDBPyConnection, mapping: Mapping) -> None:
    """Create temporary table `offence_word`: the match of each pair of offence and detail of `extract`."""
    create_table(connection, "offence_table", mapping.offences)
    connection.execute(query("mapped/offence_word"))


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


def create_table(
    connection: duckdb.DuckDBPyConnection, name: str, rows: object, columns: str = "*", grouped: str = ""
) -> None:
    """Create temporary table `name` with `columns` of a frame or an Arrow table, perhaps grouped."""
    connection.register("filling", rows)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {columns} FROM filling {grouped}")  # noqa: S608 - ours
    connection.unregister("filling")
