"""The daily run: ingest, prioritise, publish; plain stages that a caller may wrap as Prefect tasks."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from flows.decisions.audits import begin_audits, halt
from flows.decisions.lists import revoke_outdated
from flows.decisions.notice_upkeep import maintain_notices
from flows.decisions.partners import deliver_or_log
from flows.home.home import Home
from flows.home.run_identity import RunIdentity, hash_of_erasures
from flows.home.stage import Call, direct
from flows.home.store_access import read_human_events
from flows.human_log.list_events import erased_people
from flows.human_log.projections import project_home, projector
from flows.ingest.ingest import ingest_sources
from flows.outputs.render import write_outputs, written_run
from flows.run.assembly import read_map
from flows.run.prioritise import Products, prioritise
from pipeline.publication.publish import has_run, predecessor, publish, runs, table_counts
from pipeline.store.snapshot import resolve_known_at


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
    halted_because: str | None = None  # why lists that choose people stay drafts, with the way out

    def as_json(self) -> dict[str, Any]:
        """Return one JSON-ready object."""
        return {
            "run_id": self.run_id,
            "as_of": self.as_of.isoformat(),
            "known_at": self.known_at.isoformat(),
            "is_new": self.is_new,
            "counts": {**self.place_counts, **self.people_counts},
            "seconds": round(self.seconds, 3),
            "halted_because": self.halted_because,
        }

    def text(self) -> str:
        """Return one line for a person."""
        what = "published" if self.is_new else "was already published; nothing changed"
        places = ", ".join(f"{n:,} {name}" for name, n in self.place_counts.items() if n)
        return f"run {self.run_id} as of {self.as_of:%Y-%m-%d %H:%M}Z {what} in {self.seconds:.1f} s: {places}"

    def markdown(self) -> str:
        """Return the summary that stands beside the flow run; of people, counts alone."""
        rows = [f"| {name} | {n:,} |" for name, n in {**self.place_counts, **self.people_counts}.items()]
        halted = [f"**{self.halted_because}**", ""] if self.halted_because else []
        return "\n".join([f"# Run {self.run_id}", "", *halted, "| table | rows |", "| --- | --- |", *rows])


def daily_run(home: Home, day: date, known_at: datetime | None = None, call: Call = direct) -> RunSummary:
    """Do the whole daily run for the local `day`; a run that both files already hold is left alone.

    `known_at` is by default the greatest time of ingestion in the store. `call` says how a stage is called.
    """
    began = time.perf_counter()
    step = announced(home, call)
    if home.settings.ingest.sources:
        step(ingest_sources, home)
    identity = step(identify_run, home, home.midnight(day), known_at)
    step(begin_audits, home, identity)
    is_new = not has_run(home.path, home.key, identity.run_id)
    if is_new:
        products = prioritise(home, identity, step)
        step(maintain_notices, home, identity, products)
        step(publish_run, home, identity, products)
    step(bring_up_to_date, home)
    deliver_or_log(home)
    # The page and layers are those of the latest day: an older one, run again, must not be taken for it.
    latest = str(runs(home.path)["run_id"].iloc[-1])
    if written_run(home) != latest:
        step(write_outputs, home, latest)
    places, people = table_counts(home.path, home.key, identity.run_id)
    seconds = time.perf_counter() - began
    return RunSummary(identity.run_id, identity.as_of, identity.known_at, is_new, places, people, seconds, halt(home))


def identify_run(home: Home, as_of: datetime, known_at: datetime | None) -> RunIdentity:
    """Return the identity of the run at both clocks, with its predecessor among the kept runs."""
    settings = home.settings
    if known_at is not None and known_at > home.now():
        home.progress(f"--known-at {known_at.isoformat()} is yet to come: what is loaded until then makes no new run")
    resolved = resolve_known_at(home.store, home.key, known_at, wait_s=settings.store.wait_s, progress=home.progress)
    before = predecessor(home.path, as_of, resolved)
    return RunIdentity(
        as_of=as_of,
        known_at=resolved,
        predecessor_run_id=before["run_id"] if before else None,
        settings=settings,
        crs=read_map(settings).grid.crs,
        erasures_hash=hash_of_erasures(erased_people(read_human_events(home))),
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
        projector=projector(home),
    )
    return list(result.paths)


def bring_up_to_date(home: Home) -> list[str]:
    """Revoke what the latest run has outdated, show what people did and the clock changed, and return what was revoked.

    Every run does it, a repeat as well: the one that published may have been stopped before it came to this.
    """
    revoked = revoke_outdated(home)
    project_home(home)
    return revoked


def announced(home: Home, call: Call) -> Call:
    """Return `call`, saying each stage before it begins, so that nobody waits in silence."""

    def step(stage: Callable[..., Any], *arguments: Any) -> Any:
        home.progress(f"  {stage.__name__.replace('_', ' ')}")
        return call(stage, *arguments)

    return step


# What meets brokers, locks and disks, and may be tried again.
EDGE_STAGES = (ingest_sources, begin_audits, maintain_notices, publish_run, bring_up_to_date)
