"""Whoever uses a list or a letter is told what a run now would say: literal changes after a run, on every path."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.decisions import lists
from flows.decisions.desk import Desk
from flows.decisions.erasure import erase_person
from flows.decisions.list_effects import register_effect
from flows.decisions.list_exports import export_list, verify_export
from flows.decisions.notice_decisions import (
    Decision,
    NoticeRefusedError,
    all_notices,
    do,
    open_notice,
    standing_notices,
)
from flows.decisions.partners import deliver_to_partners, run_messages
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.ledger import read_ledger
from flows.human_log.list_rows import ask_list, read_list
from flows.ingest.ingest import load_file
from flows.outputs.explain import person_lines, read_person
from flows.schedule.daily import daily_run
from models.governance.list_lifecycle import LISTS, list_id_of
from pipeline.errors import ExportError, PublicationError
from tests.town import TownRun, cancellation, event, read_people

DAY, CLOCK = date(2026, 1, 1), datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = CLOCK + timedelta(hours=1)
READING = {"reader": "Insp. J. Reyes", "purpose": "approve the list"}
WHY = "evidence read and found sound"
USED = {"drugs": {"activity": "supply"}, "minors": {"used_by_adult": True}}
# Whom something becomes known of after the run: each is a target or a seller, or on the list of the name.
CHANGED = (
    *("child", "dead", "victim", "uncharged", "user", "jailed", "treated", "one grave", "swapped", "ageless"),
    *("ended", "seller", "jailed seller", "helped", "convict", "grown", "warned"),
)
APPROVED = tuple(name for name in LISTS if name != "call_in")
OFF = {
    "person_tier": {
        "child": "under 18",
        "ageless": "of unknown age",
        "dead": "dead",
        "victim": "with nothing held against them",
        "uncharged": "with nothing held against them",
        "user": "with possession or use of drugs alone",
        "jailed": "in custody, in hospital or away",
        "treated": "in treatment",
        "one grave": "without two independent grave incidents",
        "swapped": "with nothing held against them",
        "seller": "with nothing held against them",
        "jailed seller": "in custody, in hospital or away",
        "warned": "dead",
    },
    "dealer_ranking": {
        "seller": "with nothing held against them",
        "jailed seller": "in custody, in hospital or away",
    },
    "warrant_queue": {"ended": "executed or recalled", "child": "under 18"},
    "referral": {"convict": "no longer to be offered treatment"},
    "safeguarding": {"grown": "18 or over"},
    "call_in": {"warned": "dead", "jailed seller": "in custody, in hospital or away"},
}


def born(who: str, version: int = 1, **more: Any) -> str:
    data = {"person_id": f"P-{who}", "version": version, "birth_date": "1985-05-05"}
    return event("person.updated", f"{who}.{version}", data | more)


def crime(number: int, code: str, who: dict[str, str], version: int = 1, **more: Any) -> str:
    status = "recorded" if version == 1 else "amended"
    data = {"incident_id": f"I{number}", "version": version, "status": status, "offence_code": code}
    when = datetime(2025, 12, 30, 12, tzinfo=UTC) - timedelta(days=9 * (number % 40))
    placed = {"occurred_at": when.isoformat(), "discovery": "public", "location": {"lon": 1.3106, "lat": 54.0067}}
    roles = [{"person_id": f"P-{name}", "role": role} for name, role in who.items()]
    return event("incident.recorded", f"I{number}.{version}", {**data, **placed, "involvements": roles, **more})


def warrant(who: str, version: int = 1, status: str = "outstanding", code: str = "robbery") -> str:
    data = {"warrant_id": f"W-{who}", "version": version, "person_id": f"P-{who}", "kind": "bench", "status": status}
    more = {"issued_at": "2025-12-01T00:00:00Z", "underlying_offence_code": code}
    return event("warrant.changed", f"W-{who}.{version}", data | more)


def at_first() -> list[str]:
    """Those who change rob four times or sell, twenty others rob once, three hundred do nothing."""
    robbers = [who for who in CHANGED if who not in ("helped", "convict", "grown", "warned", "seller", "jailed seller")]
    others = [f"other {i}" for i in range(20)]
    quiet = [f"quiet {i}" for i in range(300)]
    everybody = [who for who in (*CHANGED, *others, *quiet) if who != "grown"]
    lines = [born(who) for who in everybody]
    for number, who in enumerate(robbers):
        lines += [crime(100 * number + i, "robbery", {who: "convicted"}) for i in range(4)]
    lines += [crime(3000 + i, "robbery", {who: "convicted"}) for i, who in enumerate(others)]
    for number, who in enumerate(("seller", "jailed seller")):
        lines += [crime(4000 + 100 * number + i, "drug_supply", {who: "charged"}, **USED) for i in range(5)]
    lines += [crime(5000 + i, "drug_possession", {who: "charged"}) for i, who in enumerate(("helped", "convict"))]
    lines += [crime(6000, "robbery", {"grown": "suspect"}), crime(6100, "robbery", {"warned": "convicted"})]
    lines += [crime(6101 + i, "violence_without_injury", {"warned": "convicted"}) for i in range(20)]
    return [*lines, *(warrant(who) for who in ("ended", "child", "jailed"))]


def becomes_known() -> list[str]:
    """One thing of each, an hour after the run."""
    number = {who: 100 * i for i, who in enumerate(CHANGED)}

    def amended(who: str, role: str | None, code: str = "robbery", count: int = 4) -> list[str]:
        roles = {who: role} if role else {"other 0": "convicted"}
        return [crime(number[who] + i, code, roles, 2) for i in range(count)]

    custody = [
        event(
            "custody.changed",
            f"C-{who}",
            {"person_id": f"P-{who}", "version": 1, "from": "2026-01-01T12:30:00Z", "kind": "prison"},
        )
        for who in ("jailed", "jailed seller")
    ]
    consent = {"treatment": {"consent": True, "engaged": True}}
    return [
        born("child", 2, birth_date="2010-05-05"),
        event("person.updated", "ageless.2", {"person_id": "P-ageless", "version": 2}),
        born("dead", 2, deceased_at="2026-01-01T12:30:00Z"),
        *amended("victim", "victim"),
        *amended("uncharged", "no_further_action"),
        *amended("user", "charged", "drug_possession"),
        *custody,
        born("treated", 2, **consent),
        *amended("treated", "charged", "public_order"),
        *amended("one grave", "charged", "public_order", 3),
        *amended("swapped", None),
        warrant("ended", 2, "recalled"),
        *[crime(4000 + i, "drug_supply", {"seller": "no_further_action"}, 2, **USED) for i in range(5)],
        crime(5100, "robbery", {"convict": "convicted"}),
        born("grown"),
        born("warned", 2, deceased_at="2026-01-01T12:30:00Z"),
    ]


@dataclass
class Force:
    """A home after its run, and after something became known."""

    home: Home
    run_id: str

    def person(self, who: str) -> str:
        return self.home.pseudonym_of(f"P-{who}")

    def list_id(self, name: str) -> str:
        return list_id_of(name, self.run_id)

    def names(self, ids: pd.Series) -> set[str]:
        by_id = {self.person(who): who for who in CHANGED}
        return {by_id[person_id] for person_id in ids if person_id in by_id}


def load(home: Home, file: Path, lines: list[str]) -> None:
    file.write_text("".join(lines), encoding="utf-8")
    counts = load_file(home, file, None)
    assert (counts.dead, counts.stored) == (0, len(lines))


@pytest.fixture(scope="module")
def small_force() -> Any:
    """A force with three dozen scored people, most of whom may be in the top K."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.home.settings.check_bounds", lambda settings: None)  # no force may list so many
        patch.setenv("HARMSPOT__PEOPLE__TOP_SHARE", "0.9")
        patch.setenv("HARMSPOT__PEOPLE__TOP_K", "40")
        yield


