"""Areas read from files as GIS teams send them."""

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from shapely import LineString, MultiPolygon, Polygon, box

from geo.areas import find_overlaps, find_repairs, read_areas, shared_ground, without_overlaps

CRS = "EPSG:32618"
PHILADELPHIA = Path(__file__).parents[3] / "shared" / "data" / "philadelphia_police_districts.geojson"
WRITERS = {"geojson": "GeoJSON", "gpkg": "GPKG", "shp": "ESRI Shapefile"}


def frame(rows: dict[str, Any], crs: str | None = CRS) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({k: v for k, v in rows.items() if k != "geometry"}, geometry=rows["geometry"], crs=crs)


def square(west: float, south: float, size: float = 1000) -> Polygon:
    return box(480_000 + west, 4_420_000 + south, 480_000 + west + size, 4_420_000 + south + size)


def written(areas: gpd.GeoDataFrame, folder: Path, suffix: str = "gpkg") -> Path:
    path = folder / f"areas.{suffix}"
    if suffix == "parquet":
        areas.to_parquet(path)
    else:
        areas.to_file(path, driver=WRITERS[suffix])
    return path


def read(path: Path, **changes: Any) -> gpd.GeoDataFrame:
    return read_areas(path, **({"id_column": "id", "name_column": None, "version": "v1", "crs": CRS} | changes))


TWO = {"id": ["b", "a"], "label": ["Beta", "Alpha"], "geometry": [square(0, 0), square(2000, 0)]}


@pytest.mark.parametrize("suffix", ["geojson", "gpkg", "parquet", "shp"])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:2272", CRS])
def test_any_format_and_system_gives_the_same_areas_in_metres(tmp_path: Path, suffix: str, crs: str) -> None:
    # RFC 7946 knows degrees only; GDAL writes a crs member for any other system, which is read back.
    areas = read(written(frame(TWO).to_crs(crs), tmp_path, suffix), name_column="label")
    assert areas["area_id"].tolist() == ["a@v1", "b@v1"]
    assert areas["raw_area_id"].tolist() == ["a", "b"]
    assert areas["area_name"].tolist() == ["Alpha", "Beta"]
    assert areas.crs == CRS
    assert areas.area.to_numpy() == pytest.approx([1e6, 1e6], rel=1e-5)


def test_without_a_system_named_the_utm_zone_is_taken(tmp_path: Path) -> None:
    assert read(written(frame(TWO).to_crs("EPSG:4326"), tmp_path), crs=None).crs == CRS


def test_whole_numbers_stay_whole_in_ids(tmp_path: Path) -> None:
    areas = read(written(frame(TWO | {"id": [24.0, 3.0]}), tmp_path))
    assert areas["area_id"].tolist() == ["24@v1", "3@v1"]
    assert areas["area_name"].tolist() == ["24", "3"]


def test_parts_of_one_id_are_dissolved(tmp_path: Path) -> None:
    rows = {"id": ["a", "b", "a"], "geometry": [square(0, 0), square(5000, 0), square(2000, 0)]}
    areas = read(written(frame(rows), tmp_path))
    assert areas["area_id"].tolist() == ["a@v1", "b@v1"]
    assert isinstance(areas.geometry[0], MultiPolygon)
    assert areas.area[0] == pytest.approx(2e6)
    assert areas["part_count"].tolist() == [2, 1]


def test_touching_parts_of_one_id_become_one_polygon(tmp_path: Path) -> None:
    rows = {"id": ["a", "a"], "geometry": [square(0, 0), square(1000, 0)]}
    assert isinstance(read(written(frame(rows), tmp_path)).geometry[0], Polygon)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (TWO | {"id": ["a", None]}, "column 'id' is empty in feature 2 of 2"),
        (TWO | {"id": ["a", "  "]}, "column 'id' is empty in feature 2 of 2"),
        (TWO | {"id": ["a", "a"]}, "id 'a' is used by 2 different features"),  # two names
        ({"id": ["a", "a"], "label": "A", "geometry": [square(0, 0), square(500, 0)]}, "id 'a' is used by 2"),
        (TWO | {"geometry": [square(0, 0), None]}, "no geometry in feature 2"),
        (TWO | {"geometry": [square(0, 0), LineString([(0, 0), (9, 9)])]}, "area 'a' is a LineString"),
    ],
)
def test_areas_that_cannot_be_told_apart_are_refused(tmp_path: Path, rows: dict[str, Any], said: str) -> None:
    path = written(frame(rows), tmp_path, "parquet")
    with pytest.raises(ValueError, match=said) as refusal:
        read(path, name_column="label")
    assert "areas.parquet" in str(refusal.value)


