"""Areas: the districts, beats or wards that are ranked, read from a boundary file of any coordinate system."""

from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.crs import chosen_crs, metric_crs
from geo.vector_file import ONE_LAYER, made_valid, read_vector_file

FIGURES = ("residents", "street_km")  # of an area, if its file has columns of them
SHARED_SHARE = 0.01  # of the smaller of two areas: less common ground is digitising noise


def read_areas(
    path: Path,
    *,
    id_column: str,
    name_column: str | None,
    version: str,
    crs: object,
    layer: str | None = None,
    choose_with: str = ONE_LAYER,
    figures: Mapping[str, str] | None = None,
) -> gpd.GeoDataFrame:
    """Read the areas of a boundary file and bring them into metres.

    Disjoint rows with one id are parts of one area and are dissolved; invalid rings are made valid, and `find_repairs`
    lists these areas. Overlaps of different areas are kept as published: `find_overlaps` lists them, and everything in
    an overlap counts for the smallest area_id.

    Parameters
    ----------
    path : Path
        GeoJSON, GeoPackage or GeoParquet file.
    id_column : str
        column with the id of each area; whole numbers lose a trailing ".0".
    name_column : str | None
        column with the name; None uses the id.
    version : str
        version of the boundary file, which becomes part of area_id.
    crs : input of pyproj or None
        metric coordinate system, such as "EPSG:32618"; None uses the UTM zone of the areas' centre.
    layer : str | None
        layer to read if a file has several.
    choose_with : str
        see `read_vector_file`.
    figures : Mapping[str, str] | None
        columns of the file with the figures in `FIGURES`, by figure; each row of an area has that of the whole area.

    Returns
    -------
    gpd.GeoDataFrame
        In metres, sorted by area_id: area_id ("<raw id>@<version>"), raw_area_id, area_name, repaired_m2 (see
        `made_valid`: the ground that a repair changed; missing where the shape was valid as drawn), part_count (rows
        of the file that were joined into it), residents, street_km (missing where the file has none), geometry.

    Raises
    ------
    ValueError
        The file, a column or the coordinate system is missing; `crs` is not metric; an id is null, empty, or repeated
        (with another name or figure, or over the same ground); a feature is not a polygon or has no area; a figure is
        negative or no number.
    """
    if not str(version).strip():
        raise ValueError(f"version={version!r}: expected the version of boundary file {path}")
    name_columns = [] if name_column is None else [name_column]
    figures = figures or {}
    columns = [id_column, *name_columns, *figures.values()]
    source = read_vector_file(path, columns=columns, layer=layer, choose_with=choose_with)
    raw_ids = _texts(source[id_column])
    _check_ids(raw_ids, path, id_column)
    names = raw_ids if name_column is None else _texts(source[name_column]).where(source[name_column].notna(), raw_ids)
    metric = source.to_crs(chosen_crs(source, crs, what=f"areas of {path}"))
    shapes, repaired_m2 = _polygons(metric.geometry, raw_ids, path)
    parts = gpd.GeoDataFrame(
        {
            "area_id": raw_ids + f"@{version}",
            "raw_area_id": raw_ids,
            "area_name": names,
            "repaired_m2": repaired_m2,
            "part_count": 1,
            **{name: _figure(source, figures.get(name), raw_ids, path) for name in FIGURES},
        },
        geometry=shapes,
        crs=metric.crs,
    )
    return _dissolved(parts, path)


