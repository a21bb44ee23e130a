"""Events of a force around one market by week, with planted changes from a day on; no town is simulated."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from models.operations.overdose_watch import COLUMNS as WATCH_COLUMNS
from models.outcomes.consequence_series import Evidence
from models.outcomes.consequences import COLUMNS, measure_consequences
from models.places.displacement import DISPLACEMENT_COLUMNS

START = pd.Timestamp("2026-02-16", tz="UTC")  # a Monday on which the force's twelve weeks begin, too
MARKET, AREA = "market_0_0", "A@1"
NAMES = {"smack": "heroin", "heroin": "heroin", "fentanyl": "fentanyl"}
DRUGS = ("heroin", "crack", "cocaine", "cannabis", "fentanyl")
A_WEEK = {
    "drugs": 12.0, "violence": 20.0, "violence_near": 3.0, "sellers": 15.0, "referral_started": 8.0,
    "referral_retained": 6.0, "treatment_left": 3.0, "naloxone_given": 15.0, "needle_exchange": 60.0, "complaint": 2.0,
    "treatment_wait": 8.0, "outreach": 10.0, "visit": 60.0,
}  # fmt: skip
OPERATION = pd.DataFrame(
    {
        **{"market_id": [MARKET], "area_id": [AREA], "is_hidden": [False]},
        **{"announced_at": [START - pd.Timedelta(days=7)], "started_at": [START]},
    }
)


@dataclass(frozen=True)
class Planted:
    """Factors from START on, of rates by their names in A_WEEK and of `price`, `purity`, `wait`; share that shifts."""

    factors: dict[str, float] = field(default_factory=dict)
    shifted: float = 0.0  # share of heroin that becomes fentanyl
    new_sellers: float = 0.02
    season: float = 0.0  # amplitude of all rates over the year
    trend: float = 0.0  # growth of all rates over a year
    clustered: float = 0.2  # variance of weekly rates, relative to their mean squared, of what is summed up by week


def evidence_of(seed: int, planted: Planted | None = None, *, weeks: int = 116) -> Evidence:
    """Return events of so many weeks: the last twelve since START, the others before."""
    world, rng = planted or Planted(), np.random.default_rng([seed, 7])
    factors = world.factors
    since = np.arange(weeks) >= weeks - 12
    phase = rng.uniform(0, 2 * np.pi)
    usual = 1 + world.season * np.cos(2 * np.pi * np.arange(weeks) / 52 + phase) + world.trend * np.arange(weeks) / 52

    def days(name: str) -> np.ndarray:
        """Return the days since START of the events of one rate."""
        rate = A_WEEK[name] * usual * np.where(since, factors.get(name, 1.0), 1.0)
        week = np.repeat(np.arange(weeks), rng.poisson(rate))
        return 7.0 * (week - weeks + 12) + rng.uniform(0, 7, len(week))

    drug_days = days("drugs")
    is_since = drug_days >= 0
    substance = rng.choice(DRUGS[:4], len(drug_days), p=[0.45, 0.25, 0.2, 0.1])
    becomes = is_since & (substance == "heroin") & (rng.random(len(drug_days)) < world.shifted)
    substance = np.where(becomes, "fentanyl", substance)
    at_m = np.full((len(drug_days), 2), 5_000.0)
    price, purity = (np.where(is_since, factors.get(name, 1.0), 1.0) for name in ("price", "purity"))
    violent = [(days("violence_near"), 75.0), (days("violence"), 4_000.0)]
    incidents = pd.concat(
        [
            incidents_of(
                drug_days, at_m, substance=substance,
                price_per_gram=rng.lognormal(4, 0.3, len(drug_days)) * price,
                purity=np.clip(rng.beta(4, 6, len(drug_days)) * purity, 0.01, 1),
            ),
            *(incidents_of(day, np.full((len(day), 2), x), is_violence=True) for day, x in violent),
        ],
        ignore_index=True,
    )  # fmt: skip
    acts = [
        actions_of(kind, days(kind))
        for kind in ("referral_started", "referral_retained", "treatment_left", "complaint")
    ]
    for kind in ("naloxone_given", "needle_exchange"):  # sums of a week
        factor = np.where(since, factors.get(kind, 1.0), 1.0)
        mean = A_WEEK[kind] * usual * factor * rng.gamma(1 / world.clustered**2, world.clustered**2, weeks)
        middle = 7.0 * (np.arange(weeks) - weeks + 12) + 3.5
        count = rng.poisson(np.repeat(mean / 2, 2))  # of two areas
        acts.append(actions_of(kind, np.repeat(middle, 2), count=np.maximum(count, 1)))
    waited = days("treatment_wait")
    longer = np.where(waited >= 0, factors.get("wait", 1.0), 1.0)
    acts += [
        actions_of("treatment_wait", waited, days=rng.gamma(4, 3.5, len(waited)) * longer),
        actions_of("outreach", days("outreach"), hours=4.0),
        actions_of("visit", days("visit"), hours=0.25),
    ]
    sold = days("sellers")
    is_new = rng.random(len(sold)) < np.where(sold >= 0, world.new_sellers, 0.02)
    seller = np.where(is_new, 1000 + np.arange(len(sold)), rng.integers(0, 40, len(sold)))
    sellers = incidents_of(sold, np.full((len(sold), 2), 75.0)).assign(seller=seller)
    return Evidence(
        incidents=incidents.sort_values("occurred_at", ignore_index=True),
        actions=pd.concat(acts, ignore_index=True).sort_values("at", ignore_index=True),
        sellers=sellers[["occurred_at", "x_m", "y_m", "seller"]].sort_values("occurred_at", ignore_index=True),
        names=NAMES,
        synthetic_opioids=frozenset({"fentanyl"}),
    )


def incidents_of(day: np.ndarray, at_m: np.ndarray, **fields: object) -> pd.DataFrame:
    """Return incidents so many days after START."""
    row = {
        "is_violence": False,
        "is_naloxone_given": False,
        "substance": None,
        "price_per_gram": np.nan,
        "purity": np.nan,
    }
    points = {"x_m": at_m[:, 0], "y_m": at_m[:, 1]}
    return pd.DataFrame({"occurred_at": START + pd.to_timedelta(day, unit="D"), **points}).assign(**(row | fields))


def actions_of(kind: str, day: np.ndarray, **fields: object) -> pd.DataFrame:
    """Return actions so many days after START: every other one in the market's area."""
    areas = np.where(np.arange(len(day)) % 2 == 0, AREA, "B@1")
    row = {"kind": kind, "area_id": areas, "hours": np.nan, "count": np.nan, "days": np.nan}
    return pd.DataFrame({"at": START + pd.to_timedelta(day, unit="D")}).assign(**(row | fields))


def measured(
    evidence: Evidence, weeks: int = 12, operations: pd.DataFrame = OPERATION, *, seed: int = 1
) -> pd.DataFrame:
    """Return the table so many weeks and a day after START, of events before, by place and indicator."""
    as_of = START + pd.Timedelta(weeks=weeks, days=1)
    known = Evidence(
        evidence.incidents[evidence.incidents["occurred_at"] < as_of],
        evidence.actions[evidence.actions["at"] < as_of],
        evidence.sellers[evidence.sellers["occurred_at"] < as_of],
        evidence.names,
        evidence.synthetic_opioids,
    )
    nothing = pd.DataFrame(columns=[*DISPLACEMENT_COLUMNS]), pd.DataFrame(columns=[*WATCH_COLUMNS])
    table = measure_consequences(known, operations, *nothing, as_of=as_of, cell_size_m=150.0, seed=seed)
    assert tuple(table.columns) == COLUMNS
    return table.set_index(["place", "indicator"])


def alarms(evidence: Evidence) -> set[tuple[str, str]]:
    """Return place and indicator of every alarm that is raised at one of the looks."""
    return {key for weeks in (4, 8, 12) for key in measured(evidence, weeks).query("is_alarm").index}
