"""Rows of a file as a mapping reads them, without a store: each an incident or the reason for its refusal."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from pipeline.database import connect
from pipeline.mapped import mapped_files
from pipeline.mapped.mapping import Mapping
from pipeline.mapped.mapping_file import read_mapping

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OFFENCES = "offence,offence_code,discovery\nTheft,theft_other,public\n"
COLUMNS = {"incident_id": "id", "occurred_at": "when", "offence": "what", "x": "x", "y": "y"}
DOCUMENT = {
    **{"name": "town", "about": "A town", "source": "town-police", "offences": "offences.csv"},
    **{"time_zone": "America/New_York", "columns": COLUMNS},
}
GOOD = {"id": "i1", "when": "2018-07-01 12:00:00", "what": "Theft", "x": "-75.25", "y": "39.5"}


def mapping_of(folder: Path, table: str = OFFENCES, **changes: Any) -> Mapping:
    (folder / "offences.csv").write_text(table, encoding="utf-8")
    (folder / "town.yaml").write_text(yaml.safe_dump({**DOCUMENT, **changes}), encoding="utf-8")
    return read_mapping(folder / "town.yaml")


def read(folder: Path, rows: list[dict[str, Any]], mapping: Mapping, name: str = "in.csv") -> list[dict[str, Any]]:
    """Return each row's values, with `reason` and `detail` where it is refused, in the order of the rows."""
    table = pd.DataFrame([{**GOOD, **row} for row in rows])
    table.to_parquet(folder / name) if name.endswith(".parquet") else table.to_csv(folder / name, index=False)
    with closing(connect(is_encrypting=False, at_most_threads=1)) as connection:  # of a few rows
        mapped_files.read_raw(connection, folder / name, mapping)
        mapped_files.map_incidents(connection, mapping, NOW)
        mapped_files.stage_incidents(connection)
        staged = connection.execute("FROM staged ORDER BY row_number").to_arrow_table().to_pylist()
        dead = mapped_files.refuse(connection, mapping).to_pylist()
    refused = {
        letter["source_offset"]: {key: letter[key] for key in ("reason", "detail", "about", "value")} for letter in dead
    }
    return [row | refused.get(row["source_offset"], {"reason": None}) for row in staged]


def times(folder: Path, texts: list[Any], *, name: str = "in.csv", **changes: Any) -> list[str]:
    """Return for each text of occurred_at the instant (UTC) and its precision, or the reason for its refusal."""
    return [told(row) for row in read(folder, [{"when": text} for text in texts], mapping_of(folder, **changes), name)]


def told(row: dict[str, Any]) -> str:
    """Return the instant (UTC) and precision of a row, or the reason for its refusal."""
    return row["reason"] or f"{row['occurred_at'].astimezone(UTC):%Y-%m-%d %H:%M:%S} {row['occurred_precision']}"
