"""Notices of a town from draft to served, by verb and flow: recorded, projected, logged, sent to partners."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.decisions.desk import at_desk
from flows.decisions.notice_decisions import (
    Decision,
    NoticeRefusedError,
    all_notices,
    do,
    find_notice,
    marked,
    open_notice,
    record,
)
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.notice_records import notice_page
from flows.ingest.ingest import load_file
from models.governance.actors import MACHINE
from models.governance.notice_drafts import fields_json
from models.governance.notice_drafts import notice_id as id_of
from models.governance.notice_lifecycle import Notice
from pipeline.errors import ExportError, HarmspotError, PurposeError
from pipeline.publication.publish import read_published
from pipeline.store.store import DuckDBStore as Store
from tests.town import CLOCK, cancellation, read_people

WHY = {"reason": "Read every record behind it; they hold."}
BELL, REYES, LUND = "Sgt. A. Bell", "Insp. J. Reyes", "PC 4411 Lund"
READING = {"reader": BELL, "purpose": "a test reads"}


@pytest.fixture
def home(approved_home: Callable[..., Home], tmp_path: Path) -> Home:
    """A copy of the town's home for decisions, with an active list of people."""
    return approved_home(tmp_path / "home")


def first_notice(home: Home, kind: str) -> str:
    return all_notices(home, [kind], **READING)[0].notice_id


def events(home: Home) -> list[tuple[str, str]]:
    with open_home_store(home) as store:
        done = store.human_events()
    of_notices = done.loc[done["subject_kind"].eq("notice"), ["kind", "actor"]]
    return [(kind, actor) for kind, actor in of_notices.to_numpy().tolist()]


def approve(home: Home, notice_id: str) -> None:
    for kind, actor in (("reviewed", BELL), ("approved", REYES)):
        open_notice(home, notice_id, reader=actor, purpose="to decide")
        do(home, notice_id, Decision(kind, actor, WHY), purpose="to decide")


def serving(kind: str, at: datetime = CLOCK) -> Decision:
    return Decision("served", LUND, {"served_at": at, "manner": {"area": "displayed", "person": "in_person"}[kind]})


@pytest.mark.parametrize("kind", ["area", "person"])
def test_a_notice_is_served_after_two_people_opened_and_decided(home: Home, kind: str) -> None:
    notice_id = first_notice(home, kind)
    approve(home, notice_id)
    served = do(home, notice_id, serving(kind), purpose="to serve it")
    assert (served.status.state, served.status.manner) == ("served", serving(kind).detail["manner"])
    state = (
        read_published(home.path, "area_notice_state")
        if kind == "area"
        else read_people(home, "person_notice_state", served.run_id)
    ).iloc[0]
    shown = ["notice_id", "state", "reviewed_by", "approved_by", "served_on"]
    assert state[shown].tolist() == [notice_id, "served", BELL, REYES, CLOCK.date()]
    assert f"{REYES}, 2026-01-01" in notice_page(served).body_html
    kinds = [event for event, _ in events(home)]
    assert kinds == ["drafted", "opened", "reviewed", "opened", "approved", "served"]
    assert all_notices(home, [kind], **READING)[0].status.state in ("draft", "served")


@pytest.mark.parametrize("kind", ["area", "person"])
def test_no_notice_goes_out_whose_evidence_was_cancelled_since_the_run(
    home: Home, kind: str, new_home: Callable[..., Home], tmp_path: Path
) -> None:
    notice_id = first_notice(home, kind)
    approve(home, notice_id)
    notice = next(each for each in all_notices(home, [kind], **READING) if each.notice_id == notice_id)
    cancelled_id = notice.fields["evidence_ids"][0]
    (tmp_path / "later.jsonl").write_text(cancellation(cancelled_id))
    later = new_home(home.path, CLOCK + timedelta(hours=1))
    load_file(later, tmp_path / "later.jsonl", None)
    before = events(later)
    with pytest.raises(NoticeRefusedError, match=f"record {cancelled_id} behind it was cancelled; run again"):
        do(later, notice_id, serving(kind, later.now()), purpose="to serve it")
    with pytest.raises(NoticeRefusedError, match=f"not shown: record {cancelled_id} behind it was cancelled"):
        open_notice(later, notice_id, **READING)  # so it is not printed either
    assert events(later) == before


