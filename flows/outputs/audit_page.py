"""Draft audit reports from a run: displacement and feedback; `flows.disclosure.fairness` drafts that on fairness."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from flows.home.home import Home
from pipeline.pages.audit import render_audit
from pipeline.pages.base import local_moments
from pipeline.publication.publish import read_published
from pipeline.wording.catalogue import message

INTROS = {
    "displacement": message(
        "Reports by public, partners and sensors since each operation started, less what was to be expected: at the "
        "market, within 250 and 500 m of its outline, and at the next places, up to five within 3 km that had most "
        "reports before; in reports and in days of harm, then by offence and by time of day. What was to be expected,"
        " its 80% intervals and the alarms come from placebos: places like the market where nothing was done, on the "
        "same days and on earlier ones. Where nothing moves, chance raises any alarm at a market one time in ten, and"
        " often the same one week after week: a second look is no confirmation. An alarm says that something rose, "
        "not that the operation moved it: look at the reports. No alarm means no more than that the least rise stated"
        " of a row would have been seen in 80 of 100 cases. Harm at one place hangs on a few grave offences: judge by"
        " reports first, and hardly at all in the first weeks. Moves to elsewhere than these places are not seen. The"
        " reader has to examine other targets and methods; overdoses are watched apart."
    ),
    "feedback": message(
        "What police discovered beside what was reported to them, area by area, and where officers are. harmspot "
        "counts no discovered incident; the rank if finds counted stands beside the rank by reports. An alarm means "
        "that police find more per officer-hour than the other areas and the public reports let expect: by chance, "
        "one run in ten at most has any. It does not see what is alike everywhere; the share of what police found "
        "beside the share of hours does."
    ),
}


def write_audit_page(home: Home, about: str, run_id: str | None, path: Path) -> date:
    """Write the results of a run on one audit topic as a page, and return the day from which the report's age counts.

    Parameters
    ----------
    home : Home
        Home of the publication.
    about : str
        Topic: a key of INTROS.
    run_id : str or None
        A kept run; by default the latest.
    path : Path
        Page to write.

    Returns
    -------
    date
        The run's local day: a report is as old as its data, whenever its page is written.
    """
    run = read_published(home.path, "run", run_id).iloc[0]
    zone = ZoneInfo(run["time_zone"])
    day: date = run["as_of"].tz_convert(zone).date()
    table = read_published(home.path, about, run_id).drop(columns=["run_id", "as_of", "valid_to"])
    title = f"{run['force_name']}, {day}, run {run['run_id']}"
    shown = local_moments(table, zone)
    html = render_audit(about, title, INTROS[about], shown, day, _in_words(table), home.catalogue)
    path.write_text(html, encoding="utf-8")
    return day


def _in_words(table: pd.DataFrame) -> list[str]:
    """Return what the run says of each row in words, if it does: of alarms and of whole markets and zones."""
    if "why" not in table:
        return []
    is_told = table["split"].isin(["all", "zone"]) | table["is_alarm"] | table["is_harm_alarm"]
    told = table[is_told]
    return [
        f"{market}, day {days}, {part if split in ('all', 'zone') else f'{split} {part}'}: {why}"
        for market, days, split, part, why in told[["market_id", "window_days", "split", "part", "why"]].itertuples(
            index=False
        )
    ]
