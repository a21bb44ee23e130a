"""Access to the home's store as its single writer, to its snapshots, and to its published tables of people.

The store keeps the mark that the access log has reached whenever it is closed. `mark_reads` does it after reads for
which nobody opened the store.
"""

from datetime import datetime
from typing import Any

import pandas as pd

from flows.home.home import Home
from flows.home.last_run import last_done
from pipeline.clock import refuse_leap
from pipeline.errors import StoreError
from pipeline.publication.publish import read_restricted
from pipeline.shared_store.moving import leave_address
from pipeline.shared_store.opening import open_snapshot, open_store
from pipeline.shared_store.server import Database
from pipeline.store.interface import Store
from pipeline.store.snapshot import Snapshot


def open_home_store(home: Home) -> Store:
    """Open the home's store as its single writer and return it.

    Raises
    ------
    SettingsError
        The settings are of another force.
    StoreError
        The home is for rehearsals, and the store was not made for them; or as `Home.refuse_lost_store`, `open_store`.
    """
    wait_s = home.settings.store.wait_s
    home.refuse_other_force()
    home.refuse_lost_store()
    place = home.store
    store = open_store(place, home.key, wait_s=wait_s, progress=home.progress, log=home.access_log)
    if isinstance(place, Database) and not home.store_file.exists():
        leave_address(home.store_file, place)  # whatever the settings say later, the store is there
    if home.is_rehearsal and not store.is_for_rehearsals():
        store.close()
        raise StoreError(
            f"{home.store} was not made for rehearsals and may hold real people; remove {home.path / 'rehearsal'} to "
            "open it as what it is"
        )
    if home.settings.publication.source_ids == "keyed":
        store.key_new_ids()  # and those of what came in before the settings said so
    return store


def last_recorded(home: Home, store: Store) -> datetime | None:
    """Return the latest time in log, store and runs; None before any, for batches alone may have a typed clock."""
    acts = [at for at in (home.access_log.last_at(), store.last_event_at(), last_done(home.path)) if at]
    return max(*acts, store.last_batch_at() or acts[0]) if acts else None


def refuse_clock_ahead(home: Home, store: Store) -> None:
    """Raise ClockError if the system's clock is far ahead of what the home has recorded: whoever records asks first.

    What protects people is not refused, and in rehearsals any clock may be typed.
    """
    if not (home.is_protecting or home.is_rehearsal):
        refuse_leap(home.acting().now(), last_recorded(home, store), home.path)


def mark_reads(home: Home) -> None:
    """Store the mark of the access log, so that nobody can cut off the last entries unseen; waits for the store."""
    with open_home_store(home):
        pass


def open_home_snapshot(home: Home, as_of: datetime, **clocks: Any) -> Snapshot:
    """Open a snapshot of the home's store at `as_of`; `clocks` may name known_at and since (`open_snapshot`)."""
    wait_s = home.settings.store.wait_s
    return open_snapshot(home.store, home.key, as_of=as_of, wait_s=wait_s, progress=home.progress, **clocks)


def read_people(
    home: Home, table: str, run_id: str | None = None, *, reader: str | None, purpose: str | None
) -> pd.DataFrame:
    """Return a published table of people; the read is logged first. Raises as `read_restricted`."""
    return read_restricted(
        home.path,
        home.key,
        table,
        reader=reader,
        purpose=purpose,
        log=home.access_log,
        now=home.acting().now(),
        run_id=run_id,
    )
