"""Consistency of access log and store: detect truncation, a clock that went back, and one that is far ahead."""

from datetime import datetime

from flows.home.home import Home
from flows.home.store_access import last_recorded, open_home_store
from flows.human_log.ledger import Ledger, ledger_of
from pipeline.clock import LEAP, is_leap, refuse_earlier
from pipeline.errors import ClockError, StoreError
from pipeline.privacy.access_log import CLOCK_ACCEPTED, NO_MARK, LogMark


def check_log(home: Home) -> list[str]:
    """Return the problems of the access log of a home, as `log_problems`; StoreError if there is no home."""
    if not home.store.exists():
        raise StoreError(f"{home.path} is not a home: it has no store; name another with --home, or run harmspot init")
    with open_home_store(home) as store:
        mark, ledger = store.log_mark(), ledger_of(home, store)
    return log_problems(home, ledger, mark)


def log_problems(home: Home, ledger: Ledger, mark: LogMark) -> list[str]:
    """Return the problems of the access log, including a mismatch with its last position recorded in the store."""
    # Decisions on lists of people are logged first; a store without a mark predates the marks.
    is_logged = ledger.about("list", kinds=["opened", "approved", "overridden", "exported"])
    if mark == NO_MARK and is_logged and not home.access_log.path.exists():
        return [f"{home.access_log.path} is missing, but lists of people were read; restore it from a backup"]
    return home.access_log.verify(mark)


def refuse_earlier_clock(home: Home, ledger: Ledger) -> None:
    """Raise ClockError if the clock is before the last decision or the last logged read."""
    last_at = max((event.at for event in ledger.events), default=None)
    refuse_earlier(home.now(), last_at, "the last recorded event")
    refuse_earlier(home.now(), home.access_log.last_at(), f"the last entry of {home.access_log.path}")


def clock_leap(home: Home) -> datetime | None:
    """Return the latest time that the home has recorded if the clock is far ahead of it, else None."""
    with home.protecting(), open_home_store(home) as store:
        last = last_recorded(home, store)
    return last if not home.is_rehearsal and is_leap(home.acting().now(), last) else None


def accept_clock(home: Home, *, reason: str, by: str) -> datetime:
    """Log that a named person vouches for a clock far ahead of the home, and return the time that the home had.

    Raises
    ------
    ClockError
        The clock is not far ahead.
    """
    last = clock_leap(home)
    if last is None:
        raise ClockError(f"nothing to accept: the clock is not {LEAP.days} days ahead of home {home.path}")
    detail = {"last_recorded": last.isoformat()}
    home.log_access(CLOCK_ACCEPTED, detail, reader=by, purpose=reason)
    with open_home_store(home):  # which marks the log
        return last
