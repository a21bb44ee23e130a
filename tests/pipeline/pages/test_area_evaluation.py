"""The page about a backtest of the area ranking: verdicts first, every picture and figure, the same every time."""

import re

import pandas as pd

from pipeline.pages.area_evaluation import render_area_evaluation

VERDICTS = [
    "Of 252 intervals of the rank by score 203 contained the outcome: 80.6% (74% to 86%), promised 80%: as promised."
]


def tables() -> dict[str, pd.DataFrame]:
    coverage = pd.DataFrame({"interval": ["rank by score", "harm per day"], "covered": [0.806, 0.5]}).assign(
        nominal=0.8, cases=252, held=203, lo=0.74, hi=0.86, below=0.1, above=0.094, median_width=4.0, interval_score=8.5
    )
    reliability = pd.DataFrame({"outcome": ["by score", "by score", "by harm"], "forecast": [0.7, 0.1, 0.3]}).assign(
        bin_from=0.05, bin_to=0.9, cases=200, observed=0.4, lo=0.31, hi=0.53
    )
    return {
        "coverage": coverage,
        "reliability": reliability,
        "curve": pd.DataFrame({"outcome": "by score", "forecast": [0.0, 0.4, 0.9], "calibrated": [0.1, 0.1, 0.8]}),
        "chances": pd.DataFrame(
            {"outcome": ["by score"], "chances": ["as published"], "log_score": [0.1234], "brier": [0.05], "cases": [9]}
        ),
        "harm_held": pd.DataFrame({"method": ["harmspot", "after the fact (no method)"], "share": [0.4, 0.42]}).assign(
            lo=0.39, hi=0.43
        ),
    }


def test_the_page_says_in_short_what_was_found_and_shows_it() -> None:
    html = render_area_evaluation("Testford & Co: 12 origins", VERDICTS, tables())
    assert html.index(VERDICTS[0]) < html.index("<svg")
    assert html.count('<svg class="plot"') == 4  # coverage, reliability by both outcomes, harm held
    assert "Testford &amp; Co: 12 origins" in html
    assert html.count('class="line theirs"') == 2  # two pieces of the isotonic curve
    for figure in ("81%", "74% to 86%", "31% to 53%", "0.123", "promised 80%"):
        assert figure in html


def test_intervals_are_drawn_beside_the_line_of_what_was_promised() -> None:
    html = render_area_evaluation("Testford", VERDICTS, tables())
    coverage = html[html.index('aria-label="Share of intervals') :]
    dashed = float(re.findall(r'class="axis dashed" d="M([\d.]+)', coverage)[0])
    dots = [float(x) for x in re.findall(r'<circle class="ours" cx="([\d.]+)"', coverage)[:2]]
    assert dots[1] < dashed < dots[0]


def test_the_page_needs_no_network_and_is_the_same_every_time() -> None:
    html = render_area_evaluation("Testford", VERDICTS, tables())
    assert not re.findall(r"https?://|<script|<link|@import|url\(", html)
    assert html == render_area_evaluation("Testford", VERDICTS, tables())
