"""Tables inside the page: compressed for downloads, as JSON for the question of the day."""

import base64
import gzip
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from pipeline.privacy.pii_guard import refuse_people_in_text

UNPRINTED = ("geometry_wkb", "body_html")
OF_RUN = ("run_id", "as_of", "valid_to")
QUESTION = ("offence_group", "shift", "area_id", "rank", "rank_lo", "rank_hi", "p_top_k", "count_28_days",
            "count_365_days", "expected_count", "expected_lo", "expected_hi")  # fmt: skip


def packed_tables(tables: Mapping[str, pd.DataFrame], zone: ZoneInfo) -> str:
    """Return the tables that have rows as base64 of compressed JSON; the same tables give the same text.

    Times are local with their offset. The script of the page makes CSV and XLSX of them.

    Raises
    ------
    PublicationError
        When a table names a person by pseudonym: nobody could see it in the compressed text.
    """
    shown = {name: _columns_and_rows(frame, zone) for name, frame in tables.items() if len(frame)}
    text = _json(shown)
    refuse_people_in_text("report.html", text)
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()


def answered(ranking: pd.DataFrame, area_ids: Iterable[str]) -> pd.DataFrame:
    """Return the rows of `offence_ranking` about the areas of the main set that have a rank, by group, shift, rank."""
    is_answer = ranking["area_id"].isin(list(area_ids)) & ranking["rank"].notna()
    return ranking[is_answer].sort_values(["offence_group", "shift", "rank", "area_id"])


def question_json(ranking: pd.DataFrame) -> str:
    """Return `answered` rows as JSON, one list for each of the columns that the page shows; "" if there are none."""
    if ranking.empty:
        return ""
    return _json(_columns_and_rows(ranking[list(QUESTION)], None))


def _json(content: Any) -> str:
    """Return JSON that a browser reads: it knows no NaN and no Infinity."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=str, allow_nan=False)


def _columns_and_rows(frame: pd.DataFrame, zone: ZoneInfo | None) -> dict[str, Any]:
    kept = frame.drop(columns=[*UNPRINTED, *OF_RUN], errors="ignore")
    columns = {str(name): _plain(kept[name], zone) for name in kept}
    return {"columns": list(columns), "values": list(columns.values())}


def _plain(column: pd.Series, zone: ZoneInfo | None) -> list[Any]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert(zone)
        return [None if pd.isna(value) else value.isoformat(sep=" ", timespec="minutes") for value in column]
    if column.dtype.kind == "f":
        return [float(f"{value:.8g}") if math.isfinite(value) else None for value in column.tolist()]
    if isinstance(column.dtype, pd.StringDtype):
        return list(column.astype(object).where(column.notna(), None))
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iub":
        return list(column.tolist())
    return [_text(value) for value in column.tolist()]


def _text(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if pd.isna(value) or (isinstance(value, float) and not math.isfinite(value)):  # JSON has no word for either
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)
