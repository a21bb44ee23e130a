"""Decisions on lists of people: open, approve, override, revoke. Each decision is recorded, each read logged."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd

from flows.decisions.desk import Desk, at_desk, refuse_unsaid
from flows.decisions.notice_decisions import PERSON_NOTICES_OF
from flows.decisions.person_notices import withdraw_person_notices
from flows.home.home import Home
from flows.home.store_access import read_people
from flows.human_log.audit_events import halt_of
from flows.human_log.integrity import log_problems
from flows.human_log.list_events import list_events
from flows.human_log.list_rows import ask_list, published_list, read_list
from flows.human_log.list_runs import ListRun, find_list, lists_in_use
from models.governance.actors import MACHINE, name_of
from models.governance.audits import is_halted
from models.governance.list_lifecycle import APPROVED_WITHIN, LIST, count_downgraded, split_list_id, status_of
from pipeline.errors import PublicationError
from pipeline.privacy.access_log import require_purpose
from pipeline.publication.publish import latest_usable
from pipeline.store.human_events import HumanEvent

MACHINE_READER = "harmspot run"
LEFT = "revoke lists that the latest run downgrades"
ERASED = "revoke lists that hold somebody who is erased"
RUN_AGAIN = "harmspot run makes a new one"

# Columns that are read before a list is approved.
EVIDENCE = (
    "person_id", "position", "rank", "tier", "route", "reason", "kind", "warrant_id", "underlying_offence_code",
    "high_event_count", "recency_days", "joined_since", "rule", "evidence_ids", "rule_evidence_ids",
    "corrected_evidence", "moves_out_if",
)  # fmt: skip


def open_list(home: Home, list_id: str, *, reader: str | None, purpose: str | None) -> pd.DataFrame:
    """Return a list with the evidence behind each entry, and record who opened it."""
    with at_desk(home) as desk:
        wanted = find_list(home, desk.ledger, list_id)
        require_purpose(reader, purpose)
        rows = read_list(
            home, desk.ledger, wanted.list_name, wanted.run_id, reader=reader, purpose=purpose, store=desk.store
        )
        desk.record(HumanEvent("opened", str(reader), "list", list_id, home.now(), {"purpose": str(purpose)}))
    return rows


def evidence_of(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of a list in order, and the columns that are read before it is approved, as far as it has them.

    Since when the ids of people are joined is read only where somebody has several.
    """
    order = [name for name in ("position", "rank") if name in rows]
    rows = rows.sort_values([*order, "person_id"], ignore_index=True)
    shown = rows.drop(columns="joined_since") if "joined_since" in rows and rows["joined_since"].isna().all() else rows
    return rows, [name for name in EVIDENCE if name in shown]


def approve_list(home: Home, list_id: str, *, by: str, reason: str) -> bool:
    """Make a list of the latest run active, if it is recent, its effect is registered and `by` opened it.

    Approval fails if a run now would not put every entry on it (`flows.human_log.listed_now`). A repeat by whoever
    approved it, such as after a kill, only has the publication show it, and returns False.

    Raises
    ------
    PublicationError
        If a rule forbids it; the message names the rule.
    """
    with at_desk(home) as desk:
        wanted = find_list(home, desk.ledger, list_id)
        _refuse_old(home, wanted)
        if problems := log_problems(home, desk.ledger, desk.store.log_mark()):
            raise PublicationError(
                f"list {list_id} cannot be approved while the access log is not trusted: {problems[0]}"
            )
        if _is_approved_by(desk, list_id, by):
            desk.refresh()
            return False
        event = _allowed(desk, "approved", by, list_id, {"reason": reason})
        why = f"approve the list: {reason}"
        asked = ask_list(home, desk.ledger, wanted.list_name, wanted.run_id, reader=by, purpose=why, store=desk.store)
        if outdated := asked.off_in_words():
            raise PublicationError(f"list {list_id} cannot be approved: {outdated}; {RUN_AGAIN}")
        _say_who_is_joined(home, asked.rows)
        _record(desk, event)
    return True


def _is_approved_by(desk: Desk, list_id: str, by: str) -> bool:
    """Return whether the person has approved the list, and nobody has revoked it."""
    status = status_of(list_events(desk.ledger), list_id)
    return bool(status.approved and not status.revoked and name_of(status.approved.actor) == name_of(by))


def _say_who_is_joined(home: Home, rows: pd.DataFrame) -> None:
    """Log how many people on a list have several ids, as a count."""
    if "joined_since" in rows and (count := int(rows.loc[rows["joined_since"].notna(), "person_id"].nunique())):
        home.progress(
            f"{count} of those on the list have several ids, whose evidence counts together (column joined_since of "
            "harmspot lists open): where two people were joined in error, have the source part them, and run again"
        )


def revoke_list(home: Home, list_id: str, *, by: str, reason: str) -> None:
    """Revoke a list and all its copies permanently, and withdraw the person notices drafted to people on it."""
    with home.protecting(), at_desk(home) as desk:
        wanted = find_list(home, desk.ledger, list_id)
        event = _allowed(desk, "revoked", by, list_id, {"reason": reason})
        # If the run is no longer kept, nobody knows who is on it; rules in `notice_decisions` block its person notices.
        if wanted.list_name == PERSON_NOTICES_OF and wanted.is_kept:
            rows = _rows(desk, wanted, reader=by, purpose=f"revoke the list: {reason}")
            why = f"{by} revoked the list of people that the person is on: {reason}"
            withdraw_person_notices(desk, dict.fromkeys(rows["person_id"], why), by=by, drafted_until=wanted.run_id)
        _record(desk, event)


def end_list(desk: Desk, list_id: str, *, by: str, reason: str) -> None:
    """Revoke a list and all its copies, but keep the person notices drafted to people on it."""
    _record(desk, _allowed(desk, "revoked", by, list_id, {"reason": reason}))


