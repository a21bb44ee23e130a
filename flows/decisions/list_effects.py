"""Expected effects of lists of people: named people register and evaluate them, as events that are never edited."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from flows.home.home import Home
from flows.home.store_access import open_home_store, read_human_events
from flows.human_log.list_events import effect_rows, list_effects
from flows.human_log.projections import project_home
from flows.human_log.report_file import sealed_report
from models.governance.list_effects import CHOSEN_LISTS, EffectEvent, missing_effect, refusal
from pipeline.errors import PublicationError
from pipeline.store.human_events import HumanEvent


def register_effect(home: Home, list_name: str, *, outcome: str, comparison: str, stop_on: date, by: str) -> None:
    """Register the expected effect of a list and its comparison, until the day `stop_on` begins.

    Raises
    ------
    PublicationError
        If a rule forbids it; the message names the rule.
    """
    details: dict[str, Any] = {"outcome": outcome, "comparison": comparison, "stops_at": home.midnight(stop_on)}
    _record_checked(home, EffectEvent("registered", by, list_name, home.now(), **details), details)


def evaluate_effect(home: Home, list_name: str, *, found: str, report: Path, by: str) -> None:
    """Record the evaluation of a registered effect; this ends the registration and every list approved under it.

    Raises
    ------
    PublicationError
        If a rule forbids it, or the report cannot be read; the message says which.
    """
    details: dict[str, Any] = {"found": found, **sealed_report(report)}
    _record_checked(home, EffectEvent("evaluated", by, list_name, home.now(), **details), details)


def shown_effects(home: Home) -> pd.DataFrame:
    """Return every registration in order, by list: the current table list_effect."""
    return effect_rows(read_human_events(home))


def lacking_effect(home: Home) -> dict[str, str]:
    """Return, by list, why each list that needs a live registration cannot be approved now; empty if all can."""
    effects = list_effects(read_human_events(home))
    why = {name: missing_effect(effects, name, home.now()) for name in CHOSEN_LISTS}
    return {name: reason for name, reason in why.items() if reason}


def _record_checked(home: Home, event: EffectEvent, detail: Mapping[str, Any]) -> None:
    with open_home_store(home) as store:
        if problem := refusal(list_effects(store.human_events()), event):
            raise PublicationError(f"list {event.list_name} cannot be {event.kind}: {problem}")
        store.record_human_event(HumanEvent(event.kind, event.actor, "list", event.list_name, event.at, detail))
    project_home(home)
