"""From the columns of a file to values under our names: SQL over view `raw`, by how each column is read.

Levels of a query follow each other, because DuckDB computes each expression once per level and row. The macros that it
uses are in `sql/mapped/macro.sql`, the variables that they read in `set_reading`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import zip_longest

import pandas as pd
import pyproj

from pipeline.database import Connection, literal_sql, name_sql, query
from pipeline.mapped.columns import BLANKS, text_sql
from pipeline.mapped.mapping import NO_WORDS
from pipeline.mapped.mapping import Mapping as FileMapping
from pipeline.mapped.time_format import TimeFormat, read_format
from pipeline.mapped.time_zones import zone_words
from pipeline.mapped.times import LEVELS, Told, time_levels

WGS84 = "EPSG:4326"
# Words for nothing, in capitals, unless a table of the mapping lists them; `NA`, `UNKNOWN` and `0` may be values.
BLANK_WORDS = (
    *("NULL", "<NULL>", "(NULL)", "[NULL]", r"\N", "NIL", "<NIL>", "NONE", "<NONE>", "(NONE)", "NAN", "<NA>", "NAT"),
    *("N/A", "#N/A", "(BLANK)", "-", "--", "---", ".", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"),
)
_DERIVED_ID = "harmspot_incident_id"  # of a replayed row


def set_reading(connection: Connection, mapping: FileMapping, systems: Sequence[str]) -> Told:
    """Create the macros and set what they read; return what the files tell about how their times are written.

    Parameters
    ----------
    connection : Connection
        Connection with view `raw`.
    mapping : FileMapping
        The mapping of the file.
    systems : sequence of str
        Coordinate systems of x and y: one, or those of the files of waiting rows.
    """
    listed = {
        *mapping.offences["offence"],
        *mapping.offences["offence_detail"],
        *mapping.statuses,
        *mapping.discoveries,
        *mapping.kinds,
        *mapping.roles,
    }
    known = {word.strip().upper() for word in listed}
    further = {word.strip().upper() for word in mapping.blanks}
    blanks = sorted({"", *(word for word in BLANK_WORDS if word not in known), *further})
    # Where there are several, a text that states its own is refused.
    code = pyproj.CRS.from_user_input(systems[0]).to_epsg() if len(systems) == 1 else None
    variables = {
        "blank_characters": BLANKS,
        "blank_words": blanks,
        "is_plain_text": not further,
        "srid": str(code or 0),
        "degree_systems": [crs for crs in systems if is_degrees(crs)] or [""],
        "is_degrees": all(map(is_degrees, systems)),
        "numeric": list(mapping.numeric) or [""],
    }
    for name, value in variables.items():
        connection.execute(f"SET VARIABLE {name} = $value", {"value": value})
    words = zone_words(mapping.time_zone) if mapping.time_zone else {"UTC": 0}
    parameters = {"words": list(words), "offsets": list(words.values())}
    connection.execute("SET VARIABLE zone_words = map($words::VARCHAR[], $offsets::BIGINT[])", parameters)
    connection.execute(query("mapped/macro"))
    if mapping.source_ids == "keyed":
        connection.execute("CREATE OR REPLACE TEMP MACRO kept_id(id) AS short_id(id)")
    return _told(connection, mapping, column_types(connection))


def is_degrees(crs: str) -> bool:
    """Return whether a coordinate system is WGS84 itself, so that its x and y are lon and lat."""
    return bool(pyproj.CRS.from_user_input(crs) == pyproj.CRS.from_user_input(WGS84))


def column_types(connection: Connection) -> dict[str, str]:
    """Return DuckDB's type of each column of `raw`."""
    return {row[0]: row[1] for row in connection.execute("DESCRIBE raw").fetchall()}


