"""Cells in feet: within the challenge's rules, trimmed to the boundary, and written with the fields it asks for."""

from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from geo.nij_cells import NijGrid, to_feet, write_forecast

TOWN = gpd.GeoDataFrame(geometry=[shapely.box(7_650_000, 680_000, 7_651_250, 681_000)], crs="EPSG:2913")


@pytest.mark.parametrize("size_ft", [249, 601, 0, -300, float("nan")])
def test_a_cell_outside_the_rules_is_refused(size_ft: float) -> None:
    with pytest.raises(ValueError, match="62,500 to 360,000"):
        NijGrid(size_ft)


def test_the_rules_own_ends_are_allowed() -> None:
    assert [NijGrid(size_ft).size_ft ** 2 for size_ft in (250, 600)] == [62_500, 360_000]


def test_a_point_on_a_line_belongs_to_the_cell_beyond_it() -> None:
    ix, iy = NijGrid(500).index([1000, 999.999, -0.5], [0, 500, 499])
    assert ix.tolist() == [2, 1, -1]
    assert iy.tolist() == [0, 1, 0]


def test_cells_cover_the_boundary_and_are_trimmed_to_it() -> None:
    cells = NijGrid(500).cells_of(TOWN)
    assert len(cells) == 3 * 2
    assert cells["area_ft2"].tolist() == [250_000, 250_000] * 2 + [125_000, 125_000]
    assert cells["area_ft2"].sum() == TOWN.area.sum()
    assert cells.geometry.union_all().symmetric_difference(TOWN.geometry[0]).area == pytest.approx(0, abs=1e-6)
    assert cells[["cell_ix", "cell_iy"]].drop_duplicates().shape == (6, 2)


def test_cells_beside_the_boundary_are_not_there() -> None:
    ring = gpd.GeoDataFrame(geometry=[TOWN.geometry[0].difference(TOWN.geometry[0].buffer(-100))], crs=TOWN.crs)
    cells = NijGrid(250).cells_of(ring)
    assert cells["area_ft2"].sum() == pytest.approx(ring.area.sum())
    assert len(cells) == 2 * 5 + 2 * 2


def test_a_boundary_in_degrees_comes_to_feet() -> None:
    assert NijGrid(500).cells_of(TOWN.to_crs("EPSG:4326"))["area_ft2"].sum() == pytest.approx(1_250_000, rel=1e-6)


@pytest.mark.parametrize("boundary", [TOWN.set_crs(None, allow_override=True), TOWN.iloc[:0]])
def test_a_boundary_of_unknown_place_or_none_is_refused(boundary: gpd.GeoDataFrame) -> None:
    with pytest.raises(ValueError, match="boundary"):
        NijGrid(500).cells_of(boundary)


def test_degrees_become_feet() -> None:
    # The first crime of the challenge's own file, whose feet are whole numbers.
    x_ft, y_ft = to_feet([-122.609715], [45.518788])
    assert x_ft[0] == pytest.approx(7_661_410, abs=1)
    assert y_ft[0] == pytest.approx(682_295, abs=1)


def test_a_forecast_is_written_as_the_challenge_takes_it(tmp_path: Path) -> None:
    cells = NijGrid(500).cells_of(TOWN)
    hotspots = np.array([True, False, False, False, False, True])
    path = write_forecast(cells, hotspots, tmp_path, name="burglary_201702", day=date(2017, 2, 1))
    for read in (gpd.read_file(path), gpd.read_file(tmp_path / "nij.gpkg", layer="burglary_201702")):
        assert list(read.columns) == ["id", "hotspot", "area", "geometry"]
        assert read["id"].tolist() == [1, 2, 3, 4, 5, 6]
        assert read["hotspot"].tolist() == [1, 0, 0, 0, 0, 1]
        assert read["area"].tolist() == pytest.approx(cells["area_ft2"].tolist())
        assert read.crs.to_epsg() == 2913 or "Oregon_North" in read.crs.name.replace(" ", "_")
        assert read.geometry.area.to_numpy() == pytest.approx(cells["area_ft2"].to_numpy())
    kinds = dict(zip(*(pyogrio.read_info(path)[key] for key in ("fields", "dtypes")), strict=True))
    assert kinds == {"id": "int32", "hotspot": "int32", "area": "float64"}


def test_the_same_forecast_gives_the_same_bytes(tmp_path: Path) -> None:
    cells = NijGrid(500).cells_of(TOWN)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_forecast(cells, np.ones(6, bool), tmp_path / folder, name="all", day=date(2017, 2, 1))
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert {"all.shp", "all.dbf", "all.shx", "all.prj", "nij.gpkg"} <= set(names)
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names)
