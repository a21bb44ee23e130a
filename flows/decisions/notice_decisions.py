"""Decisions on notices: find the notice, check the rules, append the event, project it, notify partners."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import msgspec
import pandas as pd

from flows.decisions.partners import deliver_or_log, notice_messages
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.audit_events import halt_of
from flows.human_log.list_events import list_events
from flows.human_log.list_runs import lists_in_use
from flows.human_log.notice_records import Notice, evidence_behind, make_notice_event, notices_of
from flows.human_log.projections import project_home
from flows.human_log.protection import protected
from models.governance.actors import MACHINE
from models.governance.list_lifecycle import list_id_of, withheld
from models.governance.notice_drafts import fields_from_json, fields_json
from models.governance.notice_lifecycle import (
    CLOSED,
    DECISIONS,
    NoticeEvent,
    is_live,
    is_outdated,
    is_superseded,
    refusals,
)
from models.governance.reading_age import LANGUAGE as READABLE_LANGUAGE
from models.governance.reading_age import reading_age
from pipeline.clock import SKEW
from pipeline.errors import HarmspotError
from pipeline.pages.notice_outline import notice_text
from pipeline.publication.publish import read_published, read_restricted, runs
from pipeline.store.human_events import HumanEvent, read_detail
from pipeline.store.interface import Store

PERSON_NOTICES_OF = "person_tier"  # person notices go only to people on this list
TABLES = {"area": "area_notice", "person": "person_notice"}


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
        If no notice has that id.
    """
    with open_home_store(home) as store:
        notice = find_notice(home, store, notice_id, reader=reader, purpose=purpose)
        if not reader:
            return notice
        opened = record(home, store, notice, Decision("opened", reader, {"purpose": purpose or "to read it"}))
    project_home(home)
    return opened


def do(home: Home, notice_id: str, decision: Decision, *, purpose: str | None = None) -> Notice:
    """Record a decision on a notice with the messages to partners, and return the updated notice.

    The read of a notice to a person is logged with the actor and `purpose`.

    Raises
    ------
    NoticeRefusedError
        If a rule forbids the decision: the message names every reason, and nothing is recorded.
    """
    with open_home_store(home) as store:
        notice = find_notice(home, store, notice_id, reader=decision.actor, purpose=purpose)
        after = record(home, store, notice, decision)
    project_home(home)
    deliver_or_log(home)
    return after


def record(home: Home, store: Store, notice: Notice, decision: Decision) -> Notice:
    """Check the rules, append the event (before the first one also the draft), and return the updated notice."""
    human_event = HumanEvent(
        decision.kind, decision.actor.strip(), "notice", notice.notice_id, home.now(), decision.detail
    )
    detail = read_detail(human_event.kind, human_event.detail_json)
    zone = home.settings.force.zone
    event = make_notice_event(human_event.kind, human_event.actor, human_event.at, detail, zone)
    problems = refusals(notice.fields, notice.status, event)
    problems += [*_rival_problems(home, store, notice, event), *_reading_age_problems(home, notice, event)]
    protection = _protection_problems(home, store, notice, event)
    if problems := [*problems, *_with_breach(event, protection)]:
        raise NoticeRefusedError(f"notice {notice.notice_id} is not {decision.kind}: {'; '.join(problems)}")
    after = replace(notice, events=(*notice.events, event), is_recorded=True)
    if not notice.is_recorded:
        store.record_human_event(_draft(notice, human_event.at))
    messages = notice_messages(home, store, after.fields, notice.status, after.status, human_event.at)
    store.record_human_event(human_event, messages)
    return after


def all_notices(
    home: Home, kinds: Sequence[str], *, reader: str | None = None, purpose: str | None = None
) -> list[Notice]:
    """Return the drafts of the latest run and every opened notice, of the given kinds, newest first."""
    with open_home_store(home) as store:
        found = notices_of(store.human_events(), home.settings.force.zone)
        drafts = {n.notice_id: n for kind in kinds for n in _drafts(home, kind, reader=reader, purpose=purpose)}
    chosen = [notice for notice in {**drafts, **found}.values() if notice.kind in kinds]
    return sorted(chosen, key=lambda n: (-n.fields["written_on"].toordinal(), n.kind, n.notice_id))


