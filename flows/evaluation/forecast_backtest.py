"""Backtest of the forecast on the loaded city: rolling origins, compared with published methods."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any

import pandas as pd

from flows.evaluation.placed_city import open_city
from flows.home.home import Home
from flows.home.rows import to_json_rows
from geo.cells import Grid
from models.evaluation.backtest import HARM_FORECAST, MINIMUM_ORIGINS, NAIVE, Evaluation, evaluate_forecast, study_cells
from pipeline.errors import StoreError

EPOCH = date(1970, 1, 1)
RAW_MEAN_LIFE_DAYS = 120.0
TOO_FEW = f"too few origins to judge (fewer than {MINIMUM_ORIGINS})"
USUAL_COVERAGE = 0.92  # of right 80% intervals of the harm of a cell, docs/method-forecast.md


@dataclass(frozen=True, slots=True)
class Plan:
    """Origins and cell size of a backtest; `last_day` None means the day of the latest incident."""

    origins: int
    every_days: int
    horizon_days: int
    cell_size_m: float
    last_day: date | None = None
    raw_mean_life_days: float = RAW_MEAN_LIFE_DAYS

    def first_days(self, last_day: date) -> list[date]:
        """Return the first days of the horizons, the last of which ends with `last_day`."""
        return first_days_of(last_day, origins=self.origins, every_days=self.every_days, horizon_days=self.horizon_days)


def first_days_of(last_day: date, *, origins: int, every_days: int, horizon_days: int) -> list[date]:
    """Return the first days of horizons, the last of which ends with `last_day`."""
    latest = last_day - timedelta(days=horizon_days - 1)
    return [latest - timedelta(days=every_days * n) for n in reversed(range(origins))]


@dataclass(frozen=True, slots=True)
class CityTrial:
    """The setup and the results of a backtest."""

    force_name: str
    first_days: list[date]
    horizon_days: int
    cell_size_m: float
    cell_count: int
    event_count: int
    evaluation: Evaluation

    def title(self) -> str:
        """Return a one-line summary of the setup."""
        return (
            f"{self.force_name}: {len(self.first_days)} origins from {self.first_days[0]} to {self.first_days[-1]}, "
            f"{self.horizon_days} days ahead, {self.cell_count:,} cells of {self.cell_size_m:g} m, "
            f"{self.event_count:,} incidents"
        )

    def verdicts(self) -> list[str]:
        """Return what was found as sentences for a reader who knows no statistics."""
        found = self.evaluation.scores
        harm = found[(found["metric"] == "harm_share") & (found["share"] == 0.05)].set_index("method")["value"]
        return [
            *(
                coverage_words(row, len(self.first_days), USUAL_COVERAGE)
                for row in self.evaluation.coverage.to_dict("records")
            ),
            f"The 5% of cells ranked first held {harm[HARM_FORECAST]:.1%} of the harm of the next {self.horizon_days} "
            f"days; a plain count of a year's incidents found {harm[NAIVE]:.1%}.",
        ]

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables of the evaluation by name."""
        every = {part.name: getattr(self.evaluation, part.name) for part in fields(self.evaluation)}
        return {name: table for name, table in every.items() if isinstance(table, pd.DataFrame)}


def evaluate_city(home: Home, plan: Plan) -> CityTrial:
    """Backtest the forecast at each origin on the loaded city.

    The study area is every cell with an incident before the first origin, and one ring of cells around them.

    Raises
    ------
    StoreError
        There are no incidents, or none before the first origin.
    ValueError
        See `models.evaluation.backtest.evaluate_forecast`.
    """
    settings = home.settings
    with open_city(home, plan.last_day) as city:
        incidents, codebook, last_day = city.incidents("cell_days"), city.codebook, city.last_day
    grid = Grid(crs=city.geography.grid.crs, size_m=plan.cell_size_m)
    cell_days = on_cells(incidents, grid)
    first_days = plan.first_days(last_day)
    origins = [(day - EPOCH).days for day in first_days]
    if not (cell_days["day"] < origins[0]).any():
        raise StoreError(
            f"no incident before the first origin {first_days[0]}: use fewer origins (--origins), closer together "
            "(--every-days), or a later --last"
        )
    cells = study_cells(cell_days, origins[0])
    home.progress(
        f"testing every method at {len(origins)} origins on {len(cells):,} cells; this takes some seconds per origin"
    )
    evaluation = evaluate_forecast(
        cell_days,
        cells,
        codebook["harm_days"],
        origins,
        horizon_days=plan.horizon_days,
        seed=settings.seed,
        config=settings.forecast,
        raw_mean_life_days=plan.raw_mean_life_days,
    )
    return CityTrial(
        settings.force.name,
        first_days,
        plan.horizon_days,
        plan.cell_size_m,
        len(cells),
        int(cell_days["n"].sum()),
        evaluation,
    )