@pytest.fixture(scope="module")
def before(small_force: None, tmp_path_factory: pytest.TempPathFactory, new_home: Callable[..., Home]) -> Force:
    """The run, all lists but the call-in approved, and a copy of each exported, beside the home."""
    folder = tmp_path_factory.mktemp("force")
    home = new_home(folder / "home", clock=CLOCK - timedelta(hours=3))
    load(home, folder / "first.jsonl", at_first())
    force = Force(replace(home, clock=CLOCK), daily_run(home, DAY).run_id)
    for name in APPROVED:
        approve(force, name)
        export(force, name, folder / f"{name}.json")
    return force


@pytest.fixture(scope="module")
def force(before: Force, tmp_path_factory: pytest.TempPathFactory) -> Force:
    """The same, after something became known; tests only read it."""
    folder = tmp_path_factory.mktemp("later") / "force"
    shutil.copytree(before.home.path.parent, folder)
    home = replace(before.home, path=folder / "home", clock=LATER)
    load(home, folder / "later.jsonl", becomes_known())
    return Force(home, before.run_id)


@pytest.fixture
def own(force: Force, tmp_path: Path) -> Force:
    """A copy of it to decide in."""
    shutil.copytree(force.home.path.parent, tmp_path / "own")
    return Force(replace(force.home, path=tmp_path / "own" / "home"), force.run_id)


