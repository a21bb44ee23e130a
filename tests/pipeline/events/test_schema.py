"""The event structs: what is written is what is read, and nothing slips in unseen."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events import schema as events
from pipeline.events.columns import SCHEMAS, TOPICS

IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
ZONES = st.sampled_from([None, UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-9))])
TIMES = st.datetimes(min_value=datetime(1902, 1, 1), max_value=datetime(2199, 1, 1), timezones=ZONES)
BOOLS = st.booleans()
KNOWN_HOURS = st.floats(0, 1e6)


def maybe(strategy):
    return st.none() | strategy


def literals(kind):
    return st.sampled_from(get_args(kind))


INCIDENTS = st.builds(
    events.Incident,
    incident_id=IDS,
    version=st.integers(0, 2**63 - 1),
    status=literals(events.IncidentStatus),
    occurred_at=TIMES,
    occurred_precision=literals(events.Precision),
    reported_at=maybe(TIMES),
    offence_code=st.sampled_from(["robbery", "arson", "unheard_of"]),
    discovery=literals(events.Discovery),
    report=maybe(
        st.builds(
            events.Report,
            channel=maybe(literals(events.ReportChannel)),
            reporter_ref=maybe(IDS),
            subject=maybe(literals(events.ReportSubject)),
        )
    ),
    location=st.builds(
        events.Location,
        lon=maybe(st.floats(-180, 180)),
        lat=maybe(st.floats(-90, 90)),
        accuracy_m=maybe(st.floats(0, 1e6)),
        area_id=maybe(IDS),
    ),
    flags=maybe(st.builds(events.Flags, weapon=BOOLS, injury=BOOLS, domestic=BOOLS, fatal=BOOLS, naloxone=BOOLS)),
    drugs=maybe(
        st.builds(
            events.Drugs,
            activity=maybe(literals(events.DrugActivity)),
            substance=maybe(IDS),
            price_per_gram=maybe(st.floats(0, 1e6)),
            purity=maybe(st.floats(0, 1)),
        )
    ),
    market=maybe(st.builds(events.Market, setting=maybe(literals(events.MarketSetting)))),
    minors=maybe(st.builds(events.Minors, victim=BOOLS, used_by_adult=BOOLS, present=BOOLS)),
    involvements=maybe(
        st.lists(st.builds(events.Involvement, person_id=IDS, role=literals(events.Role)), max_size=3).map(tuple)
    ),
)
PERSONS = st.builds(
    events.Person,
    person_id=IDS,
    version=st.integers(0, 9),
    birth_date=maybe(st.dates(date(1880, 1, 1), date(2100, 1, 1))),
    birth_year=maybe(st.integers(1880, 2200)),
    deceased_at=maybe(TIMES),
    treatment=maybe(st.builds(events.Treatment, consent=maybe(BOOLS), engaged=maybe(BOOLS))),
)
SAME_PERSONS = st.builds(
    events.SamePerson,
    person_id=IDS,
    same_as=IDS,
    version=st.integers(0, 9),
    status=literals(events.SameStatus),
)
CUSTODY = st.builds(
    events.Custody,
    person_id=IDS,
    version=st.integers(0, 9),
    custody_from=TIMES,
    custody_to=maybe(TIMES),
    kind=literals(events.CustodyKind),
)
WARRANTS = st.builds(
    events.Warrant,
    warrant_id=IDS,
    version=st.integers(0, 9),
    person_id=IDS,
    kind=literals(events.WarrantKind),
    issued_at=TIMES,
    status=literals(events.WarrantStatus),
    underlying_offence_code=st.sampled_from(["robbery", "unheard_of"]),
)
STAFFING = st.builds(
    events.Staffing,
    area_id=IDS,
    version=st.integers(0, 9),
    shift_start=TIMES,
    shift_end=TIMES,
    rostered_hours=KNOWN_HOURS,
    available_hours=KNOWN_HOURS,
)
ACTIONS = st.builds(
    events.Action,
    action_id=IDS,
    version=st.integers(0, 9),
    kind=literals(events.ActionKind),
    actor=IDS,
    subject=maybe(IDS),
    area=maybe(IDS),
    notice_id=maybe(IDS),
    at=TIMES,
    hours=maybe(KNOWN_HOURS),
    detail=maybe(st.text(st.characters(codec="utf-8"), max_size=20)),
    offence_code=maybe(st.sampled_from(["robbery", "unheard_of"])),
    party=maybe(literals(events.Party)),
    count=maybe(st.integers(1, 10**9)),
    days=maybe(KNOWN_HOURS.map(lambda hours: hours / 10)),
)


def enveloped(event_type, data):
    return st.builds(
        event_type,
        specversion=st.just("1.0"),
        id=IDS,
        source=IDS,
        time=maybe(TIMES),
        subject=maybe(IDS),
        datacontenttype=maybe(st.just("application/json")),
        data=data,
    )


EVENTS = st.one_of(
    enveloped(events.IncidentRecorded, INCIDENTS),
    enveloped(events.PersonUpdated, PERSONS),
    enveloped(events.PersonSame, SAME_PERSONS),
    enveloped(events.CustodyChanged, CUSTODY),
    enveloped(events.WarrantChanged, WARRANTS),
    enveloped(events.StaffingReported, STAFFING),
    enveloped(events.ActionRecorded, ACTIONS),
)


@given(EVENTS)
def test_what_is_written_is_what_is_read(event):
    assert events.decode_event(events.encode_event(event)) == event


def test_each_topic_has_an_event_and_each_entity_has_one():
    first = {event.topic: event.entity for event in reversed(events.EVENT_TYPES)}
    assert first == TOPICS, "each topic is called after the first kind of event on it"
    assert {event.entity for event in events.EVENT_TYPES} == set(SCHEMAS)
    assert set(get_args(events.Event)) == set(events.EVENT_TYPES)


def test_the_key_is_the_entitys_id():
    data = events.Custody(person_id="P-1", version=1, custody_from=datetime(2026, 1, 1, tzinfo=UTC))
    assert events.entity_id(events.CustodyChanged(specversion="1.0", id="e", source="s", data=data)) == "P-1"


def test_events_cannot_be_changed():
    with pytest.raises(AttributeError):
        events.Flags().weapon = True


def test_extension_attributes_are_allowed_in_the_envelope_only():
    envelope = '{"specversion":"1.0","type":"harmspot.person.updated.v1","source":"s","id":"1","traceparent":"00",%s}'
    event = events.decode_event((envelope % '"data":{"person_id":"P-1","version":1}').encode())
    assert event.data == events.Person(person_id="P-1", version=1)
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        events.decode_event((envelope % '"data":{"person_id":"P-1","version":1,"traceparent":"00"}').encode())


def test_every_field_of_every_event_is_described():
    for event_type in events.EVENT_TYPES:
        for name, schema in msgspec.json.schema(event_type)["$defs"].items():
            bare = [
                key
                for key, found in schema["properties"].items()
                if key not in ("type", "data", "version") and "description" not in found
            ]
            assert not bare, f"{name} has undescribed fields {bare}"


def test_the_docs_list_every_event():
    text = Path("docs/events.md").read_text()
    rows = re.findall(r"\| `(\w+)` \| `([\w.]+)` \| `(\w+)` \|", text)
    assert rows == [(e.topic, e.__struct_config__.tag, e.key) for e in events.EVENT_TYPES]
