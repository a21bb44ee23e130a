"""Address piles in Philadelphia: how many of the cells ranked first, and what was found a month on without them.

`python -m pytest tests/bench/test_address_piles_bench.py -m bench -s` prints what docs/benchmarks.md reports.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from flows.home.home import Home
from flows.home.settings import Settings
from flows.home.store_access import open_home_snapshot
from flows.ingest.ingest import load_file
from flows.inputs.assembly import Map, earliest, place_frames, place_incidents, query, read_map, read_run_codebook
from flows.run.address_piles import address_piles, left_out, pile_table
from flows.run.prioritise import forecast_places
from geo.placement import place_points
from models.places.address_piles import POINT

ROOT = Path(__file__).resolve().parents[2]
INCIDENTS = ROOT.parent / "shared" / "data" / "philadelphia_2017_2019.parquet"
DAYS = [date(2018, 7, 1), date(2018, 10, 1), date(2019, 1, 1), date(2019, 4, 1), date(2019, 7, 1), date(2019, 10, 1)]
DAYS = [*DAYS, date(2019, 12, 1)]
NEXT_DAYS = 30
VISITED = (10, 50)

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not INCIDENTS.exists(), reason="the Philadelphia incidents are not beside the project"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    config = ROOT / "configs" / "philadelphia.yaml"
    made = Home(tmp_path_factory.mktemp("piles") / "home", config, progress=lambda text: None).ensure()
    load_file(made, INCIDENTS, made.settings.ingest.mapping)
    return made


def month_on(home: Home, day: date, geography: Map, codebook: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Incidents of the next month by point: lon, lat, cell_ix, cell_iy, n, harm."""
    begin, end = home.midnight(day), home.midnight(day + timedelta(days=NEXT_DAYS))
    with open_home_snapshot(home, end, known_at=home.now(), since=begin) as snapshot:
        place_incidents(snapshot.connection, geography, codebook, end, settings)
        discoveries = list(settings.places.discoveries)
        found = query(snapshot.connection, "realised", begin=begin, end=end, discoveries=discoveries)
    found = found.assign(harm=found["n"] * codebook["harm_days"].reindex(found["offence_code"]).to_numpy())
    found = found.groupby(POINT, as_index=False)[["n", "harm"]].sum()
    placed = place_points(found[POINT], geography.areas, geography.grid)
    cells = placed[["cell_ix", "cell_iy"]].astype("int64").assign(n=found["n"], harm=found["harm"])
    return cells.join(found[POINT]).merge(geography.cells[["cell_ix", "cell_iy", "cell_id"]])


def measured(home: Home, day: date) -> Iterator[dict[str, object]]:
    settings, as_of = home.settings, home.midnight(day)
    geography, codebook = read_map(settings), read_run_codebook(settings, as_of)
    with open_home_snapshot(home, as_of, known_at=home.now(), since=earliest(as_of, settings)) as snapshot:
        place_incidents(snapshot.connection, geography, codebook, as_of, settings)
        frames = place_frames(snapshot.connection, geography, as_of, settings)
        piles = address_piles(snapshot.connection, geography, codebook, settings)
    forecast = forecast_places(frames, geography, codebook, settings)
    table = pile_table(piles, forecast, geography, settings)
    out = left_out(table)
    after = month_on(home, day, geography, codebook, settings)
    is_pile = after.merge(piles.points[POINT].assign(is_pile=True), on=POINT, how="left")["is_pile"].notna()
    for count in VISITED:
        before_cells = forecast.nsmallest(count, "rank")
        now_cells = forecast[~forecast["cell_id"].isin(out["cell_id"])].nsmallest(count, "rank")
        row = {"day": day, "cells": count, "piles": int(before_cells["cell_id"].isin(out["cell_id"]).sum())}
        row |= {"last_rank": int(now_cells["rank"].max()), "ranks_out": sorted(out.loc[out["rank"] <= count, "rank"])}
        for name, cells in (("before", before_cells), ("now", now_cells)):
            inside = after["cell_id"].isin(cells["cell_id"])
            row[f"harm_{name}"] = after.loc[inside, "harm"].sum()
            row[f"count_{name}"] = after.loc[inside, "n"].sum()
            row[f"street_harm_{name}"] = after.loc[inside & ~is_pile, "harm"].sum()
            row[f"street_count_{name}"] = after.loc[inside & ~is_pile, "n"].sum()
        row["harm"] = after["harm"].sum()
        # Would what lies off the piles alone have earned a cell that is left out its visit?
        share = out.set_index("cell_id")["harm_share"]
        rest = forecast["expected_harm"] * (1 - forecast["cell_id"].map(share).fillna(0).astype(float))
        top = forecast.loc[rest.nlargest(count).index, "cell_id"]
        row["earned"] = int(top.isin(out["cell_id"]).sum())
        yield row


def test_harm_found_a_month_on_with_and_without_address_piles(home: Home) -> None:
    rows = pd.DataFrame([row for day in DAYS for row in measured(home, day)])
    with pd.option_context("display.width", 250, "display.max_columns", 30, "display.max_rows", 50):
        print("\n", rows.round(0).to_string(index=False))
    for count, some in rows.groupby("cells"):
        print(f"\n{count} cells, {len(some)} months:")
        for what in ("harm", "count", "street_harm", "street_count"):
            before, now = some[f"{what}_before"].sum(), some[f"{what}_now"].sum()
            better = int((some[f"{what}_now"] > some[f"{what}_before"]).sum())
            print(f"  {what}: with piles {before:,.0f}, without {now:,.0f} ({now / before - 1:+.0%}); more in {better}")
    assert (rows.loc[rows["cells"] == 50, "piles"] > 0).all()
    assert (rows["street_harm_now"] >= 0).all()