def live_rival(notice: Notice, others: Iterable[Notice], on: date) -> str | None:
    """Return the id of a different live notice to the same market or person; None if there is none."""
    live = [other for other in others if is_live(other.fields, other.status, on)]
    return next((other.notice_id for other in live if is_superseded(notice.fields, other.fields)), None)


def superseded_by(notice: Notice, others: Iterable[Notice], on: date) -> str | None:
    """Return the id of the live notice or newer draft to the same market or person that supersedes this one."""
    others = list(others)
    if notice.status.state in CLOSED:
        return None
    newer = [
        other
        for other in others
        if is_outdated(notice.fields, notice.status, other.fields) and other.status.state not in CLOSED
    ]
    latest = max(newer, key=lambda n: (n.fields["written_on"], n.notice_id), default=None)
    return live_rival(notice, others, on) or (latest.notice_id if latest else None)


def marked(home: Home, rows: pd.DataFrame, kind: str, **reading: str | None) -> pd.DataFrame:
    """Return rows of area_notice or person_notice with the current `state` and `superseded_by`."""
    known = all_notices(home, [kind], **reading)
    by_id = {notice.notice_id: notice for notice in known}
    drafts = [by_id.get(notice.notice_id, notice) for notice in _notices(home, rows)]
    states = pd.array([draft.status.state for draft in drafts], dtype="str")
    instead = pd.array([superseded_by(draft, known, home.today()) for draft in drafts], dtype="str")
    return rows.assign(state=states, superseded_by=instead)


def find_notice(home: Home, store: Store, notice_id: str, *, reader: str | None, purpose: str | None) -> Notice:
    """Return a notice from the open store, or as a draft of the latest run; the read of a person notice is logged.

    Raises
    ------
    NoticeRefusedError
        If no notice has that id.
    """
    found = notices_of(store.human_events(), home.settings.force.zone).get(notice_id)
    if found and found.kind == "person":
        detail = {"notice": notice_id}
        home.access_log.append(reader=reader, purpose=purpose, action="read", detail=detail, now=home.now())
    if found:
        return found
    areas = {notice.notice_id: notice for notice in _drafts(home, "area")}
    if notice_id in areas:
        return areas[notice_id]
    people = {n.notice_id: n for n in _drafts(home, "person", reader=reader, purpose=purpose)}
    if notice_id in people:
        return people[notice_id]
    raise NoticeRefusedError(
        f"notice {notice_id!r}: neither a draft of the latest run nor a notice opened before; "
        "harmspot notices list shows all notices"
    )


def _drafts(home: Home, kind: str, *, reader: str | None = None, purpose: str | None = None) -> list[Notice]:
    """Return the drafts of the latest run; those to people require reader and purpose, and the read is logged."""
    if kind == "area":
        rows = read_published(home.path, TABLES[kind])
    else:
        log, now = home.access_log, home.now()
        rows = read_restricted(home.path, home.key, TABLES[kind], reader=reader, purpose=purpose, log=log, now=now)
    return _notices(home, rows)


def _notices(home: Home, rows: pd.DataFrame) -> list[Notice]:
    """Return notices from the rows of a kept run."""
    known = runs(home.path).set_index("run_id")["known_at"]
    return [
        Notice(row["notice_id"], fields_from_json(row["fields"]), row["run_id"], known[row["run_id"]].to_pydatetime())
        for row in rows[["notice_id", "run_id", "fields"]].to_dict("records")
    ]


def _draft(notice: Notice, at: datetime) -> HumanEvent:
    fields = msgspec.json.decode(fields_json(notice.fields))
    detail = {"fields": fields, "run_id": notice.run_id, "known_at": notice.known_at}
    return HumanEvent("drafted", MACHINE, "notice", notice.notice_id, at, detail)


