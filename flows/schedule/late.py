"""Re-run past days for which data or corrections have arrived since their runs."""

from flows.home.home import Home
from flows.home.stage import Call, direct
from flows.schedule.daily import RunSummary, daily_run
from pipeline.publication.publish import usable_runs
from pipeline.store.snapshot import touched_runs


def rerun_late(home: Home, call: Call = direct) -> list[RunSummary]:
    """Re-run those of the latest retained days that data stored since then affect, oldest first.

    Only the latest `schedule.late_runs` days are checked. The earlier runs remain; a rerun has a later known_at.
    """
    by_day = usable_runs(home.path).drop_duplicates("as_of", keep="last")
    kept = by_day.tail(home.settings.schedule.late_runs)
    is_touched = touched_runs(
        home.store,
        home.key,
        kept[["as_of", "known_at"]],
        wait_s=home.settings.store.wait_s,
        progress=home.progress,
    )
    days = [home.day_of(as_of) for as_of in kept.loc[is_touched, "as_of"]]
    return [daily_run(home, day, call=call) for day in days]
