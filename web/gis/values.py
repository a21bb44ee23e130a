"""Values of a filter: one for all features, or one for each; what is missing makes a comparison unknown.

Times are seconds since 1970, so that they compare as numbers do; an open end of an interval is infinite.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from web.gis.collection import Collection
from web.gis.refusal import RefusalError

Array = Any  # of numpy; or one value that holds for all features
DAY = re.compile(r"\d{4}-\d\d-\d\d")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Value:
    """What a part of a filter amounts to.

    Parameters
    ----------
    kind : str
        string, number, boolean, time, interval (two times) or shape.
    data : Array
        its values; NaN, None and pandas.NA are missing.
    is_literal : bool
        True if the filter states it, so that a text may be read as a time.
    """

    kind: str
    data: Array
    is_literal: bool = False

    @property
    def is_missing(self) -> Array:
        """Where it has no value."""
        return pd.isna(self.data)


def attribute(collection: Collection, name: str) -> Value:
    """Return the values of an attribute; RefusalError if the collection has none of that name."""
    kind = collection.kinds.get(name)
    if kind is None:
        raise RefusalError(f"{name[:60]!r} is no property of {collection.name}; its queryables list them")
    values = collection.table[name]
    if kind in ("date", "time"):
        times = pd.to_datetime(values, utc=True).to_numpy(dtype="datetime64[us]")
        return Value("time", np.where(np.isnat(times), np.nan, times.astype("int64") / 1e6))
    if kind in ("integer", "number"):
        return Value("number", values.to_numpy(dtype=float, na_value=np.nan))
    return Value(kind, values.astype(object).to_numpy())


def literal_of(kind: str, text: str, name: str) -> Value:
    """Return the value that a text stands for where a property of a kind is compared with it."""
    try:
        if kind in ("integer", "number"):
            return Value("number", float(text), is_literal=True)
        if kind == "boolean":
            return Value("boolean", {"true": True, "false": False}[text.lower()], is_literal=True)
    except (ValueError, KeyError):
        raise RefusalError(f"{name}={text[:60]!r}: expected {'an' if kind == 'integer' else 'a'} {kind}") from None
    return Value("time", seconds(text), is_literal=True) if kind in ("date", "time") else Value("string", text)


def seconds(text: str) -> float:
    """Return the seconds since 1970 of a time with a zone, or of the first moment of a day (UTC)."""
    day, _ = span(text)
    return day


def span(text: str) -> tuple[float, float]:
    """Return the first and the last moment that a time (both are the same) or a day stands for.

    Raises
    ------
    RefusalError
        It is neither.
    """
    try:
        if DAY.fullmatch(text):
            start = datetime.fromisoformat(text).replace(tzinfo=UTC)
            return start.timestamp(), (start + timedelta(days=1)).timestamp() - 1e-6
        if MOMENT.fullmatch(text):
            at = datetime.fromisoformat(text.upper()).timestamp()
            return at, at
    except (ValueError, OverflowError):
        pass
    raise RefusalError(f"{text[:60]!r} is no time: expected one such as 2019-12-01T06:00:00Z, or a day as 2019-12-01")
