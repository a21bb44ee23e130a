"""Expected effects of lists of people: named people register and evaluate them, as events that are never edited."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from flows.decisions.desk import at_desk
from flows.home.home import Home
from flows.human_log.ledger import Ledger
from flows.human_log.list_events import list_effects
from flows.human_log.report_file import sealed_report
from models.governance.list_effects import CHOSEN_LISTS, EFFECT, missing_effect
from pipeline.errors import PublicationError
from pipeline.store.human_events import HumanEvent


def register_effect(home: Home, list_name: str, *, outcome: str, comparison: str, stop_on: date, by: str) -> None:
    """Register the expected effect of a list and its comparison, until the day `stop_on` begins.

    Raises
    ------
    PublicationError
        If a rule forbids it; the message names the rule.
    """
    detail = {"outcome": outcome, "comparison": comparison, "stops_at": home.midnight(stop_on)}
    _record(home, "registered", by, list_name, detail)


def evaluate_effect(home: Home, list_name: str, *, found: str, report: Path, by: str) -> None:
    """Record the evaluation of a registered effect; this ends the registration and every list approved under it.

    Raises
    ------
    PublicationError
        If a rule forbids it, or the report cannot be read; the message says which.
    """
    _record(home, "evaluated", by, list_name, {"found": found, **sealed_report(report)})


def lacking_effect(home: Home, ledger: Ledger) -> dict[str, str]:
    """Return, by list, why each list that needs a live registration cannot be approved now; empty if all can."""
    effects = list_effects(ledger)
    why = {name: missing_effect(effects.get(name, ()), name, home.now()) for name in CHOSEN_LISTS}
    return {name: reason for name, reason in why.items() if reason}


def _record(home: Home, kind: str, by: str, list_name: str, detail: Mapping[str, Any]) -> None:
    with at_desk(home) as desk:
        event = HumanEvent(kind, by, "list", list_name, home.now(), detail)
        if problem := EFFECT.refusal(list_effects(desk.ledger).get(list_name, ()), event):
            raise PublicationError(f"list {list_name} cannot be {kind}: {problem}")
        desk.record(event)
