"""The area ranking against later days, in planted towns and two cities; prints and draws what the docs report."""

import re
from functools import cache

import numpy as np
import pandas as pd
import pytest
import yaml

from models.evaluation.areas_backtest import AreaHistory, AreaTrial, evaluate_areas
from models.evaluation.backtest import block_bootstrap, block_length
from models.places.ranking import PlacesConfig
from pipeline.pages.area_evaluation import reliability_plot
from pipeline.pages.svg_plots import Interval, interval_plot
from tests.bench.area_cities import BOUNDARIES, DATA, ORIGINS, ROOT, SEED, area_history, ranked_by_percentiles
from tests.models.places.planted_areas import CODEBOOK, PlantedAreas

HORIZON_DAYS = 30
PLACES = yaml.safe_load((ROOT / "configs/default.yaml").read_text(encoding="utf-8"))["places"]
TOWNS = {
    "rates stand still": PlantedAreas(areas=2000, days=1110),
    "rates drift": PlantedAreas(areas=2000, days=1110, drift=0.1),
    "incidents come in clusters": PlantedAreas(areas=2000, days=1110, excess=0.5),
    "few incidents": PlantedAreas(areas=2000, days=1110, times=0.1),
    "few areas": PlantedAreas(areas=21, days=2010),
}
pytestmark = pytest.mark.bench
needs_data = pytest.mark.skipif(
    not (DATA / "houston_2010_jan_aug.parquet").exists(), reason="the two cities' incidents are not beside the project"
)
cities = pytest.mark.parametrize("city", ORIGINS)


@cache
def judged(city: str, rule: str = "now") -> AreaTrial:
    history = area_history(city)
    rank = {"now": None, "before": lambda past: ranked_by_percentiles(history, past)}[rule]
    return evaluate_areas(history, ORIGINS[city], horizon_days=HORIZON_DAYS, seed=SEED, rank=rank)


def draw(name: str, plot: str) -> None:
    style = re.search(r"<style>.*?</style>", (ROOT / "docs/equilibria.svg").read_text(encoding="utf-8"), re.DOTALL)
    assert style
    more = (
        ".axis,.whisk{stroke:#777}.whisk.ours{stroke:#b3372f}.whisk{stroke-width:3;opacity:.45}"
        ".dashed{stroke-dasharray:4 4}circle.ours{fill:#b3372f}circle.theirs{fill:#777}</style>"
    )
    style_here = style[0].replace("circle{r:0}", "").replace("</style>", more)
    head, inside = plot.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).split(">", 1)
    (ROOT / "docs" / name).write_text(
        f'{head}>{style_here}<rect width="100%" height="100%" fill="#fff"/>{inside}\n', encoding="utf-8"
    )


@pytest.mark.parametrize("town", TOWNS)
def test_intervals_cover_planted_towns(town: str) -> None:
    planted = TOWNS[town]
    history = AreaHistory(planted.events(), CODEBOOK, planted.officer_hours(), PlacesConfig(**{**PLACES, "draws": 500}))
    last = planted.days - HORIZON_DAYS
    origins = [last - HORIZON_DAYS * n for n in reversed(range(3 if planted.areas > 100 else 36))]
    found = evaluate_areas(history, origins, horizon_days=HORIZON_DAYS, seed=SEED).coverage.set_index("interval")
    print(f"\n{planted.areas:,} areas, {town}, {len(origins)} origins\n{found.round(3).to_string()}")
    for interval in ("rank by score", "rank by harm", "harm per day"):
        assert found["covered"][interval] == pytest.approx(0.8, abs=0.02)


@needs_data
@cities
def test_intervals_of_real_cities_hold_what_comes(city: str) -> None:
    before, now = judged(city, "before"), judged(city)
    for rule, trial in (("before", before), ("now", now)):
        print(f"\n{city}, {rule}\n{trial.coverage.round(3).to_string(index=False)}")
        print(trial.chances.round(4).to_string(index=False))
        print(trial.reliability.round(3).to_string(index=False))
    of_before, of_now = (trial.coverage.set_index("interval") for trial in (before, now))
    for interval, row in of_now.iterrows():
        is_known_wide = (city, interval) == ("Philadelphia, tracts", "rank by score")  # docs/method-places.md says so
        assert row["lo"] - 0.015 * is_known_wide <= row["nominal"] <= row["hi"], interval
    for interval in of_before.index:
        assert of_now["interval_score"][interval] < of_before["interval_score"][interval]


