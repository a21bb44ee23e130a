"""A seeded city as large as asked for: incidents as somebody's Parquet, areas as GeoJSON, people as our own events."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

AS_OF = date(2026, 1, 1)
DAYS = 1095
CRS = "EPSG:32618"
CELL_M = 150
COLUMNS, ROWS = 25, 20  # areas, of 8 by 5 cells each: 20,000 cells
AREA_M = (8 * CELL_M, 5 * CELL_M)
ORIGIN_M = (480_000, 4_420_050)
CORNERS = 100_000  # distinct points, as hundred-blocks are
ROW_GROUP = 1_000_000
# Share of each offence; the many small ones make the cells, codes and days as thin as real ones.
OFFENCES = {
    **{"theft_other": 0.16, "violence_without_injury": 0.14, "antisocial_behaviour": 0.14, "criminal_damage": 0.1},
    **{"theft_from_vehicle": 0.1, "public_order": 0.08, "vehicle_theft": 0.06, "burglary_residential": 0.05},
    **{"drug_possession": 0.05, "violence_with_injury": 0.04, "robbery": 0.03, "drug_dealing_report": 0.02},
    **{"drug_supply": 0.01, "weapons_possession": 0.01, "rape": 0.004, "arson": 0.004, "homicide": 0.002},
}
DISCOVERY = {"drug_possession": "police", "drug_supply": "police", "weapons_possession": "police"}
MAPPING = """
name: large_city
about: "A seeded city"
source: "large-city"
columns: {incident_id: event_id, occurred_at: occurred_at, offence: offence, x: lon, y: lat}
time_zone: America/New_York
offences: offences.csv
discovery: public
"""
CONFIG = """
force:
  name: "Large city"
  time_zone: "America/New_York"
  crs: "EPSG:32618"
  areas: {path: areas.geojson, id_column: name}
ingest: {mapping: mapping.yaml}
"""


def write_city(folder: Path, incidents: int, people: int = 200_000, seed: int = 1) -> None:
    """Write incidents.parquet, areas.geojson, config.yaml, mapping.yaml, offences.csv and events/ into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    (folder / "mapping.yaml").write_text(MAPPING)
    (folder / "config.yaml").write_text(CONFIG)
    rows = [{"offence": code, "offence_code": code, "discovery": DISCOVERY.get(code, "")} for code in OFFENCES]
    pd.DataFrame(rows).to_csv(folder / "offences.csv", index=False)
    write_areas(folder / "areas.geojson")
    corners = lay_corners(rng)
    write_incidents(folder / "incidents.parquet", incidents, corners, rng)
    write_events(folder / "events", people, corners, rng)


def write_areas(path: Path) -> None:
    """Write 500 rectangles on whole cells."""
    across, up = np.meshgrid(np.arange(COLUMNS), np.arange(ROWS))
    x, y = ORIGIN_M[0] + across.ravel() * AREA_M[0], ORIGIN_M[1] + up.ravel() * AREA_M[1]
    boxes = shapely.box(x, y, x + AREA_M[0], y + AREA_M[1])
    areas = gpd.GeoDataFrame({"name": [f"A{n:03d}" for n in range(len(x))]}, geometry=boxes, crs=CRS)
    areas.to_crs("EPSG:4326").to_file(path, driver="GeoJSON", COORDINATE_PRECISION=9)


def lay_corners(rng: np.random.Generator) -> pd.DataFrame:
    """Return lon, lat and share of incidents (heavy-tailed) of every corner."""
    x = ORIGIN_M[0] + rng.uniform(0, COLUMNS * AREA_M[0], CORNERS)
    y = ORIGIN_M[1] + rng.uniform(0, ROWS * AREA_M[1], CORNERS)
    lon, lat = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(x, y)
    weight = rng.lognormal(0, 1.2, CORNERS)
    return pd.DataFrame({"lon": np.round(lon, 6), "lat": np.round(lat, 6), "share": weight / weight.sum()})


def write_incidents(path: Path, incidents: int, corners: pd.DataFrame, rng: np.random.Generator) -> None:
    """Write Parquet as a city publishes it: an id, local time, offence, category, coordinates, district and block."""
    codes = np.array(list(OFFENCES))
    chance = np.array(list(OFFENCES.values()))
    end = np.datetime64(AS_OF, "us")
    with pq.ParquetWriter(path, incident_schema()) as file:
        for first in range(0, incidents, ROW_GROUP):
            n = min(ROW_GROUP, incidents - first)
            place = rng.choice(CORNERS, n, p=corners["share"])
            code = rng.choice(len(codes), n, p=chance / chance.sum())
            happened = end - rng.integers(1, DAYS * 86_400, n) * np.timedelta64(1_000_000, "us")
            table = {
                "event_id": [f"{number:012d}" for number in range(first, first + n)],
                "occurred_at": happened,
                "offence": pa.array(codes).take(pa.array(code)),
                "category": pa.array([word.split("_")[0] for word in codes]).take(pa.array(code)),
                "lon": corners["lon"].to_numpy()[place],
                "lat": corners["lat"].to_numpy()[place],
                "district": (place % 21).astype(np.int16),
                "block": pa.array([f"{n // 40 * 100} BLOCK {n % 40}TH ST" for n in range(CORNERS)]).take(
                    pa.array(place)
                ),
            }
            file.write_table(pa.table(table, schema=incident_schema()), row_group_size=ROW_GROUP)


