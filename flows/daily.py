"""The daily run: ingest, prioritise, publish; plain stages that a caller may wrap as Prefect tasks."""

import time
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from flows.assembly import read_map
from flows.home import Home
from flows.identity import RunIdentity
from flows.ingest import ingest_sources
from flows.outputs import write_outputs
from flows.prioritise import Products, prioritise
from flows.stage import Call, direct
from pipeline.known import resolve_known_at
from pipeline.publication import has_run, predecessor, publish, table_counts


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run did: identity, clocks, counts by table, seconds."""

    run_id: str
    as_of: datetime
    known_at: datetime
    is_new: bool
    place_counts: dict[str, int]
    people_counts: dict[str, int]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return one JSON-ready object."""
        return {
            "run_id": self.run_id,
            "as_of": self.as_of.isoformat(),
            "known_at": self.known_at.isoformat(),
            "is_new": self.is_new,
            "counts": {**self.place_counts, **self.people_counts},
            "seconds": round(self.seconds, 3),
        }

    def text(self) -> str:
        """Return one line for a person."""
        what = "published" if self.is_new else "was already published; nothing changed"
        places = ", ".join(f"{n:,} {name}" for name, n in self.place_counts.items() if n)
        return f"run {self.run_id} as of {self.as_of:%Y-%m-%d %H:%M}Z {what} in {self.seconds:.1f} s: {places}"

    def markdown(self) -> str:
        """Return the summary that stands beside the flow run; of people, counts alone."""
        rows = [f"| {name} | {n:,} |" for name, n in {**self.place_counts, **self.people_counts}.items()]
        return "\n".join([f"# Run {self.run_id}", "", "| table | rows |", "| --- | --- |", *rows])


def daily_run(home: Home, day: date, known_at: datetime | None = None, call: Call = direct) -> RunSummary:
    """Do the whole daily run for the local `day`; a run that both files already hold is left alone.

    `known_at` is by default the greatest time of ingestion in the store. `call` says how a stage is called.
    """
    began = time.perf_counter()
    if home.settings.ingest.sources:
        call(ingest_sources, home)
    identity = call(identify_run, home, home.midnight(day), known_at)
    is_new = not has_run(home.path, home.key, identity.run_id)
    if is_new:
        call(publish_run, home, identity, prioritise(home, identity, call))
        call(write_outputs, home, identity.run_id)
    places, people = table_counts(home.path, home.key, identity.run_id)
    return RunSummary(
        identity.run_id, identity.as_of, identity.known_at, is_new, places, people, time.perf_counter() - began
    )


def identify_run(home: Home, as_of: datetime, known_at: datetime | None) -> RunIdentity:
    """Return the identity of the run at both clocks, with its predecessor among the kept runs."""
    settings = home.settings
    before = predecessor(home.path, as_of)
    return RunIdentity(
        as_of=as_of,
        known_at=resolve_known_at(home.store, home.key, known_at, wait_s=settings.store.wait_s, announce=home.announce),
        predecessor_run_id=before["run_id"] if before else None,
        settings=settings,
        crs=read_map(settings).grid.crs,
    )


def publish_run(home: Home, identity: RunIdentity, products: Products) -> list[Path]:
    """Write both files anew and rename them over the old ones, restricted first."""
    row = identity.row(is_staffing_assumed=products.is_staffing_assumed)
    people_valid_to = dict.fromkeys(products.restricted, identity.people_valid_to)
    result = publish(
        home.path,
        row,
        products.published,
        products.restricted,
        key=home.key,
        history_runs=identity.settings.publication.history_runs,
        valid_to=people_valid_to,
    )
    return list(result.paths)


EDGE_STAGES = (ingest_sources, publish_run)  # what meets brokers, locks and disks, and may be tried again
