"""Effects of operations on a real city: what three methods say of places at which nothing was done, and of a fall.

`python -m pytest tests/bench/test_operation_effect_bench.py -m bench -s` prints what docs/method-operations.md reports.
"""

import time

import numpy as np
import pandas as pd
import pytest

from models.effects.agreement import together
from models.effects.operation_effect import METHODS, measure_effects
from tests.bench.city_reports import DATA, DAY, CityReports, city_reports

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not DATA.exists(), reason="the two cities' incidents are not beside the project"),
]
STARTS = ("2018-08-01", "2018-11-01", "2019-02-01", "2019-05-01", "2019-08-01")
WINDOW, PLACES, EVERY, AWAY = 84, 24, 3, 0.3


def measured(city: CityReports, middle: np.ndarray, start: pd.Timestamp) -> pd.DataFrame:
    moments = {"started_at": start, "announced_at": pd.NaT, "ended_at": pd.NaT}
    row = {"market_id": f"market_{middle[0]}_{middle[1]}", "area_id": "a", **moments}
    operations = pd.DataFrame([row]).assign(**{name: pd.to_datetime([moments[name]], utc=True) for name in moments})
    as_of = start + WINDOW * DAY
    return measure_effects(operations, city.history, city.ground, as_of=as_of, longest_days=WINDOW)


def test_shares_at_places_where_nothing_was_done_and_where_reports_stayed_away() -> None:
    whole, tables, seconds = city_reports("philadelphia"), [], []
    for begin in STARTS:
        start = pd.Timestamp(begin, tz="UTC") + pd.Timedelta(hours=12)
        known = whole.until(start + WINDOW * DAY)
        for number, middle in enumerate(known.hot_places(start, PLACES, EVERY)):
            before = time.process_time()
            still = measured(known, middle, start).assign(away=0.0)
            seconds.append(time.process_time() - before)
            fallen = known.thinned(middle, start, AWAY, number)
            tables += [still, measured(fallen, middle, start).assign(away=AWAY, taken=still["observed"])]
            tables[-1]["taken"] -= tables[-1]["observed"]
    table = pd.concat(tables, ignore_index=True)
    print(f"\n{len(seconds)} places and dates, {np.mean(seconds):.2f} s of processor each")
    for method in METHODS:
        own = table[table["method"] == method].dropna(subset="change")
        still, fallen = own[own["away"] == 0], own[own["away"] > 0]
        held = (still["change_lo"] <= 0) & (still["change_hi"] >= 0)
        net = still.dropna(subset="net_change")
        net_held = (net["net_change_lo"] <= 0) & (net["net_change_hi"] >= 0)
        found = (fallen["finding"] == "fall").mean()
        width = ((still["change_hi"] - still["change_lo"]) / still["expected"]).median()
        error = (still["change"] / still["expected"]).mean()
        print(
            f"  {method:26} {len(still)} measured, held {held.mean():.1%}, with 500 m {net_held.mean():.1%}, "
            f"width {width:.0%}, mean error {error:+.1%}, fall of {AWAY:.0%} found {found:.1%}, stated "
            f"{still['power_of_fall'].mean():.1%}, in doubt {still['is_doubtful'].mean():.1%}"
        )
        assert held.mean() == pytest.approx(0.8, abs=3 * np.sqrt(0.16 / 30))  # places of one date are not independent
    words = table.groupby(["away", "market_id", "started_at"]).apply(together, include_groups=False)
    for away, said in words.str.split(".").str[0].groupby(level="away"):
        print(f"  {away:.0%} away: {said.value_counts().to_dict()}")
