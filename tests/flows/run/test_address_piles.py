"""A planted address pile in a run: flagged, shown apart, counted, explained, not visited unless the force allows it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.home.home import Home
from flows.home.settings import SettingsError
from flows.ingest.ingest import load_file
from flows.outputs.explain import area_lines, find_area
from flows.schedule.daily import daily_run
from pipeline.publication.publish import read_published
from tests.town import AS_OF, CLOCK, TownRun, event

VISITED = 10


def point_in(cell: pd.Series, crs: str) -> tuple[float, float]:
    middle = cell["cell_size_m"] / 2
    point = gpd.GeoSeries.from_xy([cell["x_min_m"] + middle], [cell["y_min_m"] + middle], crs=crs).to_crs("EPSG:4326")
    return float(point.x.iloc[0]), float(point.y.iloc[0])


def planted(lon: float, lat: float) -> str:
    """Lines of a hundred frauds and ninety rapes on one point, over the last half year."""
    offences = ["fraud_forgery"] * 100 + ["rape"] * 90
    return "".join(
        event(
            "incident.recorded",
            f"pile-{i}",
            {
                **{"incident_id": f"pile-{i}", "version": 1, "status": "recorded", "offence_code": offence},
                **{"occurred_at": f"{CLOCK - timedelta(days=2 + i):%Y-%m-%dT%H:%M:%SZ}", "discovery": "public"},
                "location": {"lon": lon, "lat": lat},
            },
        )
        for i, offence in enumerate(offences)
    )


@pytest.fixture(scope="module")
def quiet(town_run: TownRun) -> pd.Series:
    """The cell in the middle of the town's forecast: nothing much happens there."""
    cells = town_run.published("cell_forecast").sort_values("rank")
    return cells.iloc[len(cells) // 2]


@pytest.fixture(scope="module")
def point(town_run: TownRun, quiet: pd.Series) -> tuple[float, float]:
    return point_in(quiet, town_run.published("run")["crs"].iloc[0])


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, loaded_home: Callable[..., Home], point: tuple[float, float]
) -> Home:
    """A home with the planted pile, run once."""
    folder = tmp_path_factory.mktemp("piles")
    (folder / "incidents.jsonl").write_text(planted(*point), encoding="utf-8")
    made = loaded_home(folder / "home")
    load_file(made, folder / "incidents.jsonl", None)
    daily_run(made, AS_OF)
    return made


def visited(home: Home) -> set[str]:
    visits = read_published(home.path, "visit_plan")
    return set(visits.loc[visits["chosen_for"] == "forecast", "cell_id"])


def test_the_town_itself_has_no_pile(town_run: TownRun) -> None:
    assert town_run.published("address_pile").empty
    assert not town_run.published("cell_forecast")["is_address_pile"].any()


def test_the_planted_pile_is_flagged_and_the_next_cells_are_visited(home: Home, quiet: pd.Series) -> None:
    [pile] = read_published(home.path, "address_pile").to_dict("records")
    assert pile["cell_id"] == quiet["cell_id"] and pile["area_id"] == quiet["area_id"]
    assert (pile["kind"], pile["point_count"], pile["incident_count"]) == ("recorded_here", 1, 190)
    assert pile["is_address_pile"] and not pile["is_allowed"] and not pile["is_visited"]
    assert pile["count_share"] > 0.5 and pile["harm_share"] > 0.9 and pile["main_offence"] == "fraud_forgery"
    cells = read_published(home.path, "cell_forecast").sort_values("rank")
    assert cells.loc[cells["is_address_pile"], "cell_id"].tolist() == [quiet["cell_id"]]
    assert pile["rank"] <= VISITED  # its harm and its rank stay what they are
    assert visited(home) == set(cells.loc[~cells["is_address_pile"], "cell_id"].head(VISITED))


