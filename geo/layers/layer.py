"""A layer: features stamped with their run, what they mean, and how they look. None may name a person."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio

from geo.crs import metric_crs

RUN_COLUMNS = ("run_id", "as_of", "valid_to")
THEME_NAME = re.compile(r"[a-z][a-z0-9_]*")
PERSON_COLUMN = re.compile(r"(.*_)?person_ids?", re.IGNORECASE)
PSEUDONYM = r"p_[0-9a-f]{32}"
GEOMETRY_TYPES = {
    frozenset({"Polygon", "MultiPolygon"}): "MultiPolygon",
    frozenset({"LineString", "MultiLineString"}): "MultiLineString",
    frozenset({"Point"}): "Point",
}
WITH_NULLS = {"int32": "Int32", "int64": "Int64", "bool": "boolean"}  # as pandas reads such a column without a loss


@dataclass(frozen=True, slots=True)
class Field:
    """A column: what people read for its name, its meaning with the unit, its kind, and the unit by itself.

    `kind` is string, list (of strings), int32, int64, double, bool, date or time; None leaves it to the values.
    """

    name: str
    label: str
    meaning: str = ""
    kind: str | None = None
    unit: str = ""

    @property
    def alias(self) -> str:
        """The name with the unit in brackets."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label


@dataclass(frozen=True, slots=True)
class Description:
    """What a theme says of itself.

    Parameters
    ----------
    title, about : str
        Its name for people, and a sentence on what it shows.
    key : tuple[str, ...]
        Columns that identify a feature from run to run.
    label : str
        QGIS expression that names a feature: the label on the map, the display name and the head of the map tip.
    fields : tuple[Field, ...]
        Columns, whether the features have them or not.
    tip : tuple[str, ...]
        Columns that the map tip shows, in order.
    style : str
        Style in `geo.layers.renderers`, or `geo/styles/<style>.qml`; a theme without one is drawn as the reader likes.
    is_shown : bool
        True where the layer is ticked when the project opens.
    is_always_labelled : bool
        True where every feature has its label on a map of few; else labels give way to each other.
    labels_from_scale : int
        Denominator of the scale from which on features are labelled, for themes of many; 0 labels them at any.
    duration : tuple[str, str] or None
        Columns with the time at which a feature begins to hold and the minutes for which it holds; by default it
        holds from as_of to valid_to.
    """

    title: str
    about: str = ""
    key: tuple[str, ...] = ()
    label: str = ""
    fields: tuple[Field, ...] = ()
    tip: tuple[str, ...] = ()
    style: str = ""
    is_shown: bool = True
    is_always_labelled: bool = False
    labels_from_scale: int = 0
    duration: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """A theme of a run, ready to be written: `features` end in their geometry; `fields` describe the other columns."""

    theme: str
    features: gpd.GeoDataFrame
    description: Description
    fields: tuple[Field, ...]

    @property
    def geometry_type(self) -> str:
        """The type that holds all geometries."""
        found = set(self.features.geom_type)
        if not found:
            return "MultiPolygon"  # the type of all current themes
        return next((name for kinds, name in GEOMETRY_TYPES.items() if found <= kinds), "Unknown")

    @property
    def flat(self) -> gpd.GeoDataFrame:
        """The features with lists joined to text, for formats without lists."""
        return gpd.GeoDataFrame(_as_text(self.features), geometry=self.features.geometry)

    @property
    def ids(self) -> "pd.Series[str] | None":
        """What identifies each feature from run to run, as text; None for a theme without a key."""
        key = [self.features[name].astype("str") for name in self.description.key if name in self.features]
        ids = [" ".join(parts) for parts in zip(*key, strict=True)]
        return pd.Series(ids, index=self.features.index, dtype="str") if key else None


def write_features(layer: Layer, features: gpd.GeoDataFrame, path: Path, driver: str, **options: Any) -> None:
    """Write the features of a layer, as a format needs them, under its theme; `options` are those of pyogrio."""
    pyogrio.write_dataframe(
        features,
        path,
        layer=layer.theme,
        driver=driver,
        geometry_type=layer.geometry_type,
        promote_to_multi=layer.geometry_type.startswith("Multi"),
        **options,
    )