def test_a_bow_tie_is_made_valid_and_a_hole_stays_a_hole(tmp_path: Path) -> None:
    bow_tie = Polygon([(480_000, 4_420_000), (481_000, 4_421_000), (481_000, 4_420_000), (480_000, 4_421_000)])
    ring = square(3000, 0).difference(square(3250, 250, 500))
    areas = read(written(frame({"id": ["a", "b"], "geometry": [bow_tie, ring]}), tmp_path, "parquet"))
    assert areas.is_valid.all()
    assert areas.area.to_numpy() == pytest.approx([5e5, 7.5e5])
    repairs = find_repairs(areas)
    assert repairs["area_id"].tolist() == ["a@v1"]
    assert repairs[["changed_m2", "changed_share"]].to_numpy()[0] == pytest.approx([5e5, 1])


def test_repairs_are_listed_by_the_share_of_ground_they_changed_parts_of_an_area_together(tmp_path: Path) -> None:
    def folded(west: float, reach: float) -> Polygon:
        """A square with a triangle of `reach` metres on its border, which winds the other way."""
        x, y = 480_000 + west, 4_420_000
        corners = [(0, 0), (1000, 0), (1000, 1000), (0, 1000), (0, 500), (-reach, 500 - reach), (-reach, 500 + reach)]
        return Polygon([(x + east, y + north) for east, north in [*corners, (0, 500)]])

    shapes = [folded(0, 10), folded(5000, 200), square(9000, 0), folded(20000, 50), folded(30000, 50)]
    areas = read(written(frame({"id": ["a", "b", "c", "d", "d"], "geometry": shapes}), tmp_path, "parquet"))
    repairs = find_repairs(areas)
    assert repairs["area_id"].tolist() == ["b@v1", "d@v1", "a@v1"]
    assert repairs["changed_m2"].tolist() == pytest.approx([80_000, 10_000, 200])
    assert repairs["changed_share"].tolist() == pytest.approx([80_000 / 1_040_000, 10_000 / 2_005_000, 200 / 1_000_100])


def test_a_polygon_folded_flat_has_no_area_and_is_refused(tmp_path: Path) -> None:
    flat = Polygon([(480_000, 4_420_000), (481_000, 4_420_000), (480_500, 4_420_000)])
    with pytest.raises(ValueError, match="area 'a' has no area"):
        read(written(frame({"id": ["a"], "geometry": [flat]}), tmp_path, "parquet"))


@pytest.mark.parametrize("suffix", ["gpkg", "parquet"])
def test_a_missing_coordinate_system_is_refused(tmp_path: Path, suffix: str) -> None:
    areas = frame(TWO, crs=None)
    path = tmp_path / f"areas.{suffix}"
    if suffix == "parquet":
        areas.to_parquet(path)
    else:
        with pytest.warns(UserWarning, match="crs"):
            areas.to_file(path, driver="GPKG")
    with pytest.raises(ValueError, match="no coordinate system"):
        read(path)


def test_metres_in_a_geojson_that_names_no_system_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "areas.geojson"
    path.write_text(frame(TWO).set_crs(None, allow_override=True).to_json(), encoding="utf-8")
    with pytest.raises(ValueError, match="are not degrees, but the file names no other system"):
        read(path)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:2272", "EPSG:3857"])
def test_a_system_without_true_metres_is_refused(tmp_path: Path, crs: str) -> None:
    with pytest.raises(ValueError, match=f"{crs}.*expected"):
        read(written(frame(TWO), tmp_path), crs=crs)


def test_a_missing_column_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no column 'district'; it has \['id', 'label'\]"):
        read(written(frame(TWO), tmp_path), id_column="district")


def test_several_layers_need_a_choice(tmp_path: Path) -> None:
    path = written(frame(TWO), tmp_path)
    frame(TWO).head(1).to_file(path, layer="beats")
    with pytest.raises(ValueError, match=r"2 layers with geometry, \['areas', 'beats'\]; choose one with"):
        read(path)
    assert len(read(path, layer="beats")) == 1
    with pytest.raises(ValueError, match="no layer 'wards'"):
        read(path, layer="wards")


