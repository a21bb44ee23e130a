"""The areas of a new city: of a given file, of the file's own district column, or a grid without meaning to police."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from flows.new_city.columns import names_of
from flows.new_city.names import name_strength, words_of_name
from geo.vector_file import read_vector_file
from pipeline.errors import SourceError

WGS84 = "EPSG:4326"
_TENS = (100, 1_000, 10_000, 100_000)
SIDES_M = tuple(int(ten * digit) for ten in _TENS for digit in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8))
WANTED = 40  # areas with incidents; 20 to 60 make a ranking
_CELLS_ACROSS = 120  # of the raster from which districts are drawn, at most
_REACH = 3  # squares without incidents belong to the district of one with incidents this near
_EDGE = 0.005  # share of points left out at each edge


@dataclass(frozen=True, slots=True)
class Areas:
    """The areas to rank; `path` is None where `frame` has still to be written."""

    kind: Literal["given", "districts", "grid"]
    frame: gpd.GeoDataFrame  # in the system of the file
    path: Path | None
    id_column: str
    name_column: str | None
    saw: str
    matches_column: str | None = None  # column of the incidents that holds the ids of the areas
    side_m: int | None = None  # of a grid
    agreement: float = 1.0  # share of incidents that lie in the district that they name


def read_given(path: Path, sample: pd.DataFrame) -> Areas:
    """Read a file of areas and choose the columns with id and name.

    Parameters
    ----------
    path : pathlib.Path
        A vector file with polygons.
    sample : pandas.DataFrame
        Sample of the incidents: a column of theirs that holds an areas' column decides which column is the id.

    Raises
    ------
    SourceError
        The file cannot be read, has no polygons, or no column whose values differ.
    """
    try:
        frame = read_vector_file(path, columns=[])
    except ValueError as error:
        raise SourceError(str(error)) from None
    if not frame.geometry.geom_type.isin(["Polygon", "MultiPolygon"]).all():
        raise SourceError(f"{path}: expected polygons, found {', '.join(sorted(set(frame.geometry.geom_type)))}")
    texts = {name: _ids(frame[name]) for name in frame.columns if name != frame.geometry.name}
    unique = {name: values for name, values in texts.items() if values.ne("").all() and values.is_unique}
    if not unique:
        raise SourceError(f"{path}: no column has another value for each of its {len(frame)} areas; add one with an id")
    overlaps = {name: _overlap(values, sample) for name, values in unique.items()}
    chosen = max(unique, key=lambda name: (_worth(name, unique[name], overlaps[name][1]), -list(unique).index(name)))
    column, share = overlaps[chosen]
    names = [name for name in unique if name != chosen and _is_name(name, unique[name])]
    saw = f"{len(frame)} areas by {chosen}"
    if column and share >= 0.5:
        saw += f"; {share:.0%} of incidents name one of them in {column}"
    matched = column if share >= 0.5 else None
    return Areas("given", frame, path, chosen, names[0] if names else None, saw, matched)


def _ids(values: pd.Series) -> pd.Series:
    texts = values.astype("str").str.strip().str.removesuffix(".0")
    return texts.where(values.notna(), "")


def _overlap(ids: pd.Series, sample: pd.DataFrame) -> tuple[str | None, float]:
    """Return the column of the incidents with the greatest share of values that are ids of areas, and the share."""
    known = set(ids.map(_plain))
    shares = {
        name: float(sample[name].dropna().map(_plain).isin(known).mean())
        for name in names_of(sample)
        if name_strength("area_id", name) and sample[name].notna().any()
    }
    best = max(shares, key=lambda name: shares[name], default=None)
    return best, shares[best] if best else 0.0


def _plain(text: str) -> str:
    """Return an id as it is compared: `07`, `7` and `7.0` are one."""
    return str(text).strip().upper().removesuffix(".0").lstrip("0") or "0"


def _worth(name: str, values: pd.Series, overlap: float) -> float:
    words = words_of_name(name)
    strength = max(name_strength("area_id", name), 0.5 if "id" in words.split() else 0.0)
    is_row_number = words in ("objectid", "fid", "object id", "ogc fid", "index", "gid", "shape area", "shape length")
    measured = any(word in words for word in ("shape", "area sq", "length", "perimeter", "acres", "sq mi"))
    return 3 * overlap + strength - values.str.len().mean() / 40 - 0.6 * is_row_number - 2.0 * measured


def _is_name(name: str, values: pd.Series) -> bool:
    is_text = bool(values.str.contains("[A-Za-z]").all())
    return is_text and ("name" in words_of_name(name).split() or name.lower() == "label")


def draw_districts(points: pd.DataFrame, districts: pd.Series) -> Areas:
    """Draw the districts that the incidents name: squares, each of the district that most of its incidents name.

    A square without incidents belongs to the district of the nearest one with some, if that is near. The borders are
    those of the squares, and no district's true ones.

    Parameters
    ----------
    points : pandas.DataFrame
        lon, lat.
    districts : pandas.Series
        The district that each incident names, on the index of `points`.
    """
    metric, x, y = _metres(points)
    names = _ids(districts.reindex(points.index).astype("object")).to_numpy()
    keep = (names != "") & _bulk(x, y)
    x, y, names = x[keep], y[keep], names[keep]
    side = _raster_side(x, y)
    cells = pd.DataFrame(
        {"ix": np.floor(x / side).astype(int), "iy": np.floor(y / side).astype(int), "district": names}
    )
    counts = cells.value_counts().reset_index(name="count")
    most = counts.sort_values(["count", "district"], ascending=[False, True]).drop_duplicates(["ix", "iy"])
    agreed = float(most["count"].sum() / counts["count"].sum())
    filled = _filled(most)
    frame = gpd.GeoDataFrame(
        {"area_id": filled["district"].to_numpy()}, geometry=_squares(filled[["ix", "iy"]].to_numpy(), side), crs=metric
    )
    dissolved = frame.dissolve(by="area_id", as_index=False).sort_values("area_id", ignore_index=True)
    saw = (
        f"drawn from where the incidents of each of {len(dissolved)} values lie, in squares of {side:.0f} m; "
        f"{agreed:.0%} of incidents lie in their own"
    )
    return Areas("districts", dissolved.to_crs(WGS84), None, "area_id", None, saw, agreement=agreed)


def _filled(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the squares (ix, iy, district) and those near them, which take the district of the nearest."""
    own = cells[["ix", "iy"]].to_numpy()
    low, high = own.min(axis=0) - _REACH, own.max(axis=0) + _REACH
    ix, iy = np.meshgrid(*(np.arange(first, last + 1) for first, last in zip(low, high, strict=True)), indexing="ij")
    every = np.column_stack([ix.ravel(), iy.ravel()])
    distance, nearest = cKDTree(own).query(every)
    near = distance <= _REACH
    district = cells["district"].to_numpy()[nearest[near]]
    return pd.DataFrame({"ix": every[near, 0], "iy": every[near, 1], "district": district})


