"""One place over all kept runs: the rows of a small table, each run's checked against its hash."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pandas as pd

from pipeline.publication.duckdb_file import version_of
from pipeline.publication.publish import PUBLISHED, read_kept


def read_history(home: Path, table_name: str) -> pd.DataFrame:
    """Return the rows of a table of places of all kept usable runs, the oldest run first; do not change them.

    Raises
    ------
    PublicationError
        Nothing is published, it is no table of places, or rows are not those that were published.
    """
    return _history(home, table_name, version_of(home / PUBLISHED) if (home / PUBLISHED).exists() else ())


@lru_cache(maxsize=8)
def _history(home: Path, table_name: str, version: tuple[int, ...]) -> pd.DataFrame:
    found: Sequence[pd.DataFrame] = read_kept(home, table_name)
    return pd.concat(found, ignore_index=True).sort_values("as_of", kind="stable", ignore_index=True)
