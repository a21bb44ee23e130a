"""Access to the home's store as its single writer, to its snapshots, and to its human events."""

from datetime import datetime

import pandas as pd

from flows.home.home import Home
from pipeline.store.snapshot import Snapshot, open_snapshot
from pipeline.store.store import Store, open_store


def open_home_store(home: Home) -> Store:
    """Open the home's store as its single writer and return it."""
    wait_s = home.settings.store.wait_s
    return open_store(home.store, home.key, wait_s=wait_s, progress=home.progress, log=home.access_log)


def open_home_snapshot(home: Home, as_of: datetime, **clocks: datetime) -> Snapshot:
    """Open a snapshot of the home's store at `as_of`; `clocks` may name known_at and since (`open_snapshot`)."""
    wait_s = home.settings.store.wait_s
    return open_snapshot(home.store, home.key, as_of=as_of, wait_s=wait_s, progress=home.progress, **clocks)


def read_human_events(home: Home) -> pd.DataFrame:
    """Return the current `Store.human_events` of the home; publications show only projections of it."""
    with open_home_store(home) as store:
        return store.human_events()
