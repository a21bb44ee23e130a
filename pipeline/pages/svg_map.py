"""A map as SVG shapes in whole metres: areas by probability, cells by expected harm, hot spots, markets, points.

The origin is the north-western corner, x points east and y south, and one unit is one metre; so a scale bar is a
length in metres and zooming changes the view box.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

MARGIN_SHARE = 0.03
DRAWN_SHARE = 0.05  # of all cells; more would only enlarge the page
DRAWN_MOST = 2000
DETAIL_SHARE = 1 / 2500  # of the map's width; smaller details are simplified away
DRAWN_WIDTH = 640  # units of the map's width, in which labels are measured
PROBABILITY_STEPS = (0.05, 0.2, 0.4, 0.6, 0.8)
CELL_STEPS = (0.005, 0.01, 0.02)  # shares of all cells, by expected harm


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape: its outline, colour class, an inner point for label or marker, row, and whether the name fits."""

    outline: str
    grade: int
    x: int
    y: int
    row: Mapping[str, object]
    is_named: bool = True


@dataclass(frozen=True, slots=True)
class Drawing:
    """All shapes of the map, and its size in metres."""

    width_m: int
    height_m: int
    areas: list[Shape]
    cells: list[Shape]
    hotspots: list[Shape]
    markets: list[Shape]
    points: dict[str, str]
    cell_count: int
    cell_share_of_harm: float
    cell_thresholds: list[float]

    @property
    def scale_m(self) -> int:
        """A round length of about a fifth of the width, in metres."""
        return round_length(self.width_m / 5)


def draw_map(
    shapes: Mapping[str, gpd.GeoDataFrame | None], *, cell_count: int | None = None, always: Collection[str] = ()
) -> Drawing:
    """Return the drawing of a run.

    Parameters
    ----------
    shapes : mapping of str to geopandas.GeoDataFrame or None
        `areas` (area_ranking columns) and optionally `cells` (cell_forecast columns), `hotspots`, `markets` (their
        tables' columns) and `points_of_interest` (kind), all in one metric coordinate system.
    cell_count : int, optional
        Cells of the force, which their ranks are out of; by default those of `cells`, which may be of one area alone.
    always : collection of str
        Ids of cells that are drawn whatever their rank; one that is not among the first has grade -1.

    Returns
    -------
    Drawing
        The shapes of the map.

    Raises
    ------
    ValueError
        When `areas` is missing, or the coordinate systems of the layers differ or are not metric.
    """
    areas = shapes.get("areas")
    if areas is None or areas.empty:
        raise ValueError("shapes['areas'] is empty: expected at least one area to draw")
    _check_crs(shapes)
    frame = _frame(areas)
    detail_m = (frame[2] - frame[0]) * DETAIL_SHARE
    cells = _drawn_cells(shapes.get("cells"), cell_count, always)
    return Drawing(
        width_m=math.ceil(frame[2] - frame[0]),
        height_m=math.ceil(frame[3] - frame[1]),
        areas=_named(_areas(areas, frame, detail_m), frame[2] - frame[0]),
        cells=_shapes(cells, cells["grade"], frame) if not cells.empty else [],
        hotspots=_ungraded(shapes.get("hotspots"), frame),
        markets=_ungraded(shapes.get("markets"), frame),
        points=_points(shapes.get("points_of_interest"), frame),
        cell_count=len(cells),
        cell_share_of_harm=_share_of_harm(cells, shapes.get("cells")),
        cell_thresholds=_thresholds(cells),
    )


def round_length(length_m: float) -> int:
    """Return the greatest of 1, 2, 5, 10, 20, 50, … metres that is not longer than `length_m` (at least 1).

    >>> [round_length(length) for length in (0.3, 7, 480, 20_500)]
    [1, 5, 200, 20000]
    """
    power = 10 ** max(math.floor(math.log10(max(length_m, 1))), 0)
    return max(step * power for step in (1, 2, 5) if step == 1 or step * power <= length_m)


