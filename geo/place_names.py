"""Names of places: the nearest street or landmark that the force has named, else the area and its part by compass."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import shapely
from pyproj import CRS, Transformer

from geo.cells import Floats
from geo.crs import crs_name, metric_crs
from geo.vector_file import ONE_LAYER, missing_column, read_vector_file

DEGREES = "EPSG:4326"
TABLES = (".csv", ".parquet")
PARTS = ("east", "north-east", "north", "north-west", "west", "south-west", "south", "south-east")
CENTRE_SHARE = 0.3  # of the radius of a circle as large as the area: nearer to its middle, a place is in its centre
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
CAPITALS = frozenset({"NE", "NW", "SE", "SW"})

Names = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class PlaceNames:
    """What the force has named, in metres.

    `named` has name and geometry, sorted by name. Points further than `within_m` metres from everything named go by
    their area.
    """

    named: gpd.GeoDataFrame
    within_m: float

    def of_points(self, x_m: Floats, y_m: Floats) -> Names:
        """Return the nearest name of each point, None if none is near; of equally near names the first by alphabet."""
        points = shapely.points(x_m, y_m)
        # All nearest, since a tree returns them in no order.
        point, found = shapely.STRtree(self.named.geometry.to_numpy()).query_nearest(
            points, max_distance=self.within_m, all_matches=True
        )
        first = np.full(len(points), len(self.named), dtype=np.int64)
        np.minimum.at(first, point, found)
        return np.array([*self.named["name"], None], dtype=object)[first]


def read_place_names(
    path: Path,
    crs: Any,
    *,
    within_m: float,
    name_column: str = "name",
    x_column: str = "lon",
    y_column: str = "lat",
    table_crs: Any = DEGREES,
    layer: str | None = None,
    choose_with: str = ONE_LAYER,
) -> PlaceNames:
    """Read what a force has named, in metres.

    Parameters
    ----------
    path : Path
        Lines, points or outlines with a name (GeoJSON, GeoPackage, GeoParquet), or a CSV or Parquet table with a name
        and a point per row, in which many rows may have one name.
    crs : Any
        Metric coordinate system of the result.
    within_m : float
        How far a name reaches, metres.
    name_column, x_column, y_column : str
        Columns of the name and, in a table, of the point.
    table_crs : Any
        Coordinate system of the points of a table.
    layer, choose_with
        See `read_vector_file`.

    Raises
    ------
    ValueError
        The file cannot be read, a column is missing, no row has a name, or a named row of a table has coordinates that
        are none; the message names file and column.
    """
    target = metric_crs(crs, what="place names")
    if is_table(path):
        named = _read_table(path, name_column, x_column, y_column, table_crs, target)
    else:
        source = read_vector_file(path, columns=[name_column], layer=layer, choose_with=choose_with)
        shapes = source.geometry.to_crs(target)
        named = gpd.GeoDataFrame({"name": _clean(source[name_column])}, geometry=shapes.to_numpy(), crs=target)
    named = named[named["name"] != ""]
    if named.empty:
        raise ValueError(f"{path}: column {name_column!r} is blank in every row; name the column of the names")
    return PlaceNames(named.sort_values("name", kind="stable", ignore_index=True), within_m)


def is_table(path: Path) -> bool:
    """Return whether a file names points in columns, so that it holds no lines."""
    return path.suffix.lower() in TABLES and not _is_geoparquet(path)


def streets_in(names: PlaceNames, shape: shapely.Geometry, detail_m: float) -> gpd.GeoDataFrame:
    """Return the named lines that cross a shape, one row a name and the longest first, cut to it and simplified."""
    lines = names.named[names.named.geom_type.isin(["LineString", "MultiLineString"])]
    cut = lines[lines.intersects(shape)].dissolve(by="name").geometry.intersection(shape).simplify(detail_m)
    found = gpd.GeoDataFrame(
        {"name": cut.index, "length_m": cut.length.to_numpy()}, geometry=cut.to_numpy(), crs=cut.crs
    )
    return found[found["length_m"] > 0].sort_values(["length_m", "name"], ascending=[False, True], ignore_index=True)


def area_parts(x_m: Floats, y_m: Floats, area_ids: "pd.Series[str]", areas: gpd.GeoDataFrame) -> Names:
    """Return name and part by compass of the area of each point, such as "Harbour, north-east"; None without area.

    Parameters
    ----------
    x_m, y_m : Floats
        The points, metres.
    area_ids : pd.Series
        area_id of each; missing outside every area.
    areas : gpd.GeoDataFrame
        area_id, area_name, geometry.
    """
    rows = pd.Index(areas["area_id"]).get_indexer(pd.Index(area_ids))
    middle = shapely.centroid(areas.geometry.to_numpy())[rows]
    east, north = x_m - shapely.get_x(middle), y_m - shapely.get_y(middle)
    radius = np.sqrt(areas.geometry.area.to_numpy()[rows] / np.pi)
    part = np.array(PARTS, dtype=object)[np.rint(np.arctan2(north, east) / (np.pi / 4)).astype(np.int64) % len(PARTS)]
    words = np.where(np.hypot(east, north) < CENTRE_SHARE * radius, "centre", part)
    names = areas["area_name"].astype(object).to_numpy()[rows]
    return np.array(np.where(rows >= 0, names + ", " + words, None), dtype=object)


def degrees_of(x_m: Floats, y_m: Floats, crs: Any) -> tuple[Floats, Floats]:
    """Return latitude and longitude (WGS84, to about 0.1 m) of points in metres."""
    lon, lat = Transformer.from_crs(crs, DEGREES, always_xy=True).transform(x_m, y_m)
    return np.round(lat, 6), np.round(lon, 6)


def readable(name: str) -> str:
    """Return a name in the case of its file, or in title case if all its letters are capitals.

    >>> readable("1900 BLOCK NW 5TH ST"), readable("O'NEIL'S WAY"), readable("DeKalb St")
    ('1900 Block NW 5th St', "O'Neil's Way", 'DeKalb St')
    """
    if not name.isupper():
        return name
    return WORD.sub(lambda word: word[0] if word[0] in CAPITALS else _titled(word[0]), name)


def _titled(word: str) -> str:
    """Return a word with a capital at its start, and after the O' or D' of a family name."""
    start = 2 if word[1:2] in ("'", "’") and len(word) > 3 else 0
    return word[:start] + word[start:].capitalize()


def _clean(names: pd.Series) -> "pd.Series[str]":
    """Return each name as people read it, blank where it is missing."""
    codes, written = pd.factorize(names)
    read = [readable(" ".join(str(name).split())) for name in written]
    return pd.Series(np.array([*read, ""], dtype=object)[codes], index=names.index, dtype="str")


def _is_geoparquet(path: Path) -> bool:
    if path.suffix.lower() != ".parquet" or not path.exists():
        return False
    try:
        return b"geo" in (pyarrow.parquet.read_schema(path).metadata or {})
    except (pa.ArrowException, OSError) as cause:
        raise ValueError(f"{path}: cannot be read: {cause}") from cause


def _read_table(path: Path, name: str, x: str, y: str, table_crs: Any, target: Any) -> gpd.GeoDataFrame:
    rows = _rows(path, [name, x, y])
    rows = rows.group_by([name, x, y]).aggregate([]).to_pandas()
    names = _clean(rows[name])
    lon, lat = (pd.to_numeric(rows[column], errors="coerce").astype(float) for column in (x, y))
    has_point = rows[x].notna() & rows[y].notna() & names.ne("")
    to_metres = Transformer.from_crs(table_crs, target, always_xy=True)
    x_m, y_m = to_metres.transform(lon.to_numpy(), lat.to_numpy())
    is_bad = has_point & ~(np.isfinite(x_m) & np.isfinite(y_m))
    if is_bad.any():
        bad = rows[is_bad].sort_values([name, x, y]).iloc[0]
        raise ValueError(
            f"{path}: {names[bad.name]!r} is at {x}={str(bad[x])!r}, {y}={str(bad[y])!r}, which is no point of "
            f"{crs_name(CRS.from_user_input(table_crs))}; name the columns with force.place_names.x_column and "
            "y_column, their system with force.place_names.crs"
        )
    found = pd.DataFrame({"name": names, "x": x_m, "y": y_m})[has_point].drop_duplicates()
    found = found.sort_values(["name", "x", "y"], ignore_index=True)
    return gpd.GeoDataFrame(found[["name"]], geometry=gpd.points_from_xy(found["x"], found["y"]), crs=target)


def _rows(path: Path, columns: list[str]) -> pa.Table:
    if not path.exists():
        raise ValueError(f"{path}: no such file")
    try:
        if path.suffix.lower() == ".csv":
            there = pyarrow.csv.open_csv(path).schema.names
        else:
            there = pyarrow.parquet.read_schema(path).names
        for column in columns:
            if column not in there:
                raise ValueError(missing_column(path, column, there))
        if path.suffix.lower() == ".csv":
            kinds = {columns[0]: pa.string()}
            return pyarrow.csv.read_csv(
                path, convert_options=pyarrow.csv.ConvertOptions(include_columns=columns, column_types=kinds)
            )
        return pyarrow.parquet.read_table(path, columns=columns)
    except (pa.ArrowException, OSError) as cause:
        raise ValueError(f"{path}: cannot be read: {cause}") from cause
