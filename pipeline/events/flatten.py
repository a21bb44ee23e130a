"""Columns of typed events: one list per column of `pipeline.events.columns.SCHEMAS`, built a column at a time."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.events.batch import Record
from pipeline.events.columns import INVOLVEMENTS, PATHS
from pipeline.events.diagnosis import Refusal
from pipeline.events.schema import Drugs, Event, Flags, Involvement, Location, Market, Minors, Report, Treatment

# Values of a part of an event that is absent or null.
_ABSENT: dict[str, Any] = {
    "report": Report(),
    "location": Location(),
    "flags": Flags(),
    "drugs": Drugs(),
    "market": Market(),
    "minors": Minors(),
    "treatment": Treatment(),
}
_LOOKS_EMPTY = re.compile("[\u115f\u1160\u2800\u3164\uffa0]")  # printable by Unicode, and drawn as nothing
_COMPUTED = {"is_ambiguous_hour"}  # not sent by any source: `pipeline.local_time` computes it
_TRUE_OR_NULL = {"is_fatal", "is_naloxone_given"}
_PERSON_COLUMNS = {"person_id", "subject_person_id", "same_person_id"}


class People(dict):
    """Raw person id → pseudonym, computed once per person and batch; None stays None.

    `raw_ids` holds the id, in Unicode normalisation form C, behind each pseudonym; `refused` says why the id behind a
    pseudonym identifies nobody.
    """

    def __init__(self, pseudonymise: Callable[[str], str]) -> None:
        super().__init__({None: None})
        self.raw_ids: dict[str, str] = {}
        self.refused: dict[str, Refusal] = {}
        self._pseudonymise = pseudonymise

    def __missing__(self, raw_person_id: str) -> str:
        pseudonym = self[raw_person_id] = self._pseudonymise(raw_person_id)
        self.raw_ids[pseudonym] = unicodedata.normalize("NFC", raw_person_id)
        if refusal := _refusal_of(raw_person_id):
            self.refused[pseudonym] = refusal
        return pseudonym


def _refusal_of(raw_person_id: str) -> Refusal | None:
    """Return why an id identifies nobody, or None: two ids that look the same would be two people."""
    if not any(map(str.isalnum, raw_person_id)) or _LOOKS_EMPTY.search(raw_person_id):
        return Refusal("empty_id", "an id of a person is blank: it has no letter or digit that can be seen.")
    if not raw_person_id.isprintable():
        return Refusal("bad_value", "an id of a person holds control, zero-width or other characters not printed.")
    return None


def columns_of(entity: str, events: Sequence[Event], records: Sequence[Record], people: People) -> dict[str, Any]:
    """Return column → values for the events of one entity and the records they came in, in their order.

    Values are lists of Python objects; times are as in the source, possibly without a zone. `involvements` is an Arrow
    array. Person ids are pseudonyms already, and `people` contains everybody in the events.
    """
    data = [event.data for event in events]
    parts: dict[str, list] = {"": data}
    columns = _envelope(events, records)
    for name, path in PATHS[entity].items():
        part, _, key = path.rpartition(".")
        if part not in parts:
            absent = _ABSENT[part]
            parts[part] = [found or absent for found in map(attrgetter(part), data)]
        if name not in _COMPUTED:
            columns[name] = list(map(attrgetter(key), parts[part]))
    columns |= {name: [found or None for found in columns[name]] for name in _TRUE_OR_NULL & columns.keys()}
    columns |= {name: list(map(people.__getitem__, columns[name])) for name in _PERSON_COLUMNS & columns.keys()}
    if "same_person_id" in columns:  # a pair has no order
        pairs = zip(columns["person_id"], columns["same_person_id"], strict=True)
        columns |= zip(("person_id", "same_person_id"), map(list, zip(*map(sorted, pairs), strict=True)), strict=True)
    if "involvements" in columns:
        columns["involvements"] = _involvements(columns["involvements"], people)
    return columns


def _envelope(events: Sequence[Event], records: Sequence[Record]) -> dict[str, Any]:
    return {
        "event_source": [event.source for event in events],
        "event_id": [event.id for event in events],
        "event_time": [event.time for event in events],
        "source_partition": [record.partition for record in records],
        "source_offset": [record.offset for record in records],
    }


def _involvements(lists: Sequence[tuple[Involvement, ...] | None], people: People) -> pa.ListArray:
    flat: list[Involvement] = list(chain.from_iterable(found or () for found in lists))
    ends = accumulate((len(found or ()) for found in lists), initial=0)
    roles = pa.StructArray.from_arrays(
        [pa.array([people[i.person_id] for i in flat], pa.string()), pa.array([i.role for i in flat], pa.string())],
        fields=list(INVOLVEMENTS.value_type),
    )
    is_unknown = pa.array([found is None for found in lists], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), roles, mask=is_unknown)


def pseudonyms_in(tables: Iterable[pa.Table]) -> set[str]:
    """Return every pseudonym that occurs in these tables."""
    found: set[str] = set()
    for table in tables:
        for _, pseudonyms in pseudonym_rows(table):
            found.update(pseudonyms.unique().to_pylist())
    return found - {None}


def pseudonym_rows(table: pa.Table) -> Iterator[tuple[np.ndarray, pa.ChunkedArray]]:
    """Yield, for each column that names people, the rows of the table and the pseudonym in each."""
    for name in sorted(_PERSON_COLUMNS.intersection(table.column_names)):
        yield np.arange(table.num_rows), table[name]
    if "involvements" in table.column_names:
        involvements = table["involvements"].combine_chunks()
        yield (
            pc.list_parent_indices(involvements).to_numpy(),
            pa.chunked_array([involvements.flatten().field("person_id")]),
        )
