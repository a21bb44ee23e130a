"""Backtest on a loaded town: dates of the origins, tables, and the page that shows them."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.evaluation.forecast_backtest import (
    CityTrial,
    Plan,
    coverage_words,
    difference_table,
    evaluate_city,
    on_cells,
    score_table,
    trial_object,
)
from flows.home.home import Home
from flows.ingest.ingest import load_file
from flows.simulation.town import TownFiles
from geo.cells import Grid
from pipeline.errors import StoreError

PLAN = Plan(origins=3, every_days=14, horizon_days=7, cell_size_m=250)


@pytest.fixture(scope="module")
def home(town: TownFiles, new_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = new_home(tmp_path_factory.mktemp("evaluated"))
    load_file(home, town.events / "incidents.jsonl", None)
    return home


@pytest.fixture(scope="module")
def trial(home: Home) -> CityTrial:
    return evaluate_city(home, PLAN)


def test_the_last_horizon_ends_with_the_last_day() -> None:
    assert PLAN.first_days(date(2025, 12, 31)) == [date(2025, 11, 27), date(2025, 12, 11), date(2025, 12, 25)]
    assert Plan(2, 1, 1, 250).first_days(date(2025, 3, 1)) == [date(2025, 2, 28), date(2025, 3, 1)]


def test_origins_end_with_the_latest_incident(trial: CityTrial) -> None:
    assert trial.first_days[-1] == date(2025, 12, 25)
    assert trial.evaluation.by_origin["origin_day"].nunique() == 3


def test_methods_stand_in_one_row_each(trial: CityTrial) -> None:
    table = score_table(trial.evaluation).set_index("method")
    assert {"harmspot, by harm", "harmspot, by events", "count, 365 days"} <= set(table.index)
    assert table.index.is_unique
    shares = table[["hit rate 1%", "H@1%", "H@5%"]]
    assert ((shares > 0) & (shares < 1)).all().all()
    assert (table["PAI 1%"] > 1).all()


def test_differences_are_those_of_the_scores(trial: CityTrial) -> None:
    scores = score_table(trial.evaluation).set_index("method")
    found = difference_table(trial.evaluation).set_index(["measure", "against"])["difference"]
    ahead = scores.loc["harmspot, by harm", "H@5%"] - scores.loc["count, 365 days", "H@5%"]
    assert found["H@5%", "count, 365 days"] == pytest.approx(ahead)
    on_counts = scores.loc["harmspot, by events", "PAI 1%"] - scores.loc["count, 365 days", "PAI 1%"]
    assert found["PAI@1%", "count, 365 days"] == pytest.approx(on_counts)


def test_everything_found_is_json(trial: CityTrial) -> None:
    content = json.loads(json.dumps(trial_object(trial), allow_nan=False))
    assert content["first_days"][-1] == "2025-12-25"
    assert {"scores", "differences", "by_origin", "calibration", "transform", "notes"} <= set(content)
    assert len(content["by_origin"]) == len(trial.evaluation.by_origin)


def test_the_command_writes_a_page(home: Home, town: TownFiles, tmp_path: Path) -> None:
    page = tmp_path / "record.html"
    arguments = ["--home", home.path, "--config", town.config_file, "--clock", "2026-01-01T12:00:00Z", "evaluate"]
    options = ["forecast", "--origins", "2", "--cell-size-m", "500", "--out", page]
    done = CliRunner().invoke(cli, [str(part) for part in [*arguments, *options]], catch_exceptions=False)
    assert done.exit_code == 0
    assert "harmspot less each method" in done.stdout
    assert "How good the forecast is" in page.read_text(encoding="utf-8")


def test_a_city_without_a_past_before_the_origins_says_what_to_do(home: Home) -> None:
    with pytest.raises(StoreError, match="no incident before the first origin"):
        evaluate_city(home, Plan(origins=3, every_days=400, horizon_days=7, cell_size_m=250))


def test_points_become_cells_and_are_counted() -> None:
    points = pd.DataFrame(
        {
            "x_m": [10.0, 20.0, 300.0],
            "y_m": [0.0, 0.0, -1.0],
            "offence_code": "robbery",
            "day": [5, 5, 6],
            "n": [1, 2, 4],
        }
    )
    rows = on_cells(points, Grid("EPSG:32630", 250))
    assert rows.to_dict("list") == {
        "cell_ix": [0, 1],
        "cell_iy": [0, -1],
        "offence_code": ["robbery", "robbery"],
        "day": [5, 6],
        "n": [3, 4],
    }


@pytest.mark.parametrize(
    ("lo", "hi", "origins", "judged"),
    [(0.91, 0.94, 12, "as expected"), (0.6, 0.7, 12, "too narrow"), (0.91, 0.94, 3, "too few origins to judge")],
)
def test_a_right_interval_of_harm_in_few_sizes_is_not_called_too_wide(
    lo: float, hi: float, origins: int, judged: str
) -> None:
    row = {"interval": "harm", "nominal": 0.8, "cases": 100, "held": 92, "covered": (lo + hi) / 2, "lo": lo, "hi": hi}
    said = coverage_words(row, origins, 0.92)
    assert "at least 80%, and a right one holds about 92%" in said
    assert judged in said