def approve(force: Force, name: str) -> None:
    if name in ("person_tier", "dealer_ranking", "call_in"):
        said = {"outcome": "harm reported a year on", "comparison": "those just below the list", "by": "Supt. A. Lee"}
        register_effect(force.home, name, stop_on=DAY + timedelta(days=60), **said)
    for reader in ("Sgt. A. Bell", READING["reader"]):
        lists.open_list(force.home, force.list_id(name), reader=reader, purpose=READING["purpose"])
    lists.approve_list(force.home, force.list_id(name), by=READING["reader"], reason=WHY)


def export(force: Force, name: str, out: Path) -> None:
    shared = {"recipient": "Offender unit", "agreement_id": "ISA-7", **READING}
    export_list(force.home, force.list_id(name), out, **shared)


def asked(force: Force, name: str) -> dict[str, str]:
    found = ask_list(force.home, read_ledger(force.home), name, None, **READING)
    by_id = {force.person(who): who for who in CHANGED}
    return {by_id[person_id]: why for person_id, why in zip(found.off["person_id"], found.why, strict=True)}


def test_what_becomes_known_of_each_takes_the_entry_off_by_the_rule_that_a_run_would_name(
    before: Force, force: Force
) -> None:
    assert {name: asked(before, name) for name in LISTS} == {name: {} for name in LISTS}
    assert {name: asked(force, name) for name in LISTS} == OFF


def test_the_next_run_lists_of_those_exactly_whom_the_question_leaves_on(own: Force) -> None:
    on = {
        name: own.names(read_list(own.home, read_ledger(own.home), name, None, **READING)["person_id"])
        for name in LISTS
    }
    home = replace(own.home, clock=LATER + timedelta(days=1))
    run = daily_run(home, DAY + timedelta(days=1))
    changes = read_people(home, "person_change", run.run_id)
    changed = own.names(read_list(home, read_ledger(home), "person_change", None, **READING)["person_id"])
    assert {"child", "dead"} <= own.names(changes.loc[changes["change"].eq("left"), "person_id"])
    assert not changed & {"child", "dead", "ageless"}, "who left the list and is behind a gate is not shown either"
    for name in ("person_tier", "dealer_ranking", "warrant_queue"):
        listed = read_people(own.home, name, run.run_id)
        listed = listed[listed["tier"].eq("target")] if name == "person_tier" else listed
        assert own.names(listed["person_id"]) == on[name], name
    assert on["referral"] <= own.names(read_people(own.home, "referral", run.run_id)["person_id"])
    assert on["safeguarding"] <= own.names(read_people(own.home, "safeguarding", run.run_id)["person_id"])


