"""What somebody is told who asks what is held about them: all of it, nothing about others, and what may be withheld."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.decisions.erasure import erase_person
from flows.decisions.list_exports import export_list
from flows.decisions.notice_decisions import open_notice
from flows.disclosure.subject import MARK, left_out, subject_access
from flows.home.home import Home
from flows.home.store_access import open_home_store
from pipeline.errors import PublicationError, PurposeError
from pipeline.messages.partners import Partner
from pipeline.privacy.pii_guard import PSEUDONYM
from tests.town import CLOCK, TownRun

WHO = {"reader": "Records, M. Ito", "purpose": "subject access request 12"}


@pytest.fixture
def home(approved_home: Callable[..., Home], tmp_path: Path) -> Home:
    return approved_home(tmp_path / "home")


def raw_of(home: Home, person_id: str) -> str:
    with open_home_store(home) as store:
        return str(store.resolve_pseudonym(person_id))


@pytest.fixture
def listed(home: Home, town_run: TownRun) -> str:
    """The own id of somebody on the list of targets, a copy of which was handed over."""
    list_id = f"person_tier-{town_run.summary.run_id}"
    export_list(
        home, list_id, home.path / "copy.json", recipient="Team 4", agreement_id="ISA-7", is_resolved=False, **WHO
    )
    return raw_of(home, town_run.restricted("person_tier")["person_id"].iloc[0])


def others_in(home: Home, told: dict[str, Any], own: str) -> set[str]:
    """The pseudonyms and raw ids of others in what is told."""
    text = json.dumps(told)
    with open_home_store(home) as store:
        raw = {each for each in store.raw_ids() if each != own}
    tokens = set(re.findall(r"[0-9A-Za-z]+", text))
    return (set(re.findall(PSEUDONYM, text)) - {home.pseudonym_of(own)}) | (raw & tokens)


def test_somebody_listed_is_told_all_and_nothing_about_others(home: Home, listed: str) -> None:
    told = subject_access(home, listed, **WHO)
    assert told["about"]["own_id"] == listed
    assert told["held"]["registered"][0]["birth_date"] or told["held"]["registered"][0]["birth_year"]
    assert len(told["held"]["incidents"]) > 1
    assert {"incident_id", "role", "offence_code", "occurred_at"} <= told["held"]["incidents"][0].keys()
    assert {"person_tier", "tier_term"} <= told["listed"].keys()
    assert {event["kind"] for event in told["decisions"]} == {"opened", "approved"}
    assert [copy["recipient"] for copy in told["shared"] if copy["how"] == "copy of a list"] == ["Team 4"]
    assert {"Supt. A. Lee", WHO["reader"]} <= {entry["by"]["name"] for entry in told["read"]}
    assert told["erased"] == []
    assert not others_in(home, told, listed)


def test_the_same_request_by_pseudonym_tells_the_same(home: Home, listed: str) -> None:
    by_own = subject_access(home, listed, **WHO)
    by_pseudonym = subject_access(home, home.pseudonym_of(listed), **WHO)
    assert by_own["held"] == by_pseudonym["held"]
    assert by_own["listed"] == by_pseudonym["listed"]


def test_what_may_be_withheld_is_marked_and_can_be_left_out(home: Home, listed: str, town_run: TownRun) -> None:
    told = subject_access(home, listed, **WHO)
    assert all("s.45(4)(b)" in row[MARK] for row in told["listed"]["person_tier"]), "a list that is still in use"
    assert all("s.45(4)(e)" in entry["by"][MARK] for entry in told["read"]), "names of readers"
    assert all(("s.45(4)(b)" in row.get(MARK, "")) == (row["role"] == "suspect") for row in told["held"]["incidents"])
    short = left_out(told)
    assert all(entry["purpose"] and entry["by"].keys() == {"withheld"} for entry in short["read"])
    assert "A. Lee" not in json.dumps(short)
    assert short["held"]["registered"] == told["held"]["registered"]


def test_a_live_warrant_is_marked_and_one_that_ended_is_not(home: Home, town_run: TownRun) -> None:
    queue = town_run.restricted("warrant_queue")
    told = subject_access(home, raw_of(home, queue["person_id"].iloc[0]), **WHO)
    live = {row["warrant_id"] for row in told["held"]["warrants"] if MARK in row}
    assert live == set(queue.loc[queue["person_id"].eq(queue["person_id"].iloc[0]), "warrant_id"])
    assert all("s.43(3)" in row[MARK] for row in told["held"]["warrants"] if row["warrant_id"] in live)


def test_a_letter_that_was_not_handed_over_is_told_and_marked(home: Home, town_run: TownRun) -> None:
    letters = town_run.restricted("person_notice")
    open_notice(home, letters["notice_id"].iloc[0], **WHO)
    told = subject_access(home, letters["person_id"].iloc[0], **WHO)["letters"]
    assert [letter["notice_id"] for letter in told] == [letters["notice_id"].iloc[0]]
    assert "s.45(4)(b)" in told[0][MARK]


def test_reads_of_own_letters_and_messages_without_an_id_are_told_and_erased(home: Home, town_run: TownRun) -> None:
    letters = town_run.restricted("person_notice")
    (notice_id, other), person_id = letters["notice_id"].head(2), letters["person_id"].iloc[0]
    for each in (notice_id, other):
        open_notice(home, each, **WHO)
    partner = Partner("help", {"referrals": ["route"], "notices": ["state"]}, "ISA-7")
    about = [("referrals", person_id), ("notices", notice_id), ("notices", other)]
    told = [partner.message(topic, each, {"route": "offer", "state": "served"}, CLOCK) for topic, each in about]
    with open_home_store(home) as store:
        store.add_messages([each for each in told if each], CLOCK)
    for each in (notice_id, other):
        home.log_access("read", {"notice": each}, **WHO)  # as of one that was opened before
    found = subject_access(home, person_id, **WHO)
    assert [entry["detail"] for entry in found["read"] if "notice" in entry["detail"]] == [{"notice": notice_id}]
    assert {each["topic"] for each in found["shared"] if "topic" in each} == {"referrals.help", "notices.help"}
    assert sum("topic" in each for each in found["shared"]) == 2
    erase_person(home, person_id, reason="court order 7, records sealed", **WHO)
    with open_home_store(home) as store:
        own = ("referrals.help", "notices.help")
        assert [each.key for topic in own for each in store.undelivered(9, topic)] == [
            partner.case_id("notices", other)
        ]


def test_everybody_in_the_town_is_told_nothing_about_others(home: Home, town_run: TownRun) -> None:
    people = town_run.people()["person_id"].head(6)
    for person_id in people:
        own = raw_of(home, person_id)
        assert not others_in(home, subject_access(home, person_id, **WHO), own)


def test_it_is_read_for_a_purpose_and_logged_without_the_id(home: Home, listed: str) -> None:
    before = len(list(home.access_log.entries()))
    with pytest.raises(PurposeError):
        subject_access(home, listed, reader="M. Ito", purpose=None)
    assert len(list(home.access_log.entries())) == before
    subject_access(home, listed, **WHO)
    entry = list(home.access_log.entries())[before]
    assert (entry["action"], entry["reader"], entry["purpose"]) == ("subject_access", *WHO.values())
    assert listed not in home.access_log.path.read_text()


def test_an_unknown_id_says_so_and_is_logged_all_the_same(home: Home) -> None:
    before = len(list(home.access_log.entries()))
    with pytest.raises(PublicationError, match="no person with that id"):
        subject_access(home, "NOBODY-0000", **WHO)
    assert len(list(home.access_log.entries())) == before + 1


def test_of_somebody_erased_the_erasure_is_told_and_no_list(home: Home, listed: str) -> None:
    erase_person(home, listed, reason="court order 7, records sealed", **WHO)
    told = subject_access(home, listed, **WHO)
    assert [event["reason"]["text"] for event in told["erased"]] == ["court order 7, records sealed"]
    assert told["listed"] == {}


def test_the_command_writes_a_new_file_for_its_owner_alone(home: Home, listed: str, tmp_path: Path) -> None:
    out = tmp_path / "request.json"
    base = ["--home", str(home.path), "--config", str(home.config_file), "--clock", CLOCK.isoformat()]
    words = ["audit", "subject", listed, "--out", str(out), "--reader", WHO["reader"], "--purpose", WHO["purpose"]]
    said = CliRunner().invoke(cli, [*base, *words], catch_exceptions=False)
    assert said.exit_code == 0, said.output
    assert listed not in said.output
    assert out.stat().st_mode & 0o077 == 0
    assert json.loads(out.read_text())["about"]["own_id"] == listed
    assert CliRunner().invoke(cli, [*base, *words]).exit_code == 1, "a file is never overwritten"
