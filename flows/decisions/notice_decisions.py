"""Decisions on notices: find the notice, check every rule, record the event, tell partners.

`do` is the whole of a decision, and `refusals` is everything that can forbid one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
import pandas as pd

from flows.decisions.desk import Desk, at_desk, refuse_unsaid
from flows.decisions.partners import deliver_or_log, is_withheld, notice_messages, topics_with_messages
from flows.home.home import Home
from flows.home.store_access import open_home_store, read_people
from flows.human_log.audit_events import halt_of
from flows.human_log.embargoes import embargoed_cells, is_covered, with_embargoes
from flows.human_log.ledger import Ledger, ledger_of, read_ledger
from flows.human_log.list_events import withheld_people
from flows.human_log.list_runs import lists_in_use
from flows.human_log.listed_now import addressees_off
from flows.human_log.notice_records import by_one_id, evidence_behind, notice_page, notices_of
from flows.run.draft_notices import reading_age_of
from flows.run.plans import calendar_of
from models.governance.actors import MACHINE, PROTECTIVE
from models.governance.list_lifecycle import list_id_of
from models.governance.notice_drafts import fields_from_json, fields_json
from models.governance.notice_kinds import KINDS, NoticeKind
from models.governance.notice_lifecycle import (
    DECISIONS,
    NOTICE_LIFE_CYCLE,
    Notice,
    is_live,
    is_outdated,
    is_superseded,
    moment_of,
)
from models.operations.crackdowns import owed_because
from models.operations.history import operations_of
from pipeline.clock import SKEW
from pipeline.errors import HarmspotError
from pipeline.publication.publish import read_published, runs
from pipeline.store.human_events import HumanEvent

ON_HOLD = "it is on hold by a decision of a supervisor; ask whoever answers for notices before anything is done with it"
PERSON_NOTICES_OF = "person_tier"  # person notices go only to people on this list


class NoticeRefusedError(HarmspotError):
    """A rule forbids a decision on a notice; nothing was recorded."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A requested decision: its kind, actor and details (pipeline.store.human_events)."""

    kind: str
    actor: str
    detail: Mapping[str, Any]


def open_notice(home: Home, notice_id: str, *, reader: str | None, purpose: str | None) -> Notice:
    """Return a notice with its events, and record that `reader`, if given, opened it.

    A notice to a person requires reader and purpose, which the access log records first.

    Raises
    ------
    NoticeRefusedError
        If no notice has that id, it is on hold, or its person must not be addressed by what is known now.
    """
    if not reader:
        with open_home_store(home) as store:
            return _shown_notice(Desk(home, store), notice_id, reader=reader, purpose=purpose)
    with at_desk(home) as desk:
        notice = _shown_notice(desk, notice_id, reader=reader, purpose=purpose)
        return record(desk, notice, Decision("opened", reader, {"purpose": purpose or "to read it"}))


def do(home: Home, notice_id: str, decision: Decision, *, purpose: str | None = None) -> Notice:
    """Record a decision on a notice with the messages to partners, and return the updated notice.

    The read of a notice to a person is logged with the actor and `purpose`.

    Raises
    ------
    NoticeRefusedError
        If a rule forbids the decision: the message names every reason, and nothing is recorded.
    """
    is_protecting = home.protecting() if decision.kind in PROTECTIVE else nullcontext()
    with is_protecting, at_desk(home) as desk:
        notice = find_notice(desk, notice_id, reader=decision.actor, purpose=purpose)
        after = record(desk, notice, decision, is_by_people=True)
        topics = topics_with_messages(home, desk.store)
    deliver_or_log(home, topics)
    return after


