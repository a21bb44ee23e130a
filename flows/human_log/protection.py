"""Protection checks against the current store, made before a list of people or a person notice is used.

A run reads the store once. Later information that protects a person takes effect without waiting for the next run: a
person now known to be dead, under 18 or of unknown age is on no list and gets no person notice; no notice is served
whose evidence was corrected since; no warrant is served that was executed or recalled. Erased people are left out
wherever people are read (`flows.human_log.list_events.erased_people`).
"""

from collections.abc import Callable, Iterable
from datetime import datetime

import numpy as np
import pandas as pd

from flows.home.home import Home
from models.people_scores.person_status import make_register
from pipeline.store.interface import Store

CHILDREN = "safeguarding"  # lists people who are, or may be, under 18
WARRANTS = "warrant_queue"


def protected(home: Home, store: Store, at: datetime) -> pd.Series:
    """Return by person_id why a person is protected, as known at a moment: dead, under 18, of unknown age."""
    register = make_register(store.people_now(at), pd.Timestamp(at.astimezone(home.settings.force.zone)))
    why = np.select(
        [register["is_deceased"], register["is_under_18"], register["is_age_unknown"]],
        ["dead", "under 18", "of unknown age"],
        default="",
    )
    found = pd.Series(why, index=register.index)
    return found[found.ne("")]


def protected_on(
    home: Home, store: Store, list_name: str, people: Iterable[str], *, named_by: Callable[[str], str] = str
) -> str | None:
    """Return as text how many people on a list are protected, None if nobody is; counts only, no ids.

    Parameters
    ----------
    home : Home
        Home of the store.
    store : Store
        Its open store.
    list_name : str
        Name of the list.
    people : Iterable[str]
        The people on it, in the form that `named_by` returns.
    named_by : Callable[[str], str]
        Function from a pseudonym to the form used in `people`.
    """
    if list_name == CHILDREN:
        return None
    found = protected(home, store, store.latest_known_at(home.now()))
    counts = found[found.index.map(named_by).isin(list(people))].value_counts().sort_index()
    return ", ".join(f"{count} {why}" for why, count in counts.items()) or None


def ended_warrants(home: Home, store: Store, list_name: str, warrant_ids: Iterable[str]) -> int:
    """Return how many warrants of the queue are no longer to be executed; 0 for any other list."""
    asked = set(warrant_ids) if list_name == WARRANTS else set()
    return len(asked - store.live_warrants(store.latest_known_at(home.now()))) if asked else 0
