"""Ids that a source joins: what protects either holds at once on every path, and the next run has one person."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from flows.decisions import lists
from flows.decisions.erasure import erase_person, preview_erasure
from flows.decisions.list_exports import export_list, verify_export
from flows.decisions.notice_decisions import (
    Decision,
    NoticeRefusedError,
    all_notices,
    do,
    open_notice,
    superseded_by,
)
from flows.disclosure.subject import subject_access
from flows.home.home import Home
from flows.human_log.ledger import read_ledger
from flows.human_log.list_events import withheld_people
from flows.human_log.list_rows import ask_list, read_list, resolve_people
from flows.outputs.explain import person_lines, read_person
from flows.schedule.daily import daily_run
from models.governance.list_lifecycle import LISTS
from models.people_lists.assess import PreviousPeople, assess_people
from models.people_lists.tier_changes import JOINED
from pipeline.errors import ExportError, PublicationError
from tests.flows.human_log.test_listed_now import (
    CLOCK,
    DAY,
    LATER,
    READING,
    WHY,
    Force,
    approve,
    born,
    crime,
    export,
    load,
    warrant,
)
from tests.town import event, read_people

PROTECTED = {
    "minor": "under 18",
    "dead": "dead",
    "jailed": "in custody, in hospital or away",
    "treated": "in treatment",
    "cleared": "with nothing held against them",
}
ROBBERS = ("minor", "dead", "jailed", "cleared", "other", "kept", "gone")
SINCE_RUN = timedelta(days=1)


def same(one: str, other: str, version: int = 1, status: str = "joined") -> str:
    data = {"person_id": f"P-{one}", "same_as": f"P-{other}", "version": version, "status": status}
    return event("person.same", f"{one}.{other}.{version}", data)


def at_first() -> list[str]:
    """Robbers, one in whom nothing is grave, two halves of one robber; under another id each has what protects."""
    quiet = [f"quiet {i}" for i in range(300)]
    lines = [born(who) for who in (*ROBBERS, "treated", "left", "right", *quiet)]
    for number, who in enumerate(ROBBERS):
        lines += [crime(100 * number + i, "robbery", {who: "convicted"}) for i in range(4)]
    lines += [crime(2000 + i, "violence_without_injury", {"treated": "convicted"}) for i in range(30)]
    lines += [crime(3000 + i, "robbery", {("left", "right")[i % 2]: "convicted"}) for i in range(4)]
    lines += [crime(5000 + i, "robbery", {f"quiet {i}": "convicted"}) for i in range(20)]
    stay = {"person_id": "P-jailed twin", "version": 1, "from": "2025-12-31T12:30:00Z", "kind": "prison"}
    return [
        *lines,
        *(warrant(who) for who in ("minor", "kept")),
        born("minor twin", birth_date="2010-05-05"),
        born("dead twin", deceased_at="2025-12-31T12:30:00Z"),
        event("custody.changed", "C-jailed", stay),
        born("treated twin", treatment={"consent": True, "engaged": True}),
    ]


def joins(version: int = 1, status: str = "joined") -> list[str]:
    pairs = [(who, f"{who} twin") for who in ("minor", "dead", "jailed", "treated")]
    return [same(one, other, version, status) for one, other in [*pairs, ("cleared", "other"), ("left", "right")]]


def becomes_known() -> list[str]:
    """The ids are joined; of one the evidence is withdrawn too, and is left under the id that it is joined to."""
    withdrawn = [crime(300 + i, "robbery", {"cleared": "no_further_action"}, 2) for i in range(4)]
    return [*joins(), *withdrawn]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, new_home: Callable[..., Home]) -> Any:
    """The run, lists approved and a copy of each handed over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.home.settings.check_bounds", lambda settings: None)  # no force may list so many
        for name, value in {"TOP_SHARE": "0.9", "TOP_K": "40", "DRAWS": "200"}.items():
            patch.setenv(f"HARMSPOT__PEOPLE__{name}", value)
        folder = tmp_path_factory.mktemp("force")
        home = new_home(folder / "home", clock=CLOCK - timedelta(hours=3))
        load(home, folder / "first.jsonl", at_first())
        force = Force(replace(home, clock=CLOCK), daily_run(home, DAY).run_id)
        for name in ("person_tier", "warrant_queue"):
            approve(force, name)
            export(force, name, folder / f"{name}.json")
        yield force


