"""Hot spots of Philadelphia, whole clusters and of a walkable size: area, harm found in the next month, lasting ids.

`python -m pytest tests/bench/test_hotspots_bench.py -m bench -s` prints what docs/benchmarks.md reports.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from flows.home.home import Home
from flows.home.store_access import open_home_snapshot
from flows.ingest.ingest import load_file
from flows.inputs.assembly import earliest, place_frames, place_incidents, read_map, read_run_codebook
from geo.cells import Grid
from geo.hotspots import find_hotspots

ROOT = Path(__file__).resolve().parents[2]
INCIDENTS = ROOT.parent / "shared" / "data" / "philadelphia_2017_2019.parquet"
ZONE = ZoneInfo("America/New_York")
END = datetime(2020, 1, 1, tzinfo=ZONE)
MONTHS = pd.date_range("2018-02-01", "2019-12-01", freq="MS")
DAYS = pd.date_range("2019-06-01", "2019-07-15")
NEXT_DAYS = 30
# The clusters before they are cut, and the hot spots without regard to yesterday's.
WHOLE = {"max_area_m2": 1e12, "minimum_ratio": 0.0, "stay_factor": 1.0}
WITHOUT_YESTERDAY = {"stay_factor": 1.0}

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not INCIDENTS.exists(), reason="the Philadelphia incidents are not beside the project"),
]


@dataclass(frozen=True, slots=True)
class City:
    grid: Grid
    cells: pd.DataFrame  # cell_ix, cell_iy, inside_m2, of every cell
    events: pd.DataFrame  # row (of cells), date, harm
    window_days: int
    half_life_days: float

    def harm(self, day: pd.Timestamp) -> pd.DataFrame:
        """The decayed harm of each cell in the window before the day, as a run weighs it."""
        age = (day - self.events["date"]).dt.days - 1
        seen = (age >= 0) & (age < self.window_days)
        weight = self.events["harm"][seen] * 0.5 ** (age[seen] / self.half_life_days)
        harm = np.bincount(self.events["row"][seen], weight, len(self.cells))
        return self.cells[["cell_ix", "cell_iy"]].assign(harm=harm)

    def harm_after(self, day: pd.Timestamp) -> np.ndarray:
        """The harm of each cell in the month that begins on the day."""
        came = (self.events["date"] >= day) & (self.events["date"] < day + pd.Timedelta(days=NEXT_DAYS))
        return np.bincount(self.events["row"][came], self.events["harm"][came], len(self.cells))


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    folder = tmp_path_factory.mktemp("philadelphia")
    home = Home(folder, ROOT / "configs" / "philadelphia.yaml", progress=lambda text: None).ensure()
    load_file(home, INCIDENTS, home.settings.ingest.mapping)
    settings, geography = home.settings, read_map(home.settings)
    codebook = read_run_codebook(settings, END)
    with open_home_snapshot(home, END, known_at=datetime.now(UTC), since=earliest(END, settings)) as snapshot:
        place_incidents(snapshot.connection, geography, codebook, END, settings)
        events = place_frames(snapshot.connection, geography, END, settings).cell_events
    row = geography.cells.reset_index(names="row")[["row", "cell_ix", "cell_iy"]]
    events = events.merge(row, on=["cell_ix", "cell_iy"])
    events["harm"] = events["n"] * codebook["harm_days"].reindex(events["offence_code"]).to_numpy()
    events["date"] = pd.Timestamp(END.replace(tzinfo=None)) - pd.to_timedelta(events["age_days"] + 1, unit="D")
    places = settings.places
    return City(geography.grid, geography.cells, events, places.window_days, places.half_life_days)


def holder(city: City, hotspots: gpd.GeoDataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Two rows for each cell in a hot spot: that of the hot spot and that of the cell."""
    size = city.grid.size_m
    centres = shapely.points((city.cells["cell_ix"] + 0.5) * size, (city.cells["cell_iy"] + 0.5) * size)
    return tuple(shapely.STRtree(centres).query(hotspots.geometry.to_numpy(), predicate="intersects"))


def month_of(city: City, day: pd.Timestamp, **settings: Any) -> dict[str, float]:
    """One row of the comparison."""
    cells, after = city.harm(day), city.harm_after(day)
    began = time.perf_counter()
    hotspots = find_hotspots(cells, city.grid, **settings)
    seconds = time.perf_counter() - began
    spot, cell = holder(city, hotspots)
    km2 = hotspots["area_m2"].to_numpy() / 1e6
    found = np.bincount(spot, after[cell], len(hotspots))
    return {
        "number": len(hotspots),
        "km2": km2.sum(),
        "largest_km2": km2.max(),
        "share_of_largest": hotspots["harm_days"].max() / hotspots["harm_days"].sum(),
        "least_harm": hotspots["harm_days"].min(),
        "share_inside": cells["harm"].to_numpy()[cell].sum() / cells["harm"].sum(),
        "harm_per_km2": cells["harm"].to_numpy()[cell].sum() / km2.sum(),
        "share_next": found.sum() / after.sum(),
        "next_per_km2": found.sum() / km2.sum(),
        "next_in_5_km2": in_first(5, km2, found),
        "next_in_10_km2": in_first(10, km2, found),
        "city_next_per_km2": after.sum() / (city.cells["inside_m2"].sum() / 1e6),
        "seconds": seconds,
    }


def in_first(limit_km2: float, km2: np.ndarray, found: np.ndarray) -> float:
    """Harm per km² in the first hot spots by rank up to an area; of the last, the part that fits."""
    before = np.cumsum(km2) - km2
    return float((found * np.clip((limit_km2 - before) / km2, 0, 1)).sum() / limit_km2)


def test_what_the_next_month_brings(city: City) -> None:
    whole = pd.DataFrame([month_of(city, day, **WHOLE) for day in MONTHS])
    cut = pd.DataFrame([month_of(city, day) for day in MONTHS])
    print("\n", pd.DataFrame({"whole clusters": whole.mean(), "hot spots": cut.mean()}).round(3).to_string())
    better = {
        name: int((cut[name] > whole[name]).sum()) for name in ("next_per_km2", "next_in_5_km2", "next_in_10_km2")
    }
    print(f"months out of {len(MONTHS)} in which the hot spots find more: {better}")
    assert whole["largest_km2"].mean() > 5 and cut["largest_km2"].max() <= 0.25
    assert cut["next_per_km2"].mean() > 1.2 * whole["next_per_km2"].mean()
    assert cut["next_in_5_km2"].mean() > 1.2 * whole["next_in_5_km2"].mean()


def test_ids_from_day_to_day(city: City) -> None:
    kept = {}
    harms = [city.harm(day) for day in DAYS]
    for name, settings in {"whole": WHOLE, "without yesterday": WITHOUT_YESTERDAY, "hot spots": {}}.items():
        last, shares = find_hotspots(harms[0], city.grid, **settings), []
        for harm in harms[1:]:
            now = find_hotspots(harm, city.grid, previous=last, **settings)
            shares.append(last["hotspot_id"].isin(now["hotspot_id"]).mean())
            last = now
        kept[name] = np.mean(shares)
        cell = holder(city, last)[1]
        after = city.harm_after(DAYS[-1])[cell].sum() / (last["area_m2"].sum() / 1e6)
        print(
            f"\n{name}: {kept[name]:.4f} of ids are there the next day, {min(shares):.3f} at worst; on the last day",
            end=" ",
        )
        print(
            f"{len(last)} on {last['area_m2'].sum() / 1e6:.1f} km², {after:,.0f} days of harm per km² in the next month"
        )
    assert kept["hot spots"] > max(kept["without yesterday"], 0.99)
