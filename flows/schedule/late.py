"""Re-run past days for which data or corrections have arrived since their runs."""

from flows.home.home import Home
from flows.home.stage import Call, direct
from flows.schedule.daily import RunSummary, daily_run
from pipeline.errors import QualityError
from pipeline.publication.publish import usable_runs
from pipeline.shared_store.opening import touched_runs


def rerun_late(home: Home, call: Call = direct) -> list[RunSummary]:
    """Re-run those of the latest retained days that data stored since then affect, oldest first.

    Only the latest `schedule.late_runs` days are checked. The earlier runs remain; a rerun has a later known_at.

    Raises
    ------
    QualityError
        The input of some days fails a check; the other days have been run.
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
    done, refused = [], []
    for day in days:
        try:
            done.append(daily_run(home, day, call=call, is_rerun=True))
        except QualityError as error:
            refused.append(str(error))
    if refused:
        raise QualityError("\n".join(refused))
    return done
