"""What a request asks for: parameters that are known, read once, and refused in words."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from starlette.requests import Request

from web.gis.collection import Collection
from web.gis.crs import CRS84, Coordinates, chosen
from web.gis.filters import LANGUAGES, compared, matching, truth
from web.gis.refusal import RefusalError
from web.gis.values import attribute, literal_of, span

LIMIT, MOST_LIMIT = 100, 10_000  # features of an answer: by default, and at most
OF_RUN = ("f", "run", "datetime")
OF_ITEM = (*OF_RUN, "crs")
OF_ITEMS = (*OF_ITEM, "limit", "offset", "bbox", "bbox-crs", "filter", "filter-lang", "filter-crs", "sortby")


def parameters(request: Request, known: Iterable[str]) -> dict[str, str]:
    """Return the parameters of a request; RefusalError for one that is not known or given twice."""
    allowed, found = list(known), {}
    for name, value in request.query_params.multi_items():
        if name not in allowed:
            raise RefusalError(f"parameter {name[:60]!r} is unknown here; known are {', '.join(allowed)}")
        if name in found:
            raise RefusalError(f"parameter {name} is given twice; give it once")
        found[name] = value
    return found


def interval_of(text: str) -> tuple[float, float]:
    """Return the seconds since 1970 of both ends of parameter `datetime`, infinite where it is open.

    OGC API – Features has no durations in it (Part 1, 7.15.4), so that they are refused.
    """
    first, divider, last = text.partition("/")
    try:
        if not divider:
            return span(text)
        start = -math.inf if first in ("", "..") else span(first)[0]
        end = math.inf if last in ("", "..") else span(last)[1]
    except RefusalError:
        raise RefusalError(
            f"datetime={text[:60]!r} is no time: expected one such as 2019-12-01T06:00:00Z, a day as 2019-12-01, or "
            "two of them with a slash between, `..` for an open end, as 2019-12-01/..; durations are not accepted"
        ) from None
    if start > end:
        raise RefusalError(f"datetime={text[:60]!r} ends before it begins; swap its ends")
    return start, end


def run_of(kept: pd.DataFrame, given: Mapping[str, str]) -> str | None:
    """Return the id of the run that is asked for: of that id, or the latest that held at a time; by default the latest.

    Parameters
    ----------
    kept : pd.DataFrame
        table `run`: run_id, as_of and valid_to, the latest and usable last.
    given : Mapping[str, str]
        parameters `run` and `datetime`.

    Returns
    -------
    str or None
        None if no run held at that time.

    Raises
    ------
    RefusalError
        The run is not kept, or the time is none.
    """
    found = kept
    if "run" in given:
        found = kept[kept["run_id"] == given["run"]]
        if found.empty:
            raise RefusalError(f"run {given['run'][:60]!r} is not kept; leave `run` out for the latest", 404)
    if "datetime" in given:
        start, end = interval_of(given["datetime"])
        begins, ends = (found[name].map(lambda at: at.timestamp()).astype(float) for name in ("as_of", "valid_to"))
        found = found[(begins <= end) & (ends >= start)]
    elif kept.empty:
        raise RefusalError("no run is published yet; make one with `harmspot run`", 404)
    return None if found.empty else str(found["run_id"].iloc[-1])


@dataclass(frozen=True, slots=True)
class Asked:
    """A page of features: their positions, how many match in all, and the coordinate system they are wanted in."""

    places: list[int]
    matched: int
    limit: int
    offset: int
    system: Coordinates


def asked_of(collection: Collection, given: Mapping[str, str]) -> Asked:
    """Return the page of a collection that parameters ask for; RefusalError if one of them cannot be read."""
    systems = collection.systems
    limit, offset = _count(given, "limit", LIMIT, 1), _count(given, "offset", 0, 0)
    system = chosen(systems, given.get("crs", CRS84), "crs")
    mask = np.ones(len(collection.table), dtype=bool)
    box_system = chosen(systems, given.get("bbox-crs", CRS84), "bbox-crs")
    if "bbox" in given:
        box = box_system.box(given["bbox"], "bbox")
        shapely.prepare(box)
        mask &= shapely.intersects(collection.shapes(box_system), box)
    mask &= _filtered(collection, given, systems)
    for name in sorted(set(given) & set(collection.kinds)):
        value = attribute(collection, name)
        is_equal = compared("=", value, literal_of(collection.kinds[name], given[name], name))
        mask &= truth(is_equal, name, len(mask)).fillna(False).to_numpy(dtype=bool)
    places = _sorted(collection, np.flatnonzero(mask), given.get("sortby", ""))
    return Asked(places[offset : offset + limit].tolist(), len(places), limit, offset, system)


def _filtered(collection: Collection, given: Mapping[str, str], systems: dict[str, Coordinates]) -> Any:
    language = given.get("filter-lang", LANGUAGES[0])
    if language not in LANGUAGES:
        raise RefusalError(f"filter-lang={language[:40]!r}: expected one of {', '.join(LANGUAGES)}")
    system = chosen(systems, given.get("filter-crs", CRS84), "filter-crs")
    return matching(collection, given["filter"], language, system) if "filter" in given else True


def _count(given: Mapping[str, str], name: str, default: int, least: int) -> int:
    """Return a whole number; one that is larger than an answer can be is the largest that can."""
    text = given.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or (int(text[-18:]) < least and len(text) <= 18):
        raise RefusalError(f"{name}={text[:40]!r}: expected a whole number of {least} or more")
    return min(int(text[-18:]) if len(text) <= 18 else 10**18, MOST_LIMIT if name == "limit" else 10**18)


def _sorted(collection: Collection, places: "np.ndarray[Any, Any]", text: str) -> "np.ndarray[Any, Any]":
    """Return positions in the order of `sortby`; equal ones keep the order of the layer, missing values come last."""
    for key in reversed([key for key in text.split(",") if key]):
        name = key.lstrip("+- ")
        if name not in collection.kinds:
            raise RefusalError(f"sortby={text[:60]!r}: {name[:60]!r} is no property of {collection.name}")
        values = collection.table[name].iloc[places].reset_index(drop=True)
        order = values.sort_values(ascending=not key.startswith("-"), kind="stable", na_position="last").index
        places = places[order.to_numpy()]
    return places
