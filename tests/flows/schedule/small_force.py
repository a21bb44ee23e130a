"""A force of four areas and forty people, small enough to be run hundreds of times: what it reports day by day."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import yaml

FIRST_DAY = date(2025, 1, 1)
PEOPLE, INCIDENTS_A_DAY = 40, 12
OFFENCES = ("robbery", "violence_with_injury", "criminal_damage", "drug_supply", "burglary_residential")
SETTINGS = {
    "places": {"draws": 100, "window_days": 60, "cell_size_m": 300},
    "people": {"draws": 200, "window_days": 365},
    "forecast": {"draws": 16, "history_days": 60},
    "crackdowns": {"draws": 50},
    "quality": {"newest_days": 365},
    "layers": {"formats": ["geopackage"]},
}


def write_force(folder: Path, **settings: object) -> Path:
    """Write a map and its configuration to a new folder, and return the path of the configuration."""
    folder.mkdir(parents=True)
    squares = [(0, 0), (1, 0), (0, 1), (1, 1)]
    features = [
        {
            "type": "Feature",
            "properties": {"area_id": f"A{number}"},
            "geometry": {"type": "Polygon", "coordinates": [_square(*at)]},
        }
        for number, at in enumerate(squares)
    ]
    (folder / "areas.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    force = {"name": "Small force", "time_zone": "UTC", "areas": {"path": "areas.geojson", "id_column": "area_id"}}
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"force": force, **SETTINGS, **settings}))
    return config


def write_people(folder: Path) -> Path:
    """Write the events by which the people are known, and return their file."""
    people = [{"person_id": f"P{n:03}", "version": 1, "birth_date": f"{1960 + n}-05-01"} for n in range(PEOPLE)]
    lines = [_event("person.updated", f"p{n}", FIRST_DAY, person) for n, person in enumerate(people)]
    return _written(folder / "persons.jsonl", lines)


def write_day(folder: Path, day: date) -> Path:
    """Write what is reported of a day: incidents, shifts, and a row that cannot be used; return the file."""
    return _written(folder / f"{day}.jsonl", [*_of_day(day), "{not json"])


def _of_day(day: date) -> Iterator[str]:
    draw = np.random.default_rng(day.toordinal())
    midnight = datetime.combine(day, time(), UTC)
    for number in range(INCIDENTS_A_DAY):
        east, north = draw.beta(2, 5, size=2) * 0.03
        person = int(PEOPLE * draw.beta(1, 6))
        incident = {
            "incident_id": f"I{day}-{number}",
            "version": 1,
            "status": "recorded",
            "occurred_at": (midnight + timedelta(minutes=int(draw.integers(1440)))).isoformat(),
            "offence_code": OFFENCES[int(draw.integers(len(OFFENCES)))],
            "discovery": "public",
            "location": {"lon": 1 + east, "lat": 51.5 + north * 0.6},
            "involvements": [{"person_id": f"P{person:03}", "role": "charged"}],
        }
        yield _event("incident.recorded", f"i{day}-{number}", day, incident)
    for area in range(4):
        shift = {"shift_start": midnight.isoformat(), "shift_end": (midnight + timedelta(hours=8)).isoformat()}
        hours = {"area_id": f"A{area}", "rostered_hours": 40, "available_hours": 30 + area}
        yield _event("staffing.reported", f"s{day}-{area}", day, {**shift, **hours})


def _event(kind: str, event_id: str, day: date, data: dict[str, object]) -> str:
    about = {"specversion": "1.0", "type": f"harmspot.{kind}.v1", "source": "/small", "id": event_id}
    return json.dumps({**about, "time": f"{day}T23:59:00Z", "data": data})


def _written(file: Path, lines: list[str]) -> Path:
    file.write_text("\n".join(lines) + "\n")
    return file


def _square(east: int, north: int) -> list[list[float]]:
    corners = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
    return [[1 + 0.015 * (east + x), 51.5 + 0.009 * (north + y)] for x, y in corners]
