"""False alarms and power of the alarm on discoveries; prints what the docs report, and draws its power."""

from pathlib import Path

import numpy as np
import pytest

from models.places.feedback import measure_feedback
from pipeline.pages.svg_plots import line_plot
from tests.models.places.test_feedback import simulated

pytestmark = pytest.mark.bench

DRAWING = Path(__file__).resolve().parents[2] / "docs/feedback_power.svg"
STYLE = (
    "<style>.label{font:13px sans-serif;fill:#555}.end{text-anchor:end}.label.ours{fill:#111;font-weight:700}"
    ".level{stroke:#ddd}.line{fill:none;stroke-width:2.4}.line.ours{stroke:#b3372f}"
    '.line.theirs{stroke:#777;stroke-dasharray:5 4}circle{r:0}</style><rect width="100%" height="100%" fill="#fff"/>'
)
RUNS = {5: 2000, 21: 2000, 400: 300}  # of each; 2,000 of 400 areas would take hours
RANGE = range(100)
TIMES = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0)


@pytest.mark.parametrize("number", RUNS)
@pytest.mark.parametrize("spread", [0.0, 0.3, 0.5])
def test_false_alarms(number: int, spread: float) -> None:
    rng = np.random.default_rng([7, number, round(10 * spread)])
    alarms = [measure_feedback(simulated(rng, number, spread))["is_alarm"].any() for _ in range(RUNS[number])]
    print(f"\n{number} areas, finds uneven by {spread:g}: {np.mean(alarms):.1%} of {len(alarms):,} runs have an alarm")
    assert np.mean(alarms) <= 0.1 + 2 * np.sqrt(0.1 * 0.9 / len(alarms))


def test_power() -> None:
    """Alarms in the first area, which has so many times the finds, as a share of 100 runs."""
    power = {}
    for number, spread in ((21, 0.3), (21, 0.0), (21, 0.5), (5, 0.3)):
        rng = np.random.default_rng([8, number, round(10 * spread)])
        shares = [
            float(
                np.mean([measure_feedback(simulated(rng, number, spread, times=times))["is_alarm"][0] for _ in RANGE])
            )
            for times in TIMES
        ]
        power[f"{number} areas, {spread:g}"] = shares
        said = ", ".join(f"{times:g} times {share:.0%}" for times, share in zip(TIMES, shares, strict=True))
        print(f"\n{number} areas, finds uneven by {spread:g}: {said}")
    moments = [f"{times:g} times the finds" for times in TIMES]
    plot = str(line_plot(moments, power, title="Share of runs with an alarm in the biased area"))
    opening, rest = plot.split(">", 1)
    opening = opening.replace('class="plot"', 'xmlns="http://www.w3.org/2000/svg"')
    DRAWING.write_text(f"{opening}>{STYLE}{rest}\n", encoding="utf-8")
