"""Notice maintenance per run: record objections, withdraw invalid notices, expire old ones, notify partners.

The actor of every event is "harmspot". The events are recorded before the run is published, so that its projections
include them.
"""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from flows.decisions.desk import Desk
from flows.decisions.notice_decisions import Decision, NoticeRefusedError, find_notice, record
from flows.decisions.partners import log_partners_not_told, run_messages
from flows.decisions.person_notices import withdraw_person_notices_at_run
from flows.home.home import Home
from flows.home.run_identity import RunIdentity
from flows.home.store_access import open_home_store
from flows.human_log.notice_records import evidence_behind, notices_of
from flows.run.prioritise import Products
from models.governance.actors import MACHINE
from models.governance.notice_lifecycle import Notice, start_refusal
from pipeline.errors import PersonMentionedError
from pipeline.publication.publish import usable_runs

OBJECTIONS = {"representation": "represented", "contest": "contested"}
READING: Mapping[str, Any] = {"reader": MACHINE, "purpose": "hear an objection to a notice"}


def maintain_notices(home: Home, identity: RunIdentity, products: Products) -> dict[str, int]:
    """Update the notices from the run; return counts of objections heard, and notices broken, withdrawn, expired.

    A run with an earlier as_of or known_at than the latest published one does nothing, because it does not describe the
    present.
    """
    if _is_older(identity, usable_runs(home.path)):
        return {}
    log_partners_not_told(home)
    with open_home_store(home) as store:
        desk = Desk(home, store)
        counts = {
            "heard": _record_objections(desk, products.actions),
            "broken": _mark_broken(desk, products.actions),
            "withdrawn": _withdraw(desk, identity, products.gates)
            + withdraw_person_notices_at_run(desk, identity, products),
            "expired": _expire(desk),
        }
        store.add_messages(run_messages(desk, products.restricted, products.actions, identity.as_of), desk.home.now())
    if changes := [f"{count} {what}" for what, count in counts.items() if count]:
        home.progress(f"notices: {', '.join(changes)}")
    return counts


def _is_older(identity: RunIdentity, kept: pd.DataFrame) -> bool:
    """Return whether a run precedes the latest usable one."""
    pairs = list(zip(kept["as_of"], kept["known_at"], strict=True))
    return bool(pairs) and (identity.as_of, identity.known_at) < pairs[-1]


def _open_notices(desk: Desk) -> list[Notice]:
    return [notice for notice in notices_of(desk.ledger).values() if notice.is_open]


def _record_objections(desk: Desk, actions: pd.DataFrame) -> int:
    """Record each objection received as an action event, once; report objections that cannot be recorded."""
    objections = actions[actions["kind"].isin(OBJECTIONS) & actions["notice_id"].notna()]
    recorded = desk.ledger.about("notice", kinds=OBJECTIONS.values())
    recorded_ids = {event.detail.get("action_id") for event in recorded}
    count = 0
    for action in objections.sort_values(["at", "action_id"]).to_dict("records"):
        if action["action_id"] in recorded_ids:
            continue
        text = action["detail"] or "no words were sent"
        detail = {"reason": f"Heard by way of an action event: {text}", "action_id": action["action_id"]}
        try:
            notice = find_notice(desk, action["notice_id"], **READING)
            record(desk, notice, Decision(OBJECTIONS[action["kind"]], action["actor"], detail))
            count += 1
        except (NoticeRefusedError, PersonMentionedError) as error:
            desk.home.warn(f"an objection was not recorded: {error}")
    return count


def _mark_broken(desk: Desk, actions: pd.DataFrame) -> int:
    """Mark a notice broken if its operation started before the announced day."""
    starts = actions[actions["kind"].eq("crackdown_start") & actions["notice_id"].notna()]
    served = {n.notice_id: n for n in _open_notices(desk) if n.kind.announces_operation and n.status.state == "served"}
    count = 0
    for action in starts.sort_values(["at", "action_id"]).to_dict("records"):
        notice, day = served.get(action["notice_id"]), desk.home.day_of(action["at"])
        if notice and (problem := start_refusal(notice, day)):
            reason = f"The operation started on {day}, but {problem}."
            record(desk, served.pop(notice.notice_id), Decision("broken", MACHINE, {"reason": reason}))
            count += 1
    return count


def _withdraw(desk: Desk, identity: RunIdentity, gates: pd.Series) -> int:
    """Withdraw each notice whose evidence was corrected away, or whose person can no longer be addressed."""
    notices = _open_notices(desk)
    corrected = desk.store.corrected_evidence(evidence_behind(notices), identity.known_at)
    count = 0
    for notice in notices:
        wrong = corrected[corrected["notice_id"] == notice.notice_id]
        reasons = [f"record {row.incident_id} was {row.what}" for row in wrong.itertuples()]
        gate = gate_of(desk.ledger.same.ids(notice.subject), gates) if notice.kind.is_to_person else "passed"
        if gate != "passed":
            reasons.append(f"the person can no longer be addressed ({gate})")
        if reasons:
            reason = f"Withdrawn because {'; '.join(reasons)}."
            detail = {"reason": reason, "evidence_ids": tuple(wrong["incident_id"])}
            record(desk, notice, Decision("withdrawn", MACHINE, detail))
            count += 1
    return count


def gate_of(ids: Collection[str], gates: pd.Series) -> str:
    """Return the first gate that holds any id of a person, else passed; unknown if the run knows none of them.

    A run has one gate for several ids, unless they were joined after it read the store.
    """
    found = [str(gates[each]) for each in ids if each in gates]
    return next((gate for gate in found if gate != "passed"), "passed" if found else "unknown")


def _expire(desk: Desk) -> int:
    """Expire opened notices not served in time, and served ones that ended without being marked kept or broken."""
    overdue = [notice for notice in _open_notices(desk) if desk.home.today() > notice.last_day_to_decide]
    for notice in overdue:
        reason = f"Its last day was {notice.last_day_to_decide}."
        record(desk, notice, Decision("expired", MACHINE, {"reason": reason}))
    return len(overdue)
