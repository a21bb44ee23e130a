"""Removal from the list of people withdraws unserved person notices; served ones are unchanged."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.decisions import lists
from flows.decisions.desk import at_desk
from flows.decisions.erasure import erase_person
from flows.decisions.notice_decisions import Decision, NoticeRefusedError, all_notices, do, open_notice
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.ledger import read_ledger
from flows.human_log.list_runs import shown_lists
from flows.ingest.ingest import load_file
from flows.schedule.daily import daily_run
from models.governance.list_lifecycle import list_id_of
from models.governance.notice_lifecycle import Notice
from pipeline.errors import StoreError
from pipeline.store.human_events import HumanEvent
from tests.town import AS_OF, CLOCK, TownRun, approve_tiers, cancellation, event, read_people

READER, READING = "Insp. J. Reyes", {"reader": "Insp. J. Reyes", "purpose": "to decide"}
WHY = {"reason": "Read every record behind it; they hold."}
UNTIL = CLOCK + timedelta(days=20)


@pytest.fixture
def unapproved(town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path) -> Home:
    """A copy of the town's home, in which every list is a draft."""
    shutil.copytree(town_run.home.path, tmp_path / "home")
    return new_home(tmp_path / "home")


@pytest.fixture
def home(approved_home: Callable[..., Home], tmp_path: Path) -> Home:
    """A copy of the town's home for decisions, with an active list of people."""
    return approved_home(tmp_path / "home")


def notices(home: Home) -> dict[str, Notice]:
    return {notice.notice_id: notice for notice in all_notices(home, ["person"], **READING)}


def of_three_people(home: Home) -> list[Notice]:
    return list({notice.subject: notice for notice in notices(home).values()}.values())[:3]


def carry(home: Home, notice: Notice, to: str) -> None:
    for kind, actor in (("reviewed", "Bell"), ("approved", "Reyes"))[: {"reviewed": 1}.get(to, 2)]:
        open_notice(home, notice.notice_id, reader=actor, purpose="to decide")
        do(home, notice.notice_id, Decision(kind, actor, WHY), purpose="to decide")
    if to == "served":
        served = Decision("served", "Lund", {"served_at": CLOCK, "manner": "in_person"})
        do(home, notice.notice_id, served, purpose="to serve it")


def open_tiers(home: Home, town_run: TownRun) -> str:
    list_id = list_id_of("person_tier", town_run.summary.run_id)
    lists.open_list(home, list_id, **READING)
    return list_id


def state(home: Home, notice: Notice) -> str:
    return notices(home)[notice.notice_id].status.state


def test_an_exception_withdraws_what_was_drafted_to_the_person_and_to_nobody_else(
    home: Home, town_run: TownRun
) -> None:
    one, other, _ = of_three_people(home)
    carry(home, one, "approved")
    carry(home, other, "reviewed")
    list_id = open_tiers(home, town_run)
    lists.override_entry(home, list_id, one.subject, by=READER, reason="it names his brother", expires_at=UNTIL)
    assert state(home, other) == "reviewed"
    theirs = [notice for notice in notices(home).values() if notice.subject == one.subject]
    assert {notice.status.state for notice in theirs} == {"withdrawn"}
    row = read_people(home, "person_notice_state", town_run.summary.run_id).set_index("notice_id").loc[one.notice_id]
    expected = f"Withdrawn because {READER} took the person off the list of people: it names his brother."
    assert row[["state", "closed_by", "why"]].tolist() == ["withdrawn", "harmspot", expected]
    with pytest.raises(NoticeRefusedError, match="while it is withdrawn"):
        carry(home, one, "served")


def test_an_exception_from_another_list_leaves_letters_alone(home: Home, town_run: TownRun) -> None:
    list_id = list_id_of("dealer_ranking", town_run.summary.run_id)
    sellers = set(lists.open_list(home, list_id, **READING)["person_id"])
    one = next(notice for notice in notices(home).values() if notice.subject in sellers)
    lists.override_entry(home, list_id, one.subject, by=READER, reason="it names his brother", expires_at=UNTIL)
    assert state(home, one) == "draft"


