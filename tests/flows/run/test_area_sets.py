"""Further sets of areas: each is ranked by itself, as the main set is, and two sets never mix."""

import json
import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from shapely import Polygon, box

from flows.command import cli
from flows.home.home import Home
from flows.home.run_identity import RunIdentity
from flows.home.settings import Settings, load_settings
from flows.ingest.ingest import load_file
from flows.inputs.assembly import Map, officer_hours, place_frames, place_incidents, read_map, read_run_codebook
from flows.inputs.previous_run import Previous
from flows.run.area_sets import RankedSets, few_residents_measure, rank_further_sets, size_measure
from flows.run.prioritise import rank_places
from flows.schedule.daily import daily_run
from geo.cells import Grid
from pipeline.database import connect
from pipeline.publication.publish import read_published
from tests.town import AS_OF, CLOCK, KEY, event

CRS = "EPSG:32618"
WEST, SOUTH = 480_000, 4_420_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
OFFENCES = ("robbery", "antisocial_behaviour", "theft_other", "burglary_residential")


def square(column: float, row: float, width: float = 1, height: float = 1) -> Polygon:
    """A rectangle in kilometres from the south-western corner of the town."""
    x, y = WEST + 1000 * column, SOUTH + 1000 * row
    return box(x, y, x + 1000 * width, y + 1000 * height)


def areas(version: str = "1", **shapes: Polygon) -> gpd.GeoDataFrame:
    rows = [(f"{name}@{version}", name, name.title(), None, 1) for name in shapes]
    frame = pd.DataFrame(rows, columns=["area_id", "raw_area_id", "area_name", "repaired_m2", "part_count"])
    return gpd.GeoDataFrame(frame, geometry=list(shapes.values()), crs=CRS).sort_values("area_id", ignore_index=True)


def incident(number: int, offence: str, column: float | None, row: float = 0.5, **more: Any) -> dict[str, Any]:
    """An incident of the last days, at a point in kilometres, or at none."""
    lon = lat = None
    if column is not None:
        points = gpd.GeoSeries.from_xy([WEST + 1000 * column], [SOUTH + 1000 * row], crs=CRS).to_crs("EPSG:4326")
        lon, lat = float(points.x[0]), float(points.y[0])
    happened = NOW - (1 + number % 90) * DAY
    known = {"occurred_precision": "instant", "is_ambiguous_hour": False, "discovery": "public"}
    report = {
        "report_channel": None,
        "reporter_ref": None,
        "report_subject": None,
        "is_minor_used_by_adult": False,
        **dict.fromkeys(("is_weapon", "is_injury", "is_domestic", "is_minor_victim"), False),
    }
    place = {"lon": lon, "lat": lat, "area_id": None}
    return {
        "incident_id": f"i{number}", "occurred_at": happened, "offence_code": offence,
        **known, **report, **place, **more,
    }  # fmt: skip


def shift(area_id: str, hours: float) -> dict[str, Any]:
    begins = NOW - DAY
    given_hours = {"rostered_hours": hours, "available_hours": hours}
    return {"area_id": area_id, "shift_start": begins, "shift_end": begins + DAY / 3, **given_hours}


@dataclass
class Town:
    """A main set, further sets, and what happened in them."""

    main: gpd.GeoDataFrame
    further: dict[str, gpd.GeoDataFrame]
    incidents: list[dict[str, Any]]
    shifts: list[dict[str, Any]]
    config: Path
    top_k: int | None = None
    outside_share: float = 1.0
    per: str = "total"

    @property
    def settings(self) -> Settings:
        of_set = {"path": "not-read.geojson", "residents_column": "people"}
        of_set |= {"top_k": self.top_k} if self.top_k else {}
        places = {"draws": 200, "top_k": 1, "per": self.per}
        force = {"areas": {"set": "district", "further": dict.fromkeys(self.further, of_set)}}
        quality = {"outside_share": self.outside_share}
        content = yaml.safe_dump({"force": force, "places": places, "quality": quality})
        self.config.write_text(content, encoding="utf-8")
        return load_settings(self.config, environment={})

    def ranked(self, previous: Previous | None = None) -> tuple[pd.DataFrame, RankedSets]:
        """The ranking of the main set, and the further ones."""
        settings, grid = self.settings, Grid(CRS, 500)
        geography = Map(self.main, grid, grid.cells_of(self.main), gpd.GeoDataFrame(), self.further)
        codebook = read_run_codebook(settings, NOW)
        with closing(connect(is_encrypting=False)) as connection:
            for name, rows in (("incident_snapshot", self.incidents), ("staffing_snapshot", self.shifts)):
                frame = pd.DataFrame(
                    rows, columns=[*(incident(0, "theft_other", 1) if "inc" in name else shift("a", 1))]
                )
                texts = {"area_id": "str", "incident_id": "str", "report_channel": "str", "reporter_ref": "str"}
                texts |= {"report_subject": "str", "lon": float, "lat": float}
                kinds = {column: kind for column, kind in texts.items() if column in frame}
                times = {
                    column: "datetime64[us, UTC]" for column in frame if column.endswith(("_at", "_start", "_end"))
                }
                hours = {column: float for column in frame if column.endswith("_hours")}
                connection.register("rows", frame.astype(kinds | times | hours))
                connection.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")
            place_incidents(connection, geography, codebook, NOW, settings)
            frames = place_frames(connection, geography, NOW, settings)
            main = rank_places(frames, geography, codebook, settings, None)
            hours_of_main = officer_hours(connection, geography.areas, NOW, settings)
            sets = rank_further_sets(connection, geography, hours_of_main, codebook, NOW, settings, previous)
            assert frames.area_events.equals(place_frames(connection, geography, NOW, settings).area_events)
        return main, sets


