"""A crackdown rehearsed on Philadelphia's real incidents: what the product says of planted truth at weeks 1, 4 and 12.

`HARMSPOT_REHEARSAL=DIR python -m pytest tests/bench/test_crackdown_rehearsal_bench.py -m bench -s` writes, for each
plant, the table and the draft of the audit at each week to DIR/PLANT/week-N.*, and what was planted to DIR/truth.txt.
Nobody did anything at the place: reports since the start are taken away at random, and half of these come back as
reports at the corner that the plant names. The operation is on record as action events, on the id of a place.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer

from tests.bench.city_reports import DATA, DAY, ROOT, CityReports, city_reports

INCIDENTS = DATA / "philadelphia_2017_2019.parquet"
HARMSPOT = Path(sys.executable).parent / "harmspot"
START = pd.Timestamp("2019-09-03", tz="America/New_York")
WEEKS = (1, 4, 12)
RANK = 4  # of the hottest places by the 84 days before: the hottest four lie side by side

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not INCIDENTS.exists(), reason="the Philadelphia incidents are not beside the project"),
]


@dataclass(frozen=True)
class Plant:
    name: str
    fall: float  # share of the reports at the place that stay away since the start
    returning: float  # share of these that come back elsewhere
    to: str  # where


PLANTS = (
    Plant("a", 0.4, 0.5, "one corner 300 m east of the outline"),
    Plant("b", 0.0, 0.0, "nowhere"),
    Plant("c", 0.4, 0.5, "the middle of the next place with most reports"),
)


def harmspot(home: Path, *arguments: object) -> str:
    command = [HARMSPOT, "--home", home, "--config", ROOT / "configs" / "philadelphia.yaml", *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def corner(city: CityReports, middle: np.ndarray, plant: Plant) -> tuple[float, float]:
    """Longitude and latitude of the corner to which reports move."""
    size = float(city.ground.grid.size_m)
    place = middle + 0.5
    if "next place" in plant.to:
        hot = city.hot_places(START, 400)
        apart = city.ground.apart_m(middle[None], hot)[0]
        place = hot[(apart > 500) & (apart <= 3000)][0] + 0.5
    x, y = place * size + ([2 * size + 300, 0] if "300 m" in plant.to else [0, 0])
    return Transformer.from_crs(city.ground.grid.crs, "EPSG:4326", always_xy=True).transform(x, y)


def planted(city: CityReports, middle: np.ndarray, plant: Plant) -> tuple[pd.DataFrame, str]:
    """The city's file with the plant, and the truth in words."""
    told = pd.read_parquet(INCIDENTS)
    size = float(city.ground.grid.size_m)
    to_metres = Transformer.from_crs("EPSG:4326", city.ground.grid.crs, always_xy=True)
    x, y = to_metres.transform(told["lon"], told["lat"])
    from geo.market_shapes import metres_outside

    offset = np.stack([x, y], axis=1) - (middle + 0.5) * size
    since = told["occurred_at"].dt.tz_localize("America/New_York", ambiguous=True, nonexistent="shift_forward") >= START
    is_own = (metres_outside(offset[:, 0], offset[:, 1], size) == 0) & since.to_numpy()
    finders = pd.read_csv(ROOT / "configs" / "mappings" / "philadelphia_offences.csv").set_index("offence")["discovery"]
    is_own &= told["offence"].map(finders).eq("public").to_numpy()  # what police discover does not count
    drawn = np.random.default_rng(16).random(len(told))
    leaves = is_own & (drawn < plant.fall)
    returns = is_own & (drawn < plant.fall * plant.returning)
    lon, lat = corner(city, middle, plant)
    told = told.assign(lon=told["lon"].mask(returns, lon), lat=told["lat"].mask(returns, lat))
    days = (told["occurred_at"] - START.tz_localize(None)) / DAY
    by_week = ", ".join(
        f"week {week}: {(leaves & (days < 7 * week)).sum()} of {(is_own & (days < 7 * week)).sum()} reports left, "
        f"{(returns & (days < 7 * week)).sum()} of these came to the corner"
        for week in WEEKS
    )
    words = (
        f"{plant.name}: {plant.fall:.0%} of the reports stay away, {plant.returning:.0%} of these move to {plant.to} "
    )
    return told[~(leaves & ~returns)], f"{words}(lon {lon:.5f}, lat {lat:.5f}). {by_week}"


def action(number: int, kind: str, at: pd.Timestamp, area: str, **more: object) -> str:
    data = {"action_id": f"rehearsal-{number}", "version": 1, "kind": kind, "actor": "Insp. A. Lee", "area": area}
    event = {"specversion": "1.0", "type": "harmspot.action.recorded.v1", "source": "/rehearsal"}
    moment = at.isoformat()
    return json.dumps({**event, "id": f"rehearsal-{number}", "time": moment, "data": {**data, "at": moment, **more}})


def test_what_the_page_says_at_weeks_1_4_and_12(tmp_path: Path) -> None:
    out = Path(os.environ.get("HARMSPOT_REHEARSAL", tmp_path / "out"))
    city = city_reports("philadelphia")
    middle = city.until(START).hot_places(START, RANK + 1)[RANK]
    place = f"place_{middle[0]}_{middle[1]}"
    out.mkdir(parents=True, exist_ok=True)
    truths = [f"The place: {place}. Start: {START:%Y-%m-%d}. The plants:"]
    for plant in PLANTS:
        home, folder = tmp_path / plant.name, out / plant.name
        folder.mkdir(parents=True, exist_ok=True)
        told, truth = planted(city, middle, plant)
        truths.append(truth)
        told.to_parquet(tmp_path / f"{plant.name}.parquet", index=False)
        harmspot(home, "load", tmp_path / f"{plant.name}.parquet")
        detail = f"market_id={place}; outcome=public reports; comparison=placebos; stop_on=2019-12-31"
        actions = [
            action(1, "registration", START - 14 * DAY, "24", detail=detail),
            action(2, "crackdown_start", START, "24", hours=40.0),
        ]
        (tmp_path / f"{plant.name}.jsonl").write_text("\n".join(actions) + "\n", encoding="utf-8")
        harmspot(home, "load", tmp_path / f"{plant.name}.jsonl")
        for week in WEEKS:
            day = f"{START + pd.DateOffset(weeks=week):%Y-%m-%d}"
            harmspot(home, "run", "--as-of", day, "--without-prefect")
            (folder / f"week-{week}.json").write_text(
                harmspot(home, "show", "displacement", "--json"), encoding="utf-8"
            )
            (folder / f"week-{week}.txt").write_text(harmspot(home, "show", "displacement"), encoding="utf-8")
            harmspot(home, "audit", "draft", "displacement", "--out", folder / f"week-{week}.html")
            rows = pd.read_json(folder / f"week-{week}.json").set_index("part")
            print(f"\n{plant.name}, week {week}: {rows.loc['all', 'why']}")
            assert rows.loc["all", "window_days"] == 7 * week
            assert rows["displaced"].notna().all()
    (out / "truth.txt").write_text("\n".join(truths) + "\n", encoding="utf-8")
    print("\n".join(["", *truths]))
