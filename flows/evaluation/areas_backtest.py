"""Backtest of the area ranking on the loaded city: rolling origins, published figures against observed ones."""

from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import pandas as pd

from flows.evaluation.forecast_backtest import EPOCH, MINIMUM_ORIGINS, TOO_FEW, coverage_words, first_days_of
from flows.evaluation.placed_city import open_city
from flows.home.home import Home
from flows.home.rows import to_json_rows
from models.evaluation.areas_backtest import LOOK_BACK_DAYS, MINIMUM_CASES, AreaHistory, AreaTrial, evaluate_areas
from pipeline.errors import StoreError

MORE_ORIGINS = "take more origins, such as --origins 40 --every-days 7"


@dataclass(frozen=True, slots=True)
class AreaSetTrial:
    """The setup and the results of a backtest of one set of areas."""

    force_name: str
    area_set: str
    first_days: list[date]
    horizon_days: int
    top_k: int
    area_count: int
    event_count: int
    known_days: int  # before the first origin
    trial: AreaTrial

    def title(self) -> str:
        """Return a one-line summary of the setup."""
        return (
            f"{self.force_name}: {self.area_count:,} areas of set {self.area_set}, {len(self.first_days)} origins from "
            f"{self.first_days[0]} to {self.first_days[-1]}, {self.horizon_days} days ahead, "
            f"{self.event_count:,} incidents from {self.known_days:,} days before the first origin on"
        )

    def verdicts(self) -> list[str]:
        """Return what was found as sentences for a reader who knows no statistics."""
        held = self.trial.harm_held.set_index("method")["share"]
        plain = f"harm of {LOOK_BACK_DAYS} days"
        return [
            *(coverage_words(row, len(self.first_days)) for row in self.trial.coverage.to_dict("records")),
            *self._chance_words(),
            *self._calibration_words(),
            f"The {self.top_k} areas ranked first held {held.iloc[0]:.1%} of the harm of the next {self.horizon_days} "
            f"days; those first by the plain harm of the last {LOOK_BACK_DAYS} days held {held[plain]:.1%}, the "
            f"{self.top_k} that then had most {held.iloc[-1]:.1%}.",
        ]

    def _chance_words(self) -> list[str]:
        """Return a sentence about the highest chances, or how to get enough cases to tell one bin from another."""
        bins = self.trial.reliability[self.trial.reliability["outcome"] == self.trial.reliability["outcome"].iloc[0]]
        if len(self.first_days) < MINIMUM_ORIGINS:
            return [f"Chances of being in the top {self.top_k}: {TOO_FEW}; {MORE_ORIGINS}."]
        if len(bins) < 2:
            return [f"{len(self.trial.cases):,} cases are too few to judge chances of being in the top {self.top_k}: "
                    f"{MORE_ORIGINS}."]  # fmt: skip
        top = bins.iloc[0]
        judged = "as promised" if top["lo"] <= top["forecast"] <= top["hi"] else "not as promised"
        return [
            f"The {top['cases']:,} highest chances of being in the top {self.top_k}, {top['forecast']:.0%} on average, "
            f"came true in {top['observed']:.0%} ({top['lo']:.0%} to {top['hi']:.0%}): {judged}."
        ]

    def _calibration_words(self) -> list[str]:
        """Return a sentence on whether isotonic calibration would have helped; none without enough origins."""
        scores = self.tables()["chances"]["log_score"]
        if scores.empty:
            return []
        published, calibrated = scores.iloc[:2]
        words = "better" if calibrated < published else "no better"
        return [
            f"Calibrated on the outcomes of earlier origins they would have been {words} (log score {published:.3f} as "
            f"published, {calibrated:.3f} calibrated)."
        ]

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables of the trial by name without the single cases, and without rows of too few to judge.

        Chances are judged in two bins or more, and calibration on at least `MINIMUM_CASES`.
        """
        found = {part.name: getattr(self.trial, part.name) for part in fields(self.trial) if part.name != "cases"}
        bins = found["reliability"].groupby("outcome")["outcome"].transform("size")
        judged = found["reliability"][bins >= 2]
        curve, chances = found["curve"], found["chances"]
        return found | {
            "reliability": judged,
            "curve": curve[curve["outcome"].isin(judged["outcome"])],
            "chances": chances[chances["outcome"].isin(judged["outcome"]) & (chances["cases"] >= MINIMUM_CASES)],
        }

    def as_json(self) -> dict[str, Any]:
        """Return all results as one JSON-ready object, with tables as lists of objects."""
        return {
            **{name: getattr(self, name) for name in ("force_name", "area_set", "horizon_days", "top_k", "area_count")},
            "first_days": [day.isoformat() for day in self.first_days],
            "verdicts": self.verdicts(),
            **{name: to_json_rows(table) for name, table in self.tables().items()},
        }


def evaluate_area_set(
    home: Home, *, origins: int, every_days: int, horizon_days: int, area_set: str | None, last_day: date | None
) -> AreaSetTrial:
    """Rank a set of areas of the loaded city as of past days, and judge the rankings by the days after them.

    The horizon ends with `last_day` (None: the day of the latest incident) at the last origin. Incidents count for the
    area and codebook of today, officer hours are those of the end.

    Raises
    ------
    StoreError
        There are no incidents, none before the first origin, or no such set.
    """
    settings = home.settings
    with open_city(home, last_day) as city:
        (events, hours), codebook, last_day = city.area_days(area_set), city.codebook, city.last_day
    first_days = first_days_of(last_day, origins=origins, every_days=every_days, horizon_days=horizon_days)
    days = [(day - EPOCH).days for day in first_days]
    known_days = days[0] - int(events["day"].min()) if len(events) else 0
    if known_days <= 0:
        raise StoreError(
            f"no incident before the first origin {first_days[0]}: use fewer origins (--origins), closer together "
            "(--every-days), or a later --last"
        )
    name = area_set or settings.force.areas.set
    further = settings.force.areas.further.get(name)
    top_k = (further and further.top_k) or settings.places.top_k
    history = AreaHistory(events, codebook, hours, replace(settings.places, top_k=top_k, horizon_days=horizon_days))
    home.progress(f"ranking {len(hours):,} areas at {origins} origins")
    trial = evaluate_areas(history, days, horizon_days=horizon_days, seed=settings.seed)
    return AreaSetTrial(
        settings.force.name,
        name,
        first_days,
        horizon_days,
        top_k,
        len(hours),
        int(events["n"].sum()),
        known_days,
        trial,
    )