@needs_data
def test_coverage_is_drawn() -> None:
    rows = []
    for city in ORIGINS:
        for rule, kind in (("before", "theirs"), ("now", "ours")):
            found = judged(city, rule).coverage.set_index("interval")
            for interval, words in (("rank by harm", "rank"), ("harm per day", "harm")):
                covered, lo, hi = found.loc[interval, ["covered", "lo", "hi"]]
                rows.append(Interval(f"{city}: {words}, {rule}".removeprefix("Philadelphia, "), covered, lo, hi, kind))
    title = "Share of 80% intervals that contained the outcome of 30 days"
    draw("area_coverage.svg", str(interval_plot(rows, title=title, is_share=True, promised=0.8)))
    found = judged("Philadelphia, tracts")
    bins, curve = (table[table["outcome"] == "by score"] for table in (found.reliability, found.curve))
    draw("area_reliability.svg", str(reliability_plot(bins, curve, "by score")))


@needs_data
@pytest.mark.parametrize("city", BOUNDARIES)
def test_the_months_of_2019(city: str) -> None:
    """How the first five changed against the scores before, and what then came."""
    before, now = judged(city, "before"), judged(city)
    held = {
        "now": _shares(now, "harmspot"), "before": _shares(before, "harmspot"),
        "most five could": _shares(now, "after the fact (no method)"),
    }  # fmt: skip
    months = [f"{pd.Timestamp(origin, unit='D'):%Y-%m}" for origin in ORIGINS[city]]
    changed = pd.DataFrame([_changed(before, now, origin) for origin in ORIGINS[city]], index=months)
    table = changed.assign(**{name: values.to_numpy() for name, values in held.items()})
    print(f"\n{city}: the first five, and the share of the next 30 days' harm in them\n{table.round(4).to_string()}")
    print("mean", {name: round(float(values.mean()), 4) for name, values in held.items()})
    ahead = held["now"] - held["before"]
    lo, hi = block_bootstrap(ahead.to_numpy(), block_length(len(ahead), ORIGINS[city], HORIZON_DAYS), SEED)
    print(f"now less before {ahead.mean():.4f} ({lo:.4f} to {hi:.4f}): ahead in {(ahead > 0).sum()} months, "
          f"behind in {(ahead < 0).sum()}")  # fmt: skip
    for rule, trial in (("before", before), ("now", now)):
        print(f"rank correlation with the observed harm, {rule}: {_agreement(trial):.4f}")


def _shares(trial: AreaTrial, method: str) -> pd.Series:
    return trial.by_origin[trial.by_origin["method"] == method].set_index("origin_day")["share"]


def _changed(before: AreaTrial, now: AreaTrial, origin: int) -> dict[str, object]:
    """Return which areas entered and left the first five, with their later rank by harm, and the mean shift of all."""
    one, other = (trial.cases[trial.cases["origin_day"] == origin].set_index("area_id") for trial in (before, now))
    first = [set(table["rank"].nsmallest(5).index) for table in (one, other)]
    later = {area: f"{area} (then {rank}.)" for area, rank in other["came_harm_rank"].items()}
    return {
        "entered": ", ".join(later[area] for area in sorted(first[1] - first[0])),
        "left": ", ".join(later[area] for area in sorted(first[0] - first[1])),
        "mean shift": float((other["rank"] - one["rank"]).abs().mean()),
    }


def _agreement(trial: AreaTrial) -> float:
    """Mean over the origins of Spearman's correlation of rank and rank by observed harm."""
    each = [
        np.corrcoef(of["rank"].rank(), of["came_harm_rank"].rank())[0, 1] for _, of in trial.cases.groupby("origin_day")
    ]
    return float(np.mean(each))