@pytest.fixture
def joined(before: Force, tmp_path: Any) -> Force:
    """A copy in which the ids are joined after the run."""
    return after(before, tmp_path, becomes_known())


def after(before: Force, folder: Any, *batches: list[str]) -> Force:
    shutil.copytree(before.home.path.parent, folder / "own")
    home = replace(before.home, path=folder / "own" / "home", clock=LATER)
    for number, lines in enumerate(batches):
        load(home, folder / f"{number}.jsonl", lines)
    return Force(home, before.run_id)


def off(force: Force) -> dict[str, dict[str, str]]:
    ledger, by_id = read_ledger(force.home), {force.person(who): who for who in (*ROBBERS, "treated", "left", "right")}
    found = {name: ask_list(force.home, ledger, name, None, **READING) for name in LISTS}
    return {
        name: {by_id[who]: why for who, why in zip(each.off["person_id"], each.why, strict=True)}
        for name, each in found.items()
        if len(each.off)
    }


def test_a_join_takes_off_at_once_whom_either_id_protects_and_a_parting_undoes_it(
    before: Force, joined: Force, tmp_path: Any
) -> None:
    assert off(before) == {}
    off_now = off(joined)
    assert off_now.pop("call_in", {}).items() <= PROTECTED.items()
    assert off_now == {"person_tier": PROTECTED, "warrant_queue": {"minor": "under 18"}}
    (tmp_path / "parted").mkdir()
    parted = after(before, tmp_path / "parted", joins(), joins(2, "parted"))
    assert off(parted) == {}, "parted ids are as if they had never been joined"


def test_whatever_uses_a_list_is_refused_to_whom_a_join_protects(joined: Force) -> None:
    home, folder = joined.home, joined.home.path.parent
    rows = read_list(home, read_ledger(home), "person_tier", None, **READING)
    assert not {joined.person(who) for who in PROTECTED} & {*rows["person_id"]}
    with pytest.raises(ExportError, match=r"1 dead, 1 in custody.* 1 under 18"):
        export(joined, "person_tier", folder / "again.json")
    for name in ("person_tier", "warrant_queue"):
        with pytest.raises(ExportError, match=r"under 18.*destroy it"):
            verify_export(home, folder / f"{name}.json")
    with pytest.raises(PublicationError, match=r"cannot be approved: those on it are now known to be: 1 in treatment"):
        approve(joined, "call_in")
    letters = {notice.subject: notice.notice_id for notice in all_notices(home, ["person"], **READING)}
    assert joined.person("minor") in letters and joined.person("dead") in letters
    for who in {*PROTECTED} & {name for name in PROTECTED if joined.person(name) in letters}:
        with pytest.raises(NoticeRefusedError, match=PROTECTED[who]):
            open_notice(home, letters[joined.person(who)], **READING)
    reviewed = Decision("reviewed", "Sgt. A. Bell", {"reason": WHY})
    for who in ("left", "right"):
        open_notice(home, letters[joined.person(who)], reader=reviewed.actor, purpose="review the letter")
    do(home, letters[joined.person("left")], reviewed, purpose="review the letter")
    with pytest.raises(NoticeRefusedError, match="to the same subject is live"):
        do(home, letters[joined.person("right")], reviewed, purpose="review the letter")
    known = all_notices(home, ["person"], **READING)
    [right] = [notice for notice in known if notice.subject == joined.person("right")]
    assert superseded_by(home, [right], known) == [letters[joined.person("left")]]
    with pytest.raises(NoticeRefusedError, match="known to be under 18; the next run withdraws it"):
        do(home, letters[joined.person("minor")], reviewed, purpose="review the letter")


