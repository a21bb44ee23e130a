"""Typed values (a sheet's cells, JSON's values, points) as the text that a person would have written."""

from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec

_EXACT = 2.0**53  # whole numbers up to it are exact as floats


def cell_text(value: Any) -> str | None:
    """Return a value as text: 12345.0 as 12345, true and false in words, times as ISO 8601, nested values as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) <= _EXACT else repr(value)
    if isinstance(value, datetime):
        return _to_milliseconds(value).isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return str(value) if isinstance(value, int) else msgspec.json.encode(value).decode()


def point_text(x: float, y: float) -> str:
    """Return a point as well-known text."""
    return f"POINT ({cell_text(float(x))} {cell_text(float(y))})"


def _to_milliseconds(value: datetime) -> datetime:
    """Round: a sheet keeps a time as a fraction of a day, which misses the second by some microseconds."""
    return value.replace(microsecond=0) + timedelta(milliseconds=round(value.microsecond / 1000))
