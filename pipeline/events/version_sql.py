"""SQL that differs between entities in nothing but their columns, composed from `pipeline.events.columns`."""

import string
from collections.abc import Collection

import pyarrow as pa

from pipeline.database import name_sql
from pipeline.events.columns import ENTITY_KEYS, ENVELOPE, SCHEMAS

_LETTERS = string.ascii_letters
_UNIT_SEPARATOR = "chr(31)"
# Text of few known words, none of which holds a `;`.
_CLOSED = {
    *("status", "occurred_precision", "discovery", "report_channel", "report_subject"),
    *("drug_activity", "market_setting"),
}


def data_fields(entity: str) -> list[pa.Field]:
    """Columns of an entity that are its content: all but the envelope."""
    envelope = {field.name for field in ENVELOPE}
    return [field for field in SCHEMAS[entity] if field.name not in envelope]


def content_hash_sql(entity: str, present: Collection[str] | None = None) -> str:
    """Hash of an entity's content as a 128-bit number, the same for every source and in every DuckDB.

    The hashed text is, for each column that says something, `;`, a letter (`a` for the first of `data_fields`) and the
    value; nulls and false say nothing, so that a column added at the end, or one that a source never has (not in
    `present`), leaves the hash alone. Free text is preceded by its length, which keeps two contents from sharing one
    text.
    """
    labelled = zip(_LETTERS, data_fields(entity), strict=False)
    parts = [_part_sql(letter, field) for letter, field in labelled if present is None or field.name in present]
    return f"md5_number(concat({', '.join(parts)}))"


def stage_sql(entity: str, arrived_sql: str = "FROM arrived_rows", present: Collection[str] | None = None) -> str:
    """Make temporary table `staged`: the rows of `arrived_sql`, which has the columns `present`, and content_hash."""
    return f"CREATE OR REPLACE TEMP TABLE staged AS {hashed_sql(entity, arrived_sql, present)}"


def hashed_sql(entity: str, arrived_sql: str, present: Collection[str] | None = None) -> str:
    """Query of the rows of `arrived_sql`, which has the columns `present`, with content_hash."""
    return f"SELECT *, {content_hash_sql(entity, present)} AS content_hash FROM ({arrived_sql})"  # noqa: S608 - ours


def arrival_sql(entity: str, order: str = "rowid") -> str:
    """Make temporary views `arrival` and `held`: what duplicates and conflicts are found by, staged and stored.

    `order` is the column of `staged` that says which row came first.
    """
    columns = f"event_source, event_id, event_time, version, content_hash, {_entity_key_sql(entity)} AS entity_key"
    place = f"rowid AS staged_row, {order} AS row_number"
    return (
        f"CREATE OR REPLACE TEMP VIEW arrival AS SELECT {place}, {columns} FROM staged;"  # noqa: S608
        f"CREATE OR REPLACE TEMP VIEW held AS SELECT {columns}, batch_id, ingested_at FROM store.{entity}_version"
    )


def keep_sql(entity: str, present: Collection[str] | None = None, hashed: str = "FROM staged") -> str:
    """Insert rows, content_hash among their columns, into the entity's versions; binds $ingested_at and $batch_id."""
    names = [field.name for field in SCHEMAS[entity] if present is None or field.name in present]
    columns = ", ".join([*map(name_sql, names), "content_hash"])
    return (
        f"INSERT INTO store.{entity}_version ({columns}, ingested_at, batch_id) "  # noqa: S608
        f"SELECT {columns}, $ingested_at, $batch_id FROM ({hashed})"
    )


def _entity_key_sql(entity: str) -> str:
    columns = [SCHEMAS[entity].field(name) for name in ENTITY_KEYS[entity]]
    return (
        columns[0].name if len(columns) == 1 else f"concat_ws({_UNIT_SEPARATOR}, {', '.join(map(_text_sql, columns))})"
    )


def _part_sql(letter: str, field: pa.Field) -> str:
    """Arguments of `concat` for one column; what may be null is one argument, so that null drops it as a whole."""
    if pa.types.is_boolean(field.type) and not field.nullable:
        return f"CASE WHEN {name_sql(field.name)} THEN ';{letter}' END"
    is_free = pa.types.is_string(field.type) and field.name not in _CLOSED
    length = [f"strlen({name_sql(field.name)})", "':'"] if is_free else []
    return (" || " if field.nullable else ", ").join([f"';{letter}'", *length, _text_sql(field)])


def _text_sql(field: pa.Field) -> str:
    name = name_sql(field.name)
    if pa.types.is_timestamp(field.type):
        return f"epoch_us({name})"
    if pa.types.is_list(field.type):
        return f"array_to_string(list_transform({name}, lambda x: concat(x.person_id, ' ', x.role)), ',')"
    return name