def record(desk: Desk, notice: Notice, decision: Decision, *, is_by_people: bool = False) -> Notice:
    """Check the rules, append the event (before the first one also the draft), and return the updated notice."""
    now, notice_id = desk.home.now(), notice.notice_id
    event = HumanEvent(decision.kind, decision.actor.strip(), "notice", notice_id, now, decision.detail).typed()
    if problems := refusals(desk, notice, event):
        raise NoticeRefusedError(f"notice {notice_id} is not {decision.kind}: {'; '.join(problems)}")
    if is_by_people:
        refuse_unsaid(event)
    if not notice.is_recorded:
        fields = msgspec.json.decode(fields_json(notice.fields))
        draft = {"fields": fields, "run_id": notice.run_id, "known_at": notice.known_at}
        desk.record(HumanEvent("drafted", MACHINE, "notice", notice_id, now, draft))
    after = notice.plus(event)
    desk.record(event, notice_messages(desk, notice, after))
    return after


def refusals(desk: Desk, notice: Notice, event: HumanEvent) -> list[str]:
    """Return every reason that forbids an event: the life cycle, another live notice, the reading age, protection.

    Everything is checked as at the time of a service: a later halt or notice does not prevent recording it.
    """
    problems = NOTICE_LIFE_CYCLE.refusals(notice, event)
    if event.kind not in DECISIONS:
        return problems
    moment, home = moment_of(event), desk.home
    if is_withheld(desk, notice):
        problems.append(ON_HOLD)
    others = (other.as_of(moment) for other in notices_of(desk.ledger).values())
    same = desk.ledger.same
    if rival := live_rival(by_one_id(notice, same), (by_one_id(each, same) for each in others), home.day_of(moment)):
        problems.append(f"notice {rival} to the same subject is live; withdraw it first")
    limit = home.settings.notices.reading_age
    age = reading_age_of(notice_page(notice).body_html, notice.fields["language"])
    if age is not None and age > limit:
        problems.append(f"its reading age is {age:.1f} years, and notices.reading_age is {limit:g}")
    # For the present, events count that a process whose clock is ahead ingested; a decision precedes its recording.
    known_at = desk.store.latest_known_at(event.at) if event.at - moment <= SKEW else moment
    if notice.kind.announces_operation and event.kind != "reviewed" and (owed := _owed(desk, notice, known_at)):
        problems.append(f"{owed}; harmspot plan evaluate")
    protection = [f"{why}; run again" for why in _corrected(desk, notice, known_at)]
    if notice.kind.is_to_person:
        protection += _person_problems(desk, notice, event, known_at)
    if event.detail.get("breach"):  # a service that happened anyway is recorded as a breach
        return problems if protection else [*problems, "nothing prohibited it at that time; record it without --breach"]
    if protection and event.kind == "served":
        protection.append("if it was handed over anyway, record that with --breach and how it happened")
    return [*problems, *protection]


def _corrected(desk: Desk, notice: Notice, known_at: datetime) -> list[str]:
    """Return which records behind a notice were cancelled or amended, as far as it is known at a moment."""
    found = desk.store.corrected_evidence(evidence_behind([notice]), known_at)
    return [f"record {row.incident_id} behind it was {row.what}" for row in found.itertuples()]


def _shown_notice(desk: Desk, notice_id: str, *, reader: str | None, purpose: str | None) -> Notice:
    """Return the notice as `find_notice` does, if nothing forbids to read or print it."""
    notice = find_notice(desk, notice_id, reader=reader, purpose=purpose)
    if is_withheld(desk, notice):
        raise NoticeRefusedError(f"notice {notice_id} is not shown: {ON_HOLD}")
    if why := _off_because(desk, notice):
        raise NoticeRefusedError(
            f"notice {notice_id} is not shown: {why}. Withdraw it if it is open: harmspot notices withdraw; what was "
            "done with it: harmspot show person-notice-states"
        )
    if notice.is_pending and (wrong := _corrected(desk, notice, desk.store.latest_known_at(desk.home.now()))):
        raise NoticeRefusedError(
            f"notice {notice_id} is not shown: {'; '.join(wrong)}. Nobody may serve it: harmspot run withdraws it, or "
            "harmspot notices withdraw"
        )
    return notice


