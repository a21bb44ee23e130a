"""The five unintended consequences: what changed for the worse at operations and in the force, beside chance.

At a market the weeks since its latest operation began are compared with the year before it was announced; in the force
the weeks since the current twelve weeks began, with the year before. An alarm is judged by how far that departs from
the same weeks a year ago, beside what shuffled weeks show (`models.statistics.weekly_series.departures`): a season that
repeats and a steady trend raise none, and until the record has the weeks twice no alarm is judged. It is judged after
4, 8 and 12 weeks alone, and its limit is divided by these looks and by the indicators of the place (Bonferroni), so
that chance raises any alarm of a place in at most one case in ten, however often the table is read.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from models.arrays import Floats, Row
from models.outcomes.consequence_series import SERIES, Evidence, Place
from models.outcomes.indicators import (
    DISPLACED,
    MIX_WORSENING,
    OF_FORCE,
    OF_MARKET,
    OVERDOSES,
    WORSENING,
    Answer,
    Indicator,
    answer_of,
)
from models.places.displacement import LATEST_DAYS
from models.places.markets import middle_of
from models.statistics.placebo_test import TAIL
from models.statistics.weekly_series import (
    LEAST_PAIRS,
    WEEK,
    YEAR_WEEKS,
    Mix,
    Ratio,
    Series,
    Side,
    Values,
    Weeks,
    departures,
    judge,
    p_value,
    resampled_weeks,
    since_weeks,
)

LOOKS = (4, 8, 12)  # weeks since, after which an alarm is judged
FALSE_ALARMS = 0.1  # of one place over all its looks and indicators
BEFORE_WEEKS, LEAST_WEEKS = 2 * YEAR_WEEKS, 8  # the change is from the last year of them
LEAST = 10  # events on a side that a level needs
FEWEST_PEOPLE = 10  # no figure tells of fewer
FIGURES = ("before_count", "after_count", "before_level", "after_level", "change", "change_lo", "change_hi", "p_value")
WITHHELD = f"withheld: fewer than {FEWEST_PEOPLE} people stand behind a part of it"
FORCE = "force"
AMONG_MANY = "chance alone seldom does so much to one figure, yet may among so many"
TOO_EARLY = f"fewer than {7 * LOOKS[0]} days have passed since it began"
_BLOCK_DAYS = 7 * LOOKS[-1]
_FIRST_BLOCK = pd.Timestamp("1970-01-05")  # a Monday
COLUMNS = (
    "consequence", "indicator", "place", "area_id", "started_at", "weeks_before", "weeks_after", "unit", "before_count",
    "after_count", "before_level", "after_level", "change", "change_lo", "change_hi", "p_value", "alarm_limit",
    "is_alarm", "answer", "not_measured_because", "weakened_by", "why",
)  # fmt: skip


def measure_consequences(
    evidence: Evidence,
    operations: pd.DataFrame,
    displacement: pd.DataFrame,
    watches: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    cell_size_m: float,
    seed: int,
) -> pd.DataFrame:
    """Measure the consequences of the latest operation at each market, and those in the force.

    Parameters
    ----------
    evidence : Evidence
        What the events say.
    operations : DataFrame
        `models.operations.history.operations_of`, with market_id, without those that may not be named.
    displacement : DataFrame
        `models.places.displacement.measure_displacement`: its alarm is told and not judged again.
    watches : DataFrame
        `models.operations.overdose_watch.watch_overdoses`, likewise.
    as_of : Timestamp
        End of the events, in the force's zone.
    cell_size_m : float
        Side of the cells that ids of markets count in, metres.
    seed : int
        Seed of the shuffles.

    Returns
    -------
    DataFrame
        COLUMNS; the force first, then by market; in each the consequences in the order of `indicators`.
    """
    rows = [_row(indicator, _force(as_of), evidence, seed, OF_FORCE) for indicator in OF_FORCE]
    rows += _watched(FORCE, None, watches[watches["cause"] == "all seizures"])
    for place in _markets(operations, as_of, cell_size_m):
        rows += [_row(indicator, place, evidence, seed, OF_MARKET) for indicator in OF_MARKET]
        rows += _displaced(place, displacement[displacement["market_id"] == place.name])
        rows += _watched(place.name, place.area_id, watches[watches["event_id"] == place.name])
    return pd.DataFrame(rows, columns=[*COLUMNS])


def _look(days: float) -> int:
    """Return the weeks of the latest look, 0 before the first."""
    return max((weeks for weeks in LOOKS if 7 * weeks <= days), default=0)


def _force(as_of: pd.Timestamp) -> Place:
    """Return the force with its current twelve weeks, or the last ones until the first look of the current."""
    days = (as_of.tz_localize(None).normalize() - _FIRST_BLOCK).days % _BLOCK_DAYS
    start = as_of - pd.Timedelta(days=days)
    if not (since := _look(days)):
        start, since = start - pd.Timedelta(days=_BLOCK_DAYS), LOOKS[-1]
    return Place(FORCE, None, Weeks(start, start, BEFORE_WEEKS, since))


def _markets(operations: pd.DataFrame, as_of: pd.Timestamp, cell_size_m: float) -> Iterator[Place]:
    """Yield the market of each latest operation that began at most LATEST_DAYS ago."""
    begun = operations.dropna(subset=["market_id", "started_at"]).sort_values(["started_at", "area_id"])
    for each in begun.drop_duplicates("market_id", keep="last").sort_values("market_id").to_dict("records"):
        days = (as_of - each["started_at"]) / pd.Timedelta(days=1)
        middle = middle_of(each["market_id"])
        if middle is None or not 0 <= days <= LATEST_DAYS:
            continue
        ahead = each["started_at"] - each["announced_at"]  # whole weeks, so that weeks a year ago are the same ones
        told = each["started_at"] - (0 if pd.isna(ahead) else max(int(np.ceil(ahead / WEEK)), 0)) * WEEK
        at_m = ((middle[0] + 0.5) * cell_size_m, (middle[1] + 0.5) * cell_size_m)
        yield Place(
            each["market_id"], each["area_id"], Weeks(told, each["started_at"], BEFORE_WEEKS, _look(days)), at_m
        )


def _row(indicator: Indicator, place: Place, evidence: Evidence, seed: int, others: tuple[Indicator, ...]) -> Row:
    weeks = place.weeks
    row = _blank(indicator, place) | {"weeks_before": YEAR_WEEKS, "weeks_after": weeks.since}
    row["alarm_limit"] = FALSE_ALARMS / (len(LOOKS) * len(others))
    if not weeks.since:
        return _unmeasured(row, indicator, TOO_EARLY)
    series = SERIES[indicator](evidence, place)
    recorded = series.on_record()
    if not recorded.any():
        return _unmeasured(row, indicator, indicator.missing)
    first = int(recorded.argmax())
    row["weeks_before"] = min(max(weeks.before - first, 0), YEAR_WEEKS)
    if row["weeks_before"] < LEAST_WEEKS:
        because = f"only {row['weeks_before']} weeks before are on record; {LEAST_WEEKS} are needed"
        return _unmeasured(row, indicator, because)
    whole, series = series.cut(first), series.cut(weeks.before - row["weeks_before"])
    before, after = series.counts(weeks.since)
    needs_both = not isinstance(series, Ratio) or indicator.unit == "share"
    if before < LEAST or (needs_both and after < LEAST):
        because = f"fewer than {LEAST} on record {'before' if before < LEAST else 'since'}: too few to tell a change"
        return _unmeasured(row, indicator, because)
    departs = departures(whole, weeks.since, weeks.gap, seed)
    return _measured(row, indicator, series, departs, weeks, seed)


def _season(weeks: Weeks) -> str:
    """Say from when on a record must be for a change to be told from a season."""
    needed = weeks.until - (YEAR_WEEKS + LEAST_PAIRS) * WEEK
    return f"telling a change from a season needs a record since {needed:%Y-%m-%d}"


def _measured(row: Row, indicator: Indicator, series: Series, departs: Floats | None, weeks: Weeks, seed: int) -> Row:
    since, season = weeks.since, None if departs is not None else _season(weeks)
    is_since = since_weeks(row["weeks_before"], since, seed)
    drawn = series.draws(is_since, ~is_since)
    resampled = series.draws(*resampled_weeks(row["weeks_before"], since, seed))
    is_mix = isinstance(series, Mix)
    change = judge(drawn, resampled, since, above=float(np.median(drawn[1:])) if is_mix else 0.0)
    value, lo, hi = (change.value, change.lo, change.hi) if is_mix else np.expm1([change.value, change.lo, change.hi])
    if is_mix:
        value, lo, hi = max(value, 0.0), max(lo, 0.0), max(hi, 0.0)
    (before, after), levels = series.counts(since), series.levels(since)
    row |= {"before_count": before, "after_count": after, "before_level": levels[0], "after_level": levels[1]}
    row |= {"change": float(value), "change_lo": float(lo), "change_hi": float(hi)}
    is_better = departs is not None and _judge(row, indicator, departs, is_mix=is_mix)
    if levels[0] == 0:  # no change is a share of nothing
        row |= dict.fromkeys(("change", "change_lo", "change_hi"), np.nan)
    # A few events that happen to be even, or none, have a narrow interval and say little.
    is_count = isinstance(series, Ratio) and not series.is_share
    is_few = is_count and before / row["weeks_before"] * since < LEAST
    if isinstance(series, Mix):
        found = _mix_in_words(series, since, row)
    else:
        found = f"{_in_words(row, series)}; {_change_in_words(row, is_beside_elsewhere=_elsewhere(series) is not None)}"
    is_withheld = indicator.is_of_people and _is_of_few(series, since)
    found = WITHHELD if is_withheld else found
    row = _answered(row, indicator, found, is_better=is_better, is_few=is_few, season=season)
    return row | dict.fromkeys(FIGURES, np.nan) if is_withheld else row


def _judge(row: Row, indicator: Indicator, departs: Floats, *, is_mix: bool) -> bool:
    """Add p_value and is_alarm to a row, and return whether it changed for the better beyond chance."""
    departure = float(departs[0] if is_mix else np.expm1(departs[0]))
    worse = {"rise": departure, "fall": -departure, "either": abs(departure)}[indicator.side]

    def is_beyond(side: Side, size: float) -> bool:
        return bool(p_value(departs, side) <= row["alarm_limit"] and size >= indicator.margin and size > 0)

    row |= {"p_value": p_value(departs, indicator.side), "is_alarm": is_beyond(indicator.side, worse)}
    other: Side = "fall" if indicator.side == "rise" else "rise"
    return indicator.can_improve and indicator.side != "either" and is_beyond(other, -worse)


def _is_of_few(series: Series, since: int) -> bool:
    """Return whether counts, levels or change would tell of fewer than ten people, on a side or in a part of it."""
    parts = series.parts(since) if isinstance(series, Ratio) else []
    return min(series.counts(since)) < FEWEST_PEOPLE or any(0 < part < FEWEST_PEOPLE for part in parts)


def _answered(
    row: Row,
    indicator: Indicator,
    found: str,
    *,
    is_better: bool = False,
    is_few: bool = False,
    season: str | None = None,
) -> Row:
    """Return the row with its answer, and its sentence; `season` says why a season may be all that there is."""
    low, high = (np.nan if is_few else row.get(f"change_{end}", np.nan) for end in ("lo", "hi"))
    answer = answer_of(
        indicator.side,
        low,
        high,
        is_worse=row["is_alarm"],
        is_better=is_better,
        worsening=MIX_WORSENING if indicator.unit == "bits" else WORSENING,
    )
    if season and answer != "may_be_worse":
        answer = "cannot_tell"
    return row | {"answer": answer, "why": f"{indicator.what}: {found}; {_verdict(answer, indicator, season)}"}


def _in_words(row: Row, series: Series) -> str:
    """Return the levels with what they rest on."""
    before, after = ((row[f"{when}_level"], f"{row[f'{when}_count']:.0f}") for when in ("before", "after"))
    if isinstance(series, Values):
        return f"median {after[0]:.2f} of {after[1]} since, {before[0]:.2f} of {before[1]} before"
    if row["unit"] == "share":
        return f"{after[0]:.0%} of {after[1]} since, {before[0]:.0%} of {before[1]} before"
    if isinstance(series, Ratio) and series.is_share:
        a_week = [row[f"{when}_count"] / row[f"weeks_{when}"] for when in ("after", "before")]
        return (
            f"{after[0]:.1f} for each of {after[1]} hours since ({a_week[0]:.0f} a week), "
            f"{before[0]:.1f} for each of {before[1]} before ({a_week[1]:.0f} a week)"
        )
    told = f"{after[1]} in {row['weeks_after']} weeks since, {before[1]} in {row['weeks_before']} weeks before"
    elsewhere = _elsewhere(series)
    return told if elsewhere is None else told + _elsewhere_in_words(elsewhere, row["weeks_after"])


def _elsewhere(series: Series) -> Floats | None:
    """Return the weekly counts of the rest of the force that those of a place are set beside; None if they are not."""
    return series.bottom if isinstance(series, Ratio) and not series.is_share else None


def _elsewhere_in_words(elsewhere: Floats, since: int) -> str:
    after, before = elsewhere[-since:].sum(), elsewhere[:-since].sum()
    if min(after, before) < FEWEST_PEOPLE:
        return ", elsewhere fewer than ten on a side"
    return f", elsewhere {after:.0f} and {before:.0f}"


def _change_in_words(row: Row, *, is_beside_elsewhere: bool = False) -> str:
    if np.isnan(row["change"]):
        return "too few before to say by how much"
    beside = " beside elsewhere" if is_beside_elsewhere else ""
    return f"{row['change']:+.0%}{beside} (likely range {row['change_lo']:+.0%} to {row['change_hi']:+.0%})"


def _mix_in_words(mix: Mix, since: int, row: Row) -> str:
    kind, before, after = mix.most_changed(since)
    counts = f"{after:.0%} of {row['after_count']:.0f} since, {before:.0%} of {row['before_count']:.0f} before"
    return f"most changed is {kind}, {counts}"


def _verdict(answer: Answer, indicator: Indicator, season: str | None) -> str:
    change = {"rise": "a rise by 10%", "fall": "a fall by 10%", "either": "a change by 10%"}[indicator.side]
    change = "a shift of one in ten" if indicator.unit == "bits" else change
    return {
        "worse": "worse by more than chance",
        "may_be_worse": f"may be worse: {season or AMONG_MANY}",
        "better": "better by more than chance",
        "not_worse": f"not worse: {change} or more is unlikely",
        "cannot_tell": f"cannot tell: {season or f'too few events to rule out {change} or more'}",
    }[answer]


def _blank(indicator: Indicator, place: Place) -> Row:
    return {
        **{"consequence": indicator.consequence, "indicator": indicator.name, "unit": indicator.unit},
        **{"place": place.name, "area_id": place.area_id, "started_at": place.weeks.start},
        **{"is_alarm": False, "answer": "cannot_tell", "weakened_by": indicator.weakened_by},
    }


def _unmeasured(row: Row, indicator: Indicator, because: str) -> Row:
    return row | {"not_measured_because": because, "why": f"{indicator.what}: not measured: {because}"}


def _displaced(place: Place, rows: pd.DataFrame) -> list[Row]:
    """Return what table displacement says of a market: of a part with an alarm the rarest, else of all reports."""
    row = _blank(DISPLACED, place) | {"alarm_limit": TAIL}
    if not place.weeks.since:
        return [_unmeasured(row, DISPLACED, TOO_EARLY)]
    measured = rows[rows["displaced"].notna() & rows["ring_expected"].gt(0)].sort_values("split", kind="stable")
    if measured.empty or measured["split"].iloc[0] != "all":
        # A row without counts says why it has none; one with counts says what was seen, which is no reason.
        is_told = len(rows) > 0 and bool(pd.isna(rows["ring_after"].iloc[0]))
        return [_unmeasured(row, DISPLACED, str(rows["why"].iloc[0]) if is_told else DISPLACED.missing)]
    of_harm = bool(measured["is_harm_alarm"].any()) and not measured["is_alarm"].any()
    prefix = "harm_" if of_harm else ""
    alarmed = measured[measured["is_harm_alarm" if of_harm else "is_alarm"].astype(bool)]
    found: Row = (
        (alarmed.sort_values(f"{prefix}p_rise_any", kind="stable") if len(alarmed) else measured).iloc[0].to_dict()
    )
    weeks = found["window_days"] / 7
    row |= {"weeks_after": weeks, "weeks_before": weeks, "is_alarm": len(alarmed) > 0}
    row["p_value"] = found[f"{prefix}p_rise_any"]
    beside = 1.0 if of_harm else found["ring_expected"]
    change: Row = {f"change{end}": found[f"{prefix}displaced{end}"] / beside for end in ("", "_lo", "_hi")}
    if of_harm:  # what harm was expected is not published, so that there is no share of it
        low, high = change["change_lo"], change["change_hi"]
        told = f"{change['change']:+.0f} harm points (likely range {low:+.0f} to {high:+.0f})"
    else:
        row |= change | {"before_level": beside, "after_level": found["ring_after"]}
        row |= {"before_count": found["ring_before"], "after_count": found["ring_after"]}
        told = f"{row['after_level']:.0f} observed, {beside:.1f} expected; {_change_in_words(row)}"
    where = DISPLACED if found["split"] == "all" else replace(DISPLACED, what=f"{DISPLACED.what} ({found['part']})")
    # A rise that is noticed only from more reports on than the market would have had says nothing of displacement.
    is_blind = not found["least_rise"] <= found["target_expected"]
    return [_answered(row, where, told, is_few=is_blind)]


def _watched(name: str, area_id: str | None, rows: pd.DataFrame) -> list[Row]:
    """Return what table overdose_watch says: its widest and longest window, and whether any window has an alarm."""
    if rows.empty:
        return []
    widest = rows.sort_values(["radius_m", "days"]).iloc[-1]
    started_at = pd.to_datetime(widest["started_at"], utc=True)
    row = _blank(OVERDOSES, Place(name, area_id, Weeks(started_at, started_at, 0, 0)))
    if pd.notna(widest["not_measurable_because"]):
        return [_unmeasured(row, OVERDOSES, str(widest["not_measurable_because"]))]
    row |= {"weeks_after": widest["days"] / 7, "before_level": widest["expected"], "after_level": widest["observed"]}
    row |= {f"change{end}": widest[f"ratio{end}"] - 1 for end in ("", "_lo", "_hi")}
    row |= {"p_value": widest["p_value"], "is_alarm": bool(rows["is_alarm"].any())}
    told = f"{int(widest['observed'])} observed, {widest['expected']:.1f} expected; {_change_in_words(row)}"
    return [_answered(row, OVERDOSES, told)]
