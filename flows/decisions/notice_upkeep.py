"""Notice maintenance per run: record objections, withdraw invalid notices, expire old ones, notify partners.

The actor of every event is "harmspot". The events are recorded before the run is published, so that its projections
include them.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from flows.decisions.notice_decisions import Decision, NoticeRefusedError, find_notice, record
from flows.decisions.partners import log_partners_not_told, run_messages
from flows.decisions.person_notices import withdraw_person_notices_at_run
from flows.home.home import Home
from flows.home.run_identity import RunIdentity
from flows.home.store_access import open_home_store
from flows.human_log.notice_records import Notice, evidence_behind, notices_of
from flows.run.prioritise import Products
from models.governance.actors import MACHINE
from models.governance.notice_lifecycle import CLOSED, last_day_to_decide, start_refusal
from pipeline.errors import PersonMentionedError
from pipeline.publication.publish import runs
from pipeline.store.human_events import read_detail
from pipeline.store.interface import Store

OBJECTIONS = {"representation": "represented", "contest": "contested"}
READING: Mapping[str, Any] = {"reader": MACHINE, "purpose": "hear an objection to a notice"}


def maintain_notices(home: Home, identity: RunIdentity, products: Products) -> dict[str, int]:
    """Update the notices from the run; return counts of objections heard, and notices broken, withdrawn, expired.

    A run with an earlier as_of or known_at than the latest published one does nothing, because it does not describe the
    present.
    """
    if _is_older(identity, runs(home.path)):
        return {}
    log_partners_not_told(home)
    with open_home_store(home) as store:
        counts = {
            "heard": _record_objections(home, store, products.actions),
            "broken": _mark_broken(home, store, products.actions),
            "withdrawn": _withdraw(home, store, identity, products.gates)
            + withdraw_person_notices_at_run(home, store, identity, products),
            "expired": _expire(home, store),
        }
        messages = run_messages(home, store, products.restricted, products.actions, identity.as_of)
        store.add_messages(messages, home.now())
    if changes := [f"{count} {what}" for what, count in counts.items() if count]:
        home.progress(f"notices: {', '.join(changes)}")
    return counts


def _is_older(identity: RunIdentity, kept: pd.DataFrame) -> bool:
    """Return whether a run precedes the latest one in the order of table `run`."""
    pairs = list(zip(kept["as_of"], kept["known_at"], strict=True))
    return bool(pairs) and (identity.as_of, identity.known_at) < pairs[-1]


def _recorded(home: Home, store: Store) -> list[Notice]:
    return list(notices_of(store.human_events(), home.settings.force.zone).values())


def _live(home: Home, store: Store) -> list[Notice]:
    return [notice for notice in _recorded(home, store) if notice.status.state not in CLOSED]


def _record_objections(home: Home, store: Store, actions: pd.DataFrame) -> int:
    """Record each objection received as an action event, once; report objections that cannot be recorded."""
    objections = actions[actions["kind"].isin(OBJECTIONS) & actions["notice_id"].notna()]
    recorded_ids = _recorded_action_ids(store)
    count = 0
    for action in objections.sort_values(["at", "action_id"]).to_dict("records"):
        if action["action_id"] in recorded_ids:
            continue
        text = action["detail"] or "no words were sent"
        detail = {"reason": f"Heard by way of an action event: {text}", "action_id": action["action_id"]}
        try:
            notice = find_notice(home, store, action["notice_id"], **READING)
            record(home, store, notice, Decision(OBJECTIONS[action["kind"]], action["actor"], detail))
            count += 1
        except (NoticeRefusedError, PersonMentionedError) as error:
            home.progress(f"an objection was not recorded: {error}")
    return count


def _recorded_action_ids(store: Store) -> set[str]:
    events = store.human_events()
    objections = events[events["kind"].isin(OBJECTIONS.values())]
    details = [read_detail(*row) for row in objections[["kind", "detail"]].itertuples(index=False)]
    return {detail.action_id for detail in details if detail.action_id}


def _mark_broken(home: Home, store: Store, actions: pd.DataFrame) -> int:
    """Mark a notice broken if its operation started before the announced day."""
    starts = actions[actions["kind"].eq("crackdown_start") & actions["notice_id"].notna()]
    live = {notice.notice_id: notice for notice in _live(home, store)}
    count = 0
    for action in starts.sort_values(["at", "action_id"]).to_dict("records"):
        notice = live.get(action["notice_id"])
        if notice is None or notice.kind != "area" or notice.status.state != "served":
            continue
        day = home.day_of(action["at"])
        if problem := start_refusal(notice.fields, notice.status, day):
            reason = f"The operation started on {day}, but {problem}."
            live[notice.notice_id] = record(home, store, notice, Decision("broken", MACHINE, {"reason": reason}))
            count += 1
    return count


def _withdraw(home: Home, store: Store, identity: RunIdentity, gates: pd.Series) -> int:
    """Withdraw each notice whose evidence was corrected away, or whose person can no longer be addressed."""
    live = _live(home, store)
    corrected = store.corrected_evidence(evidence_behind(live), identity.known_at)
    count = 0
    for notice in live:
        wrong = corrected[corrected["notice_id"] == notice.notice_id]
        reasons = [f"record {row.incident_id} was {row.what}" for row in wrong.itertuples()]
        gate = gates.get(notice.subject, "unknown") if notice.kind == "person" else "passed"
        if gate != "passed":
            reasons.append(f"the person can no longer be addressed ({gate})")
        if reasons:
            reason = f"Withdrawn because {'; '.join(reasons)}."
            detail = {"reason": reason, "evidence_ids": tuple(wrong["incident_id"])}
            record(home, store, notice, Decision("withdrawn", MACHINE, detail))
            count += 1
    return count


def _expire(home: Home, store: Store) -> int:
    """Expire opened notices not served in time, and served ones that ended without being marked kept or broken."""
    today = home.today()
    overdue = [n for n in _live(home, store) if today > last_day_to_decide(n.fields, n.status)]
    for notice in overdue:
        day = last_day_to_decide(notice.fields, notice.status)
        record(home, store, notice, Decision("expired", MACHINE, {"reason": f"Its last day was {day}."}))
    return len(overdue)