def test_what_was_handed_over_in_a_halt_is_told_as_a_breach(home: Home) -> None:
    notice_id, other = (notice.notice_id for notice in all_notices(home, ["person"], **READING)[:2])
    approve(home, notice_id)
    halted = replace(home, clock=CLOCK + timedelta(days=1))
    halted.settings = replace(home.settings, audits=replace(home.settings.audits, fresh_days=1))
    now, how = {"served_at": halted.now(), "manner": "in_person"}, "The officer had left before the halt was known."
    with pytest.raises(NoticeRefusedError, match=r"HALTED.*record that with --breach"):
        do(halted, notice_id, Decision("served", LUND, now), purpose="to serve it")
    with pytest.raises(NoticeRefusedError, match="nothing prohibited it"):
        do(
            halted,
            notice_id,
            Decision("served", LUND, {**serving("person").detail, "breach": how}),
            purpose="to serve it",
        )
    served = do(halted, notice_id, Decision("served", LUND, {**now, "breach": how}), purpose="to serve it")
    assert (served.status.state, served.status.breach) == ("served", how)
    states = read_people(halted, "person_notice_state", served.run_id).set_index("notice_id")
    assert states.loc[notice_id, ["state", "breach"]].tolist() == ["served", how]
    shown = ["--home", str(home.path), "--config", str(home.config_file), "--clock", halted.now().isoformat()]
    told = CliRunner().invoke(cli, [*shown, "notices", "show", notice_id, "--reader", BELL, "--purpose", "to look"])
    said = f"served by {LUND} at {halted.now():%Y-%m-%d %H:%M} GMT, in breach: {how}"
    assert said in " ".join(told.output.split())
    with pytest.raises(NoticeRefusedError, match="HALTED"):
        approve(halted, other)


@pytest.mark.parametrize("kind", ["area", "person"])
def test_what_was_handed_over_in_time_is_recorded_after_a_run_let_it_lapse(home: Home, kind: str) -> None:
    notice_id = first_notice(home, kind)
    approve(home, notice_id)
    fields = open_notice(home, notice_id, **READING).fields
    last = home.midnight(fields["serve_by"]) + timedelta(hours=17)
    later = replace(home, clock=last + timedelta(days=3))
    decision = replace(serving(kind), detail={**serving(kind).detail, "served_at": last})
    with at_desk(replace(home, clock=last + timedelta(days=1))) as desk:
        notice = find_notice(desk, notice_id, **READING)
        record(desk, notice, Decision("expired", MACHINE, {"reason": "Its last day has passed."}))
    too_late = replace(decision, detail={**decision.detail, "served_at": last + timedelta(days=1)})
    with pytest.raises(NoticeRefusedError, match="too late"):
        do(later, notice_id, too_late, purpose="to serve it")
    status = do(later, notice_id, decision, purpose="to serve it").status
    assert (status.state, status.served_at, status.serving_recorded_at) == ("served", last, later.now())
    assert status.served_on == fields["serve_by"]
    if kind == "area":
        row = read_published(home.path, "area_notice_state").set_index("notice_id").loc[notice_id]
        assert (row["served_at"], row["serving_recorded_at"]) == (last, later.now())


def test_a_later_letter_does_not_keep_the_hand_over_of_an_earlier_one_from_being_recorded(home: Home) -> None:
    first = first_notice(home, "person")
    approve(home, first)
    notice = open_notice(home, first, **READING)
    handed_over = home.now() + timedelta(hours=1)
    fields = {**notice.fields, "written_on": home.day_of(handed_over + timedelta(days=1))}
    fields["notice_id"] = id_of(fields)
    later = replace(home, clock=handed_over + timedelta(days=2))
    second = Notice(fields, notice.zone, notice.run_id, notice.known_at)
    with at_desk(replace(home, clock=handed_over + timedelta(days=1))) as desk:
        withdrawn = record(desk, notice, Decision("withdrawn", REYES, WHY))
        assert withdrawn.status.state == "withdrawn"
        opened = record(desk, second, Decision("opened", BELL, {"purpose": "to review it"}))
        assert record(desk, opened, Decision("reviewed", BELL, WHY)).status.state == "reviewed"
    decision = Decision("served", LUND, {"served_at": handed_over, "manner": "in_person"})
    assert do(later, first, decision, purpose="to serve it").status.served_at == handed_over


def test_a_letter_is_signed_on_the_forces_own_day(home: Home) -> None:
    notice_id = first_notice(home, "person")
    approve(home, notice_id)
    for zone, day in (("Europe/London", "2026-01-01"), ("Pacific/Auckland", "2026-01-02")):
        there = replace(home)
        there.settings = replace(home.settings, force=replace(home.settings.force, time_zone=zone))
        assert f"{REYES}, {day}" in notice_page(open_notice(there, notice_id, **READING)).body_html


