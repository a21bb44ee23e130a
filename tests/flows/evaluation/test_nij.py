"""Evaluation under the challenge's rules on a small planted town: finds the cluster, does not use held-out months."""

from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from flows.evaluation.nij import TOGETHER, NijTrial, evaluate_nij, kinds_of_crime, read_crimes, write_shapes
from geo.nij_cells import NijGrid
from models.evaluation.nij import LEAST_FORECAST_FT2, MOST_FORECAST_FT2
from models.forecast.forecast import ForecastConfig

SIDE_FT = 8000
WEST, SOUTH = 7_650_000, 680_000
TOWN = gpd.GeoDataFrame(geometry=[shapely.box(WEST, SOUTH, WEST + SIDE_FT, SOUTH + SIDE_FT)], crs="EPSG:2913")
PILE = (WEST + 3100, SOUTH + 4100)
MONTHS = [date(2016, 11, 1), date(2016, 12, 1)]


def planted_crimes() -> pd.DataFrame:
    """Two years: six in ten burglaries at one point, thefts anywhere."""
    random = np.random.default_rng(3)
    n = 1500
    days = pd.Timestamp("2015-01-01") + pd.to_timedelta(random.integers(0, 731, n), unit="D")
    scattered = random.integers(0, SIDE_FT, (n, 2)) + np.array([WEST, SOUTH])
    is_burglary = random.random(n) < 0.5
    on_pile = is_burglary & (random.random(n) < 0.6)
    points = np.where(on_pile[:, None], PILE, scattered)
    offence = np.where(is_burglary, "BURGLARY", "THEFT")
    return pd.DataFrame({"offence": offence, "day": days, "x_ft": points[:, 0], "y_ft": points[:, 1]})


def trial_of(crimes: pd.DataFrame, months: list[date] = MONTHS, maximise: str = "pai") -> NijTrial:
    return evaluate_nij(
        crimes,
        TOWN,
        months,
        maximise=maximise,
        config=ForecastConfig(horizon_days=30, history_days=1095, draws=1),
        seed=1,
        sizes_ft=(400, 600),
        choice_months=2,
        progress=lambda text: None,
    )


@pytest.fixture(scope="module")
def trial() -> NijTrial:
    return trial_of(planted_crimes())


def test_the_pile_is_forecast_every_month(trial: NijTrial) -> None:
    for shape in trial.shapes:
        if shape.crime == "BURGLARY":
            on_pile = shapely.contains_xy(shape.cells.geometry.to_numpy(), *PILE)
            assert on_pile.sum() == 1
            assert shape.is_hotspot[on_pile].all()


def test_scores_have_a_row_per_crime_month_and_method_and_one_over_the_months(trial: NijTrial) -> None:
    scores = trial.scores
    assert scores.groupby("crime").size().to_dict() == {"BURGLARY": 6, "THEFT": 6, TOGETHER: 6}
    assert scores["month"].unique().tolist() == ["2016-11", "2016-12", "all"]
    burglary = scores.query("crime == 'BURGLARY' and method == 'harmspot'").set_index("month")
    assert burglary.loc["all", "n"] == burglary.loc[["2016-11", "2016-12"], "n"].sum()
    assert burglary["pei"].gt(0.5).all()


def test_every_forecast_keeps_the_rules(trial: NijTrial) -> None:
    for shape in trial.shapes:
        ground = shape.cells["area_ft2"][shape.is_hotspot].sum()
        assert LEAST_FORECAST_FT2 <= ground <= MOST_FORECAST_FT2
    assert {choice.size_ft for choice in trial.choices} <= {400, 600}


def test_what_is_held_back_moves_neither_choice_nor_forecast(trial: NijTrial) -> None:
    crimes = planted_crimes()
    held_back = crimes["day"] >= pd.Timestamp(MONTHS[0])
    moved = crimes.assign(
        x_ft=crimes["x_ft"].mask(held_back, WEST + 50), y_ft=crimes["y_ft"].mask(held_back, SOUTH + 50)
    )
    again = trial_of(moved)
    assert again.choices == trial.choices
    first = [(shape.crime, shape.month) for shape in trial.shapes].index(("BURGLARY", pd.Timestamp(MONTHS[0])))
    assert (again.shapes[first].is_hotspot == trial.shapes[first].is_hotspot).all()
    assert not again.scores["n"].equals(trial.scores["n"])


def test_the_choice_follows_what_it_is_to_maximise(trial: NijTrial) -> None:
    for choice, other in zip(trial.choices, trial_of(planted_crimes(), maximise="pei").choices, strict=True):
        assert choice.pai >= other.pai
        assert choice.pei <= other.pei


def test_shapes_are_written_for_each_crime_and_month(trial: NijTrial, tmp_path: Path) -> None:
    paths = write_shapes(trial, tmp_path / "entry")
    assert [path.name for path in paths[:2]] == ["burglary_201611.shp", "burglary_201612.shp"]
    assert paths[-1].name == "all_together_201612.shp"
    assert gpd.read_file(paths[0])["hotspot"].sum() == trial.shapes[0].is_hotspot.sum()
    assert write_shapes(trial, tmp_path / "entry") == paths  # replaces the old ones


def test_crimes_are_read_in_feet_and_days(tmp_path: Path) -> None:
    path = tmp_path / "crimes.csv"
    path.write_text(
        "occurred_at,offence,lon,lat\n"
        "2012-03-01T22:10:00,BURGLARY,-122.609715,45.518788\n"
        "2012-03-02T00:00:00,BURGLARY,,\n"
    )
    crimes = read_crimes(path)
    assert crimes["day"].tolist() == [pd.Timestamp("2012-03-01")]
    assert NijGrid(500).index(crimes["x_ft"], crimes["y_ft"])[0].tolist() == [15322]


def test_one_offence_is_not_forecast_twice() -> None:
    assert kinds_of_crime(pd.Series(["A", "A"])) == {"A": ["A"]}
    assert kinds_of_crime(pd.Series(["B", "A"])) == {"A": ["A"], "B": ["B"], TOGETHER: ["A", "B"]}


@pytest.mark.parametrize(("months", "said"), [([], "none held out"), ([date(2014, 1, 1)], "no whole month")])
def test_months_that_cannot_be_forecast_are_refused(months: list[date], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        trial_of(planted_crimes(), months)