def of_set(sets: RankedSets, name: str) -> pd.DataFrame:
    return sets.ranking[sets.ranking["area_set"] == name].reset_index(drop=True)


def said(sets: RankedSets) -> str:
    return " ".join(detail for *_, is_warning, detail in sets.measures if is_warning)


DISTRICTS = areas(north=square(0, 0, 2), south=square(2, 0, 2))
BEATS = areas(**{"n1": square(0, 0), "n2": square(1, 0), "s1": square(2, 0), "s2": square(3, 0)})


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Two districts of two beats each; most harm is in n2."""
    robberies = [incident(number, "robbery", 1.5) for number in range(60)]
    others = [incident(100 + number, "antisocial_behaviour", number % 4 + 0.5) for number in range(80)]
    shifts = [shift("north", 40), shift("south", 60)]
    return Town(DISTRICTS, {"beat": BEATS}, robberies + others, shifts, tmp_path / "town.yaml")


def test_beats_are_ranked_by_what_lies_in_them(town: Town) -> None:
    main, sets = town.ranked()
    assert main["area_id"].tolist() == ["north@1", "south@1"]
    beats = of_set(sets, "beat").set_index("area_id")
    assert beats["rank"]["n2@1"] == 1
    assert beats["area_name"]["n2@1"] == "N2"
    assert beats["public_count"].to_dict() == {"n1@1": 20, "n2@1": 80, "s1@1": 20, "s2@1": 20}
    assert beats["top_k"].unique().tolist() == [1]
    assert beats["is_listed"].to_dict() == {"n1@1": False, "n2@1": True, "s1@1": False, "s2@1": False}
    assert len(beats["evidence_ids"]["n2@1"]) == 3
    assert not set(main["evidence_ids"].explode()) - {row["incident_id"] for row in town.incidents}


def test_areas_without_residents_rank_last_in_each_set_and_are_named(town: Town) -> None:
    town.per = "residents"
    town.main = town.main.assign(residents=[5000.0, 4000.0])
    town.further = {"beat": BEATS.assign(residents=[2000.0, 0.0, 1000.0, None])}
    main, sets = town.ranked()
    assert main.loc[main["area_id"] == "north@1", "harm_per_1000_residents"].item() == pytest.approx(
        main.loc[main["area_id"] == "north@1", "harm_per_day"].item() * 365 / 5
    )
    beats = of_set(sets, "beat").set_index("area_id")
    assert beats.loc[["n2@1", "s2@1"], "rank"].tolist() == [3, 4]  # n2 has the harm
    assert not beats.loc[["n2@1", "s2@1"], "is_listed"].any()
    assert beats["area_km2"].tolist() == pytest.approx([1] * 4)
    found = "of set 'beat' without a figure of residents above zero: they rank last and are not listed (n2@1, s2@1)"
    assert found in said(sets)
    assert size_measure(town.main, "residents") == []


def test_each_set_says_how_near_its_list_is(town: Town) -> None:
    town.top_k = 2
    checks = pd.concat(town.ranked()[1].checks).set_index("check_name")
    assert checks["detail"]["near_list_beat"].startswith("Set beat: next on its list is")


def test_hours_of_a_district_are_split_over_its_beats_and_called_assumed(town: Town) -> None:
    main, sets = town.ranked()
    assert not main["is_staffing_assumed"].any()
    beats = of_set(sets, "beat").set_index("area_id")
    assert beats["officer_hours"].to_dict() == {"n1@1": 20.0, "n2@1": 20.0, "s1@1": 30.0, "s2@1": 30.0}
    assert beats["is_staffing_assumed"].all()
    assert "officer hours of set 'beat' are not reported" in said(sets)


def test_hours_reported_for_a_beat_are_its_own(town: Town) -> None:
    town.shifts.append(shift("n2", 7))
    beats = of_set(town.ranked()[1], "beat").set_index("area_id")
    assert beats["officer_hours"].to_dict() == {"n1@1": 20.0, "n2@1": 7.0, "s1@1": 30.0, "s2@1": 30.0}
    assert beats["is_staffing_assumed"].to_dict() == {"n1@1": True, "n2@1": False, "s1@1": True, "s2@1": True}


def test_partial_cover_is_said_of_an_area_and_of_those_that_take_its_hours(town: Town) -> None:
    earlier = [
        {**row, "shift_start": row["shift_start"] - DAY, "shift_end": row["shift_end"] - DAY} for row in town.shifts
    ]
    town.shifts += earlier[:1]  # the north alone is reported on two days
    main, sets = town.ranked()
    districts = main.set_index("area_id")
    assert districts["officer_hours"].to_dict() == {"north@1": 40.0, "south@1": 30.0}
    assert districts["is_staffing_partial"].to_dict() == {"north@1": False, "south@1": True}
    assert districts.loc["south@1", ["staffing_days", "staffing_force_days"]].tolist() == [1, 2]
    beats = of_set(sets, "beat").set_index("area_id")
    assert beats["officer_hours"].to_dict() == {"n1@1": 20.0, "n2@1": 20.0, "s1@1": 15.0, "s2@1": 15.0}
    assert beats["is_staffing_partial"].to_dict() == {"n1@1": False, "n2@1": False, "s1@1": True, "s2@1": True}
    assert "s1@1 on 1 of 2, s2@1 on 1 of 2" in said(sets)


def test_days_without_any_staffing_are_said_of_the_set_that_lacks_them(town: Town) -> None:
    town.shifts = [
        {**row, "shift_start": row["shift_start"] - day * DAY, "shift_end": row["shift_end"] - day * DAY}
        for row in town.shifts
        for day in range(3)
    ]
    town.shifts += [
        {**row, "shift_start": row["shift_start"] - day * DAY, "shift_end": row["shift_end"] - day * DAY}
        for row in (shift("n1", 5), shift("n2", 5))
        for day in (0, 2)
    ]
    main, sets = town.ranked()
    assert not main["is_staffing_partial"].any()
    beats = of_set(sets, "beat").set_index("area_id")
    assert beats["is_staffing_partial"].to_dict() == {"n1@1": True, "n2@1": True, "s1@1": False, "s2@1": False}
    missing = {measure: (value, is_warning) for measure, value, _, is_warning, _ in sets.measures}
    assert missing["staffing_days_missing_beat"] == (1.0, True)
    assert "reports some: on 2 of 3" in said(sets)


def test_hours_of_whole_districts_add_up_and_stay_reported(town: Town) -> None:
    town.further = {"half": areas(all=square(0, 0, 4), away=square(9, 9))}
    halves = of_set(town.ranked()[1], "half").set_index("area_id")
    assert halves["officer_hours"].to_dict() == {"all@1": 100.0, "away@1": 0.0}
    assert halves["is_staffing_assumed"].to_dict() == {"all@1": False, "away@1": True}


def test_an_incident_known_by_area_alone_counts_for_the_set_that_names_it(town: Town) -> None:
    before = of_set(town.ranked()[1], "beat").set_index("area_id")["public_count"]
    main_before = town.ranked()[0].set_index("area_id")["public_count"]
    town.incidents += [
        incident(500, "theft_other", None, area_id="s1"),
        incident(501, "theft_other", None, area_id="s1@1"),
    ]
    town.incidents += [
        incident(502, "theft_other", None, area_id="north"),
        incident(503, "theft_other", None, area_id="nowhere"),
    ]
    main, sets = town.ranked()
    beats = of_set(sets, "beat").set_index("area_id")["public_count"]
    assert (beats - before).to_dict() == {"n1@1": 0, "n2@1": 0, "s1@1": 2, "s2@1": 0}
    assert (main.set_index("area_id")["public_count"] - main_before).to_dict() == {"north@1": 1, "south@1": 0}
    counted = {name: value for name, value, *_ in sets.measures}
    assert counted["area_only_beat"] == 2


def test_an_id_that_two_sets_have_counts_for_the_main_set_and_with_its_version_for_its_own(town: Town) -> None:
    town.further = {"beat": areas("b", north=square(0, 0)), "ward": areas("w", north=square(2, 0), x=square(3, 0))}
    town.incidents += [incident(500, "theft_other", None, area_id="north")]
    town.incidents += [incident(501 + number, "theft_other", None, area_id="north@b") for number in range(3)]
    main, sets = town.ranked()
    counted = {name: value for name, value, *_ in sets.measures}
    assert (counted["area_only_beat"], counted["area_only_ward"]) == (3, 0)
    assert main.set_index("area_id")["public_count"]["north@1"] == 100 + 1


def test_two_further_sets_are_ranked_apart(town: Town) -> None:
    alone = of_set(town.ranked()[1], "beat")
    town.further = {"ward": areas(a=square(0, 0, 3), b=square(3, 0)), **town.further}
    _, sets = town.ranked()
    pd.testing.assert_frame_equal(of_set(sets, "beat"), alone)
    assert set(sets.ranking["area_set"]) == {"beat", "ward"}
    assert len(of_set(sets, "ward")) == 2


def test_a_set_has_its_own_size_of_list(town: Town) -> None:
    town.top_k = 2
    main, sets = town.ranked()
    beats = of_set(sets, "beat")
    assert beats["top_k"].unique().tolist() == [2]
    assert 1.8 < beats["p_top_k"].sum() <= 2  # less where nothing is drawn in more than all but two: nobody ties in
    assert main["p_top_k"].sum() == pytest.approx(1)


def test_a_list_as_long_as_the_set_is_said(town: Town) -> None:
    town.top_k = 4
    assert "set 'beat' has 4 areas, no more than the 4 of its target list" in said(town.ranked()[1])


def test_a_set_without_incidents_is_not_ranked_and_said(town: Town) -> None:
    town.further = {"beat": areas(far=square(90, 90), away=square(91, 90))}
    _, sets = town.ranked()
    assert sets.ranking.empty
    assert "area_set" in sets.ranking
    [check] = [row for checks in sets.checks for row in checks.to_dict("records")]
    assert (check["check_name"], check["outcome"]) == ("further_set_beat", "warning")
    assert "0 can be ranked in it: it is not ranked" in check["detail"]
    assert "points outside every area of set 'beat'" in said(sets)


def test_a_set_of_which_few_incidents_lie_in_an_area_is_not_ranked(town: Town) -> None:
    """The gate of the main set is that of further sets: a ranking of one incident in twenty says nothing."""
    town.outside_share = 0.15
    town.incidents = [incident(number, "robbery", 0.5 if number else 3.5) for number in range(20)]
    town.further = {"east": areas(far=square(3, 0)), "all": areas(whole=square(0, 0), rest=square(3, 0))}
    _, sets = town.ranked()
    assert set(sets.ranking["area_set"]) == {"all"}
    outcomes = {row["check_name"]: row["outcome"] for checks in sets.checks for row in checks.to_dict("records")}
    assert outcomes.pop("near_list_all")
    assert outcomes == {"further_set_all": "passed", "further_set_east": "warning"}


def test_who_was_listed_in_a_set_stays_longer_in_that_set_alone(town: Town) -> None:
    """At a probability between those of entering and leaving, the list of the run before decides."""
    town.incidents = [incident(number, "robbery", number % 2 + 0.5) for number in range(200)]  # n1 and n2 are alike
    before = of_set(town.ranked()[1], "beat")
    assert before["p_top_k"].between(0.4, 0.6).sum() == 2
    assert not before["is_listed"].any()
    listed = before.assign(is_listed=before["area_id"] == "n1@1")
    for name, expected in (("beat", ["n1@1"]), ("ward", [])):
        previous = Previous(
            *[pd.Timestamp(NOW - DAY)] * 2, before, listed.assign(area_set=name), *([pd.DataFrame()] * 6)
        )
        beats = of_set(town.ranked(previous)[1], "beat")
        assert beats.loc[beats["is_listed"], "area_id"].tolist() == expected


points = st.tuples(st.sampled_from(OFFENCES), st.floats(-0.3, 4.3), st.floats(-0.3, 1.3))


@effort(max_examples=6)
@given(st.lists(points, min_size=1, max_size=40), st.floats(0.3, 3.7), st.booleans())
def test_a_further_set_like_the_main_one_gives_the_same_ranking(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, float, float]], border: float, is_staffed: bool
) -> None:
    """Whatever happened where: draws are keyed by area_id, so the same areas have the same figures, hours included."""
    main = areas(a=square(0, 0, border), b=square(border, 0, 4 - border), c=square(0, 1, 4, 0.2))
    incidents = [incident(number, offence, x, y) for number, (offence, x, y) in enumerate(events)]
    shifts = [shift("a", 30), shift("b", 20)] if is_staffed else []
    config = tmp_path_factory.mktemp("town") / "town.yaml"
    town = Town(main, {"same": main, "other": BEATS}, incidents, shifts, config)
    ranking, sets = town.ranked()
    same = of_set(sets, "same")
    if ranking["public_count"].sum() == 0:  # no incident lies on the map: nothing to rank a further set by
        assert same.empty
        return
    pd.testing.assert_frame_equal(same[ranking.columns], ranking, check_dtype=False)  # text or objects
    assert set(of_set(sets, "other")["area_id"]) <= set(BEATS["area_id"])


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with a file of districts and a file of two layers of beats, and events of both."""
    folder = tmp_path / "force"
    folder.mkdir()
    DISTRICTS.rename(columns={"raw_area_id": "id"})[["id", "geometry"]].to_file(folder / "districts.gpkg")
    beats = BEATS.rename(columns={"raw_area_id": "BEAT"})[["BEAT", "geometry"]]
    beats.to_file(folder / "beats.gpkg", layer="beats_2026")
    beats.head(2).to_file(folder / "beats.gpkg", layer="beats_2020")
    of_beats = {"path": "beats.gpkg", "layer": "beats_2026", "id_column": "BEAT", "version": 2026, "top_k": 2}
    of_areas = {"path": "districts.gpkg", "id_column": "id", "set": "district", "further": {"beat": of_beats}}
    force = {"name": "Town", "time_zone": "Europe/London", "areas": of_areas}
    (folder / "town.yaml").write_text(
        yaml.safe_dump({"force": force, "places": {"draws": 200, "top_k": 1}, "quality": {"outside_share": 0.3}})
    )
    town = [incident(number, OFFENCES[number % 4], number % 4 + 0.5) for number in range(80)]
    lines = [
        event("incident.recorded", row["incident_id"], {
            "incident_id": row["incident_id"], "version": 1, "status": "recorded",
            "occurred_at": row["occurred_at"].isoformat(), "offence_code": row["offence_code"], "discovery": "public",
            "location": {"lon": row["lon"], "lat": row["lat"]},
        })
        for row in town
    ]  # fmt: skip
    (folder / "events.jsonl").write_text("".join(lines))
    made = Home(tmp_path / "home", folder / "town.yaml", CLOCK, progress=lambda text: None)
    made.path.mkdir()
    (made.path / "key").touch(mode=0o600)
    (made.path / "key").write_text(KEY)
    load_file(made.ensure(), folder / "events.jsonl", None)
    made.remember()
    return made


