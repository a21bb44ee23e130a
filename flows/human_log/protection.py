"""What the store knows at this moment, asked before a list of people or a letter is used, whatever a run knew.

A run looks at the store once. What comes in after it waits for no run where it protects somebody: whoever is now known
to have died, to be under 18 or of unknown age is on no list and gets no letter, no notice goes out whose evidence was
corrected since, and no warrant is served that was executed or recalled. Who was erased is left out wherever people are
read (`flows.human_log.list_events.erased_people`).
"""

from collections.abc import Callable, Iterable
from datetime import datetime

import numpy as np
import pandas as pd

from flows.home.home import Home
from models.people_scores.person_status import make_register
from pipeline.store.store import Store

CHILDREN = "safeguarding"  # who is on it is there for being under 18, or perhaps so
WARRANTS = "warrant_queue"


def protected(home: Home, store: Store, at: datetime) -> pd.Series:
    """Return by person_id why nobody may turn to the person as known at a moment: dead, under 18, of unknown age."""
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
    """Return in words how many of those on a list are protected, None where nobody is; counts alone, no ids.

    `people` : as `named_by` makes them of a pseudonym.
    """
    if list_name == CHILDREN:
        return None
    found = protected(home, store, store.latest_known_at(home.now()))
    counts = found[found.index.map(named_by).isin(list(people))].value_counts().sort_index()
    return ", ".join(f"{count} {why}" for why, count in counts.items()) or None


def ended_warrants(home: Home, store: Store, list_name: str, warrant_ids: Iterable[str]) -> int:
    """Return how many of a queue's warrants are no longer to be executed; of other lists none are asked."""
    asked = set(warrant_ids) if list_name == WARRANTS else set()
    return len(asked - store.live_warrants(store.latest_known_at(home.now()))) if asked else 0
