"""`explain cell` and `explain incident`, and the two tables of told incidents: what may be told, and no more."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from flows.command import cli
from flows.decisions.embargoes import embargo_market
from flows.home.home import Home
from flows.ingest.ingest import load_file
from flows.inputs.assembly import read_run_codebook
from flows.schedule.daily import daily_run
from models.places.coarse import coarse_codes, is_coarse
from pipeline.publication.publish import read_published
from tests.flows.run.test_address_piles import point_in
from tests.town import AS_OF, CLOCK, TownRun, event

PLANTED = {
    "grave": {"offence_code": "homicide", "discovery": "public"},
    "hidden": {"offence_code": "rape", "discovery": "public"},
    "within a family": {"offence_code": "homicide", "discovery": "public", "flags": {"domestic": True}},
    "found by police": {"offence_code": "homicide", "discovery": "police"},
    "light": {"offence_code": "theft_other", "discovery": "public"},
}
HOURS_AGO = 15  # 21:00 UTC of the day before AS_OF


@pytest.fixture(scope="module")
def point(town_run: TownRun) -> tuple[float, float]:
    """The middle of a cell in which nothing much happens."""
    cells = town_run.published("cell_forecast").sort_values("rank")
    return point_in(cells.iloc[len(cells) // 2], town_run.published("run")["crs"].iloc[0])


@pytest.fixture(scope="module")
def home(
    point: tuple[float, float], loaded_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory
) -> Home:
    """The town with five planted incidents of the last day on one point, and one that is too old to count."""
    folder = tmp_path_factory.mktemp("told")
    lon, lat = point
    lines = [
        event(
            "incident.recorded",
            name,
            {
                **{"incident_id": name, "version": 1, "status": "recorded", **about},
                **{"occurred_at": f"{CLOCK - timedelta(hours=HOURS_AGO):%Y-%m-%dT%H:%M:%SZ}"},
                "location": {"lon": lon, "lat": lat},
            },
        )
        for name, about in PLANTED.items()
    ]
    (folder / "incidents.jsonl").write_text("".join(lines), encoding="utf-8")
    made = loaded_home(folder / "home")
    load_file(made, folder / "incidents.jsonl", None)
    daily_run(made, AS_OF)
    return made


def codebook_of(home: Home) -> pd.DataFrame:
    return read_run_codebook(home.settings, home.midnight(AS_OF))


def explain(home: Home, *words: str) -> Result:
    settings = ["--home", str(home.path), "--config", str(home.config_file), "--clock", CLOCK.isoformat()]
    return CliRunner().invoke(cli, [*settings, "explain", *words])


def told(home: Home, *words: str) -> dict[str, Any]:
    done = explain(home, *words, "--json")
    assert done.exit_code == 0, done.output + str(done.exception)
    row: dict[str, Any] = json.loads(done.output)
    return row


def test_a_cell_is_found_by_its_id_its_point_and_its_place(home: Home, point: tuple[float, float]) -> None:
    by_point = told(home, "cell", f"{point[1]},{point[0]}")
    assert told(home, "cell", by_point["cell_id"]) == by_point
    by_place = told(home, "cell", by_point["place"].upper())
    assert by_place["place"] == by_point["place"]
    assert by_point["cell_id"] in [by_place["cell_id"], *by_place["same_place_cell_ids"]]
    forecast = read_published(home.path, "cell_forecast").set_index("cell_id").loc[by_point["cell_id"]]
    assert (by_point["rank"], by_point["lat"], by_point["lon"]) == (forecast["rank"], forecast["lat"], forecast["lon"])
    assert by_point["map_link"] == f"geo:{by_point['lat']:.6f},{by_point['lon']:.6f}"


def test_a_cell_lists_what_counts_there_and_may_be_told(home: Home, point: tuple[float, float]) -> None:
    cell = told(home, "cell", f"{point[1]},{point[0]}")
    listed = {incident["incident_id"] for incident in cell["incidents"]}
    assert "grave" in listed
    assert not listed & {"hidden", "within a family", "found by police"}
    words = explain(home, "cell", cell["cell_id"]).output
    zone = home.settings.force.zone
    local = (CLOCK - timedelta(hours=HOURS_AGO)).astimezone(zone)
    assert f"Homicide, {local:%Y-%m-%d %H:%M} {local.tzname()}" in words
    assert "1 = one day of starting sentence" in words


@pytest.mark.parametrize(
    ("cell", "words"),
    [("0,0", "lies in no cell"), ("Nowhere Blvd", "Give a cell id or a place"), ("EPSG:1:2:3:4", "no cell")],
)
def test_an_unknown_cell_is_refused_with_the_way_out(home: Home, cell: str, words: str) -> None:
    assert words in str(explain(home, "cell", cell).exception)


def test_a_misspelt_place_gets_the_nearest_one(home: Home, point: tuple[float, float]) -> None:
    place = told(home, "cell", f"{point[1]},{point[0]}")["place"]
    assert "did you mean" in str(explain(home, "cell", place[:-1] + "x").exception)


def test_an_incident_is_told_with_what_it_counts_for(home: Home, point: tuple[float, float]) -> None:
    row = told(home, "incident", "grave")
    assert (row["offence_code"], row["is_coarse"], row["counts_for_nothing_because"]) == ("homicide", False, [])
    assert (row["lon"], row["lat"]) == pytest.approx(point)
    weight = codebook_of(home)["harm_days"]["homicide"]
    assert row["harm_days"] == weight
    assert row["harm_now"] == pytest.approx(weight * 0.5 ** (row["age_days"] / home.settings.places.half_life_days))


@pytest.mark.parametrize("name", ["hidden", "within a family"])
def test_of_a_coarse_incident_day_and_area_alone_are_told(home: Home, name: str) -> None:
    row = told(home, "incident", name)
    assert (row["is_coarse"], row["occurred_at"], row["lat"], row["lon"], row["map_link"]) == (
        True, None, None, None, None
    )  # fmt: skip
    assert row["place"] == row["area_name"] or row["area_name"].endswith(row["place"])
    day = (CLOCK - timedelta(hours=HOURS_AGO)).astimezone(home.settings.force.zone).date()
    words = explain(home, "incident", name).output
    assert f", {day}\n" in words and "told by day and area alone" in words and "geo:" not in words


def test_what_police_found_counts_for_nothing_and_says_so(home: Home) -> None:
    assert told(home, "incident", "found by police")["counts_for_nothing_because"] == [
        "police discovered it themselves, which raises nothing"
    ]


def test_an_unknown_incident_is_refused_with_the_reasons_it_may_have(home: Home) -> None:
    assert "knows no incident 'GRAVE': ids match exactly" in str(explain(home, "incident", "GRAVE").exception)


def test_what_changed_since_the_run_is_said(home: Home, tmp_path: Path) -> None:
    assert told(home, "incident", "grave")["changed_since_the_run"] == []
    changed = tmp_path / "changed.yaml"
    text = home.config_file.read_text(encoding="utf-8")  # type: ignore[union-attr]
    changed.write_text(text.replace("places: {", "places: {half_life_days: 90, ", 1), encoding="utf-8")
    assert changed.read_text() != text
    now = Home(home.path, _beside(changed, home), CLOCK)
    assert told(now, "incident", "grave")["changed_since_the_run"] == ["settings"]
    assert "Changed since the run: settings" in explain(now, "incident", "grave").output


def _beside(config: Path, home: Home) -> Path:
    """Put a configuration beside that of the home, whose relative paths it shares."""
    beside = home.config_file.with_name(f"changed-{home.path.parent.name}.yaml")  # type: ignore[union-attr]
    beside.write_text(config.read_text(encoding="utf-8"), encoding="utf-8")
    return beside


def test_last_nights_grave_incidents_come_by_day_and_weight_and_police_finds_are_left_out(home: Home) -> None:
    rows = read_published(home.path, "recent_incident").sort_values("position")
    assert {"grave", "hidden", "within a family"} <= set(rows["incident_id"])
    assert not {"found by police", "light"} & set(rows["incident_id"])
    by = list(zip(rows["occurred_on"], rows["harm_days"], strict=True))
    assert by == sorted(by, key=lambda pair: (pair[0], pair[1]), reverse=True)
    book = codebook_of(home)
    assert set(book.loc[rows["offence_code"], "band"]) == {"high"}
    coarse = rows[rows["is_coarse"]]
    assert {"hidden", "within a family"} <= set(coarse["incident_id"])
    assert coarse[["occurred_at", "lat", "lon"]].isna().all(axis=None)


def test_every_id_behind_a_rank_is_told_in_words_in_its_order(home: Home) -> None:
    ranking, rows = (read_published(home.path, name) for name in ("area_ranking", "area_evidence"))
    by_area = rows.sort_values("position").groupby("area_id")["incident_id"].agg(list)
    for area_id, ids in zip(ranking["area_id"], ranking["evidence_ids"], strict=True):
        assert by_area.get(area_id, []) == list(ids)
    assert rows["offence"].notna().all() and rows["occurred_on"].notna().all() and (rows["harm_days"] > 0).all()
    coarse = rows[rows["is_coarse"]]
    assert len(coarse) and coarse[["occurred_at", "lat", "lon"]].isna().all(axis=None)
    book = codebook_of(home)
    told_exactly = rows[~rows["is_coarse"]].assign(
        is_domestic=False, is_minor_victim=False, is_minor_used_by_adult=False
    )
    assert not is_coarse(told_exactly, book).any()


def test_an_embargo_blanks_hours_and_points_of_a_run_that_is_kept(
    town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path
) -> None:
    home = new_home(shutil.copytree(town_run.home.path, tmp_path / "home"))
    before = {name: read_published(home.path, name) for name in ("area_evidence", "recent_incident")}
    assert before["area_evidence"]["lat"].notna().any()
    market = str(town_run.published("market")["market_id"].iloc[0])
    embargo_market(home, market, until=AS_OF + timedelta(days=20), by="Supt. A. Lee", reason="a covert inquiry goes on")
    for name, was in before.items():
        now = read_published(home.path, name)
        assert now["is_coarse"].all() and now[["occurred_at", "place", "lat", "lon"]].isna().all(axis=None)
        assert now["incident_id"].tolist() == was["incident_id"].tolist()
    incident = before["area_evidence"].loc[~before["area_evidence"]["is_coarse"], "incident_id"].iloc[0]
    row = told(home, "incident", str(incident))
    assert row["is_coarse"] and row["occurred_at"] is None and row["map_link"] is None


def test_focus_and_offences_are_printed_by_area_and_rank(home: Home) -> None:
    settings = ["--home", str(home.path), "--config", str(home.config_file), "--clock", CLOCK.isoformat(), "show"]
    focus = json.loads(CliRunner().invoke(cli, [*settings, "focus", "--json"]).output)
    names = set(read_published(home.path, "area_ranking")["area_name"])
    assert {row["area_name"] for row in focus} <= names
    order = [(row["area_name"], row["focus_rank"] or 10**6) for row in focus]
    assert order == sorted(order)
    offences = json.loads(CliRunner().invoke(cli, [*settings, "offences", "--json"]).output)
    for row in offences:
        done = CliRunner().invoke(cli, [*settings, "areas", "--offence", row["offence_group"], "--json"])
        ranked = json.loads(done.output)
        assert sum(area["count_365_days"] for area in ranked) == row["count_365_days"]
        worst = [area["area_name"] for area in ranked if area["rank"] is not None and area["rank"] <= 3]
        assert row["worst_areas"] == (", ".join(worst) or "too few to rank")


def test_what_happens_most_at_a_visited_square_is_told_without_what_would_point_to_a_victim(home: Home) -> None:
    visits = read_published(home.path, "visit_plan")
    book = codebook_of(home)
    coarse = set(book.loc[list(coarse_codes(book)), "label"])
    named = {label for labels in visits["mostly"].dropna() for label in labels}
    assert named and not named & coarse and named <= set(book["label"])
    assert visits["mostly"].dropna().map(len).between(1, 3).all()
    assert (
        visits.dropna(subset="mostly")
        .groupby("cell_id")["mostly"]
        .agg(lambda rows: len({*map(tuple, rows)}))
        .eq(1)
        .all()
    )
