"""Records that nobody can use, of every kind that a careless or hostile producer may send, and good ones to hide among.

Each kind makes as many different records as wanted: `make(number)` gives bytes that no other number gives, and `reason`
is the word its dead letter must bear. Records that cannot differ (tombstones, empty ones) stand in `UNIFORM`.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

CODE = "robbery"
UNHEARD_OF = "unheard_of"  # an offence code that a later codebook may know
OVER_LIMIT_BYTES = 1_200_000


class Poison(NamedTuple):
    """One kind of unusable record."""

    reason: str
    make: Callable[[int], bytes]


def good(number: int) -> bytes:
    """Return an incident that can be used; another number is another incident."""
    return encode(incident(number))


def incident(number: int, **changes: Any) -> dict[str, Any]:
    data = {
        "incident_id": f"I-{number}",
        "version": 1,
        "status": "recorded",
        "occurred_at": f"2025-{1 + number % 12:02}-{1 + number % 28:02}T08:00:00Z",
        "offence_code": CODE,
        "discovery": "public",
        "location": {"lon": 1 + number % 1000 / 1e4, "lat": 51.5},
        "involvements": [{"person_id": f"P-{number % 997}", "role": "suspect"}],
    }
    return envelope("incident.recorded", f"i{number}", {**data, **changes})


def shift(number: int, **changes: Any) -> dict[str, Any]:
    hours = {"rostered_hours": 80, "available_hours": 60}
    times = {"shift_start": "2025-06-01T06:00:00Z", "shift_end": "2025-06-01T14:00:00Z"}
    return envelope("staffing.reported", f"s{number}", {"area_id": f"A-{number}@1", **times, **hours, **changes})


def person(number: int, **changes: Any) -> dict[str, Any]:
    return envelope("person.updated", f"p{number}", {"person_id": f"Q-{number}", "version": 1, **changes})


def stay(number: int, **changes: Any) -> dict[str, Any]:
    data = {"person_id": f"Q-{number}", "version": 1, "from": "2025-06-01T06:00:00Z"}
    return envelope("custody.changed", f"c{number}", {**data, **changes})


def envelope(kind: str, event_id: str, data: dict[str, Any]) -> dict[str, Any]:
    context = {"specversion": "1.0", "type": f"harmspot.{kind}.v1", "source": "urn:poison", "id": event_id}
    return {**context, "data": data}


def encode(event: Any) -> bytes:
    return json.dumps(event).encode()


def _incident(**changes: Any) -> Callable[[int], bytes]:
    return lambda number: encode(incident(number, **changes))


def _context(**changes: Any) -> Callable[[int], bytes]:
    return lambda number: encode({**incident(number), **changes})


def _bytes(old: bytes, new: bytes) -> Callable[[int], bytes]:
    """Return a maker of incidents with other bytes in one place, for what no JSON encoder would write."""

    def make(number: int) -> bytes:
        assert good(number).count(old) == 1, (old, good(number))
        return good(number).replace(old, new)

    return make


def _place(**changes: Any) -> Callable[[int], bytes]:
    return lambda number: encode(incident(number, location={"lon": 1.0, "lat": 51.5, **changes}))


def _without(key: str) -> Callable[[int], bytes]:
    def make(number: int) -> bytes:
        event = incident(number)
        del event["data"][key]
        return encode(event)

    return make


KINDS: dict[str, Poison] = {
    "cut short": Poison("not_json", lambda n: good(n)[: 60 + n % 200]),
    "not JSON at all": Poison("not_json", lambda n: b"<event id='%d'/>" % n),
    "two values in one": Poison("not_json", lambda n: good(n) + good(n)),
    "trailing comma": Poison("not_json", lambda n: good(n)[:-1] + b",}"),
    "single quotes": Poison("not_json", lambda n: good(n).replace(b'"', b"'")),
    "byte-order mark": Poison("not_json", lambda n: b"\xef\xbb\xbf" + good(n)),
    "NaN coordinate": Poison("not_json", _bytes(b"51.5", b"NaN")),
    "infinite coordinate": Poison("not_json", _bytes(b"51.5", b"-Infinity")),
    "null as a key": Poison("not_json", _bytes(b'"version"', b"null")),
    "raw control character": Poison("not_json", lambda n: good(n).replace(b"I-%d" % n, b"I\x01%d" % n)),
    "lone surrogate": Poison("not_json", lambda n: good(n).replace(b"I-%d" % n, b"\\ud800%d" % n)),
    "schema registry's prefix": Poison("not_json", lambda n: b"\0\0\0\0\x07" + good(n)),
    "leading zero": Poison("not_json", _bytes(b'"version": 1', b'"version": 01')),
    "UTF-16": Poison("not_utf8", lambda n: good(n).decode().encode("utf-16")),
    "Latin-1": Poison("not_utf8", lambda n: good(n).replace(b"I-%d" % n, b"\xe9%d" % n)),
    "overlong UTF-8": Poison("not_utf8", lambda n: good(n).replace(b"I-%d" % n, b"\xc0\x80%d" % n)),
    "compressed": Poison("not_utf8", lambda n: gzip.compress(good(n), mtime=0)),
    "deep nesting": Poison("too_deep", lambda n: good(n)[:-1] + b', "ext": ' + b"[" * 9999 + b"]" * 9999 + b"}"),
    "deep objects, cut": Poison("too_deep", lambda n: b'{"%d": ' % n + b'{"a":' * 9999),
    "too large": Poison("too_large", lambda n: encode(incident(n)) + b" " * OVER_LIMIT_BYTES),
    "array of events": Poison("not_cloudevents", lambda n: encode([incident(n)])),
    "bare number": Poison("not_cloudevents", lambda n: b"%d" % n),
    "bare text": Poison("not_cloudevents", lambda n: b'"%d"' % n),
    "other CloudEvents": Poison("not_cloudevents", _context(specversion="0.3")),
    "data without envelope": Poison("not_cloudevents", lambda n: encode(incident(n)["data"])),
    "null id": Poison("not_cloudevents", lambda n: encode({**incident(n), "id": None})),
    "unknown type": Poison("unknown_type", _context(type="harmspot.weather.observed.v1")),
    "next schema version": Poison("wrong_schema_version", _context(type="harmspot.incident.recorded.v2")),
    "data of another type": Poison("unknown_field", _context(type="harmspot.warrant.changed.v1")),
    "no data": Poison("missing_field", lambda n: encode({k: v for k, v in incident(n).items() if k != "data"})),
    "no offence code": Poison("missing_field", _without("offence_code")),
    "no location": Poison("no_location", _without("location")),
    "misspelt safeguard": Poison("unknown_field", _incident(minors={"used_by_adlt": True})),
    "version as text": Poison("wrong_type", _incident(version="1")),
    "version as a fraction": Poison("wrong_type", _incident(version=1.5)),
    "version null": Poison("wrong_type", _incident(version=None)),
    "data as array": Poison("wrong_type", lambda n: encode({**incident(n), "data": [n]})),
    "data as text": Poison("wrong_type", _context(data="{}")),
    "location as array": Poison("wrong_type", _incident(location=[1.0, 51.5])),
    "flag as text": Poison("wrong_type", _incident(flags={"weapon": "true"})),
    "null among people": Poison("wrong_type", _incident(involvements=[None])),
    "time as a number": Poison("wrong_type", _incident(occurred_at=1_700_000_000)),
    "coordinate as text": Poison("bad_coordinate", _place(lon="1.0")),
    "coordinate off the globe": Poison("bad_coordinate", _place(lat=91)),
    "coordinate beyond floats": Poison("bad_coordinate", _bytes(b"51.5", b"1e400")),
    "half a coordinate": Poison("bad_coordinate", _place(lat=None)),
    "in the open sea": Poison("bad_coordinate", _place(lon=0, lat=0)),
    "negative version": Poison("bad_value", _incident(version=-1)),
    "version beyond int64": Poison("bad_value", _incident(version=2**63)),
    "version of 5,000 digits": Poison("bad_value", _bytes(b'"version": 1', b'"version": ' + b"9" * 5000)),
    "unknown status": Poison("bad_value", _incident(status="deleted")),
    "unknown role": Poison("bad_value", _incident(involvements=[{"person_id": "P-1", "role": "bystander"}])),
    "date without time": Poison("bad_value", _incident(occurred_at="2025-06-01")),
    "overlong id": Poison("bad_value", lambda n: encode(incident(n, incident_id=f"{n}-" + "x" * 300))),
    "control character": Poison("bad_value", lambda n: encode(incident(n, incident_id=f"I-{n}\0"))),
    "zero-width space": Poison("bad_value", lambda n: encode(incident(n, incident_id=f"\u200bI-{n}"))),
    "negative hours": Poison("bad_value", lambda n: encode(shift(n, available_hours=-1))),
    "hours beyond floats": Poison("bad_value", lambda n: encode(shift(n)).replace(b"80", b"1e400")),
    "shift ends before it starts": Poison("bad_value", lambda n: encode(shift(n, shift_end="2025-06-01T05:00:00Z"))),
    "shift of a century": Poison("bad_value", lambda n: encode(shift(n, shift_end="2125-06-01T05:00:00Z"))),
    "release before arrest": Poison("bad_value", lambda n: encode(stay(n, to="2025-05-01T06:00:00Z"))),
    "two birth years": Poison("bad_value", lambda n: encode(person(n, birth_date="1990-01-01", birth_year=1991))),
    "blank id": Poison("empty_id", lambda n: encode({**incident(n), "id": " " * (1 + n % 250)})),
    "empty person id": Poison("empty_id", _incident(involvements=[{"person_id": "", "role": "suspect"}])),
    "time without a zone": Poison("naive_time", _incident(occurred_at="2025-06-01T08:00:00")),
    "30 February": Poison("impossible_date", _incident(occurred_at="2025-02-30T08:00:00Z")),
    "year 9999": Poison("impossible_date", _incident(occurred_at="9999-12-31T23:59:59-12:00")),
    "year 1": Poison("impossible_date", _incident(occurred_at="0001-01-01T00:00:00+12:00")),
    "born in the year 1": Poison("impossible_date", lambda n: encode(person(n, birth_date="0001-01-01"))),
    "tomorrow's incident": Poison("future_date", _incident(occurred_at="2199-01-01T00:00:00Z")),
    "born next century": Poison("future_date", lambda n: encode(person(n, birth_date="2190-01-01"))),
    "unknown offence": Poison("unknown_offence_code", _incident(offence_code=UNHEARD_OF)),
}  # fmt: skip
# A tombstone; records of nothing.
UNIFORM: dict[str, tuple[str, bytes | None]] = {
    "tombstone": ("empty_record", None),
    "white space": ("empty_record", b" \n"),
    "null": ("not_cloudevents", b"null"),
    "NUL bytes": ("not_json", b"\0" * 8),
}


def poisons(count: int) -> Iterator[tuple[str, bytes | None]]:
    """Yield (reason, value) of `count` different unusable records: every kind, over and over."""
    yield from list(UNIFORM.values())[:count]
    kinds = list(KINDS.values())
    for number in range(max(count - len(UNIFORM), 0)):
        poison = kinds[number % len(kinds)]
        yield poison.reason, poison.make(number // len(kinds))
