"""Run past days in ascending order, so that each run has its predecessor."""

from datetime import date, datetime, timedelta

from flows.home.home import Home
from flows.home.stage import Call, direct
from flows.schedule.daily import RunSummary, daily_run


def backfill(
    home: Home,
    first: date,
    last: date,
    step_days: int = 1,
    known_at: datetime | None = None,
    call: Call = direct,
) -> list[RunSummary]:
    """Run every `step_days`-th local day from `first` to `last`; raise ValueError if the range is empty."""
    if last < first:
        raise ValueError(f"backfill from {first} to {last}: the first day must not be after the last")
    if step_days < 1:
        raise ValueError(f"step_days={step_days!r}: expected a whole number of days, at least 1")
    days = [first + timedelta(days=n) for n in range(0, (last - first).days + 1, step_days)]
    summaries = []
    for number, day in enumerate(days, start=1):
        home.progress(f"backfill {day} ({number} of {len(days)})")
        summaries.append(daily_run(home, day, known_at, call=call, is_rerun=True))
    return summaries
