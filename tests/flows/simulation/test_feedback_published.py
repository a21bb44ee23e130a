"""The release test of feedback through everything: files, store, run and published tables, round after round."""

from datetime import datetime, timedelta
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Transformer

from flows.home.home import Home
from flows.ingest.ingest import load_file
from flows.schedule.daily import daily_run
from pipeline.publication.publish import read_published
from tests.models.places.feedback_rounds import OFFENCE, PLACES, WEEK, Publish, Town, Week, counted, play
from tests.models.places.test_feedback_rounds import TOLERATED
from tests.soak import sample
from tests.town import AS_OF, CLOCK, KEY, event

ROUNDS = sample(2, whole=20)
SIDE_M = 600.0
CRS = "EPSG:32631"
MIDDLE = (500_000.0, 5_900_000.0)
TO_DEGREES = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)


def published_by(town: Town, folder: Path, seed: int) -> Publish:
    """Return the publication of a home of its own: each round loads what is new, tells the hours and runs."""
    corners = [(MIDDLE[0] + SIDE_M * number, MIDDLE[1]) for number in range(len(town.shares))]
    shapes = gpd.GeoDataFrame(
        {"area_id": town.area_ids}, geometry=[shapely.box(x, y, x + SIDE_M, y + SIDE_M) for x, y in corners], crs=CRS
    )
    shapes.to_crs("EPSG:4326").to_file(folder / "areas.geojson")
    (folder / "config.yaml").write_text(
        "force: {name: Minimal, areas: {path: areas.geojson}, staffing: {path: staffing.csv}}\n"
        f"places: {{top_k: {PLACES.top_k}, draws: 200}}\npeople: {{draws: 200}}\nseed: {seed}\n",
        encoding="utf-8",
    )
    (folder / "home").mkdir()
    (folder / "home" / "key").touch(mode=0o600)
    (folder / "home" / "key").write_text(KEY)
    random = np.random.default_rng(seed)
    rounds = iter(range(10**6))

    def publish(past: list[Week], hours: pd.Series) -> pd.DataFrame:
        done = next(rounds)
        as_of = AS_OF + timedelta(days=WEEK * done)
        home = Home(folder / "home", folder / "config.yaml", CLOCK + timedelta(days=WEEK * done))
        new = past if done == 0 else past[:1]
        lines = [
            recorded(f"{done}-{age}-{kind}-{area}-{i}", kind, as_of_moment(home, as_of, age), corners[area], random)
            for age, week in enumerate(new)
            for kind, counts in counted(town, week).items()
            for area, n in enumerate(counts)
            for i in range(n)
        ]
        (folder / "new.jsonl").write_text("".join(lines), encoding="utf-8")
        load_file(home, folder / "new.jsonl", None)
        staff = hours.rename("available_hours_per_day").reset_index()
        staff.to_csv(folder / "staffing.csv", index=False)
        daily_run(home, as_of)
        by_area = [
            table.assign(area_id=table["area_id"].str.partition("@")[0]).set_index("area_id").reindex(town.area_ids)
            for table in (read_published(home.path, name) for name in ("area_ranking", "officer_allocation"))
        ]
        return by_area[0][["harm_per_day"]].join(by_area[1]["marginal_hours"])

    return publish


def as_of_moment(home: Home, as_of: object, age: int) -> datetime:
    """Return noon in the middle of a week so many weeks before a day."""
    return home.midnight(as_of) - timedelta(days=WEEK * age + 3, hours=12)  # type: ignore[arg-type]


def recorded(
    incident_id: str, discovery: str, at: datetime, corner: tuple[float, float], random: np.random.Generator
) -> str:
    """Return the line of an incident somewhere in the square at a corner."""
    x, y = (corner[axis] + random.uniform(0.05, 0.95) * SIDE_M for axis in (0, 1))
    lon, lat = TO_DEGREES.transform(x, y)
    data = {
        **{"incident_id": incident_id, "version": 1, "status": "recorded", "offence_code": OFFENCE},
        **{"occurred_at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "discovery": discovery, "location": {"lon": lon, "lat": lat}},
    }
    return event("incident.recorded", incident_id, data)


@pytest.mark.sampled
def test_published_shares_stay_at_the_truth_from_files_to_tables(tmp_path: Path) -> None:
    town = Town((0.5, 0.5))
    shares = pd.DataFrame(list(play(town, rounds=ROUNDS, seed=1, publish=published_by(town, tmp_path, seed=1))))
    assert len(shares) == ROUNDS
    assert (shares - list(town.shares)).abs().max(axis=None) <= TOLERATED
