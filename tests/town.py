"""A home with one run of a simulated town, and what was planted in it: what tests of the whole share."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from flows.decisions.list_effects import register_effect
from flows.decisions.lists import approve_list, open_list
from flows.home.home import Home
from flows.schedule.daily import RunSummary
from flows.simulation.town import TownFiles, write_town
from models.governance.list_lifecycle import list_id_of
from pipeline.events.batch import BatchCounts
from pipeline.privacy.pseudonyms import Pseudonymiser
from pipeline.publication.publish import read_published, read_restricted

AS_OF = date(2026, 1, 1)
CLOCK = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = "5e" * 32

# A town's people and places stand out as well with a tenth of the draws of a force.
DRAWS = {"places": 200, "people": 200, "crackdowns": 200}


def write_quick_town(folder: Path, *, seed: int, days: int, end: date) -> TownFiles:
    """Write a simulated town whose runs draw less often than those of a force."""
    files = write_town(folder, seed=seed, days=days, end=end)
    with files.config_file.open("a") as config:
        config.write("".join(f"{section}: {{draws: {draws}}}\n" for section, draws in DRAWS.items()))
        config.write("schedule: {brief: false}\n")  # tests of it ask for it
    return files


@dataclass
class TownRun:
    """A home with one run of a simulated town, and what was planted in it."""

    files: TownFiles
    home: Home
    loaded: BatchCounts
    summary: RunSummary
    said: list[str] = field(default_factory=list)

    def truth(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.files.folder / "truth" / f"{name}.parquet")

    def people(self) -> pd.DataFrame:
        """The planted people by pseudonym."""
        truth = self.truth("people")
        return truth.assign(person_id=truth["person_id"].map(Pseudonymiser(self.home.key.pseudonym)))

    def published(self, table: str) -> pd.DataFrame:
        return read_published(self.home.path, table, self.summary.run_id)

    def restricted(self, table: str) -> pd.DataFrame:
        return read_people(self.home, table, self.summary.run_id)


def naming(needles: Iterable[bytes], contents: Iterable[tuple[str, bytes]]) -> list[str]:
    """Return the names of the contents in which a needle, an id that begins with P or p_, occurs."""
    sought = set(needles)
    lengths = {len(needle) for needle in sought}
    assert sought and all(needle.startswith((b"P", b"p_")) for needle in sought)

    def occurs(content: bytes) -> bool:
        starts = (found.start() for found in re.finditer(b"P|p_", content))
        return any(content[start : start + length] in sought for start in starts for length in lengths)

    return [name for name, content in contents if occurs(content)]


def event(kind: str, event_id: str, data: dict[str, Any]) -> str:
    """A line of an event file."""
    envelope = {"specversion": "1.0", "type": f"harmspot.{kind}.v1", "source": "/test", "id": event_id}
    return json.dumps({**envelope, "data": data}) + "\n"


def cancellation(incident_id: str) -> str:
    """The event that takes an incident back."""
    data = {"incident_id": incident_id, "version": 99, "status": "cancelled", "occurred_at": "2025-06-01T00:00:00Z"}
    more = {"offence_code": "robbery", "discovery": "public", "location": {"area_id": "A01"}}
    return event("incident.recorded", f"cancel-{incident_id}", {**data, **more})


def read_people(home: Home, table: str, run_id: str) -> pd.DataFrame:
    log = home.access_log
    now = max(home.now(), log.last_at() or home.now())
    return read_restricted(
        home.path, home.key, table, reader="a test", purpose="a test reads", log=log, now=now, run_id=run_id
    )


def approve_tiers(home: Home, run_id: str) -> str:
    """Register what person_tier should bring about, approve that of a run, as letters need it, and return its id."""
    said = {"outcome": "harm reported a year on", "comparison": "those just below the list", "by": "Supt. A. Lee"}
    register_effect(home, "person_tier", stop_on=home.today() + timedelta(days=60), **said)
    list_id = list_id_of("person_tier", run_id)
    for reader in ("Sgt. A. Bell", "Supt. A. Lee"):
        open_list(home, list_id, reader=reader, purpose="approve the list")
    approve_list(home, list_id, by="Supt. A. Lee", reason="evidence read and found sound")
    return list_id
