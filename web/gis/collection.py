"""A collection: a layer of one run, its features in the coordinate systems asked for, and what they can be asked by."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from flows.outputs.themes import descriptions
from geo.crs import extent_in_degrees
from geo.layers import Description, Field
from geo.layers.geojson import in_degrees, time_texts
from geo.layers.layer import Layer, layer_of, run_stamp
from web.gis.crs import Coordinates, offered, stored
from web.gis.refusal import RefusalError

MILLIMETRE = 1e-3
POINTS = Description(
    "Points of interest",
    "Points of interest that the run was made with.",
    fields=(Field("kind", "Kind", "What stands there.", "string"),),
)
TYPES: Mapping[str, Mapping[str, str]] = {  # kind of a field → JSON schema of its values
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "date-time"},
}
KINDS = {"list": "string", "int32": "integer", "int64": "integer", "double": "number", "bool": "boolean"}
OF_DTYPE = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "M": "time"}
Made = TypeVar("Made")
as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class Run(Protocol):
    """A kept run as the board holds it: read from one version of the published file."""

    @property
    def run(self) -> Mapping[str, Any]:
        """The row of table `run`."""

    @property
    def run_id(self) -> str:
        """The id of the run."""

    def drawn(self) -> dict[str, gpd.GeoDataFrame]:
        """Return its layers, in its metric coordinate system."""

    def warnings(self) -> list[str]:
        """Return what every reader is told first."""

    def made(self, key: Any, make: Callable[[], Made]) -> Made:
        """Return what is made of the run alone: once."""


@dataclass(frozen=True)
class Collection:
    """A layer of a run as the service shows it."""

    day: Run
    layer: Layer

    @property
    def name(self) -> str:
        """Its id in addresses."""
        return self.layer.theme

    @property
    def systems(self) -> dict[str, Coordinates]:
        """The coordinate systems that it is offered in, by URI."""
        return offered(str(self.day.run["crs"]))

    @property
    def stored(self) -> Coordinates | None:
        """The metric system that it is kept in; None if no authority numbers it."""
        return stored(str(self.day.run["crs"]))

    @cached_property
    def table(self) -> pd.DataFrame:
        """Its attributes in the order of the layer; lists are joined to text, as in the layers' files."""
        flat = self.layer.flat
        return pd.DataFrame(flat.drop(columns=flat.geometry.name))

    @cached_property
    def kinds(self) -> dict[str, str]:
        """The kind of each attribute: a key of TYPES."""
        return {field.name: self._kind(field) for field in self.layer.fields}

    def _kind(self, field: Field) -> str:
        if field.kind:
            return KINDS.get(field.kind, field.kind)
        return OF_DTYPE.get(getattr(self.table[field.name].dtype, "kind", "O"), "string")

    @cached_property
    def ids(self) -> list[str]:
        """What identifies each feature from run to run; features without a key are numbered."""
        ids = self.layer.ids
        return [f"{place:06d}" for place in range(len(self.table))] if ids is None else ids.tolist()

    @cached_property
    def places(self) -> dict[str, int]:
        """Position of each feature by its id."""
        return {name: place for place, name in enumerate(self.ids)}

    def shapes(self, system: Coordinates) -> "np.ndarray[Any, np.dtype[Any]]":
        """Return the geometries with x before y: degrees to seven decimals, metres to three."""
        return self.day.made(("shapes", self.name, system.name), lambda: self._shapes(system))

    def _shapes(self, system: Coordinates) -> "np.ndarray[Any, np.dtype[Any]]":
        features = self.layer.features
        if not len(features):
            return np.array([], dtype=object)
        if system.is_degrees:
            found = in_degrees(features[[features.geometry.name]]).geometry.to_numpy()
        else:
            found = shapely.set_precision(features.geometry.to_crs(system.name).to_numpy(), MILLIMETRE)
        return shapely.orient_polygons(found)  # counter-clockwise, as RFC 7946 asks

    @property
    def extent(self) -> tuple[float, float, float, float] | None:
        """The box of its features in degrees: west, south, east, north; None without any."""
        shapes = self.layer.features.geometry
        return self.day.made(("extent", self.name), lambda: extent_in_degrees([shapes]) if len(shapes) else None)

    @cached_property
    def _written(self) -> list[str | None]:
        return [None] * len(self.table)

    def attributes(self, places: Sequence[int]) -> list[str]:
        """Return the attributes of the features at `places` as JSON, written once for all who ask."""
        written = self._written
        if fresh := [place for place in places if written[place] is None]:
            for place, row in zip(fresh, self.rows(fresh), strict=True):
                written[place] = as_json(row)
        return [written[place] or "" for place in places]

    def rows(self, places: Sequence[int]) -> list[dict[str, Any]]:
        """Return the attributes of the features at `places` as JSON holds them."""
        page = self.table.iloc[list(places)]
        columns = [_plain(page[name], kind) for name, kind in self.kinds.items()]
        return [dict(zip(self.kinds, row, strict=True)) for row in zip(*columns, strict=True)]


def collections_of(day: Run) -> dict[str, Collection]:
    """Return the collections of a run by name, in the order of drawing, the lowest first."""
    return day.made("collections", lambda: _collections(day))


def _collections(day: Run) -> dict[str, Collection]:
    described, stamp = {**descriptions(), "points": POINTS}, run_stamp(day.run)
    return {
        name: Collection(day, layer_of(name, features, described[name], stamp))
        for name, features in day.drawn().items()
    }


def collection_of(day: Run, name: str) -> Collection:
    """Return one collection; RefusalError if the run has none of that name."""
    found = collections_of(day)
    if name not in found:
        raise RefusalError(f"there is no collection {name[:60]!r}; there are {', '.join(found)}", 404)
    return found[name]


def _plain(values: "pd.Series[Any]", kind: str) -> list[Any]:
    """Return the values of a column as JSON holds them; None where one is missing."""
    if kind == "time":
        return time_texts(values)
    if kind == "date":
        return [None if pd.isna(value) else f"{value:%Y-%m-%d}" for value in values]
    missing = values.isna().to_numpy() | (np.isinf(values.to_numpy(dtype=float)) if kind == "number" else False)
    return [None if is_missing else value for value, is_missing in zip(values.tolist(), missing, strict=True)]