def test_it_is_counted_explained_and_shown_apart(home: Home, quiet: pd.Series) -> None:
    quality = read_published(home.path, "data_quality").set_index("measure")
    assert quality.loc["address_piles", "value"] == 1
    passed_over = quality.loc["address_piles_passed_over"]
    assert passed_over["value"] == 1 and passed_over["is_warning"] and quiet["cell_id"] in passed_over["detail"]
    assert quality.loc["recording_point_incidents", "value"] == 0
    lines = "\n".join(area_lines(find_area(home, quiet["area_id"], None)))
    assert "Address pile, not visited: " in lines and f"(cell {quiet['cell_id']})" in lines
    report = home.report.read_text(encoding="utf-8")
    assert quiet["cell_id"] in report[report.index('id="piles"') : report.index('id="markets"')]
    place = read_published(home.path, "cell_forecast").set_index("cell_id").loc[quiet["cell_id"], "place"]
    assert f"Squares that would be among the {VISITED} to visit get no visit" in report
    assert f"most of what is recorded there did not happen there: {place}" in report
    assert "harmspot show piles" not in report and "allowed_addresses" not in report
    assert "visits.allowed_addresses" in quality.loc["address_piles_passed_over", "way_out"]
    result = CliRunner().invoke(cli, ["--home", str(home.path), "show", "piles", "--json"])
    assert result.exit_code == 0 and quiet["cell_id"] in result.output
    layer = gpd.read_file(home.layers / "harmspot.gpkg", layer="cells")
    assert layer.loc[layer["is_address_pile"].astype(bool), "cell_id"].tolist() == [quiet["cell_id"]]


def test_no_point_of_a_pile_is_published(home: Home, point: tuple[float, float]) -> None:
    columns = set(read_published(home.path, "address_pile").columns)
    assert not columns & {"lon", "lat", "x_m", "y_m", "geometry_wkb"}
    assert f"{point[0]:.5f}" not in home.report.read_text(encoding="utf-8")


def test_the_force_names_the_institution_and_allows_its_address(
    home: Home,
    town_run: TownRun,
    new_home: Callable[..., Home],
    quiet: pd.Series,
    point: tuple[float, float],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = {name: read_published(home.path, name) for name in ("cell_forecast", "hotspot")}
    (tmp_path / "known.csv").write_text(f"name,kind,lon,lat\nStation 9,police,{point[0]},{point[1]}\n")
    monkeypatch.setenv("HARMSPOT__FORCE__INSTITUTIONS", str(tmp_path / "known.csv"))
    monkeypatch.setenv("HARMSPOT__VISITS__ALLOWED_ADDRESSES", "[Station 9]")
    allowing = new_home(home.path)
    daily_run(allowing, AS_OF)
    pile = read_published(home.path, "address_pile").set_index("cell_id").loc[quiet["cell_id"]]
    assert (pile["kind"], pile["name"]) == ("institution", "Station 9")
    assert pile["is_address_pile"] and pile["is_allowed"] and pile["is_visited"]
    assert quiet["cell_id"] in visited(allowing)
    quality = read_published(home.path, "data_quality").set_index("measure")
    assert quality.loc["address_piles_passed_over", "value"] == 0
    forecast = read_published(home.path, "cell_forecast").drop(columns="run_id")
    pd.testing.assert_frame_equal(forecast, before["cell_forecast"].drop(columns="run_id"))
    # Hot spots are of harm that may be met: what lies on the pile counts only once the force allows the address.
    shapes = [frame[["hotspot_id", "cell_count"]].to_numpy().tolist() for frame in (
        town_run.published("hotspot"), before["hotspot"], read_published(home.path, "hotspot"))]  # fmt: skip
    assert shapes[0] == shapes[1] != shapes[2]


def test_an_allowed_address_that_nobody_knows_is_refused_with_the_way_out(
    home: Home, new_home: Callable[..., Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARMSPOT__VISITS__ALLOWED_ADDRESSES", "[Station 10]")
    with pytest.raises(SettingsError, match=r"'Station 10' is neither a cell_id .* show piles"):
        daily_run(new_home(home.path), AS_OF)
