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
from pipeline.mapped.records import RecordRows, dead_letters, decode_rows


def involve(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, decoder: Decoder, *, again: bool = False
) -> tuple[RecordRows, int]:
    """Turn the involvements of view `raw` into new versions of the incidents of `store.incident_version`.

    A new version has the content of the latest one, and its involvements together with the new ones, sorted.

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
        Versions of incidents, the identities of the people in them, and the dead letters; rows whose incident the store
        lacks are among these.
    int
        Number of rows whose role is known already.
    """
    people = decode_rows(connection, mapping, decoder, again=again)
    create_table(connection, "decoded_person", people.table.select(["row_number", "person_id"]))
    for name in ("involvement", "held_incident", "unknown_incident", "new_role"):
        connection.execute(query(f"mapped/involvement#{name}"))
    [(repeated,)] = connection.execute(query("mapped/involvement#repeated")).fetchall()
    involved = connection.execute(query("mapped/involvement#involved"), {"source": mapping.source}).to_arrow_table()
    table = involved.cast(pa.schema([*INCIDENT, pa.field("row_number", pa.int64())]))
    present = pa.array(sorted(pseudonyms_in([table])), pa.string())
    identity = people.identity.filter(pc.is_in(people.identity["person_id"], value_set=present))
    return RecordRows("incident", table, identity, dead_letters(connection, mapping, again=again)), int(repeated)