@pytest.mark.parametrize("name", APPROVED)
def test_no_list_is_approved_exported_or_used_from_a_copy_while_a_run_now_would_not_make_it(
    own: Force, name: str
) -> None:
    fresh = own.home.path.parent / "again.json"
    reason = next(iter(OFF[name].values()))
    with pytest.raises(ExportError, match=f"cannot be exported: .*1 .*{reason}|[0-9]+ {reason}"):
        export(own, name, fresh)
    assert not fresh.exists()
    with pytest.raises(ExportError, match=f"{reason}.*destroy it"):
        verify_export(own.home, own.home.path.parent / f"{name}.json")


def test_a_list_is_not_approved_while_a_run_now_would_not_make_it(own: Force) -> None:
    with pytest.raises(PublicationError, match="known to be: 1 dead, 1 in custody, in hospital or away; harmspot run"):
        approve(own, "call_in")


def test_reading_leaves_out_who_is_off_and_says_how_many_without_ids(force: Force) -> None:
    said: list[str] = []
    home = replace(force.home, progress=said.append)
    rows = read_list(home, read_ledger(home), "person_tier", None, **READING)
    assert not force.names(rows["person_id"]) & set(OFF["person_tier"])
    [line] = [line for line in said if "left out" in line]
    assert line.startswith("of person_tier 13 rows left out: those on it are now known to be: 2 dead, ")
    assert "p_" not in line
    for table in ("tier_term", "seller_term", "person_notice"):
        rows = read_list(home, read_ledger(home), table, None, **READING)
        assert not force.names(rows["person_id"]) & (
            set(OFF["person_tier"]) - {"one grave"}
        )  # on it still, as one to warn


def test_the_state_of_a_letter_that_was_not_served_is_left_out_as_the_letter_is(before: Force, tmp_path: Path) -> None:
    shutil.copytree(before.home.path.parent, tmp_path / "own")
    home = replace(before.home, path=tmp_path / "own" / "home")
    drafts = {notice.subject: notice.notice_id for notice in all_notices(home, ["person"], **READING)}
    people = [before.person(who) for who in ("child", "dead")]
    other = before.person("ended")
    for person_id in (*people, other):
        open_notice(home, drafts[person_id], **READING)
    assert {*people, other} == {
        *read_list(home, read_ledger(home), "person_notice_state", None, **READING)["person_id"]
    }
    later = replace(home, clock=LATER)
    load(later, tmp_path / "later.jsonl", becomes_known())
    off = ask_list(later, read_ledger(later), "person_notice_state", None, **READING)
    assert [*off.rows["person_id"]] == [other]
    assert {*off.why} == {"under 18", "dead"}


def test_an_explanation_tells_what_is_known_now_and_no_score(force: Force) -> None:
    for who, why in OFF["person_tier"].items():
        rows = read_person(force.home, f"P-{who}", None, **READING)
        text = "\n".join(person_lines(rows, force.home.settings.force.zone))
        assert f"No longer on the list person_tier: the person is now known to be {why}." in text
        assert "Chance of being among" not in text and "Rank " not in text
        assert rows.tables["person_tier"].empty
    text = "\n".join(person_lines(read_person(force.home, "P-child", None, **READING), force.home.settings.force.zone))
    assert "The person is under 18" in text
    assert "listing ends" not in text and "was listed since" not in text.lower()


