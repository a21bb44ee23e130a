"""Incidents of somebody else's file without a store: for a forecast straight from the file."""

from datetime import datetime
from pathlib import Path

import pandas as pd

from pipeline.database import connect
from pipeline.sources import mapped_files
from pipeline.sources.mapping import Mapping

COLUMNS = "SELECT occurred_at, offence_code AS offence, lon, lat FROM mapped WHERE rule IS NULL ORDER BY ALL"
UNREADABLE = "SELECT count(*) FROM mapped WHERE rule IS NOT NULL"


def read_mapped_incidents(path: Path, mapping: Mapping, *, horizon: datetime) -> tuple[pd.DataFrame, int]:
    """Read a file, or a folder of files, through a mapping.

    Parameters
    ----------
    horizon
        Latest moment an incident may be dated.

    Returns
    -------
    DataFrame with occurred_at (UTC), offence (our code), lon, lat; and how many rows a load would make dead letters.

    Raises
    ------
    SourceError, MappingError
        As `Store.load_mapped`.
    """
    connection = connect(is_encrypting=False)
    try:
        mapped_files.read_raw(connection, path, mapping)
        mapped_files.map_incidents(connection, mapping, horizon)
        incidents = connection.execute(COLUMNS).to_arrow_table().to_pandas()
        row = connection.execute(UNREADABLE).fetchone()
    finally:
        connection.close()
    return incidents, int(row[0]) if row else 0
