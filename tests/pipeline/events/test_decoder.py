"""Decoding: every record becomes one row or one dead letter, with the right reason and nobody's id in it."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.events.batch import Record
from pipeline.events.columns import DEAD_LETTER, IDENTITY, SCHEMAS
from pipeline.events.decoder import Decoder
from pipeline.events.schema import EVENT_TYPES, encode_event
from pipeline.privacy.pseudonyms import Pseudonymiser
from tests import poison
from tests.pipeline.events.test_schema import EVENTS

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LONDON, NEW_YORK = ZoneInfo("Europe/London"), ZoneInfo("America/New_York")
CODES = frozenset({"robbery", "arson", "drug_supply"})
EXAMPLES = {
    event_type.entity: json.loads(example)
    for event_type, example in zip(
        EVENT_TYPES, re.findall(r"```json\n(.*?)```", Path("docs/events.md").read_text(), re.DOTALL), strict=True
    )
}
GONE = object()
PSEUDONYM = "p_" + "0f" * 16
SECRET = "Maria-Secret-4711"  # stands for a person's id wherever it turns up


def decoder(zone=None):
    return Decoder(CODES, lambda raw: f"p_{raw[::-1]}", NOW, timedelta(minutes=10), zone)


def records(*values):
    return [Record("topic", 2, 100 + at, value) for at, value in enumerate(values)]


def decode(*values, zone=None):
    return decoder(zone).decode(records(*values))


def event(entity, place=None, value=None):
    """Return the docs' example of an entity with the value at one place ("data.location.lon") changed."""
    changed = json.loads(json.dumps(EXAMPLES[entity]))
    if place:
        *parents, last = place.split(".")
        inner = changed
        for parent in parents:
            inner = inner[int(parent)] if isinstance(inner, list) else inner.setdefault(parent, {})
        if value is GONE:
            del inner[last]
        else:
            inner[last] = value
    return json.dumps(changed).encode()


def only_row(entity, place=None, value=None, zone=None):
    decoded = decode(event(entity, place, value), zone=zone)
    assert decoded.dead_letters.to_pylist() == []
    (row,) = decoded.tables[entity].to_pylist()
    return row


def reason_of(value, zone=None):
    return refusal_of(value, zone)[0]


def refusal_of(value, zone=None):
    decoded = decode(value, zone=zone)
    (letter,) = decoded.dead_letters.to_pylist()
    assert all(table.num_rows == 0 for table in decoded.tables.values())
    assert letter["payload"] == (value or b"")
    assert letter["detail"].endswith(".") or letter["detail"].endswith("?")
    return letter["reason"], letter["detail"]


def test_an_incident_becomes_one_row_of_its_table():
    assert only_row("incident") == {
        "event_source": "urn:example:records",
        "event_id": "5f0c7e0e-incident-2026-000123-1",
        "event_time": datetime(2026, 11, 2, 22, 41, 10, tzinfo=UTC),
        "source_partition": 2,
        "source_offset": 100,
        "incident_id": "2026-000123",
        "version": 1,
        "status": "recorded",
        "occurred_at": datetime(2026, 11, 2, 20, 55, tzinfo=UTC),
        "occurred_precision": "instant",
        "is_ambiguous_hour": False,
        "reported_at": datetime(2026, 11, 2, 21, 10, tzinfo=UTC),
        "offence_code": "drug_supply",
        "discovery": "public",
        "report_channel": "call",
        "reporter_ref": "caller-7f3a",
        "report_subject": "dealing",
        "lon": -75.1327,
        "lat": 39.9938,
        "accuracy_m": 50.0,
        "area_id": None,
        "is_weapon": True,
        "is_injury": False,
        "is_domestic": False,
        "drug_activity": "supply",
        "substance": "heroin",
        "market_setting": "open_air",
        "is_minor_victim": False,
        "is_minor_used_by_adult": True,
        "is_minor_present": True,
        "involvements": [{"person_id": "p_1001-P", "role": "suspect"}, {"person_id": "p_2001-P", "role": "witness"}],
        "is_fatal": None,
        "is_naloxone_given": None,
        "price_per_gram": 75.0,
        "purity": 0.31,
    }


