"""Drafts of the reports that a run can give most of: displacement and feedback. Fairness needs records of groups."""

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
        "days since its start as before, beside the five places without one whose past ran most like the market's "
        "(Wheeler and Ratcliffe 2018), in reports and in days of harm: all, then by offence and by time of day. "
        "What rose in the ring beyond the controls is displaced; an alarm: its 80% interval lies above zero, which "
        "chance alone does in one row of ten. Other targets and methods are for the reader to look into; overdoses "
        "stand in crackdown_plan."
    ),
    "feedback": (
        "What police discovered beside what was reported to them, area by area, and where officers are. harmspot "
        "counts no discovered incident; rank_with_police says where the count would have led. An alarm: police find "
        "more than the public reports, at 80%, where officers are more than the public's reports account for."
    ),
}


def write_audit_page(home: Home, about: str, run_id: str | None, path: Path) -> date:
    """Write what run `run_id` (default: the latest) knows on `about`, one of INTROS, as a page.

    Returns the run's local day: a report is as old as what it knows, whenever its page is written.
    """
    run = read_published(home.path, "run", run_id).iloc[0]
    zone = ZoneInfo(run["time_zone"])
    day: date = run["as_of"].tz_convert(zone).date()
    table = read_published(home.path, about, run_id).drop(columns=["run_id", "as_of", "valid_to"])
    title = f"{run['force_name']}, {day}, run {run['run_id']}"
    path.write_text(render_audit(about, title, INTROS[about], local_moments(table, zone), day), encoding="utf-8")
    return day
