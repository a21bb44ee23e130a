"""Lists of runs: look up a list by id, whether or not its run is still kept, and find the lists in use."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from flows.home.home import Home
from flows.human_log.audit_events import halt_of
from flows.human_log.ledger import Ledger
from flows.human_log.list_events import list_events
from models.governance import list_lifecycle as lifecycle
from models.governance.audits import is_halted
from models.governance.list_lifecycle import ListStatus
from pipeline.errors import PublicationError
from pipeline.publication.publish import list_valid_to, runs, table_counts


@dataclass(frozen=True, slots=True)
class ListRun:
    """One list of one run; if the run is no longer kept, `as_of` is None and `valid_to` the latest possible."""

    list_id: str
    list_name: str
    run_id: str
    as_of: datetime | None
    valid_to: datetime
    status: ListStatus

    @property
    def is_kept(self) -> bool:
        """Return whether the people on the list can still be read."""
        return self.as_of is not None

    @property
    def usable_until(self) -> datetime:
        """Return the last moment of use."""
        return self.status.usable_until(self.valid_to)

    def state_at(self, now: datetime, halt: str | None = None) -> str:
        """Return the state of the list, with why lists of people are halted, if they are."""
        return self.status.state_at(self.valid_to, now, is_halted=is_halted(self.list_name, halt))


def find_list(home: Home, ledger: Ledger, list_id: str) -> ListRun:
    """Return the list with this id: of a kept run, or an approved one; raise PublicationError for any other."""
    try:
        status = lifecycle.status_of(list_events(ledger), list_id)
    except ValueError as error:
        raise PublicationError(f"{error}; harmspot lists show prints the existing ids") from None
    found = _list_run(home, runs(home.path), list_id, status)
    if not (found.is_kept or status.approved):
        raise PublicationError(f"list {list_id}: its run is not kept; harmspot lists show prints kept ones")
    return found


def lists_in_use(home: Home, ledger: Ledger, at: datetime) -> list[ListRun]:
    """Return the lists that are approved, not revoked and not expired at a moment; halts and later events are ignored.

    Parameters
    ----------
    home : Home
        Home that published the lists.
    ledger : Ledger
        Its ledger.
    at : datetime
        The moment.
    """
    kept = runs(home.path)
    return [
        found
        for list_id, status in lifecycle.statuses(list_events(ledger.until(at))).items()
        if status.approved and not status.revoked
        for found in [_list_run(home, kept, list_id, status)]
        if found.state_at(at) == "active"
    ]


def shown_lists(home: Home, ledger: Ledger, run_id: str | None) -> pd.DataFrame:
    """Return every list of a run (default: the latest): list_id, status, entries, approval and expiry.

    Counts only. `valid_to` is when its use ends: with its rows or with the registration under which it was approved.
    """
    kept = runs(home.path)
    if kept.empty:
        raise PublicationError(f"nothing is published in {home.path} yet; run: harmspot run --as-of DAY")
    wanted = run_id or str(kept["run_id"].iloc[-1])
    if wanted not in set(kept["run_id"]):
        raise PublicationError(f"run {wanted!r} is not kept; harmspot show runs lists those that are")
    entries = table_counts(home.path, home.key, wanted)[1]
    found, now = lifecycle.statuses(list_events(ledger)), home.now()
    halt = halt_of(home, ledger, now)
    lists = [
        _list_run(home, kept, list_id, found.get(list_id, lifecycle.NOTHING_DONE))
        for list_id in (lifecycle.list_id_of(name, wanted) for name in lifecycle.LISTS)
    ]
    rows = [
        {
            "list_id": each.list_id,
            "status": each.state_at(now, halt),
            "entries": entries[each.list_name],
            "exceptions": len({ledger.same.one_id(event.detail["person_id"]) for event in each.status.exceptions}),
            "valid_to": each.usable_until,
            "approved_by": each.status.approved.actor if each.status.approved else None,
            "stops_at": each.status.stops_at,
            "revoked_because": each.status.revoked.detail["reason"] if each.status.revoked else None,
        }
        for each in lists
    ]
    return pd.DataFrame(rows)


def human_changes(home: Home, ledger: Ledger) -> pd.DataFrame:
    """Return how often people changed lists, over every kept run (`list_lifecycle.human_changes`)."""
    found, kept = lifecycle.statuses(list_events(ledger)), set(runs(home.path)["run_id"])
    counts = {}
    for list_id in found:
        name, run_id = lifecycle.split_list_id(list_id)
        if run_id in kept:
            counts[list_id] = table_counts(home.path, home.key, run_id)[1].get(name, 0)
    return lifecycle.human_changes(found, counts, ledger.same.one_ids)


def _list_run(home: Home, kept: pd.DataFrame, list_id: str, status: ListStatus) -> ListRun:
    name, run_id = lifecycle.split_list_id(list_id)
    term = timedelta(days=home.settings.publication.people_valid_days)
    as_of: Any = kept.set_index("run_id")["as_of"].get(run_id)
    if as_of is not None:  # the end of its rows or, if it has none, from the settings
        valid_to = list_valid_to(home.path, home.key, name, run_id) or (as_of + term).to_pydatetime()
        return ListRun(list_id, name, run_id, as_of.to_pydatetime(), valid_to, status)
    # A list is approved after its run, so this is the latest possible end.
    approved_at = status.approved.at if status.approved else home.now()
    return ListRun(list_id, name, run_id, None, approved_at + term, status)
