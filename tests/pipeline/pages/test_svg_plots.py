"""Plots: what is drawn stands where its value says, names are escaped, gaps stay gaps."""

import re
import xml.etree.ElementTree as ET

import pytest

from pipeline.pages.svg_plots import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Interval,
    calibration_plot,
    decile_plot,
    interval_plot,
    line_plot,
    rank_plot,
)

NAN = float("nan")


def elements(svg: str, tag: str, kind: str = "") -> list[ET.Element]:
    return [found for found in ET.fromstring(svg).iter(tag) if kind in found.get("class", "").split() or not kind]


def texts(svg: str) -> list[str]:
    return [found.text or "" for found in ET.fromstring(svg).iter("text")]


def test_a_line_runs_from_the_first_moment_to_the_last_at_its_values() -> None:
    svg = line_plot(["2026-01-01", "2026-01-08", "2026-01-15"], {"forecast": [0.0, 0.25, 0.5]}, title="t")
    dots = [(float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in elements(svg, "circle")]
    assert [x for x, _ in dots] == [LEFT, (LEFT + WIDTH - RIGHT) / 2, WIDTH - RIGHT]
    assert [y for _, y in dots] == [HEIGHT - BOTTOM, (HEIGHT - BOTTOM + TOP) / 2, TOP]
    assert {"2026-01-01", "2026-01-15", "forecast", "0%", "25%", "50%"} == set(texts(svg))


def test_a_missing_value_breaks_the_line() -> None:
    svg = line_plot(["a", "b", "c"], {"forecast": [0.1, NAN, 0.3], "count": [NAN, NAN, NAN]}, title="t")
    ours, theirs = (elements(svg, "path", kind)[0].get("d", "") for kind in ("ours", "theirs"))
    assert (ours.count("M"), ours.count("L")) == (2, 0)
    assert theirs == ""
    assert "count" not in texts(svg)


@pytest.mark.parametrize("moments", [[], ["only"]])
def test_few_moments_are_drawn_too(moments: list[str]) -> None:
    svg = line_plot(moments, {"forecast": [0.2] * len(moments), "count": [0.2] * len(moments)}, title="t")
    assert len(elements(svg, "circle")) == 2 * len(moments)


def test_names_that_would_lie_on_each_other_are_moved_apart() -> None:
    svg = line_plot(["a", "b"], {"forecast": [0.5, 0.31], "count": [0.5, 0.311]}, title="t")
    places = {found.text: float(found.get("y", "")) for found in elements(svg, "text")}
    assert abs(places["forecast"] - places["count"]) >= 15


def test_an_interval_lies_around_its_dot_and_names_its_figure() -> None:
    rows = [Interval("ours <b>", 0.2, 0.1, 0.4, "ours"), Interval("other", 0.1, 0.05, 0.5, "theirs")]
    svg = interval_plot(rows, title='a "title"', is_share=True)
    for kind, row in zip(("ours", "theirs"), rows, strict=True):
        ends = [float(x) for x in re.findall(r"[ML]([\d.]+) ", elements(svg, "path", kind)[0].get("d", ""))]
        at = float(elements(svg, "circle", kind)[0].get("cx", ""))
        assert (at - ends[0]) / (ends[1] - ends[0]) == pytest.approx((row.value - row.lo) / (row.hi - row.lo), abs=0.01)
    assert {"ours <b>", "20.0%", "10.0%"} <= set(texts(svg))
    assert "<b>" not in svg.replace("&lt;b&gt;", "")
    assert ET.fromstring(svg).get("aria-label") == 'a "title"'


def test_bars_are_as_high_as_their_shares() -> None:
    svg = decile_plot([0.1] * 9 + [0.05], title="t", band=(0.08, 0.12))
    heights = [float(bar.get("height", "")) for bar in elements(svg, "rect", "bar")]
    assert len(heights) == 10
    assert heights[-1] == pytest.approx(heights[0] / 2, abs=0.1)


def test_a_true_forecast_lies_on_the_diagonal() -> None:
    svg = calibration_plot([(0.0, 0.0, 1000.0), (0.5, 0.5, 10.0), (1.0, 1.0, 1.0)], title="t")
    diagonal = elements(svg, "path", "dashed")[0].get("d", "")
    (x1, y1), (x2, y2) = ((float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", diagonal))
    for dot in elements(svg, "circle"):
        x, y = float(dot.get("cx", "")), float(dot.get("cy", ""))
        assert (x - x1) * (y2 - y1) == pytest.approx((y - y1) * (x2 - x1), abs=30)
    radii = [float(dot.get("r", "")) for dot in elements(svg, "circle")]
    assert radii == sorted(radii, reverse=True)


def test_ranks_over_time_have_the_first_on_top_and_a_gap_where_a_run_had_no_such_place() -> None:
    ranks = [Interval("", rank, rank, rank + 1, "ours") for rank in (1.0, NAN, 12.0)]
    drawn = rank_plot(["2026-01-01", "2026-01-02", "2026-01-03"], ranks, count=12, title="Rank of A & B")
    first, last = re.findall(r'<circle class="ours" cx="[\d.]+" cy="([\d.]+)"', drawn)
    assert float(first) < float(last)
    assert drawn.count('class="whisk ours"') == 2
    assert "A &amp; B" in drawn and "2026-01-01" in drawn and "2026-01-03" in drawn