def test_an_exception_made_under_one_id_holds_for_the_other(before: Force, tmp_path: Any) -> None:
    force = after(before, tmp_path)
    for reader in ("Sgt. A. Bell", READING["reader"]):
        lists.open_list(force.home, force.list_id("person_tier"), reader=reader, purpose=READING["purpose"])
    lists.override_entry(
        force.home,
        force.list_id("person_tier"),
        "P-left",
        by=READING["reader"],
        reason="the wrong person, as the file shows",
        expires_at=LATER + timedelta(days=9),
    )
    both = {force.person("left"), force.person("right")}

    def listed() -> set[str]:
        return both & {*read_list(force.home, read_ledger(force.home), "person_tier", None, **READING)["person_id"]}

    assert listed() == {force.person("right")}
    load(force.home, tmp_path / "joined.jsonl", joins())
    assert listed() == set()
    load(force.home, tmp_path / "parted.jsonl", joins(2, "parted"))
    assert listed() == {force.person("right")}


@pytest.mark.parametrize("who", ["minor", "minor twin"])
def test_either_id_is_explained_as_the_person(joined: Force, who: str) -> None:
    rows = read_person(joined.home, f"P-{who}", None, **READING)
    text = "\n".join(person_lines(rows, joined.home.settings.force.zone))
    assert "No longer on the list person_tier: the person is now known to be under 18." in text
    assert "The person is under 18" in text and "Chance of being among" not in text


def test_an_exception_an_erasure_and_an_answer_to_the_person_are_for_every_id(joined: Force) -> None:
    home, both = joined.home, {joined.person("left"), joined.person("right")}
    for reader in ("Sgt. A. Bell", READING["reader"]):
        lists.open_list(home, joined.list_id("person_tier"), reader=reader, purpose=READING["purpose"])
    told = subject_access(home, "P-left", **READING)
    assert (told["about"]["own_id"], told["about"]["joined_ids"]) == ("P-left", ["P-right"])
    assert [row["status"] for row in told["held"]["same_people"]] == ["joined"]
    assert len(told["held"]["incidents"]) == 4 and len(told["listed"]["person_tier"]) == 2
    assert "P-minor" not in json.dumps(told)
    rows = pd.DataFrame({"person_id": sorted(both)})
    resolved = resolve_people(home, rows, **READING)
    assert {*resolved["raw_person_id"]} == {"P-left", "P-right"}
    assert not resolved["joined_raw_ids"].map(len).any(), "joined since the run, so the run listed one alone"
    expires_at, why = LATER + timedelta(days=9), "the wrong person, as the file shows"
    lists.override_entry(
        home, joined.list_id("person_tier"), "P-right", by=READING["reader"], reason=why, expires_at=expires_at
    )
    left = read_list(home, read_ledger(home), "person_tier", None, **READING)
    assert not both & {*left["person_id"]}
    with pytest.raises(ExportError, match=r"taken off or erased|destroy it"):
        verify_export(home, home.path.parent / "person_tier.json")
    asked = {"reader": "Records", "purpose": "right to erasure"}
    assert preview_erasure(home, "P-dead twin", **asked).id_count == 2
    assert erase_person(home, "P-dead twin", reason="court order seven", **asked).id_count == 2
    assert {joined.person("dead"), joined.person("dead twin")} <= {*read_ledger(home).erased_people}
    assert joined.person("dead") not in {*read_people(home, "person_tier", joined.run_id)["person_id"]}