def layer_of(theme: str, features: gpd.GeoDataFrame, description: Description, stamp: Mapping[str, Any]) -> Layer:
    """Return the layer of a theme; raise ValueError if its features must not or cannot be exported."""
    known = {field.name: field for field in description.fields}
    stamped = _stamped(theme, _typed(features, known), stamp)
    columns = [str(name) for name in stamped.columns if name != stamped.geometry.name]
    return Layer(theme, stamped, description, tuple(known.get(name, Field(name, name)) for name in columns))


def run_stamp(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of the run that every feature carries, with times in UTC."""
    missing = [name for name in RUN_COLUMNS if name not in run]
    if missing:
        raise ValueError(f"run: no {', '.join(missing)}; expected {', '.join(RUN_COLUMNS)}")
    times = {name: pd.Timestamp(run[name]) for name in ("as_of", "valid_to")}
    for name, time in times.items():
        if time.tzinfo is None:
            raise ValueError(f"run: {name}={time} has no time zone")
    return {"run_id": str(run["run_id"])} | {name: time.tz_convert("UTC") for name, time in times.items()}


def _typed(features: gpd.GeoDataFrame, known: Mapping[str, Field]) -> gpd.GeoDataFrame:
    """Return the features with whole numbers and truth values as such, although some or all may be missing."""
    wanted = {
        str(name): WITH_NULLS[kind]
        for name, dtype in features.dtypes.items()
        if name in known and (kind := known[str(name)].kind) in WITH_NULLS and str(dtype) != kind
    }
    return features.astype(wanted)


def _stamped(theme: str, features: gpd.GeoDataFrame, stamp: Mapping[str, Any]) -> gpd.GeoDataFrame:
    """Return the features with the run's columns first and the geometry last; raise if they must not be exported."""
    if not THEME_NAME.fullmatch(theme) or theme == "layer_styles":
        raise ValueError(f"theme {theme!r}: expected lower-case letters, digits and underscores, and not layer_styles")
    metric_crs(features.crs, what=f"layer {theme}")
    _refuse_persons(theme, features)
    without_shape = int((features.geometry.isna() | features.geometry.is_empty).sum())
    if without_shape:
        raise ValueError(f"layer {theme}: {without_shape} of {len(features)} features have no geometry")
    geometry_name = features.geometry.name
    values = features.drop(columns=[geometry_name, *RUN_COLUMNS], errors="ignore").reset_index(drop=True)
    stamps = pd.DataFrame(dict(stamp), index=values.index).astype({"run_id": "str"})
    stamps = stamps.astype({"as_of": "datetime64[ms, UTC]", "valid_to": "datetime64[ms, UTC]"})
    attributes = pd.concat([stamps, values], axis=1)
    return gpd.GeoDataFrame(attributes, geometry=features.geometry.to_numpy(), crs=features.crs)


def _refuse_persons(theme: str, features: gpd.GeoDataFrame) -> None:
    columns = [str(name) for name in [*features.columns, *features.index.names]]
    named = [name for name in columns if PERSON_COLUMN.fullmatch(name)]
    if named:
        raise ValueError(f"layer {theme}: column {named[0]!r} identifies persons, which no layer may; leave it out")
    texts = _as_text(features).select_dtypes(include=["object", "string", "category"])
    for name in texts.columns:
        if texts[name].astype("str").str.contains(PSEUDONYM, regex=True, na=False).any():
            raise ValueError(
                f"layer {theme}: column {name!r} has the pseudonym of a person, which no layer may; leave it out"
            )


def _as_text(features: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the attributes with lists joined to text, for formats and checks without lists."""
    attributes = pd.DataFrame(features.drop(columns=features.geometry.name))
    may_hold_lists = [str(name) for name, column in attributes.items() if pd.api.types.is_object_dtype(column)]
    return attributes.assign(**{name: attributes[name].map(_joined) for name in may_hold_lists})


def _joined(value: Any) -> Any:
    return "; ".join(map(str, value)) if isinstance(value, (list, tuple, np.ndarray)) else value


def shapes_of(layers: Sequence[Layer]) -> list[gpd.GeoSeries]:
    """Return the geometries of the layers that have features."""
    return [layer.features.geometry for layer in layers if len(layer.features)]


def extent_of(layers: Sequence[Layer]) -> tuple[float, ...] | None:
    """Return the box (xmin, ymin, xmax, ymax) around all features in metres; None if there is none."""
    shapes = shapes_of(layers)
    if not shapes:
        return None
    sides = np.stack([each.total_bounds for each in shapes])
    return (*sides[:, :2].min(axis=0).tolist(), *sides[:, 2:].max(axis=0).tolist())