def test_a_revoked_list_withdraws_every_letter_to_those_on_it_but_what_is_in_their_hands(
    home: Home, town_run: TownRun
) -> None:
    one, other, third = of_three_people(home)
    carry(home, one, "served")
    carry(home, other, "approved")
    list_id = open_tiers(home, town_run)
    lists.revoke_list(home, list_id, by=READER, reason="two incidents were recorded twice")
    found = notices(home)
    assert found.pop(one.notice_id).status.state == "served"
    assert {notice.status.state for notice in found.values()} == {"withdrawn"}
    assert third.notice_id in found
    assert "revoked the list" in str(found[other.notice_id].status.closed_because)


def test_a_long_reason_stops_no_revocation_and_no_exception(home: Home, town_run: TownRun) -> None:
    one, other, _ = of_three_people(home)
    list_id, long = open_tiers(home, town_run), "two incidents were recorded twice. ".ljust(4000, "x")
    lists.override_entry(home, list_id, one.subject, by=READER, reason=long, expires_at=UNTIL)
    assert (state(home, one), state(home, other)) == ("withdrawn", "draft")
    with pytest.raises(StoreError, match="invalid details of an event"):
        lists.revoke_list(home, list_id, by=READER, reason=f"{long}x")
    assert state(home, other) == "draft", "what cannot be recorded withdraws nothing"
    lists.revoke_list(home, list_id, by=READER, reason=long)
    assert state(home, other) == "withdrawn"
    assert shown_lists(home, read_ledger(home), None).set_index("list_id").loc[list_id, "status"] == "revoked"


