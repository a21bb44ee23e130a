"""Frames as JSON-ready rows."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def to_json_rows(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a frame as JSON-ready objects, without geometries."""
    plain = frame.drop(columns=[c for c in frame.columns if c.endswith("_wkb")])
    return [{str(key): json_value(value) for key, value in row.items()} for row in plain.to_dict("records")]


def json_value(value: Any) -> Any:
    """Return a JSON-ready value: NumPy scalars as Python scalars, missing values as None, times as ISO 8601."""
    import numpy as np
    import pandas as pd

    if isinstance(value, np.ndarray | list | tuple):
        return [json_value(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NaT or (isinstance(value, float) and not np.isfinite(value)) or value is pd.NA:
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value
