"""Whether an operation helped: three methods, each judged by the places where nothing was done.

Each method says what was to be expected at a place since the start: interrupted time series, difference in differences,
synthetic control. The same is asked of the operation's placebos (`models.places.placebos`, the same as of table
`displacement`). What their reports were beside what the method expected of them corrects its expectation and gives the
interval and the probability (`models.statistics.placebo_test`): an interval of a model rests on assumptions that
reports of crime break, and is too narrow.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.arrays import Floats, Ints, Row
from models.effects import difference_in_differences, interrupted_series, synthetic_control
from models.effects.interrupted_series import SEASON_WEEKS
from models.effects.series import Expect, Series
from models.places.displacement import (
    FALL,
    day_of,
    doubts_of,
    latest_operations,
    not_compared_because,
    places_with_another_operation,
    reports_of,
    too_short_a_record,
)
from models.places.placebos import (
    RECENT_DAYS,
    RING_M,
    WEEK,
    Date,
    Days,
    Ground,
    Reports,
    choose_placebos,
    count_apart,
    dates_of,
    days_of,
    place_middle,
)
from models.statistics.placebo_test import FEWEST, Comparison, compare

MOST_WEEKS = 104  # before the start
MOST_DATES = 3  # starts that placebos are taken from
FINDINGS = ("fall", "rise", "undecided")
EFFECT_COLUMNS = (
    "market_id", "method", "area_id", "started_at", "window_days", "weeks_before", "placebo_count",
    "independent_count", "observed", "expected", "change", "change_lo", "change_hi", "p_fall", "net_change",
    "net_change_lo", "net_change_hi", "finding", "power_of_fall", "least_fall", "is_doubtful", "assumptions", "why",
    "observed_by_week", "expected_by_week",
)  # fmt: skip
_NO_CELLS = np.zeros((0, 2), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Zones:
    """The series of one date: of the place alone, and of the place with the rings 500 m around it."""

    place: Series
    around: Series
    apart: int  # placebos whose rings share no ground


def measure_effects(
    operations: pd.DataFrame,
    history: pd.DataFrame,
    ground: Ground,
    *,
    as_of: pd.Timestamp,
    longest_days: int,
    withheld: Ints | None = None,
) -> pd.DataFrame:
    """Measure the latest operation at each market by each method, over the whole weeks since its start.

    Parameters
    ----------
    operations, history, ground, as_of, longest_days, withheld
        As of `models.places.displacement.measure_displacement`.

    Returns
    -------
    pd.DataFrame
        EFFECT_COLUMNS, by market and method. Changes are observed less expected, in reports, with 80% intervals from
        the placebos; `net_change` is that of the place and 500 m around it together, so that what moved round the
        corner is no success. What cannot be measured is missing, and `why` says the reason.
    """
    known = operations.dropna(subset="market_id")
    known = known.assign(felt_from=known[["announced_at", "started_at"]].min(axis=1)).dropna(subset="felt_from")
    reports = reports_of(history, len(ground.points)) if len(history) else None
    rows: list[Row] = []
    for operation in latest_operations(operations).sort_values("market_id").to_dict("records"):
        days_since = (as_of - operation["started_at"]) / pd.Timedelta(days=1)
        weeks = max(int(min(days_since, longest_days) // WEEK), 0)
        row: Row = {name: operation[name] for name in ("market_id", "area_id", "started_at")}
        row |= {"window_days": weeks * WEEK, "placebo_count": 0, "independent_count": 0, "is_doubtful": False}
        reason = not_compared_because(row, days_since, ground)
        if reports is None or reason or (reason := too_short_a_record(row, reports)):
            rows += [{**row, "method": name, "why": reason or "nothing was reported"} for name in METHODS]
        else:
            rows += _measured(row, known, reports, ground, _NO_CELLS if withheld is None else withheld)
    return pd.DataFrame(rows, columns=[*EFFECT_COLUMNS])


def compare_series(expect: Expect, dates: list[Series], independent: float) -> tuple[Comparison | None, Floats]:
    """Hold row 0 of the first date against all other rows by one method.

    Returns
    -------
    Comparison or None
        None where there are too few placebos, or they have no reports.
    Floats
        what is expected of row 0 by week since the start, corrected by the placebos.
    """
    expected = [expect(date) for date in dates]
    sums = np.concatenate([of_date.sum(axis=1) for of_date in expected])
    after = np.concatenate([date.after.sum(axis=1) for date in dates])
    comparison = compare(after, [sums], independent=independent)
    weeks = expected[0][0]
    if comparison is None or sums[0] <= 0:
        return comparison, np.full(len(weeks), np.nan)
    return comparison, weeks * comparison.expected / sums[0]


def _measured(row: Row, known: pd.DataFrame, reports: Reports, ground: Ground, withheld: Ints) -> list[Row]:
    """Return the row of each method."""
    days, weeks_before = _days(row, reports)
    dates = dates_of(reports, ground, days, withheld)
    others = places_with_another_operation(row["market_id"], known, days)
    zones = _series(place_middle(row["market_id"]), others, dates, weeks_before, days.window // WEEK)
    doubts = doubts_of(row, known, ground, days)
    series = [of_date.place for of_date in zones]
    row |= {
        "weeks_before": weeks_before,
        "placebo_count": sum(len(date.before) for date in series) - 1,
        "independent_count": sum(of_date.apart for of_date in zones),
        "observed": int(series[0].after[0].sum()),
        "observed_by_week": np.concatenate([series[0].before[0], series[0].after[0]]).astype(int).tolist(),
    }
    return [{**row, "method": name, **_row_of(method, row, zones, doubts)} for name, method in METHODS.items()]


def _days(row: Row, reports: Reports) -> tuple[Days, int]:
    """Return the days to compare, and the weeks before each start that all dates have on record."""
    start, first = day_of(row["started_at"]), float(reports.day[0])
    days = days_of(start, row["window_days"], first)

    def weeks_of(dates: int) -> int:
        return min(int((start - (dates - 1) * days.step - first) // WEEK), MOST_WEEKS)

    dates = max(
        each for each in range(1, min(days.dates, MOST_DATES) + 1) if each == 1 or weeks_of(each) >= SEASON_WEEKS
    )
    weeks = weeks_of(dates)
    return Days(start, days.window, max(weeks * WEEK - RECENT_DAYS, 0), days.step, dates), weeks


def _series(middle: Ints, others: Ints, dates: list[Date], before: int, after: int) -> list[_Zones]:
    """Return the series of each date, of the operation's place first; dates without a placebo are left out."""
    zones = []
    _, chosen = choose_placebos(middle, others, dates)
    for date, (placebos, _) in zip(dates, chosen, strict=True):
        is_own = date is dates[0]
        if not is_own and len(placebos) < 2:
            continue
        places = np.concatenate([middle, placebos]) if is_own else placebos
        counts = date.by_week(places, before, after)
        is_placebo = np.arange(len(places)) >= int(is_own)
        is_apart = date.ground.apart_m(places, places) > 2 * RING_M
        place, around = (
            Series(of[:, :before], of[:, before:], is_placebo, is_apart) for of in (counts[:, 0], counts.sum(axis=1))
        )
        zones.append(_Zones(place, around, count_apart(date.ground, placebos)))
    return zones


