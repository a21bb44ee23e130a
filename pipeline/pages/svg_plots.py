"""Plots as inline SVG for pages that need no network: lines over time, values with intervals, bars, calibration.

Colours and fonts come from `templates/plots.css`; texts are escaped. The same data give the same bytes.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 48, 150, 12, 28
ROW = 24
LABEL_GAP = 15  # between labels that would overlap


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its interval, one row of `interval_plot`; `kind` is `ours`, `theirs` or `ceiling`."""

    label: str
    value: float
    lo: float
    hi: float
    kind: str


def line_plot(moments: Sequence[str], series: Mapping[str, Sequence[float]], *, title: str) -> Markup:
    """Plot shares (0 to 1) over time, one labelled line per series; missing values break the line.

    Parameters
    ----------
    moments : sequence of str
        Labels of the positions on the x axis; only the first and last are drawn.
    series : mapping of str to sequence of float
        Name → one value per position; the first series is drawn as harmspot's.
    title : str
        Accessible label of the plot.

    Returns
    -------
    Markup
        The SVG.
    """
    return _figure(title, WIDTH, HEIGHT, _lines(moments, series, WIDTH - RIGHT, "%"))


def interval_plot(rows: Sequence[Interval], *, title: str, is_share: bool, promised: float | None = None) -> Markup:
    """Plot one row per value: its label, a dot, its interval, and the number; a dashed line is at what was promised."""
    left, right = 230, 60
    span = _round_up(max((row.hi for row in rows if math.isfinite(row.hi)), default=1.0))
    scale = (WIDTH - left - right) / span
    marks = _rows(rows, left, right, left, scale, ".1%" if is_share else ".1f")
    foot = TOP + ROW * len(rows)
    axis = [_segment(left, TOP, left, foot, "axis")]
    if promised is not None:
        x = left + promised * scale
        axis += [
            _segment(x, TOP, x, foot, "axis dashed"),
            _text(x - 34, foot + 16, f"promised {promised:.0%}", "label theirs"),
        ]
    return _figure(title, WIDTH, foot + (8 if promised is None else 24), [*axis, *marks])


def change_plot(rows: Sequence[Interval], *, title: str) -> Markup:
    """Plot changes beside zero, one row each: its label, a dot, its interval, and the number with its sign."""
    left, right = 230, 90
    span = _round_up(max((max(abs(row.lo), abs(row.hi)) for row in rows), default=1.0))
    zero, scale = (left + WIDTH - right) / 2, (WIDTH - left - right) / span / 2
    foot = TOP + ROW * len(rows)
    axis = _segment(zero, TOP, zero, foot, "axis")
    return _figure(title, WIDTH, foot + 8, [axis, *_rows(rows, left, right, zero, scale, "+.0f")])


def count_plot(moments: Sequence[str], series: Mapping[str, Sequence[float]], *, title: str, start: int) -> Markup:
    """Plot counts over time as `line_plot` does shares, with a dashed line before position `start`."""
    right = WIDTH - 190  # names of methods are long
    begun = LEFT + (right - LEFT) / max(len(moments) - 1, 1) * (start - 0.5)
    line = _segment(begun, TOP, begun, HEIGHT - BOTTOM, "axis dashed")
    return _figure(title, WIDTH, HEIGHT, _lines(moments, series, right, "", (line,)))


def decile_plot(shares: Sequence[float], *, title: str, band: tuple[float, float]) -> Markup:
    """Plot a bar for each tenth, and the band expected of a calibrated forecast."""
    top = _round_up(max([*shares, band[1]]))
    width = (WIDTH - LEFT - RIGHT) / max(len(shares), 1)
    bars = [
        _box(LEFT + width * n + 2, _height(share, top), width - 4, HEIGHT - BOTTOM - _height(share, top), "bar")
        for n, share in enumerate(shares)
    ]
    low, high = (_height(end, top) for end in band)
    allowed = _box(LEFT, high, WIDTH - LEFT - RIGHT, low - high, "band")
    name = _text(WIDTH - RIGHT + 8, (low + high) / 2 + 4, f"{band[0]:.0%} to {band[1]:.0%}", "label theirs")
    return _figure(title, WIDTH, HEIGHT, [*_levels(top), allowed, *bars, name])