def _rival_problems(home: Home, store: Store, notice: Notice, event: NoticeEvent) -> list[str]:
    """Return the problem that, at the time of the decision, another notice to the same market or person was live."""
    if event.kind not in DECISIONS:
        return []
    known = notices_of(store.human_events(), home.settings.force.zone).values()
    rival = live_rival(notice, (other.as_of(event.moment) for other in known), home.day_of(event.moment))
    return [f"notice {rival} to the same subject is live; withdraw it first"] if rival else []


def _protection_problems(home: Home, store: Store, notice: Notice, event: NoticeEvent) -> list[str]:
    """Return why the notice must not be served: corrected evidence and, for a person notice, protection of the person.

    A service is checked at the time of service: a later halt does not prevent recording it.
    """
    if event.kind not in DECISIONS:
        return []
    known_at = _known_at(store, event)
    corrected = store.corrected_evidence(evidence_behind([notice]), known_at)
    return [
        *(f"record {row.incident_id} behind it was {row.what}; run again" for row in corrected.itertuples()),
        *(_person_problems(home, store, notice, event, known_at) if notice.kind == "person" else ()),
    ]


def _known_at(store: Store, event: NoticeEvent) -> datetime:
    """Return the known_at of a check; for the present, include events ingested by a process whose clock is ahead."""
    is_now = event.at - event.moment <= SKEW  # the time of a decision slightly precedes its recording
    return store.latest_known_at(event.at) if is_now else event.moment


def _person_problems(home: Home, store: Store, notice: Notice, event: NoticeEvent, known_at: datetime) -> list[str]:
    """Return why the person must not be addressed: halted lists, no active list, an exception, or protected status."""
    events = store.human_events()
    halted = halt_of(home, events, event.moment)
    is_excepted = (PERSON_NOTICES_OF, notice.subject) in withheld(list_events(events), event.moment)
    why = protected(home, store, known_at).get(notice.subject)
    return [
        *([halted] if halted else []),
        *["the person is excepted from the list of people"] * is_excepted,
        *([f"the person is known to be {why}; the next run withdraws it"] if why else []),
        *_unlisted(home, events, notice, event),
    ]


def _unlisted(home: Home, events: pd.DataFrame, notice: Notice, event: NoticeEvent) -> list[str]:
    """Return a problem if an approval or service has no active list behind it, of the drafting run or a later one.

    A later run withdraws the notices to people no longer on its list, so that its list supports the remaining ones.
    """
    if event.kind not in ("approved", "served"):
        return []
    kept = runs(home.path)["run_id"].tolist()
    later = kept[kept.index(notice.run_id) :] if notice.run_id in kept else kept
    behind = {list_id_of(PERSON_NOTICES_OF, run_id) for run_id in (notice.run_id, *later)}
    if any(each.list_id in behind for each in lists_in_use(home, events, event.moment)):
        return []
    latest = list_id_of(PERSON_NOTICES_OF, kept[-1])
    return [f"no active list of people supported it; open and approve the list first: harmspot lists approve {latest}"]


def _with_breach(event: NoticeEvent, protection: list[str]) -> list[str]:
    """Return why a decision is refused; a service that happened anyway is recorded as a breach."""
    if event.breach:
        return [] if protection else ["nothing prohibited it at that time; record it without --breach"]
    hint = "if it was handed over anyway, record that with --breach and how it happened"
    return [*protection, hint] if protection and event.kind == "served" else protection


def _reading_age_problems(home: Home, notice: Notice, event: NoticeEvent) -> list[str]:
    """Return the problem that an English notice exceeds the reading age that the settings allow."""
    if event.kind not in DECISIONS or notice.fields.get("language") != READABLE_LANGUAGE:
        return []
    age, limit = reading_age(notice_text(notice.page().body_html)), home.settings.notices.reading_age
    return [f"its reading age is {age:.1f} years, and notices.reading_age is {limit:g}"] if age > limit else []
