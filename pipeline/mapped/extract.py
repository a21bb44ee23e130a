"""From the columns of a file to values under our names: SQL over view `raw`, by how each column is read.

Levels of a query follow each other, because DuckDB computes each expression once per level and row. The macros that it
uses are in `sql/mapped/macro.sql`, the variables that they read in `set_reading`.
"""

from collections.abc import Collection, Iterator, Mapping
from itertools import zip_longest

import pandas as pd
import pyproj

from pipeline.database import Connection, literal_sql, name_sql, query
from pipeline.mapped.columns import text_sql
from pipeline.mapped.mapping import NO_WORDS
from pipeline.mapped.mapping import Mapping as FileMapping
from pipeline.mapped.time_zones import zone_words
from pipeline.mapped.times import LEVELS, time_levels

WGS84 = "EPSG:4326"
# Words for nothing, in capitals, unless a table of the mapping lists them; `NA`, `UNKNOWN` and `0` may be values.
BLANK_WORDS = (
    *("NULL", "<NULL>", "(NULL)", "[NULL]", r"\N", "NIL", "<NIL>", "NONE", "<NONE>", "(NONE)", "NAN", "<NA>", "NAT"),
    *("N/A", "#N/A", "(BLANK)", "-", "--", "---", ".", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"),
)
# Characters that Unicode counts as blank, and those without width.
_BLANKS = "".join(chr(code) for code in range(0x3001) if chr(code).isspace()) + "\u200b\ufeff"
_DERIVED_ID = "harmspot_incident_id"  # of a replayed row


def set_reading(connection: Connection, mapping: FileMapping, crs: str) -> str | None:
    """Create the macros and set what they read; return the order of day and month that the file tells, `mdy` or `dmy`.

    Parameters
    ----------
    connection : Connection
        Connection with view `raw`.
    mapping : FileMapping
        The mapping of the file.
    crs : str
        Coordinate system of x and y.
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
    code = pyproj.CRS.from_user_input(crs).to_epsg()
    variables = {
        "blank_characters": _BLANKS,
        "blank_words": blanks,
        "is_plain_text": not further,
        "srid": str(code or 0),
        "is_degrees": is_degrees(crs),
        "numeric": list(mapping.numeric) or [""],
    }
    for name, value in variables.items():
        connection.execute(f"SET VARIABLE {name} = $value", {"value": value})
    words = zone_words(mapping.time_zone) if mapping.time_zone else {"UTC": 0}
    parameters = {"words": list(words), "offsets": list(words.values())}
    connection.execute("SET VARIABLE zone_words = map($words::VARCHAR[], $offsets::BIGINT[])", parameters)
    connection.execute(query("mapped/macro"))
    types = column_types(connection)
    # A replayed row carries the order of its file; other rows that wait cannot tell it.
    order = None if _DERIVED_ID in types else _date_order(connection, mapping, types)
    connection.execute("SET VARIABLE date_order = $order::VARCHAR", {"order": order})
    return order


def is_degrees(crs: str) -> bool:
    """Return whether a coordinate system is WGS84 itself, so that its x and y are lon and lat."""
    return bool(pyproj.CRS.from_user_input(crs) == pyproj.CRS.from_user_input(WGS84))


def column_types(connection: Connection) -> dict[str, str]:
    """Return DuckDB's type of each column of `raw`."""
    return {row[0]: row[1] for row in connection.execute("DESCRIBE raw").fetchall()}


def extract_sql(mapping: FileMapping, types: Mapping[str, str], date_order: str | None = None) -> str:
    """Return the query that reads the columns of `raw` under our names.

    A column gives, by how it is read (`READS` of the mapping's columns): text and word itself; number and integer also
    `is_…_given`; truth `is_…`, null where the word says neither; time `…_local`, `…_absolute`, `…_rank` and `…_fault` (see `pipeline.mapped.times`). All
    are there, null where the file has no such column; row_number and file tell the row.

    Parameters
    ----------
    mapping : FileMapping
        The mapping of the file.
    types : mapping of str to str
        DuckDB's types of the columns in `raw`.
    date_order : str or None
        Order of day and month that the file tells.
    """
    row = ["harmspot_number AS row_number", "harmspot_file AS file", "harmspot_line AS line"]
    row += [f"{_DERIVED_ID if _DERIVED_ID in types else 'NULL'} AS {_DERIVED_ID}"]
    order = "harmspot_date_order" if "harmspot_date_order" in types else "getvariable('date_order')"
    row.append(f"{order} AS date_order")
    passed_on = ["row_number", "file", "line", _DERIVED_ID]
    by_column = [[row, *([[]] * (LEVELS - 2)), passed_on], *_by_column(mapping, types, date_order)]
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


def _by_column(mapping: FileMapping, types: Mapping[str, str], date_order: str | None) -> Iterator[list[list[str]]]:
    named = mapping.columns.named()
    for ours, read in mapping.columns.READS.items():
        names = named.get(ours, ())
        if read == "time":
            yield time_levels(ours, names, types, mapping.formats.get(ours), date_order)
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
        parts = ", ".join(f"coalesce(text_of({text_sql(name, types)}), '')" for name in names)
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
    return [f"CASE WHEN {is_true} THEN true WHEN is_blank_value({ours}_given) OR {is_false} THEN false END AS is_{ours}"]


_READERS = {"text": _text, "word": _word, "truth": _truth}


def _point_levels(text: str) -> list[list[str]]:
    """Return the levels that read x and y from one column."""
    lon = "coalesce(nullif(p.a, ''), nullif(p.c, ''), CASE WHEN getvariable('is_degrees') THEN nullif(q.b, '') END, {})"
    lat = "coalesce(nullif(p.b, ''), nullif(p.d, ''), CASE WHEN getvariable('is_degrees') THEN nullif(q.a, '') END, {})"
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


def _date_order(connection: Connection, mapping: FileMapping, types: Mapping[str, str]) -> str | None:
    """Return `mdy` or `dmy` if the dates of the file decide which of day and month comes first."""
    named = mapping.columns.named()
    free = [ours for ours, read in mapping.columns.READS.items() if read == "time" and ours not in mapping.formats]
    texts = [
        text_sql(named[ours][0], types) for ours in free if ours in named and types.get(named[ours][0]) == "VARCHAR"
    ]
    if not texts:
        return None
    rows = " UNION ALL ".join(f"SELECT {text} AS given FROM raw" for text in texts)  # noqa: S608 - ours
    [(order,)] = connection.execute(query("mapped/file#date_order").replace("given_text", f"({rows})")).fetchall()
    return None if order is None else str(order)