def extract_sql(mapping: FileMapping, types: Mapping[str, str], told: Told) -> str:
    """Return the query that reads the columns of `raw` under our names.

    A column gives, by how it is read (`READS` of the mapping's columns): text and word itself; number and integer also
    `is_…_given`; truth `is_…`, null where the word says neither; time `…_local`, `…_absolute`, `…_rank` and `…_fault`
    (see `pipeline.mapped.times`). All are there, null where the file has no such column; row_number and file tell the
    row.

    Parameters
    ----------
    mapping : FileMapping
        The mapping of the file.
    types : mapping of str to str
        DuckDB's types of the columns in `raw`.
    told : Told
        What the files tell about how their times are written.
    """
    row = ["harmspot_number AS row_number", "harmspot_file AS file", "harmspot_line AS line"]
    row += [f"{_DERIVED_ID if _DERIVED_ID in types else 'NULL'} AS {_DERIVED_ID}"]
    row.append(f"{told.date_order} AS date_order")
    passed_on = ["row_number", "file", "line", _DERIVED_ID, "is_degrees"]
    if "harmspot_crs" in types and mapping.crs is None:
        crs = f"coalesce(harmspot_crs, {literal_sql(WGS84)})"
        row += [f"{crs} AS row_crs", f"list_contains(getvariable('degree_systems'), {crs}) AS is_degrees"]
        passed_on.append("row_crs")
    else:
        row.append("getvariable('is_degrees') AS is_degrees")
    by_column = [[row, *([[]] * (LEVELS - 2)), passed_on], *_by_column(mapping, types, told)]
    levels = [[part for parts in level for part in parts] for level in zip_longest(*by_column, fillvalue=[])]
    sql = f"SELECT {', '.join(levels[0])} FROM raw"  # noqa: S608 - ours
    for level in levels[1:-1]:
        sql = f"SELECT {', '.join(['*', *level])} FROM ({sql})" if level else sql  # noqa: S608 - ours
    return f"SELECT {', '.join(levels[-1])} FROM ({sql})"  # noqa: S608 - ours


def content_of_row_sql(mapping: FileMapping) -> str:
    """Return SQL that joins the mapped columns of a row; rows with equal content give equal text."""
    names = [name for several in mapping.columns.named().values() for name in several]
    texts = (f"coalesce(CAST({name_sql(name)} AS VARCHAR), '')" for name in names)
    return f"concat_ws(chr(31), {', '.join(texts)})"


def id_sql(mapping: FileMapping, types: Mapping[str, str]) -> str:
    """Return SQL of the text of a row's own id; null if it is blank."""
    return _text_of("incident_id", mapping.columns.named().get("incident_id", ()), types, is_read=True)


def words_of(meanings: Mapping[str, str], own: Collection[str]) -> pd.DataFrame:
    """Return the table of word, meaning and rank, from which `status_word` and `discovery_word` are made.

    Our own words mean themselves where the mapping does not list them.
    """
    pairs = [*meanings.items(), *((word, word) for word in own)]
    return pd.DataFrame({"word": [p[0] for p in pairs], "meaning": [p[1] for p in pairs], "rank": range(len(pairs))})


def _by_column(mapping: FileMapping, types: Mapping[str, str], told: Told) -> Iterator[list[list[str]]]:
    named = mapping.columns.named()
    for ours, read in mapping.columns.READS.items():
        names = named.get(ours, ())
        if read == "time":
            yield time_levels(ours, names, types, mapping.formats.get(ours), told)
        elif read == "point":
            if names:
                yield _point_levels(text_sql(names[0], types))
        elif not names and not (read == "number" and "point" in named):
            yield _levels([], [f"{part} AS {part_name}" for part, part_name in _absent(ours, read)])
        elif names:
            text, kind = _text_of(ours, names, types), types.get(names[0], "") if names else ""
            given = f"{ours}_given"
            if read == "number":
                yield _valued(ours, text, _number_sql(given, kind, mapping))
            elif read == "integer":
                yield _valued(ours, text, f"integer_of({given})")
            else:
                yield _levels([f"{text} AS {given}"], _READERS[read](ours, kind, mapping))
    if mapping.gazetteer:
        texts = ", ".join(text_sql(name, types) for name in mapping.gazetteer.match)
        yield _levels([f"concat_ws(' ', {texts}) AS place_given"], ["place_given AS place"])


def _absent(ours: str, read: str) -> list[tuple[str, str]]:
    """Return what a column that the file has not gives, and its name."""
    if read == "truth":
        return [("false", f"is_{ours}")]
    value = {"number": "NULL::DOUBLE", "integer": "NULL::BIGINT"}.get(read, "NULL::VARCHAR")
    return [(value, ours)] + ([("false", f"is_{ours}_given")] if read in {"number", "integer"} else [])


def _levels(first: list[str], last: list[str]) -> list[list[str]]:
    return [first, *([[]] * (LEVELS - 2)), last]


