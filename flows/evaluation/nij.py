"""A forecast under the rules of the NIJ Real-Time Crime Forecasting Challenge, scored on held-out months.

The rules leave cell size and forecast area open within bounds. They are chosen once per kind of crime, by the scores
of forecasts of the months before the first held-out month.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from flows.evaluation.forecast_file import count_rows, read_events
from geo.nij_cells import NijGrid, to_feet, write_forecast
from models.evaluation.nij import (
    LEAST_FORECAST_FT2,
    MOST_FORECAST_FT2,
    SQUARE_MILE_FT2,
    choose_cells,
    pool_scores,
    score_cells,
)
from models.evaluation.outcomes import fixed_order
from models.forecast.forecast import ForecastConfig, forecast_cells

SIZES_FT = (250, 300, 400, 500, 600)
TARGETS_FT2 = (LEAST_FORECAST_FT2, (LEAST_FORECAST_FT2 + MOST_FORECAST_FT2) / 2, MOST_FORECAST_FT2)
CHOICE_MONTHS = 12
TOGETHER = "all together"
METHODS = {"harmspot": "expected", "naive count": "naive_count"}


@dataclass(frozen=True, slots=True)
class Choice:
    """Cell size and forecast area of one kind of crime, and their scores on the selection months."""

    crime: str
    size_ft: int
    target_ft2: float
    pai: float
    pei: float

    def text(self) -> str:
        """Return a one-line summary."""
        return (
            f"{self.crime}: cells of {self.size_ft} feet, {self.target_ft2 / SQUARE_MILE_FT2:g} square miles; "
            f"on the selection months PAI {self.pai:.1f}, PEI* {self.pei:.2f}"
        )


@dataclass(frozen=True, slots=True)
class MonthAhead:
    """The forecast of one month by cell: expected crimes, naive count, and observed crimes."""

    cells: gpd.GeoDataFrame
    expected: npt.NDArray[np.float64]
    naive_count: npt.NDArray[np.int64]
    came: npt.NDArray[np.int64]

    def hotspots(self, method: str, target_ft2: float) -> npt.NDArray[np.bool_]:
        """Return the cells that `method` (of METHODS) selects as hot spots."""
        ranked_by = getattr(self, METHODS[method])
        return choose_cells(ranked_by, self.cells["area_ft2"], self.cells["tie"], target_ft2=target_ft2)

    def score(self, method: str, target_ft2: float) -> pd.DataFrame:
        """Return the scores of these cells, as `score_cells` does."""
        return score_cells(self.came, self.cells["area_ft2"], self.hotspots(method, target_ft2))


@dataclass(frozen=True, slots=True)
class Shape:
    """One forecast as submitted."""

    crime: str
    month: pd.Timestamp
    cells: gpd.GeoDataFrame
    is_hotspot: npt.NDArray[np.bool_]

    @property
    def name(self) -> str:
        """The name of the file, without suffix."""
        return f"{re.sub(r'[^a-z0-9]+', '_', self.crime.lower()).strip('_')}_{self.month:%Y%m}"


@dataclass(frozen=True, slots=True)
class NijTrial:
    """The choices, the submitted forecasts and their scores."""

    choices: list[Choice]
    shapes: list[Shape]
    scores: pd.DataFrame


Forecaster = Callable[[pd.DataFrame, int, pd.Timestamp], MonthAhead]  # of crimes, size in feet and first of the month


def read_crimes(path: Path) -> pd.DataFrame:
    """Return offence, day (midnight), x_ft, y_ft of a file that `read_events` takes, without rows that lack a point."""
    events = read_events(path)
    has_point = np.isfinite(events[["lon", "lat"]].to_numpy(float)).all(axis=1)
    usable = events[has_point & events["offence"].notna() & events["occurred_at"].notna()]
    x_ft, y_ft = to_feet(usable["lon"], usable["lat"])
    days = usable["occurred_at"].dt.tz_localize(None).dt.normalize()
    return pd.DataFrame({"offence": usable["offence"].astype("str"), "day": days, "x_ft": x_ft, "y_ft": y_ft})


def evaluate_nij(
    crimes: pd.DataFrame,
    boundary: gpd.GeoDataFrame,
    months: Sequence[date],
    *,
    maximise: str,
    config: ForecastConfig,
    seed: int,
    sizes_ft: Sequence[int] = SIZES_FT,
    choice_months: int = CHOICE_MONTHS,
    progress: Callable[[str], None],
) -> NijTrial:
    """Choose cells on the past, then forecast each held-out month from earlier crimes and score it.

    Parameters
    ----------
    crimes : pd.DataFrame
        As `read_crimes` returns them.
    boundary : gpd.GeoDataFrame
        Polygons of the police bureau.
    months : Sequence[date]
        Days in the held-out months.
    maximise : str
        `pai` or `pei`, the score that the choice maximises.
    config : ForecastConfig
        Settings of the forecast.
    seed : int
        Seed of the random draws.
    sizes_ft : Sequence[int]
        Cell sizes to choose from, in feet.
    choice_months : int
        Number of selection months before the first held-out month.
    progress : Callable[[str], None]
        Logger of progress.

    Returns
    -------
    NijTrial
        `scores` has crime, month (as 2017-02, or "all"), method, cell_size_ft and the columns of `score_cells`.

    Raises
    ------
    ValueError
        There is no month, no crime before it, or something violates the challenge's rules.
    """
    held_out = sorted({pd.Timestamp(month).replace(day=1) for month in months})
    choice_span = _months_before(held_out, choice_months, crimes["day"].min())
    cells = {size_ft: _with_tie(NijGrid(size_ft).cells_of(boundary)) for size_ft in sizes_ft}

    def ahead(own: pd.DataFrame, size_ft: int, month: pd.Timestamp) -> MonthAhead:
        return forecast_month(own, NijGrid(size_ft), cells[size_ft], month, config=config, seed=seed)

    choices, shapes, scores = [], [], []
    for crime, offences in kinds_of_crime(crimes["offence"]).items():
        progress(f"{crime}: choosing cells on {choice_span[0]:%Y-%m} to {choice_span[-1]:%Y-%m}")
        own = crimes[crimes["offence"].isin(offences)]
        choice = choose(crime, own, sizes_ft, choice_span, ahead, maximise=maximise)
        months_ahead = {month: ahead(own, choice.size_ft, month) for month in held_out}
        choices.append(choice)
        shapes += [
            Shape(crime, month, one.cells, one.hotspots("harmspot", choice.target_ft2))
            for month, one in months_ahead.items()
        ]
        scores += [_scores(choice, method, months_ahead) for method in METHODS]
    return NijTrial(choices, shapes, pd.concat(scores, ignore_index=True))


def kinds_of_crime(offences: pd.Series) -> dict[str, list[str]]:
    """Return each offence as a kind and, if there are several, all of them together as another."""
    names = sorted(offences.unique())
    single = {name: [name] for name in names}
    return single if len(names) == 1 else {**single, TOGETHER: names}


def choose(
    crime: str,
    crimes: pd.DataFrame,
    sizes_ft: Sequence[int],
    months: Sequence[pd.Timestamp],
    ahead: Forecaster,
    *,
    maximise: str,
) -> Choice:
    """Return the cell size and forecast area with the best score over the months; on a tie, the larger ones."""
    tried = []
    for size_ft in sizes_ft:
        months_ahead = [ahead(crimes, size_ft, month) for month in months]
        for target_ft2 in TARGETS_FT2:
            pooled = pool_scores(pd.concat([one.score("harmspot", target_ft2) for one in months_ahead])).iloc[0]
            tried.append(Choice(crime, size_ft, target_ft2, float(pooled["pai"]), float(pooled["pei"])))
    return max(tried, key=lambda choice: (getattr(choice, maximise), choice.size_ft, choice.target_ft2))


def forecast_month(
    crimes: pd.DataFrame,
    grid: NijGrid,
    cells: gpd.GeoDataFrame,
    month: pd.Timestamp,
    *,
    config: ForecastConfig,
    seed: int,
) -> MonthAhead:
    """Forecast the month that begins at `month` from the crimes before it, and count those in it."""
    ix, iy = grid.index(crimes["x_ft"], crimes["y_ft"])
    age_days = (month - crimes["day"]).dt.days.to_numpy() - 1
    placed = pd.DataFrame(
        {"cell_ix": ix, "cell_iy": iy, "offence_code": crimes["offence"].to_numpy(), "age_days": age_days}
    )
    horizon_days = (month + pd.offsets.MonthBegin(1) - month).days
    here = cells[["cell_ix", "cell_iy"]]
    outcome = forecast_cells(
        count_rows(placed[age_days >= 0], list(placed.columns)),
        here,
        # The challenge weights all crimes equally.
        pd.Series(1.0, index=sorted(crimes["offence"].unique())),
        horizon_days=horizon_days,
        seed=seed,
        config=config,
    )
    came = placed[(age_days < 0) & (age_days >= -horizon_days)]
    count = here.merge(count_rows(came, ["cell_ix", "cell_iy"]), how="left")["n"].fillna(0)
    return MonthAhead(
        cells,
        outcome["expected_events"].to_numpy(),
        outcome["naive_count"].to_numpy(),
        count.to_numpy(dtype=np.int64),
    )


def write_shapes(trial: NijTrial, folder: Path) -> list[Path]:
    """Write each forecast as `<crime>_<yyyymm>.shp` and as a layer of `nij.gpkg`; return the paths of the shapes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nij.gpkg").unlink(missing_ok=True)
    return [
        write_forecast(shape.cells, shape.is_hotspot, folder, name=shape.name, day=shape.month.date())
        for shape in trial.shapes
    ]


