"""Partners: nothing without an agreement, nothing beyond it, and a number of their own for each case."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.home.settings import SettingsError, load_settings
from pipeline.messages.partners import EVENT_TYPES, FIELDS, Partner

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DOCS = Path(__file__).resolve().parents[3] / "docs"
EVERYTHING = {
    topic: dict.fromkeys(fields, "x") | {"score": 0.9, "person_id": "p_0"} for topic, fields in FIELDS.items()
}


def told(partner: Partner, topic: str) -> dict[str, Any] | None:
    message = partner.message(topic, "entity", EVERYTHING[topic], NOON)
    return json.loads(message.payload)["data"] if message else None


@given(st.data())
def test_a_partner_sees_its_fields_and_no_other(data: st.DataObject) -> None:
    topic = data.draw(st.sampled_from(sorted(FIELDS)))
    fields = data.draw(st.lists(st.sampled_from(FIELDS[topic]), unique=True))
    seen = told(Partner("health", {topic: fields}, "ISA-7"), topic)
    assert seen is not None
    assert set(seen) == {"recipient", "agreement_id", "case_id", *fields}


@pytest.mark.parametrize("agreement_id", [None, "", "  ", "\u200b", "-"])
def test_without_an_agreement_nothing_goes_out(agreement_id: str | None) -> None:
    partner = Partner("health", dict(FIELDS), agreement_id)
    assert [told(partner, topic) for topic in FIELDS] == [None] * 4
    assert partner.own_topics() == []
    assert not partner.may_see("referrals", "person_ref")


def test_a_topic_that_is_not_in_the_agreement_is_not_told() -> None:
    assert told(Partner("health", {"watches": ["cause"]}, "ISA-7"), "referrals") is None


def test_two_partners_cannot_join_what_they_were_told() -> None:
    cases = {told(Partner(name, {"referrals": []}, "ISA"), "referrals")["case_id"] for name in ("a", "b")}  # type: ignore[index]
    assert len(cases) == 2


def test_the_same_told_again_is_the_same_message() -> None:
    partner = Partner("health", {"referrals": ["route"]}, "ISA")
    first, again = (
        partner.message("referrals", "x", {"route": "diversion"}, at) for at in (NOON, NOON.replace(hour=13))
    )
    other = partner.message("referrals", "x", {"route": "treatment_information"}, NOON)
    assert first and again and other
    assert first.message_id == again.message_id != other.message_id
    assert first.topic == "referrals.health"


@pytest.mark.parametrize(
    ("recipient", "said"),
    [
        ("{name: health, agreement_id: A, topics: {referrals: [score]}}", "referrals has no score; it may see route"),
        ("{name: health, agreement_id: A, topics: {gossip: []}}", "no topic 'gossip'"),
        ("{name: 'Health Trust', agreement_id: A, topics: {}}", "lower-case"),
        ("{name: health, agrement_id: A, topics: {}}", "agrement_id"),
    ],
)
def test_settings_that_ask_for_more_are_refused(tmp_path: Path, recipient: str, said: str) -> None:
    path = tmp_path / "force.yaml"
    path.write_text(f"partners: {{recipients: [{recipient}]}}\n")
    with pytest.raises(SettingsError, match=said):
        load_settings(path, environment={})


def test_the_documentation_lists_every_field_and_type() -> None:
    page = (DOCS / "notices.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE))
    assert {topic: tuple(fields.strip().split(", ")) for topic, fields in rows.items()} == dict(FIELDS)
    events = (DOCS / "events.md").read_text(encoding="utf-8")
    assert all(event_type in events for event_type in EVENT_TYPES.values())
