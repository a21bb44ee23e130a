"""Cells in feet by the rules of the Real-Time Crime Forecasting Challenge, and forecasts in its file format.

National Institute of Justice (2016), Real-Time Crime Forecasting Challenge Posting, table 2: coordinates in EPSG:2913
(NAD83(HARN) / Oregon North, international feet); square cells of one size with 62,500 to 360,000 square feet, clipped
to the boundary, that cover the whole police bureau. Everything else in `geo` is in metres.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyogrio
import shapely

from geo.layers.fixed_times import clock_of_gdal

Integers = npt.NDArray[np.int64]

CRS = "EPSG:2913"
LEAST_CELL_FT2, MOST_CELL_FT2 = 62_500, 360_000

# Share of a cell: a smaller part is rounding of a boundary along a grid line.
SMALLEST_SHARE = 1e-9


@dataclass(frozen=True, slots=True)
class NijGrid:
    """Square cells of `size_ft` feet, aligned to whole multiples of it.

    >>> NijGrid(500).index([7_661_410], [682_295])
    (array([15322]), array([1364]))
    """

    size_ft: float

    def __post_init__(self) -> None:
        if not (self.size_ft > 0 and LEAST_CELL_FT2 <= self.size_ft**2 <= MOST_CELL_FT2):
            raise ValueError(
                f"size_ft={self.size_ft!r}: a cell of {self.size_ft**2:,.0f} square feet; the challenge expects "
                f"{LEAST_CELL_FT2:,} to {MOST_CELL_FT2:,}, which is 250 to 600 feet a side"
            )

    def index(self, x_ft: npt.ArrayLike, y_ft: npt.ArrayLike) -> tuple[Integers, Integers]:
        """Return cell indices of points in feet of EPSG:2913."""
        east, north = (np.floor_divide(np.asarray(feet, dtype=np.float64), self.size_ft) for feet in (x_ft, y_ft))
        return east.astype(np.int64), north.astype(np.int64)

    def cells_of(self, boundary: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Return every cell that overlaps the boundary, clipped to it, from south-west to north-east.

        Parameters
        ----------
        boundary : gpd.GeoDataFrame
            polygons, in any coordinate system.

        Returns
        -------
        gpd.GeoDataFrame
            In EPSG:2913: cell_ix, cell_iy, area_ft2 (inside the boundary, square feet), geometry.

        Raises
        ------
        ValueError
            The boundary is empty or has no coordinate system.
        """
        whole = _in_feet(boundary)
        west, south, east, north = whole.bounds
        (ix_from, ix_to), (iy_from, iy_to) = self.index([west, east], [south, north])
        ix, iy = (
            axis.ravel()
            for axis in np.meshgrid(np.arange(ix_from, ix_to + 1), np.arange(iy_from, iy_to + 1), indexing="ij")
        )
        shapes = self._trimmed(ix, iy, whole)
        area_ft2 = shapely.area(shapes)
        kept = area_ft2 > SMALLEST_SHARE * self.size_ft**2
        cells = {"cell_ix": ix[kept], "cell_iy": iy[kept], "area_ft2": area_ft2[kept]}
        return gpd.GeoDataFrame(cells, geometry=shapes[kept], crs=CRS)

    def _trimmed(self, ix: Integers, iy: Integers, whole: shapely.Geometry) -> npt.NDArray[np.object_]:
        size = self.size_ft
        boxes = shapely.box(ix * size, iy * size, (ix + 1) * size, (iy + 1) * size)
        shapely.prepare(whole)
        shapes = np.full(len(boxes), shapely.Polygon(), dtype=object)
        is_inside = shapely.contains_properly(whole, boxes)
        on_border = ~is_inside & shapely.intersects(whole, boxes)
        shapes[is_inside] = boxes[is_inside]
        shapes[on_border] = shapely.intersection(whole, boxes[on_border])
        return shapes


def to_feet(lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return points in degrees (WGS84) as feet of EPSG:2913, rounded to 0.001."""
    points = gpd.GeoSeries(gpd.points_from_xy(lon, lat), crs="EPSG:4326").to_crs(CRS)
    return points.x.to_numpy().round(3), points.y.to_numpy().round(3)


def write_forecast(cells: gpd.GeoDataFrame, is_hotspot: npt.ArrayLike, folder: Path, *, name: str, day: date) -> Path:
    """Write a forecast as the shapefile of the challenge, `<name>.shp`, and as a layer of `nij.gpkg`.

    Parameters
    ----------
    cells : gpd.GeoDataFrame
        area_ft2, geometry, as returned by `NijGrid.cells_of`.
    is_hotspot : npt.ArrayLike
        one value per row of cells.
    folder : Path
        output folder; it must exist.
    name : str
        name of the file and of the layer.
    day : date
        date stamp of the files, so that the same forecast gives the same bytes.

    Returns
    -------
    Path
        Path of the shapefile. Fields: id (from 1), hotspot (0 or 1), area (square feet).
    """
    fields = pd.DataFrame(
        {
            "id": np.arange(1, len(cells) + 1, dtype=np.int32),
            "hotspot": np.asarray(is_hotspot, dtype=np.int16),
            "area": cells["area_ft2"].to_numpy(),
        }
    )
    features = gpd.GeoDataFrame(fields, geometry=cells.geometry.to_numpy(), crs=cells.crs)
    path = folder / f"{name}.shp"
    pyogrio.write_dataframe(
        features,
        path,
        driver="ESRI Shapefile",
        geometry_type="Polygon",
        layer_options={"DBF_DATE_LAST_UPDATE": day.isoformat(), "ENCODING": "UTF-8"},
    )
    with clock_of_gdal(pd.Timestamp(day)):
        pyogrio.write_dataframe(
            features,
            folder / "nij.gpkg",
            layer=name,
            driver="GPKG",
            geometry_type="MultiPolygon",
            promote_to_multi=True,
        )
    return path


def _in_feet(boundary: gpd.GeoDataFrame) -> shapely.Geometry:
    if boundary.crs is None or boundary.empty:
        raise ValueError(
            f"boundary: {len(boundary)} shapes, coordinate system {boundary.crs}; expected polygons in any system"
        )
    return shapely.union_all(boundary.to_crs(CRS).geometry.make_valid().to_numpy())