def command(home: Home, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["--home", str(home.path), *arguments])
    return result.exit_code, result.stdout or result.output or str(result.exception)


def test_a_run_publishes_draws_shows_and_explains_a_further_set(home: Home) -> None:
    summary = daily_run(home, AS_OF)
    assert (summary.place_counts["area_ranking"], summary.place_counts["area_set_ranking"]) == (2, 4)
    beats = read_published(home.path, "area_set_ranking")
    assert beats["area_set"].unique().tolist() == ["beat"]
    assert beats["area_id"].tolist() == ["n1@2026", "n2@2026", "s1@2026", "s2@2026"]
    layer = gpd.read_parquet(home.layers / "area_sets.parquet")
    assert layer.crs == home.settings.force.crs or layer.crs.is_projected
    assert layer["rank"].tolist() == [1, 2, 3, 4]
    assert layer.area.round().tolist() == [1e6] * 4
    assert "area_sets" in gpd.list_layers(home.layers / "harmspot.gpkg")["name"].tolist()
    assert "Set beat: all 4 areas" in home.report.read_text(encoding="utf-8")
    code, text = command(home, "show", "areas", "--set", "beat", "--json")
    assert code == 0
    assert [row["area_id"] for row in json.loads(text)] == layer["area_id"].tolist()
    assert command(home, "show", "areas", "--set", "district", "--json") == command(home, "show", "areas", "--json")
    code, text = command(home, "explain", "area", "--set", "beat", "s1")
    assert code == 0
    assert "set beat, s1@2026 (Beat s1): rank" in text
    assert "of 4 over the next 30 days (likely" in text


