"""SQL that differs between entities only in columns, composed from `pipeline.events.columns`."""

import string
from collections.abc import Collection

import pyarrow as pa

from pipeline.database import name_sql
from pipeline.events.columns import ENTITY_KEYS, ENVELOPE, SCHEMAS

_LETTERS = string.ascii_letters
_UNIT_SEPARATOR = "chr(31)"
_OFFENCE_COLUMN = {"incident": "offence_code", "warrant": "underlying_offence_code"}
# Columns of a version that a file without them leaves as they are held.
_KEPT_COLUMNS = {
    "incident": ("involvements",),
    "person": ("birth_date", "birth_year", "deceased_at", "is_treatment_consented", "is_treatment_engaged"),
}
# How a version says that an entity was an error, and the condition that it says so already.
_WITHDRAWN = {
    "incident": ("'cancelled' AS status", "status = 'cancelled'"),
    "warrant": ("'recalled' AS status", "status = 'recalled'"),
    "same_person": ("'parted' AS status", "status = 'parted'"),
    "custody": ("custody_from AS custody_to", "custody_to IS NOT DISTINCT FROM custody_from"),
    "staffing": ("0.0 AS rostered_hours, 0.0 AS available_hours", "rostered_hours = 0 AND available_hours = 0"),
}
# Columns with a closed set of values, none of which contains a `;`.
_CLOSED = {
    *("status", "occurred_precision", "discovery", "report_channel", "report_subject"),
    *("drug_activity", "market_setting", "party"),
}


def data_fields(entity: str) -> list[pa.Field]:
    """Return the content columns of an entity: all but the envelope."""
    envelope = {field.name for field in ENVELOPE}
    return [field for field in SCHEMAS[entity] if field.name not in envelope]


def content_hash_sql(entity: str, present: Collection[str] | None = None) -> str:
    """Return the SQL of the hash of an entity's content, a 128-bit number, the same in every source and DuckDB.

    The hashed text is, for each column with a value, `;`, a letter (`a` for the first of `data_fields`) and the value.
    Nulls and false are omitted, so that a column added at the end, or one that a source never has (not in `present`),
    does not change the hash. Free text is preceded by its length, so that different contents give different texts.
    """
    labelled = zip(_LETTERS, data_fields(entity), strict=False)
    parts = [_part_sql(letter, field) for letter, field in labelled if present is None or field.name in present]
    return f"md5_number(concat({', '.join(parts)}))"


def stage_sql(entity: str, arrived_sql: str = "FROM arrived_rows", present: Collection[str] | None = None) -> str:
    """Return SQL that creates table `staged`: the rows of `arrived_sql` (with columns `present`) and content_hash."""
    return f"CREATE OR REPLACE TEMP TABLE staged AS {hashed_sql(entity, arrived_sql, present)}"


def hashed_sql(entity: str, arrived_sql: str, present: Collection[str] | None = None) -> str:
    """Return a query of the rows of `arrived_sql` (with columns `present`) and their content_hash."""
    return f"SELECT *, {content_hash_sql(entity, present)} AS content_hash FROM ({arrived_sql})"  # noqa: S608 - ours


def arrival_sql(entity: str) -> str:
    """Return SQL that creates views `arrival` and `held`: the columns to find duplicates by, staged and stored."""
    columns = f"event_source, event_id, event_time, version, content_hash, {entity_key_sql(entity)} AS entity_key"
    position = "rowid AS staged_row"
    return (
        f"CREATE OR REPLACE TEMP VIEW arrival AS SELECT {position}, {columns} FROM staged;"  # noqa: S608
        f"CREATE OR REPLACE TEMP VIEW held AS SELECT {columns}, batch_id, ingested_at FROM store.{entity}_version"
    )


def arriving_sql(entity: str, present: Collection[str]) -> str:
    """Return SQL that creates views `arrival_key` and `arrival` for `load/settle.sql`.

    `arrival_key` has the keys of table `staged`, the rows of a file; `arrival` what decides about `suspect_row`.
    The body of a row is its content without its version, in the columns `present`; its weight is the harm of its
    offence (table `harm_weight`), zero for what has none, and less for what is cancelled.
    """
    columns, weighed = _settled_columns(entity, present)
    return (
        f"CREATE OR REPLACE TEMP VIEW arrival_key AS "  # noqa: S608
        f"SELECT rowid AS staged_row, {entity_key_sql(entity)} AS entity_key FROM staged;"
        "CREATE OR REPLACE TEMP TABLE suspect_row AS SELECT rowid AS staged_row, * FROM staged WHERE false;"
        f"CREATE OR REPLACE TEMP VIEW arrival AS SELECT staged_row, row_number, is_version_stated, {columns} "
        f"FROM suspect_row{weighed}"
    )


