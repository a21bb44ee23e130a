"""The ledger without what disabled users left pending."""

from types import SimpleNamespace
from typing import Any

from flows.human_log.ledger import void_events
from models.governance.actors import name_of


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
