"""Lists of runs: look up a list by id, whether or not its run is still kept, and find the lists in use."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from flows.home.home import Home
from flows.home.store_access import read_human_events
from flows.human_log.list_events import list_events
from models.governance import list_lifecycle as lifecycle
from models.governance.list_lifecycle import ListStatus
from pipeline.errors import PublicationError
from pipeline.publication.publish import list_valid_to, runs
from pipeline.publication.tables import read_tables


@dataclass(frozen=True, slots=True)
class ListRun:
    """One list of one run; if the run is no longer kept, `as_of` is None and `valid_to` the latest possible."""

    list_id: str
    list_name: str
    run_id: str
    as_of: datetime | None
    valid_to: datetime

    @property
    def is_kept(self) -> bool:
        """Return whether the people on the list can still be read."""
        return self.as_of is not None


def list_names() -> list[str]:
    """Return the names of the lists that this version publishes."""
    return [name for name in lifecycle.LISTS if name in read_tables().restricted]


def find_list(home: Home, list_id: str) -> ListRun:
    """Return the list with this id: of a kept run, or an approved one; raise PublicationError for any other."""
    try:
        lifecycle.split_list_id(list_id)
    except ValueError as error:
        raise PublicationError(f"{error}; harmspot lists show prints the existing ids") from None
    status = lifecycle.statuses(list_events(read_human_events(home))).get(list_id, lifecycle.NOTHING_DONE)
    found = _list_run(home, runs(home.path), list_id, status)
    if not (found.is_kept or status.approved):
        raise PublicationError(f"list {list_id}: its run is not kept; harmspot lists show prints kept ones")
    return found


def lists_in_use(home: Home, events: pd.DataFrame, at: datetime) -> list[ListRun]:
    """Return the lists that are approved, not revoked and not expired at a moment; halts are ignored.

    Parameters
    ----------
    home : Home
        Home that published the lists.
    events : pd.DataFrame
        `Store.human_events`; events recorded after the moment are ignored.
    at : datetime
        The moment.
    """
    kept = runs(home.path)
    done = [event for event in list_events(events) if event.at <= at]
    return [
        found
        for list_id, status in lifecycle.statuses(done).items()
        if status.approved and not status.revoked
        for found in [_list_run(home, kept, list_id, status)]
        if status.state_at(found.valid_to, at) == "active" and found.list_name in list_names()
    ]


def _list_run(home: Home, kept: pd.DataFrame, list_id: str, status: ListStatus) -> ListRun:
    name, run_id = lifecycle.split_list_id(list_id)
    as_of = kept.set_index("run_id")["as_of"].get(run_id)
    if as_of is not None:
        return ListRun(list_id, name, run_id, as_of.to_pydatetime(), valid_to(home, name, run_id, as_of))
    # A list is approved after its run, so this is the latest possible end.
    approved_at = status.approved.at if status.approved else home.now()
    return ListRun(list_id, name, run_id, None, approved_at + _term(home))


def valid_to(home: Home, list_name: str, run_id: str, as_of: Any) -> datetime:
    """Return the end of validity of a kept run's list: from its rows or, if it has none, from the settings."""
    return list_valid_to(home.path, home.key, list_name, run_id) or (as_of + _term(home)).to_pydatetime()


def _term(home: Home) -> timedelta:
    return timedelta(days=home.settings.publication.people_valid_days)
