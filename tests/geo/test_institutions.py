"""Known institutions from a file: their ground, what is refused, and the points that lie on it."""

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from flows.run.address_piles import known_institutions
from geo.institutions import institutions_at, read_institutions
from pipeline.errors import SettingsError

CRS = "EPSG:32618"
HEAD = "name,kind,lon,lat,radius_m\n"


def written(folder: Path, text: str, name: str = "institutions.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_a_table_of_points_becomes_ground_of_its_own_or_the_usual_radius(tmp_path: Path) -> None:
    file = written(tmp_path, HEAD + "Station 9,police,-75.0,40.0,\nHospital,hospital,-75.1,40.0,200\n")
    found = known_institutions(file, CRS, radius_m=75)
    assert found[["name", "kind"]].to_numpy().tolist() == [["Hospital", "hospital"], ["Station 9", "police"]]
    assert found.geometry.bounds.pipe(lambda b: b["maxx"] - b["minx"]).tolist() == pytest.approx([400, 150])
    without = written(tmp_path, "name,kind,lon,lat\nA,court,-75.0,40.0\n", "plain.csv")
    assert known_institutions(without, CRS, radius_m=10).area.iloc[0] == pytest.approx(314, rel=0.01)


def test_outlines_of_a_map_file_keep_their_shape(tmp_path: Path) -> None:
    outline = gpd.GeoDataFrame({"name": ["Mall"], "kind": ["mall"]}, geometry=[shapely.box(0, 0, 100, 50)], crs=CRS)
    outline.to_file(tmp_path / "mall.gpkg")
    assert read_institutions(tmp_path / "mall.gpkg", CRS, radius_m=0).area.iloc[0] == pytest.approx(5000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,lon,lat\nA,-75,40\n", "no column 'kind' in its first row"),
        (HEAD + "A,police,-75,40,\n,police,-75,40,\n", "row 3, column name: '': expected a name"),
        (HEAD + "A,police,-75,40,\nA,police,-75.1,40,\n", "row 3, column name: 'A': expected one row for each name"),
        (HEAD + "A,police,483000,4426650,\n", "row 2, column lon: '483000'"),
        (HEAD + "A,police,x,40,\n", "row 2, column lon: 'x'"),
        (HEAD + "A,police,-75,40,-3\n", "column radius_m: '-3'"),
        (HEAD + "A,police,-75,40,wide\n", "column radius_m: 'wide'"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_line_and_the_value(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        known_institutions(written(tmp_path, text), CRS, radius_m=75)


def test_a_file_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        known_institutions(tmp_path / "none.csv", CRS, radius_m=75)


def test_points_get_the_first_institution_on_whose_ground_they_lie() -> None:
    ground = gpd.GeoDataFrame(
        {"name": ["A", "B"], "kind": ["court", "bank"]},
        geometry=[shapely.box(0, 0, 10, 10), shapely.box(5, 0, 20, 10)],
        crs=CRS,
    )
    points = pd.DataFrame({"x_m": [7.0, 15.0, 30.0, 10.0], "y_m": [5.0, 5.0, 5.0, 10.0]}, index=[3, 1, 2, 0])
    found = institutions_at(points, ground)
    assert found.index.tolist() == [3, 1, 2, 0]
    assert found["name"].fillna("none").tolist() == ["A", "B", "none", "A"]
    assert found["kind"].fillna("none").tolist() == ["court", "bank", "none", "court"]
    assert institutions_at(points, ground.iloc[:0])["name"].isna().all()
