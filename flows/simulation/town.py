"""A simulated town on disk: events, map, configuration and, in a separate folder, the truth."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

from models.simulate import SideEffects, simulate
from pipeline.complete_file import write_complete


@dataclass(frozen=True, slots=True)
class TownFiles:
    """The folder of a written town and its number of records."""

    folder: Path
    event_count: int

    @property
    def events(self) -> Path:
        """The folder of the event files."""
        return self.folder / "events"

    @property
    def config_file(self) -> Path:
        """The path of the configuration."""
        return self.folder / "config.yaml"


def write_town(
    folder: Path,
    *,
    seed: int,
    days: int,
    end: date,
    with_markets: bool = True,
    side_effects: SideEffects | None = None,
) -> TownFiles:
    """Simulate a town and write `events/<topic>.jsonl`, the map, `config.yaml`, and `truth/*.parquet`."""
    town = simulate(seed=seed, days=days, end=end, with_markets=with_markets, side_effects=side_effects)
    folder.mkdir(parents=True, exist_ok=True)
    write_map(folder, seed, town.areas, town.points_of_interest)
    for name in ("events", "truth"):
        (folder / name).mkdir(exist_ok=True)
    for topic, records in town.records.items():
        (folder / "events" / f"{topic}.jsonl").write_bytes(b"".join(value + b"\n" for _, value in records))
    for name, frame in town.truth.items():
        frame.to_parquet(folder / "truth" / f"{name}.parquet", index=False)
    return TownFiles(folder, sum(map(len, town.records.values())))


def write_map(folder: Path, seed: int, areas: object, points_of_interest: object) -> None:
    """Write `config.yaml`, by which an interrupted demo is recognised, and then a town's map."""
    write_complete(folder / "config.yaml", yaml.safe_dump(_configuration(seed), sort_keys=False).encode())
    _write_json(folder / "areas.geojson", areas)
    _write_json(folder / "points_of_interest.geojson", points_of_interest)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


def _configuration(seed: int) -> dict[str, object]:
    return {
        "seed": seed,
        "force": {
            "name": f"Simulated town {seed}",
            "time_zone": "Europe/London",
            "areas": {"path": "areas.geojson", "id_column": "area_id", "name_column": "name", "version": "1"},
            "points_of_interest": "points_of_interest.geojson",
        },
    }
