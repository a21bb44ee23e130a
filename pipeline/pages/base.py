"""Shared parts of the pages: templates with escaped values, number formats, rows of frames."""

import math
from collections.abc import Mapping
from datetime import date, datetime
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.wording.catalogue import Catalogue


def page_environment(zone: ZoneInfo | None = None, catalogue: Catalogue | None = None) -> Environment:
    """Return the environment for `templates/`: values are escaped, missing ones are errors, times are local to `zone`.

    A template that shows times cannot be rendered without a zone. `_("text {name}", name=value)` and
    `_n("{count} area", "{count} areas", count)` are the messages of the catalogue (by default English).
    """
    catalogue = catalogue or Catalogue()
    environment = Environment(
        loader=PackageLoader("pipeline.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def moment(value: datetime) -> str:
        local = value.astimezone(zone)
        return f"{local.day} {local:%B %Y, %H:%M}"

    def day(value: date) -> str:
        return f"{value.day} {value:%B %Y}"

    environment.globals |= {
        "asset": read_asset,
        "_": catalogue.html,
        "_n": catalogue.plural,
        "lang": catalogue.language,
    }
    environment.filters |= {
        "number": number,
        "percent": percent,
        "words": words,
        "day": day,
        "chance": chance,
        "days_ahead": days_ahead,
    }
    environment.filters |= {"moment": moment} if zone else {}
    return environment


def local_moments(frame: pd.DataFrame, zone: ZoneInfo) -> pd.DataFrame:
    """Return the frame with all times converted to the zone, so that dates are local dates."""
    moments = frame.select_dtypes("datetimetz")
    return frame.assign(**{str(name): column.dt.tz_convert(zone) for name, column in moments.items()})


def read_asset(name: str) -> Markup:
    """Return a style sheet or script of harmspot, which is embedded unescaped."""
    return Markup((resources.files("pipeline.pages") / "templates" / name).read_text(encoding="utf-8"))


def page_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as mappings; missing values become None and arrays lists."""
    rows = frame.drop(columns="geometry_wkb", errors="ignore").astype(object).to_dict("records")
    return [page_row(row) for row in rows]


def page_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return one row as `page_rows` does."""
    return {str(name): _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return None if isinstance(value, float) and math.isnan(value) else value


def number(value: float | None, digits: int = 0) -> str:
    """Return a number with thousands separators, or a dash if it is missing.

    >>> number(1234.5, 1), number(None), number(0.0312, 2)
    ('1,234.5', '–', '0.03')
    """
    return "–" if value is None or math.isnan(value) else f"{value:,.{digits}f}"


def percent(value: float | None) -> str:
    """Return a share in whole percent; 0% and 100% are only used for exact values.

    >>> percent(0.999), percent(1.0), percent(0.004), percent(0.42)
    ('>99%', '100%', '<1%', '42%')
    """
    if value is None or math.isnan(value):
        return "–"
    if 0 < value < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= value < 1 else f"{value:.0%}"


def chance(value: float | None) -> str:
    """Return a share of draws in whole percent; one of none is not told from one of few, nor one of all from most.

    >>> chance(0.0), chance(0.008), chance(0.42), chance(1.0)
    ('<1%', '<1%', '42%', '>99%')
    """
    if value is None or math.isnan(value):
        return "–"
    return "<1%" if value < 0.01 else ">99%" if value > 0.99 else f"{value:.0%}"


def days_ahead(days: float | None) -> str:
    """Return a horizon as in "over the next 30 days"; runs of earlier versions published none."""
    return "the days ahead" if days is None or pd.isna(days) else f"the next {days:.0f} days"


def words(name: str) -> str:
    """Return the name of a column or measure with spaces for underscores."""
    return name.replace("_", " ")
