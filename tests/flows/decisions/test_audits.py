"""Audits of a simulated town's home: grace period, halt, what a halt does not affect, and what ends it."""

import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.decisions import lists
from flows.decisions.audits import record_audit
from flows.decisions.erasure import erase_person
from flows.decisions.list_effects import register_effect
from flows.decisions.list_exports import export_list, verify_export
from flows.decisions.notice_decisions import Decision, NoticeRefusedError, all_notices, do, open_notice
from flows.decisions.place_actions import record_action
from flows.health.doctor import examine
from flows.home.home import Home
from flows.human_log.audit_events import audit_report, halt_of
from flows.human_log.ledger import read_ledger
from flows.human_log.list_rows import read_list
from flows.human_log.list_runs import shown_lists
from flows.outputs.audit_page import write_audit_page
from flows.schedule.daily import daily_run
from models.governance.audits import REPORTS
from models.governance.list_effects import CHOSEN_LISTS
from models.governance.list_lifecycle import LISTS, list_id_of
from pipeline.errors import ExportError, PublicationError
from pipeline.privacy.access_log import AccessLog
from pipeline.publication.publish import read_published
from tests.town import AS_OF, CLOCK, TownRun

READER, PURPOSE, WHY = "Insp. J. Reyes", "approve the list", "evidence read and found sound"
READING = {"reader": READER, "purpose": PURPOSE}


