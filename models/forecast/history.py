"""Input of the forecast: events by cell, offence and observed day, with notes on data quality.

A forecast counts observed days, not calendar days. Days without any event in a city that reports daily were not
observed and are removed. Sources that record only the month put all its events on one day; these are spread over the
days up to the next such day.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.arrays import Bools, Floats, Ints

# Days without events are a gap in the source if this many events were expected: by chance P = e⁻²⁰.
SILENCE_EVENTS = 20.0
# A source reports in lumps if the day of the typical event is at least this many days after the previous one ...
LUMP_DAYS = 5
# ... and has at least this many events: a village with one event a week may still report daily.
LUMP_EVENTS = 10.0
# With fewer events than this, the prior dominates the rates.
FEW_EVENTS = 200
SHORT_DAYS = 56
STALE_DAYS = 7


@dataclass(frozen=True, slots=True)
class History:
    """Events inside the study area, oldest first.

    Attributes
    ----------
    codes : tuple[str, ...]
        offence codes.
    cell, code : Ints
        positions in the list of cells and in `codes`.
    age : Ints
        observed days before as_of.
    n : Floats
        number of events.
    span_days : float
        length of the observed history.
    notes : tuple[str, ...]
        limitations of a forecast, as text.
    """

    codes: tuple[str, ...]
    cell: Ints
    code: Ints
    age: Ints
    n: Floats
    span_days: float
    notes: tuple[str, ...]


def read_history(cell_events: pd.DataFrame, cell: Ints, codes: tuple[str, ...], history_days: int) -> History:
    """Convert cell events into a History.

    Parameters
    ----------
    cell_events : pd.DataFrame
        cell_ix, cell_iy, offence_code, age_days, n.
    cell : Ints
        position of each event's cell in the list of cells, −1 outside it.
    codes : tuple[str, ...]
        the offences to keep.
    history_days : int
        events this old or older are left out.

    Raises
    ------
    ValueError
        An age or a count is negative or missing.
    """
    age, n = _whole(cell_events, "age_days"), _whole(cell_events, "n")
    code = pd.Index(codes).get_indexer(pd.Index(cell_events["offence_code"])).astype(np.int64)
    timely = (age < history_days) & (n > 0)
    kept = timely & (code >= 0) & (cell >= 0)
    notes = [*_left_out(n, timely & (code < 0), "have an offence without a harm weight")]
    notes += _left_out(n, timely & (code >= 0) & (cell < 0), "lie outside the cells")
    cell, code, age, count = cell[kept], code[kept], age[kept], n[kept].astype(np.float64)
    age, is_past, lump_notes = _spread_lumps(age, count)
    cell, code, age, count = cell[is_past], code[is_past], age[is_past], count[is_past]
    age, gap_notes = _close_gaps(age, count)
    total = float(count.sum())
    # The source began before its first event: on average by the mean interval between events.
    span_days = float(age.max() + 1) * (total + 1) / total if len(age) else 0.0
    span_days = min(span_days, float(history_days))
    notes += [*lump_notes, *gap_notes, *_thin(total, span_days)]
    order = _oldest_first(age)
    return History(codes, cell[order], code[order], age[order], count[order], span_days, tuple(notes))


def _oldest_first(age: Ints) -> Ints:
    oldest = int(age.max(initial=0))
    # Small integers are sorted in linear time.
    return np.argsort((oldest - age).astype(np.min_scalar_type(oldest)), kind="stable")


def _whole(events: pd.DataFrame, column: str) -> Ints:
    values = events[column].to_numpy()
    if len(values) and not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError(f"cell_events.{column} holds a negative or missing value: expected whole numbers ≥ 0")
    return values.astype(np.int64)


def _left_out(n: Ints, rows: Bools, reason: str) -> list[str]:
    count = int(n[rows].sum())
    return [f"{count:,} events {reason}; they are left out."] if count else []


def _spread_lumps(age: Ints, n: Floats) -> tuple[Ints, Bools, list[str]]:
    """Spread the events of a source that records only weeks or months over the days of each lump.

    A lump covers the days from its own to the next one. A lump that extends beyond as_of has future events and is
    marked for removal.
    """
    days, per_day = _by_day(age, n)
    if len(days) < 3:
        return age, np.ones(len(age), dtype=np.bool_), []
    gap = np.diff(days)
    usual_gap = _weighted_median(gap, per_day[1:])
    if usual_gap < LUMP_DAYS or np.median(per_day) < LUMP_EVENTS:
        return age, np.ones(len(age), dtype=np.bool_), []
    lump, room = np.searchsorted(days, age), np.concatenate([[usual_gap], gap])
    # Multiples of the golden ratio fill a lump evenly for any order of its cells.
    shift = np.floor(_golden(_place_within(lump)) * room[lump]).astype(np.int64)
    notes = [f"The source dates events to about every {usual_gap:.0f} days only; they are spread over those days."]
    is_past = age + 1 >= 0.9 * usual_gap
    if not is_past.all():
        notes.append("The latest date of the source stands for days still to come; the events under it are left out.")
    return np.maximum(age - shift, 0), is_past, notes


def _place_within(group: Ints) -> Ints:
    """Return the number of each row within its group, from zero."""
    order = np.argsort(group, kind="stable")
    first = np.cumsum(np.bincount(group)) - np.bincount(group)
    place = np.empty_like(group)
    place[order] = np.arange(len(group)) - first[group[order]]
    return place


def _golden(place: Ints) -> Floats:
    return np.asarray((place * 0.6180339887498949) % 1.0, dtype=np.float64)


def _close_gaps(age: Ints, n: Floats) -> tuple[Ints, list[str]]:
    """Remove unobserved days, including the latest ones."""
    days, per_day = _by_day(age, n)
    if not len(days):
        return age, []
    # If most days have no events, the median of the other days does not show a gap.
    usual = min(float(np.median(per_day)), float(per_day.sum()) / int(days[-1] + 1))
    before = np.concatenate([[-1], days[:-1]])  # the day before the first is as_of
    silent = days - before - 1
    is_gap = (silent * usual >= SILENCE_EVENTS) & (silent >= max(3, SILENCE_EVENTS / usual))
    missing = np.where(is_gap, silent, 0)
    notes = []
    if silent[0] >= STALE_DAYS:
        notes.append(f"The latest event is {int(silent[0])} days before the forecast begins.")
    if missing[1:].any():
        notes.append(f"The source is silent on {int(missing[1:].sum())} days of its past; they count as not observed.")
    return age - np.cumsum(missing)[np.searchsorted(days, age)], notes


def _thin(total: float, span_days: float) -> list[str]:
    if not total:
        return ["There is no past to learn from: nothing is expected anywhere, which is not the same as safe."]
    notes = []
    if total < FEW_EVENTS:
        notes.append(f"Known events: {int(total)}, too few; the forecast is mostly assumption.")
    if span_days < SHORT_DAYS:
        notes.append(f"Known past: {span_days:.0f} days, too few; the forecast has learned little from them.")
    return notes


def _by_day(age: Ints, n: Floats) -> tuple[Ints, Floats]:
    if not len(age):
        return np.empty(0, dtype=np.int64), np.empty(0)
    per_day: Floats = np.bincount(age, n).astype(np.float64, copy=False)
    days = np.flatnonzero(per_day).astype(np.int64, copy=False)
    return days, per_day[days]


def _weighted_median(values: Ints, weights: Floats) -> float:
    order = np.argsort(values, kind="stable")
    upto = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(upto, upto[-1] / 2)])