def test_the_other_entities_become_rows_of_theirs():
    person, stay, warrant = (only_row(entity) for entity in ("person", "custody", "warrant"))
    shift, action = only_row("staffing"), only_row("action")
    assert (person["person_id"], person["birth_date"], person["birth_year"]) == ("p_1001-P", date(1988, 4, 17), None)
    assert (person["is_treatment_consented"], person["is_treatment_engaged"]) == (True, True)
    assert stay["custody_from"] == datetime(2026, 10, 1, 9, tzinfo=UTC)
    assert (stay["custody_to"], stay["kind"]) == (datetime(2026, 10, 20, 12, tzinfo=UTC), "custody")
    assert (warrant["person_id"], warrant["underlying_offence_code"]) == ("p_1001-P", "robbery")
    assert (shift["area_id"], shift["rostered_hours"], shift["available_hours"]) == ("24@1", 160.0, 131.5)
    assert (action["subject_person_id"], action["area_id"], action["hours"]) == ("p_1001-P", "24@1", 0.5)


def test_a_pair_of_ids_is_the_same_pair_in_either_order():
    one, other = only_row("same_person"), only_row("same_person", "data.person_id", "P-4402")
    assert (one["person_id"], one["same_person_id"], one["status"]) == ("p_1001-P", "p_4402-P", "joined")
    turned = event("same_person").replace(b"P-1001", b"P-9").replace(b"P-2044", b"P-1001").replace(b"P-9", b"P-2044")
    [row] = decode(turned).tables["same_person"].to_pylist()
    assert {**row, "source_offset": 0} == {**one, "source_offset": 0}
    assert other["person_id"] < other["same_person_id"]
    assert len(decode(turned).identity) == 2


def test_absent_and_null_parts_say_the_same():
    for part in ("report", "flags", "drugs", "market", "minors", "involvements"):
        assert only_row("incident", f"data.{part}", GONE) == only_row("incident", f"data.{part}", None)
    row = only_row("incident", "data.involvements", None)
    assert row["involvements"] is None
    assert only_row("incident", "data.involvements", [])["involvements"] == []
    assert only_row("incident", "data.flags", None)["is_weapon"] is False
    assert only_row("staffing", "data.version", GONE)["version"] == 1


def test_what_consequences_are_measured_by_is_read_and_its_absence_says_nothing():
    seized = {"activity": "supply", "substance": "heroin", "price_per_gram": 75, "purity": 0.31}
    row = only_row("incident", "data.drugs", seized)
    assert (row["price_per_gram"], row["purity"]) == (75.0, 0.31)
    row = only_row("incident", "data.flags", {"fatal": True, "naloxone": True})
    assert (row["is_fatal"], row["is_naloxone_given"], row["is_injury"]) == (True, True, False)
    columns = ("offence_code", "party", "count", "days")
    assert [only_row("action")[name] for name in columns] == [None] * 4
    for name, value in zip(columns, ("robbery", "officer", 12, 9.5), strict=True):
        assert only_row("action", f"data.{name}", value)[name] == value
        assert only_row("action", f"data.{name}", None) == only_row("action")


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        ("data.offence_code", "unheard_of", "unknown_offence_code"),
        ("data.party", "bystander", "bad_value"),
        ("data.count", 0, "bad_value"),
        ("data.count", 1.5, "wrong_type"),
        ("data.days", -1, "bad_value"),
        ("data.kind", "complaints", "bad_value"),
        ("data.price_per_gram", 10, "unknown_field"),  # of an incident's drugs
    ],
)
def test_what_consequences_are_measured_by_is_checked(place, value, reason):
    assert reason_of(event("action", place, value)) == reason


@pytest.mark.parametrize("drugs", [{"purity": 1.01}, {"purity": -0.1}, {"price_per_gram": -1}])
def test_purity_is_a_share_and_no_price_is_negative(drugs):
    assert reason_of(event("incident", "data.drugs", drugs)) == "bad_value"