def test_the_next_run_has_one_person_says_so_and_a_parting_gives_two(
    joined: Force, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, one = replace(joined.home, clock=LATER + SINCE_RUN), min(joined.person("left"), joined.person("right"))
    both = {joined.person("left"), joined.person("right")}
    letters = {n.subject: n.notice_id for n in all_notices(joined.home, ["person"], **READING)}
    for who in sorted(both & letters.keys()):
        open_notice(joined.home, letters[who], **READING)
    run = daily_run(home, DAY + SINCE_RUN)
    tiers = read_people(home, "person_tier", run.run_id).set_index("person_id")
    assert both & {*tiers.index} == {one}
    assert tiers.loc[one, "high_event_count"] == 4
    assert (
        tiers["joined_since"].notna().sum() == tiers.index.isin([one, *map(joined.person, ("cleared", "other"))]).sum()
    )
    assert not {joined.person(who) for who in ("minor", "minor twin", "dead", "treated")} & {*tiers.index}
    changes = read_people(home, "person_change", run.run_id).set_index("person_id")["why"]
    assert not [why for who, why in changes.items() if who in both - {one}]
    assert changes[changes.index == one].str.startswith(JOINED).all()
    said: list[str] = []
    list_id, told = f"person_tier-{run.run_id}", replace(home, progress=said.append)
    for reader in ("Sgt. A. Bell", READING["reader"]):
        assert lists.open_list(home, list_id, reader=reader, purpose=READING["purpose"])["joined_since"].notna().any()
    lists.approve_list(told, list_id, by=READING["reader"], reason=WHY)
    assert any("of those on the list have several ids, whose evidence counts together" in line for line in said)
    open_letters = {n.subject for n in all_notices(home, ["person"], **READING) if n.is_open} & both
    assert open_letters == {one}, "one person gets one letter"
    lines = person_lines(read_person(home, "P-right", None, **READING), home.settings.force.zone)
    assert "Several of the force's ids have been taken for this person since 2026-01-01." in lines
    own = {"P-left", "P-right"}
    rows = resolve_people(home, tiers.loc[[one]].reset_index(), **READING)
    assert own == {rows["raw_person_id"][0], *rows["joined_raw_ids"][0]}, "one id is the key, the other beside it"
    shared = {"recipient": "Offender unit", "agreement_id": "ISA-7", **READING}
    export_list(home, list_id, tmp_path / "resolved.json", **shared, is_resolved=True)
    entries = {entry["person_id"] for entry in json.loads((tmp_path / "resolved.json").read_text())["entries"]}
    assert entries & {*own, "P-left = P-right"} == {rows["raw_person_id"][0]}, "no recipient learns of the join"
    [other] = both - {one}
    named = rows["joined_raw_ids"][0][0]
    until = LATER + timedelta(days=9)
    shutil.copytree(home.path.parent, tmp_path / "excepted")
    excepting = replace(home, path=tmp_path / "excepted" / "home")
    wrong = {"reason": "the wrong person, as the file shows", "expires_at": until}
    lists.override_entry(excepting, list_id, named, by=READING["reader"], **wrong)
    load(excepting, tmp_path / "excepting.jsonl", joins(2, "parted"))
    assert {("person_tier", each) for each in (one, other)} <= withheld_people(read_ledger(excepting), excepting.now())
    load(home, tmp_path / "parted.jsonl", joins(2, "parted"))
    off_now = ask_list(home, read_ledger(home), "person_tier", None, **READING)
    assert dict(zip(off_now.off["person_id"], off_now.why, strict=True))[one] == "not likely enough among the worst"
    later = replace(home, clock=LATER + 2 * SINCE_RUN)
    given: list[PreviousPeople] = []
    monkeypatch.setattr(
        "flows.run.prioritise.assess_people",
        lambda *frames, **more: (given.append(more["previous"]), assess_people(*frames, **more))[1],
    )
    again = daily_run(later, DAY + 2 * SINCE_RUN)
    [previous] = given
    assert {*previous.person_tier["person_id"]} - {*previous.own_tiers["person_id"]} >= {one}
    assert joined.person("kept") in {*previous.own_tiers["person_id"]}
    after_parting = read_people(later, "person_tier", again.run_id).set_index("person_id")
    assert both <= {*after_parting.index} and after_parting["joined_since"].isna().all()
    assert {joined.person("minor"), joined.person("dead")} <= {*after_parting.index}