@dataclass(frozen=True, slots=True)
class Method:
    """One way to say what was to be expected, why a date cannot be compared by it, and what its assumptions come to."""

    expect: Expect
    lacking: Callable[[Series], str | None]
    check: Callable[[Series], tuple[str, bool]]


METHODS: Mapping[str, Method] = {
    "interrupted_time_series": Method(
        interrupted_series.continue_series, interrupted_series.lacking, interrupted_series.check
    ),
    "difference_in_differences": Method(
        difference_in_differences.move_as_placebos, difference_in_differences.lacking, difference_in_differences.check
    ),
    "synthetic_control": Method(synthetic_control.mix_placebos, synthetic_control.lacking, synthetic_control.check),
}


def _row_of(method: Method, row: Row, zones: list[_Zones], doubts: list[str]) -> Row:
    """Return what one method says, in figures and in words."""
    if reason := method.lacking(zones[0].place):
        return {"why": f"not measured: {reason}"}
    used = [of_date for of_date in zones if not method.lacking(of_date.place)]
    comparison, by_week = compare_series(method.expect, [each.place for each in used], _placebos(used))
    if comparison is None:
        return {"why": f"not measured: {row['placebo_count']} places to compare with, {FEWEST} with reports are needed"}
    apart = sum(each.apart for each in used)
    net, _ = compare_series(method.expect, [each.around for each in used], apart)
    change, low, high = comparison.change()
    assumptions, is_doubtful = method.check(used[0].place)
    found: Row = {
        "expected": comparison.expected, "change": change, "change_lo": low, "change_hi": high,
        "p_fall": comparison.p_fall(), "finding": _finding(low, high),
        "power_of_fall": comparison.power_of_fall(FALL), "least_fall": comparison.least_fall(),
        "is_doubtful": is_doubtful, "assumptions": assumptions, "expected_by_week": by_week.tolist(),
    }  # fmt: skip
    if net is not None:
        found |= dict(zip(("net_change", "net_change_lo", "net_change_hi"), net.change(), strict=True))
    return found | {"why": "; ".join([*_words(row, found), *doubts])}


def _placebos(zones: list[_Zones]) -> int:
    return sum(len(of_date.place.before) for of_date in zones) - 1


def _finding(low: float, high: float) -> str:
    return "fall" if high < 0 else "rise" if low > 0 else "undecided"


def _words(row: Row, found: Row) -> list[str]:
    """Return the estimate, and what could have been seen, in words."""
    least = found["least_fall"]
    seen = "no fall, however deep," if np.isnan(least) else f"a fall by {least:.0%} or more"
    return [
        f"{row['observed']} reports in {row['window_days'] // WEEK} weeks, {found['expected']:.0f} expected: "
        f"{_range(found, 'change')}: {_FINDING_WORDS[found['finding']]}",
        *([f"with 500 m around it {_range(found, 'net_change')}"] if "net_change" in found else []),
        f"{seen} would be told from chance in four of five cases, one by {FALL:.0%} in {found['power_of_fall']:.0%}",
    ]


_FINDING_WORDS = {"fall": "a fall", "rise": "a rise", "undecided": "undecided"}


def _range(found: Row, name: str) -> str:
    middle, low, high = (f"{found[f'{name}{end}']:+.0f}" for end in ("", "_lo", "_hi"))
    return f"{middle} (80%: {low} to {high})"
