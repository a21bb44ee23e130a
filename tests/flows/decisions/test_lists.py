"""Lists of a simulated town: approval, exceptions, revocation, exported copies, erasure, guarded reads."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import duckdb
import pandas as pd
import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.decisions import lists
from flows.decisions.desk import at_desk
from flows.decisions.erasure import erase_person
from flows.decisions.list_effects import evaluate_effect, register_effect
from flows.decisions.list_exports import export_list, verify_export
from flows.health.doctor import examine
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.ledger import read_ledger
from flows.human_log.list_events import effect_rows
from flows.human_log.list_rows import read_list, resolve_people
from flows.human_log.list_runs import human_changes, shown_lists
from flows.ingest.ingest import load_file
from flows.outputs.explain import read_person
from flows.schedule.daily import daily_run
from models.governance.list_lifecycle import LISTS, list_id_of
from pipeline.errors import ExportError, HarmspotError, KeyFileError, PublicationError, PurposeError, StoreBusyError
from pipeline.messages.outbox import make_message
from pipeline.publication.publish import read_restricted, runs
from pipeline.store.human_events import HumanEvent
from pipeline.store.interface import TOMBSTONE
from tests.town import AS_OF, CLOCK, TownRun, event

READER, PURPOSE, WHY = "Insp. J. Reyes", "approve the list", "evidence read and found sound"
SECOND = "Sgt. A. Bell"  # of the two people who open a list


@pytest.fixture
def tiers(town_run: TownRun) -> str:
    return list_id_of("person_tier", town_run.summary.run_id)


def at(home: Home, moment: datetime) -> Home:
    return replace(home, clock=moment)


def people(home: Home, table: str = "person_tier") -> pd.DataFrame:
    return read_list(home, read_ledger(home), table, None, reader=READER, purpose=PURPOSE)


def registered(home: Home, name: str = "person_tier", *, days: int = 60) -> Home:
    """Register the expected effect of a list for a number of days from today."""
    said = {"outcome": "harm reported a year on", "comparison": "those just below the list", "by": "Supt. A. Lee"}
    register_effect(home, name, stop_on=home.today() + timedelta(days=days), **said)
    return home


def opened(home: Home, list_id: str) -> None:
    """Two people open a list, as its approval needs."""
    for reader in (SECOND, READER):
        lists.open_list(home, list_id, reader=reader, purpose=PURPOSE)


def approved(home: Home, list_id: str, name: str = "person_tier") -> Home:
    registered(home, name)
    opened(home, list_id)
    lists.approve_list(home, list_id, by=READER, reason=WHY)
    return home


def exported(home: Home, list_id: str, out: Path, **changes: object) -> Path:
    chosen = {
        "recipient": "Offender unit",
        "agreement_id": "ISA-7",
        "reader": READER,
        "purpose": "plan the visits",
        **changes,
    }
    export_list(home, list_id, out, **chosen)  # type: ignore[arg-type]
    return out


def test_every_list_of_a_run_is_a_draft_until_approved(home: Home, tiers: str) -> None:
    shown = shown_lists(home, read_ledger(home), None).set_index("list_id")
    assert set(shown["status"]) == {"draft"}
    assert people(home)["list_status"].eq("draft").all()
    approved(home, tiers)
    shown = shown_lists(home, read_ledger(home), None).set_index("list_id")
    assert shown.loc[tiers, ["status", "approved_by"]].tolist() == ["active", READER]
    assert shown["status"].eq("active").sum() == 1
    assert people(home)["list_status"].eq("active").all()


def test_human_gate(home: Home, tiers: str) -> None:
    """No approval without opening, as another person, without reason, with a tampered log, or too late."""
    with pytest.raises(PublicationError, match="must open the list"):
        lists.approve_list(home, tiers, by=READER, reason=WHY)
    opened(registered(home), tiers)
    for by, reason, said in (
        ("B. Lee", WHY, "must open the list"),
        (READER, "fine", "reason too short"),
        (" ", WHY, "actor is missing"),
    ):
        with pytest.raises(PublicationError, match=said):
            lists.approve_list(home, tiers, by=by, reason=reason)
    with pytest.raises(PublicationError, match="expired"):
        lists.approve_list(at(home, CLOCK + timedelta(days=120)), tiers, by=READER, reason=WHY)
    with pytest.raises(PublicationError, match="is not a list id"):
        lists.approve_list(home, "heat_list-1", by=READER, reason=WHY)
    log = home.access_log.path
    log.write_bytes(log.read_bytes().replace(b"Reyes", b"Roses", 1))
    with pytest.raises(PublicationError, match="is not trusted"):
        lists.approve_list(home, tiers, by=READER, reason=WHY)


def test_ends_are_told_on_the_forces_own_clock(home: Home, tiers: str, tmp_path: Path) -> None:
    """The list ends at an hour past midnight in London, which is still the day before in New York."""
    out = exported(approved(home, tiers), tiers, tmp_path / "list.json")
    over = at(home, CLOCK + timedelta(days=120))
    for zone, day in (("Europe/London", "2026-04-01"), ("America/New_York", "2026-03-31")):
        over.settings = replace(home.settings, force=replace(home.settings.force, time_zone=zone))
        with pytest.raises(PublicationError, match=f"expired on {day};"):
            lists.approve_list(over, tiers, by=READER, reason=WHY)
    there = at(home, CLOCK + timedelta(days=1))
    there.settings = over.settings
    ends = verify_export(there, out)["valid_to"]
    with pytest.raises(ExportError, match=f"expired at {ends};"):
        verify_export(over, out)
    assert ends.endswith(("EST", "EDT"))


def test_opening_is_a_logged_read_and_an_act(home: Home, tiers: str) -> None:
    before = sum(1 for _ in home.access_log.entries())
    rows = lists.open_list(home, tiers, reader=READER, purpose=PURPOSE)
    assert rows["evidence_ids"].map(len).gt(0).all()
    entries = list(home.access_log.entries())[before:]
    assert [entry["action"] for entry in entries] == ["read"]
    with open_home_store(home) as store:
        last = store.human_events().iloc[-1]
    assert (last["kind"], last["actor"], last["subject"]) == ("opened", READER, tiers)


def test_single_criteria_an_exception_takes_one_person_off_and_ends(home: Home, tiers: str) -> None:
    approved(home, tiers)
    before = people(home)
    person_id = before["person_id"].iloc[0]
    until = CLOCK + timedelta(days=20)
    lists.override_entry(home, tiers, person_id, by=READER, reason="the incident names his brother", expires_at=until)
    after = people(home)
    assert set(before["person_id"]) - set(after["person_id"]) == {person_id}
    pd.testing.assert_frame_equal(after, before[before["person_id"].ne(person_id)].reset_index(drop=True))
    assert read_person(home, person_id, None, purpose=PURPOSE, reader=READER).tables["person_tier"].empty
    later = at(home, until)
    assert person_id in set(people(later)["person_id"])
    shown = shown_lists(home, read_ledger(home), None).set_index("list_id")
    assert shown.loc[tiers, "exceptions"] == 1
    changes = human_changes(home, read_ledger(home)).set_index("list")
    assert changes.loc["person_tier", "changed_entries"] == 1


def test_nobody_can_be_added_to_a_list(home: Home, tiers: str, town_run: TownRun) -> None:
    opened(home, tiers)
    before = people(home)
    stranger = next(p for p in town_run.people()["person_id"] if p not in set(before["person_id"]))
    until = CLOCK + timedelta(days=20)
    with pytest.raises(PublicationError, match="cannot add anybody") as refused:
        lists.override_entry(home, tiers, stranger, by=READER, reason="known to the team", expires_at=until)
    assert stranger not in str(refused.value)
    pd.testing.assert_frame_equal(people(home), before)


def test_no_shadow_lists_a_copy_says_all_and_may_be_used(home: Home, tiers: str, tmp_path: Path) -> None:
    out = exported(approved(home, tiers), tiers, tmp_path / "list.json")
    body = json.loads(out.read_text())
    assert {"list_id", "valid_to", "recipient", "agreement_id", "not_grounds", "signature"} <= set(body)
    assert all("Not grounds for stop, arrest or eviction" in entry["not_grounds"] for entry in body["entries"])
    assert set(body["entries"][0]) == {"person_id", "tier", "rule", "valid_to", "not_grounds"}
    assert verify_export(home, out)["recipient"] == "Offender unit"
    with open_home_store(home) as store:
        assert store.human_events()["kind"].iloc[-1] == "exported"
    assert list(home.access_log.entries())[-1]["action"] == "export"


def test_access_and_sharing_no_copy_without_approval_purpose_recipient_or_agreement(
    home: Home, tiers: str, tmp_path: Path
) -> None:
    out = tmp_path / "list.json"
    with pytest.raises(ExportError, match="draft"):
        exported(home, tiers, out)
    approved(home, tiers)
    for changes in ({"recipient": " "}, {"agreement_id": ""}, {"recipient": "\u200b"}, {"agreement_id": "\u3164-"}):
        with pytest.raises(ExportError, match="cannot be exported without"):
            exported(home, tiers, out, **changes)
    for changes in ({"reader": None}, {"purpose": " "}):
        with pytest.raises(PurposeError):
            exported(home, tiers, out, **changes)
    with pytest.raises(ExportError, match="expired"):
        exported(at(home, CLOCK + timedelta(days=120)), tiers, out)
    assert not out.exists()


def test_expired_altered_and_revoked_copies_are_refused(home: Home, tiers: str, tmp_path: Path) -> None:
    out = exported(approved(home, tiers), tiers, tmp_path / "list.json")
    with pytest.raises(ExportError, match="expired"):
        verify_export(at(home, CLOCK + timedelta(days=120)), out)
    altered = tmp_path / "altered.json"
    altered.write_text(out.read_text().replace("Offender unit", "Housing unit "))
    with pytest.raises(ExportError, match="altered"):
        verify_export(home, altered)
    lists.revoke_list(home, tiers, by="Supt. A. Lee", reason="two incidents were recorded twice")
    with pytest.raises(ExportError, match=r"revoked by Supt\. A\. Lee"):
        verify_export(home, out)
    with pytest.raises(ExportError, match="is revoked"):
        exported(home, tiers, tmp_path / "again.json")


def test_no_entry_of_a_copy_outlives_the_persons_own_tier(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARMSPOT__PEOPLE__TERM_DAYS", "20")
    monkeypatch.setenv("HARMSPOT__PUBLICATION__HISTORY_RUNS", "1")  # of two runs at the same clocks neither is later
    home = Home(home.path, home.config_file, home.clock, home.progress)
    run_id = daily_run(home, AS_OF).run_id
    expires_at = people(home).set_index("person_id")["expires_at"]
    assert expires_at.eq(pd.Timestamp(home.midnight(AS_OF + timedelta(days=20)))).all()
    before, over = at(home, CLOCK + timedelta(days=19)), at(home, CLOCK + timedelta(days=20))
    ids = {name: list_id_of(name, run_id) for name in ("person_tier", "call_in")}
    for name, list_id in ids.items():
        out = exported(approved(home, list_id, name), list_id, tmp_path / f"{name}.json")
        body = json.loads(out.read_text())
        assert {entry["valid_to"] for entry in body["entries"]} == {expires_at.iloc[0].isoformat()}
        assert body["valid_to"] > body["entries"][0]["valid_to"]
        assert verify_export(before, out)["valid_to"] == home.local_text(expires_at.iloc[0])
    for name, list_id in ids.items():
        out = tmp_path / f"{name}.json"
        with pytest.raises(
            ExportError, match=r"entries 1.* past the end of the person's own tier; .* ask for a new one"
        ) as refused:
            verify_export(over, out)
        assert "p_" not in str(refused.value).replace(str(tmp_path), "")
        assert export_list(
            over, list_id, tmp_path / f"late_{name}.json", recipient="Unit", agreement_id="ISA-7",
            reader=READER, purpose="plan the visits",
        ) == 0  # fmt: skip


def test_whoever_is_excepted_from_the_tiers_is_called_in_by_no_list_and_no_copy(home: Home, tmp_path: Path) -> None:
    run_id = str(runs(home.path)["run_id"].iloc[-1])
    tiers, called = (list_id_of(name, run_id) for name in ("person_tier", "call_in"))
    before = exported(approved(home, called, "call_in"), called, tmp_path / "before.json")
    opened(home, tiers)
    invited, sellers = people(home, "call_in")["person_id"], people(home, "dealer_ranking")
    until = CLOCK + timedelta(days=20)
    lists.override_entry(home, tiers, invited[0], by=READER, reason="it names his brother", expires_at=until)
    assert people(home, "call_in")["person_id"].tolist() == invited[1:].tolist()
    pd.testing.assert_frame_equal(people(home, "dealer_ranking"), sellers)
    with pytest.raises(ExportError, match="taken off or erased since"):
        verify_export(home, before)
    after = json.loads(exported(home, called, tmp_path / "after.json").read_text())
    assert {entry["person_id"] for entry in after["entries"]} == set(invited[1:])
    assert verify_export(home, tmp_path / "after.json")


def told(home: Home, folder: Path, kind: str, *data: dict[str, object]) -> None:
    """Load events of one kind, one hour later."""
    lines = [event(kind, f"{kind}{number}", each) for number, each in enumerate(data)]
    (folder / f"{kind}.jsonl").write_text("".join(lines))
    assert load_file(home, folder / f"{kind}.jsonl", None).stored == len(data)


def test_what_protects_a_person_holds_before_the_next_run(home: Home, tiers: str, tmp_path: Path) -> None:
    """Three on the list turn out to be a child, dead and of unknown age: no approval, no export, no use of a copy."""
    out = exported(approved(home, tiers), tiers, tmp_path / "list.json")
    run_id = tiers.rpartition("-")[2]
    called, children = (list_id_of(name, run_id) for name in ("call_in", "safeguarding"))
    invited = people(home, "call_in")["person_id"].tolist()
    others = [person_id for person_id in people(home)["person_id"] if person_id not in invited]
    registered(home, "call_in")
    for list_id in (called, children):
        opened(home, list_id)
    with open_home_store(home) as store:
        raw = [store.resolve_pseudonym(person_id) for person_id in (invited[0], *others[:2])]
    later = at(home, CLOCK + timedelta(hours=1))
    assert verify_export(later, out)
    found = ({"birth_date": "2010-05-05"}, {"birth_date": "1980-01-01", "deceased_at": "2026-01-01T12:30:00Z"}, {})
    told(
        later,
        tmp_path,
        "person.updated",
        *({"person_id": who, "version": 99, **each} for who, each in zip(raw, found, strict=True)),
    )
    known = "1 dead, 1 of unknown age, 1 under 18"
    with pytest.raises(PublicationError, match=r"cannot be approved: .* 1 under 18; harmspot run") as refused:
        lists.approve_list(later, called, by=READER, reason=WHY)
    assert not any(who in str(refused.value) for who in (*invited, *map(str, raw)))
    with pytest.raises(ExportError, match=f"{known}; harmspot run"):
        exported(later, tiers, tmp_path / "again.json", is_resolved=True)
    with pytest.raises(ExportError, match=f"{known}; destroy it"):
        verify_export(later, out)
    assert not (tmp_path / "again.json").exists()
    lists.approve_list(later, children, by=READER, reason=WHY)  # it is there for children


def test_a_warrant_that_was_recalled_is_on_no_copy_before_the_next_run(
    home: Home, town_run: TownRun, tmp_path: Path
) -> None:
    queue = list_id_of("warrant_queue", town_run.summary.run_id)
    out = exported(approved_queue(home, queue), queue, tmp_path / "queue.json")
    row = people(home, "warrant_queue").iloc[0]
    with open_home_store(home) as store:
        raw = store.resolve_pseudonym(row["person_id"])
    over = {"warrant_id": row["warrant_id"], "version": 99, "person_id": raw, "kind": row["kind"], "status": "recalled"}
    issued = {"issued_at": row["issued_at"].isoformat(), "underlying_offence_code": row["underlying_offence_code"]}
    later = at(home, CLOCK + timedelta(hours=1))
    assert verify_export(later, out)
    told(later, tmp_path, "warrant.changed", {**over, **issued})
    with pytest.raises(ExportError, match="1 warrant on the list was executed or recalled since; destroy it"):
        verify_export(later, out)
    with pytest.raises(ExportError, match="1 warrant on the list was executed or recalled since; harmspot run"):
        exported(later, queue, tmp_path / "again.json")


def approved_queue(home: Home, queue: str) -> Home:
    opened(home, queue)
    lists.approve_list(home, queue, by=READER, reason=WHY)
    return home


def test_a_list_is_approved_within_three_days_of_its_run(home: Home, tiers: str) -> None:
    opened(registered(home), tiers)
    end = home.midnight(AS_OF) + timedelta(days=3)
    with pytest.raises(PublicationError, match="state on 2026-01-01, more than 3 days ago; harmspot run"):
        lists.approve_list(at(home, end), tiers, by=READER, reason=WHY)
    lists.approve_list(at(home, end - timedelta(seconds=1)), tiers, by=READER, reason=WHY)


def test_a_list_ends_with_its_run_and_can_be_reached_until_then(
    home: Home, tiers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run of the list is no longer kept, and harmspot was killed before it could revoke its lists."""
    run_id = tiers.rpartition("-")[2]
    queue, dealers = (list_id_of(name, run_id) for name in ("warrant_queue", "dealer_ranking"))
    out = exported(approved(home, tiers), tiers, tmp_path / "list.json")
    approved(home, dealers, "dealer_ranking")
    exported(approved_queue(home, queue), queue, tmp_path / "queue.json")
    monkeypatch.setenv("HARMSPOT__PUBLICATION__HISTORY_RUNS", "1")
    later = Home(home.path, home.config_file, CLOCK + timedelta(days=1), home.progress)
    with monkeypatch.context() as killed_after_publishing:
        killed_after_publishing.setattr("flows.schedule.daily.revoke_outdated", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            daily_run(later, AS_OF + timedelta(days=1))
    assert run_id not in set(runs(home.path)["run_id"])
    lists.revoke_list(later, queue, by=READER, reason="two incidents were recorded twice")
    with pytest.raises(ExportError, match=rf"revoked by {READER}"):
        verify_export(later, tmp_path / "queue.json")
    with pytest.raises(PublicationError, match="not kept"):
        lists.revoke_list(later, "call_in-none", by=READER, reason="two incidents were recorded twice")
    with at_desk(later) as desk:
        assert sorted(lists.lists_holding(desk, "p_anybody")) == sorted([tiers, dealers])
        assert sorted(lists.revoke_outdated(desk)) == sorted([tiers, dealers])
    with pytest.raises(ExportError, match=r"revoked by harmspot .its run is kept no longer"):
        verify_export(later, out)
    with at_desk(later) as desk:
        assert lists.revoke_outdated(desk) == [] == lists.lists_holding(desk, "p_anybody")


def test_a_copy_is_refused_once_somebody_on_it_was_taken_off(home: Home, tiers: str, tmp_path: Path) -> None:
    out = exported(approved(home, tiers), tiers, tmp_path / "list.json")
    chosen = people(home)["person_id"].iloc[0]
    until = CLOCK + timedelta(days=20)
    lists.override_entry(home, tiers, chosen, by=READER, reason="the incident names his brother", expires_at=until)
    with pytest.raises(ExportError, match="taken off or erased since"):
        verify_export(home, out)


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Does something and is killed after it is in the store, before any publication shows it."""

    def do(event: Callable[[], object]) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("flows.decisions.desk.project", Mock(side_effect=KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                event()

    return do


Killed = Callable[[Callable[[], object]], None]


def test_what_was_revoked_is_refused_before_any_publication_shows_it(
    home: Home, tiers: str, tmp_path: Path, killed: Killed
) -> None:
    out = exported(approved(home, tiers), tiers, tmp_path / "list.json")
    killed(lambda: lists.revoke_list(home, tiers, by="Supt. A. Lee", reason="two incidents were recorded twice"))
    with pytest.raises(ExportError, match=r"revoked by Supt\. A\. Lee"):
        verify_export(home, out)
    assert people(home)["list_status"].eq("revoked").all()


def test_what_was_approved_holds_before_any_publication_shows_it(
    home: Home, tiers: str, tmp_path: Path, killed: Killed
) -> None:
    opened(registered(home), tiers)
    killed(lambda: lists.approve_list(home, tiers, by=READER, reason=WHY))
    assert people(home)["list_status"].eq("active").all()
    assert verify_export(home, exported(home, tiers, tmp_path / "list.json"))["list_id"] == tiers


def test_a_repeat_after_a_kill_shows_what_stands_and_publishes_it(home: Home, tiers: str, killed: Killed) -> None:
    opened(registered(home), tiers)
    killed(lambda: lists.approve_list(home, tiers, by=READER, reason=WHY))

    def published() -> list[str]:
        said = {"reader": READER, "purpose": PURPOSE, "log": home.access_log, "now": home.now()}
        return read_restricted(home.path, home.key, "approval", **said)["list_id"].tolist()

    assert published() == []
    events = read_ledger(home).events
    with pytest.raises(PublicationError, match="already approved"):
        lists.approve_list(home, tiers, by=SECOND, reason=WHY)
    assert published() == [tiers]  # whoever is refused has it shown, too
    assert not lists.approve_list(home, tiers, by=READER.upper(), reason=WHY)
    assert read_ledger(home).events == events
    lists.revoke_list(home, tiers, by=READER, reason="two incidents were recorded twice")
    with pytest.raises(PublicationError, match="revoked"):
        lists.approve_list(home, tiers, by=READER, reason=WHY)


def test_whoever_was_taken_off_is_on_no_copy_before_any_publication_shows_it(
    home: Home, tiers: str, tmp_path: Path, killed: Killed
) -> None:
    before = exported(approved(home, tiers), tiers, tmp_path / "before.json")
    chosen = people(home)["person_id"].iloc[0]
    until = CLOCK + timedelta(days=20)
    killed(lambda: lists.override_entry(home, tiers, chosen, by=READER, reason="names his brother", expires_at=until))
    with pytest.raises(ExportError, match="taken off or erased since"):
        verify_export(home, before)
    assert chosen not in set(people(home)["person_id"])
    after = json.loads(exported(home, tiers, tmp_path / "after.json").read_text())
    assert after["entries"] and chosen not in {entry["person_id"] for entry in after["entries"]}


def test_an_evaluation_ends_a_copy_before_any_publication_shows_it(
    home: Home, tiers: str, tmp_path: Path, killed: Killed
) -> None:
    out = exported(approved(home, tiers), tiers, tmp_path / "list.json")
    (tmp_path / "report.txt").write_text("no less harm than just below the list")
    said = {"found": "no less harm", "report": tmp_path / "report.txt", "by": "Analyst, M. Ito"}
    killed(lambda: evaluate_effect(home, "person_tier", **said))
    with pytest.raises(ExportError, match="expired"):
        verify_export(home, out)


def test_an_erasure_that_was_cut_short_shows_nobody_and_is_finished_by_the_next_act(
    home: Home, tiers: str, tmp_path: Path, killed: Killed, town_run: TownRun
) -> None:
    out = exported(approved(home, tiers), tiers, tmp_path / "list.json")
    gone = people(home)["person_id"].iloc[0]

    def kept() -> set[str]:
        rows = read_restricted(
            home.path, home.key, "person_tier", reader=READER, purpose=PURPOSE, log=home.access_log, now=CLOCK
        )
        return set(rows["person_id"])

    with open_home_store(home) as store:
        store.erase_person(
            HumanEvent("erased", "Records, M. Ito", "person", gone, CLOCK, {"reason": "court order seven"})
        )
    with pytest.raises(ExportError, match="taken off or erased since"):
        verify_export(home, out)
    assert gone in kept() and gone not in set(people(home)["person_id"])
    registered(home, "call_in")  # whatever act comes next
    assert gone not in kept() and len(kept())


def test_the_commands_exit_with_the_reason(home: Home, tiers: str, tmp_path: Path) -> None:
    arguments = ["--home", str(home.path), "--config", str(home.config_file), "--clock", CLOCK.isoformat()]

    def call(*more: str) -> str:
        done = CliRunner().invoke(cli, [*arguments, *more], catch_exceptions=False)
        return done.output

    reading = ["--purpose", PURPOSE, "--reader", READER]
    call("lists", "open", tiers, *reading)
    call("lists", "open", tiers, "--purpose", PURPOSE, "--reader", SECOND)
    with pytest.raises(HarmspotError, match="no effect of person_tier is registered"):
        call("lists", "approve", tiers, "--by", READER, "--reason", WHY)
    said = ["--outcome", "harm reported a year on", "--comparison", "those just below", "--by", "Supt. A. Lee"]
    assert "registered until 2026-03-01" in call("lists", "register", "person_tier", *said, "--stop-on", "2026-03-01")
    assert "harm reported a year on" in call("lists", "effects", "--json")
    assert "is active" in call("lists", "approve", tiers, "--by", READER, "--reason", WHY)
    sharing = ["--recipient", "Unit", "--agreement", "ISA-7", "--out", str(tmp_path / "list.json")]
    assert "entries for Unit" in call("lists", "export", tiers, *reading, *sharing)
    assert "may be used until" in call("audit", "export", str(tmp_path / "list.json"))
    assert "active" in call("lists", "show")
    shown = json.loads(call("show", "people", "--resolve", "--json", *reading))
    assert all(row["raw_person_id"].startswith("P") for row in shown)
    opened = json.loads(call("lists", "open", tiers, "--json", *reading))
    assert [row["rank"] for row in opened] == sorted(row["rank"] for row in opened)
    for row in [*shown, *opened]:  # status_not_grounds
        assert "Not grounds for stop, arrest or eviction" in row["not_grounds"]
    assert "resolve" in [entry["action"] for entry in home.access_log.entries()]
    call("lists", "revoke", tiers, "--by", READER, "--reason", "an incident was withdrawn")
    with pytest.raises(HarmspotError, match="revoked"):
        call("audit", "export", str(tmp_path / "list.json"))


def test_without_key_purpose_or_name_nothing_is_read(home: Home, tiers: str) -> None:
    for reader, purpose in ((None, PURPOSE), (READER, None), (" ", PURPOSE), (READER, "")):
        for read in (
            lambda: read_list(home, read_ledger(home), "person_tier", None, reader=reader, purpose=purpose),  # noqa: B023
            lambda: lists.open_list(home, tiers, reader=reader, purpose=purpose),  # noqa: B023
            lambda: read_person(home, "P000001", None, purpose=purpose, reader=reader),  # noqa: B023
            lambda: resolve_people(home, pd.DataFrame({"person_id": ["x"]}), reader=reader, purpose=purpose),  # noqa: B023
            lambda: erase_person(home, "P000001", reader=reader, purpose=purpose, reason=WHY),  # noqa: B023
        ):
            with pytest.raises(PurposeError, match="--purpose"):
                read()
    (home.path / "key").unlink()
    keyless = replace(home)
    with pytest.raises(KeyFileError, match="key"):
        read_list(keyless, read_ledger(keyless), "person_tier", None, reader=READER, purpose=PURPOSE)


def test_erasure_leaves_a_tombstone_and_nobody(home: Home, tiers: str, town_run: TownRun, tmp_path: Path) -> None:
    out = exported(approved(home, tiers), tiers, tmp_path / "list.json")
    person_id = people(home)["person_id"].iloc[0]
    with open_home_store(home) as store:
        raw = str(store.resolve_pseudonym(person_id))
        told = [
            make_message("referrals", "k", "t", {"person": name}, time=CLOCK) for name in (raw, person_id, raw + "9")
        ]
        store.add_messages(told, CLOCK)
    (tmp_path / "bad.jsonl").write_text(json.dumps({"type": "none", "data": {"person_id": raw}}) + "\n")
    assert load_file(home, tmp_path / "bad.jsonl", None).dead == 1
    done = erase_person(home, raw, reader="Records, M. Ito", purpose="right to erasure", reason="court order seven")
    assert (done.is_known, done.was_erased, done.revoked_lists, done.emptied_letters) == (True, False, 1, 1)
    repeat = erase_person(home, raw, reader="Records, M. Ito", purpose="right to erasure", reason="court order seven")
    assert (repeat.is_known, repeat.was_erased) == (True, True)
    with open_home_store(home) as store:
        waiting = {message.message_id for message in store.undelivered(1000)}
    assert waiting & {message.message_id for message in told} == {told[2].message_id}
    assert not home.access_log.verify()
    with pytest.raises(ExportError, match="revoked"):
        verify_export(home, out)
    for table in LISTS:
        assert person_id not in set(people(home, table)["person_id"])

    again = load_file(home, town_run.files.events, None)  # old events come in again
    assert again.stored == 0
    left = people(home)["person_id"].tolist()
    with open_home_store(home) as store:
        assert store.resolve_pseudonym(person_id) == TOMBSTONE
        assert raw not in store.resolve_pseudonyms(left).values()
    summary = daily_run(home, AS_OF)
    assert summary.is_new
    assert summary.run_id != town_run.summary.run_id
    rows = read_restricted(
        home.path, home.key, "person_tier", reader=READER, purpose=PURPOSE, log=home.access_log, now=CLOCK
    )
    assert len(rows)
    assert person_id not in set(rows["person_id"])
    assert len(runs(home.path)) == 2


def test_an_erasure_whose_file_is_held_by_others_has_taken_the_person_off_all_lists(
    home: Home, tiers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = people(home)["person_id"].iloc[0]

    def held(connection: duckdb.DuckDBPyConnection, *_: object, **__: object) -> None:
        connection.execute("DETACH store")
        raise StoreBusyError("held by process 7")

    asked = {"reader": "Records, M. Ito", "purpose": "right to erasure", "reason": "court order seven"}
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.store.store.rewrite", held)
        with pytest.raises(StoreBusyError, match="held by process 7"):
            erase_person(home, gone, **asked)
    kept = read_restricted(
        home.path, home.key, "person_tier", reader=READER, purpose=PURPOSE, log=home.access_log, now=CLOCK
    )
    assert len(kept) and gone not in set(kept["person_id"])
    assert erase_person(home, gone, **asked).was_erased


def test_somebody_who_never_came_in_is_erased_from_what_waits(home: Home, tmp_path: Path) -> None:
    """A dead letter was never decoded, so only the force's own id shows whom it names."""
    raw, other = "Núñez/77", "Núñez/778"
    broken = [{"type": "none", "data": {"person_id": name}} for name in (raw, other)]
    lines = [json.dumps(broken[0]), json.dumps(broken[0], ensure_ascii=False), json.dumps(broken[1])]
    (tmp_path / "bad.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert load_file(home, tmp_path / "bad.jsonl", None).dead == 3
    with open_home_store(home) as store:
        told = [make_message("referrals", "k", "t", {"person": name}, time=CLOCK) for name in (raw, other)]
        store.add_messages(told, CLOCK)
    asked = {"reader": "Records, M. Ito", "purpose": "right to erasure", "reason": "court order seven"}
    unknown = erase_person(home, home.pseudonym_of(raw), **asked)
    assert (unknown.is_known, unknown.emptied_letters) == (False, 0)
    done = erase_person(home, raw, **asked)
    assert (done.is_known, done.emptied_letters) == (True, 2)
    with open_home_store(home) as store:
        assert not store.is_named(raw) and store.is_named(other)
        waiting = {message.message_id for message in store.undelivered(1000)}
    assert waiting & {message.message_id for message in told} == {told[1].message_id}
    assert erase_person(home, raw, **asked).is_known


def test_an_erasure_of_nobody_says_so_and_leaves_a_tombstone(home: Home) -> None:
    arguments = ["--home", str(home.path), "--config", str(home.config_file), "--clock", CLOCK.isoformat()]
    asked = ["--reason", "court order seven", "--purpose", "right to erasure", "--reader", READER]
    before = len(people(home))
    first = CliRunner().invoke(cli, [*arguments, "audit", "erase", "P-typo", "--yes", *asked])
    assert first.exit_code == 1
    assert "no person with that id" in first.output
    assert "P-typo" not in first.output
    assert "erase" in [entry["action"] for entry in home.access_log.entries()]
    with open_home_store(home) as store:
        assert store.resolve_pseudonym(home.pseudonym_of("P-typo")) == TOMBSTONE
    assert len(people(home)) == before
    again = CliRunner().invoke(cli, [*arguments, "audit", "erase", "P-typo", "--yes", *asked])
    assert (again.exit_code, again.output) == (first.exit_code, first.output)


def test_an_erasure_asks_first_and_without_a_terminal_needs_yes(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["--home", str(home.path), "--config", str(home.config_file), "--clock", CLOCK.isoformat()]
    asked = ["--reason", "court order seven", "--purpose", "right to erasure", "--reader", READER]
    arguments += ["audit", "erase", "P-typo", *asked]
    refused = CliRunner().invoke(cli, arguments)
    assert refused.exit_code == 2
    assert "add --yes" in refused.output
    monkeypatch.setattr("flows.command.audit.is_terminal", lambda: True)
    kept = CliRunner().invoke(cli, arguments, input="n\n")
    assert kept.exit_code == 1
    assert "nobody is stored" in kept.output
    assert "P-typo" not in kept.output
    actions = [entry["action"] for entry in home.access_log.entries()]
    assert "erase_preview" in actions
    assert "erase" not in actions
    assert "tombstone" in CliRunner().invoke(cli, arguments, input="y\n").output


def test_a_later_run_revokes_the_copies_that_hold_somebody_who_left(
    home: Home, tiers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a death, the list approved before must not be used, even if the run was killed and repeated."""
    settings = home.settings
    out = exported(approved(home, tiers), tiers, tmp_path / "list.json")
    with at_desk(home) as desk:
        assert lists.revoke_outdated(desk) == []
    later = at(home, CLOCK + timedelta(days=1))
    listed = people(home)["person_id"].iloc[0]
    with open_home_store(later) as store:
        gone = store.resolve_pseudonym(listed)
        batch_before = len(store.batches())
    assert gone
    died = {
        "specversion": "1.0", "type": "harmspot.person.updated.v1", "source": "urn:test", "id": "died",
        "time": "2026-01-01T10:00:00Z",
        "data": {"person_id": gone, "version": 99, "birth_date": "1980-01-01", "deceased_at": "2026-01-01T09:00:00Z"},
    }  # fmt: skip
    (tmp_path / "persons.jsonl").write_text(json.dumps(died) + "\n")
    load_file(later, tmp_path / "persons.jsonl", None)
    with open_home_store(later) as store:
        assert len(store.batches()) == batch_before + 1
    with monkeypatch.context() as killed_after_publishing:
        killed_after_publishing.setattr("flows.schedule.daily.revoke_outdated", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            daily_run(later, date(2026, 1, 2))
    assert not daily_run(later, date(2026, 1, 2)).is_new
    assert settings.publication.people_valid_days > 1
    with pytest.raises(ExportError, match="revoked by harmspot"):
        verify_export(later, out)


def test_effect_registered(home: Home, tiers: str, tmp_path: Path) -> None:
    """No approval without a registration; its stop date ends list and copies; renewal waits for the evaluation."""
    opened(home, tiers)
    with pytest.raises(
        PublicationError, match=f"list {tiers} cannot be approved: no effect of person_tier .* register"
    ):
        lists.approve_list(home, tiers, by=READER, reason=WHY)
    registered(home, days=30)
    with pytest.raises(PublicationError, match="cannot be changed"):
        registered(home, days=30)
    lists.approve_list(home, tiers, by=READER, reason=WHY)
    out = exported(home, tiers, tmp_path / "list.json")
    stop = CLOCK.date() + timedelta(days=30)
    assert json.loads(out.read_text())["valid_to"] == home.midnight(stop).isoformat()

    day_before, over = at(home, home.midnight(stop) - timedelta(seconds=1)), at(home, home.midnight(stop))
    assert people(day_before)["list_status"].eq("active").all()
    assert people(over)["list_status"].eq("expired").all()
    shown = shown_lists(over, read_ledger(over), None).set_index("list_id").loc[tiers]
    assert (shown["status"], shown["valid_to"]) == ("expired", home.midnight(stop))
    with pytest.raises(ExportError, match="expired"):
        verify_export(over, out)
    with pytest.raises(PublicationError, match="not evaluated: harmspot lists evaluate"):
        registered(over)
    with pytest.raises(PublicationError, match="no such file"):
        evaluate_effect(over, "person_tier", found="no less harm", report=tmp_path / "none.pdf", by="M. Ito")
    report = tmp_path / "report.txt"
    report.write_text("no less harm than just below the list")
    evaluate_effect(over, "person_tier", found="no less harm", report=report, by="M. Ito")
    registered(over)
    effects = effect_rows(read_ledger(over))
    assert effects["evaluated_by"].isna().tolist() == [False, True]
    assert effects["report_sha256"].iloc[0] == hashlib.sha256(report.read_bytes()).hexdigest()


def test_an_early_evaluation_ends_a_copy_whose_own_date_is_later(home: Home, tiers: str, tmp_path: Path) -> None:
    out = exported(approved(home, tiers), tiers, tmp_path / "list.json")
    report = tmp_path / "report.txt"
    report.write_text("more arrests, no less harm")
    later = at(home, CLOCK + timedelta(days=2))
    verify_export(later, out)
    evaluate_effect(later, "person_tier", found="more arrests, no less harm", report=report, by="M. Ito")
    with pytest.raises(ExportError, match="expired"):
        verify_export(later, out)


def test_what_a_court_ordered_and_what_helps_needs_no_registration(home: Home, town_run: TownRun) -> None:
    for name in ("warrant_queue", "referral", "safeguarding"):
        list_id = list_id_of(name, town_run.summary.run_id)
        opened(home, list_id)
        lists.approve_list(home, list_id, by=READER, reason=WHY)
    assert shown_lists(home, read_ledger(home), None)["status"].eq("active").sum() == 3


def test_doctor_says_what_stands_before_approval(home: Home) -> None:
    found = examine(home).set_index("check").loc["effects of lists"]
    assert found["state"] == "warning" and "lists effects" in found["detail"]
    registered(home)
    assert "person_tier" not in examine(home).set_index("check").loc["effects of lists", "detail"]