@pytest.mark.parametrize("name", ["absent.gpkg", "text.gpkg", "text.parquet", "text.geojson"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    if name != "absent.gpkg":
        (tmp_path / name).write_text("no map at all", encoding="utf-8")
    with pytest.raises(ValueError, match=name):
        read(tmp_path / name)


def test_a_file_without_features_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no features"):
        read(written(frame(TWO).head(0), tmp_path, "parquet"))


def test_an_empty_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="version=''"):
        read(written(frame(TWO), tmp_path), version="")


def test_overlaps_are_found_and_fall_to_the_smaller_id(tmp_path: Path) -> None:
    rows = {"id": ["b", "a", "c"], "geometry": [square(500, 0), square(0, 0), square(1500, 0)]}
    areas = read(written(frame(rows), tmp_path))
    overlaps = find_overlaps(areas)
    assert overlaps[["area_id", "other_area_id"]].to_numpy().tolist() == [["a@v1", "b@v1"]]
    assert overlaps["overlap_m2"].tolist() == pytest.approx([5e5])
    cut = without_overlaps(areas)
    assert cut.area.tolist() == pytest.approx([1e6, 5e5, 1e6])
    assert find_overlaps(cut, minimum_m2=0.001).empty
    assert areas.area.tolist() == pytest.approx([1e6, 1e6, 1e6])  # the input is as it was


def areas_of(version: str, **shapes: Polygon) -> gpd.GeoDataFrame:
    return frame({"area_id": [f"{name}@{version}" for name in shapes], "geometry": list(shapes.values())})


def test_shared_ground_is_what_two_sets_have_in_common_without_slivers() -> None:
    districts = areas_of("d", north=square(0, 1000), south=square(0, 0))
    beats = areas_of("b", a=box(480_000, 4_420_000, 480_250, 4_422_000), b=square(250, 5), c=square(5000, 0))
    pairs = shared_ground(beats, districts)
    assert pairs[["area_id", "other_area_id"]].to_numpy().tolist() == [
        ["a@b", "north@d"], ["a@b", "south@d"], ["b@b", "south@d"]
    ]  # fmt: skip
    # b reaches 5 m into north, 0.4% of it: noise. Of b, 25% lie outside every district.
    assert pairs["share"].tolist() == pytest.approx([0.5, 0.5, 0.74625])
    assert pairs["other_share"].tolist() == pytest.approx([0.25, 0.25, 0.74625])


def test_a_set_shares_all_its_ground_with_itself_also_where_it_overlaps() -> None:
    areas = areas_of("d", a=square(0, 0), b=square(500, 0), c=square(1500, 0))
    pairs = shared_ground(areas, areas)
    assert pairs["area_id"].tolist() == pairs["other_area_id"].tolist() == ["a@d", "b@d", "c@d"]
    assert pairs["share"].tolist() == pairs["other_share"].tolist() == [1.0, 1.0, 1.0]


def test_overlaps_in_degrees_are_refused() -> None:
    with pytest.raises(ValueError, match="EPSG:4326 is in degree"):
        find_overlaps(frame(TWO | {"area_id": ["a", "b"]}).to_crs("EPSG:4326"))


@pytest.mark.skipif(not PHILADELPHIA.exists(), reason="real boundaries of Philadelphia are not beside the project")
def test_the_districts_of_philadelphia() -> None:
    areas = read(PHILADELPHIA, id_column="dist_num", version="2024", crs=None)
    assert (len(areas), str(areas.crs.to_authority())) == (21, "('EPSG', '32618')")
    assert areas["area_id"].iloc[0] == "12@2024"
    assert areas["area_id"].is_monotonic_increasing
    assert np.isclose(areas.area.sum() / 1e6, 370, atol=15)  # square kilometres, water included
    assert areas.is_valid.all()


FIGURES = {"residents": "people", "street_km": "km"}


def test_figures_are_read_by_area_and_missing_ones_stay_missing(tmp_path: Path) -> None:
    rows = TWO | {"people": ["1200", " "], "km": [3.5, None]}
    areas = read(written(frame(rows), tmp_path), figures=FIGURES).set_index("raw_area_id")
    assert areas.loc["b", ["residents", "street_km"]].tolist() == [1200, 3.5]
    assert areas.loc["a", ["residents", "street_km"]].isna().all()
    assert read(written(frame(rows), tmp_path))[["residents", "street_km"]].isna().all(axis=None)


@pytest.mark.parametrize("wrong", ["-1", "many", "inf", "1,200"])
def test_a_figure_that_is_none_is_refused_with_area_and_value(tmp_path: Path, wrong: str) -> None:
    path = written(frame(TWO | {"people": ["5", wrong]}), tmp_path)
    with pytest.raises(ValueError, match=f"area 'a' has people='{wrong}'; expected a number from zero up, or null"):
        read(path, figures={"residents": "people"})


def test_parts_of_an_area_have_the_figure_of_the_whole(tmp_path: Path) -> None:
    rows = {"id": ["a", "a"], "people": [7, 7], "geometry": [square(0, 0), square(2000, 0)]}
    assert read(written(frame(rows), tmp_path), figures={"residents": "people"})["residents"].tolist() == [7]
    with pytest.raises(ValueError, match=r"id 'a' .*each the figures of the whole area"):
        read(written(frame(rows | {"people": [7, 8]}), tmp_path), figures={"residents": "people"})
