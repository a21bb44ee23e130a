"""The harm forecast on two real cities, set up as the trial that it has to win, and how fast it answers.

`make bench` prints what docs/benchmarks.md reports. Scales, defaults and the shape of the model were chosen on origins
before the first of these; all else each forecast learns from its own past. docs/method-forecast.md says how often these
origins were looked at on the way.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import pytest

from models.evaluation.backtest import EVENTS_FORECAST, HARM_FORECAST, NAIVE, Evaluation, evaluate_forecast, study_cells
from models.forecast.forecast import ForecastConfig, forecast_cells

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
CELL_SIZE_M = 250.0
SEED = 20261123
CONFIG = ForecastConfig(horizon_days=7, history_days=1095)
HARM_DAYS = pd.Series(
    {
        "homicide": 5475.0,
        "rape": 1825.0,
        "robbery": 365.0,
        "aggravated_assault": 365.0,
        "burglary": 42.0,
        "vehicle_theft": 20.0,
        "theft": 2.0,
    }
)
EPOCH = pd.Timestamp("2000-01-01")


@dataclass(frozen=True, slots=True)
class City:
    name: str
    file: str
    crs: str
    first_origin: str
    step_days: int
    raw_mean_life_days: float
    # The shares of harm in the top 1% and 5% that a look-ahead sum has in the trial's own table.
    look_ahead: tuple[float, float]
    offences: dict[str, str]

    @property
    def origins(self) -> list[int]:
        first = (pd.Timestamp(self.first_origin) - EPOCH).days
        return [first + self.step_days * n for n in range(32)]


HOUSTON = City(
    "Houston",
    "houston_2010_jan_aug.parquet",
    "EPSG:32615",
    "2010-05-01",
    3,
    120,
    (0.198, 0.447),
    {
        "murder": "homicide",
        "rape": "rape",
        "robbery": "robbery",
        "aggravated assault": "aggravated_assault",
        "burglary": "burglary",
        "auto theft": "vehicle_theft",
        "theft": "theft",
    },
)
PHILADELPHIA = City(
    "Philadelphia",
    "philadelphia_2017_2019.parquet",
    "EPSG:32618",
    "2018-07-01",
    14,
    500,
    (0.106, 0.313),
    {
        "Homicide - Criminal": "homicide",
        "Rape": "rape",
        "Robbery No Firearm": "robbery",
        "Robbery Firearm": "robbery",
        "Aggravated Assault No Firearm": "aggravated_assault",
        "Aggravated Assault Firearm": "aggravated_assault",
        "Burglary Residential": "burglary",
        "Burglary Non-Residential": "burglary",
        "Motor Vehicle Theft": "vehicle_theft",
        "Thefts": "theft",
        "Theft from Vehicle": "theft",
    },
)

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(
        not (DATA / HOUSTON.file).exists(), reason="the two cities' incidents are not beside the project"
    ),
]


def read_cell_days(city: City, *, all_offences: bool = False) -> pd.DataFrame:
    """cell_ix, cell_iy, offence_code, day, n; with all_offences also those that carry no weight in the trial."""
    incidents = pd.read_parquet(DATA / city.file, columns=["occurred_at", "offence", "lon", "lat"])
    code = incidents["offence"].astype("str").map(city.offences)
    incidents["offence_code"] = code.fillna("other") if all_offences else code
    incidents = incidents.dropna()
    to_metres = pyproj.Transformer.from_crs("EPSG:4326", city.crs, always_xy=True)
    x, y = to_metres.transform(incidents["lon"].to_numpy(), incidents["lat"].to_numpy())
    placed = pd.DataFrame(
        {
            "cell_ix": np.floor(x / CELL_SIZE_M).astype(np.int64),
            "cell_iy": np.floor(y / CELL_SIZE_M).astype(np.int64),
            "offence_code": incidents["offence_code"].to_numpy(),
            "day": (incidents["occurred_at"] - EPOCH).dt.days.to_numpy(),
        }
    )
    return placed.groupby(list(placed.columns), as_index=False).size().rename(columns={"size": "n"})


def print_trial(city: City, cells: int, trial: Evaluation) -> None:
    print(f"\n{city.name}: {cells:,} cells, {len(city.origins)} origins every {city.step_days} days, 7 days ahead")
    scores = trial.scores.assign(column=trial.scores["metric"] + trial.scores["share"].map("@{:.0%}".format))
    wide = scores.pivot_table(index="method", columns="column", values="value", sort=False)
    print(wide[["pai@1%", "pei@1%", "rri@1%", "harm_share@1%", "harm_share@5%"]].round(4).to_string())
    differences = trial.differences
    harm = (differences["method"] == HARM_FORECAST) & (differences["metric"] == "harm_share")
    events = (
        (differences["method"] == EVENTS_FORECAST) & (differences["metric"] == "pai") & (differences["share"] == 0.01)
    )
    print("\nPaired differences, block-bootstrap 95% intervals")
    print(differences[harm | events].drop(columns="metric").round(4).to_string(index=False))
    print("\nRandomised probability integral transform of counts, share by decile")
    print(trial.transform["share"].round(4).tolist(), f"over {trial.transform['cell_horizons'].iloc[0]:,} cell-weeks")
    print(trial.reliability.round(3).to_string(index=False))
    print("\nChance of the top share, bins of at least 200 cell-weeks")
    print(trial.calibration[trial.calibration["cell_horizons"] >= 200].round(3).to_string(index=False))
    print("\nJaccard index of the top cells from one day to the next")
    print(trial.stability.round(3).to_string(index=False))


@pytest.mark.parametrize("city", [HOUSTON, PHILADELPHIA], ids=lambda city: city.name)
def test_trial(city: City) -> None:
    cell_days = read_cell_days(city)
    cells = study_cells(cell_days, city.origins[0])
    trial = evaluate_forecast(
        cell_days,
        cells,
        HARM_DAYS,
        city.origins,
        horizon_days=7,
        seed=SEED,
        config=CONFIG,
        raw_mean_life_days=city.raw_mean_life_days,
    )
    print_trial(city, len(cells), trial)
    assert trial.transform["share"].between(0.08, 0.12).all()
    assert trial.reliability["value"].iloc[0] >= 0.75
    full = trial.calibration[(trial.calibration["share"] == 0.01) & (trial.calibration["cell_horizons"] >= 200)]
    # Five points, or two standard errors where those are wider: of weeks that overlap, only some are independent.
    weeks = full["cell_horizons"] * min(1, city.step_days / CONFIG.horizon_days)
    error = (full["forecast"] * (1 - full["forecast"]) / weeks) ** 0.5
    assert ((full["forecast"] - full["observed"]).abs() <= np.maximum(0.05, 2 * error)).all()
    differences = trial.differences.set_index(["method", "against", "metric", "share"])
    raw = f"raw harm, mean life {city.raw_mean_life_days:g} days"
    held = trial.scores.set_index(["method", "metric", "share"])["value"]
    for share, look_ahead in zip((0.01, 0.05), city.look_ahead, strict=True):
        assert held[HARM_FORECAST, "harm_share", share] >= 0.97 * look_ahead
        assert differences["lo"][HARM_FORECAST, raw, "harm_share", share] > 0
        assert differences["ratio"][HARM_FORECAST, "look-ahead harm (no method)", "harm_share", share] >= 0.97
    assert differences["ratio"][HARM_FORECAST, raw, "harm_share", 0.01] >= 1.15
    assert differences["ratio"][EVENTS_FORECAST, NAIVE, "pai", 0.01] >= 0.98


@pytest.mark.parametrize("city", [HOUSTON, PHILADELPHIA], ids=lambda city: city.name)
def test_speed(city: City) -> None:
    cell_days = read_cell_days(city, all_offences=True)
    origin = city.origins[-1]
    past = cell_days[cell_days["day"] < origin]
    events = past.assign(age_days=origin - 1 - past["day"]).drop(columns="day")
    cells = study_cells(cell_days, city.origins[0])
    weights = HARM_DAYS if city is HOUSTON else pd.concat([HARM_DAYS, pd.Series({"other": 1.0})])
    seconds = {}
    for times in (1, 10):
        many = pd.concat([events] * times, ignore_index=True)
        tries = []
        for _ in range(5):
            start = time.perf_counter()
            forecast_cells(many, cells, weights, horizon_days=7, seed=SEED, config=CONFIG)
            tries.append(time.perf_counter() - start)
        seconds[times] = float(np.median(tries))
    print(f"\n{city.name}: {int(events['n'].sum()):,} incidents in {len(events):,} rows, {len(cells):,} cells")
    print(
        f"one forecast {seconds[1]:.2f} s; ten times the rows {seconds[10]:.2f} s, {seconds[10] / seconds[1]:.1f} times"
    )
