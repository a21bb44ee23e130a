"""The ledger without what disabled users left pending."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from flows.human_log.ledger import void_events
from models.governance.actors import PROTECTIVE, name_of
from models.governance.list_lifecycle import statuses, withheld
from pipeline.store.human_events import HumanEvent


def event(kind: str, subject: str, actor: str = "S. Bell") -> Any:
    return SimpleNamespace(kind=kind, subject=subject, actor=actor, event_id=f"{kind} {subject} by {actor}")


def test_what_a_disabled_user_left_pending_is_void() -> None:
    pending = [event("opened", "l-1"), event("approved", "l-1"), event("reviewed", "n_1", "s.  BELL")]
    kept = [
        *(event("approved", "l-2"), event("exported", "l-2", "P. Lund")),  # used
        *(event("approved", "n_2"), event("served", "n_2", "P. Lund")),
        event("opened", "l-1", "P. Lund"),  # by another user
        *(event(kind, "l-3") for kind in ("revoked", "withdrawn", "overridden", "contested", "represented")),
    ]
    assert void_events([*pending, *kept], {name_of("S. Bell")}) == {each.event_id for each in pending}
    assert void_events([*pending, *kept], set()) == set()


def test_nobody_is_back_on_a_list_because_a_user_is_disabled() -> None:
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    said = {
        "reason": "in hospital now",
        "rule": "person_tier",
        "person_id": "p_1",
        "expires_at": now + timedelta(days=9),
    }
    events = [
        HumanEvent("opened", "S. Bell", "list", "person_tier-a1", now, {"purpose": "read it"}),
        HumanEvent("overridden", "S. Bell", "list", "person_tier-a1", now, said),
        HumanEvent("revoked", "S. Bell", "list", "call_in-a1", now, {"reason": "in hospital now"}),
    ]
    void = void_events(events, {name_of("S. Bell")})
    assert {each.kind for each in events if each.event_id in void} == {"opened"}
    left = [each for each in events if each.event_id not in void]
    assert {*PROTECTIVE} >= {each.kind for each in left}
    assert withheld(left, now) == withheld(events, now) != set()
    assert statuses(left)["call_in-a1"].revoked
