"""The Prefect flows: each task is a decorator over a plain stage function, so one code path serves both ways to run.

Frames pass from task to task in memory and are never persisted: no person row reaches Prefect's database.
Retries stand on the edge stages alone; a model that fails fails for good.
"""

import functools
import traceback
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed

from flows.home.home import Home
from flows.home.rows import to_json_rows
from flows.ingest.ingest import ingest_sources
from flows.schedule.backfill import backfill as plain_backfill
from flows.schedule.daily import EDGE_STAGES, RunSummary, daily_run
from flows.schedule.late import rerun_late
from pipeline.errors import BrokerError, HarmspotError, StoreBusyError
from pipeline.privacy.pii_guard import without_people
from pipeline.publication.publish import read_published

RETRY_DELAYS_S: list[float] = [1, 5, 25]  # growing, so that a broker or a lock has time to come back

HALTED = "Halted"  # a run that was done and published, and whose lists nobody may approve or use


def call_as_task(stage: Callable[..., Any], *arguments: Any) -> Any:
    """Call a stage as a Prefect task of its own name."""
    delays_s = RETRY_DELAYS_S if stage in EDGE_STAGES else []
    as_task = task(
        name=stage.__name__,
        retries=len(delays_s),
        retry_delay_seconds=delays_s,
        retry_condition_fn=_may_pass,
        cache_policy=NO_CACHE,
        persist_result=False,
    )(without_people_in_errors(stage))
    return as_task(*arguments)


def without_people_in_errors(stage: Callable[..., Any]) -> Callable[..., Any]:
    """Return the stage with its errors blotted: Prefect keeps their text, and a library may quote what it failed on."""

    @functools.wraps(stage)
    def guarded(*arguments: Any) -> Any:
        try:
            return stage(*arguments)
        except Exception as error:
            told = "".join(traceback.format_exception(error))
            if without_people(told) == told:
                raise
            blotted = f"{type(error).__name__} in {stage.__name__}: {without_people(str(error))}"
        raise HarmspotError(blotted)

    return guarded


def _may_pass(task: Any, run: Any, state: Any) -> bool:
    """Return whether trying again can help: a broker or lock comes back, a missing file or a wrong key does not."""
    try:
        state.result()
    except (BrokerError, StoreBusyError):
        return True
    except Exception:
        return False
    return False


@flow(name="harmspot-ingest", persist_result=False)
def ingest(home: Path, config_file: Path | None = None) -> dict[str, int]:
    """Read every source of the settings until caught up."""
    counts = call_as_task(ingest_sources, Home(home, config_file).ensure())
    return {"rows_in": counts.rows_in, "stored": counts.stored, "duplicates": counts.duplicates, "dead": counts.dead}


@flow(name="harmspot-daily", persist_result=False)
def daily(
    home: Path,
    config_file: Path | None = None,
    as_of: date | None = None,
    known_at: datetime | None = None,
    clock: datetime | None = None,
) -> RunSummary:
    """Ingest, prioritise and publish one day; `as_of` is by default the local day of the clock."""
    at = Home(home, config_file, clock)
    summary = daily_run(at, as_of or at.today(), known_at, call=call_as_task)
    _show_places(at, summary)
    return _ended([summary], summary)


@flow(name="harmspot-late", persist_result=False)
def late(home: Path, config_file: Path | None = None, clock: datetime | None = None) -> list[RunSummary]:
    """Redo the kept days that late data or corrections have touched, oldest first."""
    summaries = rerun_late(Home(home, config_file, clock), call=call_as_task)
    return _ended(summaries, summaries)


@flow(name="harmspot-backfill", persist_result=False)
def backfill(
    home: Path,
    first: date,
    last: date,
    config_file: Path | None = None,
    known_at: datetime | None = None,
    step_days: int = 1,
) -> list[RunSummary]:
    """Run every `step_days`-th day from `first` to `last` in ascending order."""
    summaries = plain_backfill(Home(home, config_file), first, last, step_days, known_at, call=call_as_task)
    return _ended(summaries, summaries)


def _ended(summaries: list[RunSummary], value: Any) -> Any:
    """Return what the flow returns: `value`, in state Halted where the last run left lists halted.

    Whoever calls the flow gets the value either way; whoever watches a schedule sees the state and its message.
    """
    if summaries and summaries[-1].halted_because:
        return Completed(name=HALTED, message=summaries[-1].halted_because, data=value)
    return value


def _show_places(home: Home, summary: RunSummary) -> None:
    """Leave the area ranking and a summary as artifacts; of people, counts alone."""
    ranking = read_published(home.path, "area_ranking", summary.run_id)
    columns = ["rank", "area_id", "p_top_k", "rank_lo", "rank_hi", "harm_per_day", "crimes_per_officer_hour"]
    create_table_artifact(
        key="area-ranking",
        table=to_json_rows(ranking.sort_values("rank")[columns].round(4)),
        description=f"Areas by harm, as of {summary.as_of}, run {summary.run_id}",
    )
    create_markdown_artifact(key="run-summary", markdown=summary.markdown())