def test_what_is_served_while_letters_are_being_withdrawn_waits_and_comes_too_late(
    home: Home, town_run: TownRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A letter is never withdrawn after it was served, nor served after it was withdrawn: one waits for the other."""
    one, other, _ = of_three_people(home)
    carry(home, one, "approved")
    list_id = open_tiers(home, town_run)
    served = Decision("served", "Lund", {"served_at": CLOCK, "manner": "in_person"})
    with ThreadPoolExecutor(1) as office:

        def read_while_somebody_serves(*arguments: Any, **reading: Any) -> list[Notice]:
            monkeypatch.undo()
            serving.append(office.submit(do, home, one.notice_id, served, purpose="to serve it"))
            assert wait(serving, timeout=1).not_done
            return all_notices(*arguments, **reading)

        serving: list[Future[Notice]] = []
        monkeypatch.setattr("flows.decisions.person_notices.all_notices", read_while_somebody_serves)
        lists.revoke_list(home, list_id, by=READER, reason="two incidents were recorded twice")
        with pytest.raises(NoticeRefusedError, match="already withdrawn at the time of service"):
            serving[0].result()
    found = notices(home)[one.notice_id].status
    assert (found.state, found.served_on, state(home, other)) == ("withdrawn", None, "withdrawn")


def test_nobody_decides_on_a_letter_to_somebody_excepted(home: Home, town_run: TownRun) -> None:
    """An exception recorded after the run's check does not withdraw notices that the run then publishes."""
    one, other, _ = of_three_people(home)
    carry(home, other, "approved")
    list_id = open_tiers(home, town_run)
    for who in (one.subject, other.subject):
        detail = {"reason": "it names his brother", "rule": "person_tier", "expires_at": UNTIL, "person_id": who}
        with open_home_store(home) as store:
            store.record_human_event(HumanEvent("overridden", READER, "list", list_id, CLOCK, detail))
    with pytest.raises(NoticeRefusedError, match="the person is excepted from the list of people"):
        carry(home, one, "reviewed")
    served = {"served_at": CLOCK, "manner": "in_person"}
    with pytest.raises(NoticeRefusedError, match=r"the person is excepted.*--breach"):
        do(home, other.notice_id, Decision("served", "Lund", served), purpose="to serve it")
    home = replace(home, clock=UNTIL)
    with pytest.raises(NoticeRefusedError) as refused:
        carry(home, one, "reviewed")
    assert "excepted" not in str(refused.value), "an exception ends"


def test_no_letter_goes_out_from_a_list_that_nobody_approved_or_that_has_ended(
    unapproved: Home, town_run: TownRun
) -> None:
    home = unapproved
    one, other, third = of_three_people(home)
    carry(home, one, "reviewed")
    open_notice(home, one.notice_id, reader="Reyes", purpose="to decide")
    with pytest.raises(NoticeRefusedError, match=r"no active list of people.*harmspot lists approve person_tier-"):
        do(home, one.notice_id, Decision("approved", "Reyes", WHY), purpose="to decide")
    list_id = approve_tiers(home, town_run.summary.run_id)
    carry(home, other, "approved")
    carry(home, third, "approved")
    ended, later = (replace(home, clock=CLOCK + timedelta(hours=hours)) for hours in (2, 3))
    with at_desk(ended) as desk:
        lists.end_list(desk, list_id, by=READER, reason="two incidents were recorded twice")
    late = {"served_at": later.now(), "manner": "in_person"}
    with pytest.raises(NoticeRefusedError, match=r"no active list of people.*--breach"):
        do(later, other.notice_id, Decision("served", "Lund", late), purpose="to serve it")
    how = "The officer had left before the list ended."
    done = do(later, other.notice_id, Decision("served", "Lund", {**late, "breach": how}), purpose="to serve it")
    assert done.status.breach == how
    in_time = {"served_at": CLOCK + timedelta(hours=1), "manner": "in_person"}
    assert do(later, third.notice_id, Decision("served", "Lund", in_time), purpose="to serve it").status.breach is None


def test_nobody_decides_on_a_letter_to_somebody_now_known_to_be_a_child(home: Home, tmp_path: Path) -> None:
    one, other, _ = of_three_people(home)
    carry(home, other, "approved")
    with open_home_store(home) as store:
        raw = store.resolve_pseudonyms([one.subject, other.subject])
    lines = [
        event("person.updated", f"young{i}", {"person_id": who, "version": 99, "birth_date": "2010-05-05"})
        for i, who in enumerate(raw.values())
    ]
    (tmp_path / "young.jsonl").write_text("".join(lines))
    later = replace(home, clock=CLOCK + timedelta(hours=1))
    assert load_file(later, tmp_path / "young.jsonl", None).stored == 2
    with pytest.raises(NoticeRefusedError, match="known to be under 18"):
        carry(later, one, "reviewed")
    served = {"served_at": later.now(), "manner": "in_person"}
    with pytest.raises(NoticeRefusedError, match=r"known to be under 18.*--breach"):
        do(later, other.notice_id, Decision("served", "Lund", served), purpose="to serve it")
    sooner = Decision("served", "Lund", {**served, "served_at": CLOCK})
    assert do(later, other.notice_id, sooner, purpose="to serve it").status.state == "served", "nobody knew then"


def test_what_came_in_by_a_clock_ahead_of_ours_counts_now(home: Home, tmp_path: Path) -> None:
    """This clock is the system's, which advances at every reading."""
    one, *_ = of_three_people(home)
    with open_home_store(home) as store:
        [raw] = store.resolve_pseudonyms([one.subject]).values()
    cancelled_id = one.fields["evidence_ids"][0]
    young = event("person.updated", "young", {"person_id": raw, "version": 99, "birth_date": "2010-05-05"})
    (tmp_path / "later.jsonl").write_text(young + cancellation(cancelled_id))
    ahead = replace(home, clock=datetime.now(UTC) + timedelta(hours=1))
    assert load_file(ahead, tmp_path / "later.jsonl", None).stored == 2
    ours = replace(home, clock=None)
    with pytest.raises(NoticeRefusedError, match="not shown: the person is known to be under 18"):
        carry(ours, one, "reviewed")
    with pytest.raises(NoticeRefusedError, match=f"{cancelled_id} behind it was cancelled.*known to be under 18"):
        do(
            ours,
            one.notice_id,
            Decision("reviewed", "Sgt. A. Bell", {"reason": "read and sound"}),
            purpose="review the letter",
        )


def test_revoking_the_earlier_of_two_runs_of_a_day_leaves_what_the_later_one_drafted(
    home: Home, new_home: Callable[..., Home], town_run: TownRun, tmp_path: Path
) -> None:
    one, other, _ = of_three_people(home)
    carry(home, one, "approved")
    later = new_home(home.path, CLOCK + timedelta(hours=1))
    data = {"person_id": "nobody else", "version": 1, "birth_date": "1990-05-05"}
    (tmp_path / "more.jsonl").write_text(event("person.updated", "more", data))
    assert load_file(later, tmp_path / "more.jsonl", None).stored == 1
    again = daily_run(later, AS_OF)
    assert again.is_new and again.known_at > town_run.summary.known_at
    lists.revoke_list(later, open_tiers(later, town_run), by=READER, reason="two incidents were recorded twice")
    assert (state(later, one), state(later, other)) == ("approved", "draft")
    second = list_id_of("person_tier", again.run_id)
    for reader in (READER, "Sgt. A. Bell"):
        lists.open_list(later, second, reader=reader, purpose="approve the list")
    handed_over = Decision("served", "Lund", {"served_at": later.now(), "manner": "in_person"})
    with pytest.raises(NoticeRefusedError, match=f"no active list .* harmspot lists approve {second}"):
        do(later, one.notice_id, handed_over, purpose="to serve it")
    lists.approve_list(later, second, by=READER, reason="evidence read and found sound")
    do(later, one.notice_id, handed_over, purpose="to serve it")
    lists.revoke_list(later, second, by=READER, reason="two incidents were recorded twice")
    assert (state(later, one), state(later, other)) == ("served", "withdrawn")


def test_a_run_as_known_before_the_latest_one_withdraws_nothing(home: Home) -> None:
    one = of_three_people(home)[0]
    carry(home, one, "approved")
    past = daily_run(home, AS_OF, CLOCK - timedelta(seconds=1), allow_empty=True)  # nothing had come in by then
    assert past.is_new and past.people_counts["person_tier"] == 0
    assert state(home, one) == "approved"


def test_an_erasure_withdraws_the_letter_that_somebody_opened_and_records_no_other(
    home: Home, town_run: TownRun
) -> None:
    one, other, third = of_three_people(home)
    carry(home, one, "approved")
    carry(home, third, "reviewed")
    before = _events(home)
    for notice in (one, other):
        erase_person(home, notice.subject, reader=READER, purpose="right to erasure", reason="court order seven")
    events = [(kind, subject) for kind, subject in _events(home)[len(before) :] if kind not in ("erased", "revoked")]
    assert events == [("withdrawn", one.notice_id)]
    assert state(home, third) == "reviewed"


def _events(home: Home) -> list[tuple[str, str]]:
    with open_home_store(home) as store:
        return store.human_events()[["kind", "subject"]].to_numpy().tolist()


@dataclass
class NextDay:
    """A home one day later: two people are in custody, one of them already served, and one is excepted."""

    home: Home
    left: Notice
    served: Notice
    excepted: Notice
    run_id: str


@pytest.fixture(scope="module")
def next_day(
    town_run: TownRun,
    new_home: Callable[..., Home],
    approved_home: Callable[..., Home],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[NextDay]:
    folder = tmp_path_factory.mktemp("letters")
    home = approved_home(folder / "home")
    left, served, excepted = of_three_people(home)
    carry(home, left, "approved")
    carry(home, served, "served")
    list_id = open_tiers(home, town_run)
    lists.override_entry(home, list_id, excepted.subject, by=READER, reason="it names his brother", expires_at=UNTIL)
    with open_home_store(home) as store:
        raw = store.resolve_pseudonyms([left.subject, served.subject])
    data = [{"person_id": who, "version": 99, "from": "2026-01-01T10:00:00Z", "kind": "prison"} for who in raw.values()]
    lines = [event("custody.changed", f"in{i}", each) for i, each in enumerate(data)]
    (folder / "custody.jsonl").write_text("".join(lines))
    later = new_home(folder / "home", CLOCK + timedelta(days=1))
    assert load_file(later, folder / "custody.jsonl", None).stored == 2
    summary = daily_run(later, AS_OF + timedelta(days=1))
    yield NextDay(later, left, served, excepted, summary.run_id)


def test_a_run_withdraws_the_letter_to_somebody_who_left_and_says_why(next_day: NextDay) -> None:
    status = notices(next_day.home)[next_day.left.notice_id].status
    assert status.state == "withdrawn"
    assert "left the list of people: In custody" in str(status.closed_because)
    change = read_people(next_day.home, "person_change", next_day.run_id).set_index("person_id")
    assert change.loc[next_day.left.subject, "change"] == "left"


def test_a_letter_in_somebodys_hands_stays_when_the_person_leaves_the_list(next_day: NextDay) -> None:
    assert state(next_day.home, next_day.served) == "served"


def test_what_a_run_drafts_to_somebody_excepted_is_withdrawn_at_once(next_day: NextDay) -> None:
    drafts = read_people(next_day.home, "person_notice", next_day.run_id).set_index("notice_id")
    theirs = drafts.index[drafts["person_id"].eq(next_day.excepted.subject)]
    found = notices(next_day.home)
    assert len(theirs)
    assert {found[notice].status.state for notice in theirs} == {"withdrawn"}
    others = drafts.index[~drafts["person_id"].eq(next_day.excepted.subject)]
    assert {found[notice].status.state for notice in others} == {"draft"}