def calibration_plot(
    points: Sequence[tuple[float, float, float]],
    *,
    title: str,
    ends: Sequence[tuple[float, float]] = (),
    curve: Sequence[tuple[float, float]] = (),
) -> Markup:
    """Plot (forecast, observed, count) points; a calibrated forecast lies on the diagonal.

    With `ends`, what was observed has an interval; `curve` is drawn as a line through (forecast, observed).
    """
    side = HEIGHT - TOP - BOTTOM
    largest = max((count for _, _, count in points), default=1.0)
    dots = [
        _dot(LEFT + forecast * side, _height(observed, 1.0), 2 + 5 * math.log1p(count) / math.log1p(largest), "ours")
        for forecast, observed, count in points
    ]
    dots += [
        _segment(LEFT + at * side, _height(lo, 1.0), LEFT + at * side, _height(hi, 1.0), "whisk ours")
        for (at, _, _), (lo, hi) in zip(points, ends, strict=bool(ends))
    ]
    corners = [(LEFT + at * side, _height(observed, 1.0)) for at, observed in curve]
    dots += [_segment(*one, *other, "line theirs") for one, other in itertools.pairwise(corners)]
    diagonal = _segment(LEFT, _height(0, 1), LEFT + side, _height(1, 1), "axis dashed")
    foot = [
        _text(LEFT, HEIGHT - 8, "forecast 0%", "label theirs"),
        _text(LEFT + side, HEIGHT - 8, "100%", "label end theirs"),
    ]
    return _figure(title, WIDTH, HEIGHT, [*_levels(1.0, LEFT + side), diagonal, *dots, *foot])


def rank_plot(moments: Sequence[str], ranks: Sequence[Interval], *, count: int, title: str) -> Markup:
    """Plot ranks over time with their intervals as a band, 1 on top of `count`; NaN breaks the line."""
    step = (WIDTH - LEFT - TOP) / max(len(moments) - 1, 1)
    xs = [LEFT + step * n for n in range(len(moments))]

    def height(rank: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (rank - 1) / max(count - 1, 1)

    levels = [
        mark
        for rank in sorted({1, count})
        for mark in (
            _segment(LEFT, height(rank), WIDTH - TOP, height(rank), "level"),
            _text(LEFT - 8, height(rank) + 4, f"{rank:,}", "label end theirs"),
        )
    ]
    bands = [_segment(x, height(row.lo) - 1, x, height(row.hi) + 1, "whisk ours")
             for x, row in zip(xs, ranks, strict=True) if math.isfinite(row.lo) and math.isfinite(row.hi)]  # fmt: skip
    line = _line(xs, [height(row.value) for row in ranks], "ours")
    return _figure(title, WIDTH, HEIGHT, [*levels, *bands, line, *_ends(moments, WIDTH - TOP)])


def _lines(
    moments: Sequence[str],
    series: Mapping[str, Sequence[float]],
    right: float,
    unit: str,
    over: Sequence[Markup] = (),
) -> list[Markup]:
    """Draw the axis and one named line per series, up to `right`; `over` is drawn over the lines."""
    top = _round_up(max((v for values in series.values() for v in values if math.isfinite(v)), default=1.0))
    step = (right - LEFT) / max(len(moments) - 1, 1)
    xs = [LEFT + step * n for n in range(len(moments))]
    lines = [
        _line(xs, [_height(value, top) for value in values], "ours" if n == 0 else "theirs")
        for n, values in enumerate(series.values())
    ]
    ends = {name: _height(_last(values), top) for name, values in series.items()}
    return [*_levels(top, right, unit), *_ends(moments, right), *lines, *over, *_names(ends, right)]


def _rows(rows: Sequence[Interval], left: float, right: float, zero: float, scale: float, form: str) -> list[Markup]:
    """Draw one row per value: its label, its interval, a dot, and the number in `form`; `zero` is where zero lies."""
    marks = []
    for n, row in enumerate(rows):
        y = TOP + ROW * n + ROW / 2
        marks.append(_text(left - 12, y + 4, row.label, f"label end {row.kind}"))
        marks.append(_segment(zero + row.lo * scale, y, zero + row.hi * scale, y, f"whisk {row.kind}"))
        marks.append(_dot(zero + row.value * scale, y, 4.5, row.kind))
        marks.append(_text(WIDTH - right + 12, y + 4, format(row.value, form), f"label {row.kind}"))
    return marks


def _figure(title: str, width: float, height: float, marks: Sequence[Markup]) -> Markup:
    opening = Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">')
    return (
        opening.format(_format_number(width), _format_number(height), title) + Markup("").join(marks) + Markup("</svg>")
    )


def _format_number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _round_up(value: float) -> float:
    """Return the least of 1, 2, 2.5, 5 times a power of ten that is not below `value`."""
    if not value > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * (1 - 1e-9))


