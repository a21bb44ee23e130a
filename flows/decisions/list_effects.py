"""What lists of people should bring about: registered and evaluated by named people, as acts that are never edited."""

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
    """Register what a list should bring about, beside what, until the day `stop_on` begins.

    Raises
    ------
    PublicationError : a rule forbids it; the message says which.
    """
    said: dict[str, Any] = {"outcome": outcome, "comparison": comparison, "stops_at": home.midnight(stop_on)}
    _do(home, EffectEvent("registered", by, list_name, home.now(), **said), said)


def evaluate_effect(home: Home, list_name: str, *, found: str, report: Path, by: str) -> None:
    """Record what came of a list's registration, which ends it and the use of every list approved under it.

    Raises
    ------
    PublicationError : a rule forbids it, or the report cannot be read; the message says which.
    """
    said: dict[str, Any] = {"found": found, **sealed_report(report)}
    _do(home, EffectEvent("evaluated", by, list_name, home.now(), **said), said)


def shown_effects(home: Home) -> pd.DataFrame:
    """Return every registration, by list in order: table list_effect as it stands now."""
    return effect_rows(read_human_events(home))


def lacking_effect(home: Home) -> dict[str, str]:
    """Return why each list that needs a live registration may not be approved now, by list; empty where all may."""
    effects = list_effects(read_human_events(home))
    why = {name: missing_effect(effects, name, home.now()) for name in CHOSEN_LISTS}
    return {name: words for name, words in why.items() if words}


def _do(home: Home, event: EffectEvent, detail: Mapping[str, Any]) -> None:
    with open_home_store(home) as store:
        if words := refusal(list_effects(store.human_events()), event):
            raise PublicationError(f"list {event.list_name} cannot be {event.kind}: {words}")
        store.record_human_event(HumanEvent(event.kind, event.actor, "list", event.list_name, event.at, detail))
    project_home(home)
