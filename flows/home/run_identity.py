"""Identity of a run: code, configuration, boundaries, codebook, both clocks, seed and predecessor."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from flows.home.file_hash import hash_of_bytes, hash_of_files
from flows.home.settings import ForceSettings, Settings

CHECKLIST_OF_0_1 = "63a9eb78a3cfa962475316de420ffd4ef1982ead8733adfc8e3236e216d91584"  # SHA-256 of its fidelity.yaml
REHEARSAL = " · REHEARSAL"
PACKAGES = ("pipeline", "geo", "models", "flows")
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """The clocks and hashes of one run; `row` is its row in table `run`."""

    as_of: datetime
    known_at: datetime
    predecessor_run_id: str | None
    settings: Settings
    crs: str
    erasures_hash: str | None = None  # erased people are in no later run, so the run is a different one
    # Sorted cells of places under an embargo, which the run names in nothing; nor does a log.
    withheld_cells: tuple[str, ...] = field(default=(), repr=False)
    is_rehearsal: bool = False  # of invented people: the name of the force says so, on every page and in every file
    unreachable: tuple[str, ...] = ()  # sources that did not answer before the run
    unusable_because: str | None = None  # the failed checks of a run published with --allow-empty

    @property
    def run_id(self) -> str:
        """A hash of everything that decides the content of the run."""
        deciding = [
            code_version(),
            self.settings.identity(),
            self.boundaries_hash,
            self.codebook_hash,
            self.as_of.isoformat(),
            self.known_at.isoformat(),
            self.settings.seed,
            self.predecessor_run_id,
            *([self.erasures_hash] if self.erasures_hash else []),
            *([{"withheld": self.withheld_cells}] if self.withheld_cells else []),
            *([{"rehearsal": True}] if self.is_rehearsal else []),
            *([{"unreachable": self.unreachable}] if self.unreachable else []),
            *([{"unusable": self.unusable_because}] if self.unusable_because else []),
        ]
        return hashlib.sha256(json.dumps(deciding).encode()).hexdigest()[:16]

    @property
    def is_usable(self) -> bool:
        """Return whether readers may act on the run."""
        return self.unusable_because is None

    @property
    def boundaries_hash(self) -> str:
        """A hash of the files of the force; see `hash_of_boundaries`."""
        return hash_of_boundaries(self.settings.force)

    @property
    def codebook_hash(self) -> str:
        """A hash of the codebook file."""
        return hash_of_files({"codebook": self.settings.ingest.codebook})

    @property
    def valid_to(self) -> datetime:
        """The moment until which rows about places may be used."""
        return self.as_of + timedelta(days=self.settings.publication.valid_days)

    @property
    def people_valid_to(self) -> datetime:
        """The moment until which rows about people may be used."""
        return self.as_of + timedelta(days=self.settings.publication.people_valid_days)

    def row(self, *, is_staffing_assumed: bool, shapes_id: str) -> dict[str, Any]:
        """Return the row of table `run`; `shapes_id` names what it is drawn with in table `map_shape`."""
        return {
            "run_id": self.run_id,
            "as_of": pd.Timestamp(self.as_of),
            "valid_to": pd.Timestamp(self.valid_to),
            "known_at": pd.Timestamp(self.known_at),
            "predecessor_run_id": self.predecessor_run_id,
            "code_version": code_version(),
            "config_hash": self.settings.identity(),
            "boundaries_hash": self.boundaries_hash,
            "codebook_hash": self.codebook_hash,
            "seed": self.settings.seed,
            "force_name": self.settings.force.name + (REHEARSAL if self.is_rehearsal else ""),
            "time_zone": self.settings.force.time_zone,
            "crs": self.crs,
            "top_k": self.settings.places.top_k,
            "is_staffing_assumed": is_staffing_assumed,
            "is_usable": self.is_usable,
            "unusable_because": self.unusable_because,
            "shapes_id": shapes_id,
        }


@cache
def code_version() -> str:
    """Return harmspot's version and a hash of all files that can change a result."""
    sources = [
        path
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*"))
        if path.suffix
        in {".py", ".sql", ".yml", ".csv", ".jinja", ".html", ".css", ".js", ".qml", ".xml", ".po", ".txt", ".typ"}
    ]
    return f"{version('harmspot')}+{hash_of_files({str(path.relative_to(ROOT)): path for path in sources})}"


def hash_of_boundaries(force: ForceSettings) -> str:
    """Return a hash of the files of the force, each under what it is for."""
    files = {"place names": force.place_names.path, "institutions": force.institutions, **_earlier_files(force)}
    files |= {"harm matrix": force.harm_matrix, "substances": force.substances}
    return hash_of_files(files | {f"further {name}": areas.path for name, areas in sorted(force.areas.further.items())})


def earlier_hashes_of_boundaries(force: ForceSettings) -> set[str]:
    """Return what `hash_of_boundaries` was in harmspot 0.1 and 0.2, whose checklists differ; raises OSError."""
    *others, checklist = [
        hashlib.sha256(path.read_bytes()).digest() for path in _earlier_files(force).values() if path is not None
    ]
    checklists = {checklist, bytes.fromhex(CHECKLIST_OF_0_1)}
    return {hashlib.sha256(b"".join([*others, last])).hexdigest()[:16] for last in checklists}


def _earlier_files(force: ForceSettings) -> dict[str, Path | None]:
    """Return the files that harmspot 0.1 and 0.2 hashed, in their order."""
    return {
        "areas": force.areas.path,
        "points of interest": force.points_of_interest,
        "staffing": force.staffing.path,
        "equity shares": force.equity_shares,
        "fidelity": force.fidelity,
    }


def hash_of_erasures(person_ids: Iterable[str]) -> str | None:
    """Return a hash of the erased people, or None if there are none."""
    erased = sorted(person_ids)
    return hash_of_bytes(person_id.encode() for person_id in erased) if erased else None
