"""Map layers and the report of a kept run: places, and only counts of people."""

from pathlib import Path
from typing import Any

from flows.decisions.notice_decisions import marked
from flows.home.home import Home
from flows.outputs.themes import Drawn, descriptions, place_layers
from flows.run.assembly import Map
from geo.layers import write_layers
from models.places.axes import AXES
from pipeline.complete_file import only_writer, write_complete
from pipeline.errors import PublicationError
from pipeline.pages.report import render_report
from pipeline.publication.publish import read_places, runs, table_counts

TABLES = (
    "area_ranking",
    "cell_forecast",
    "hotspot",
    "market",
    "officer_allocation",
    "area_notice",
    "place_change",
    "outcome_monitor",
    "data_quality",
    "visit_plan",
)

WRITTEN = "run_id"  # file beside the layers, written last, with their run_id


def write_outputs(home: Home, geography: Map, run_id: str | None = None) -> list[Path]:
    """Write the layers and the report of run `run_id` (default: the latest) and return their paths."""
    run = _run(home, run_id)
    tables = read_places(home.path, TABLES, run["run_id"])
    tables["area_notice"] = marked(home, tables["area_notice"], "area")
    layers = place_layers(Drawn(tables, run, geography))
    (home.layers / WRITTEN).unlink(missing_ok=True)
    home.layers.mkdir(parents=True, exist_ok=True)
    with only_writer(home.layers):
        paths = write_layers(layers, home.layers, run=run, themes=descriptions(), formats=home.settings.layers.formats)
    _, people_counts = table_counts(home.path, home.key, run["run_id"])
    shapes = {**layers, "points_of_interest": geography.points_of_interest}
    html = render_report(run, tables, shapes, people_counts, AXES, written_at=home.now())
    write_complete(home.report, html.encode())
    write_complete(home.layers / WRITTEN, run["run_id"].encode())
    return [*paths, home.report]


def written_run(home: Home) -> str | None:
    """Return the run_id of layers and report; None if they are missing or incomplete."""
    note = home.layers / WRITTEN
    return note.read_text(encoding="utf-8") if note.is_file() and home.report.is_file() else None


def _run(home: Home, run_id: str | None) -> dict[str, Any]:
    kept = runs(home.path)
    chosen = kept[kept["run_id"] == run_id] if run_id else kept.tail(1)
    if chosen.empty:
        raise PublicationError(
            f"run {run_id or '(the latest)'} is not kept in {home.path}; `harmspot show runs` lists them"
        )
    return {str(name): value for name, value in chosen.iloc[0].items()}
