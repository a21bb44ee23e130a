"""Displacement on the real cities: what is said of places at which nothing was done, and of falls and moves planted.

`python -m pytest tests/bench/test_displacement_bench.py -m bench -s` prints what docs/method-operations.md reports and
draws docs/displacement-power.svg. The constants of `models.places.placebos` were chosen on Philadelphia after
2018-09-01; the starts here lie before, and Houston took no part.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import pytest

from tests.bench.city_reports import DATA, DAY, CityReports, city_reports

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not DATA.exists(), reason="the two cities' incidents are not beside the project"),
]
EVERY = 2
BLOCK_CELLS = 33  # blocks of the bootstrap: squares of 5 km with all their dates, as the days of these overlap
RESAMPLES = 2000


@dataclass(frozen=True)
class Trial:
    city: str
    window: int
    starts: tuple[str, ...]
    places: int  # of each start: every second of the heaviest places

    @property
    def name(self) -> str:
        return f"{self.city}, {self.window} days"


PHILADELPHIA = tuple(f"{month:%Y-%m-%d}" for month in pd.date_range("2017-09-01", "2018-06-01", freq="MS"))
HOUSTON = tuple(f"{day:%Y-%m-%d}" for day in pd.date_range("2010-04-26", "2010-08-02", freq="14D"))
TRIALS = [
    Trial("philadelphia", 84, PHILADELPHIA, 45),
    Trial("philadelphia", 28, PHILADELPHIA, 45),
    Trial("houston", 28, HOUSTON, 55),
]


@cache
def city_of(name: str) -> CityReports:
    return city_reports(name)


@cache
def measured(trial: Trial, fall: float = 0.0) -> pd.DataFrame:
    """Table displacement of the heaviest places on each start, with `place`, `block` and the fall planted."""
    city, tables = city_of(trial.city), []
    for begin in trial.starts:
        start = pd.Timestamp(begin, tz="UTC") + pd.Timedelta(hours=12)
        as_of = start + trial.window * DAY
        known = city.until(as_of)
        for number, middle in enumerate(known.hot_places(start, trial.places, EVERY)):
            told = known.thinned(middle, start, fall, number) if fall else known
            block = f"{middle[0] // BLOCK_CELLS} {middle[1] // BLOCK_CELLS}"
            tables.append(told.measured(middle, start, as_of).assign(block=block, place=f"{begin} {number}"))
    return pd.concat(tables, ignore_index=True)


def interval(values: pd.Series, blocks: pd.Series) -> tuple[float, float, float]:
    """Mean with the 95% interval of a bootstrap of whole blocks."""
    by_block = pd.DataFrame({"value": values.astype(float), "block": blocks}).groupby("block")["value"]
    sums, sizes = by_block.sum().to_numpy(), by_block.size().to_numpy()
    drawn = np.random.default_rng(1).integers(len(sums), size=(RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return float(values.mean()), *np.quantile(means, [0.025, 0.975]).tolist()


def shares(table: pd.DataFrame) -> dict[str, tuple[float, pd.Series, pd.Series]]:
    """What is promised, and what came: name → promise, values, blocks."""
    whole = table[table["split"] == "all"]
    places = table.groupby("place").agg(
        any_alarm=("is_alarm", "any"), any_harm=("is_harm_alarm", "any"), block=("block", "first")
    )
    rows: dict[str, tuple[float, pd.Series, pd.Series]] = {
        "any alarm of a market": (0.1, places["any_alarm"] | places["any_harm"], places["block"])
    }
    for name, column in (("reports", "p_rise"), ("harm", "harm_p_rise")):
        tested = table.dropna(subset=column)
        rows[f"alarm of a row alone, {name}"] = (0.1, tested[column] <= 0.1, tested["block"])
    for name, frame, column in (
        ("market", whole, "target_change"),
        ("0-500 m", whole, "displaced"),
        ("market and 0-500 m", whole, "wdd"),
        *((part, table[table["part"] == part], "displaced") for part in ("0-250 m", "250-500 m", "next places")),
    ):
        for measure in ("", "harm_"):
            of = frame.dropna(subset=f"{measure}{column}")
            holds = (of[f"{measure}{column}_lo"] <= 0) & (of[f"{measure}{column}_hi"] >= 0)
            rows[f"{measure.replace('_', ' ')}{name} held"] = (0.8, holds, of["block"])
    return rows


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_shares_at_places_where_nothing_was_done(trial: Trial) -> None:
    table = measured(trial)
    whole = table[table["split"] == "all"]
    print(f"\n{trial.name}: {len(whole)} places and dates, {whole['target_change'].notna().mean():.0%} measured")
    missed = []
    for name, (promised, values, blocks) in shares(table).items():
        share, low, high = interval(values, blocks)
        print(f"  {name:30} {promised:.0%} promised, {share:.1%} came ({low:.1%} to {high:.1%})")
        missed += [] if low <= promised <= high else [name]
    ratio = whole["target_after"].sum() / whole["target_expected"].sum()
    change, low, high = interval(whole["target_change"] / whole["target_expected"], whole["block"])
    before = (whole["target_after"] / whole["target_before"].clip(lower=1) - 1).mean()
    width = (whole["target_change_hi"] - whole["target_change_lo"]) / whole["target_expected"]
    print(
        f"  fall read where there is none: {change:+.1%} ({low:+.1%} to {high:+.1%}), in all {ratio - 1:+.1%}; "
        f"against the days before {before:+.1%}"
    )
    print(
        f"  median width at the market {width.median():.0%} of what is expected; median least rise "
        f"{whole['least_rise'].median():.0f} of {whole['ring_expected'].median():.0f}"
    )
    assert len(whole) >= 400
    assert not missed
    assert low <= 0 <= high
    assert np.isfinite(whole[["target_change_lo", "target_change_hi", "displaced_lo", "displaced_hi"]]).all(axis=None)


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_a_fall_by_thirty_percent_is_found_as_often_as_is_said(trial: Trial) -> None:
    stated = measured(trial).query("split == 'all'")
    planted = measured(trial, 0.3).query("split == 'all'")
    found, low, high = interval(planted["target_change_hi"] < 0, planted["block"])
    print(
        f"\n{trial.name}: a fall by 30% found in {found:.1%} ({low:.1%} to {high:.1%}), "
        f"stated {stated['power_of_fall'].mean():.1%}"
    )
    assert low <= stated["power_of_fall"].mean() <= high
