import numpy as np
import pytest

from models.forecast.history import History
from models.forecast.long_memory import MEMORY_LIFE, OWN_EVENTS, WIDE_DAYS, remember
from models.forecast.scales import build_pyramid

SIDE = 60
MIDDLE = SIDE * SIDE // 2 + SIDE // 2


def town():
    x, y = np.divmod(np.arange(SIDE * SIDE), SIDE)
    return build_pyramid(x, y)


def past(events, span_days, codes=2):
    """A past of `events` (cell, code, n), all of today, seen for `span_days`."""
    cell, code, n = (np.array(column, dtype=np.int64) for column in zip(*events, strict=True))
    return History(tuple("ab"[:codes]), cell, code, np.zeros(len(cell), dtype=np.int64), n.astype(float), span_days, ())


def test_a_cells_own_count_weighs_against_the_rate_as_events_expected_in_it():
    seen_days = MEMORY_LIFE * (1 - np.exp(-1))
    # As many events were to be expected as OWN_EVENTS, and twice as many came: both are equal witnesses.
    rate = OWN_EVENTS * 7 / seen_days
    rates = np.full((SIDE * SIDE, 2), rate)
    history = past([(MIDDLE, 0, 2 * OWN_EVENTS)], MEMORY_LIFE)
    drawn = remember(rates, history, town(), np.array([False, False]), 7)
    assert drawn[MIDDLE] == pytest.approx([1.5 * rate, 0.5 * rate])
    assert drawn[0] == pytest.approx([0.5 * rate, 0.5 * rate])


def test_a_rare_grave_offence_is_spread_and_never_stands_on_its_cell():
    rates = np.full((SIDE * SIDE, 2), 0.001)
    drawn = remember(rates, past([(MIDDLE, 0, 1)], WIDE_DAYS), town(), np.array([True, False]), 7)
    seen_days = MEMORY_LIFE * (1 - np.exp(-WIDE_DAYS / MEMORY_LIFE))
    wide = 2 * drawn[:, 0] - 0.001  # half of each by now
    assert wide.min() >= -1e-12
    # Nothing is lost in the spreading, and its peak is that of a Gaussian of about four cells.
    assert wide.sum() * seen_days / 7 == pytest.approx(1.0, rel=0.02)
    assert wide.max() * seen_days / 7 == pytest.approx(1 / (2 * np.pi * 4**2), rel=0.25)
    assert np.argmax(wide) in {MIDDLE + dx * SIDE + dy for dx in range(-3, 4) for dy in range(-3, 4)}


def test_a_past_of_a_day_leaves_rates_nearly_as_learned():
    rates = np.full((SIDE * SIDE, 2), 0.001)
    drawn = remember(rates, past([(0, 1, 1)], 1.0), town(), np.array([True, False]), 7)
    np.testing.assert_allclose(drawn[1:], rates[1:], rtol=0.01)


def test_the_longer_the_past_the_nearer_to_what_was_seen():
    rates = np.full((SIDE * SIDE, 2), 0.001)
    apart = []
    for span_days in (30.0, 120.0, 480.0):
        n = max(round(span_days / 10), 1)
        drawn = remember(rates, past([(MIDDLE, 1, n)], span_days), town(), np.array([True, False]), 7)
        seen = n / (MEMORY_LIFE * (1 - np.exp(-span_days / MEMORY_LIFE))) * 7
        apart.append(seen / drawn[MIDDLE, 1])
    assert apart == sorted(apart, reverse=True)
