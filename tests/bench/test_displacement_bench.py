"""Displacement on the real cities: what is said of places at which nothing was done, and of falls and moves planted.

`python -m pytest tests/bench/test_displacement_bench.py -m bench -s` prints what docs/method-operations.md reports and
draws docs/displacement_power.svg. The constants of `models.places.placebos` were chosen on Philadelphia after
2018-09-01; the starts here lie before, and Houston took no part.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.pages.svg_plots import line_plot
from tests.bench.city_reports import DATA, DAY, ROOT, CityReports, city_reports

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not DATA.exists(), reason="the two cities' incidents are not beside the project"),
]
EVERY = 2
BLOCK_CELLS = 33  # blocks of the bootstrap: squares of 5 km with all their dates, as the days of these overlap
RESAMPLES = 2000


@dataclass(frozen=True)
class Trial:
    city: str
    window: int
    starts: tuple[str, ...]
    places: int  # of each start: every second of the heaviest places

    @property
    def name(self) -> str:
        return f"{self.city}, {self.window} days"


PHILADELPHIA = tuple(f"{month:%Y-%m-%d}" for month in pd.date_range("2017-09-01", "2018-06-01", freq="MS"))
HOUSTON = tuple(f"{day:%Y-%m-%d}" for day in pd.date_range("2010-04-26", "2010-08-02", freq="14D"))
TRIALS = [
    Trial("philadelphia", 84, PHILADELPHIA, 45),
    Trial("philadelphia", 28, PHILADELPHIA, 45),
    Trial("houston", 28, HOUSTON, 55),
]


@cache
def city_of(name: str) -> CityReports:
    return city_reports(name)


@cache
def measured(trial: Trial) -> pd.DataFrame:
    """Table displacement of the heaviest places on each start, at which nothing was done, with `place` and `block`."""
    city, tables = city_of(trial.city), []
    for begin in trial.starts:
        start = pd.Timestamp(begin, tz="UTC") + pd.Timedelta(hours=12)
        as_of = start + trial.window * DAY
        known = city.until(as_of)
        for number, middle in enumerate(known.hot_places(start, trial.places, EVERY)):
            block = f"{middle[0] // BLOCK_CELLS} {middle[1] // BLOCK_CELLS}"
            tables.append(known.measured(middle, start, as_of).assign(block=block, place=f"{begin} {number}"))
    return pd.concat(tables, ignore_index=True)


def interval(values: pd.Series, blocks: pd.Series) -> tuple[float, float, float]:
    """Mean with the 95% interval of a bootstrap of whole blocks."""
    by_block = pd.DataFrame({"value": values.astype(float), "block": blocks}).groupby("block")["value"]
    sums, sizes = by_block.sum().to_numpy(), by_block.size().to_numpy()
    drawn = np.random.default_rng(1).integers(len(sums), size=(RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return float(values.mean()), *np.quantile(means, [0.025, 0.975]).tolist()


def shares(table: pd.DataFrame) -> dict[str, tuple[float, pd.Series, pd.Series]]:
    """What is promised, and what came: name → promise, values, blocks."""
    whole = table[table["split"] == "all"]
    places = table.groupby("place").agg(
        any_alarm=("is_alarm", "any"), any_harm=("is_harm_alarm", "any"), block=("block", "first")
    )
    rows: dict[str, tuple[float, pd.Series, pd.Series]] = {
        "any alarm of a market": (0.1, places["any_alarm"] | places["any_harm"], places["block"])
    }
    for name, column in (("reports", "p_rise"), ("harm", "harm_p_rise")):
        tested = table.dropna(subset=column)
        rows[f"alarm of a row alone, {name}"] = (0.1, tested[column] <= 0.1, tested["block"])
    for name, frame, column in (
        ("market", whole, "target_change"),
        ("0-500 m", whole, "displaced"),
        ("market and 0-500 m", whole, "wdd"),
        *((part, table[table["part"] == part], "displaced") for part in ("0-250 m", "250-500 m", "next places")),
    ):
        for measure in ("", "harm_"):
            of = frame.dropna(subset=f"{measure}{column}")
            holds = (of[f"{measure}{column}_lo"] <= 0) & (of[f"{measure}{column}_hi"] >= 0)
            rows[f"{measure.replace('_', ' ')}{name} held"] = (0.8, holds, of["block"])
    return rows


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_shares_at_places_where_nothing_was_done(trial: Trial) -> None:
    table = measured(trial)
    whole = table[table["split"] == "all"]
    print(f"\n{trial.name}: {len(whole)} places and dates, {whole['target_change'].notna().mean():.0%} measured")
    missed = []
    for name, (promised, values, blocks) in shares(table).items():
        share, low, high = interval(values, blocks)
        print(f"  {name:30} {promised:.0%} promised, {share:.1%} came ({low:.1%} to {high:.1%})")
        missed += [] if low <= promised <= high else [name]
    ratio = whole["target_after"].sum() / whole["target_expected"].sum()
    change, low, high = interval(whole["target_change"] / whole["target_expected"], whole["block"])
    before = (whole["target_after"] / whole["target_before"].clip(lower=1) - 1).mean()
    width = (whole["target_change_hi"] - whole["target_change_lo"]) / whole["target_expected"]
    print(
        f"  fall read where there is none: {change:+.1%} ({low:+.1%} to {high:+.1%}), in all {ratio - 1:+.1%}; "
        f"against the days before {before:+.1%}"
    )
    print(
        f"  median width at the market {width.median():.0%} of what is expected; median least rise "
        f"{whole['least_rise'].median():.0f} of {whole['ring_expected'].median():.0f}"
    )
    assert len(whole) >= 400
    assert not missed
    assert low <= 0 <= high
    assert np.isfinite(whole[["target_change_lo", "target_change_hi", "displaced_lo", "displaced_hi"]]).all(axis=None)


def found(whole: pd.DataFrame, fall: float) -> pd.Series:
    """Whether a fall planted at each place is found: each report since the start stays away with this probability.

    The placebos and what they let expect do not know the market, so that the end of its interval moves with its count
    alone; `test_a_planted_fall_moves_nothing_but_the_count` holds the product to that.
    """
    limit = whole["target_after"] - whole["target_change_hi"]
    staying = np.random.default_rng(3).binomial(whole["target_after"], 1 - fall)
    return pd.Series(staying < limit, index=whole.index)


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_a_fall_by_thirty_percent_is_found_as_often_as_is_said(trial: Trial) -> None:
    whole = measured(trial).query("split == 'all'")
    share, low, high = interval(found(whole, 0.3), whole["block"])
    stated = whole["power_of_fall"].mean()
    print(f"\n{trial.name}: a fall by 30% found in {share:.1%} ({low:.1%} to {high:.1%}), stated {stated:.1%}")
    assert low <= stated <= high


def test_a_planted_fall_moves_nothing_but_the_count() -> None:
    trial = TRIALS[0]
    city, start = city_of(trial.city), pd.Timestamp(trial.starts[-1], tz="UTC") + pd.Timedelta(hours=12)
    known = city.until(start + trial.window * DAY)
    for number, middle in enumerate(known.hot_places(start, 3, 7)):
        still, fallen = (
            told.measured(middle, start, start + trial.window * DAY).set_index("part").loc["all"]
            for told in (known, known.thinned(middle, start, 0.3, number))
        )
        assert fallen["target_after"] < still["target_after"]
        for name in ("target_expected", "ring_after", "ring_expected", "power_of_fall"):
            assert fallen[name] == pytest.approx(still[name])
        assert fallen["target_after"] - fallen["target_change_hi"] == pytest.approx(
            still["target_after"] - still["target_change_hi"]
        )


def test_draw_the_power() -> None:
    falls = np.arange(0, 0.75, 0.05)
    curves = {}
    for trial in TRIALS:
        whole = measured(trial).query("split == 'all'")
        label = f"{trial.city.title()} {trial.window} d"
        curves[label] = [float(found(whole, fall).mean()) for fall in falls]
        print(
            f"\n{trial.name}: found " + ", ".join(f"{f:.0%} {s:.0%}" for f, s in zip(falls, curves[label], strict=True))
        )
    title = "Share of planted falls that are found, by how much of the market's reports stay away"
    write_figure(ROOT / "docs" / "displacement_power.svg", ["no fall", "70% stay away"], len(falls), curves, title)


def write_figure(path: Path, ends: list[str], positions: int, curves: dict[str, list[float]], title: str) -> None:
    """Write a plot of shares as a file of its own."""
    labels = [ends[0], *[""] * (positions - 2), ends[1]]
    plot = str(line_plot(labels, curves, title=title))
    style = (
        "<style>.label{font:13px sans-serif;fill:#555}.end{text-anchor:end}.label.ours{fill:#111;font-weight:700}"
        ".level{stroke:#ddd}.line{fill:none;stroke-width:2.4}.line.ours{stroke:#b3372f}"
        ".line.theirs{stroke:#777;stroke-dasharray:5 4}circle{r:0}</style>"
    )
    opening, rest = plot.split(">", 1)
    opening = opening.replace('<svg class="plot"', '<svg xmlns="http://www.w3.org/2000/svg"')
    path.write_text(f'{opening}>{style}<rect width="100%" height="100%" fill="#fff"/>{rest}\n', encoding="utf-8")
