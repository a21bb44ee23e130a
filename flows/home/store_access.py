"""Access to the home's store as its single writer, and to its human events."""

import pandas as pd

from flows.home.home import Home
from pipeline.store.interface import Store
from pipeline.store.store import open_store


def open_home_store(home: Home) -> Store:
    """Open the home's store as its single writer and return it."""
    wait_s = home.settings.store.wait_s
    return open_store(home.store, home.key, wait_s=wait_s, progress=home.progress, log=home.access_log)


def read_human_events(home: Home) -> pd.DataFrame:
    """Return the current `Store.human_events` of the home; publications show only projections of it."""
    with open_home_store(home) as store:
        return store.human_events()
