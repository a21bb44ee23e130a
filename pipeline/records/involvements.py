"""Roles of people in incidents, from a file of their own: new versions of the incidents that the store holds."""

from typing import NamedTuple

import pyarrow as pa

from pipeline.database import Connection, query
from pipeline.events.batch import BatchCounts
from pipeline.events.columns import SCHEMAS
from pipeline.events.decoder import Decoder
from pipeline.mapped.mapped_files import create_table
from pipeline.mapped.mapping import Mapping
from pipeline.records.records import dead_letters, decode_records, identities_in

_STEPS = (
    *("contradiction", "refuse_contradiction", "without_contradiction"),
    *("held_incident", "unknown_incident", "held_role", "superseded", "new_role", "gone_role"),
)


class Involved(NamedTuple):
    """New versions of incidents, the identities of the people in them, dead letters, counts of rows."""

    table: pa.Table
    identity: pa.Table
    dead_letters: pa.Table
    counts: BatchCounts


def involve(connection: Connection, mapping: Mapping, decoder: Decoder, *, again: bool = False) -> Involved:
    """Turn the involvements of view `raw` into new versions of the incidents of `store.incident_version`.

    A new version has the content of the latest one, and its involvements together with the new ones, sorted. The steps
    of a suspect's way through the law (suspect, charged, convicted, no_further_action) replace the steps that the store
    holds of the same person in the same incident; victims and witnesses stay what they are. Rows whose incident the
    store lacks become dead letters, as do rows that call a person both pursued and not. Where the same file was loaded
    before, the roles that it no longer gives go, because its mapping was mended; it undoes nothing else.

    Parameters
    ----------
    connection : Connection
        Connection with view `raw`, the store attached as `store`, and table `earlier_load`.
    mapping : Mapping
        The mapping of the file, of kind `involvements`.
    decoder : Decoder
        The decoder of events.
    again : bool
        Whether `raw` holds waiting dead letters (`tried_row`).
    """
    people, identity = decode_records(connection, mapping, decoder)
    create_table(connection, "decoded_person", people.select(["row_number", "person_id"]))
    reading = {"is_replay": again, "mapping": mapping.name}
    connection.execute(query("records/involvement#involvement"), reading)
    for name in _STEPS[:3] + (("no_former_role",) if again else ("former_role",)) + _STEPS[3:]:
        connection.execute(query(f"records/involvement#{name}"))
    [(known, new, merged, gone)] = connection.execute(query("records/involvement#counts")).fetchall()
    involved = connection.execute(query("records/involvement#involved"), {"source": mapping.source}).to_arrow_table()
    table = involved.cast(SCHEMAS["incident"])
    named, dead = identities_in(identity, table), dead_letters(connection, mapping, again=again)
    repeated = known - new - merged
    return Involved(table, named, dead, BatchCounts(known, new, repeated, merged=merged, cancelled=gone))
