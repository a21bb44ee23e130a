"""Whether `harmspot schedule` serves a home, and the run that it owes."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from pipeline.errors import StoreBusyError

if TYPE_CHECKING:
    from flows.home.home import Home

LOCK = "schedule.lock"  # locked while the home is served; it stays, once it was


class MissedRun(NamedTuple):
    """A local day without a run, and when its run was due."""

    day: date
    due_at: datetime


def missed_run(home: "Home") -> MissedRun | None:
    """Return the last day that the daily line named, if there is no usable run of it or of a later day."""
    from flows.home.cron_lines import due
    from pipeline.publication.publish import usable_runs

    day, due_at = due(home.settings.schedule.daily, home.settings.force.zone, home.now())
    is_done = (usable_runs(home.path)["as_of"] >= home.midnight(day)).any()
    return None if is_done else MissedRun(day, due_at)


@contextmanager
def only_schedule(home: Path) -> Iterator[None]:
    """Hold the lock that shows that this process serves the home; StoreBusyError if another one does."""
    with (home / LOCK).open("a") as lock:
        if not _is_locked_by_us(lock):
            raise StoreBusyError(
                f"another `harmspot schedule` serves home {home}, and one is enough: stop it to start this one"
            )
        yield


def is_served(home: Path) -> bool | None:
    """Return whether a `harmspot schedule` serves the home in a folder now; None if none ever did."""
    if not (home / LOCK).exists():
        return None
    with (home / LOCK).open() as lock:
        return not _is_locked_by_us(lock)


def _is_locked_by_us(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