def test_no_letter_is_shown_printed_or_served_to_somebody_who_is_off_and_a_breach_is_kept(
    before: Force, own: Force
) -> None:
    drafts = {
        before.names(pd.Series([notice.subject])).pop(): notice.notice_id
        for notice in all_notices(own.home, ["person"], **READING)
        if before.names(pd.Series([notice.subject]))
    }
    # A letter warns: one whom a run would warn, no longer target, may still get it.
    off = {who: drafts[who] for who in OFF["person_tier"] if who in drafts and who != "one grave"}
    assert {"child", "victim", "jailed"} <= set(off)
    said: list[str] = []
    listed = standing_notices(replace(own.home, progress=said.append), ["person"], **READING)
    assert not {notice.notice_id for notice in listed} & set(off.values())
    assert "notices are left out: those they are to are now known to be: 2 dead" in said[-1]
    for who, notice_id in off.items():
        with pytest.raises(NoticeRefusedError, match=OFF["person_tier"][who]):
            open_notice(own.home, notice_id, **READING)
    pdf = own.home.path.parent / "letter.pdf"
    common = ["--home", str(own.home.path), "--clock", LATER.isoformat(), "notices", "show", off["child"]]
    result = CliRunner().invoke(
        cli, [*common, "--pdf", str(pdf), "--reader", READING["reader"], "--purpose", READING["purpose"]]
    )
    assert isinstance(result.exception, NoticeRefusedError) and not pdf.exists()
    with pytest.raises(NoticeRefusedError, match="known to be under 18; the next run withdraws it"):
        do(own.home, off["child"], Decision("reviewed", "Sgt. A. Bell", {"reason": WHY}), purpose="review the letter")


def test_after_an_erasure_no_read_act_or_publication_has_the_person_or_the_letter(own: Force) -> None:
    home, who = own.home, own.person("ended")
    [draft] = [notice for notice in all_notices(home, ["person"], **READING) if notice.subject == who]
    open_notice(home, draft.notice_id, **READING)
    erase_person(home, "P-ended", reader="Records", purpose="right to erasure", reason="court order seven")
    with open_home_store(home) as store:
        [size] = store._connection.execute(
            "SELECT free_blocks FROM pragma_database_size() WHERE database_name = 'store'"
        ).fetchall()
    assert size == (0,), "the store's file was written anew"
    assert who not in {notice.subject for notice in all_notices(home, ["person"], **READING)}
    for act in (
        lambda: open_notice(home, draft.notice_id, **READING),
        lambda: do(
            home,
            draft.notice_id,
            Decision("represented", "Bell", {"reason": WHY, "by": "person"}),
            purpose="hear an objection",
        ),
    ):
        with pytest.raises(NoticeRefusedError, match="neither a draft of the latest run nor a notice"):
            act()
    for table in (*LISTS, "person_notice", "person_notice_state", "person_change", "tier_term"):
        assert who not in set(read_people(home, table, own.run_id)["person_id"]), table
    with pytest.raises(PublicationError, match="no person with that id"):
        read_person(home, "P-ended", None, **READING)


