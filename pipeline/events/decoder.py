"""Decode records into Arrow tables: events by entity, identities, and a dead letter for each unusable record.

Every record becomes exactly one row or one dead letter, and no content of a record can raise. The `type` of an event
decides its table, regardless of its topic. Columns are built one at a time from typed events, then whole columns are
checked; a row that fails becomes a dead letter with the first reason that applies.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.events.batch import DecodedBatch, Record
from pipeline.events.checks import Check, checks_of, first_that_holds
from pipeline.events.columns import DEAD_LETTER, IDENTITY, SCHEMAS, UTC_TIME
from pipeline.events.diagnosis import Refusal, diagnose, refuse_repeated
from pipeline.events.flatten import People, columns_of, pseudonym_rows, pseudonyms_in
from pipeline.events.repeated_keys import repeated_key
from pipeline.events.schema import EVENT_TYPES, MAX_EVENT_BYTES, Event, decode_event
from pipeline.local_time import to_utc
from pipeline.privacy.short_ids import KEYED

_NAIVE = Refusal(
    "naive_time", "A time has no zone, and none is declared to read it in; send RFC 3339 times with an offset."
)
_PART = 10_000  # records decoded at a time: typed events take several times the memory of their columns
_ENTITIES = {event_type: event_type.entity for event_type in EVENT_TYPES}


class _Parsed(NamedTuple):
    """Events of one entity and their positions in the batch."""

    positions: list[int]
    events: list[Event]


class Decoder:
    """Decoder of records into tables.

    Parameters
    ----------
    offence_codes : frozenset of str
        Codes of the codebook; an incident or warrant with any other code becomes a dead letter.
    pseudonymise : callable
        Returns the pseudonym of a raw person id; called once per person and batch.
    now : datetime
        The clock, with a zone.
    future_tolerance : timedelta
        How far after `now` an event may be dated.
    default_zone : ZoneInfo, optional
        Zone of times without one; None refuses such times.
    keep_id : callable, optional
        Returns the id that is kept for a source's own id of an incident or warrant; None keeps their own.
    """

    def __init__(
        self,
        offence_codes: frozenset[str],
        pseudonymise: Callable[[str], str],
        now: datetime,
        future_tolerance: timedelta,
        default_zone: ZoneInfo | None = None,
        keep_id: Callable[[str], str] | None = None,
    ) -> None:
        if now.tzinfo is None:
            raise ValueError(f"now={now!r}: expected a time with a zone")
        self._codes = offence_codes
        self._offence_codes = pa.array(sorted(offence_codes), pa.string())
        self._pseudonymise = pseudonymise
        self._tolerance = future_tolerance
        self._horizon = now.astimezone(UTC) + future_tolerance
        self._default_zone = default_zone
        self._keep_id = keep_id

    @property
    def horizon(self) -> datetime:
        """Return the latest time that an event may be dated, in UTC."""
        return self._horizon

    def in_zone(self, zone: ZoneInfo | None) -> "Decoder":
        """Return the same decoder that reads times without a zone in `zone`; None refuses them."""
        now = self._horizon - self._tolerance
        return Decoder(self._codes, self._pseudonymise, now, self._tolerance, zone, self._keep_id)

    def decode(self, records: Sequence[Record]) -> DecodedBatch:
        """Decode one batch; rows and dead letters keep the order of the records.

        Parameters
        ----------
        records : sequence of Record
            The batch.

        Returns
        -------
        DecodedBatch
            Tables by entity with exactly `pipeline.events.columns.SCHEMAS`; one `IDENTITY` row per person in them,
            sorted by pseudonym; the `DEAD_LETTER` rows. Rows and dead letters together equal the records in number.
        """
        people = People(self._pseudonymise)
        parts = [self._decode_part(records[at : at + _PART], people) for at in range(0, len(records), _PART)]
        tables = {
            entity: pa.concat_tables([schema.empty_table(), *(part[entity] for part, _ in parts if entity in part)])
            for entity, schema in SCHEMAS.items()
        }
        dead_letters = pa.concat_tables([DEAD_LETTER.empty_table(), *(dead for _, dead in parts)])
        return DecodedBatch(tables, _identities(people, tables), dead_letters)

    def _decode_part(self, records: Sequence[Record], people: People) -> tuple[dict[str, pa.Table], pa.Table]:
        """Return the tables of the entities that occur, and the dead letters."""
        parsed, refused = _parse(records)
        tables = {}
        for entity, found in parsed.items():
            if not found.events:
                continue
            columns = columns_of(entity, found.events, [records[at] for at in found.positions], people)
            if self._keep_id and (name := KEYED.get(entity)):
                columns[name] = list(map(self._keep_id, columns[name]))
            tables[entity], refused_rows = self._sift(entity, columns, people.refused)
            refused.update({found.positions[row]: refusal for row, refusal in refused_rows.items()})
        return tables, _dead_letters(records, refused)

    def _sift(
        self, entity: str, columns: dict[str, Any], refused_people: Mapping[str, Refusal]
    ) -> tuple[pa.Table, dict[int, Refusal]]:
        """Return the rows that pass every check as a table, and the refusal of each other row."""
        columns, is_naive = self._in_utc(entity, columns)
        table = pa.table({field.name: pa.array(columns[field.name], field.type) for field in SCHEMAS[entity]})
        checks = [
            Check(_NAIVE, is_naive),
            *_unusable_people(table, refused_people),
            *checks_of(entity, table, self._offence_codes, self._horizon),
        ]
        first = first_that_holds(checks, table.num_rows)
        refused = {int(row): checks[first[row]].refusal for row in np.flatnonzero(first < len(checks))}
        kept = table.filter(pa.array(first == len(checks))) if refused else table
        return kept.cast(SCHEMAS[entity]), refused

    def _in_utc(self, entity: str, columns: dict[str, Any]) -> tuple[dict[str, Any], np.ndarray]:
        """Read naive times in the default zone; without a default zone, return which rows have naive times."""
        rows, zone = len(columns["event_id"]), self._default_zone
        is_naive = np.zeros(rows, dtype=bool)
        read: dict[str, list] = {"is_ambiguous_hour": [False] * rows}
        for field in SCHEMAS[entity]:
            if field.type == UTC_TIME and zone is None:
                is_naive |= np.array([t is not None and t.tzinfo is None for t in columns[field.name]], dtype=bool)
            elif field.type == UTC_TIME and zone is not None:
                read[field.name], occurs_twice = to_utc(columns[field.name], zone)
                if field.name == "occurred_at":
                    read["is_ambiguous_hour"] = occurs_twice
        return {**columns, **read}, is_naive


def _unusable_people(table: pa.Table, refused_people: Mapping[str, Refusal]) -> Iterator[Check]:
    """Yield a check for each reason why an id of a person identifies nobody."""
    for refusal in dict.fromkeys(refused_people.values()):
        people = pa.array(sorted(one for one, why in refused_people.items() if why == refusal), pa.string())
        holds = np.zeros(table.num_rows, dtype=bool)
        for rows, pseudonyms in pseudonym_rows(table):
            holds[rows[pc.is_in(pseudonyms, value_set=people).to_numpy()]] = True
        yield Check(refusal, holds)


def _parse(records: Sequence[Record]) -> tuple[dict[str, _Parsed], dict[int, Refusal]]:
    """Return typed events by entity, and the refusal of every other record by position."""
    parsed = {entity: _Parsed([], []) for entity in SCHEMAS}
    refused = {}
    for position, record in enumerate(records):
        value = record.value
        if value is None or len(value) > MAX_EVENT_BYTES:
            refused[position] = diagnose(value, None)
            continue
        try:
            event, twice = decode_event(value), repeated_key(value)
        except (ValueError, RecursionError) as error:
            refused[position] = diagnose(value, error)
            continue
        if twice is not None:
            refused[position] = refuse_repeated(twice, type(event))
            continue
        positions, events = parsed[_ENTITIES[type(event)]]
        positions.append(position)
        events.append(event)
    return parsed, refused


def _identities(people: People, tables: dict[str, pa.Table]) -> pa.Table:
    """Return pseudonym and raw id of everybody in the tables; people only in refused events are left out."""
    present = pseudonyms_in(tables.values())
    rows = sorted((pseudonym, raw) for pseudonym, raw in people.raw_ids.items() if pseudonym in present)
    return pa.table(
        {"person_id": [pseudonym for pseudonym, _ in rows], "raw_person_id": [raw for _, raw in rows]}, schema=IDENTITY
    )


def _dead_letters(records: Sequence[Record], refused: dict[int, Refusal]) -> pa.Table:
    positions = sorted(refused)
    dead = [records[position] for position in positions]
    return pa.table(
        {
            "topic": [record.topic for record in dead],
            "source_partition": [record.partition for record in dead],
            "source_offset": [record.offset for record in dead],
            "reason": [refused[position].reason for position in positions],
            "detail": [refused[position].detail for position in positions],
            "mapping": [None] * len(dead),
            "payload": [record.value or b"" for record in dead],
            "about": [None] * len(dead),
            "value": [None] * len(dead),
        },
        schema=DEAD_LETTER,
    )
