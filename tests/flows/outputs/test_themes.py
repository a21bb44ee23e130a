"""The layers of a run: each says what it means in the words of the tables, and lies beside the run before."""

import shutil
from pathlib import Path

import pandas as pd
import pyogrio
import pytest

from flows.home.home import Home
from flows.inputs.previous_run import Previous
from flows.outputs.render import TABLES, write_outputs
from flows.outputs.themes import THEMES, Drawn, descriptions, place_layers
from flows.run.map_shapes import drawn_map
from flows.run.prioritise import changed_places
from models.changes import MEASURES
from pipeline.publication.publish import read_places, runs
from pipeline.publication.tables import RUN_COLUMNS, read_tables

OTHERS = ("area_set_ranking", "cell_forecast", "person_tier", "tier_term", "seller_term")
AREAS = pd.DataFrame(columns=["area_id", "area_name", "rank", "is_listed", "harm_per_day", *MEASURES["area"]])
MARKETS = pd.DataFrame(columns=["market_id", "place", "rank", "grade", "score", *MEASURES["market"], "geometry_wkb"])
RANKED = {"areas": "area_id", "cells": "cell_id", "hotspots": "hotspot_id", "markets": "market_id"}


def drawn(home: Home, run_id: str) -> Drawn:
    kept = runs(home.path).set_index("run_id", drop=False)
    run = {str(name): value for name, value in kept.loc[run_id].items()}
    tables = read_places(home.path, TABLES, run_id)
    shapes = drawn_map(run, tables["map_shape"], tables["area_ranking"]["area_id"], home.settings)
    return Drawn(tables, run, shapes)


def test_every_column_of_every_layer_has_a_name_and_a_meaning(two_days: tuple[Home, str, str]) -> None:
    home, _, run_id = two_days
    layers = place_layers(drawn(home, run_id))
    assert ["area_sets", *layers] == list(THEMES)  # no further sets, no layer of them
    assert list(descriptions()) == list(THEMES)
    for theme, features in layers.items():
        description = descriptions()[theme]
        fields = {field.name: field for field in description.fields}
        assert set(features.columns) - {"geometry"} == set(fields), theme
        assert all(field.label and field.meaning for field in fields.values())
        assert len({field.label for field in fields.values()}) == len(fields), theme  # a GeoPackage asks for it
        assert not features[list(description.key)].duplicated().any()
        assert set(description.key) | set(description.tip) | set(RUN_COLUMNS) <= set(fields)
    assert len({description.title for description in descriptions().values()}) == len(THEMES)


def test_labels_of_columns_are_words() -> None:
    table = read_tables().published["area_ranking"]
    titles = {column.name: column.title for column in table.columns}
    assert titles["p_top_k"] == "Chance of being among the worst K"
    assert titles["harm_per_day_lo"] == "Harm points a day, likely from"
    assert titles["is_staffing_assumed"] == "Staffing assumed"
    assert not [title for column in table.columns for title in [column.title] if "_" in title]


@pytest.mark.parametrize("theme", RANKED)
def test_a_layer_lies_beside_the_run_before(two_days: tuple[Home, str, str], theme: str) -> None:
    home, first, second = two_days
    key = RANKED[theme]
    before, after = (place_layers(drawn(home, run_id))[theme].set_index(key) for run_id in (first, second))
    assert before[["rank_before", "rank_change"]].isna().all(axis=None)
    stayed = after.index.intersection(before.index)
    assert len(stayed) or theme in ("hotspots", "markets")
    assert after.loc[stayed, "rank_before"].tolist() == before.loc[stayed, "rank"].tolist()
    assert (after["rank_change"] == after["rank_before"] - after["rank"])[after["rank_before"].notna()].all()
    assert after["rank_before"].drop(stayed).isna().all()


def test_an_old_run_is_drawn_with_its_own_ranks_of_before(two_days: tuple[Home, str, str], tmp_path: Path) -> None:
    """Publishing a further run changes no value of an earlier one."""
    home, first, _ = two_days
    write_outputs(home, first, tmp_path / "old")
    read = pyogrio.read_dataframe(tmp_path / "old" / "harmspot.gpkg", layer="areas")
    assert read["run_id"].eq(first).all()
    assert read["rank_before"].isna().all()
    assert pyogrio.read_info(tmp_path / "old" / "harmspot.gpkg", layer="changes")["features"] == 0


