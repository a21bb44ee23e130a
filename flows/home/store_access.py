"""Access to the home's store as its single writer, and to its published tables of people."""

import pandas as pd

from flows.home.home import Home
from pipeline.publication.publish import read_restricted
from pipeline.store.store import Store, open_store


def open_home_store(home: Home) -> Store:
    """Open the home's store as its single writer and return it."""
    wait_s = home.settings.store.wait_s
    return open_store(home.store, home.key, wait_s=wait_s, progress=home.progress, log=home.access_log)


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
        now=home.now(),
        run_id=run_id,
    )
