"""The home's store, opened as its one writer, and the human events it holds."""

import pandas as pd

from flows.home.home import Home
from pipeline.store.store import Store, open_store


def open_home_store(home: Home) -> Store:
    """Return the home's store, opened as its one writer."""
    wait_s = home.settings.store.wait_s
    return open_store(home.store, home.key, wait_s=wait_s, progress=home.progress, log=home.access_log)


def read_human_events(home: Home) -> pd.DataFrame:
    """Return `Store.human_events` as it stands in the home's store: the truth that publications only show."""
    with open_home_store(home) as store:
        return store.human_events()
