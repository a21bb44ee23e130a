"""What the access log and the store say of each other: nothing cut off, and no clock that went back."""

from flows.home.home import Home
from flows.home.store_access import open_home_store
from pipeline.clock import refuse_earlier
from pipeline.errors import StoreError
from pipeline.privacy.access_log import NO_MARK


def log_problems(home: Home) -> list[str]:
    """Return what is wrong with the access log, the store's mark of how far it went included.

    Raises StoreError where there is no home.
    """
    if not home.store.exists():
        raise StoreError(f"{home.path} is no home, for it has no store: name another with --home, or harmspot init")
    with open_home_store(home) as store:
        mark = store.log_mark()
        events = store.human_events()
    # Acts on lists of people are logged first; those of a store without a mark are from before it kept one.
    is_logged = events["subject_kind"].eq("list") & events["kind"].isin(
        ["opened", "approved", "overridden", "exported"]
    )
    if mark == NO_MARK and is_logged.any() and not home.access_log.path.exists():
        return [f"{home.access_log.path} is missing, and lists of people were read; bring it back from a backup"]
    return home.access_log.verify(mark)


def refuse_earlier_clock(home: Home) -> None:
    """Raise ClockError where the clock stands before the last act or the last logged read."""
    with open_home_store(home) as store:
        refuse_earlier(home.now(), store.last_event_at(), "the last recorded act")
    refuse_earlier(home.now(), home.access_log.last_at(), f"the last entry of {home.access_log.path}")
