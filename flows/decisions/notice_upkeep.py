"""What each run does about notices: hears objections, withdraws what no longer holds, lets lapse, tells partners.

All by acts of "harmspot", recorded before the run is published, so that its projections show them.
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
from pipeline.store.store import Store

OBJECTIONS = {"representation": "represented", "contest": "contested"}
READING: Mapping[str, Any] = {"reader": MACHINE, "purpose": "hear an objection to a notice"}


def maintain_notices(home: Home, identity: RunIdentity, products: Products) -> dict[str, int]:
    """Bring the notices up to what the run knows, and return how many were heard, broken, withdrawn and expired.

    A run of an older day than the latest published one, or of what was known before it, says nothing about today and
    does nothing.
    """
    if _is_older(identity, runs(home.path)):
        return {}
    log_partners_not_told(home)
    with open_home_store(home) as store:
        counts = {
            "heard": _hear(home, store, products.actions),
            "broken": _break_promises(home, store, products.actions),
            "withdrawn": _withdraw(home, store, identity, products.gates)
            + withdraw_person_notices_at_run(home, store, identity, products),
            "expired": _let_lapse(home, store),
        }
        told = run_messages(home, store, products.restricted, products.actions, identity.as_of)
        store.add_messages(told, home.now())
    if said := [f"{count} {what}" for what, count in counts.items() if count]:
        home.progress(f"notices: {', '.join(said)}")
    return counts


def _is_older(identity: RunIdentity, kept: pd.DataFrame) -> bool:
    """Return whether a run stands before the latest one in the order of table `run`."""
    pairs = list(zip(kept["as_of"], kept["known_at"], strict=True))
    return bool(pairs) and (identity.as_of, identity.known_at) < pairs[-1]


def _recorded(home: Home, store: Store) -> list[Notice]:
    return list(notices_of(store.human_events(), home.settings.force.zone).values())


def _live(home: Home, store: Store) -> list[Notice]:
    return [notice for notice in _recorded(home, store) if notice.status.state not in CLOSED]


def _hear(home: Home, store: Store, actions: pd.DataFrame) -> int:
    """Record each objection that came as an action event, once; one that names no notice is announced."""
    told = actions[actions["kind"].isin(OBJECTIONS) & actions["notice_id"].notna()]
    heard = _heard_action_ids(store)
    count = 0
    for action in told.sort_values(["at", "action_id"]).to_dict("records"):
        if action["action_id"] in heard:
            continue
        said = action["detail"] or "no words were sent"
        detail = {"reason": f"Heard by way of an action event: {said}", "action_id": action["action_id"]}
        try:
            notice = find_notice(home, store, action["notice_id"], **READING)
            record(home, store, notice, Decision(OBJECTIONS[action["kind"]], action["actor"], detail))
            count += 1
        except (NoticeRefusedError, PersonMentionedError) as error:
            home.progress(f"an objection was not heard: {error}")
    return count


def _heard_action_ids(store: Store) -> set[str]:
    events = store.human_events()
    objections = events[events["kind"].isin(OBJECTIONS.values())]
    details = [read_detail(*row) for row in objections[["kind", "detail"]].itertuples(index=False)]
    return {detail.action_id for detail in details if detail.action_id}


def _break_promises(home: Home, store: Store, actions: pd.DataFrame) -> int:
    """Say that a notice was broken where its operation started before the day it announced."""
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


def _let_lapse(home: Home, store: Store) -> int:
    """Let lapse what was looked at and never served in time, and what is over without a word whether it was kept."""
    today = home.today()
    lapsed = [n for n in _live(home, store) if today > last_day_to_decide(n.fields, n.status)]
    for notice in lapsed:
        day = last_day_to_decide(notice.fields, notice.status)
        record(home, store, notice, Decision("expired", MACHINE, {"reason": f"Its last day was {day}."}))
    return len(lapsed)
