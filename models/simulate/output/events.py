"""CloudEvents 1.0 in structured JSON mode for the six topics (https://github.com/cloudevents/spec)."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

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
) -> Emitted:
    """Return one event as a record with envelope and bytes.

    Its key is the first value of `data`, the id of the entity; its id adds `part`, by default the version.
    """
    key = next(iter(data.values()))
    event = {
        "specversion": "1.0",
        "id": f"{key}.{part or data['version']}",
        "source": f"/harmspot/simulator/{seed}",
        "type": TYPES[topic],
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
    parts = zip(
        _incident_data(rows, town, people),
        iso(rows["recorded_s"]),
        rows["arrives_s"].tolist(),
        _names(LABELS, rows["label"]),
        strict=True,
    )
    return [emit(seed, "incidents", data, time, arrives_s, str(label)) for data, time, arrives_s, label in parts]


def _incident_data(rows: np.ndarray, town: Town, people: People) -> list[dict[str, Any]]:
    columns = zip(
        [f"I{number:016x}" for number in rows["number"].tolist()],
        rows["version"].tolist(),
        _names(STATUSES, rows["status"]),
        iso(rows["occurred_s"]),
        iso(rows["reported_s"]),
        _names(CODES, rows["code"]),
        _names(DISCOVERIES, rows["discovery"]),
        _reports(rows),
        _locations(rows, town),
        _true_flags("flags", rows, {"weapon": "is_weapon", "injury": "is_injury", "domestic": "is_domestic"}),
        _drugs(rows),
        _settings(rows),
        _true_flags(
            "minors",
            rows,
            {"victim": "is_minor_victim", "used_by_adult": "is_minor_used", "present": "is_minor_present"},
        ),
        _involvements(rows, people),
        strict=True,
    )
    names = ("incident_id", "version", "status", "occurred_at", "reported_at", "offence_code", "discovery")
    return [
        {**dict(zip(names, plain, strict=True)), **report, **place, **flags, **drugs, **market, **minors, **involved}
        for *plain, report, place, flags, drugs, market, minors, involved in columns
    ]


def _names(vocabulary: tuple[str, ...], numbers: np.ndarray) -> list[str | None]:
    """Return the names of the numbers; None for −1."""
    return np.array([*vocabulary, None], dtype=object)[numbers].tolist()


def _reports(rows: np.ndarray) -> list[dict[str, Any]]:
    channels, subjects = _names(CHANNELS, rows["channel"]), _names(SUBJECTS, rows["subject"])
    reporters = [None if caller == NONE else f"R{caller:06d}" for caller in rows["reporter"].tolist()]
    names = ("channel", "reporter_ref", "subject")
    return [
        {"report": {name: value for name, value in zip(names, report, strict=True) if value is not None}}
        for report in zip(channels, reporters, subjects, strict=True)
    ]


def _locations(rows: np.ndarray, town: Town) -> list[dict[str, Any]]:
    points = rows["point"]
    area_ids = np.array(town.area_ids, dtype=object)[town.area[points]].tolist()
    columns = zip(
        rows["is_area_only"].tolist(), area_ids, town.lon[points].tolist(), town.lat[points].tolist(), strict=True
    )
    return [
        {"location": {"area_id": area_id} if is_area_only else {"lon": lon, "lat": lat, "accuracy_m": ACCURACY_M}}
        for is_area_only, area_id, lon, lat in columns
    ]


def _true_flags(name: str, rows: np.ndarray, fields: dict[str, str]) -> list[dict[str, Any]]:
    """Return the true flags of each row under `name`; an empty dict if none is true."""
    columns = zip(*(rows[field].tolist() for field in fields.values()), strict=True)
    return [
        {name: {key: True for key, flag in zip(fields, flags, strict=True) if flag}} if any(flags) else {}
        for flags in columns
    ]


def _drugs(rows: np.ndarray) -> list[dict[str, Any]]:
    activities, substances = _names(ACTIVITIES, rows["activity"]), _names(SUBSTANCES, rows["substance"])
    return [
        {"drugs": {"activity": activity, "substance": substance}} if activity else {}
        for activity, substance in zip(activities, substances, strict=True)
    ]


def _settings(rows: np.ndarray) -> list[dict[str, Any]]:
    return [{"market": {"setting": setting}} if setting else {} for setting in _names(SETTINGS, rows["setting"])]


def _involvements(rows: np.ndarray, people: People) -> list[dict[str, Any]]:
    ids = np.array([*people.ids.tolist(), None], dtype=object)
    persons, roles = ids[rows["person"]].tolist(), np.array([*ROLES, None], dtype=object)[rows["role"]].tolist()
    found = [
        [{"person_id": person, "role": role} for person, role in zip(*both, strict=True) if person]
        for both in zip(persons, roles, strict=True)
    ]
    return [{"involvements": involved} if involved else {} for involved in found]
