"""How the latest daily run of a home ended, in `last-run.json`: outcome, clocks and seconds of each stage.

Whatever process runs, whoever asks for metrics reads it here. A run that was killed leaves the outcome `running`.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from pipeline.complete_file import write_complete
from pipeline.errors import QualityError

NAME = "last-run.json"
OUTCOMES = ("running", "published", "unchanged", "unusable", "refused", "failed")


@dataclass
class LastRun:
    """The latest run: the day it is of, when it began and ended (UTC, system clock), and seconds by stage."""

    as_of: str
    began_at: str
    outcome: str = "running"
    run_id: str | None = None
    is_halted: bool = False
    ended_at: str | None = None
    seconds: float | None = None
    stage_seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        """Add the seconds of the block to those of a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            taken = self.stage_seconds.get(stage, 0.0) + time.perf_counter() - began
            self.stage_seconds[stage] = round(taken, 3)


@contextmanager
def recorded(home: Path, day: date, *, is_kept: bool = True) -> Iterator[LastRun]:
    """Record the run that the block does: `running` before it, how it ended after it. The block sets the outcome.

    Without `is_kept` nothing is written.
    """
    run, began = LastRun(day.isoformat(), datetime.now(UTC).isoformat()), time.perf_counter()
    if is_kept:
        _write(home, run)
    try:
        yield run
    except BaseException as error:
        run.outcome = "refused" if isinstance(error, QualityError) else "failed"
        raise
    finally:
        run.ended_at, run.seconds = datetime.now(UTC).isoformat(), round(time.perf_counter() - began, 3)
        if is_kept:
            _write(home, run)


def read_last_run(home: Path) -> LastRun | None:
    """Return the latest run of a home, None if there was none or the file cannot be read."""
    try:
        return LastRun(**json.loads((home / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def last_done(home: Path) -> datetime | None:
    """Return when the latest run of a home ended, if it was not refused and did not fail."""
    run = read_last_run(home)
    if run is None or run.ended_at is None or run.outcome not in ("published", "unchanged", "unusable"):
        return None
    return datetime.fromisoformat(run.ended_at)


def _write(home: Path, run: LastRun) -> None:
    with suppress(OSError):  # a full disk: the run says so itself
        write_complete(home / NAME, json.dumps(asdict(run), indent=1).encode())
