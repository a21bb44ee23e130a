"""Diagnosis of refused records: a stable reason code, and a sentence that repeats nothing from the record.

A sentence may name a path in the event (`$.data.minors`) and what is expected there. It never repeats a value or an
unknown key, because either may be a person's id or name.
"""

import difflib
import re
from functools import cache
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct

from pipeline.events.schema import EVENT_TYPES, MAX_EVENT_BYTES, Event, Id


class Refusal(NamedTuple):
    """Refusal of a record: `reason` is a stable code, `detail` a sentence without any content of the record."""

    reason: str
    detail: str


class _Context(Struct):
    """Attributes that every CloudEvent must have."""

    specversion: Literal["1.0"]
    id: Id
    source: Id
    type: str


_TYPE_OF_TAG: dict[str, type[Event]] = {str(event_type.__struct_config__.tag): event_type for event_type in EVENT_TYPES}
_ENVELOPE = ("specversion", "id", "source", "type", "time", "subject", "datacontenttype", "data")
_STEMS = {tag.rpartition(".v")[0] for tag in _TYPE_OF_TAG}
_DATE_AND_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)?")
_BOM = b"\xef\xbb\xbf"
_MALFORMED = "JSON is malformed: "
_tree = msgspec.json.Decoder(float_hook=str)  # `decode_event` reports numbers that are too large

# Message of msgspec → our reason, first match wins. Only the groups captured here appear in the sentence.
_PATTERNS = [
    (re.compile(r"Object missing required field `location`"), "no_location", "has no `location`"),
    (re.compile(r"Object missing required field `(\w+)`"), "missing_field", "has no `{0}`, which is required"),
    (re.compile(r"Expected `(.+)`, got `(\w+)`"), "wrong_type", "should be {0} and is {1}"),
    (re.compile(r"Expected `str` of length >= 1$"), "empty_id", "is empty and should identify something"),
    (re.compile(r"Expected `(.+)` (of length )?(>=|<=) (\S+)$"), "bad_value", "should be {0} {1}{2} {3}"),
    (re.compile(r"Invalid (enum )?value"), "bad_value", "is none of the values that docs/events.md lists"),
    (re.compile(r"(Number|Integer value) out of range"), "bad_value", "is a number too large to hold"),
]


def diagnose(value: bytes | None, error: Exception | None) -> Refusal:
    """Return why this record is refused; `error` is what `decode_event` raised, None if it was not called."""
    if value is None or not value.strip():
        return Refusal("empty_record", "The record is empty: a tombstone, or a producer that sent nothing.")
    if len(value) > MAX_EVENT_BYTES:
        return Refusal("too_large", f"The record has {len(value)} bytes; at most {MAX_EVENT_BYTES} are read.")
    try:
        return _diagnose_json(_tree.decode(value.decode("utf-8")), str(error))
    except UnicodeDecodeError as wrong:
        return Refusal("not_utf8", f"Byte {wrong.start} of the record is not UTF-8.")
    except RecursionError:
        return Refusal("too_deep", "The record nests objects or arrays deeper than can be read.")
    except msgspec.ValidationError:
        return Refusal("bad_value", "The record holds a whole number too large for any field.")
    except ValueError as wrong:
        return Refusal("not_json", f"The record is not one JSON value: {_malformed(value, str(wrong))}.")


def refuse_repeated(key: str, event_type: type[Event]) -> Refusal:
    """Return the refusal of a record in which a key stands twice; a key that no event has may be anything."""
    named = f"`{key}`" if key in (*_keys(event_type), *_ENVELOPE) else "A key"
    return Refusal("repeated_key", f"{named} stands twice in one object; send it once.")


def _malformed(value: bytes, message: str) -> str:
    """Return where the JSON is malformed; the message of msgspec quotes nothing from the record."""
    if value.startswith(_BOM):
        return "it begins with a byte-order mark"
    if message.startswith(_MALFORMED):
        return message.removeprefix(_MALFORMED)
    return "it is cut short, or holds half a surrogate pair"


def _diagnose_json(found: Any, message: str) -> Refusal:
    if not isinstance(found, dict):
        return Refusal("not_cloudevents", "The record is JSON but no object; a CloudEvents 1.0 envelope is expected.")
    return _diagnose_context(found) or _diagnose_type(found["type"]) or _refusal_of(message, found)


def _diagnose_context(found: dict) -> Refusal | None:
    try:
        msgspec.convert(found, _Context)
    except msgspec.ValidationError as error:
        refusal = _refusal_of(str(error), found)
        if refusal.reason == "empty_id":
            return refusal
        return Refusal("not_cloudevents", f"No CloudEvents 1.0 envelope: {refusal.detail}")
    return None


def _diagnose_type(tag: str) -> Refusal | None:
    if tag in _TYPE_OF_TAG:
        return None
    stem, _, version = tag.rpartition(".v")
    if stem in _STEMS and version.isdigit():
        return Refusal("wrong_schema_version", f"`$.type` is {stem} in another schema version; .v1 is read.")
    return Refusal("unknown_type", f"`$.type` is none of {', '.join(sorted(_TYPE_OF_TAG))}.")


def _refusal_of(message: str, found: dict) -> Refusal:
    text, _, path = message.partition(" - at `")
    path = path.rstrip("`") or "$"
    if "unknown field" in text:
        return Refusal("unknown_field", f"`{path}` has an unknown key{_closest_key(text, found['type'])}")
    if text.startswith("Invalid RFC3339"):
        return _time_refusal(path, found)
    reason, sentence = _match_message(text)
    if path in ("$.data.location.lon", "$.data.location.lat"):
        reason = "bad_coordinate"
    return Refusal(reason, f"`{path}` {sentence}.")


def _match_message(text: str) -> tuple[str, str]:
    for pattern, reason, sentence in _PATTERNS:
        if match := pattern.match(text):
            return reason, sentence.format(*(group or "" for group in match.groups()))
    return "bad_value", "does not hold what docs/events.md asks for"


def _time_refusal(path: str, found: dict) -> Refusal:
    if path.endswith("birth_date") or _DATE_AND_TIME.fullmatch(_text_at(path, found)):
        return Refusal("impossible_date", f"`{path}` is a date or time that does not exist.")
    return Refusal("bad_value", f"`{path}` is no RFC 3339 time such as 2026-11-23T08:30:00Z.")


def _text_at(path: str, found: Any) -> str:
    """Return the text at `$.a.b`; empty if duplicate keys put another value there than the refused one."""
    for key in path.split(".")[1:]:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def _closest_key(text: str, tag: str) -> str:
    """Return a hint at the known key closest to the unknown one, which is not quoted because it may be anything."""
    unknown = text.partition("`")[2].rstrip("`")
    close = difflib.get_close_matches(unknown, _keys(_TYPE_OF_TAG[tag]), n=1)
    return f"; was `{close[0]}` meant?" if close else ", which docs/events.md does not list."


@cache
def _keys(event_type: type[Event]) -> tuple[str, ...]:
    """Return every key that an event of this type can have, at any depth."""
    schemas = msgspec.json.schema(event_type)["$defs"].values()
    return tuple(sorted({key for schema in schemas for key in schema["properties"]}))