def test_the_type_decides_the_table_whatever_the_topic():
    decoded = decode(*(event(entity) for entity in EXAMPLES))
    assert [table.num_rows for table in decoded.tables.values()] == [1] * len(SCHEMAS)
    assert decoded.tables["action"]["source_offset"].to_pylist() == [106]


def test_tables_have_exactly_the_schemas_even_when_empty():
    for decoded in (decode(), decode(b"{"), decode(event("incident"), event("person"))):
        assert list(decoded.tables) == list(SCHEMAS)
        assert all(table.schema.equals(SCHEMAS[entity]) for entity, table in decoded.tables.items())
        assert decoded.identity.schema.equals(IDENTITY)
        assert decoded.dead_letters.schema.equals(DEAD_LETTER)


def test_identities_are_of_people_in_rows_only_once_and_sorted():
    refused = event("warrant", "data.underlying_offence_code", "unheard_of").replace(b"P-1001", b"P-9999")
    decoded = decode(event("incident"), event("incident"), refused, event("person"))
    assert decoded.identity.to_pylist() == [
        {"person_id": "p_1001-P", "raw_person_id": "P-1001"},
        {"person_id": "p_2001-P", "raw_person_id": "P-1002"},
    ]


def test_an_accent_may_be_encoded_in_either_way():
    """É as one character or as E with a combining accent is one person with one id."""
    events = [event("person", "data.person_id", raw) for raw in ("P-\u00c9", "P-E\u0301")]
    decoded = Decoder(CODES, Pseudonymiser(b"key"), NOW, timedelta(minutes=10), None).decode(records(*events))
    assert len(set(decoded.tables["person"]["person_id"].to_pylist())) == 1
    assert decoded.identity["raw_person_id"].to_pylist() == ["P-\u00c9"]


def test_a_bad_record_stops_nothing_and_keeps_its_place():
    decoded = decode(event("incident"), b"{", event("incident", "data.location", {"lon": 0, "lat": 0}), None)
    assert decoded.tables["incident"]["source_offset"].to_pylist() == [100]
    letters = decoded.dead_letters.select(["topic", "source_partition", "source_offset", "reason"]).to_pylist()
    assert letters == [
        {"topic": "topic", "source_partition": 2, "source_offset": 101, "reason": "not_json"},
        {"topic": "topic", "source_partition": 2, "source_offset": 102, "reason": "bad_coordinate"},
        {"topic": "topic", "source_partition": 2, "source_offset": 103, "reason": "empty_record"},
    ]


