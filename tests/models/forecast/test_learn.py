import numpy as np
import pytest

from models.forecast.learn import Learned, expected_events
from models.forecast.scales import MEAN_LIVES, SCALE_COUNT
from models.forecast.windows import Window

SCALES = len(MEAN_LIVES) * SCALE_COUNT
OFFENCES, CELLS = 3, 2


def seen(own_rates, seen_days=1000.0):
    """A window of one day in which every scale but the own count says a rate of 0.01; own_rates [offences, cells]."""
    rates = np.full((OFFENCES, CELLS, SCALES), 0.01)
    rates[:, :, -SCALE_COUNT] = own_rates
    nothing = np.empty((CELLS, 0))
    return Window(rates, nothing, nothing, np.ones(CELLS), 1.0, seen_days)


def even(strength):
    """Expect 0.01 a day of each of two grave offences and a lesser one, until the own count speaks."""
    powers = np.zeros((OFFENCES, 4 + 2 * (SCALE_COUNT - 1)))
    powers[:, 0] = np.log(0.01)
    anchors = np.tile([strength, 1.0], (OFFENCES, 1))
    return Learned(np.array([True, True, False]), np.full((OFFENCES, SCALES), 1 / SCALES), powers, anchors, (0.0, 0.0))


def test_a_cells_grave_counts_speak_for_each_other_and_not_for_lesser_ones():
    expected = expected_events(seen([[0.01, 0.07], [0.01, 0.01], [0.01, 0.01]]), even(10.0))
    # Two grave offences of 0.01 each against 0.08 seen: (10 + 0.08 × 1000) / (10 + 0.02 × 1000).
    assert expected == pytest.approx(np.array([[0.01, 0.01, 0.01], [0.03, 0.03, 0.01]]))


def test_a_lesser_offence_speaks_for_itself_alone():
    expected = expected_events(seen([[0.01, 0.01], [0.01, 0.01], [0.01, 0.03]]), even(10.0))
    assert expected == pytest.approx(np.array([[0.01, 0.01, 0.01], [0.01, 0.01, 0.02]]))
