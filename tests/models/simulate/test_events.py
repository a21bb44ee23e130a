"""Records meet the event contract, checked here independently, and decode as planted."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from models.simulate import SimulatedTown
from pipeline.events.batch import Record
from pipeline.events.decoder import Decoder

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
REQUIRED = {
    "incidents": {"incident_id", "version", "status", "occurred_at", "offence_code", "discovery", "location"},
    "persons": {"person_id", "version"},
    "custody": {"person_id", "version", "from", "kind"},
    "warrants": {"warrant_id", "version", "person_id", "kind", "issued_at", "status", "underlying_offence_code"},
    "staffing": {"area_id", "shift_start", "shift_end", "rostered_hours", "available_hours"},
    "actions": {"action_id", "version", "kind", "actor", "at"},
}
KEY = {
    "incidents": "incident_id",
    "persons": "person_id",
    "custody": "person_id",
    "warrants": "warrant_id",
    "staffing": "area_id",
    "actions": "action_id",
}
TYPES = {
    "incidents": ("harmspot.incident.recorded.v1",),
    "persons": ("harmspot.person.updated.v1", "harmspot.person.same.v1"),
    "custody": ("harmspot.custody.changed.v1",),
    "warrants": ("harmspot.warrant.changed.v1",),
    "staffing": ("harmspot.staffing.reported.v1",),
    "actions": ("harmspot.action.recorded.v1",),
}
CODES = frozenset(pd.read_csv(Path("configs/codebooks/harm.csv"))["offence_code"])


def malformed(town: SimulatedTown, topic: str) -> int:
    defects = town.truth["defects"]
    is_malformed = defects["label"].str.startswith("malformed:") & defects["topic"].eq(topic)
    return int(defects.loc[is_malformed, "n"].sum())


def problems(topic: str, key: str, value: bytes) -> list[str]:
    """Return how a record violates the contract; empty if it does not."""
    try:
        event = json.loads(value, parse_constant=lambda word: pytest.fail(word) if word is None else word)
    except ValueError:
        return ["no JSON"]
    if not isinstance(event, dict) or not isinstance(event.get("data"), dict):
        return ["no envelope"]
    data, found = event["data"], []
    found += [name for name in ("id", "source", "time") if not event.get(name)]
    found += ["specversion"] * (event.get("specversion") != "1.0") + ["type"] * (event.get("type") not in TYPES[topic])
    found += ["time"] * (TIME.fullmatch(event.get("time", "")) is None)
    found += [name for name in sorted(REQUIRED[topic]) if data.get(name) is None]
    found += ["key"] * (data.get(KEY[topic]) != key)
    found += ["version"] * (topic != "staffing" and not isinstance(data.get("version"), int))
    moments = [data[name] for name in ("occurred_at", "reported_at", "from", "to", "issued_at", "at") if data.get(name)]
    found += ["moment" for moment in moments if TIME.fullmatch(moment) is None]
    return found


@pytest.mark.parametrize("topic", REQUIRED)
def test_sound_records_hold_to_the_contract(town: SimulatedTown, topic: str) -> None:
    wrong = [found for key, value in town.records[topic] if (found := problems(topic, key, value))]
    assert len(town.records[topic]) > 50
    # Some malformed records keep a valid shape (such as an unknown code), so at most as many as planted.
    assert len(wrong) <= malformed(town, topic)


@pytest.mark.parametrize("topic", REQUIRED)
def test_every_record_is_a_row_or_a_planted_dead_letter(town: SimulatedTown, topic: str) -> None:
    decoder = Decoder(CODES, lambda raw: f"p_{raw}", datetime(2026, 1, 1, 12, tzinfo=UTC), timedelta(minutes=10))
    records = [Record(topic, 0, row, value) for row, (_, value) in enumerate(town.records[topic])]
    decoded = decoder.decode(records)
    stored = sum(table.num_rows for table in decoded.tables.values())
    assert stored + decoded.dead_letters.num_rows == len(records)
    assert decoded.dead_letters.num_rows == malformed(town, topic)


def test_malformed_records_are_of_many_kinds(town: SimulatedTown) -> None:
    labels = town.truth["defects"]["label"]
    assert labels[labels.str.startswith("malformed:")].nunique() >= 15


def test_an_id_names_one_content(town: SimulatedTown) -> None:
    """Apart from exact duplicates, no two valid records share their id."""
    values = {value for _, value in town.records["incidents"] if b'.x","source"' not in value}
    ids = [json.loads(value)["id"] for value in values if problems("incidents", "", value) == ["key"]]
    assert len(ids) == len(set(ids)) > 10_000


def test_nothing_arrives_from_after_the_end(town: SimulatedTown) -> None:
    times = [json.loads(v)["time"] for k, v in town.records["incidents"] if not problems("incidents", k, v)]
    assert max(times) < "2026-01-01T00:00:00Z"
    assert min(times) >= "2025-01-01T00:00:00Z"


def test_a_few_offenders_are_recorded_under_two_ids_that_are_joined_later(town: SimulatedTown) -> None:
    people = town.truth["people"]
    found = [json.loads(value) for _, value in town.records["persons"] if b'"harmspot.person.same.v1"' in value]
    pairs = {(each["data"]["person_id"], each["data"]["same_as"]) for each in found if "same_as" in each["data"]}
    assert len(pairs) == 6
    assert {one for one, _ in pairs} <= {*people.loc[people["kind"].eq("offender"), "person_id"]}
    assert not {other for _, other in pairs} & {*people["person_id"]}
    told = b"".join(value for _, value in town.records["incidents"])
    assert sum(other.encode() in told for _, other in pairs) >= 3


def test_truth_stays_out_of_the_records(town: SimulatedTown) -> None:
    words = [b"target", b"exploiter", b"bar_street", b"is_", b"malformed", b"duplicate", b"near_repeat"]
    text = b"\n".join(value for records in town.records.values() for _, value in records)
    assert [word for word in words if word in text] == []