def _owed(desk: Desk, notice: Notice, at: datetime) -> str | None:
    """Return why the place may not be told of another operation before the last one is evaluated; None if it may."""
    actions = desk.store.place_actions(at)
    cells = embargoed_cells(desk.ledger, desk.home.now())
    operations = with_embargoes(
        operations_of(actions.assign(area_id=actions["area_id"].map(_raw))),
        cells,
        desk.home.settings.places.cell_size_m,
    )
    calendar = calendar_of(at, desk.home.settings)
    return owed_because(operations, _raw(notice.fields["area_id"]), notice.fields["market_id"], calendar)


def _raw(area_id: str) -> str:
    """Return the area's id in its boundary file."""
    return area_id.rsplit("@", 1)[0]


def _person_problems(desk: Desk, notice: Notice, event: HumanEvent, known_at: datetime) -> list[str]:
    """Return why the person must not be addressed: halted lists, an exception, protected status, no active list."""
    moment = moment_of(event)
    problems = []
    if halted := halt_of(desk.home, desk.ledger, moment):
        problems.append(halted)
    if (PERSON_NOTICES_OF, notice.subject) in withheld_people(desk.ledger, moment):
        problems.append("the person is excepted from the list of people")
    if why := _off_because(desk, notice, at=known_at):
        problems.append(f"{why}; the next run withdraws it")
    if event.kind != "reviewed":
        problems += _list_problems(desk, notice, moment)
    return problems


def _off_because(desk: Desk, notice: Notice, at: datetime | None = None) -> str:
    """Return why the person of a notice must not be addressed by what is known now; empty if it may be handed over."""
    why = addressees_off(desk.home, desk.store, [notice], at=at).get(notice.notice_id)
    return f"the person is known to be {why}" if why else ""


def _list_problems(desk: Desk, notice: Notice, moment: datetime) -> list[str]:
    """Return a problem if no active list stands behind a person notice, of the drafting run or a later one.

    A later run withdraws the notices to people no longer on its list, so that its list supports the remaining ones.
    """
    kept = runs(desk.home.path)["run_id"].tolist()
    later = kept[kept.index(notice.run_id) :] if notice.run_id in kept else kept
    behind = {list_id_of(PERSON_NOTICES_OF, run_id) for run_id in (notice.run_id, *later)}
    if behind & {each.list_id for each in lists_in_use(desk.home, desk.ledger, moment)}:
        return []
    latest = list_id_of(PERSON_NOTICES_OF, kept[-1])
    return [f"no active list of people supported it; open and approve the list first: harmspot lists approve {latest}"]


def find_notice(desk: Desk, notice_id: str, *, reader: str | None, purpose: str | None) -> Notice:
    """Return a notice from the ledger, or as a draft of the latest run; the read of a person notice is logged.

    Raises
    ------
    NoticeRefusedError
        If no notice has that id.
    """
    home = desk.home
    if notice := notices_of(desk.ledger).get(notice_id):
        if notice.kind.is_to_person:
            home.log_access("read", {"notice": notice_id}, reader=reader, purpose=purpose)
        return notice
    for kind in sorted(KINDS.values(), key=lambda kind: kind.is_to_person):  # people are only read if need be
        for draft in _drafts(home, kind, reader=reader, purpose=purpose):
            if draft.notice_id == notice_id:
                return draft
    raise NoticeRefusedError(
        f"notice {notice_id!r}: neither a draft of the latest run nor a notice opened before; "
        "harmspot notices list shows all notices"
    )


def all_notices(
    home: Home,
    kinds: Sequence[str],
    *,
    reader: str | None = None,
    purpose: str | None = None,
    ledger: Ledger | None = None,
) -> list[Notice]:
    """Return the drafts of the latest run and every opened notice, of the given kinds, newest first; none on hold.

    Whether their people stand is not asked: whoever shows them calls `standing_notices`. `ledger` is that of a desk;
    without it, it is read from the home.
    """
    ledger = ledger or read_ledger(home)
    found = notices_of(ledger)
    drafts = {n.notice_id: n for kind in kinds for n in _drafts(home, KINDS[kind], reader=reader, purpose=purpose)}
    cells, size_m = embargoed_cells(ledger, home.now()), home.settings.places.cell_size_m
    chosen = [
        notice
        for notice in {**drafts, **found}.values()
        if notice.kind.name in kinds and (notice.kind.is_to_person or not is_covered(cells, notice.subject, size_m))
    ]
    return sorted(chosen, key=lambda n: (-n.fields["written_on"].toordinal(), n.kind.name, n.notice_id))