UNUSABLE = [
    ("repeated_key", event("incident").removesuffix(b"}") + b', "source": "twice"}'),
    ("empty_record", None),
    ("empty_record", b""),
    ("empty_record", b" \n"),
    ("too_large", b'"' + b"x" * 1_100_000 + b'"'),
    ("not_utf8", b"\xff\xfe"),
    ("not_utf8", event("incident", "data.incident_id", "here").replace(b"here", b"\xe9")),
    ("not_json", b"{"),
    ("not_json", b"{} {}"),
    ("not_json", event("incident").replace(b"39.9938", b"NaN")),
    ("too_deep", b'{"specversion":"1.0","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    ("not_cloudevents", b"[]"),
    ("not_cloudevents", b"null"),
    ("not_cloudevents", b"{}"),
    ("not_cloudevents", event("incident", "specversion", "0.3")),
    ("not_cloudevents", event("incident", "source", GONE)),
    ("not_cloudevents", event("incident", "type", 7)),
    ("unknown_type", event("incident", "type", "harmspot.weather.v1")),
    ("unknown_type", event("incident", "type", f"{SECRET}")),
    ("wrong_schema_version", event("incident", "type", "harmspot.incident.recorded.v2")),
    ("missing_field", event("incident", "data", GONE)),
    ("missing_field", event("incident", "data.offence_code", GONE)),
    ("missing_field", event("incident", "data.involvements.0.role", GONE)),
    ("unknown_field", event("incident", "data.minors.used_by_adlt", True)),
    ("unknown_field", event("incident", f"data.{SECRET}", True)),
    ("wrong_type", event("incident", "data.version", "1")),
    ("wrong_type", event("incident", "data.flags.weapon", None)),
    ("wrong_type", event("incident", "data.involvements", SECRET)),
    ("empty_id", event("incident", "id", "")),
    ("empty_id", event("incident", "data.incident_id", "")),
    ("empty_id", event("incident", "data.incident_id", " \t")),
    ("empty_id", event("warrant", "data.person_id", "")),
    *(
        (reason, event(entity, path, raw))
        for entity, path in [
            ("person", "data.person_id"),
            ("custody", "data.person_id"),
            ("warrant", "data.person_id"),
            ("incident", "data.involvements.0.person_id"),
            ("incident", "data.involvements.1.person_id"),
            ("action", "data.subject"),
            ("same_person", "data.person_id"),
            ("same_person", "data.same_as"),
        ]
        for reason, raw in [
            ("empty_id", " "),
            ("empty_id", "\u00a0\u2003"),
            ("empty_id", "\u200b"),
            ("empty_id", "\u2800"),
            ("empty_id", "\u3164"),
            ("empty_id", "--"),
            ("bad_value", "P-1\u200b"),
            ("bad_value", "P-1\t"),
            ("bad_value", "P\u202e1"),
        ]
    ),
    ("bad_value", event("incident", "data.status", SECRET)),
    ("bad_value", event("incident", "data.involvements.0.role", SECRET)),
    ("bad_value", event("incident", "data.version", -1)),
    ("bad_value", event("incident", "data.occurred_at", SECRET)),
    ("bad_value", event("incident", "data.occurred_at", "2026-11-02")),
    ("bad_value", event("incident", "data.incident_id", SECRET * 50)),
    ("bad_value", event("incident", "data.incident_id", "2026-000123\0")),
    ("bad_value", event("incident", "id", "\u200b1")),
    ("bad_value", event("incident").replace(b'"version": 1', b'"version": ' + b"9" * 5000)),
    ("bad_value", event("staffing", "data.shift_end", "2126-11-02T14:00:00Z")),
    ("bad_value", event("custody", "data.to", "2026-09-01T00:00:00Z")),
    ("bad_value", event("staffing", "data.shift_end", "2026-11-02T14:00:00Z")),
    ("bad_value", event("person", "data.birth_year", 1989)),
    ("bad_value", event("staffing", "data.rostered_hours", -1)),
    ("bad_value", event("same_person", "data.same_as", "P-1001")),
    ("bad_value", event("same_person", "data.status", SECRET)),
    ("naive_time", event("incident", "data.occurred_at", "2026-11-02T21:55:00")),
    ("naive_time", event("staffing", "data.shift_end", "2026-11-02T21:55:00")),
    ("impossible_date", event("incident", "data.occurred_at", "2026-02-30T00:00:00Z")),
    ("impossible_date", event("incident", "data.occurred_at", "2016-12-31T23:59:60Z")),  # a leap second
    ("impossible_date", event("incident", "data.occurred_at", "2026-01-01T24:00:00Z")),
    ("impossible_date", event("incident", "data.occurred_at", "9999-12-31T23:59:59-10:00")),
    ("impossible_date", event("incident", "data.occurred_at", "1900-01-01T00:00:00Z")),
    ("impossible_date", event("staffing", "data.shift_end", "9999-01-01T00:00:00Z")),
    ("impossible_date", event("person", "data.birth_date", "1988-02-30")),
    ("impossible_date", event("person", "data.birth_date", "0001-01-01")),
    ("future_date", event("incident", "data.occurred_at", "2026-11-23T12:10:01Z")),
    ("future_date", event("incident", "data.reported_at", "2027-01-01T00:00:00Z")),
    ("future_date", event("warrant", "data.issued_at", "2027-01-01T00:00:00Z")),
    ("future_date", event("person", "data.birth_date", "2027-01-01")),
    ("no_location", event("incident", "data.location", GONE)),
    ("no_location", event("incident", "data.location", {})),
    ("bad_coordinate", event("incident", "data.location.lon", 180.5)),
    ("bad_coordinate", event("incident", "data.location.lat", -91)),
    ("bad_coordinate", event("incident", "data.location.lat", None)),
    ("bad_coordinate", event("incident", "data.location", {"lon": 0, "lat": 0})),
    ("bad_coordinate", event("incident").replace(b"39.9938", b"1e999")),
    ("unknown_offence_code", event("incident", "data.offence_code", SECRET)),
    ("names_person", event("incident", "data.incident_id", PSEUDONYM)),
    ("names_person", event("incident", "id", f"about-{PSEUDONYM}")),
    ("names_person", event("action", "data.detail", f"outcome=calls about {PSEUDONYM}; comparison=c")),
    ("names_person", event("action", "data.actor", PSEUDONYM)),
    ("unknown_offence_code", event("incident", "data.offence_code", "")),
    ("unknown_offence_code", event("warrant", "data.underlying_offence_code", SECRET)),
]


@pytest.mark.parametrize(("reason", "value"), UNUSABLE)
def test_what_cannot_be_used_says_why(reason, value):
    assert reason_of(value) == reason


def test_every_kind_of_poison_becomes_a_dead_letter_with_its_reason():
    count = 2 * len(poison.KINDS) + len(poison.UNIFORM)
    expected = [reason for reason, _ in poison.poisons(count)]
    decoded = decode(*(value for _, value in poison.poisons(count)), *map(poison.good, range(50)))
    assert decoded.dead_letters["reason"].to_pylist() == expected
    assert decoded.tables["incident"]["event_id"].to_pylist() == [f"i{number}" for number in range(50)]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (b"\xef\xbb\xbf{}", "it begins with a byte-order mark"),
        (b'{"a": 1', "it is cut short"),
        (b'{"a": NaN}', "invalid character (byte 6)"),
        (b'{"a": "\\ud800x"}', "surrogate pair"),
        (b"{} {}", "trailing characters (byte 4)"),
        (b"{'a': 1}", "object keys must be strings (byte 1)"),
    ],
)
def test_what_is_no_json_says_where_it_breaks_off(value, told):
    (letter,) = decode(value).dead_letters.to_pylist()
    assert told in letter["detail"]