def on_cells(incidents: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """Return cell_ix, cell_iy, offence_code, day, n of incidents by point, sorted by these columns."""
    ix, iy = grid.index(incidents["x_m"], incidents["y_m"])
    placed = incidents[["offence_code", "day", "n"]].assign(cell_ix=ix, cell_iy=iy)
    keys = ["cell_ix", "cell_iy", "offence_code", "day"]
    return placed.groupby(keys, as_index=False)[["n"]].sum()


def score_table(evaluation: Evaluation) -> pd.DataFrame:
    """Return the means over the origins, a row per method: rates at 1% and 5% of cells, and stability."""
    scores = evaluation.scores
    wanted = {
        "hit rate 1%": ("hit_rate", 0.01),
        "PAI 1%": ("pai", 0.01),
        "PEI 1%": ("pei", 0.01),
        "RRI 1%": ("rri", 0.01),
        "H@1%": ("harm_share", 0.01),
        "H@5%": ("harm_share", 0.05),
    }
    columns = {
        name: scores[(scores["metric"] == metric) & (scores["share"] == share)].set_index("method")["value"]
        for name, (metric, share) in wanted.items()
    }
    stability = evaluation.stability.query("share == 0.01").set_index("method")["jaccard"]
    table = pd.DataFrame({"method": scores["method"].unique()}).set_index("method")
    return table.assign(**columns, **{"Jaccard 1%": stability}).reset_index()


def difference_table(evaluation: Evaluation) -> pd.DataFrame:
    """Return the harm forecast minus each other method on harm, and the events forecast minus each on incidents."""
    found = evaluation.differences
    on_harm = (found["metric"] == "harm_share") & found["method"].str.contains("by harm")
    on_events = (found["metric"] == "pai") & found["method"].str.contains("by events") & (found["share"] == 0.01)
    rows = found[on_harm | on_events].sort_values(["metric", "share"], kind="stable")
    measure = rows["metric"].map({"harm_share": "H@", "pai": "PAI@"}) + rows["share"].map("{:.0%}".format)
    return rows.assign(measure=measure)[["measure", "against", "difference", "lo", "hi", "ratio"]]


def trial_object(trial: CityTrial) -> dict[str, Any]:
    """Return all results as one JSON-ready object, with tables as lists of objects."""
    return {
        "force_name": trial.force_name,
        "first_days": [day.isoformat() for day in trial.first_days],
        "horizon_days": trial.horizon_days,
        "cell_size_m": trial.cell_size_m,
        "cell_count": trial.cell_count,
        "event_count": trial.event_count,
        **{name: to_json_rows(table) for name, table in trial.tables().items()},
        "verdicts": trial.verdicts(),
        "notes": list(trial.evaluation.notes),
    }


def coverage_words(row: Mapping[Any, Any], origins: int, usual: float | None = None) -> str:
    """Return a sentence about a row of `coverage`: how many intervals contained the outcome, and should have.

    `usual` is what right intervals hold where outcomes come in few sizes, so that they cannot hold what is promised.
    """
    said = f"{row['nominal']:.0%}"
    if usual is not None:
        said = f"at least {said}, and a right one holds about {usual:.0%}, because harm comes in few sizes"
    if origins < MINIMUM_ORIGINS:
        judged = TOO_FEW
    elif usual is not None and row["hi"] >= row["nominal"]:
        judged = "as expected" if row["lo"] <= usual <= row["hi"] else "not too narrow"
    elif row["lo"] <= row["nominal"] <= row["hi"]:
        judged = "as promised"
    else:
        judged = "too narrow" if row["covered"] < row["nominal"] else "wider than promised"
    return (
        f"Of {row['cases']:,} intervals of the {row['interval']} {row['held']:,} contained the outcome: "
        f"{row['covered']:.1%} ({row['lo']:.0%} to {row['hi']:.0%}), promised {said}: {judged}."
    )