def _raster_side(x: np.ndarray, y: np.ndarray) -> float:
    across = np.clip(np.sqrt(len(x)) / 2, 10, _CELLS_ACROSS)  # some four incidents to a square
    return float(np.ceil(max(np.ptp(x), np.ptp(y), 100) / across / 50) * 50)


def square_grid(points: pd.DataFrame) -> Areas:
    """Lay squares over the bulk of the points, of a side that gives about forty with incidents; ids such as `C4`.

    Parameters
    ----------
    points : pandas.DataFrame
        lon, lat.
    """
    metric, x, y = _metres(points)
    inside = _bulk(x, y)
    x, y = x[inside], y[inside]
    side = min(SIDES_M, key=lambda side_m: (abs(len(_occupied(x, y, side_m)) - WANTED), -side_m))
    cells = _occupied(x, y, side)
    west, south = cells.min(axis=0)
    ids = [f"{_letters(ix - west)}{iy - south + 1}" for ix, iy in cells]
    frame = gpd.GeoDataFrame({"area_id": ids}, geometry=_squares(cells, side), crs=metric).sort_values(
        "area_id", ignore_index=True
    )
    saw = f"{len(frame)} squares of {side:,} m, a grid without meaning to police"
    return Areas("grid", frame.to_crs(WGS84), None, "area_id", None, saw, side_m=side)


def _bulk(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return which points are not among the outermost at an edge."""
    inside = np.ones(len(x), dtype=bool)
    for values in (x, y):
        low, high = np.percentile(values, [100 * _EDGE, 100 * (1 - _EDGE)])
        inside &= (values >= low) & (values <= high)
    return inside


def _squares(cells: np.ndarray, side: float) -> np.ndarray:
    west, south = cells[:, 0] * side, cells[:, 1] * side
    return np.asarray(shapely.box(west, south, west + side, south + side))


def _occupied(x: np.ndarray, y: np.ndarray, side_m: float) -> np.ndarray:
    return np.unique(np.column_stack([np.floor(x / side_m), np.floor(y / side_m)]).astype(int), axis=0)


def _letters(number: int) -> str:
    """Return 0 → A … 25 → Z, 26 → AA."""
    return (_letters(number // 26 - 1) if number >= 26 else "") + chr(ord("A") + number % 26)


def _metres(points: pd.DataFrame) -> tuple[object, np.ndarray, np.ndarray]:
    """Return the UTM zone of the median point, and the points in it."""
    spread = gpd.GeoSeries(gpd.points_from_xy(points["lon"], points["lat"]), crs=WGS84)
    middle = gpd.GeoSeries(gpd.points_from_xy([points["lon"].median()], [points["lat"].median()]), crs=WGS84)
    metric = middle.estimate_utm_crs()
    placed = spread.to_crs(metric)
    return metric, placed.x.to_numpy(), placed.y.to_numpy()
