"""The daily run: ingest, prioritise, publish; plain stages that a caller may wrap as Prefect tasks."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from flows.brief.morning import morning_brief
from flows.decisions.audits import begin_audits
from flows.decisions.desk import at_desk
from flows.decisions.lists import revoke_outdated
from flows.decisions.notice_upkeep import maintain_notices
from flows.decisions.partners import deliver_or_log
from flows.health.retention import refuse_behind_edge
from flows.home import log
from flows.home.home import Home
from flows.home.last_run import LastRun, recorded
from flows.home.run_identity import RunIdentity, hash_of_erasures
from flows.home.stage import Call, P, R, direct
from flows.home.store_access import open_home_store, refuse_clock_ahead
from flows.human_log.audit_events import halt_of
from flows.human_log.embargoes import cells_of_run
from flows.human_log.ledger import read_ledger
from flows.human_log.projections import projector
from flows.ingest.ingest import ingest_reachable, ingest_sources
from flows.inputs.assembly import Map, read_map
from flows.outputs.render import write_outputs, written_run
from flows.run.prioritise import Products, prioritise
from models.area_review.near_list import near_line
from models.places.quality_checks import warnings, warnings_of_ranking
from pipeline.errors import BrokerError
from pipeline.local_time import local_text
from pipeline.privacy.raw_ids import refuse_raw_ids
from pipeline.publication.publish import has_run, predecessor, publish, read_published, runs, table_counts, unusable
from pipeline.shared_store.opening import resolve_known_at
from pipeline.terminal_text import inert_in_markdown


@dataclass(frozen=True, slots=True)
class RunSummary:
    """Summary of a run: identity, clocks, counts by table, seconds."""

    run_id: str
    as_of: datetime
    known_at: datetime
    is_new: bool
    place_counts: dict[str, int]
    people_counts: dict[str, int]
    seconds: float
    halted_because: str | None = None  # why lists that choose people cannot be approved, with the remedy
    unusable_because: str | None = None  # the failed checks of a run that nobody may act on
    warnings: tuple[str, ...] = ()  # what its checks say beside that
    near: str | None = None  # which area comes next on a list that is not empty

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
            "unusable_because": self.unusable_because,
            "warnings": list(self.warnings),
            "near": self.near,
        }

    def text(self) -> str:
        """Return one line of text."""
        what = "published" if self.is_new else "was already published; nothing changed"
        if self.unusable_because:
            what = f"{what}, marked UNUSABLE,"
        places = ", ".join(f"{n:,} {name}" for name, n in self.place_counts.items() if n)
        return f"run {self.run_id} as of {local_text(self.as_of)} {what} in {self.seconds:.1f} s: {places}"

    def markdown(self) -> str:
        """Return the summary attached to the flow run; of people, only counts."""
        rows = [f"| {name} | {n:,} |" for name, n in {**self.place_counts, **self.people_counts}.items()]
        said = [unusable(self.unusable_because)] if self.unusable_because else []
        said += [self.halted_because] if self.halted_because else []
        lines = [f"**{inert_in_markdown(text)}**" for text in said]
        lines += [inert_in_markdown(text) for text in (*(f"Look: {text}" for text in self.warnings), self.near or "")]
        lines = [line for line in lines if line]
        on_top = [line for text in lines for line in (text, "")]
        return "\n".join([f"# Run {self.run_id}", "", *on_top, "| table | rows |", "| --- | --- |", *rows])


def daily_run(
    home: Home,
    day: date,
    known_at: datetime | None = None,
    call: Call = direct,
    *,
    allow_empty: bool = False,
    is_rerun: bool = False,
) -> RunSummary:
    """Do the complete daily run for a local day; a run that is already published is not repeated.

    A run whose input fails a check is refused before anything is written. An unusable run, which `allow_empty` lets
    through, replaces no usable one: readers get it by its id, or where no usable run is kept.

    Parameters
    ----------
    home : Home
        Home to run in.
    day : date
        Local day; its midnight is the run's as_of.
    known_at : datetime or None
        Second clock of the run; by default the latest time of ingestion in the store.
    call : Call
        Function that calls a stage, directly or as a Prefect task.
    allow_empty : bool
        Whether a run whose input fails a check is published all the same, marked unusable.
    is_rerun : bool
        Whether an earlier day is run again: it says nothing of how the day's own run ended.

    Returns
    -------
    RunSummary
        Identity, counts and duration of the run.

    Raises
    ------
    QualityError
        The input fails a check, and `allow_empty` is False.
    BrokerError
        A source does not answer, and `ingest.when_unreachable` is refuse.
    PublicationError
        The published file is of another home.
    ClockError
        The clock is far ahead of all that the home has recorded.
    SettingsError
        The settings are of another force.
    """
    home.refuse_other_force()  # before anything is written
    began = time.perf_counter()
    with log.logged(as_of=day.isoformat(), began=began), recorded(home.path, day, is_kept=not is_rerun) as run:
        home.refuse_foreign_publication()
        with open_home_store(home) as store:
            refuse_clock_ahead(home, store)
        with home.protecting():  # places never wait for a log of people that is ahead of the clock
            summary = _daily_run(home, day, known_at, announced(home, call, run), allow_empty=allow_empty)
        run.outcome = "unusable" if summary.unusable_because else "published" if summary.is_new else "unchanged"
        run.run_id, run.is_halted = summary.run_id, summary.halted_because is not None
        morning_brief(home, summary.run_id)
    return replace(summary, seconds=time.perf_counter() - began)


def _daily_run(home: Home, day: date, known_at: datetime | None, step: Call, *, allow_empty: bool) -> RunSummary:
    unreachable = read_sources(home, step)
    geography = step(read_map, home.settings)
    identity = step(identify_run, home, geography, home.midnight(day), known_at, allow_empty=allow_empty)
    is_new = not has_run(home.path, home.key, identity.run_id)
    if is_new and unreachable:  # else what is known was published before, and is no older
        identity = replace(identity, unreachable=unreachable)
        is_new = not has_run(home.path, home.key, identity.run_id)
    log.add_fields(run_id=identity.run_id)
    if is_new:
        products = prioritise(home, identity, geography, step, allow_empty=allow_empty)
        identity = replace(identity, unusable_because=products.unusable_because)
        is_new = not has_run(home.path, home.key, identity.run_id)
    if is_new:
        step(search_for_people, home, identity, products)
    if identity.is_usable:
        step(begin_audits, home, identity)
    if is_new:
        if identity.is_usable:
            step(maintain_notices, home, identity, products)
        step(publish_run, home, identity, products)
    step(bring_up_to_date, home)
    deliver_or_log(home)
    # The report and layers show the latest run: an older day that is run again must not replace them.
    latest = str(runs(home.path)["run_id"].iloc[-1])
    if written_run(home) != latest:
        step(write_outputs, home)  # of the run that is the latest by then
    places, people = table_counts(home.path, home.key, identity.run_id)
    halted = halt_of(home, read_ledger(home), home.now())
    checks, quality = (read_published(home.path, name, identity.run_id) for name in ("quality_check", "data_quality"))
    return RunSummary(
        identity.run_id,
        identity.as_of,
        identity.known_at,
        is_new,
        places,
        people,
        seconds=0.0,  # until the run has ended
        halted_because=halted,
        unusable_because=identity.unusable_because,
        warnings=(*warnings(checks), *warnings_of_ranking(quality)) if identity.is_usable else (),
        near=near_line(checks),
    )


def read_sources(home: Home, step: Call) -> tuple[str, ...]:
    """Read the sources of the settings, and return those that the run does without.

    A source that does not answer is asked again, as often as `step` retries a stage, before the run does without it.

    Raises
    ------
    BrokerError
        A source does not answer, and `ingest.when_unreachable` is refuse.
    """
    if not home.settings.ingest.sources:
        return ()
    try:
        step(ingest_sources, home)
    except BrokerError:
        if home.settings.ingest.when_unreachable == "refuse":
            raise
        return step(ingest_reachable, home)
    return ()


def identify_run(
    home: Home, geography: Map, as_of: datetime, known_at: datetime | None, *, allow_empty: bool = False
) -> RunIdentity:
    """Return the identity of the run at both clocks, with its predecessor among the kept runs.

    An empty store is refused, or, with `allow_empty`, known as of the day of the run; so is a day that reads what
    retention dropped.
    """
    settings = home.settings
    if known_at is not None and known_at > home.now():
        home.progress(
            f"--known-at {home.local_text(known_at)} is in the future: data loaded until then will not make a new run"
        )
    resolved = resolve_known_at(
        home.store,
        home.key,
        known_at,
        if_empty=as_of if allow_empty else None,
        wait_s=settings.store.wait_s,
        progress=home.progress,
    )
    before, ledger = predecessor(home.path, as_of, resolved), read_ledger(home)
    refuse_behind_edge(home, ledger, as_of)
    return RunIdentity(
        as_of=as_of,
        known_at=resolved,
        predecessor_run_id=before["run_id"] if before else None,
        settings=settings,
        crs=geography.grid.crs,
        erasures_hash=hash_of_erasures(ledger.erased_people),
        withheld_cells=cells_of_run(ledger, as_of, resolved, home.now()),
        is_rehearsal=home.is_rehearsal,
    )


def search_for_people(home: Home, identity: RunIdentity, products: Products) -> None:
    """Raise PublicationError if a table of the run, or its row in table `run`, holds a known raw id.

    Nothing of the run is written before: a notice drafted from it would be shown by the next decision.
    """
    with open_home_store(home) as store:
        run = pd.DataFrame([_row_of(home, identity, products)])
        tables = {"run": run, **products.published, **products.restricted}
        raw_ids = [*store.raw_ids(), *store.erased_ids_in(tables)]
    refuse_raw_ids(tables, raw_ids)


def _row_of(home: Home, identity: RunIdentity, products: Products) -> dict[str, Any]:
    shapes_id = products.published["map_shape"]["shapes_id"].iloc[0]
    row = identity.row(is_staffing_assumed=products.is_staffing_assumed, shapes_id=shapes_id)
    return row | {"home_name": home.key.home_name}


def publish_run(home: Home, identity: RunIdentity, products: Products) -> list[Path]:
    """Write both publication files and rename them over the old ones, restricted first."""
    row = _row_of(home, identity, products)
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
    """Revoke lists that the latest run downgrades, refresh the projections, and return the revoked list ids.

    Every run does this, including a repeat, because the run that published may have stopped before this stage.
    """
    with at_desk(home) as desk:
        desk.refresh()
        return revoke_outdated(desk)


def announced(home: Home, call: Call, run: LastRun) -> Call:
    """Return `call`, with the name of each stage logged before it begins, and its seconds after it and in `run`."""

    def step(stage: Callable[P, R], /, *arguments: P.args, **options: P.kwargs) -> R:
        name = stage.__name__
        with log.logged(stage=name):
            home.progress(f"  {name.replace('_', ' ')}")
            with run.timing(name):
                result = call(stage, *arguments, **options)
            log.LOG.debug("done", extra={"fields": {"stage_seconds": run.stage_seconds[name]}})
        return result

    return step


# Stages that use brokers, locks and disks, and may be retried.
EDGE_STAGES = (ingest_sources, begin_audits, maintain_notices, publish_run, bring_up_to_date)