def test_what_waits_for_partners_about_somebody_who_is_off_is_withdrawn_and_not_sent(
    own: Force, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = {"referrals": ["route", "person_ref"], "safeguarding": ["reason", "person_ref"]}
    monkeypatch.setenv(
        "HARMSPOT__PARTNERS__RECIPIENTS", json.dumps([{"name": "help", "agreement_id": "ISA-7", "topics": topics}])
    )
    monkeypatch.setenv("HARMSPOT__PARTNERS__TO", json.dumps(["files"]))
    home = Home(own.home.path, own.home.config_file, LATER, lambda text: None)
    held = {name: read_people(home, name, own.run_id) for name in ("referral", "safeguarding")}
    actions = pd.DataFrame({"kind": [], "at": [], "action_id": []})
    with open_home_store(home) as store:
        store.add_messages(run_messages(Desk(home, store), held, actions, LATER), LATER)
    deliver_to_partners(home)
    sent = "".join(file.read_text() for file in (home.path / "partners").rglob("*") if file.is_file())
    assert "P-helped" in sent
    assert not [who for who in ("convict", "grown") if f'"P-{who}"' in sent]


def test_messages_of_earlier_runs_and_of_letters_are_asked_about_too(
    before: Force, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latest run lists neither of those with a referral; letters are to people who are on a list and then not."""
    topics = {"referrals": ["route", "person_ref"], "notices": ["kind", "state", "person_ref"]}
    monkeypatch.setenv(
        "HARMSPOT__PARTNERS__RECIPIENTS", json.dumps([{"name": "help", "agreement_id": "ISA-7", "topics": topics}])
    )
    monkeypatch.setenv("HARMSPOT__PARTNERS__TO", json.dumps(["files"]))
    shutil.copytree(before.home.path, tmp_path / "home")
    home = Home(tmp_path / "home", before.home.config_file, CLOCK, lambda text: None)
    [partner] = home.settings.partners.recipients
    letters = {notice.subject: notice.notice_id for notice in all_notices(home, ["person"], **READING)}
    who = {letters[before.person(name)]: name for name in ("child", "dead", "ended")}
    for notice_id in who:
        open_notice(home, notice_id, **READING)
    home = Home(home.path, home.config_file, LATER, lambda text: None)
    load(home, tmp_path / "later.jsonl", becomes_known())

    def message(topic: str, entity_id: str, name: str, state: str = "served") -> Any:
        told = partner.message(topic, entity_id, {"person_ref": f"P-{name}", "state": state}, LATER)
        assert told
        return told

    with open_home_store(home) as store:
        heard = [message("notices", notice_id, "dead") for notice_id, name in who.items() if name == "dead"]
        store.add_messages(heard, LATER)
        store.mark_delivered([each.message_id for each in heard], LATER)
        told = [message("notices", notice_id, name, "withdrawn") for notice_id, name in who.items()]
        told += [message("referrals", before.person(name), name) for name in ("victim", "quiet 1", "helped")]
        told += [message("notices", "n_gone", "gone"), message("referrals", "p_gone", "gone")]
        store.add_messages(told, LATER)
    deliver_to_partners(home)
    lines = [line for file in (home.path / "partners").iterdir() for line in file.read_text().splitlines()]
    assert {json.loads(line)["data"]["person_ref"] for line in lines} == {"P-helped", "P-ended", "P-dead"}
    with open_home_store(home) as store:
        assert not store.undelivered(9)


def test_in_a_town_with_markets_every_entry_stands_until_something_becomes_known(
    town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path
) -> None:
    home = new_home(shutil.copytree(town_run.home.path, tmp_path / "home"), clock=CLOCK + timedelta(hours=1))
    ledger = read_ledger(home)
    found = {name: ask_list(home, ledger, name, None, **READING) for name in LISTS}
    assert {name: each.off_in_words() for name, each in found.items()} == dict.fromkeys(LISTS, "")
    assert all(len(found[name].rows) for name in ("person_tier", "dealer_ranking", "warrant_queue", "safeguarding"))


@pytest.mark.parametrize("table", [*LISTS])
def test_a_list_that_has_expired_is_read_as_it_stood(
    table: str, town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path
) -> None:
    folder = shutil.copytree(town_run.home.path, tmp_path / "home")
    listed = []
    for clock in (CLOCK + timedelta(hours=1), CLOCK + timedelta(days=400)):
        home = new_home(folder, clock=clock)
        rows = read_list(home, read_ledger(home), table, None, reader="a reader", purpose="a test reads")
        listed.append(sorted(rows["person_id"]))
    assert listed[0] == listed[1]


def test_an_entry_that_stands_says_which_of_its_evidence_has_fallen(before: Force, tmp_path: Path) -> None:
    shutil.copytree(before.home.path.parent, tmp_path / "own")
    said: list[str] = []
    home = replace(before.home, path=tmp_path / "own" / "home", clock=LATER, progress=said.append)
    rows = read_list(home, read_ledger(home), "person_tier", None, **READING)
    assert "corrected_evidence" not in rows
    person, other = before.person("ended"), before.person("warned")
    cited = rows.set_index("person_id")["evidence_ids"]
    fallen = str(cited[person][0])
    load(home, tmp_path / "cancelled.jsonl", [cancellation(fallen)])
    rows = read_list(home, read_ledger(home), "person_tier", None, **READING).set_index("person_id")
    assert rows.loc[person, "corrected_evidence"] == [f"{fallen} cancelled"]
    assert rows["corrected_evidence"].drop(person).isna().all() and other in rows.index
    assert any("1 row cites evidence that was cancelled or amended" in line for line in said)
