"""HTML page with the plans of a kept run."""

from pathlib import Path
from zoneinfo import ZoneInfo

from flows.home.home import Home
from models.operations.promises import words_of
from pipeline.pages.plans import render_plans
from pipeline.publication.publish import read_places

TABLES = ("officer_allocation", "allocation_curve", "allocation_cost", "crackdown_plan", "visit_plan", "promise", "run")


def write_plan_page(home: Home, run_id: str | None, path: Path) -> None:
    """Write the plans of run `run_id` (default: the latest) with their charts."""
    tables = read_places(home.path, TABLES, run_id)
    run = tables["run"].iloc[0]
    zone = ZoneInfo(run["time_zone"])
    day = run["as_of"].tz_convert(zone).date()
    promise_text = words_of(tables["promise"], home.settings.promises, tables["crackdown_plan"]["refused_because"])
    title = f"{run['force_name']}, {home.catalogue.formats.day(day)}"
    path.write_text(render_plans(title, tables, promise_text, zone, home.catalogue), encoding="utf-8")
