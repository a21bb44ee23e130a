"""Lists as runs made them: found by id, whether or not their run is still kept, and those that are in use."""

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
    """One list of one run; `as_of` is None where the run is no longer kept, and `valid_to` then the latest possible."""

    list_id: str
    list_name: str
    run_id: str
    as_of: datetime | None
    valid_to: datetime

    @property
    def is_kept(self) -> bool:
        """Return whether anybody can still read who is on it."""
        return self.as_of is not None


def list_names() -> list[str]:
    """Return the lists that this version publishes."""
    return [name for name in lifecycle.LISTS if name in read_tables().restricted]


def find_list(home: Home, list_id: str) -> ListRun:
    """Return the list that an id means: of a kept run, or one that somebody approved; else PublicationError."""
    try:
        lifecycle.split_list_id(list_id)
    except ValueError as error:
        raise PublicationError(f"{error}; harmspot lists show prints those there are") from None
    status = lifecycle.statuses(list_events(read_human_events(home))).get(list_id, lifecycle.NOTHING_DONE)
    found = _list_run(home, runs(home.path), list_id, status)
    if not (found.is_kept or status.approved):
        raise PublicationError(f"list {list_id}: its run is not kept; harmspot lists show prints those that are")
    return found


def lists_in_use(home: Home, events: pd.DataFrame, at: datetime) -> list[ListRun]:
    """Return the lists that were approved, not revoked and not past their time at a moment; halts aside.

    `events` : what people did, of which counts what was recorded by then.
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
    # A list is approved after its run, so it is valid no longer than this.
    approved_at = status.approved.at if status.approved else home.now()
    return ListRun(list_id, name, run_id, None, approved_at + _term(home))


def valid_to(home: Home, list_name: str, run_id: str, as_of: Any) -> datetime:
    """Return until when a kept run's list is valid: what its rows say, and where it has none what the settings do."""
    return list_valid_to(home.path, home.key, list_name, run_id) or (as_of + _term(home)).to_pydatetime()


def _term(home: Home) -> timedelta:
    return timedelta(days=home.settings.publication.people_valid_days)