def test_changes_are_drawn_where_they_are_or_were(two_days: tuple[Home, str, str]) -> None:
    home, first, second = two_days
    changes = place_layers(drawn(home, second))["changes"]
    table = drawn(home, second).tables["place_change"]
    assert len(changes) == len(table) > 0
    before, after = (place_layers(drawn(home, run_id)) for run_id in (first, second))
    seen = set()
    for kind, theme in {"area": "areas", "hotspot": "hotspots", "market": "markets"}.items():
        shapes = [layers[theme].set_index(RANKED[theme]).geometry for layers in (before, after)]
        for change in changes[changes["place_kind"] == kind].itertuples():
            expected = shapes[0 if change.place_id not in shapes[1].index else 1][change.place_id]
            assert change.geometry.equals(expected)
            seen.add((kind, change.change))
    assert {kind for kind, _ in seen} >= {"area"}
    assert {change for _, change in seen} & {"rose", "fell", "entered"}


def test_visits_are_at_their_cells_at_local_times(two_days: tuple[Home, str, str]) -> None:
    home, _, run_id = two_days
    given = drawn(home, run_id)
    visits, cells = place_layers(given)["visits"], place_layers(given)["cells"].set_index("cell_id")
    assert len(visits) == len(given.tables["visit_plan"]) > 0
    assert (visits.geometry.to_numpy() == cells.loc[visits["cell_id"]].geometry.to_numpy()).all()
    local = pd.to_datetime(visits["starts_local"]).dt.tz_localize(home.settings.force.time_zone)
    assert (local == visits["starts_at"].dt.floor("min")).all()
    hours = visits["starts_local"].str[11:13].astype(int)
    assert hours.between(home.settings.visits.first_hour, home.settings.visits.last_hour - 1).all()


def test_the_formats_of_the_settings_are_written(two_days: tuple[Home, str, str], tmp_path: Path) -> None:
    home, _, _ = two_days
    config = tmp_path / "config.yaml"
    config.write_text(f"{home.config_file.read_text()}\nlayers: {{formats: [flatgeobuf]}}\n")  # type: ignore[union-attr]
    for name in ("areas.geojson", "points_of_interest.geojson"):
        (tmp_path / name).write_bytes((home.config_file.parent / name).read_bytes())  # type: ignore[union-attr]
    chosen = Home(shutil.copytree(home.path, tmp_path / "home"), config, home.clock, lambda text: None)
    names = {path.name for path in write_outputs(chosen)}
    assert names == {
        *("harmspot.gpkg", "harmspot.qgz", "report.html"),
        *(f"{theme}.{suffix}" for theme in THEMES if theme != "area_sets" for suffix in ("qml", "fgb")),
    }


def test_a_place_that_left_keeps_the_outline_it_had() -> None:
    hotspots = pd.DataFrame({"hotspot_id": ["a", "b"], "rank": [1, 2], "harm_days": [9.0, 4.0], "cell_count": [3, 2]})
    hotspots["place"] = ["Harbour Street", "Mill Lane"]
    before = hotspots.assign(geometry_wkb=[b"a before", b"b before"])
    now = hotspots.iloc[:1].assign(rank=3, harm_days=5.0, geometry_wkb=[b"a now"])
    others = {"area_ranking": AREAS, "market": MARKETS}
    previous = Previous(
        **dict.fromkeys(("as_of", "known_at"), pd.Timestamp(0, tz="UTC")),
        **others,
        hotspot=before,
        **dict.fromkeys(OTHERS, pd.DataFrame()),
    )
    changes = changed_places({**others, "hotspot": now}, previous).set_index("place_id")
    assert changes["change"].to_dict() == {"a": "fell", "b": "left"}
    assert changes["place"].to_dict() == {"a": "Harbour Street", "b": "Mill Lane"}
    assert changes["geometry_wkb"].to_dict() == {"a": b"a now", "b": b"b before"}