@pytest.fixture(scope="module")
def registered(town_run: TownRun, new_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the town's home, with the effect of every list that needs one registered."""
    home = new_home(shutil.copytree(town_run.home.path, tmp_path_factory.mktemp("registered") / "home"))
    said = {"outcome": "harm reported a year on", "comparison": "those just below", "by": "Supt. A. Lee"}
    for name in CHOSEN_LISTS:
        register_effect(home, name, stop_on=home.today() + timedelta(days=89), **said)
    return home.path


@pytest.fixture
def home(registered: Path, new_home: Callable[..., Home], tmp_path: Path) -> Home:
    """A copy of it for one test."""
    return new_home(shutil.copytree(registered, tmp_path / "home"))


@pytest.fixture
def tiers(town_run: TownRun) -> str:
    return list_id_of("person_tier", town_run.summary.run_id)


def run_cli(home: Home, *arguments: object) -> str:
    done = CliRunner().invoke(cli, ["--home", str(home.path), *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout


def at(home: Home, days: float) -> Home:
    return replace(home, clock=CLOCK + timedelta(days=days))


def halt(home: Home) -> str | None:
    return halt_of(home, read_ledger(home), home.now())


def audit_reports(home: Home) -> pd.DataFrame:
    return audit_report(home, read_ledger(home))


def approve(home: Home, list_id: str) -> None:
    for reader in (READER, "Sgt. A. Bell"):
        lists.open_list(home, list_id, reader=reader, purpose="approve the list")
    lists.approve_list(home, list_id, by=READER, reason=WHY)


def halted_soon(home: Home) -> Home:
    """The home one day later, when day-old reports are stale: its lists are halted but recent."""
    late = at(home, 1)
    late.settings = replace(home.settings, audits=replace(home.settings.audits, fresh_days=1))
    return late


def sign(home: Home, folder: Path, *reports: str, made_on: date | None = None, content: str = "no gap") -> None:
    for about in reports or REPORTS:
        file = folder / f"{about}.txt"
        file.write_text(f"{about}: {content}, {home.now()}")
        made = made_on or home.today()
        record_audit(home, about, report=file, found="no gap was found", made_on=made, by="Analyst, M. Ito")


def export(home: Home, list_id: str, out: Path) -> Path:
    sharing = {"recipient": "Offender unit", "agreement_id": "ISA-7"}
    export_list(home, list_id, out, **sharing, **READING)
    return out


def status_of(home: Home, list_id: str) -> str:
    return str(shown_lists(home, read_ledger(home), None).set_index("list_id").loc[list_id, "status"])


def test_the_first_run_starts_the_clock_and_nobody_is_halted_before_31_days(home: Home, tiers: str) -> None:
    assert audit_reports(home)["state"].tolist() == ["grace"] * 3
    assert halt(at(home, 30.9)) is None
    approve(home, tiers)
    assert status_of(at(home, 30.9), tiers) == "active"


def test_audit_or_halt(home: Home, tiers: str, tmp_path: Path) -> None:
    """A stale report blocks approval, use and copies of a list, with a message; a fresh one unblocks them."""
    dealers = list_id_of("dealer_ranking", tiers.rpartition("-")[2])
    approve(home, tiers)
    out = export(home, tiers, tmp_path / "list.json")
    with pytest.raises(PublicationError, match=r"cannot be approved\. HALTED.*harmspot audit record fairness"):
        approve(halted_soon(home), dealers)
    approve(at(home, 1), dealers)
    sign(at(home, 10), tmp_path, "fairness", "feedback")
    late = at(home, 31)
    assert verify_export(at(home, 30.9), out)
    assert "displacement" in str(halt(late)) and "fairness" not in str(halt(late))
    assert status_of(late, tiers) == "halted"
    assert read_list(late, read_ledger(late), "person_tier", None, **READING)["list_status"].eq("halted").all()
    with pytest.raises(ExportError, match=r"may not be used now\. HALTED"):
        verify_export(late, out)
    with pytest.raises(ExportError, match=r"cannot be exported\. HALTED"):
        export(late, tiers, tmp_path / "again.json")
    assert status_of(late, dealers) == "halted"
    assert examine(late).set_index("check").loc["audits", "state"] == "fault"
    assert examine(at(home, 25)).set_index("check").loc["audits", "state"] == "warning"

    sign(late, tmp_path, "displacement")
    assert halt(late) is None
    assert status_of(late, tiers) == "active"
    assert verify_export(late, out)
    assert status_of(late, dealers) == "active"
    assert examine(late).set_index("check").loc["audits", "state"] == "ok"
    assert "fairness" in str(halt(at(home, 41)))


def test_a_shorter_term_halts_lists_and_copies_before_the_next_publication(
    home: Home, tiers: str, tmp_path: Path
) -> None:
    approve(home, tiers)
    out = export(home, tiers, tmp_path / "list.json")
    shorter = at(home, 8)
    shorter.settings = replace(home.settings, audits=replace(home.settings.audits, fresh_days=7))
    assert "HALTED" in str(halt(shorter))
    assert read_list(shorter, read_ledger(shorter), "person_tier", None, **READING)["list_status"].eq("halted").all()
    with pytest.raises(ExportError, match=r"may not be used now\. HALTED"):
        verify_export(shorter, out)
    with pytest.raises(ExportError, match=r"cannot be exported\. HALTED"):
        export(shorter, tiers, tmp_path / "again.json")


def test_a_halt_that_begins_while_an_approval_is_under_way_stops_it(
    home: Home, tiers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for reader in (READER, "Sgt. A. Bell"):
        lists.open_list(home, tiers, reader=reader, purpose="approve the list")
    home.settings = halted_soon(home).settings
    home.clock = CLOCK + timedelta(days=0.9)

    def verify_slowly(*_: object) -> list[str]:
        home.clock = CLOCK + timedelta(days=1)
        return []

    monkeypatch.setattr(AccessLog, "verify", verify_slowly)
    with pytest.raises(PublicationError, match=r"cannot be approved\. HALTED"):
        lists.approve_list(home, tiers, by=READER, reason=WHY)
    assert status_of(home, tiers) == "draft"


def test_a_halted_run_is_done_and_stored_and_says_so(home: Home, town_run: TownRun) -> None:
    late = at(home, 31)
    said: list[str] = []
    late.progress = said.append
    again = daily_run(late, AS_OF)
    assert not again.is_new  # the clock of the audits moves no run
    assert again.run_id == town_run.summary.run_id
    assert "HALTED" in str(again.halted_because) and str(again.halted_because) in again.markdown().replace("\\", "")
    assert read_published(late.path, "audit_report")["state"].tolist() == ["stale"] * 3

    fresh = daily_run(late, AS_OF + timedelta(days=31))
    assert fresh.is_new and fresh.as_json()["halted_because"] == fresh.halted_because == halt(late)
    assert fresh.people_counts["person_tier"] > 0
    assert set(shown_lists(late, read_ledger(late), None)["status"]) == {"draft"}


def test_a_halt_leaves_alone_what_ends_helps_or_obeys_a_court(home: Home, tiers: str, tmp_path: Path) -> None:
    approve(home, tiers)
    late = halted_soon(home)
    assert status_of(late, tiers) == "halted"
    run_id = tiers.rpartition("-")[2]
    for name in sorted({*LISTS} - {*CHOSEN_LISTS}):
        approve(late, list_id_of(name, run_id))
        assert status_of(late, list_id_of(name, run_id)) == "active"
        export(late, list_id_of(name, run_id), tmp_path / f"{name}.json")
    rows = read_list(late, read_ledger(late), "person_tier", None, **READING)
    until = late.now() + timedelta(days=20)
    person = rows["person_id"].iloc[0]
    lists.override_entry(late, tiers, person, by=READER, reason="the incident names his brother", expires_at=until)
    assert len(read_list(late, read_ledger(late), "person_tier", None, **READING)) == len(rows) - 1
    erased = erase_person(late, rows["person_id"].iloc[1], **READING, reason="court order seven")
    assert erased.revoked_lists >= 1
    sign(late, tmp_path)
    assert status_of(late, tiers) == "revoked"  # what was ended in a halt does not come back with it


def test_a_halted_list_expires_all_the_same(home: Home, tiers: str, tmp_path: Path) -> None:
    approve(home, tiers)
    out = export(home, tiers, tmp_path / "list.json")
    end = at(home, 90)
    assert status_of(end, tiers) == "expired"
    with pytest.raises(ExportError, match="expired"):
        verify_export(end, out)
    sign(end, tmp_path)
    assert status_of(end, tiers) == "expired"


def test_a_notice_to_a_person_waits_too_and_can_be_withdrawn(home: Home, tiers: str) -> None:
    approve(home, tiers)
    first, other = (notice.notice_id for notice in all_notices(home, ["person"], **READING)[:2])
    for notice_id in (first, other):
        for kind, actor in (("reviewed", READER), ("approved", "Supt. A. Lee")):
            open_notice(home, notice_id, reader=actor, purpose=PURPOSE)
            if (notice_id, kind) != (other, "approved"):
                do(home, notice_id, Decision(kind, actor, {"reason": WHY}), purpose=PURPOSE)
    halted = halted_soon(home)
    with pytest.raises(NoticeRefusedError, match="HALTED"):
        do(halted, other, Decision("approved", "Supt. A. Lee", {"reason": WHY}), purpose=PURPOSE)
    assert (
        do(halted, other, Decision("withdrawn", READER, {"reason": WHY}), purpose=PURPOSE).status.state == "withdrawn"
    )
    now, sooner = ({"served_at": clock, "manner": "in_person"} for clock in (halted.now(), home.now()))
    with pytest.raises(NoticeRefusedError, match="HALTED"):
        do(halted, first, Decision("served", "PC 4411 Lund", now), purpose=PURPOSE)
    # A service before the halt is a fact and is recorded.
    assert do(halted, first, Decision("served", "PC 4411 Lund", sooner), purpose=PURPOSE).status.state == "served"


def test_a_report_is_signed_once_while_it_is_fresh_and_must_be_there(home: Home, tmp_path: Path) -> None:
    said = {"found": "no gap was found", "by": "Analyst, M. Ito"}
    with pytest.raises(PublicationError, match=r"none.pdf: no such file"):
        record_audit(home, "fairness", report=tmp_path / "none.pdf", made_on=AS_OF, **said)
    file = tmp_path / "fairness.txt"
    file.write_text("no gap")
    with pytest.raises(PublicationError, match="older than 31 days"):
        record_audit(home, "fairness", report=file, made_on=AS_OF - timedelta(days=31), **said)
    with pytest.raises(PublicationError, match="missing or in the future"):
        record_audit(home, "fairness", report=file, made_on=AS_OF + timedelta(days=1), **said)
    assert record_audit(home, "fairness", report=file, made_on=AS_OF, **said) == AS_OF + timedelta(days=31)
    with pytest.raises(PublicationError, match="does not renew it"):
        record_audit(at(home, 5), "fairness", report=file, made_on=AS_OF + timedelta(days=5), **said)


def test_the_commands_say_it(home: Home, tmp_path: Path) -> None:
    def call(days: float, *more: str) -> tuple[int, str]:
        clock = (CLOCK + timedelta(days=days)).isoformat()
        arguments = ["--home", str(home.path), "--config", str(home.config_file), "--clock", clock]
        done = CliRunner().invoke(cli, [*arguments, *more])
        return done.exit_code, done.output

    assert call(1, "audit", "status")[0] == 0
    code, said = call(31, "audit", "status")
    assert (code, "HALTED" in said) == (1, True)
    assert "HALTED" in call(31, "run", "--as-of", AS_OF.isoformat(), "--without-prefect")[1]
    for about in REPORTS:
        report = tmp_path / f"{about}.txt"
        report.write_text(f"{about}: no gap, no loop, no harm moved")
        signing = ["--report", str(report), "--found", "no gap was found", "--by", "Analyst, M. Ito"]
        signing += ["--made-on", "2026-02-01"]
        assert "the next is due before 2026-03-04" in call(31, "audit", "record", about, *signing)[1]
    assert call(31, "audit", "status")[0] == 0
    shown = json.loads(call(31, "show", "audits", "--json")[1])
    assert [(row["report"], row["signed_by"]) for row in shown] == [(a, "Analyst, M. Ito") for a in sorted(REPORTS)]


def test_a_draft_is_as_old_as_its_run(home: Home, tmp_path: Path) -> None:
    """A page written today from a run 31 days ago has the age of the run; tested with the command the draft prints."""
    page = tmp_path / "feedback.html"
    clock = (CLOCK + timedelta(days=31)).isoformat()
    arguments = ["--home", str(home.path), "--config", str(home.config_file), "--clock", clock]
    said = CliRunner().invoke(cli, [*arguments, "audit", "draft", "feedback", "--out", str(page)]).output
    asked = shlex.split(said.partition("harmspot ")[2])
    filled = [{"TEXT": "no loop was found", "NAME": "Analyst, M. Ito"}.get(word, word) for word in asked]
    with pytest.raises(PublicationError, match=f"made on {AS_OF}: older than 31 days"):
        CliRunner().invoke(cli, [*arguments, *filled], catch_exceptions=False)
    with pytest.raises(PublicationError, match=f"It says {AS_OF}; leave --made-on out"):
        CliRunner().invoke(cli, [*arguments, *filled, "--made-on", "2026-01-31"], catch_exceptions=False)
    (tmp_path / "scan.pdf").write_text("no loop, and no day")
    of_a_scan = [str(tmp_path / "scan.pdf") if word == str(page) else word for word in filled]
    with pytest.raises(PublicationError, match="does not say when it was made: add --made-on DATE"):
        CliRunner().invoke(cli, [*arguments, *of_a_scan], catch_exceptions=False)


def test_due_days_are_told_in_the_forces_zone(home: Home) -> None:
    def told(days: float, zone: str) -> str:
        there = at(home, days)
        there.settings = replace(home.settings, force=replace(home.settings.force, time_zone=zone))
        return str(examine(there).set_index("check").loc["audits", "detail"])

    for days in (1, 32):
        assert "2026-02-01" in told(days, "Europe/London")
        assert "2026-02-02" in told(days, "Pacific/Auckland")


def test_a_run_measures_feedback_area_by_area(town_run: TownRun) -> None:
    table = town_run.published("feedback").set_index("area_id")
    ranking = town_run.published("area_ranking").set_index("area_id")
    counts = ranking.loc[table.index, ["public_count", "police_count"]]
    assert (table[["public_count", "police_count"]] == counts).all().all()
    assert counts["police_count"].sum() > 0
    assert table[["public_share", "police_share", "hours_share"]].sum().round(9).tolist() == [1, 1, 1]


def test_a_run_measures_displacement_of_what_was_started_and_drafts_the_report(home: Home, tmp_path: Path) -> None:
    assert read_published(home.path, "displacement").empty
    plan = read_published(home.path, "crackdown_plan").sort_values("position").iloc[0]
    detail = f"market_id={plan['market_id']}; outcome=reports; comparison=others; stop_on=2026-09-01"
    for days, kind, said in ((-40, "registration", {"detail": detail}), (-28, "crackdown_start", {"hours": 40.0})):
        record_action(at(home, days), kind=kind, area_id=plan["area_id"], actor="Insp. A", **said)
    later = at(home, 1)
    daily_run(later, AS_OF + timedelta(days=1))
    table = read_published(home.path, "displacement")
    assert set(table["split"]) == {"all", "zone", "offence", "time"}
    [row] = table[table["split"] == "all"].to_dict("records")
    assert (row["market_id"], row["window_days"]) == (plan["market_id"], 28)
    assert row["control_count"] >= row["independent_count"] > 0
    assert plan["market_id"].split("_", 1)[1] not in {name.split("_", 1)[1] for name in row["control_ids"]}
    for parts in (table[table["split"] == "offence"], table[table["part"].isin(["0-250 m", "250-500 m"])]):
        for column in ("ring_before", "ring_after"):
            assert parts[column].sum() == row[column]
    assert row["target_before"] > 0 and row["control_before"] > 0
    assert row["target_change_lo"] < row["target_change"] < row["target_change_hi"]
    assert row["target_change"] == pytest.approx(row["target_after"] - row["target_expected"])

    effects, page = read_published(home.path, "operation_effect"), tmp_path / "operation.html"
    assert effects["observed"].tolist() == [row["target_after"]] * 3
    evaluated = json.loads(run_cli(later, "evaluate", "operation", plan["market_id"], "--out", page, "--json"))
    [own] = evaluated["operations"]
    assert own["market_id"] == plan["market_id"] and len(own["methods"]) == 3 and own["together"]
    registered = read_published(home.path, "operation_register").set_index("market_id").loc[own["market_id"]]
    assert own["verdict"] == registered["measured"]
    assert {row["answer"] for row in own["methods"]} == {registered["answer"]}
    assert "Whether operations helped" in page.read_text() and plan["market_id"] in page.read_text()
    said = run_cli(later, "evaluate", "operation", plan["area_id"])
    assert "cannot tell: The cause" in said and own["together"] in said and own["verdict"] in said
    register = json.loads(run_cli(later, "show", "register", "--json"))
    assert [each["subject"] for each in register if each["kind"] == "operation"] == [plan["market_id"]]
    assert {each["subject"] for each in register if each["kind"] == "list"} == set(CHOSEN_LISTS)
    assert "Supt. A. Lee" not in str(register)
    unknown = CliRunner().invoke(cli, ["--home", str(home.path), "evaluate", "operation", "market_9_9"])
    assert unknown.exit_code != 0 and "known are" in str(unknown.exception or unknown.output)

    page = tmp_path / "displacement.html"
    for about in ("displacement", "feedback"):
        write_audit_page(later, about, None, tmp_path / f"{about}.html")
    html = page.read_text()
    assert plan["market_id"] in html and row["why"] in html
    assert "http" not in html.replace("http-equiv", "")
    write_audit_page(later, "displacement", None, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()
    record_audit(later, "displacement", report=page, found="nothing moved", made_on=None, by="M. Ito")
    assert audit_reports(later).set_index("report").loc["displacement", "state"] == "fresh"
