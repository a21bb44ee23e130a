"""Rows of another system's file that are no incidents: people, warrants, stays, shifts, actions, roles in incidents.

A row becomes the event that a source would have sent (docs/events.md) and passes the decoder, so that people become
pseudonyms and every check of events applies. A row that a rule or the decoder refuses becomes a dead letter.
"""

from collections.abc import Iterator
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.database import Connection, query
from pipeline.events.batch import DecodedBatch, Record
from pipeline.events.columns import DEAD_LETTER, ENTITY_KEYS, IDENTITY, SCHEMAS
from pipeline.events.decoder import Decoder
from pipeline.events.flatten import pseudonyms_in
from pipeline.events.schema import EVENT_TYPES
from pipeline.events.version_sql import entity_key_sql
from pipeline.mapped.extract import WGS84, column_types, extract_sql, set_reading
from pipeline.mapped.mapped_files import create_table, fill_spans, match_offences
from pipeline.mapped.mapping import Mapping
from pipeline.mapped.record_columns import OPTIONAL, RECORD_KINDS
from pipeline.records.record_sql import reasons_of, record_sql

_PART = 100_000  # rows decoded at a time
_PLACE = pa.schema({"row_number": pa.int64(), "file": pa.string(), "is_version_stated": pa.bool_()})
_TAGS = {event.entity: str(event.__struct_config__.tag) for event in EVENT_TYPES}


class RecordRows(NamedTuple):
    """The rows of a file as records of one entity.

    `table` has the columns of `SCHEMAS`, and row_number, file and is_version_stated of the row in `raw`.
    """

    entity: str
    table: pa.Table
    identity: pa.Table
    dead_letters: pa.Table


def decode_rows(connection: Connection, mapping: Mapping, decoder: Decoder, *, again: bool = False) -> RecordRows:
    """Decode the rows of view `raw` as records of the mapping's kind, which is none of incidents and involvements.

    Parameters
    ----------
    connection : Connection
        Connection with view `raw`.
    mapping : Mapping
        The mapping of the file.
    decoder : Decoder
        The decoder of events.
    again : bool
        Whether `raw` holds waiting dead letters (`tried_row`).

    Returns
    -------
    RecordRows
        The records in the order of the file; several may have the same entity and version.
    """
    table, identity = decode_records(connection, mapping, decoder)
    return RecordRows(
        RECORD_KINDS[mapping.kind].entity, table, identity, dead_letters(connection, mapping, again=again)
    )


def decode_records(connection: Connection, mapping: Mapping, decoder: Decoder) -> tuple[pa.Table, pa.Table]:
    """Return the decoded rows of `raw` and the identities in them; leave the others in table `refused_row`."""
    entity = RECORD_KINDS[mapping.kind].entity
    _read_records(connection, mapping, decoder)
    zoned = decoder.in_zone(ZoneInfo(mapping.time_zone) if mapping.time_zone else None)
    batches = [zoned.decode(records) for records in _events(connection, mapping, _TAGS[entity])]
    for batch in batches:
        _refuse(connection, batch.dead_letters)
    identity = pa.concat_tables([IDENTITY.empty_table(), *(batch.identity for batch in batches)])
    return _with_lines(connection, entity, batches), identity


def dead_letters(connection: Connection, mapping: Mapping, *, again: bool = False) -> pa.Table:
    """Return the rows of `refused_row` as dead letters, each with the original row of the file."""
    name = "records/record#refused_again" if again else "records/record#refused"
    return connection.execute(query(name), {"mapping": mapping.name}).to_arrow_table().cast(DEAD_LETTER)


def refuse_same(connection: Connection, mapping: Mapping, entity: str, *, again: bool = False) -> pa.Table:
    """Delete the rows with a `rule` from `staged`, which contradict others, and return them as dead letters."""
    connection.execute(query("records/record#refuse_same"), {"key": " and ".join(ENTITY_KEYS[entity])})
    connection.execute("DELETE FROM staged WHERE rule IS NOT NULL")
    return dead_letters(connection, mapping, again=again)


def present_columns(mapping: Mapping) -> list[str]:
    """Return the columns of the entity that the file says something about: not those it has no column for."""
    named = mapping.columns.named()
    lacking = {theirs for ours, theirs in OPTIONAL.get(mapping.kind, {}).items() if ours not in named}
    if {"birth_date", "birth_year"} & named.keys():
        lacking -= {"birth_date", "birth_year"}  # one follows from the other
    return [name for name in SCHEMAS[RECORD_KINDS[mapping.kind].entity].names if name not in lacking]


def identities_in(identity: pa.Table, table: pa.Table) -> pa.Table:
    """Return the identities of the people in a table."""
    present = pa.array(sorted(pseudonyms_in([table])), pa.string())
    return identity.filter(pc.is_in(identity["person_id"], value_set=present))


def kept_identities(connection: Connection, rows: RecordRows) -> pa.Table:
    """Return the identities of the people in the rows that are not in `refused_row`."""
    refused = connection.execute("SELECT row_number FROM refused_row ORDER BY row_number").to_arrow_table()
    is_refused = pc.is_in(rows.table["row_number"], value_set=refused["row_number"].combine_chunks())
    return identities_in(rows.identity, rows.table.filter(pc.invert(is_refused)))


def _read_records(connection: Connection, mapping: Mapping, decoder: Decoder) -> None:
    """Create table `record` and view `sound_record` of `raw`, and `refused_row` with the rows that a rule refuses."""
    told = set_reading(connection, mapping, [mapping.crs or WGS84])
    connection.execute("SET VARIABLE horizon = $horizon", {"horizon": decoder.horizon})
    extract = extract_sql(mapping, column_types(connection), told)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW extract AS {extract}")
    fill_spans(connection, mapping, decoder.horizon.year)
    if "offence" in mapping.columns.READS:
        match_offences(connection, mapping)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE record AS {record_sql(mapping)}")
    connection.execute("CREATE OR REPLACE TEMP VIEW sound_record AS FROM record WHERE rule IS NULL")
    create_table(connection, "record_rule", reasons_of(mapping))
    connection.execute(query("records/record#refused_row"))


def _events(connection: Connection, mapping: Mapping, tag: str) -> Iterator[list[Record]]:
    """Yield the sound rows as events in JSON, at most `_PART` at a time; the offset of each is the row's number."""
    connection.execute(f"CREATE OR REPLACE TEMP VIEW record_data AS {query(f'records/record#{mapping.kind}')}")
    result = connection.execute(query("records/record#event"), {"type": tag, "source": mapping.source})
    while rows := result.fetchmany(_PART):
        yield [Record("", 0, row_number, value) for row_number, value in rows]


def _refuse(connection: Connection, refused: pa.Table) -> None:
    """Add what the decoder refuses to `refused_row`."""
    connection.register("refused_now", refused)
    connection.execute(query("records/record#refuse_more"))
    connection.unregister("refused_now")


def _with_lines(connection: Connection, entity: str, batches: list[DecodedBatch]) -> pa.Table:
    decoded = pa.concat_tables([SCHEMAS[entity].empty_table(), *(batch.tables[entity] for batch in batches)])
    connection.register("decoded", decoded)
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW decoded_row AS SELECT *, {entity_key_sql(entity)} AS entity_key FROM decoded"  # noqa: S608
    )
    rows = connection.execute(query("records/record#kept")).to_arrow_table()
    connection.unregister("decoded")
    return rows.cast(pa.schema([*SCHEMAS[entity], *_PLACE]))
