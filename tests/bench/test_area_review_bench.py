"""Philadelphia's districts in 2019, as of the first of each month: other choices, and the worst district cut in two.

`python -m pytest tests/bench/test_area_review_bench.py -m bench -s` prints what docs/method-places.md reports.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.home.home import Home
from flows.home.store_access import open_home_snapshot
from flows.ingest.ingest import load_file
from flows.inputs.assembly import earliest, place_frames, place_incidents, read_map, read_run_codebook
from flows.run.area_sets import area_sizes
from models.area_review.sensitivity import rank_variants
from models.area_review.sizes import sized_hours
from models.places.ranking import rank_areas

ROOT = Path(__file__).resolve().parents[2]
INCIDENTS = ROOT.parent / "shared" / "data" / "philadelphia_2017_2019.parquet"
SHOWN = ["rank_correlation", "top_k_kept", "median_rank_change", "largest_rank_change", "listed_count"]
SHOWN += ["largest_p_top_k"]
HALF = "half"

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not INCIDENTS.exists(), reason="the Philadelphia incidents are not beside the project"),
]


@dataclass(frozen=True)
class Month:
    """What the ranking of one day reads."""

    events: pd.DataFrame
    evidence: pd.DataFrame
    hours: pd.DataFrame
    sizes: pd.DataFrame
    codebook: pd.DataFrame

    def ranked(self, home: Home, per: str) -> pd.DataFrame:
        config, hours = replace(home.settings.places, per=per), sized_hours(self.hours, self.sizes, per)
        none = self.evidence.iloc[:0]
        table = rank_areas(self.events, none, self.codebook, hours, config=config, seed=home.settings.seed)
        return table.set_index("area_id")

    def halved(self, area_id: str, seed: int) -> "Month":
        """The same with an area cut in two: each incident falls in either half, hours and sizes are halved."""
        is_here = self.events["area_id"] == area_id
        stays = np.random.default_rng(seed).binomial(self.events["n"], 0.5)
        one = self.events.assign(n=self.events["n"].where(~is_here, stays))
        other = self.events[is_here].assign(area_id=HALF, n=(self.events["n"] - stays)[is_here])
        events = pd.concat([one, other], ignore_index=True)
        hours, sizes = (_halved(frame, area_id) for frame in (self.hours, self.sizes))
        return replace(self, events=events[events["n"] > 0], hours=hours, sizes=sizes)


def _halved(frame: pd.DataFrame, area_id: str) -> pd.DataFrame:
    """Halve `hours_per_day` or the sizes of an area, and add the other half."""
    columns = [name for name in ("hours_per_day", "residents", "street_km", "area_km2") if name in frame]
    is_here = frame["area_id"] == area_id
    cut = frame.assign(**{name: frame[name].where(~is_here, frame[name] / 2) for name in columns})
    return pd.concat([cut, cut[is_here].assign(area_id=HALF)], ignore_index=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    config = ROOT / "configs" / "philadelphia.yaml"
    made = Home(tmp_path_factory.mktemp("review") / "home", config, progress=lambda text: None).ensure()
    load_file(made, INCIDENTS, made.settings.ingest.mapping)
    return made


def months(home: Home) -> Iterator[Month]:
    settings, geography = home.settings, read_map(home.settings)
    for number in range(1, 13):
        as_of = home.midnight(date(2019, number, 1))
        codebook = read_run_codebook(settings, as_of)
        with open_home_snapshot(home, as_of, known_at=home.now(), since=earliest(as_of, settings)) as snapshot:
            place_incidents(snapshot.connection, geography, codebook, as_of, settings)
            frames = place_frames(snapshot.connection, geography, as_of, settings)
        sizes = area_sizes(geography.areas)
        yield Month(frames.area_events, frames.area_evidence, frames.officer_hours, sizes, codebook)


def test_other_choices_and_the_worst_district_cut_in_two(home: Home) -> None:
    summaries, halves = [], []
    for number, month in enumerate(months(home), start=1):
        config, seed = home.settings.places, home.settings.seed
        summaries.append(
            rank_variants(month.events, month.codebook, month.hours, month.sizes, config=config, seed=seed).summary
        )
        for per in ("total", "area_km2"):
            worst = str(month.ranked(home, per).index[0])
            cut = month.halved(worst, number).ranked(home, per).loc[[worst, HALF]]
            halves.append(cut[["rank", "p_top_k", "is_listed"]].assign(month=number, per=per, area_id=worst))
    found = pd.concat(halves)
    by_choice = found.groupby("per").agg(
        best=("rank", "min"), least=("rank", "max"), p_top_k=("p_top_k", "mean"), listed=("is_listed", "sum")
    )
    print(pd.concat(summaries).groupby("variant", sort=False)[SHOWN].mean().round(3).to_string())
    print(by_choice.to_string())
    assert by_choice.loc["area_km2", "listed"] == 24
    assert by_choice.loc["total", "listed"] == 0
