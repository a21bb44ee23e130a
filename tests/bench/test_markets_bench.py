"""The street-market detector on twenty simulated towns: planted markets found, none invented."""

from datetime import UTC, date, datetime
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from flows.home.home import Home
from flows.ingest.ingest import load_file
from flows.inputs.assembly import place_frames, place_incidents, read_map, read_run_codebook
from flows.run.prioritise import find_street_markets, market_shapes
from flows.simulation.town import write_town
from pipeline.store.snapshot import open_snapshot

pytestmark = pytest.mark.bench

END = date(2026, 1, 1)
DAYS = 150
SEEDS = range(1, 21)


def found_markets(folder: Path, seed: int, with_markets: bool) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Return the markets of a town's last day with outlines, and the planted ones."""
    town = write_town(folder, seed=seed, days=DAYS, end=END, with_markets=with_markets)
    home = Home(folder / "home", town.config_file, datetime(2026, 1, 1, 12, tzinfo=UTC), lambda text: None).ensure()
    load_file(home, town.events, None)
    as_of, settings = home.midnight(END), home.settings
    chart = read_map(settings)
    with open_snapshot(home.store, home.key, as_of=as_of, wait_s=1) as known:
        place_incidents(known.connection, chart, read_run_codebook(settings, as_of), as_of, settings)
        frames = place_frames(known.connection, chart, as_of, settings)
    shapes = market_shapes(find_street_markets(frames.market_reports, chart, settings), chart)
    planted = pd.read_parquet(folder / "truth" / "markets.parquet").query("is_flagrant")
    return shapes, planted


def hits(shapes: gpd.GeoDataFrame, planted: pd.DataFrame) -> list[int]:
    """Return for each planted market how many flagrant outlines contain it."""
    flagrant = shapes[shapes["grade"] == "flagrant"]
    points = gpd.GeoSeries.from_xy(planted["lon"], planted["lat"], crs="EPSG:4326").to_crs(shapes.crs)
    return [int(flagrant.contains(point).sum()) for point in points]


def test_planted_markets_in_twenty_towns(tmp_path: Path) -> None:
    missed, false, suspected = 0, 0, 0
    for seed in SEEDS:
        shapes, planted = found_markets(tmp_path / str(seed), seed, with_markets=True)
        found = hits(shapes, planted)
        missed += found.count(0)
        false += int((shapes["grade"] == "flagrant").sum()) - sum(count > 0 for count in found)
        suspected += int((shapes["grade"] == "suspected").sum())
    print(
        f"\nmarkets: {len(SEEDS)} towns, {missed} of {3 * len(SEEDS)} missed, {false} false, {suspected} only suspected"
    )
    assert (missed, false) == (0, 0)


def test_towns_without_markets_yield_none(tmp_path: Path) -> None:
    grades: list[str] = []
    for seed in SEEDS:
        shapes, _ = found_markets(tmp_path / str(seed), seed, with_markets=False)
        grades += shapes["grade"].tolist()
    print(
        f"\nmarkets: {len(SEEDS)} towns without any, {grades.count('flagrant')} flagrant, {len(grades)} only suspected"
    )
    assert "flagrant" not in grades
