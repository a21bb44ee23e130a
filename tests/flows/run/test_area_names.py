"""Areas that the boundary file names by a number are called by what they are in everything that a run publishes."""

from pathlib import Path

import geopandas as gpd
import pytest
from shapely import box

from flows.home.settings import AreasSettings, FurtherAreas
from flows.inputs.assembly import _read_areas


@pytest.fixture
def boundaries(tmp_path: Path) -> Path:
    path = tmp_path / "areas.geojson"
    frame = gpd.GeoDataFrame(
        {"num": [24, 15, 3], "name": ["24", "15", "Harbour"]},
        geometry=[box(-75.1 + n / 100, 39.9, -75.09 + n / 100, 39.91) for n in range(3)],
        crs="EPSG:4326",
    )
    frame.to_file(path)
    return path


@pytest.mark.parametrize(
    ("file", "called", "names"),
    [
        (AreasSettings, "district", ["District 15", "District 24", "Harbour"]),
        (FurtherAreas, "beat", ["Beat 15", "Beat 24", "Harbour"]),
    ],
)
def test_a_number_gets_the_word_of_its_set(
    boundaries: Path, file: type[AreasSettings | FurtherAreas], called: str, names: list[str]
) -> None:
    areas = _read_areas(file(path=boundaries, id_column="num", name_column="name"), "force.areas", None, called)
    assert sorted(areas["area_name"]) == names
    assert sorted(areas["area_id"]) == ["15@1", "24@1", "3@1"]  # ids stay what they are
    assert sorted(areas["raw_area_id"]) == ["15", "24", "3"]
