"""Files of shapes that cannot be used say what is wrong with them, and shapes that cross themselves are repaired."""

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon, box

from geo.vector_file import made_valid, read_vector_file

SQUARE: dict[str, Any] = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}


def feature(properties: dict[str, Any], geometry: dict[str, Any] | None) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def collection(*features: dict[str, Any]) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (collection(), "no features; expected at least one"),
        (json.dumps({"type": "FeatureCollection", "districts": [1, 2]}), "cannot be read: .*Missing 'features' member"),
        (json.dumps({"districts": [1, 2]}), "cannot be read: .*not recognized as being in a supported file format.$"),
        ("", "cannot be read"),
        (json.dumps(SQUARE), "no column 'id'; it has geometry alone$"),
        (collection(feature({}, SQUARE)), "no column 'id'; it has geometry alone$"),
        (collection(feature({"ID": 1, "as": 2}, SQUARE)), r"column 'id'; it has \['ID', 'as'\]; did you mean 'ID'"),
        (collection(feature({"ident": 1}, SQUARE)), r"it has \['ident'\]$"),
        (collection(feature({"id": 1}, None)), "no geometry in feature 1 of 1$"),
        (collection(*[feature({"id": n}, SQUARE if n == 1 else None) for n in range(4)]),
         r"no geometry in feature 1 of 4 \(and 2 others\)"),
        (collection(feature({"id": 1}, {"type": "Polygon", "coordinates": []})), "no geometry in feature 1 of 1"),
    ],
)  # fmt: skip
def test_a_geojson_file_that_cannot_be_used_says_why(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "areas.geojson").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=said) as refusal:
        read_vector_file(tmp_path / "areas.geojson", columns=["id"])
    assert str(refusal.value).startswith(str(tmp_path / "areas.geojson"))


@pytest.mark.parametrize("suffix", ["gpkg", "parquet", "fgb", "shp"])
def test_a_file_without_features_says_so_whatever_its_format(tmp_path: Path, suffix: str) -> None:
    empty = gpd.GeoDataFrame({"other": ["a"]}, geometry=[box(0, 0, 1, 1)], crs="EPSG:4326").head(0)
    path = tmp_path / f"areas.{suffix}"
    empty.to_parquet(path) if suffix == "parquet" else empty.to_file(path)
    with pytest.raises(ValueError, match="no features; expected at least one"):
        read_vector_file(path, columns=["id"])


def test_a_file_without_geometry_says_so(tmp_path: Path) -> None:
    rows = pd.DataFrame({"id": ["a"]})
    rows.to_csv(tmp_path / "areas.csv")
    rows.to_parquet(tmp_path / "areas.parquet")
    pyogrio.write_dataframe(rows, tmp_path / "areas.gpkg", driver="GPKG")
    for name in ("areas.csv", "areas.parquet", "areas.gpkg"):
        with pytest.raises(ValueError, match=rf"{name}: no geometry"):
            read_vector_file(tmp_path / name, columns=["id"])


def test_a_layer_is_chosen_by_name_and_asked_for_by_the_setting(tmp_path: Path) -> None:
    shape = gpd.GeoDataFrame({"id": ["a"]}, geometry=[box(0, 0, 1, 1)], crs="EPSG:4326")
    path = tmp_path / "map.gpkg"
    for layer in ("Beats", "wards"):
        shape.assign(of=layer).to_file(path, layer=layer)

    def read(layer: str | None) -> gpd.GeoDataFrame:
        return read_vector_file(path, columns=["id"], layer=layer, choose_with="force.areas.layer")

    assert read("wards")["of"].tolist() == ["wards"]
    with pytest.raises(
        ValueError, match=r"2 layers with geometry, \['Beats', 'wards'\]; choose one with force.areas.l"
    ):
        read(None)
    with pytest.raises(
        ValueError, match=r"no layer 'beats'; it has \['Beats', 'wards'\]; did you mean 'Beats'\?; choose"
    ):
        read("beats")
    with pytest.raises(ValueError, match=r"choose one with `ogr2ogr areas.gpkg FILE LAYER`"):
        read_vector_file(path, columns=["id"])
    shape.to_parquet(tmp_path / "map.parquet")
    with pytest.raises(ValueError, match=r"a Parquet file has no layers; leave out .*, which is 'wards'"):
        read_vector_file(tmp_path / "map.parquet", columns=["id"], layer="wards")


def repaired(*shapes: shapely.Geometry) -> tuple[list[shapely.Geometry], list[float]]:
    valid, changed_m2 = made_valid(gpd.GeoSeries(shapes, crs="EPSG:32618"))
    return valid.tolist(), changed_m2.tolist()


@pytest.mark.parametrize(
    ("drawn", "ground_m2", "changed_m2"),
    [
        (Polygon([(0, 0), (10, 10), (10, 0), (0, 10)]), 50, 50),  # two wings that cancel each other out
        (Polygon([(0, 0), (30, 0), (30, 10), (0, 10), (0, 0), (-10, 0), (-10, -10)]), 350, 0),  # touches itself
        (Polygon([(0, 0), (10, 0), (10, 10), (0, 10)], [[(5, 5), (15, 5), (15, 8), (5, 8)]]), 85, 15),  # hole runs out
        (Polygon([(0, 0), (10, 0), (10, 10), (0, 10)], [[(20, 20), (21, 20), (21, 21)]]), 100.5, 1),  # hole outside
        (MultiPolygon([box(0, 0, 10, 10), box(5, 0, 15, 10)]), 150, 50),  # parts overlap
    ],
)
def test_a_repair_says_how_much_ground_it_changed(drawn: Polygon, ground_m2: float, changed_m2: float) -> None:
    [valid], [changed] = repaired(drawn)
    assert valid.is_valid
    assert (valid.area, changed) == (pytest.approx(ground_m2), pytest.approx(changed_m2))


corner = st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda at: (at[0] * 10.0, at[1] * 10.0))


@given(st.lists(corner, min_size=3, max_size=9), st.lists(corner, min_size=3, max_size=5) | st.none())
def test_any_ring_comes_out_valid_and_one_repair_is_enough(
    ring: list[tuple[float, float]], hole: list[tuple[float, float]] | None
) -> None:
    """However rings cross: what comes out is valid, lies within the rings, and its change of ground is true."""
    drawn = Polygon(ring, [hole] if hole else None)
    rings = shapely.MultiPoint([*ring, *(hole or [])]).convex_hull
    [valid], [changed] = repaired(drawn)
    assert valid.is_valid
    assert shapely.difference(valid, rings.buffer(1e-6)).area == pytest.approx(0, abs=1e-6)
    if drawn.is_valid:
        assert valid.equals_exact(drawn)
        assert np.isnan(changed)
    else:
        assert changed == pytest.approx(abs(valid.area - drawn.area))
        [again], [nothing] = repaired(valid)
        assert again.equals_exact(valid)
        assert np.isnan(nothing)
