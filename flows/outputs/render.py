"""Map layers and the report of a kept run: places, and only counts of people."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from flows.decisions.notice_decisions import marked
from flows.home.home import Home
from flows.outputs.kept_run import kept_run
from flows.outputs.themes import Drawn, descriptions, place_layers
from flows.run.map_shapes import drawn_map
from geo.layers import write_layers
from models.places.axes import AXES
from pipeline.complete_file import unfinished
from pipeline.complete_folder import completed_folder, is_made, making_of, remove_unfinished_folder
from pipeline.errors import HarmspotError, PublicationError
from pipeline.pages.report import render_report
from pipeline.publication.publish import read_places, read_published, runs, table_counts, unusable

TABLES = (
    "area_ranking",
    "area_set_ranking",
    "sensitivity_summary",
    "cell_forecast",
    "address_pile",
    "hotspot",
    "market",
    "officer_allocation",
    "area_notice",
    "place_change",
    "outcome_monitor",
    "data_quality",
    "quality_check",
    "map_shape",
    "visit_plan",
    "crime_focus",
    "area_evidence",
    "area_recent",
    "recent_incident",
    "offence_ranking",
    "scoreboard",
    "enforcement_ledger",
)
LEAST_FREE_BYTES = 1 << 26  # libraries of files say of a full disk whatever they met first
REPORT = "report.html"  # beside layers that are written elsewhere


class _Overtaken(Exception):  # noqa: N818 - no error
    """A later run became the latest while this one was being drawn."""


def write_outputs(home: Home, run_id: str | None = None, out: Path | None = None) -> list[Path]:
    """Write the layers and the report of run `run_id` (default: the latest) and return their paths.

    Both take their places at once: a reader, or whoever comes after a process that was killed, finds the files of one
    run. They go into the home, or into folder `out`, which is new, empty, or holds layers written there before. If a
    later run is published while this one is drawn, those of the home are left to it, and no paths are returned.

    Raises
    ------
    PublicationError
        The run is not kept; it is not the latest and has no `out`; `out` holds other things or is the home's folder of
        layers; the run kept no shapes and the map has changed; or drawing failed, which leaves the files as they were.
    """
    run = {str(name): value for name, value in kept_run(home, run_id).items()}
    if run_id or out:
        _check_place(home, run, out)
    try:
        return _drawn(home, run, out)
    except _Overtaken as later:
        home.warn(f"  layers and report of run {run['run_id']} are not written: they are those of run {later}")
        return []
    except (HarmspotError, OSError):
        raise
    except Exception as error:
        free = shutil.disk_usage(out.parent if out else home.path).free
        why = "the disk is full" if free < LEAST_FREE_BYTES else f"{type(error).__name__}: {error}"
        raise PublicationError(
            f"run {run['run_id']} is published and complete, but its layers and report cannot be drawn: "
            f"{why}. Those of before are as they were. When the cause is mended, "
            "`harmspot layers` draws them"
        ) from error


def _check_place(home: Home, run: dict[str, Any], out: Path | None) -> None:
    if out is None and run["run_id"] != _latest(home):
        raise PublicationError(
            f"run {run['run_id']} is not the latest, which {home.layers} and {home.report} show; name another folder "
            "for its files with --out FOLDER"
        )
    if out is None:
        return
    if out.resolve() == home.layers.resolve():
        raise PublicationError(f"--out {out} has the layers of the latest run; name another folder, or leave out --out")
    if out.is_dir() and any(out.iterdir()) and not is_made(out):
        raise PublicationError(f"--out {out} holds something else than layers of a run; name a new or empty folder")


def _drawn(home: Home, run: dict[str, Any], out: Path | None) -> list[Path]:
    tables = read_places(home.path, TABLES, run["run_id"])
    tables["area_notice"] = marked(home, tables["area_notice"], "area")
    shapes = tables.pop("map_shape")
    drawn = drawn_map(run, shapes, tables["area_ranking"]["area_id"], home.settings)
    layers = place_layers(Drawn(tables, run, drawn))
    _, people_counts = table_counts(home.path, home.key, run["run_id"])
    on_page = {**layers, "points_of_interest": drawn.points_of_interest}
    html = render_report(
        run,
        tables,
        on_page,
        people_counts,
        AXES,
        written_at=home.now(),
        catalogue=home.catalogue,
        link=home.settings.force.map_link,
        shifts={shift.name: (shift.starts, shift.ends) for shift in home.settings.force.day_shifts},
    ).encode()
    because = run["unusable_because"]
    told = run if pd.isna(because) else {**run, "warning": unusable(because)}
    folder, report = (out, out / REPORT) if out else (home.layers, home.report)
    with completed_folder(folder, run["run_id"], beside=None if out else report) as fresh:
        written = write_layers(layers, fresh, run=told, themes=descriptions(), formats=home.settings.layers.formats)
        (fresh / REPORT if out else unfinished(report)).write_bytes(html)
        # Both are asked while no other process can draw.
        if out is None and (latest := _latest(home)) != run["run_id"]:
            raise _Overtaken(latest)
        if not read_published(home.path, "market", run["run_id"]).equals(tables["market"]):
            raise PublicationError(
                f"run {run['run_id']} was changed while it was drawn; `harmspot layers` draws it anew"
            )
    return [*(folder / path.name for path in written), report]


def written_run(home: Home) -> str | None:
    """Return the run_id of layers and report, None if any of them is missing; remove what a killed writer left."""
    remove_unfinished_folder(home.layers)
    return making_of(home.layers) if home.report.is_file() else None


def _latest(home: Home) -> str:
    return str(runs(home.path)["run_id"].iloc[-1])