def override_entry(home: Home, list_id: str, person: str, *, by: str, reason: str, expires_at: datetime) -> None:
    """Remove one person from a list until `expires_at`, from this run on; the list's copies must no longer be used.

    It is recorded for every id of the person, listed or not, so that it protects each of them if they are parted.
    A person notice that was drafted and not yet served is withdrawn first.

    Raises
    ------
    PublicationError
        If a rule forbids it, or the person is not on the list.
    """
    person_id = home.pseudonym_of(person)
    with home.protecting(), at_desk(home) as desk:
        wanted = find_list(home, desk.ledger, list_id)
        detail = {"reason": reason, "rule": wanted.list_name, "expires_at": expires_at, "person_id": person_id}
        event, ids = _allowed(desk, "overridden", by, list_id, detail), desk.ledger.same.ids(person_id)
        rows = _rows(desk, wanted, reader=by, purpose=f"exception: {reason}")
        if not {*ids} & {*rows["person_id"]}:
            raise PublicationError(f"list {list_id}: that person is not on it; an exception cannot add anybody")
        if wanted.list_name == PERSON_NOTICES_OF:
            withdraw_person_notices(
                desk, dict.fromkeys(ids, f"{by} took the person off the list of people: {reason}"), by=by
            )
        for each in ids:
            _record(desk, replace(event, detail={**detail, "person_id": each}))


def revoke_outdated(desk: Desk) -> list[str]:
    """Revoke each list in use that the latest run downgrades, or whose run is no longer kept; return the list ids.

    A list is downgraded if the latest run removes a person from it, for lack of evidence or after a correction, or
    lists a person at a milder level.
    """
    home, now = desk.home, desk.home.now()
    latest = latest_usable(home.path)
    revoked = []
    for each in lists_in_use(home, desk.ledger, now):
        if reason := _revocation_reason(desk, each, latest):
            desk.record(HumanEvent("revoked", MACHINE, "list", each.list_id, now, {"reason": reason}))
            revoked.append(each.list_id)
    return revoked


def _revocation_reason(desk: Desk, each: ListRun, latest: str | None) -> str | None:
    if not each.is_kept:
        return "its run is kept no longer, so nobody can say who is on it"
    if latest in (None, each.run_id):
        return None
    before, after = (
        read_people(desk.home, each.list_name, run_id, reader=MACHINE_READER, purpose=LEFT)
        for run_id in (each.run_id, latest)
    )
    same = desk.ledger.same
    count = count_downgraded(each.list_name, same.in_one(before), same.in_one(after))
    return f"of {count} of those on it, run {latest} no longer says what it says, or says less" if count else None


def lists_holding(desk: Desk, ids: Collection[str]) -> list[str]:
    """Return the lists in use with the person of these ids, and all lists in use whose run is no longer kept.

    Each read of a list is logged.
    """
    return [
        each.list_id
        for each in lists_in_use(desk.home, desk.ledger, desk.home.now())
        if not each.is_kept
        or read_people(desk.home, each.list_name, each.run_id, reader=MACHINE_READER, purpose=ERASED)["person_id"]
        .isin(ids)
        .any()
    ]


def _refuse_old(home: Home, wanted: ListRun) -> None:
    """Raise PublicationError unless the list is of the latest run, recent and not expired."""
    now = home.now()
    if now >= wanted.valid_to:
        raise PublicationError(
            f"list {wanted.list_id} expired on {home.day_of(wanted.valid_to)}; approve the list of a new run"
        )
    latest = latest_usable(home.path)
    if latest is None:
        raise PublicationError(
            f"list {wanted.list_id} is of an unusable run; {RUN_AGAIN} once its input is good enough"
        )
    if wanted.as_of is None or wanted.run_id != latest:
        raise PublicationError(f"list {wanted.list_id} is not of the latest run {latest}; approve the list of that run")
    if now >= wanted.as_of + APPROVED_WITHIN:
        raise PublicationError(
            f"list {wanted.list_id} describes the state on {home.day_of(wanted.as_of)}, more than "
            f"{APPROVED_WITHIN.days} days ago; {RUN_AGAIN}"
        )


def _allowed(desk: Desk, kind: str, by: str, list_id: str, detail: Mapping[str, Any]) -> HumanEvent:
    """Return a decision on a list that may be recorded.

    Raises
    ------
    PublicationError
        If a rule forbids it given the earlier events, or a halt at its time forbids an approval.
    StoreError
        If it cannot be written.
    PersonMentionedError
        If its text names a person.
    """
    event = HumanEvent(kind, by, "list", list_id, desk.home.now(), detail)
    if problem := LIST.refusal(status_of(list_events(desk.ledger), list_id), event):
        raise PublicationError(f"list {list_id} cannot be {kind}: {problem}")
    refuse_unsaid(event)
    halted = halt_of(desk.home, desk.ledger, event.at) if kind == "approved" else None
    if is_halted(split_list_id(list_id)[0], halted):
        raise PublicationError(f"list {list_id} cannot be approved. {halted}")
    event.columns()
    desk.store.refuse_mentions(event.words)
    return event


def _record(desk: Desk, event: HumanEvent) -> None:
    """Log a decision, then record it."""
    desk.home.log_access(event.kind, {"list_id": event.subject}, reader=event.actor, purpose=event.detail["reason"])
    desk.record(event)


def _rows(desk: Desk, wanted: ListRun, *, reader: str | None, purpose: str | None) -> pd.DataFrame:
    """Return everybody whom the run published on the list, to protect them."""
    return published_list(desk.home, desk.ledger, wanted.list_name, wanted.run_id, reader=reader, purpose=purpose)
