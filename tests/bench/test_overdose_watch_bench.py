"""The overdose watch: how often chance raises an alarm, and how often a raised rate does, by how many are expected."""

import re
from pathlib import Path

import numpy as np
import pytest

from models.operations.overdose_watch import ALARM_P, HISTORY_DAYS, _p_value
from pipeline.pages.svg_plots import line_plot
from tests.models.operations.overdose_towns import any_alarm

pytestmark = pytest.mark.bench

DRAWING = Path(__file__).resolve().parents[2] / "docs/overdose_watch.svg"
STYLE = Path(__file__).resolve().parents[2] / "docs/equilibria.svg"
EXPECTED = (0.5, 1, 2, 3, 5, 8, 12, 20, 30, 50)  # over 21 days and 500 m
IN_RADIUS = (0.1, 0.4, 1.0)  # share of them within 100, 250 and 500 m
DRAWS = 400
TOWNS: dict[str, dict[str, float]] = {
    "usual": {}, "clustered": {"clustered": 0.4}, "quiet": {"a_year": 200.0}, "rising": {"trend": 2.5},
    "busy": {"a_year": 6_000.0, "places": 40},
}  # fmt: skip


def share_alarmed(expected: float, factor: float, days: int, rng: np.random.Generator) -> float:
    """Return how many of DRAWS watches alarm on one of so many days, among overdoses without clusters."""
    rings = np.diff(IN_RADIUS, prepend=0.0) * expected / 21
    before = rng.poisson(rings * HISTORY_DAYS, (DRAWS, 3)).cumsum(axis=1)
    since = rng.poisson(rings * factor, (DRAWS, days, 3)).cumsum(axis=1).cumsum(axis=2)
    alarmed = [
        any(
            _p_value(float(since[n, day - 1, r]), float(before[n, r]), day / HISTORY_DAYS, 1e4, 1e4) <= ALARM_P
            for day in range(1, days + 1)
            for r in range(3)
        )
        for n in range(DRAWS)
    ]
    return float(np.mean(alarmed))


def test_alarms_by_chance_and_the_power_curve() -> None:
    rng = np.random.default_rng(16)
    curves = {
        f"×{factor:g}, by day {days}": [share_alarmed(e, factor, days, rng) for e in EXPECTED]
        for factor, days in ((2, 21), (2, 7), (2, 3), (3, 21), (3, 7), (1, 21))
    }
    print(f"\noverdose watch: share alarmed, expected over 21 days {EXPECTED}")
    for name, curve in curves.items():
        print(f"  {name}: " + ", ".join(f"{share:.2f}" for share in curve))
    assert max(curves["×1, by day 21"]) <= 0.1 + 2 * np.sqrt(0.09 / DRAWS)
    plot = line_plot([f"{e:g} expected" for e in EXPECTED], curves, title="Share of watches that alarm")
    style = re.search(r"<style>.*?</style>", STYLE.read_text(encoding="utf-8"), re.DOTALL)
    assert style
    head, inside = re.sub(r"<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', str(plot), count=1).split(">", 1)
    DRAWING.write_text(f"{head}>{style[0]}{inside}\n", encoding="utf-8")


@pytest.mark.parametrize("name", TOWNS)
def test_alarms_by_chance_in_whole_cities(name: str) -> None:
    days = (*range(1, 21), 20.9)
    alarms = np.concatenate([any_alarm(seed, 1, days, **TOWNS[name])[0] for seed in range(100, 110)])
    print(f"\noverdose watch, {name}: {alarms[:, -1].mean():.1%} of {len(alarms)} watches alarmed by chance")
    assert alarms[:, -1].mean() <= 0.1 + 2 * np.sqrt(0.09 / len(alarms))
