"""How values of a file are read: SQL that converts view `raw` to harmspot's names and types."""

from collections.abc import Mapping as MappingOf
from typing import Any

import pandas as pd

from pipeline.database import literal_sql, name_sql
from pipeline.mapped.mapping import Mapping


def extract_sql(mapping: Mapping, types: MappingOf[str, str]) -> str:
    """Return the query that converts `raw` to harmspot's names and types; `types` are DuckDB's types in `raw`."""
    readers = {"text": _text_sql, "word": _folded_sql, "number": _number_sql, "integer": _integer_sql}
    readers |= {"truth": _truth_sql(mapping.true_values)}
    reads = {
        ours: _time_sql(mapping.formats.get(ours)) if read == "time" else readers[read]
        for ours, read in mapping.columns.READS.items()
        if read != "point" and ours != "occurred_to"
    }
    named = {ours: names[0] for ours, names in mapping.columns.named().items()}
    parts = [read(ours, named.get(ours), types.get(named.get(ours, ""), "")) for ours, read in reads.items()]
    row = ["harmspot_number AS row_number", "harmspot_file AS file", "harmspot_line AS line"]
    derived_id = "harmspot_incident_id"  # that a replayed row carries
    row += [derived_id if derived_id in types else f"NULL AS {derived_id}"]
    return "SELECT " + ",\n    ".join([*row, *parts]) + "\nFROM raw"


def content_of_row_sql(mapping: Mapping) -> str:
    """Return SQL that joins the mapped columns of a row; rows with equal content give equal text."""
    texts = ", ".join(f"coalesce(CAST({name_sql(theirs)} AS VARCHAR), '')" for theirs in mapping.columns.theirs())
    return f"concat_ws(chr(31), {texts})"


def words_of(meanings: MappingOf[str, str]) -> pd.DataFrame:
    """Return the table of upper-case word → meaning, as in `status_word` and `discovery_word`."""
    return pd.DataFrame({"word": [w.strip().upper() for w in meanings], "meaning": list(meanings.values())}, dtype=str)


def _text_sql(ours: str, theirs: str | None, _: str) -> str:
    return f"{_trimmed_sql(theirs)} AS {ours}"


def _folded_sql(ours: str, theirs: str | None, _: str) -> str:
    return f"upper({_trimmed_sql(theirs)}) AS {ours}"


def _number_sql(ours: str, theirs: str | None, kind: str) -> str:
    value = "NULL::DOUBLE" if theirs is None else f"TRY_CAST({name_sql(theirs)} AS DOUBLE)"
    return f"{value} AS {ours}, {_is_given_sql(theirs, kind)} AS is_{ours}_given"


def _integer_sql(ours: str, theirs: str | None, kind: str) -> str:
    value = "NULL::BIGINT" if theirs is None else f"TRY_CAST({name_sql(theirs)} AS BIGINT)"
    return f"{value} AS {ours}, {_is_given_sql(theirs, kind)} AS is_{ours}_given"


def _truth_sql(true_values: tuple[str, ...]) -> Any:
    words = ", ".join(literal_sql(word.strip().upper()) for word in true_values)
    return lambda ours, theirs, _: (
        f"coalesce(upper({_trimmed_sql(theirs)}) IN ({words}), false) AS is_{ours}" if theirs else f"false AS is_{ours}"
    )


def _time_sql(pattern: str | None) -> Any:
    """Return a reader of two columns: local time, or absolute time if the file states an offset."""

    def read(ours: str, theirs: str | None, kind: str) -> str:
        local, absolute = _local_and_absolute_sql(theirs, kind, pattern)
        return (
            f"{local} AS {ours}_local, {absolute} AS {ours}_absolute, {_is_given_sql(theirs, kind)} AS is_{ours}_given"
        )

    return read


def _local_and_absolute_sql(theirs: str | None, kind: str, pattern: str | None) -> tuple[str, str]:
    nothing = ("NULL::TIMESTAMP", "NULL::TIMESTAMPTZ")
    if theirs is None:
        return nothing
    column = name_sql(theirs)
    if kind == "TIMESTAMP WITH TIME ZONE":
        return nothing[0], column
    if kind != "VARCHAR":
        return f"TRY_CAST({column} AS TIMESTAMP)", nothing[1]
    text = _trimmed_sql(theirs)
    if pattern is not None:
        return f"coalesce(try_strptime({text}, {literal_sql(pattern)}), TRY_CAST({text} AS TIMESTAMP))", nothing[1]
    has_offset = rf"regexp_matches({text}, '[0-9:.](Z|[+-]\d\d:?\d\d)$')"
    return (
        f"CASE WHEN NOT {has_offset} THEN TRY_CAST({text} AS TIMESTAMP) END",
        f"CASE WHEN {has_offset} THEN TRY_CAST({text} AS TIMESTAMPTZ) END",
    )


def _trimmed_sql(theirs: str | None) -> str:
    return "NULL::VARCHAR" if theirs is None else f"nullif(trim(CAST({name_sql(theirs)} AS VARCHAR)), '')"


def _is_given_sql(theirs: str | None, kind: str) -> str:
    if theirs is None:
        return "false"
    return f"{_trimmed_sql(theirs)} IS NOT NULL" if kind == "VARCHAR" else f"{name_sql(theirs)} IS NOT NULL"