def _text_of(ours: str, names: tuple[str, ...], types: Mapping[str, str], *, is_read: bool = False) -> str:
    if not names:
        return "NULL::VARCHAR"
    if len(names) > 1:
        texts = [f"text_of({text_sql(name, types)})" for name in names]
        if ours.endswith("_id"):  # a part that is blank identifies nothing
            return " || '-' || ".join(f"({text})" for text in texts)
        parts = ", ".join(f"coalesce({text}, '')" for text in texts)
        return f"nullif(concat_ws('-', {parts}), {literal_sql('-' * (len(names) - 1))})"
    kind = types.get(names[0], "VARCHAR")
    text = name_sql(names[0]) if kind in _NUMERIC_TYPES and ours in _NUMBERS else text_sql(names[0], types)
    return f"text_of({text})" if is_read else text


_NUMBERS = {"x", "y"}
_NUMERIC_TYPES = {"DOUBLE", "FLOAT", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UINTEGER", "UBIGINT"}


def _text(ours: str, kind: str, mapping: FileMapping) -> list[str]:
    text = f"{ours}_given" if kind in _NUMERIC_TYPES else f"text_of({ours}_given)"
    return [f"{f'whole_number({text})' if ours in mapping.numeric else text} AS {ours}"]


def _word(ours: str, _: str, __: FileMapping) -> list[str]:
    return [f"{ours}_given AS {ours}"]


def _valued(ours: str, given: str, value: str) -> list[list[str]]:
    """Return the levels of a value and of `is_…_given`, which looks at the text only where there is no value."""
    is_given = f"CASE WHEN {ours}_value IS NULL THEN NOT is_blank_value({ours}_given::VARCHAR) ELSE true END"
    last = [f"{ours}_value AS {ours}", f"{is_given} AS is_{ours}_given"]
    return [[f"{given} AS {ours}_given"], [f"{value} AS {ours}_value"], *([[]] * (LEVELS - 3)), last]


def _number_sql(given: str, kind: str, mapping: FileMapping) -> str:
    value = _plain_number_sql(given, kind, mapping)
    text = f"regexp_replace({given}::VARCHAR, '\\.0$', '')"
    return f"CASE WHEN NOT is_blank_value({text}) THEN {value} END" if mapping.blanks else value


def _plain_number_sql(given: str, kind: str, mapping: FileMapping) -> str:
    if kind in _NUMERIC_TYPES:
        return f"CASE WHEN NOT isnan({given}::DOUBLE) THEN {given}::DOUBLE END"
    if mapping.decimal == "." and not mapping.thousands:
        return f"number_of({given})"
    classes = {"'": "['’]", " ": r"[\s\pZ]"}
    marks = [classes.get(mark, f"[{mark}]") for mark in (mapping.decimal, mapping.thousands or " ")]
    return f"marked_number_of({given}, {', '.join(map(literal_sql, marks))})"


def _truth(ours: str, _: str, mapping: FileMapping) -> list[str]:
    word = f"whole_number(folded({ours}_given))"
    lists = (", ".join(f"folded({literal_sql(word)})" for word in words) for words in (mapping.true_values, NO_WORDS))
    is_true, is_false = (f"list_contains([{words}], {word})" for words in lists)
    return [
        f"CASE WHEN {is_true} THEN true WHEN is_blank_value({ours}_given) OR {is_false} THEN false END AS is_{ours}"
    ]


_READERS = {"text": _text, "word": _word, "truth": _truth}


def _point_levels(text: str) -> list[list[str]]:
    """Return the levels that read x and y from one column."""
    lon = "coalesce(nullif(p.a, ''), nullif(p.c, ''), CASE WHEN is_degrees THEN nullif(q.b, '') END, {})"
    lat = "coalesce(nullif(p.b, ''), nullif(p.d, ''), CASE WHEN is_degrees THEN nullif(q.a, '') END, {})"
    x = lon.format("nullif(keyed_number(point_given, '(?:longitude|long|lng|lon|x)'), '')")
    y = lat.format("nullif(keyed_number(point_given, '(?:latitude|lat|y)'), '')")
    given = "NOT is_blank_value(point_given)"
    return [
        [f"{text} AS point_given"],
        ["lon_lat_of(point_given) AS p", "lat_lon_of(point_given) AS q"],
        *([[]] * (LEVELS - 3)),
        [
            f"TRY_CAST({x} AS DOUBLE) AS x",
            f"TRY_CAST({y} AS DOUBLE) AS y",
            f"{given} AS is_x_given",
            f"{given} AS is_y_given",
        ],
    ]


def _told(connection: Connection, mapping: FileMapping, types: Mapping[str, str]) -> Told:
    """Return what the times of the files tell; create table `epoch_column` and the macros that tell it of a file."""
    # A replayed row carries what its file told; other rows that wait cannot tell it.
    if _DERIVED_ID in types:
        connection.execute(query("mapped/file#no_epoch_column"))
        is_epoch = "contains(concat(' ', harmspot_epochs, ' '), ' {} ')"
        return Told(
            "harmspot_date_order", ("dmy", "mdy"), {ours: is_epoch.format(ours) for ours in _guessed(mapping, types)}
        )
    orders, epoch_columns = _told_by_file(connection, mapping, types)
    files = 0
    if orders or epoch_columns:
        [(files,)] = connection.execute("SELECT count(DISTINCT harmspot_file) FROM raw").fetchall()
    by_order = {order: [file for file in orders if orders[file] == order] for order in sorted(set(orders.values()))}
    by_column = {ours: [file for file, name in epoch_columns if name == ours] for _, ours in epoch_columns}
    order = _first_sql([(_is_one_of_sql(names, files), literal_sql(order)) for order, names in by_order.items()])
    epochs = {ours: _is_one_of_sql(names, files) for ours, names in by_column.items()}
    listed = ", ".join(_first_sql([(is_epoch, literal_sql(ours))]) for ours, is_epoch in epochs.items())
    connection.execute(f"CREATE OR REPLACE TEMP MACRO file_date_order(harmspot_file) AS {order}")
    listed = f"nullif(concat_ws(' ', {listed}), '')" if listed else "NULL::VARCHAR"
    connection.execute(f"CREATE OR REPLACE TEMP MACRO file_epochs(harmspot_file) AS {listed}")
    is_alike = len(by_order) == 1 and len(orders) == files
    return Told(order, tuple(by_order) if is_alike else ("dmy", "mdy") if by_order else (), epochs)


def _told_by_file(
    connection: Connection, mapping: FileMapping, types: Mapping[str, str]
) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the order of day and month by file, and the columns of a file that are epochs in digits."""
    connection.execute(query("mapped/file#no_epoch_column"))
    guessed = _guessed(mapping, types)
    if not guessed:
        return {}, []
    rows = (
        f"SELECT harmspot_file AS file, {literal_sql(ours)} AS ours, {text} AS given, "  # noqa: S608 - ours
        f"{'true' if form is None else 'false'} AS is_free, {_is_stated_sql(text, form)} AS is_stated FROM raw"
        for ours, (text, form) in guessed.items()
    )
    connection.execute(f"CREATE OR REPLACE TEMP VIEW given_time AS {' UNION ALL '.join(rows)}")
    told = connection.execute(query("mapped/file#told_times")).fetchall()
    if any(row[4] for row in told):
        connection.execute(query("mapped/file#epoch_column"))
    first = {row[0]: [0, 0] for row in told}
    for file, _, days, months, _ in told:
        first[file] = [first[file][0] + days, first[file][1] + months]
    orders = {file: "mdy" if months else "dmy" for file, (days, months) in first.items() if bool(days) != bool(months)}
    return orders, connection.execute("FROM epoch_column ORDER BY ALL").fetchall()


def _guessed(mapping: FileMapping, types: Mapping[str, str]) -> dict[str, tuple[str, TimeFormat | None]]:
    """Return the times of text that may be epochs or without a stated order: SQL of the first text, the format."""
    found = {}
    for ours, names in mapping.columns.named().items():
        kind = types.get(names[0], "VARCHAR")
        if mapping.columns.READS[ours] != "time" or kind == "DATE" or kind.startswith("TIMESTAMP"):
            continue
        stated = mapping.formats.get(ours)
        form = None if stated is None else read_format(f"{ours}_format", stated)
        if not isinstance(form, str) and not (form and form.digits):
            found[ours] = (text_sql(names[0], types), form)
    return found


def _is_stated_sql(text: str, form: TimeFormat | None) -> str:
    return "false" if form is None else f"try_strptime({text}, {literal_sql(form.pattern)}) IS NOT NULL"


def _is_one_of_sql(names: list[str], files: int) -> str:
    """Return the condition that a row is of one of the named files, of all that there are."""
    return "true" if len(names) == files else f"harmspot_file IN ({', '.join(map(literal_sql, names))})"


def _first_sql(cases: list[tuple[str, str]]) -> str:
    return f"CASE {' '.join(f'WHEN {is_it} THEN {value}' for is_it, value in cases)} END" if cases else "NULL::VARCHAR"
