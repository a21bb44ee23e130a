"""The Prefect flows. Each task wraps a plain stage function, so runs with and without Prefect share one code path.

Frames pass from task to task in memory and are never persisted: no person row reaches Prefect's database.
Only the edge stages are retried; a failure in a model is final.
"""

import functools
import time
import traceback
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import deployment, flow_run
from prefect.states import Completed

from flows.home import log
from flows.home.cron_lines import scheduled_day
from flows.home.home import Home
from flows.home.rows import to_json_rows
from flows.home.stage import P, R
from flows.ingest.ingest import ingest_sources
from flows.schedule.backfill import backfill as plain_backfill
from flows.schedule.daily import EDGE_STAGES, RunSummary, daily_run
from flows.schedule.late import rerun_late
from pipeline.errors import BrokerError, HarmspotError, StoreBusyError
from pipeline.local_time import local_text
from pipeline.privacy.pii_guard import without_people
from pipeline.publication.publish import read_published, unusable
from pipeline.terminal_text import inert_in_markdown

RETRY_DELAYS_S: list[float] = [1, 5, 25]  # growing, so that a broker or lock has time to recover

UNUSABLE = "Unusable"  # the run was published with --allow-empty, and nobody may act on it
HALTED = "Halted"  # the run was published, but its lists cannot be approved or used


def call_as_task(stage: Callable[P, R], /, *arguments: P.args, **options: P.kwargs) -> R:
    """Call a stage as a Prefect task with the stage's name."""
    delays_s = RETRY_DELAYS_S if stage in EDGE_STAGES else []
    as_task = task(
        name=stage.__name__,
        retries=len(delays_s),
        retry_delay_seconds=delays_s,
        retry_condition_fn=_is_transient,
        cache_policy=NO_CACHE,
        persist_result=False,
    )(without_people_in_errors(stage))
    return as_task(*arguments, **options)


def without_people_in_errors(stage: Callable[P, R]) -> Callable[P, R]:
    """Return the stage with PII redacted from its errors: Prefect stores their text, and libraries may quote data."""

    @functools.wraps(stage)
    def guarded(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return stage(*arguments, **options)
        except Exception as error:
            text = "".join(traceback.format_exception(error))
            if without_people(text) == text:
                raise
            redacted = f"{type(error).__name__} in {stage.__name__}: {without_people(str(error))}"
        raise HarmspotError(redacted)

    return guarded


def _is_transient(task: Any, run: Any, state: Any) -> bool:
    """Return whether a retry can help: a broker or lock may recover, a missing file or a wrong key does not."""
    try:
        state.result()
    except (BrokerError, StoreBusyError):
        return True
    except Exception:
        return False
    return False


def _home(path: Path, config_file: Path | None, clock: datetime | None = None) -> Home:
    """Return the home of a flow, whose lines are written as its settings say."""
    home = Home(path, config_file, clock).require()
    log.follow(home.settings.log)
    return home


@flow(name="harmspot-ingest", persist_result=False)
def ingest(home: Path, config_file: Path | None = None) -> dict[str, int]:
    """Read every source of the settings until caught up."""
    counts = call_as_task(ingest_sources, _home(home, config_file))
    return {"rows_in": counts.rows_in, "stored": counts.stored, "duplicates": counts.duplicates, "dead": counts.dead}


@flow(name="harmspot-daily", persist_result=False)
def daily(
    home: Path,
    config_file: Path | None = None,
    as_of: date | None = None,
    known_at: datetime | None = None,
    clock: datetime | None = None,
    allow_empty: bool = False,
) -> RunSummary:
    """Ingest, prioritise and publish one day; `as_of` is by default the day that was scheduled, else that of the clock.

    The flow fails, with what is wrong and the way out, if the input fails a check and `allow_empty` is False.
    """
    at = _home(home, config_file, clock)
    summary = daily_run(at, as_of or _day(at), known_at, call=call_as_task, allow_empty=allow_empty)
    _create_artifacts(at, summary)
    return _flow_result([summary], summary)


def _day(home: Home) -> date:
    """Return the day that the schedule named, once it has begun; by hand it is today.

    A run that was missed while the machine slept is of the day it was scheduled for.
    """
    if deployment.id is None:
        return home.today()
    day = scheduled_day(home.settings.schedule.daily, home.settings.force.zone, flow_run.scheduled_start_time)
    wait_s = (home.midnight(day) - home.now()).total_seconds()
    if wait_s > 0:  # Prefect moved a midnight that does not exist to the day before
        home.progress(f"{day} has not begun; the run waits {wait_s:.0f} s")
        time.sleep(wait_s)
    return day


@flow(name="harmspot-late", persist_result=False)
def late(home: Path, config_file: Path | None = None, clock: datetime | None = None) -> list[RunSummary]:
    """Re-run retained days affected by late-arriving or corrected data, oldest first."""
    summaries = rerun_late(_home(home, config_file, clock), call=call_as_task)
    return _flow_result(summaries, summaries)


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
    summaries = plain_backfill(_home(home, config_file), first, last, step_days, known_at, call=call_as_task)
    return _flow_result(summaries, summaries)


def _flow_result(summaries: list[RunSummary], value: Any) -> Any:
    """Return the flow's result: `value`, in state Unusable or Halted if the last run is, or halts lists.

    The caller of the flow gets the value in both cases; the schedule shows the state and its message.
    """
    if summaries and summaries[-1].unusable_because:
        return Completed(name=UNUSABLE, message=unusable(summaries[-1].unusable_because), data=value)
    if summaries and summaries[-1].halted_because:
        return Completed(name=HALTED, message=summaries[-1].halted_because, data=value)
    return value


# Tables shown as artifacts: of places, plans and quality. Prefect keeps them, so that no table may be among them whose
# rows are withheld later, as those of operations under an embargo are.
ARTIFACTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "area-ranking": (
        "area_ranking",
        "Areas by harm",
        ("rank", "area_id", "p_top_k", "rank_lo", "rank_hi", "harm_per_day", "crimes_per_officer_hour"),
    ),
    "officer-hours": ("officer_allocation", "Officer hours by area", ("area_id", "today_hours", "proposed_hours")),
    "quality": ("quality_check", "Checks of the run", ("check_name", "outcome", "detail", "way_out")),
}


def _create_artifacts(home: Home, summary: RunSummary) -> None:
    """Create the artifacts of a run and a summary; of people, only counts."""
    for key, (name, about, columns) in ARTIFACTS.items():
        found = read_published(home.path, name, summary.run_id)
        shown = found.sort_values(columns[0])[list(columns)].round(4)
        texts = shown.select_dtypes("object").apply(lambda column: column.map(inert_in_markdown, na_action="ignore"))
        create_table_artifact(
            key=key,
            table=to_json_rows(shown.assign(**texts)),
            description=f"{about}, as of {local_text(summary.as_of)}, run {summary.run_id}",
        )
    create_markdown_artifact(key="run-summary", markdown=summary.markdown())