def _height(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top


def _levels(top: float, right: float = WIDTH - RIGHT, unit: str = "%") -> list[Markup]:
    """Draw horizontal lines at zero, half and full axis height, with their labels, as shares or as counts."""
    marks = []
    for level in (0.0, top / 2, top):
        y = _height(level, top)
        marks.append(_segment(LEFT, y, right, y, "level"))
        marks.append(_text(LEFT - 8, y + 4, f"{level * (100 if unit else 1):g}{unit}", "label end theirs"))
    return marks


def _ends(moments: Sequence[str], right: float) -> list[Markup]:
    if not moments:
        return []
    first = _text(LEFT, HEIGHT - 8, moments[0], "label theirs")
    return [first] if len(moments) == 1 else [first, _text(right, HEIGHT - 8, moments[-1], "label end theirs")]


def _names(ends: Mapping[str, float], right: float) -> list[Markup]:
    """Draw the names at the ends of the lines, moved apart where they would overlap."""
    marks, below = [], -math.inf
    ours = next(iter(ends), "")
    for name, y in sorted(((name, y) for name, y in ends.items() if math.isfinite(y)), key=lambda end: end[1]):
        below = max(y, below + LABEL_GAP)
        marks.append(_text(right + 10, below + 4, name, "label ours" if name == ours else "label theirs"))
    return marks


def _last(values: Sequence[float]) -> float:
    return next((value for value in reversed(values) if math.isfinite(value)), math.nan)


def _line(xs: Sequence[float], ys: Sequence[float], kind: str) -> Markup:
    path, is_drawing = [], False
    for x, y in zip(xs, ys, strict=True):
        if math.isfinite(y):
            path.append(f"{'L' if is_drawing else 'M'}{x:.1f} {y:.1f}")
        is_drawing = math.isfinite(y)
    dots = [_dot(x, y, 2.6, kind) for x, y in zip(xs, ys, strict=True) if math.isfinite(y)]
    return Markup('<path class="line {}" d="{}"/>').format(kind, "".join(path)) + Markup("").join(dots)


def _segment(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<path class="{}" d="{}"/>').format(kind, f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}")


def _dot(x: float, y: float, radius: float, kind: str) -> Markup:
    return Markup('<circle class="{}" cx="{}" cy="{}" r="{}"/>').format(kind, f"{x:.1f}", f"{y:.1f}", f"{radius:.1f}")


def _box(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        kind, *(f"{value:.1f}" for value in (x, y, width, height))
    )


def _text(x: float, y: float, text: str, kind: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(kind, f"{x:.1f}", f"{y:.1f}", text)
