"""Read incidents of a third-party file without a store, for a forecast directly from the file."""

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
    path : Path
        CSV or Parquet file, or a folder of them.
    mapping : Mapping
        The mapping of the file.
    horizon : datetime
        Latest time an incident may be dated.

    Returns
    -------
    pandas.DataFrame
        occurred_at (UTC), offence (harmspot code), lon, lat.
    int
        Number of rows that a load would turn into dead letters.

    Raises
    ------
    SourceError
        As `Store.load_mapped`.
    MappingError
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
