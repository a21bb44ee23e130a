"""Draft audit reports from a run: displacement and feedback. Fairness needs records of groups, which a run lacks."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from flows.home.home import Home
from pipeline.pages.audit import render_audit
from pipeline.pages.base import local_moments
from pipeline.publication.publish import read_published

INTROS = {
    "displacement": (
        "Reports by public, partners and sensors at each market with an operation and in the ring around it, as many "
        "days since its start as before, beside the five places without one whose past is most like the market's "
        "(Wheeler and Ratcliffe 2018), in reports and in days of harm: all, then by offence and by time of day. "
        "An increase in the ring beyond the controls is displacement; an alarm means that its 80% interval lies above "
        "zero, which happens by chance in one row of ten. The reader has to examine other targets and methods; "
        "overdoses are in crackdown_plan."
    ),
    "feedback": (
        "What police discovered beside what was reported to them, area by area, and where officers are. harmspot "
        "counts no discovered incident; rank_with_police is the rank if it did. An alarm means that police find more "
        "per officer-hour than the other areas and the public reports let expect (expected_finds): by chance, one run "
        "in ten at most has any. It does not see what is alike everywhere; find_ratio beside hours_share does."
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
    path.write_text(render_audit(about, title, INTROS[about], local_moments(table, zone), day), encoding="utf-8")
    return day