def held_sql(entity: str, present: Collection[str]) -> str:
    """Return SQL that creates view `held` for `load/settle.sql`: the versions of the store, with the same columns."""
    columns, weighed = _settled_columns(entity, present)
    return (
        f"CREATE OR REPLACE TEMP VIEW held AS SELECT {columns}, event_id, content_hash, batch_id "  # noqa: S608
        f"FROM store.{entity}_version{weighed}"
    )


def _settled_columns(entity: str, present: Collection[str]) -> tuple[str, str]:
    body = content_hash_sql(entity, set(present) - {"version"})
    code = _OFFENCE_COLUMN.get(entity)
    weight = "coalesce(harm_days, 0)" if code else "0"
    weight = f"CASE WHEN status = 'cancelled' THEN -1 ELSE {weight} END" if entity == "incident" else weight
    weighed = f" LEFT JOIN harm_weight ON {code} = harm_weight.code" if code else ""
    key = entity_key_sql(entity)
    return f"event_source, version, {body} AS body_hash, {key} AS entity_key, {weight} AS weight", weighed


def kept_sql(entity: str, present: Collection[str]) -> tuple[list[str], str]:
    """Return the columns of new versions, and the query of them: `settled` with what its file has no column for.

    Such columns (the people of an incident, a person's treatment) keep what the greatest version held has.
    """
    lacking = [name for name in _KEPT_COLUMNS.get(entity, ()) if name not in present]
    if not lacking:
        return list(present), "FROM settled"
    columns = ", ".join(f"known.{name_sql(name)}" for name in lacking)
    staged = "settled.* EXCLUDE (" + ", ".join(map(name_sql, lacking)) + ")" if entity != "incident" else "settled.*"
    key = entity_key_sql(entity)
    return [*present, *lacking], (
        f"SELECT {staged}, {columns} FROM settled LEFT JOIN ("  # noqa: S608
        f"SELECT * FROM store.{entity}_version WHERE {key} IN (SELECT entity_key FROM suspect_key) "
        f"QUALIFY row_number() OVER (PARTITION BY {key} "
        "ORDER BY version DESC, content_hash DESC, event_source DESC, event_id DESC) = 1"
        f") AS known USING ({', '.join(ENTITY_KEYS[entity])}) ORDER BY settled.row_number"
    )


def withdrawn_sql(entity: str) -> str | None:
    """Return the query of new versions that withdraw the entities of `gone_key`; None where nothing can say so."""
    if entity not in _WITHDRAWN:
        return None
    said, is_said = _WITHDRAWN[entity]
    key = entity_key_sql(entity)
    return (
        "SELECT * EXCLUDE (content_hash, ingested_at, batch_id) REPLACE (version + 1 AS version, "  # noqa: S608
        f"concat(event_id, '@', version + 1) AS event_id, NULL::TIMESTAMPTZ AS event_time, {said}) "
        f"FROM (SELECT * FROM store.{entity}_version WHERE {key} IN (SELECT entity_key FROM gone_key) "
        f"QUALIFY row_number() OVER (PARTITION BY {key} "
        "ORDER BY version DESC, content_hash DESC, event_source DESC, event_id DESC) = 1) "
        f"WHERE NOT ({is_said}) ORDER BY {', '.join(ENTITY_KEYS[entity])}"
    )


def keep_sql(entity: str, present: Collection[str] | None = None, hashed: str = "FROM staged") -> str:
    """Return SQL that inserts rows of `hashed` into the entity's versions; binds $ingested_at and $batch_id."""
    names = [field.name for field in SCHEMAS[entity] if present is None or field.name in present]
    columns = ", ".join([*map(name_sql, names), "content_hash"])
    return (
        f"INSERT INTO store.{entity}_version ({columns}, ingested_at, batch_id) "  # noqa: S608
        f"SELECT {columns}, $ingested_at, $batch_id FROM ({hashed})"
    )


def entity_key_sql(entity: str) -> str:
    """Return the SQL of the text that identifies an entity: its key columns."""
    columns = [SCHEMAS[entity].field(name) for name in ENTITY_KEYS[entity]]
    return (
        columns[0].name if len(columns) == 1 else f"concat_ws({_UNIT_SEPARATOR}, {', '.join(map(_text_sql, columns))})"
    )


def _part_sql(letter: str, field: pa.Field) -> str:
    """Return arguments of `concat` for one column; a nullable column is one argument, so that null omits all of it."""
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