@pytest.mark.parametrize("kind", ["area", "person"])
def test_what_is_refused_is_not_recorded(home: Home, kind: str) -> None:
    notice_id = first_notice(home, kind)
    with pytest.raises(NoticeRefusedError, match="must open the notice first"):
        do(home, notice_id, Decision("reviewed", BELL, WHY), purpose="to decide")
    assert events(home) == []
    approve(home, notice_id)
    before = events(home)
    late = replace(home, clock=CLOCK + timedelta(days=6))
    late_serving = replace(serving(kind), detail={**serving(kind).detail, "served_at": late.now()})
    for actor, decision, said in (
        (home, Decision("approved", BELL, WHY), "cannot be approved"),
        (home, replace(serving(kind), detail={**serving(kind).detail, "manner": "in_person"}), "displayed"),
        (home, Decision("withdrawn", REYES, {"reason": "no"}), "reason too short"),
        (home, Decision("served", LUND, {"manner": "displayed"}), "served_at"),
        (late, late_serving, "too late"),
    ):
        if kind == "person" and said == "displayed":
            continue
        with pytest.raises(HarmspotError, match=said):
            do(actor, notice_id, decision, purpose="to decide")
    assert events(home) == before


def test_english_beyond_the_limit_is_refused_at_review(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARMSPOT__NOTICES__READING_AGE", "5")
    strict = Home(home.path, home.config_file, home.clock, home.progress)
    notice_id = first_notice(strict, "area")
    open_notice(strict, notice_id, reader=BELL, purpose="to decide")
    with pytest.raises(NoticeRefusedError, match=r"reading_age is 5"):
        do(strict, notice_id, Decision("reviewed", BELL, WHY))


def test_drafts_can_be_followed_by_a_reader_of_the_age_set(home: Home) -> None:
    ages = read_published(home.path, "area_notice")["reading_age"]
    assert ages.between(5, home.settings.notices.reading_age).all()


def test_people_are_read_for_a_purpose_and_every_opening_is_logged(home: Home) -> None:
    notice_id = first_notice(home, "person")
    with pytest.raises(PurposeError):
        open_notice(home, notice_id, reader=BELL, purpose=None)
    open_notice(home, notice_id, reader=BELL, purpose="to decide")
    open_notice(home, notice_id, reader=REYES, purpose="to decide, too")
    last = list(home.access_log.entries())[-1]
    assert (last["reader"], last["purpose"]) == (REYES, "to decide, too")
    assert "p_" not in (home.path / "access.log").read_text()


def test_an_unknown_notice_is_named(home: Home) -> None:
    with pytest.raises(NoticeRefusedError, match=r"'n_0'.*notices list"):
        open_notice(home, "n_0", **READING)


def harmspot(home: Home, *words: str) -> Any:
    arguments = ["--home", str(home.path), "--config", str(home.config_file), "--clock", CLOCK.isoformat(), *words]
    return CliRunner().invoke(cli, arguments)


def test_a_decision_opens_the_store_once_and_reads_the_ledger_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    notice_id = first_notice(home, "person")
    open_notice(home, notice_id, reader=BELL, purpose="to decide")
    done: list[str] = []

    def count(name: str, own: Callable[..., Any]) -> None:
        monkeypatch.setattr(Store, name, lambda *given, **more: (done.append(name), own(*given, **more))[1])

    count("__init__", Store.__init__)
    count("human_events", Store.human_events)
    do(home, notice_id, Decision("reviewed", BELL, WHY), purpose="to decide")
    assert done == ["__init__", "human_events"]


def test_a_second_notice_waits_until_the_live_one_is_withdrawn(home: Home) -> None:
    first = all_notices(home, ["area"], **READING)[0]
    fields = {**first.fields, "written_on": first.fields["written_on"] + timedelta(days=1)}
    newer = replace(first, fields={**fields, "notice_id": id_of(fields)})
    approve(home, first.notice_id)
    with at_desk(home) as desk:
        record(desk, newer, Decision("opened", BELL, {"purpose": "a test reads"}))
    before = events(home)
    with pytest.raises(NoticeRefusedError, match=f"{first.notice_id} .*is live; withdraw it first"):
        do(home, newer.notice_id, Decision("reviewed", BELL, WHY))
    assert events(home) == before
    listed = {row["notice_id"]: row for row in json.loads(harmspot(home, "notices", "list", "--json").stdout)}
    assert listed[newer.notice_id]["superseded_by"] == first.notice_id
    assert listed[first.notice_id]["superseded_by"] is None
    said = " ".join(harmspot(home, "notices", "list").stdout.split())
    assert f"{newer.notice_id}: superseded by {first.notice_id}, which is live" in said
    do(home, first.notice_id, Decision("withdrawn", REYES, WHY))
    assert do(home, newer.notice_id, Decision("reviewed", BELL, WHY)).status.state == "reviewed"


def test_a_draft_that_a_newer_one_took_the_place_of_says_so(home: Home) -> None:
    first, *others = all_notices(home, ["area"], **READING)
    fields = {**first.fields, "written_on": first.fields["written_on"] - timedelta(days=1)}
    older = replace(first, fields={**fields, "notice_id": id_of(fields)})
    with at_desk(home) as desk:
        record(desk, older, Decision("opened", BELL, {"purpose": "a test reads"}))
    listed = {row["notice_id"]: row for row in json.loads(harmspot(home, "notices", "list", "--json").stdout)}
    assert listed[older.notice_id]["superseded_by"] == first.notice_id
    said = " ".join(harmspot(home, "notices", "list").stdout.split())
    assert f"{older.notice_id}: superseded by {first.notice_id}, a newer draft" in said
    rows = read_published(home.path, "area_notice")
    theirs = rows[rows["notice_id"].eq(first.notice_id)].assign(fields=fields_json(older.fields))
    shown = marked(home, theirs.assign(notice_id=older.notice_id), "area")
    assert shown[["state", "superseded_by"]].to_numpy().tolist() == [["draft", first.notice_id]]
    now = json.loads(harmspot(home, "show", "notices", "--json").stdout)
    assert {row["superseded_by"] for row in now} == {None}
    do(home, older.notice_id, Decision("reviewed", BELL, WHY))
    now = {row["notice_id"]: row for row in json.loads(harmspot(home, "show", "notices", "--json").stdout)}
    assert now[first.notice_id]["superseded_by"] == older.notice_id
    assert [now[other.notice_id]["superseded_by"] for other in others if other.subject != first.subject][:1] == [None]


@pytest.mark.parametrize("option", ["--pdf", "--html"])
def test_a_letter_is_a_new_file_that_its_owner_alone_reads(home: Home, tmp_path: Path, option: str) -> None:
    show = ("notices", "show", first_notice(home, "person"), "--reader", BELL, "--purpose", "to serve it", option)
    notice, other = tmp_path / "letter", tmp_path / "other"
    before = os.umask(0)
    try:
        harmspot(home, *show, str(notice))
    finally:
        os.umask(before)
    assert notice.stat().st_mode & 0o777 == 0o600
    other.write_text("somebody else's, readable by all")
    (tmp_path / "link").symlink_to(other)
    for there in (notice, tmp_path / "link"):
        content = there.read_bytes()
        assert isinstance(harmspot(home, *show, str(there)).exception, ExportError)
        assert there.read_bytes() == content


def test_the_verbs_do_the_whole_way(home: Home, tmp_path: Path) -> None:
    [*_, last] = json.loads(harmspot(home, "notices", "list", "--json").stdout)
    notice_id, pdf = last["notice_id"], tmp_path / "notice.pdf"
    assert last["state"] == "draft"
    for reader in (BELL, REYES):
        shown = harmspot(home, "notices", "show", notice_id, "--reader", reader, "--purpose", "to decide")
        assert "not a charge, caution or proof of guilt" in " ".join(shown.stdout.split())
    refused = harmspot(home, "notices", "approve", notice_id, "--by", REYES, "--reason", "Lawful and needed.")
    assert isinstance(refused.exception, NoticeRefusedError)
    harmspot(home, "notices", "review", notice_id, "--by", BELL, "--reason", "The records hold.")
    harmspot(home, "notices", "approve", notice_id, "--by", REYES, "--reason", "Lawful and needed.")
    served = harmspot(home, "notices", "serve", notice_id, "--by", LUND, "--manner", "displayed", "--json")
    assert json.loads(served.stdout)["standing"]["state"] == "served"
    contested = harmspot(
        home, "notices", "contest", notice_id, "--by", BELL, "--speaker", "resident", "--reason", "It has moved away."
    )
    assert contested.stdout == f"notice {notice_id} is draft\n"
    harmspot(home, "notices", "withdraw", notice_id, "--by", REYES, "--reason", "The residents are right.")
    harmspot(home, "notices", "show", notice_id, "--pdf", str(pdf))
    assert pdf.read_bytes().startswith(b"%PDF-")
    page = tmp_path / "page.html"
    harmspot(home, "notices", "show", notice_id, "--html", str(page))
    assert "Withdrawn. We no longer stand by this notice." in page.read_text()
