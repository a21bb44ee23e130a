"""Training windows of the past: the rates known at the start of each, and the events in it.

The latest window reflects the present; the older ones, each longer than the next, have enough rare events.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from models.arrays import Bools, Floats, Ints
from models.forecast.history import History
from models.forecast.scales import MEAN_LIVES, SCALE_COUNT, Pyramid, decayed_rates

# Minimum days of the latest window (or the horizon if longer), reduced if the windows would reach into the older half
# of the history; and the length of each window relative to the latest.
WINDOW_DAYS = 14
WINDOW_GROWTH = (1, 2, 4)
# Cells without events are similar: a window samples them evenly down to this number, with weights.
QUIET_ROWS = 6000


@dataclass(frozen=True, slots=True)
class Window:
    """Rates known at the start of a window of days, and the events in it, for some cells.

    Attributes
    ----------
    rates : Floats
        [offences, cells, mean lives × scales], events per day.
    events : Floats
        [cells, offences], events in the window.
    parts : Floats
        [cells, parts], counts of all offences; the parts of the window are about as long as the horizon.
    weight : Floats
        [cells], number of cells that each represents.
    days, seen_days : float
        length of the window, and of the history before it decayed with the longest mean life.
    """

    rates: Floats
    events: Floats
    parts: Floats
    weight: Floats
    days: float
    seen_days: float

    @property
    def usual(self) -> Floats:
        """Rates [offences, cells, scales except the city] at the longest mean life; scale 0 is the cell itself."""
        return self.rates[:, :, -SCALE_COUNT:-1]


def past_and_present(history: History, pyramid: Pyramid, horizon_days: int) -> tuple[list[Window], Window]:
    """Return the past windows, oldest first, and the window of the horizon with all cells and no events yet."""
    latest = min(max(horizon_days, WINDOW_DAYS), int(history.span_days / 2 / sum(WINDOW_GROWTH)))
    ages = [latest * sum(WINDOW_GROWTH[:n]) for n in range(len(WINDOW_GROWTH) if latest else 0, -1, -1)]
    known = decayed_rates(history, pyramid.cells, ages)
    past = [_window(history, pyramid, next(known), age, upto, horizon_days) for age, upto in pairwise(ages)]
    every, nothing = np.arange(pyramid.cells), np.empty((pyramid.cells, 0))
    rates, each = _rates(pyramid, next(known), every), np.ones(pyramid.cells)
    return past, Window(rates, nothing, nothing, each, float(horizon_days), seen_days(history, 0))


def _window(history: History, pyramid: Pyramid, per_cell: Floats, age: int, upto: int, horizon_days: int) -> Window:
    codes, days = len(history.codes), age - upto
    parts = max(1, days // horizon_days)
    in_window = (history.age < age) & (history.age >= upto)
    cell, n = history.cell[in_window], history.n[in_window]
    events = _counted(cell, history.code[in_window], n, (pyramid.cells, codes))
    by_part = _counted(cell, (history.age[in_window] - upto) * parts // days, n, (pyramid.cells, parts))
    rows, weight = sample_rows(events.sum(axis=1) > 0, QUIET_ROWS)
    rates = _rates(pyramid, per_cell, rows)
    return Window(rates, events[rows], by_part[rows], weight, float(days), seen_days(history, age))


def seen_days(history: History, age: int) -> float:
    """Return the days observed until `age` days ago, decayed with the longest mean life."""
    return float(-MEAN_LIVES[-1] * np.expm1(-max(history.span_days - age, 1.0) / MEAN_LIVES[-1]))


def _counted(row: Ints, column: Ints, n: Floats, shape: tuple[int, int]) -> Floats:
    return np.bincount(row * shape[1] + column, n, shape[0] * shape[1]).reshape(shape).astype(np.float64, copy=False)


def sample_rows(is_busy: Bools, quiet_rows: int) -> tuple[Ints, Floats]:
    """Return rows of all busy cells and of an even sample of the quiet ones, and the number of cells per row."""
    quiet = np.flatnonzero(~is_busy)
    # Multiples of the golden ratio spread evenly over the cells without aliasing with the rows of the grid.
    sampled = quiet[(np.arange(len(quiet)) * 0.6180339887498949) % 1.0 < quiet_rows / max(len(quiet), 1)]
    busy = np.flatnonzero(is_busy)
    cells_per_row = len(quiet) / max(len(sampled), 1)
    return np.concatenate([busy, sampled]), np.repeat([1.0, cells_per_row], [len(busy), len(sampled)])


def _rates(pyramid: Pyramid, per_cell: Floats, rows: Ints) -> Floats:
    """Return rates [offences, rows, mean lives × scales]."""
    rates = pyramid.rates(per_cell, rows).reshape(-1, len(MEAN_LIVES), len(rows), SCALE_COUNT)
    return np.ascontiguousarray(rates.transpose(0, 2, 1, 3)).reshape(len(rates), len(rows), -1)