def standing_notices(
    home: Home, kinds: Sequence[str], *, reader: str | None = None, purpose: str | None = None
) -> list[Notice]:
    """Return `all_notices` but for those not yet served to people who must not be addressed by what is known now."""
    with open_home_store(home) as store:
        ledger = ledger_of(home, store)
        found = all_notices(home, kinds, reader=reader, purpose=purpose, ledger=ledger)
        unserved = [notice for notice in found if notice.is_open and notice.status.served_on is None]
        off = addressees_off(home, store, unserved)
    if off:
        counts = ", ".join(f"{count} {why}" for why, count in sorted(Counter(off.values()).items()))
        home.progress(f"{len(off)} notices are left out: those they are to are now known to be: {counts}")
    return [notice for notice in found if notice.notice_id not in off]


def live_rival(notice: Notice, others: Iterable[Notice], on: date) -> str | None:
    """Return the id of a different live notice to the same market or person; None if there is none."""
    return next((other.notice_id for other in others if is_superseded(notice, other) and is_live(other, on)), None)


def superseded_by(home: Home, notices: Sequence[Notice], known: Sequence[Notice]) -> list[str | None]:
    """Return, for each notice, the id of the known live one or newer draft to the same market or person; None without.

    People are compared by their one id: joined ids get one letter.
    """
    if any(notice.kind.is_to_person for notice in notices):
        with open_home_store(home) as store:
            same = store.same_people()
        notices, known = ([by_one_id(notice, same) for notice in each] for each in (notices, known))
    return [_superseded_by(notice, known, home.today()) for notice in notices]


def _superseded_by(notice: Notice, others: Sequence[Notice], on: date) -> str | None:
    if not notice.is_open:
        return None
    newer = [other for other in others if other.is_open and is_outdated(notice, other)]
    latest = max(newer, key=lambda n: (n.fields["written_on"], n.notice_id), default=None)
    return live_rival(notice, others, on) or (latest.notice_id if latest else None)


def marked(
    home: Home, rows: pd.DataFrame, kind: str, *, reader: str | None = None, purpose: str | None = None
) -> pd.DataFrame:
    """Return rows of the table of a kind of notice with the current `state` and `superseded_by`."""
    known = standing_notices(home, [kind], reader=reader, purpose=purpose)
    by_id = {notice.notice_id: notice for notice in known}
    drafts = [by_id.get(notice.notice_id, notice) for notice in _notices(home, rows)]
    states = pd.array([draft.status.state for draft in drafts], dtype="str")
    instead = pd.array(superseded_by(home, drafts, known), dtype="str")
    return rows.assign(state=states, superseded_by=instead)


def _drafts(home: Home, kind: NoticeKind, *, reader: str | None = None, purpose: str | None = None) -> list[Notice]:
    """Return the drafts of the latest run; those to people require reader and purpose, and the read is logged."""
    if kind.is_to_person:
        return _notices(home, read_people(home, kind.table, reader=reader, purpose=purpose))
    return _notices(home, read_published(home.path, kind.table))


def _notices(home: Home, rows: pd.DataFrame) -> list[Notice]:
    """Return notices from the rows of a kept run."""
    zone, known = home.settings.force.zone, runs(home.path).set_index("run_id")["known_at"]
    return [
        Notice(fields_from_json(row["fields"]), zone, row["run_id"], known[row["run_id"]].to_pydatetime())
        for row in rows[["run_id", "fields"]].to_dict("records")
    ]