def incident_schema() -> pa.Schema:
    """Return the columns of the published file."""
    return pa.schema(
        {
            **{"event_id": pa.string(), "occurred_at": pa.timestamp("us"), "offence": pa.string()},
            **{"category": pa.string(), "lon": pa.float64(), "lat": pa.float64()},
            **{"district": pa.int16(), "block": pa.string()},
        }
    )


def write_events(folder: Path, people: int, corners: pd.DataFrame, rng: np.random.Generator) -> None:
    """Write people, three involvements for two of them, custody, warrants and four weeks of staffing."""
    folder.mkdir(exist_ok=True)
    kinds = {
        "persons": ("harmspot.person.updated.v1", persons(people, rng)),
        "incidents": ("harmspot.incident.recorded.v1", involving(people, corners, rng)),
        "custody": ("harmspot.custody.changed.v1", custody(people, rng)),
        "warrants": ("harmspot.warrant.changed.v1", warrants(people, rng)),
        "staffing": ("harmspot.staffing.reported.v1", staffing()),
    }
    for topic, (kind, rows) in kinds.items():
        with (folder / f"{topic}.jsonl").open("w") as file:
            for number, data in enumerate(rows):
                event = {"specversion": "1.0", "type": kind, "source": "large-city", "id": f"{topic}-{number}"}
                file.write(json.dumps({**event, "data": data}) + "\n")


def persons(people: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield everybody with a birth date."""
    years = rng.integers(1955, 2005, people)
    for number, year in enumerate(years.tolist()):
        yield {"person_id": f"P{number}", "version": 1, "birth_date": f"{year}-06-15"}


def involving(people: int, corners: pd.DataFrame, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield incidents with one known person each, heavy-tailed: half of the people are in none."""
    who = np.repeat(np.arange(people), rng.poisson(rng.gamma(0.3, 5.0, people)))
    codes = rng.choice(["robbery", "violence_with_injury", "public_order", "drug_supply"], len(who))
    roles = rng.choice(["suspect", "charged", "convicted", "victim"], len(who))
    places = corners[["lon", "lat"]].to_numpy()[rng.choice(CORNERS, len(who), p=corners["share"])]
    days = rng.integers(1, DAYS, len(who))
    for number, (person, code, role, (lon, lat), day) in enumerate(
        zip(who.tolist(), codes.tolist(), roles.tolist(), places.tolist(), days.tolist(), strict=True)
    ):
        yield {
            **{"incident_id": f"k{number}", "version": 1, "status": "recorded", "occurred_at": moment(day)},
            **{"offence_code": code, "discovery": "public", "location": {"lon": lon, "lat": lat}},
            "involvements": [{"person_id": f"P{person}", "role": role}],
        }


def custody(people: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield a stay of ninety days for every fifth person."""
    for person, day in enumerate(rng.integers(100, DAYS, people // 5).tolist()):
        stay = {"from": moment(day), "to": moment(day - 90), "kind": "prison"}
        yield {"person_id": f"P{person * 5}", "version": 1, **stay}


def warrants(people: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield a warrant for every hundredth person."""
    for person, day in enumerate(rng.integers(1, 400, people // 100).tolist()):
        yield {
            **{"warrant_id": f"w{person}", "version": 1, "person_id": f"P{person * 100}", "kind": "bench"},
            **{"issued_at": moment(day), "status": "outstanding", "underlying_offence_code": "robbery"},
        }


def staffing() -> Iterator[dict[str, Any]]:
    """Yield one shift a day in every area."""
    for day in range(1, 29):
        shift = {"shift_start": moment(day), "shift_end": moment(day, hours=8)}
        for area in range(COLUMNS * ROWS):
            yield {"area_id": f"A{area:03d}", **shift, "rostered_hours": 40.0, "available_hours": 32.0 + area % 9}


def moment(days_ago: int, hours: int = 0) -> str:
    """Return noon, UTC, so many days before the last."""
    noon = datetime(AS_OF.year, AS_OF.month, AS_OF.day, 12, tzinfo=UTC)
    return (noon - timedelta(days=days_ago) + timedelta(hours=hours)).isoformat()
