"""Shared parts of the pages: templates with escaped values, number formats, rows of frames."""

import math
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.terminal_text import inert_in_page
from pipeline.wording.catalogue import Catalogue
from pipeline.wording.formats import formats_of

number, percent, chance = formats_of("en").number, formats_of("en").percent, formats_of("en").chance


def page_environment(zone: ZoneInfo | None = None, catalogue: Catalogue | None = None) -> Environment:
    """Return the environment for `templates/`: values are escaped, missing ones are errors, times are local to `zone`.

    A template that shows times cannot be rendered without a zone. `_("text {name}", name=value)` and
    `_n("{count} area", "{count} areas", count)` are the messages of the catalogue (by default English), and
    `text | sentence` is a sentence of a published table in its language, `value | translated` a value from data,
    `name | named` the name of a place. A
    message is part of the page and may hold HTML, so that only a literal may be one.
    """
    catalogue = catalogue or Catalogue()
    environment = Environment(
        loader=PackageLoader("pipeline.pages"),
        autoescape=True,
        finalize=inert_value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    formats = catalogue.formats

    def moment(value: datetime) -> str:
        return formats.moment(value.astimezone(zone))

    environment.globals |= {
        "asset": read_asset,
        "_": catalogue.html,
        "_n": catalogue.plural,
        "lang": catalogue.language,
    }
    environment.filters |= {
        "number": formats.number,
        "percent": formats.percent,
        "words": words,
        "day": formats.day,
        "chance": formats.chance,
        "days_ahead": partial(days_ahead, catalogue=catalogue),
        "sentence": catalogue.sentence_html,
        "translated": catalogue.text,
        "named": lambda name: catalogue.sentence(name) if name else name,
    }
    environment.filters |= {"moment": moment} if zone else {}
    return environment


def inert_value(value: Any) -> Any:
    """Return what a template prints, without characters that steer the page; it is escaped after this."""
    return type(value)(inert_in_page(value)) if isinstance(value, str) else value


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
    return None if value is pd.NaT or (isinstance(value, float) and math.isnan(value)) else value


def days_ahead(days: float | None, catalogue: Catalogue | None = None) -> str:
    """Return a horizon as in "over the next 30 days"; runs of earlier versions published none."""
    catalogue = catalogue or Catalogue()
    if days is None or pd.isna(days):
        return catalogue.text("the days ahead")
    return catalogue.text("the next {days} days", days=catalogue.formats.number(days))


def words(name: str) -> str:
    """Return the name of a column or measure with spaces for underscores."""
    return name.replace("_", " ")
