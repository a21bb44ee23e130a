"""What people do to notices: found, asked against the rules, appended, projected, told to partners."""

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
from pipeline.store.store import Store

PERSON_NOTICES_OF = "person_tier"  # letters go to those on this list, and to nobody else
TABLES = {"area": "area_notice", "person": "person_notice"}


class NoticeRefusedError(HarmspotError):
    """An act upon a notice that a rule forbids; nothing was recorded."""


@dataclass(frozen=True, slots=True)
class Decision:
    """An act somebody wants to do: its kind, who does it, and its particulars (pipeline.store.human_events)."""

    kind: str
    actor: str
    detail: Mapping[str, Any]


def open_notice(home: Home, notice_id: str, *, reader: str | None, purpose: str | None) -> Notice:
    """Return a notice with all that was done to it, and record that `reader`, where one is named, opened it.

    One about a person is read only with reader and purpose, and that stands in the access log first.

    Raises NoticeRefusedError where no notice has that id.
    """
    with open_home_store(home) as store:
        notice = find_notice(home, store, notice_id, reader=reader, purpose=purpose)
        if not reader:
            return notice
        opened = record(home, store, notice, Decision("opened", reader, {"purpose": purpose or "to read it"}))
    project_home(home)
    return opened


def do(home: Home, notice_id: str, decision: Decision, *, purpose: str | None = None) -> Notice:
    """Do something to a notice, record it with what partners are told of it, and return the notice as it then stands.

    A notice about a person is read for `purpose` by whoever does it, and that is logged.

    Raises
    ------
    NoticeRefusedError
        When a rule forbids it: every reason is named, and nothing is recorded.
    """
    with open_home_store(home) as store:
        notice = find_notice(home, store, notice_id, reader=decision.actor, purpose=purpose)
        after = record(home, store, notice, decision)
    project_home(home)
    deliver_or_log(home)
    return after


def record(home: Home, store: Store, notice: Notice, decision: Decision) -> Notice:
    """Ask the rules, append the act (and the draft before the first one), and return the notice as it then stands."""
    human_event = HumanEvent(
        decision.kind, decision.actor.strip(), "notice", notice.notice_id, home.now(), decision.detail
    )
    detail = read_detail(human_event.kind, human_event.detail_json)
    zone = home.settings.force.zone
    event = make_notice_event(human_event.kind, human_event.actor, human_event.at, detail, zone)
    problems = refusals(notice.fields, notice.status, event)
    problems += [*_second_notice(home, store, notice, event), *_hard_words(home, notice, event)]
    barred = _barred(home, store, notice, event)
    if problems := [*problems, *_unless_breach(event, barred)]:
        raise NoticeRefusedError(f"notice {notice.notice_id} is not {decision.kind}: {'; '.join(problems)}")
    after = replace(notice, events=(*notice.events, event), is_recorded=True)
    if not notice.is_recorded:
        store.record_human_event(_draft(notice, human_event.at))
    told = notice_messages(home, store, after.fields, notice.status, after.status, human_event.at)
    store.record_human_event(human_event, told)
    return after


def all_notices(
    home: Home, kinds: Sequence[str], *, reader: str | None = None, purpose: str | None = None
) -> list[Notice]:
    """Return the drafts of the latest run and every notice anybody opened, of the kinds asked for, newest first."""
    with open_home_store(home) as store:
        found = notices_of(store.human_events(), home.settings.force.zone)
        drafts = {n.notice_id: n for kind in kinds for n in _drafts(home, kind, reader=reader, purpose=purpose)}
    chosen = [notice for notice in {**drafts, **found}.values() if notice.kind in kinds]
    return sorted(chosen, key=lambda n: (-n.fields["written_on"].toordinal(), n.kind, n.notice_id))


def live_rival(notice: Notice, others: Iterable[Notice], on: date) -> str | None:
    """Return the id of the live notice that says something else to the same market or person; None where none does."""
    live = [other for other in others if is_live(other.fields, other.status, on)]
    return next((other.notice_id for other in live if is_superseded(notice.fields, other.fields)), None)


def superseded_by(notice: Notice, others: Iterable[Notice], on: date) -> str | None:
    """Return the id of the notice that speaks to the same market or person instead: a live one, or a newer draft."""
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
    """Return rows of area_notice or person_notice with `state` and `superseded_by` as they stand now."""
    known = all_notices(home, [kind], **reading)
    by_id = {notice.notice_id: notice for notice in known}
    drafts = [by_id.get(notice.notice_id, notice) for notice in _notices(home, rows)]
    states = pd.array([draft.status.state for draft in drafts], dtype="str")
    instead = pd.array([superseded_by(draft, known, home.today()) for draft in drafts], dtype="str")
    return rows.assign(state=states, superseded_by=instead)


