"""CloudEvents 1.0 in structured JSON mode for the six topics (https://github.com/cloudevents/spec)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from models.simulate.output.incident import INCIDENT
from models.simulate.output.versions import LABELS
from models.simulate.world.days import iso
from models.simulate.world.people import People
from models.simulate.world.town import Town
from models.simulate.world.vocabulary import (
    ACTIVITIES,
    CHANNELS,
    CODES,
    DISCOVERIES,
    NONE,
    ROLES,
    SETTINGS,
    STATUSES,
    SUBJECTS,
    SUBSTANCES,
)

TYPES = {
    "incidents": "harmspot.incident.recorded.v1",
    "persons": "harmspot.person.updated.v1",
    "custody": "harmspot.custody.changed.v1",
    "warrants": "harmspot.warrant.changed.v1",
    "staffing": "harmspot.staffing.reported.v1",
    "actions": "harmspot.action.recorded.v1",
}
SAME_PERSON = "harmspot.person.same.v1"  # on topic persons, too
ACCURACY_M = 10.0
_encoder = json.JSONEncoder(separators=(",", ":"), check_circular=False)


class Emitted(NamedTuple):
    """A record, its arrival in UTC seconds, and the label of its defect; the label is truth, not in the record."""

    arrives_s: int
    topic: str
    key: str
    value: bytes
    label: str


def emit(
    seed: int,
    topic: str,
    data: Mapping[str, Any],
    time: str,
    arrives_s: int,
    label: str = "ordinary",
    *,
    part: str | None = None,
    event_type: str | None = None,
) -> Emitted:
    """Return one event as a record with envelope and bytes.

    Its key is the first value of `data`, the id of the entity; its id adds `part`, by default the version.
    Its type is by default the first of the topic.
    """
    key = next(iter(data.values()))
    event = {
        "specversion": "1.0",
        "id": f"{key}.{part or data['version']}",
        "source": f"/harmspot/simulator/{seed}",
        "type": event_type or TYPES[topic],
        "time": time,
        "datacontenttype": "application/json",
        "data": data,
    }
    return Emitted(arrives_s, topic, key, encode(event), label)


def encode(event: Mapping[str, Any]) -> bytes:
    """Return an event as compact JSON bytes."""
    return _encoder.encode(event).encode()


def incident_events(seed: int, rows: np.ndarray, town: Town, people: People) -> list[Emitted]:
    """Return one event per version; unknown fields are left out."""
    names = INCIDENT.names or ()
    columns = zip(*(rows[name].tolist() for name in names), strict=True)
    times = zip(iso(rows["occurred_s"]), iso(rows["reported_s"]), iso(rows["recorded_s"]), strict=True)
    person_ids = people.ids.tolist(), people.second_ids.tolist()
    events = []
    for values, (occurred_at, reported_at, recorded_at) in zip(columns, times, strict=True):
        row = dict(zip(names, values, strict=True))
        data = _incident_data(row, occurred_at, reported_at, town, person_ids[row["number"] % 2])
        events.append(emit(seed, "incidents", data, recorded_at, row["arrives_s"], LABELS[row["label"]]))
    return events


def _incident_data(
    row: Mapping[str, Any], occurred_at: str, reported_at: str, town: Town, person_ids: Sequence[str]
) -> dict[str, Any]:
    report = {
        "channel": CHANNELS[row["channel"]],
        "reporter_ref": None if row["reporter"] == NONE else f"R{row['reporter']:06d}",
        "subject": None if row["subject"] == NONE else SUBJECTS[row["subject"]],
    }
    place = {"lon": float(town.lon[row["point"]]), "lat": float(town.lat[row["point"]]), "accuracy_m": ACCURACY_M}
    drugs = {"activity": ACTIVITIES[row["activity"]], "substance": SUBSTANCES[row["substance"]]}
    drugs |= {key: row[name] for key, name in (("price_per_gram", "price"), ("purity", "purity")) if row[name]}
    optional = {
        "flags": _true_flags(
            row,
            weapon="is_weapon",
            injury="is_injury",
            domestic="is_domestic",
            fatal="is_fatal",
            naloxone="is_naloxone",
        ),
        "drugs": drugs if row["activity"] != NONE else {},
        "market": {"setting": SETTINGS[row["setting"]]} if row["setting"] != NONE else {},
        "minors": _true_flags(row, victim="is_minor_victim", used_by_adult="is_minor_used", present="is_minor_present"),
        "involvements": [
            {"person_id": person_ids[person], "role": ROLES[role]}
            for person, role in zip(row["person"], row["role"], strict=True)
            if person != NONE
        ],
    }
    return {
        "incident_id": f"I{row['number']:016x}",
        "version": row["version"],
        "status": STATUSES[row["status"]],
        "occurred_at": occurred_at,
        "reported_at": reported_at,
        "offence_code": CODES[row["code"]],
        "discovery": DISCOVERIES[row["discovery"]],
        "report": {name: value for name, value in report.items() if value is not None},
        "location": {"area_id": town.area_ids[town.area[row["point"]]]} if row["is_area_only"] else place,
        **{name: value for name, value in optional.items() if value},
    }


def _true_flags(row: Mapping[str, Any], **fields: str) -> dict[str, bool]:
    return {flag: True for flag, field in fields.items() if row[field]}
