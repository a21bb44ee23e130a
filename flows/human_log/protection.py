"""Protection checks against the current store, made before a list of people or a person notice is used.

A run reads the store once. Later information that protects a person takes effect without waiting for the next run: a
person whom a gate that `protects` holds now (dead, under 18, of unknown age) is on no list and gets no person notice;
no notice is served whose evidence was corrected since; no warrant is served that was executed or recalled. Erased
people are left out wherever people are read (`Ledger.erased_people`).
"""

from collections.abc import Callable, Iterable
from datetime import datetime

import pandas as pd

from flows.home.home import Home
from models.people_lists.rules import protection
from models.people_scores.person_status import make_register
from pipeline.store.interface import Store

CHILDREN = "safeguarding"  # lists people who are, or may be, under 18
WARRANTS = "warrant_queue"


def protected(home: Home, store: Store, at: datetime) -> pd.Series:
    """Return by person_id why a gate of the rule book protects a person, as known at a moment."""
    why = protection(make_register(store.people_now(at), pd.Timestamp(at.astimezone(home.settings.force.zone))))
    return why[why.ne("")]


def contradiction(
    home: Home,
    store: Store,
    list_name: str,
    people: Iterable[str],
    warrant_ids: Iterable[str],
    *,
    named_by: Callable[[str], str] = str,
) -> str | None:
    """Return how the data now in the store contradict a list, as counts without ids; None if they do not.

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
    warrant_ids : Iterable[str]
        The warrants on it; only the warrant queue is checked for them.
    named_by : Callable[[str], str]
        Function from a pseudonym to the form used in `people`.
    """
    known_at, parts = store.latest_known_at(home.now()), []
    if list_name != CHILDREN:
        found = protected(home, store, known_at)
        counts = found[found.index.map(named_by).isin(list(people))].value_counts().sort_index()
        if who := ", ".join(f"{count} {why}" for why, count in counts.items()):
            parts.append(f"those on it are now known to be: {who}")
    if list_name == WARRANTS and (ended := len({*warrant_ids} - store.live_warrants(known_at))):
        parts.append(f"{ended} of its warrants executed or recalled")
    return " and ".join(parts) or None
