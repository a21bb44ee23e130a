"""Consistency of access log and store: detect truncation and a clock that went back."""

from flows.home.home import Home
from flows.home.store_access import open_home_store
from pipeline.clock import refuse_earlier
from pipeline.errors import StoreError
from pipeline.privacy.access_log import NO_MARK


def log_problems(home: Home) -> list[str]:
    """Return the problems of the access log, including a mismatch with its last position recorded in the store.

    Raises
    ------
    StoreError
        There is no home.
    """
    if not home.store.exists():
        raise StoreError(f"{home.path} is not a home: it has no store; name another with --home, or run harmspot init")
    with open_home_store(home) as store:
        mark = store.log_mark()
        events = store.human_events()
    # Decisions on lists of people are logged first; a store without a mark predates the marks.
    is_logged = events["subject_kind"].eq("list") & events["kind"].isin(
        ["opened", "approved", "overridden", "exported"]
    )
    if mark == NO_MARK and is_logged.any() and not home.access_log.path.exists():
        return [f"{home.access_log.path} is missing, but lists of people were read; restore it from a backup"]
    return home.access_log.verify(mark)


def refuse_earlier_clock(home: Home) -> None:
    """Raise ClockError if the clock is before the last decision or the last logged read."""
    with open_home_store(home) as store:
        refuse_earlier(home.now(), store.last_event_at(), "the last recorded event")
    refuse_earlier(home.now(), home.access_log.last_at(), f"the last entry of {home.access_log.path}")