def outline(geometry: shapely.Geometry, frame: tuple[float, float, float, float]) -> str:
    """Return a polygon's rings as SVG path data in whole metres."""
    polygons = [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon"]
    return "".join(_ring(ring, frame) for polygon in polygons for ring in (polygon.exterior, *polygon.interiors))


def _ring(ring: shapely.LinearRing, frame: tuple[float, float, float, float]) -> str:
    corners = _to_drawing(shapely.get_coordinates(ring)[:-1], frame)
    steps = np.diff(corners, axis=0)
    moves = " ".join(map(str, steps[np.any(steps != 0, axis=1)].ravel().tolist()))
    return f"M{corners[0, 0]} {corners[0, 1]}l{moves}z" if moves else ""


def _to_drawing(coordinates: np.ndarray, frame: tuple[float, float, float, float]) -> np.ndarray:
    """Convert coordinates to whole metres east and south of the north-western corner."""
    return np.rint((coordinates - (frame[0], frame[3])) * (1, -1)).astype(np.int64)


def _frame(areas: gpd.GeoDataFrame) -> tuple[float, float, float, float]:
    x_min, y_min, x_max, y_max = areas.total_bounds
    margin = max(x_max - x_min, y_max - y_min) * MARGIN_SHARE
    return x_min - margin, y_min - margin, x_max + margin, y_max + margin


def _check_crs(shapes: Mapping[str, gpd.GeoDataFrame | None]) -> None:
    used = {name: layer.crs for name, layer in shapes.items() if layer is not None and not layer.empty}
    expected = used["areas"]
    if expected is None or expected.is_geographic:
        raise ValueError(f"areas have crs {expected}: expected a metric one, such as that of the run")
    for name, crs in used.items():
        if crs != expected:
            raise ValueError(f"{name} have crs {crs}: expected that of the areas, {expected}")


def _areas(areas: gpd.GeoDataFrame, frame: tuple[float, float, float, float], detail_m: float) -> list[Shape]:
    """Return the areas, simplified together so that neighbours keep their common border."""
    ordered = areas.sort_values(["rank", "area_id"])
    geometry = shapely.coverage_simplify(ordered.geometry.to_numpy(), detail_m)
    grades = np.digitize(ordered["p_top_k"], PROBABILITY_STEPS)
    return _shapes(ordered.set_geometry(gpd.GeoSeries(geometry, index=ordered.index, crs=areas.crs)), grades, frame)


def _named(areas: list[Shape], width_m: float) -> list[Shape]:
    """Mark names that would be cut off or cover the rank of another area or the name of a worse one."""
    unit_m = width_m / DRAWN_WIDTH
    taken = [(x - 9 * unit_m, y - 9 * unit_m, x + 9 * unit_m, y + 9 * unit_m) for x, y in ((s.x, s.y) for s in areas)]
    found = []
    for n, shape in enumerate(areas):
        x, y, letters = shape.x, shape.y, len(str(shape.row["area_name"]))
        box = (x + 11 * unit_m, y - 8 * unit_m, x + (13 + 7 * letters) * unit_m, y + 8 * unit_m)
        others = taken[:n] + taken[n + 1 :]
        is_free = box[2] <= width_m and not any(
            box[0] < o[2] and o[0] < box[2] and box[1] < o[3] and o[1] < box[3] for o in others
        )
        found.append(replace(shape, is_named=is_free))
        taken += [box] if is_free else []
    return found


def _drawn_cells(cells: gpd.GeoDataFrame | None, cell_count: int | None, always: Collection[str]) -> gpd.GeoDataFrame:
    if cells is None or cells.empty:
        return gpd.GeoDataFrame({"grade": []}, geometry=[])
    count = cell_count or len(cells)
    is_drawn = (cells["rank"] <= min(math.ceil(count * DRAWN_SHARE), DRAWN_MOST)) & (cells["expected_harm"] > 0)
    top = cells[is_drawn | cells["cell_id"].isin(always)].sort_values(["rank", "cell_id"])
    grade = len(CELL_STEPS) - np.digitize((top["rank"] - 1) / count, (*CELL_STEPS, DRAWN_SHARE))
    # Lowest rank first, so that the highest is drawn on top.
    return top.assign(grade=grade).iloc[::-1]


def _thresholds(cells: gpd.GeoDataFrame) -> list[float]:
    """Return the least expected harm of each drawn class, highest class first; NaN if a class is empty."""
    if cells.empty:
        return []
    least = cells.groupby("grade")["expected_harm"].min()
    return least.reindex(range(len(CELL_STEPS), -1, -1)).tolist()


def _share_of_harm(drawn: gpd.GeoDataFrame, cells: gpd.GeoDataFrame | None) -> float:
    if drawn.empty or cells is None:
        return 0.0
    return float(drawn["expected_harm"].sum() / cells["expected_harm"].sum())


def _ungraded(layer: gpd.GeoDataFrame | None, frame: tuple[float, float, float, float]) -> list[Shape]:
    if layer is None or layer.empty:
        return []
    ordered = layer.sort_values("rank", kind="stable")
    return _shapes(ordered, np.zeros(len(ordered), dtype=np.int64), frame)


def _shapes(
    layer: gpd.GeoDataFrame, grades: np.ndarray | pd.Series, frame: tuple[float, float, float, float]
) -> list[Shape]:
    inside = _to_drawing(shapely.get_coordinates(shapely.point_on_surface(layer.geometry.to_numpy())), frame).tolist()
    rows = layer.drop(columns=layer.geometry.name).to_dict("records")
    outlines = [outline(geometry, frame) for geometry in layer.geometry]
    return [
        Shape(path, int(grade), x, y, row)
        for path, grade, (x, y), row in zip(outlines, grades, inside, rows, strict=True)
    ]


def _points(points: gpd.GeoDataFrame | None, frame: tuple[float, float, float, float]) -> dict[str, str]:
    """Return one path of dots for each kind."""
    if points is None or points.empty:
        return {}
    centres = _to_drawing(shapely.get_coordinates(shapely.centroid(points.geometry.to_numpy())), frame)
    kinds = points["kind"].astype(str).to_numpy()
    return {
        kind: "".join(f"M{x} {y}h0" for x, y in centres[kinds == kind].tolist()) for kind in sorted(set(kinds.tolist()))
    }
