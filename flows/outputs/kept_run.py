"""A kept run, by its id or the latest."""

import pandas as pd

from flows.home.home import Home
from pipeline.errors import PublicationError
from pipeline.publication.publish import runs


def kept_run(home: Home, run_id: str | None) -> pd.Series:
    """Return the row of table `run` of a kept run, by default the latest; PublicationError if there is none."""
    kept = runs(home.path)
    chosen = kept[kept["run_id"] == run_id] if run_id else kept.tail(1)
    if chosen.empty:
        raise PublicationError(
            f"run {run_id or '(the latest)'} is not kept in {home.path}; `harmspot show runs` lists them"
        )
    return chosen.iloc[0]