def test_the_docs_list_every_reason_in_use():
    listed = re.findall(r"^\| `(\w+)` \|", Path("docs/events.md").read_text().partition("cannot be used")[2], re.M)
    assert sorted(listed) == sorted({reason for reason, _ in UNUSABLE})


def test_no_dead_letter_repeats_what_the_record_held():
    details = decode(*(value for _, value in UNUSABLE)).dead_letters["detail"].to_pylist()
    assert len(details) == len(UNUSABLE)
    for told in (SECRET, "P-1001", "2026-000123", "caller-7f3a"):
        assert not [detail for detail in details if told in detail]
    assert "was `used_by_adult` meant?" in " ".join(details)


def test_dates_at_the_edge_of_the_future_tolerance_are_kept():
    assert only_row("incident", "data.occurred_at", "2026-11-23T12:10:00Z")
    assert only_row("staffing", "data.shift_end", "2026-11-30T22:00:00Z")
    assert only_row("custody", "data.to", "2031-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("local", "utc", "is_ambiguous"),
    [
        ("2019-07-01T12:00:00", datetime(2019, 7, 1, 16, tzinfo=UTC), False),
        ("2019-11-03T01:30:00", datetime(2019, 11, 3, 5, 30, tzinfo=UTC), True),  # twice; the first, at -04:00
        ("2019-11-03T02:00:00", datetime(2019, 11, 3, 7, tzinfo=UTC), False),
        ("2019-03-10T02:30:00", datetime(2019, 3, 10, 7, 30, tzinfo=UTC), False),  # leapt over: becomes 03:30 -04:00
        ("2019-11-03T01:30:00-05:00", datetime(2019, 11, 3, 6, 30, tzinfo=UTC), False),  # says itself which
    ],
)
def test_times_without_a_zone_are_read_in_the_declared_one(local, utc, is_ambiguous):
    row = only_row("incident", "data.occurred_at", local, zone=NEW_YORK)
    assert (row["occurred_at"], row["is_ambiguous_hour"]) == (utc, is_ambiguous)