def _months_before(held_out: Sequence[pd.Timestamp], count: int, first_day: pd.Timestamp) -> list[pd.Timestamp]:
    """Return the selection months: `count` of them, or as many as have earlier crimes to learn from."""
    if not held_out:
        raise ValueError("months: none held out; expected at least one, such as 2017-02")
    months = [held_out[0] - pd.DateOffset(months=n) for n in range(count, 0, -1)]
    usable = [month for month in months if month > first_day]
    if not usable:
        raise ValueError(f"months: no whole month of crimes before {held_out[0]:%Y-%m} to choose cells on")
    return usable


def _with_tie(cells: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return cells.assign(tie=fixed_order(cells["cell_ix"].astype("str") + ":" + cells["cell_iy"].astype("str")))


def _scores(choice: Choice, method: str, months_ahead: Mapping[pd.Timestamp, MonthAhead]) -> pd.DataFrame:
    """Return the rows of one crime and method: each month, then all months pooled."""
    rows = pd.concat([one.score(method, choice.target_ft2) for one in months_ahead.values()], ignore_index=True)
    names = [f"{month:%Y-%m}" for month in months_ahead]
    if len(names) > 1:
        rows, names = pd.concat([rows, pool_scores(rows)], ignore_index=True), [*names, "all"]
    stamps = {"crime": choice.crime, "month": names, "method": method, "cell_size_ft": choice.size_ft}
    return pd.DataFrame({**stamps, **{column: rows[column] for column in rows.columns}})
