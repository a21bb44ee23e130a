"""The rows about one person in every kept run, for whoever asks what is held about them."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import pandas as pd

from pipeline.database import frame, name_sql
from pipeline.privacy.access_log import AccessLog
from pipeline.privacy.keys import Key
from pipeline.publication.duckdb_file import opened, table_names
from pipeline.publication.publish import RESTRICTED
from pipeline.publication.tables import read_tables


def rows_of_person(
    home: Path,
    key: Key,
    ids: Collection[str],
    *,
    reader: str | None,
    purpose: str | None,
    log: AccessLog,
    now: datetime,
) -> dict[str, pd.DataFrame]:
    """Return the rows about the person of these ids by table, of every kept run; the access log records the read first.

    Raises
    ------
    PurposeError
        Without a named reader and a purpose.
    """
    log.append(reader=reader, purpose=purpose, action="read", detail={"table": "all", "run_id": "all kept"}, now=now)
    if not (home / RESTRICTED).exists():
        return {}
    about_people = {
        name: table for name, table in read_tables().restricted.items() if "person_id" in table.column_names
    }
    with opened(home / RESTRICTED, key.encryption) as connection:
        kept = table_names(connection)
        return {
            name: frame(
                connection,
                f"SELECT * FROM kept.{name_sql(name)} WHERE person_id IN (SELECT unnest($ids::VARCHAR[])) ORDER BY ALL",  # noqa: S608 - ours
                {"ids": sorted(ids)},
            )
            for name in about_people
            if name in kept
        }