def test_a_wrong_set_is_refused_with_those_there_are(home: Home) -> None:
    daily_run(home, AS_OF)
    code, text = command(home, "show", "areas", "--set", "ward")
    assert code == 1
    assert "its sets: district (the main one), beat" in text
    code, text = command(home, "explain", "area", "s1")
    assert code == 1
    assert "area 's1': 0 areas match; known here: north, south, north@1, south@1" in text
    code, text = command(home, "show", "cells", "--set", "beat")
    assert code == 2


def test_a_run_without_the_set_is_another_and_takes_its_layer_away(home: Home) -> None:
    first = daily_run(home, AS_OF)
    assert home.config_file is not None
    config = yaml.safe_load(home.config_file.read_text())
    del config["force"]["areas"]["further"]
    home.config_file.write_text(yaml.safe_dump(config))
    after = daily_run(Home(home.path, home.config_file, CLOCK, progress=lambda text: None), AS_OF)
    assert after.run_id != first.run_id
    assert after.place_counts["area_set_ranking"] == 0
    assert not list(home.layers.glob("area_sets*"))
    assert len(read_published(home.path, "area_set_ranking", first.run_id)) == 4


def test_another_boundary_file_of_a_further_set_is_another_run(home: Home) -> None:
    first = daily_run(home, AS_OF)
    path = home.settings.force.areas.further["beat"].path
    assert path is not None
    BEATS.rename(columns={"raw_area_id": "BEAT"}).head(3)[["BEAT", "geometry"]].to_file(path, layer="beats_2026")
    again = daily_run(Home(home.path, home.config_file, CLOCK, progress=lambda text: None), AS_OF)
    assert again.run_id != first.run_id
    assert again.place_counts["area_set_ranking"] == 3


