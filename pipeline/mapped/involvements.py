"""Roles of people in incidents, from a file of their own: new versions of the incidents that the store holds."""

from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.database import query
from pipeline.events.batch import BatchCounts
from pipeline.events.columns import INCIDENT
from pipeline.events.decoder import Decoder
from pipeline.events.flatten import pseudonyms_in
from pipeline.mapped.mapped_files import create_table
from pipeline.mapped.mapping import Mapping
from pipeline.mapped.records import dead_letters, decode_records


class Involved(NamedTuple):
    """New versions of incidents, the identities of the people in them, counts of the file's rows, and dead letters."""

    versions: pa.Table
    identity: pa.Table
    counts: BatchCounts
    dead_letters: pa.Table


def involve(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, decoder: Decoder, *, again: bool = False
) -> Involved:
    """Turn the involvements of view `raw` into new versions of the incidents of `store.incident_version`.

    The roles of a suspect's way through the law (suspect, charged, convicted, no_further_action) replace those that the
    store holds of the same person in the same incident: whoever is dropped is no suspect any more. Victims and
    witnesses stay what they are. A file that was loaded before replaces nothing. Rows whose incident the store lacks
    become dead letters.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Connection with view `raw`, table `earlier_load` and the store attached as `store`.
    mapping : Mapping
        The mapping of the file, of kind `involvements`.
    decoder : Decoder
        The decoder of events.
    again : bool
        Whether `raw` holds waiting dead letters (`tried_row`).
    """
    people, identity = decode_records(connection, mapping, decoder)
    create_table(connection, "decoded_person", people.select(["row_number", "person_id"]))
    for name in ("involvement", "held_incident", "unknown_incident", "held_role", "stated_role", "resulting_role"):
        connection.execute(query(f"mapped/involvement#{name}"))
    [(known, new, superseded)] = connection.execute(query("mapped/involvement#counts")).fetchall()
    versions = connection.execute(query("mapped/involvement#involved"), {"source": mapping.source}).to_arrow_table()
    present = pa.array(sorted(pseudonyms_in([versions])), pa.string())
    return Involved(
        versions.cast(INCIDENT),
        identity.filter(pc.is_in(identity["person_id"], value_set=present)),
        BatchCounts(rows_in=known, stored=new, duplicates=known - new - superseded, merged=superseded),
        dead_letters(connection, mapping, again=again),
    )
