"""Planted transmission defects: exact duplicates, contradictions, malformed records. Truth counts each of them.

The defect of a record depends only on its bytes, so that other records cannot change it. Malformed records are extra
ones: the valid record arrives as well.
"""

import json
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from models.simulate.output.events import Emitted, encode
from models.simulate.world.days import DAY_S
from models.simulate.world.draws import Numbers, mix, uniforms

DUPLICATE_SHARE = 0.01
CONFLICT_SHARE = 0.0006  # of incidents: the same version again with other content
BROKEN_SHARE = 0.005

Event = dict[str, Any]


def _without(event: Event, *names: str) -> Event:
    return {**event, "data": {key: value for key, value in event["data"].items() if key not in names}}


def _with(event: Event, **values: Any) -> Event:
    return {**event, "data": {**event["data"], **values}}


def _located(event: Event, location: Event) -> bytes:
    return encode(_with(event, location=location))


# Ways to malform any event, and events of one topic. Each returns bytes without a line break.
ANY_TOPIC: dict[str, Callable[[Event], bytes]] = {
    "truncated": lambda event: encode(event)[:-25],
    "not_json": lambda event: b"<event>" + str(event["id"]).encode() + b"</event>",
    "not_utf8": lambda event: encode({**event, "subject": "caf@"}).replace(b"caf@", b"caf\xe9"),
    "no_envelope": lambda event: encode(event["data"]),
    "a_list": lambda event: encode({"": [event]})[4:-1],
    "no_source": lambda event: encode({key: value for key, value in event.items() if key != "source"}),
    "unknown_type": lambda event: encode({**event, "type": "harmspot.weather.observed.v1"}),
    "later_schema": lambda event: encode({**event, "type": event["type"][:-1] + "9"}),
    "unknown_field": lambda event: encode(_with(event, colour="green")),
    "data_is_text": lambda event: encode({**event, "data": "see attachment"}),
}
OF_TOPIC: dict[str, dict[str, Callable[[Event], bytes]]] = {
    "incidents": {
        "missing_field": lambda event: encode(_without(event, "discovery")),
        "unknown_code": lambda event: encode(_with(event, offence_code="jaywalking")),
        "unknown_word": lambda event: encode(_with(event, discovery="rumour")),
        "nan_coordinate": lambda event: _located(event, {"lon": float("nan"), "lat": 54.0}),
        "coordinate_off_earth": lambda event: _located(event, {"lon": 1.3, "lat": 154.0}),
        "half_coordinate": lambda event: _located(event, {"lon": 1.3}),
        "null_island": lambda event: _located(event, {"lon": 0.0, "lat": 0.0}),
        "no_location": lambda event: encode(_without(event, "location")),
        "naive_time": lambda event: encode(_with(event, occurred_at=event["data"]["occurred_at"][:-1])),
        "future_date": lambda event: encode(_with(event, occurred_at="2199-06-01T12:00:00Z")),
        "no_such_date": lambda event: encode(_with(event, occurred_at="2025-02-30T12:00:00Z")),
        "wrong_type": lambda event: encode(_with(event, version="one")),
        "null_required": lambda event: encode(_with(event, occurred_at=None)),
        "empty_id": lambda event: encode(_with(event, incident_id="")),
    },
    "persons": {"born_ahead": lambda event: encode(_with(_without(event, "birth_year"), birth_date="2199-06-01"))},
    "custody": {"ends_before": lambda event: encode(_with(event, to="1999-06-01T12:00:00Z"))},
    "warrants": {"unknown_code": lambda event: encode(_with(event, underlying_offence_code="jaywalking"))},
    "staffing": {"negative_hours": lambda event: encode(_with(event, available_hours=-8.0))},
    "actions": {"unknown_kind": lambda event: encode(_with(event, kind="parade"))},
}


def with_defects(records: Sequence[Emitted]) -> list[Emitted]:
    """Return the records, their duplicates, contradictions and malformed copies."""
    number = np.array([zlib.crc32(record.value) for record in records], dtype=np.uint64)
    return [*records, *_duplicates(records, number), *_conflicts(records, number), *_broken(records, number)]


def _duplicates(records: Sequence[Emitted], number: Numbers) -> list[Emitted]:
    """Return the same bytes again, up to three days later."""
    later_s = (uniforms(number, 80) * 3 * DAY_S).astype(np.int64) + 1
    return [
        records[row]._replace(arrives_s=records[row].arrives_s + int(later_s[row]), label="duplicate")
        for row in np.flatnonzero(uniforms(number, 81) < DUPLICATE_SHARE).tolist()
    ]


def _conflicts(records: Sequence[Emitted], number: Numbers) -> list[Emitted]:
    """Return another event with the same version of an incident, an hour later, with less accurate location."""
    chosen = np.flatnonzero(uniforms(number, 82) < CONFLICT_SHARE).tolist()
    return [_contradicted(records[row]) for row in chosen if records[row].topic == "incidents"]


def _contradicted(record: Emitted) -> Emitted:
    event = json.loads(record.value)
    location = {**event["data"]["location"], "accuracy_m": 80.0}
    other = {**_with(event, location=location), "id": event["id"] + ".b"}
    return record._replace(arrives_s=record.arrives_s + 3600, value=encode(other), label="conflict")


def _broken(records: Sequence[Emitted], number: Numbers) -> list[Emitted]:
    chosen = np.flatnonzero(uniforms(number, 83) < BROKEN_SHARE).tolist()
    turn = mix(number, 84)
    return [_break(records[row], int(turn[row])) for row in chosen]


def _break(record: Emitted, turn: int) -> Emitted:
    ways = {**ANY_TOPIC, **OF_TOPIC[record.topic]}
    name = list(ways)[turn % len(ways)]
    event = json.loads(record.value)
    value = ways[name]({**event, "id": event["id"] + ".x"})
    return record._replace(arrives_s=record.arrives_s + 1, value=value, label=f"malformed:{name}")