def find_notice(home: Home, store: Store, notice_id: str, *, reader: str | None, purpose: str | None) -> Notice:
    """Return a notice from the open store, or as a draft of the latest run; one about a person is read and logged.

    Raises NoticeRefusedError where no notice has that id.
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
        f"notice {notice_id!r}: neither a draft of the latest run nor one that was opened before; "
        "harmspot notices list shows those there are"
    )


def _drafts(home: Home, kind: str, *, reader: str | None = None, purpose: str | None = None) -> list[Notice]:
    """Return the drafts of the latest run; those about people with reader and purpose, logged."""
    if kind == "area":
        rows = read_published(home.path, TABLES[kind])
    else:
        log, now = home.access_log, home.now()
        rows = read_restricted(home.path, home.key, TABLES[kind], reader=reader, purpose=purpose, log=log, now=now)
    return _notices(home, rows)


def _notices(home: Home, rows: pd.DataFrame) -> list[Notice]:
    """Drafts from rows of a kept run."""
    known = runs(home.path).set_index("run_id")["known_at"]
    return [
        Notice(row["notice_id"], fields_from_json(row["fields"]), row["run_id"], known[row["run_id"]].to_pydatetime())
        for row in rows[["notice_id", "run_id", "fields"]].to_dict("records")
    ]


def _draft(notice: Notice, at: datetime) -> HumanEvent:
    fields = msgspec.json.decode(fields_json(notice.fields))
    detail = {"fields": fields, "run_id": notice.run_id, "known_at": notice.known_at}
    return HumanEvent("drafted", MACHINE, "notice", notice.notice_id, at, detail)


def _second_notice(home: Home, store: Store, notice: Notice, event: NoticeEvent) -> list[str]:
    """Say which notice, live at the moment of the act, already tells the same market or person something else."""
    if event.kind not in DECISIONS:
        return []
    known = notices_of(store.human_events(), home.settings.force.zone).values()
    rival = live_rival(notice, (other.as_of(event.moment) for other in known), home.day_of(event.moment))
    return [f"notice {rival} to the same subject is live; withdraw it first"] if rival else []


def _barred(home: Home, store: Store, notice: Notice, event: NoticeEvent) -> list[str]:
    """Say why the notice goes to nobody: evidence corrected since, and of a letter all that protects the person.

    What was served is asked of the moment at which it was: a halt since then makes no fact unrecorded.
    """
    if event.kind not in DECISIONS:
        return []
    known_at = _known_at(store, event)
    corrected = store.corrected_evidence(evidence_behind([notice]), known_at)
    return [
        *(f"record {row.incident_id} behind it was {row.what}; run again" for row in corrected.itertuples()),
        *(_barred_from_person(home, store, notice, event, known_at) if notice.kind == "person" else ()),
    ]


def _known_at(store: Store, event: NoticeEvent) -> datetime:
    """Return until when what is known counts; of the present all does, also by a clock that is ahead of this one."""
    is_now = event.at - event.moment <= SKEW  # "now" is said a moment before it is recorded
    return store.latest_known_at(event.at) if is_now else event.moment


def _barred_from_person(home: Home, store: Store, notice: Notice, event: NoticeEvent, known_at: datetime) -> list[str]:
    """Say why nothing goes to the person: halted lists, no active list, an exception, or what protects the person."""
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
    """Say that no list stands behind a letter about to go out: none active, of the run that drafted it or a later one.

    A later run withdraws the letters to whoever is on its list no longer, so that its list stands behind the rest.
    """
    if event.kind not in ("approved", "served"):
        return []
    kept = runs(home.path)["run_id"].tolist()
    later = kept[kept.index(notice.run_id) :] if notice.run_id in kept else kept
    behind = {list_id_of(PERSON_NOTICES_OF, run_id) for run_id in (notice.run_id, *later)}
    if any(each.list_id in behind for each in lists_in_use(home, events, event.moment)):
        return []
    latest = list_id_of(PERSON_NOTICES_OF, kept[-1])
    return [f"no active list of people stood behind it; open and approve that first: harmspot lists approve {latest}"]


def _unless_breach(event: NoticeEvent, barred: list[str]) -> list[str]:
    """Say why it is not done; what was handed over all the same is a fact, and told as a breach."""
    if event.breach:
        return [] if barred else ["nothing stood against it at that moment; record it without --breach"]
    told = "where it was handed over all the same, record that with --breach and how it came about"
    return [*barred, told] if barred and event.kind == "served" else barred


def _hard_words(home: Home, notice: Notice, event: NoticeEvent) -> list[str]:
    """Say where an English notice asks for an older reader than the settings allow."""
    if event.kind not in DECISIONS or notice.fields.get("language") != READABLE_LANGUAGE:
        return []
    age, limit = reading_age(notice_text(notice.page().body_html)), home.settings.notices.reading_age
    return [f"a reader must be {age:.1f} to follow it and notices.reading_age is {limit:g}"] if age > limit else []