def test_a_shapefile_counts_with_its_table_and_a_geodatabase_with_all_its_files(home: Home) -> None:
    beats = BEATS.rename(columns={"raw_area_id": "BEAT"})[["BEAT", "geometry"]]
    assert home.config_file is not None
    folder = home.config_file.parent
    beats.to_file(folder / "beats.shp")
    beats.to_file(folder / "beats.gdb", driver="OpenFileGDB", layer="beats")

    def boundaries_hash(file: str, layer: str | None) -> str:
        config = yaml.safe_load((folder / "town.yaml").read_text())
        config["force"]["areas"]["further"]["beat"] |= {"path": file, "layer": layer}
        (folder / "other.yaml").write_text(yaml.safe_dump(config))
        settings = load_settings(folder / "other.yaml", environment={})
        assert len(read_map(settings).further["beat"]) == 4
        return RunIdentity(NOW, NOW, None, settings, CRS).boundaries_hash

    before = [boundaries_hash("beats.shp", None), boundaries_hash("beats.gdb", "beats")]
    assert before == [boundaries_hash("beats.shp", None), boundaries_hash("beats.gdb", "beats")]
    other_ids = beats.assign(BEAT=["n1", "n2", "s1", "s3"])
    shapes = (folder / "beats.shp").read_bytes()
    other_ids.to_file(folder / "beats.shp")
    assert (folder / "beats.shp").read_bytes() == shapes  # the ids stand in beats.dbf
    shutil.rmtree(folder / "beats.gdb")
    other_ids.to_file(folder / "beats.gdb", driver="OpenFileGDB", layer="beats")
    after = [boundaries_hash("beats.shp", None), boundaries_hash("beats.gdb", "beats")]
    assert not set(before) & set(after)


@pytest.mark.parametrize(("per", "count"), [("residents", 1), ("total", 0)])
def test_areas_where_few_live_are_named_where_harm_per_resident_ranks_them_first(per: str, count: int) -> None:
    config = replace(load_settings(environment={}).places, per=per, top_k=1)
    ranking = pd.DataFrame(
        {"area_id": list("abc"), "area_name": ["Port", "Hill", "Park"], "rank": [1, 2, 3], "is_listed": False,
         "public_count": 9, "residents": [40.0, 1000.0, 1200.0]}
    )  # fmt: skip
    found = few_residents_measure(ranking, config)
    assert [row[4] for row in found] == ["Port: few live there, so harm per resident says little"] * count
    assert len(few_residents_measure(ranking.assign(residents=900.0), config)) == 0
