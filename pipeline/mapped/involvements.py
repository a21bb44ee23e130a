"""Roles of people in incidents, from a file of their own: new versions of the incidents that the store holds."""

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.database import query
from pipeline.events.columns import INCIDENT
from pipeline.events.decoder import Decoder
from pipeline.events.flatten import pseudonyms_in
from pipeline.mapped.mapped_files import create_table
from pipeline.mapped.mapping import Mapping
from pipeline.mapped.records import RecordRows, dead_letters, decode_records


def involve(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, decoder: Decoder, *, again: bool = False
) -> RecordRows:
    """Turn the involvements of view `raw` into new versions of the incidents of `store.incident_version`.

    A new version has the content of the latest one, and its involvements together with the new ones, sorted. Rows whose
    incident the store lacks become dead letters.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Connection with view `raw`, table `raw_file` and the store attached as `store`.
    mapping : Mapping
        The mapping of the file, of kind `involvements`.
    decoder : Decoder
        The decoder of events.
    again : bool
        Whether `raw` holds waiting dead letters (`tried_row`).

    Returns
    -------
    RecordRows
        The new versions, the identities of the people in them, and the counts of the rows.
    """
    people, identity = decode_records(connection, mapping, decoder)
    create_table(connection, "decoded_person", people.select(["row_number", "person_id"]))
    for name in ("involvement", "held_incident", "unknown_incident", "new_role"):
        connection.execute(query(f"mapped/involvement#{name}"))
    [(known, new)] = connection.execute(query("mapped/involvement#counts")).fetchall()
    involved = connection.execute(query("mapped/involvement#involved"), {"source": mapping.source}).to_arrow_table()
    table = involved.cast(pa.schema([*INCIDENT, pa.field("row_number", pa.int64())]))
    present = pa.array(sorted(pseudonyms_in([table])), pa.string())
    return RecordRows(
        "incident",
        table,
        identity.filter(pc.is_in(identity["person_id"], value_set=present)),
        dead_letters(connection, mapping, again=again),
        new_rows=new,
        repeated_rows=known - new,
    )