def find_repairs(areas: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the areas whose shape `read_areas` had to repair.

    Parameters
    ----------
    areas : gpd.GeoDataFrame
        result of `read_areas`.

    Returns
    -------
    pd.DataFrame
        Greatest change first, then by area_id: area_id, changed_m2, changed_share (of the ground it has now).
    """
    repaired = areas[areas["repaired_m2"].notna()]
    changed = pd.DataFrame(
        {
            "area_id": repaired["area_id"],
            "changed_m2": repaired["repaired_m2"],
            "changed_share": repaired["repaired_m2"] / repaired.area,
        }
    )
    return changed.sort_values(["changed_share", "area_id"], ascending=[False, True], ignore_index=True)


def find_overlaps(areas: gpd.GeoDataFrame, *, minimum_m2: float = 1.0) -> pd.DataFrame:
    """Return the pairs of areas that overlap.

    Parameters
    ----------
    areas : gpd.GeoDataFrame
        area_id, geometry; metric.
    minimum_m2 : float
        smaller overlaps are left out as digitising noise, square metres.

    Returns
    -------
    pd.DataFrame
        Sorted by area_id, other_area_id: area_id (which gets the ground), other_area_id, overlap_m2.
    """
    metric_crs(areas.crs, what="areas")
    ordered = areas.sort_values("area_id", ignore_index=True)
    shapes, ids = ordered.geometry.to_numpy(), ordered["area_id"].to_numpy(dtype=object)
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    first, second = first[first < second], second[first < second]
    overlap_m2 = shapely.area(shapely.intersection(shapes[first], shapes[second]))
    pairs = pd.DataFrame({"area_id": ids[first], "other_area_id": ids[second], "overlap_m2": overlap_m2})
    large = pairs[pairs["overlap_m2"] >= minimum_m2]
    return large.sort_values(["area_id", "other_area_id"], ignore_index=True)


def shared_ground(areas: gpd.GeoDataFrame, others: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the ground that areas of two sets share.

    Parameters
    ----------
    areas, others : gpd.GeoDataFrame
        area_id, geometry; in one metric system. Overlaps within a set count for the smaller area_id.

    Returns
    -------
    pd.DataFrame
        Sorted by area_id, other_area_id: area_id, other_area_id, share (of the area's ground), other_share (of the
        other's). Pairs that share less than 1% of the smaller one are left out; shares of 99% and more are one.
    """
    first, second = without_overlaps(areas), without_overlaps(others)
    shapes, other_shapes = first.geometry.to_numpy(), second.geometry.to_numpy()
    row, other_row = shapely.STRtree(other_shapes).query(shapes, predicate="intersects")
    shared_m2 = shapely.area(shapely.intersection(shapes[row], other_shapes[other_row]))
    m2, other_m2 = shapely.area(shapes)[row], shapely.area(other_shapes)[other_row]
    pairs = pd.DataFrame(
        {
            "area_id": first["area_id"].to_numpy(dtype=object)[row],
            "other_area_id": second["area_id"].to_numpy(dtype=object)[other_row],
            "share": _without_noise(shared_m2, m2),
            "other_share": _without_noise(shared_m2, other_m2),
        }
    )
    is_real = shared_m2 > SHARED_SHARE * np.minimum(m2, other_m2)
    return pairs[is_real].sort_values(["area_id", "other_area_id"], ignore_index=True)


def _without_noise(shared_m2: np.ndarray, m2: np.ndarray) -> np.ndarray:
    share = np.divide(shared_m2, m2, out=np.zeros(len(m2)), where=m2 > 0)
    return np.where(share >= 1 - SHARED_SHARE, 1.0, share)


def without_overlaps(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the areas by area_id, each minus the ground of those before it, so that none overlap.

    An area that others cover completely becomes empty.
    """
    ordered = areas.sort_values("area_id", ignore_index=True)
    shapes = ordered.geometry.to_numpy().copy()
    tree = shapely.STRtree(shapes)
    later, earlier = tree.query(shapes, predicate="intersects")
    touching = earlier < later
    later, earlier = later[touching], earlier[touching]
    shares_ground = shapely.area(shapely.intersection(shapes[later], shapes[earlier])) > 0
    original = shapes.copy()
    for row in np.unique(later[shares_ground]):
        before = earlier[shares_ground & (later == row)]
        shapes[row] = shapely.difference(original[row], shapely.union_all(original[before]))
    return ordered.set_geometry(gpd.GeoSeries(shapes, crs=areas.crs))


def _texts(values: pd.Series) -> pd.Series:
    """Return values as stripped text, missing ones empty, 24.0 as "24"."""
    texts = values.astype("str").str.strip()
    if pd.api.types.is_float_dtype(values):
        texts = texts.str.removesuffix(".0")
    return texts.where(values.notna(), "")


def _figure(source: gpd.GeoDataFrame, column: str | None, raw_ids: pd.Series, path: Path) -> pd.Series:
    """Return a figure of each row as a number, missing where its cell is null or blank."""
    if column is None:
        return pd.Series(np.nan, index=source.index)
    is_given = source[column].notna() & (source[column].astype("str").str.strip() != "")
    values = pd.to_numeric(source[column].where(is_given), errors="coerce").astype(float)
    wrong = np.flatnonzero(is_given & ~(np.isfinite(values) & (values >= 0)))
    if wrong.size:
        value = str(source[column][wrong[0]])
        raise ValueError(
            f"{path}: area {raw_ids[wrong[0]]!r} has {column}={value!r}; expected a number from zero up, or null where "
            "it is not known"
        )
    return values


def _check_ids(raw_ids: pd.Series, path: Path, id_column: str) -> None:
    empty_rows = np.flatnonzero(raw_ids == "")
    if empty_rows.size:
        raise ValueError(f"{path}: column {id_column!r} is empty in feature {empty_rows[0] + 1} of {len(raw_ids)}")


def _polygons(geometry: gpd.GeoSeries, raw_ids: pd.Series, path: Path) -> tuple[gpd.GeoSeries, pd.Series]:
    """Return valid polygons, and the ground that repairs changed, as `made_valid` does."""
    is_polygon = geometry.geom_type.isin(["Polygon", "MultiPolygon"])
    if not is_polygon.all():
        row = int(np.flatnonzero(~is_polygon)[0])
        raise ValueError(f"{path}: area {raw_ids[row]!r} is a {geometry.geom_type[row]}; expected a polygon")
    valid, repaired_m2 = made_valid(geometry)
    without_area = np.flatnonzero(~(valid.area > 0))
    if without_area.size:
        raise ValueError(f"{path}: area {raw_ids[without_area[0]]!r} has no area")
    return valid, repaired_m2


def _dissolved(parts: gpd.GeoDataFrame, path: Path) -> gpd.GeoDataFrame:
    repeated = parts[parts["area_id"].duplicated(keep=False)]
    if repeated.empty:
        return parts.sort_values("area_id", ignore_index=True)
    # An area is as much repaired as its parts together; NaN where none was.
    repaired_m2 = parts.groupby("area_id")["repaired_m2"].sum(min_count=1)
    areas = parts.dissolve(by="area_id", as_index=False, sort=True)
    areas["repaired_m2"] = repaired_m2.reindex(areas["area_id"]).to_numpy()
    areas["part_count"] = parts.groupby("area_id").size().reindex(areas["area_id"]).to_numpy()
    _check_parts(repeated, areas.set_index("area_id"), path)
    return areas[parts.columns]


def _check_parts(repeated: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, path: Path) -> None:
    by_id = repeated.groupby("area_id")
    parts_m2 = repeated.area.groupby(repeated["area_id"]).sum()
    covers_twice = parts_m2 > areas.area.reindex(parts_m2.index) * (1 + 1e-6)
    differs = by_id[["area_name", *FIGURES]].nunique(dropna=False).gt(1).any(axis=1)
    wrong = parts_m2.index[covers_twice | differs]
    if len(wrong):
        raw_id = areas.loc[wrong[0], "raw_area_id"]
        raise ValueError(
            f"{path}: id {raw_id!r} is used by {by_id.size()[wrong[0]]} different features; parts of one area must "
            "have one name, each the figures of the whole area, and not overlap"
        )