def test_a_declared_zone_serves_every_time_but_no_impossible_one():
    stay = only_row("custody", "data.from", "2026-07-01T10:00:00", zone=LONDON)
    assert stay["custody_from"] == datetime(2026, 7, 1, 9, tzinfo=UTC)
    assert reason_of(event("incident", "data.occurred_at", "9999-12-31T23:59:59"), zone=NEW_YORK) == "impossible_date"
    assert reason_of(event("incident", "data.occurred_at", "0001-01-01T00:00:00"), zone=LONDON) == "impossible_date"


def test_the_clock_must_have_a_zone():
    with pytest.raises(ValueError, match="now="):
        Decoder(CODES, str, datetime(2026, 1, 1), timedelta(0))


@settings(max_examples=100)
@given(st.lists(EVENTS, max_size=6), st.sampled_from([None, LONDON, NEW_YORK]))
def test_rows_and_dead_letters_are_as_many_as_the_records(events, zone):
    decoded = decode(*map(encode_event, events), zone=zone)
    dead = decoded.dead_letters["source_offset"].to_pylist()
    kept = [at for table in decoded.tables.values() for at in table["source_offset"].to_pylist()]
    assert sorted(dead + kept) == list(range(100, 100 + len(events)))
    rows = {(row["event_source"], row["event_id"]) for table in decoded.tables.values() for row in table.to_pylist()}
    assert rows == {(events[at - 100].source, events[at - 100].id) for at in kept}


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_no_bytes_can_raise(value):
    assert reason_of(value) in {reason for reason, _ in UNUSABLE}


@settings(max_examples=300)
@given(st.data())
def test_no_mutation_of_a_good_event_can_raise(data):
    value = bytearray(event(data.draw(st.sampled_from(list(EXAMPLES)))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(value) - 1))
        length = data.draw(st.integers(0, 8))
        value[at : at + length] = data.draw(st.binary(max_size=6) | st.sampled_from([b'"', b"{", b"null", b"1e999"]))
        value = value or bytearray(b" ")
    decoded = decode(bytes(value))
    assert decoded.dead_letters.num_rows + sum(table.num_rows for table in decoded.tables.values()) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.just(SECRET),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300)
@given(st.sampled_from(list(EXAMPLES)), st.data(), JSON)
def test_no_value_in_any_field_can_raise_or_be_repeated(entity, data, value):
    place = data.draw(
        st.sampled_from(["data", *EXAMPLES[entity], *(f"data.{key}" for key in EXAMPLES[entity]["data"])])
    )
    decoded = decode(event(entity, place, value))
    assert decoded.dead_letters.num_rows + sum(table.num_rows for table in decoded.tables.values()) == 1
    assert SECRET not in str(decoded.dead_letters["detail"].to_pylist())


def test_a_key_given_twice_cannot_raise():
    refused = event("incident", "data.occurred_at", SECRET)
    assert reason_of(refused.removesuffix(b"}") + b', "data": 5}') == "bad_value"


@pytest.mark.parametrize("entity", list(EXAMPLES))
def test_a_key_given_twice_is_refused_by_its_name_and_without_its_value(entity):
    twice = event(entity).replace(b'"data": {', b'"data": {"version": 9, ', 1)
    assert refusal_of(twice) == ("repeated_key", "`version` stands twice in one object; send it once.")
    assert reason_of(event(entity).removesuffix(b"}") + b', "id": "' + SECRET.encode() + b'"}') == "repeated_key"
    strange = event(entity).removesuffix(b"}") + f', "{SECRET}": 1, "{SECRET}": 2}}'.encode()
    assert refusal_of(strange) == ("repeated_key", "A key stands twice in one object; send it once.")
