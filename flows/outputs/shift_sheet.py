"""The shift sheet of an area: where one crew of a shift is to be, when and why, on one page."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from flows.home.home import Home
from flows.human_log.embargoes import cells_of_run
from flows.human_log.ledger import read_ledger
from flows.outputs.explain import find_area
from flows.run.map_shapes import DrawnMap, drawn_map
from flows.run.place_text import named_places
from geo.cells import Grid
from geo.market_shapes import near_treatment
from geo.place_names import degrees_of, is_table, streets_in
from geo.same_place import ground_of
from models.operations.history import SAME_CELLS
from models.operations.shift_route import KM_PER_HOUR, Visit, plan_route, span_of
from models.operations.shifts import Shift
from models.operations.visits import BY_LOT
from pipeline.briefing.shift_sheet import At, ShiftSheet, Stop, Street
from pipeline.briefing.shift_sheet_pdf import shift_sheet_pdf
from pipeline.briefing.today import letters_today
from pipeline.complete_file import write_complete
from pipeline.errors import PublicationError
from pipeline.near_words import did_you_mean
from pipeline.publication.publish import read_places, unusable

TABLES = ("run", "area_ranking", "cell_forecast", "visit_plan", "map_shape")
OF_CELLS = ("forecast", BY_LOT)  # what a visit outside of operations is chosen for
DETAIL_SHARE = 1 / 500  # of the area's width; smaller details of its border are not drawn
Span = tuple[datetime, datetime]


def write_shift_sheet(home: Home, area: str, shift_name: str, run_id: str | None, path: Path) -> ShiftSheet:
    """Write the sheet of an area and a shift of run `run_id` (default: the latest) as PDF, and return what it says.

    The shift is the one that starts on the day of the run.

    Raises
    ------
    PublicationError
        The run is not kept, unusable or expired; its shift is over; or the area or the shift is not known.
    """
    tables = read_places(home.path, TABLES, run_id)
    run = {str(name): value for name, value in tables["run"].iloc[0].items()}
    shift = _shift(home, shift_name)
    zone = ZoneInfo(run["time_zone"])
    span = span_of(shift, run["as_of"].astimezone(zone).date(), zone)
    _refuse_use(home, run, shift, span)
    sheet = _composed(home, find_area(home, area, run["run_id"]), shift, span, run, tables)
    write_complete(path, shift_sheet_pdf(sheet, home.catalogue, made_at=run["as_of"].to_pydatetime()))
    return sheet


def _shift(home: Home, name: str) -> Shift:
    shifts = {shift.name: shift for shift in home.settings.force.day_shifts}
    if name not in shifts:
        raise PublicationError(f"shift {name!r} is not in force.shifts; {did_you_mean(name, shifts)}")
    return shifts[name]


def _refuse_use(home: Home, run: Mapping[str, Any], shift: Shift, span: Span) -> None:
    """Raise PublicationError for a run that no crew may be sent by."""
    again = f"run today: `harmspot run --as-of {home.today()}`"
    if not pd.isna(run["unusable_because"]):
        raise PublicationError(
            f"{unusable(run['unusable_because'])}. No shift sheet is made of run {run['run_id']}; mend the input and "
            f"{again}, or name a usable run with --run"
        )
    if home.now() >= run["valid_to"]:
        raise PublicationError(
            f"run {run['run_id']} expired at {home.local_text(run['valid_to'])}; no crew may be sent by it; {again}"
        )
    if home.now() >= span[1]:
        raise PublicationError(
            f"shift {shift.name!r} of run {run['run_id']} was over at {home.local_text(span[1])}; {again}, or name a "
            "later shift of force.shifts"
        )


def _composed(
    home: Home,
    area: Mapping[str, Any],
    shift: Shift,
    span: Span,
    run: Mapping[str, Any],
    tables: dict[str, pd.DataFrame],
) -> ShiftSheet:
    drawn = drawn_map(run, tables["map_shape"], tables["area_ranking"]["area_id"], home.settings)
    cells = _cells(tables["cell_forecast"], run["crs"])
    visits = tables["visit_plan"]
    of_shift = visits[
        visits["area_id"].eq(area["area_id"]) & visits["starts_at"].ge(span[0]) & visits["starts_at"].lt(span[1])
    ]
    others = _further_cells(cells[cells["area_id"].eq(area["area_id"])], drawn, home, run)
    # A cell may have been embargoed, or treatment opened near it, since the run.
    is_of_cells = of_shift["chosen_for"].isin(OF_CELLS)
    of_shift = of_shift[~is_of_cells | of_shift["cell_id"].isin(others["cell_id"])]
    config = home.settings.visits
    stay = (config.least_minutes + config.most_minutes) // 2
    route = plan_route(
        _planned(of_shift, cells, span),
        [
            Visit(str(row["cell_id"]), int(row["rank"]), row["x_m"], row["y_m"], 0, stay)
            for row in others.to_dict("records")
        ],
        length=round((span[1] - span[0]).total_seconds() / 60),
    )
    shape = drawn.areas.loc[drawn.areas["area_id"].eq(area["area_id"]), "geometry"].iloc[0]
    zone = ZoneInfo(run["time_zone"])
    by_cell: dict[str, Any] = {str(row["cell_id"]): row for row in cells.to_dict("records")}
    by_cell |= {row["cell_id"]: {**row, **by_cell.get(row["cell_id"], {})} for row in of_shift.to_dict("records")}
    letters = letters_today(visits, tables["cell_forecast"])
    notices = home.settings.notices
    language = home.catalogue.language if home.catalogue.language in notices.languages else notices.languages[0]
    return ShiftSheet(
        force_name=run["force_name"],
        area_name=area["area_name"],
        area_rank=area["rank"],
        area_count=area["area_count"],
        shift_name=shift.name,
        starts_at=span[0].astimezone(zone),
        ends_at=span[1].astimezone(zone),
        valid_to=min(span[1], run["valid_to"].to_pydatetime()).astimezone(zone),
        run_id=run["run_id"],
        stops=tuple(
            _stop(visit, by_cell[visit.cell_id], span[0], zone, len(cells), letters.get(visit.cell_id))
            for visit in route.stops
        ),
        left_out=route.left_out,
        rings=_rings(shape),
        streets=_streets(home, shape, run["crs"]),
        km_per_hour=KM_PER_HOUR,
        cell_size_m=_cell_size(tables["cell_forecast"]),
        help_contact=str(notices.text("help_contact", language)),
        link=home.settings.force.map_link,
    )


def _cells(forecast: pd.DataFrame, crs: str) -> pd.DataFrame:
    """Return the forecast with cell_ix, cell_iy and the middle of each cell, x_m and y_m, in degrees too."""
    half = forecast["cell_size_m"] / 2
    middle = forecast.assign(x_m=forecast["x_min_m"] + half, y_m=forecast["y_min_m"] + half)
    if middle.empty:
        return middle.assign(cell_ix=0, cell_iy=0)
    ix, iy = Grid(crs, _cell_size(forecast)).index(middle["x_m"], middle["y_m"])
    lat, lon = degrees_of(middle["x_m"].to_numpy(), middle["y_m"].to_numpy(), crs)  # earlier versions kept none
    at = {"lat": middle["lat"].fillna(pd.Series(lat)), "lon": middle["lon"].fillna(pd.Series(lon))}
    return middle.assign(cell_ix=ix, cell_iy=iy, **at)


def _cell_size(forecast: pd.DataFrame) -> float:
    return float(forecast["cell_size_m"].max())


def _further_cells(cells: pd.DataFrame, drawn: DrawnMap, home: Home, run: Mapping[str, Any]) -> pd.DataFrame:
    """Return the cells of an area that may be added, worst first: no pile, not near treatment, not withheld."""
    if cells.empty:
        return cells
    grid = Grid(run["crs"], _cell_size(cells))
    is_near = near_treatment(cells, grid, drawn.points_of_interest, distance_m=home.settings.crackdowns.buffer_m)
    is_pile = cells["is_address_pile"].fillna(False).astype(bool)
    return cells[~is_pile & ~is_near & ~_is_withheld(cells, grid, home, run)].sort_values(["rank", "cell_id"])


def _is_withheld(cells: pd.DataFrame, grid: Grid, home: Home, run: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    as_of, known_at = (run[name].to_pydatetime() for name in ("as_of", "known_at"))
    embargoed = cells_of_run(read_ledger(home), as_of, known_at, home.now())
    if not embargoed:
        return np.zeros(len(cells), dtype=np.bool_)
    return ground_of(embargoed, grid.crs, reach_cells=SAME_CELLS).holds_cells(cells["cell_ix"], cells["cell_iy"], grid)


def _planned(visits: pd.DataFrame, cells: pd.DataFrame, span: Span) -> list[Visit]:
    """Return planned visits; those of operations come first."""
    placed = visits.merge(cells[["cell_id", "rank", "x_m", "y_m"]], on="cell_id")
    minute = ((placed["starts_at"] - span[0]).dt.total_seconds() // 60).astype("int64")
    rank = placed["rank"].where(placed["chosen_for"].isin(OF_CELLS), 0)
    columns = zip(placed["cell_id"], rank, placed["x_m"], placed["y_m"], minute, placed["minutes"], strict=True)
    return [Visit(str(cell), int(order), x, y, int(at), int(stay)) for cell, order, x, y, at, stay in columns]


def _stop(
    visit: Visit, cell: Mapping[str, Any], starts_at: datetime, zone: ZoneInfo, cell_count: int, letter: str | None
) -> Stop:
    begins, ends = (
        (pd.Timestamp(starts_at) + pd.Timedelta(minutes=at)).to_pydatetime().astimezone(zone)
        for at in (visit.minute, visit.minute + visit.minutes)
    )
    known = {name: None if pd.isna(cell[name]) else cell[name] for name in ("place", "lat", "lon")}
    return Stop(
        cell_id=visit.cell_id,
        **known,
        at_m=At(visit.x_m, visit.y_m),
        starts_at=begins,
        ends_at=ends,
        moved=visit.moved,
        is_planned=visit.is_planned,
        is_operation=visit.is_planned and cell["chosen_for"] not in OF_CELLS,
        is_by_lot=visit.is_planned and cell["chosen_for"] == BY_LOT,
        mostly=tuple(mostly) if isinstance(mostly := cell.get("mostly"), np.ndarray | list) else (),
        letter=letter,
        rank=int(cell["rank"]),
        cell_count=cell_count,
        expected_harm=float(cell["expected_harm"]),
        horizon_days=int(cell["horizon_days"]),
        last_year_count=int(cell["naive_count"]),
    )


def _detail_m(shape: shapely.Geometry) -> float:
    west, _, east, _ = shape.bounds
    return float((east - west) * DETAIL_SHARE)


def _rings(shape: shapely.Geometry) -> tuple[tuple[At, ...], ...]:
    """Return the outer borders of an area, simplified."""
    parts = shapely.get_parts(shapely.simplify(shape, _detail_m(shape)))
    return tuple(_points(part.exterior) for part in parts if part.geom_type == "Polygon")


def _streets(home: Home, shape: shapely.Geometry, crs: str) -> tuple[Street, ...]:
    """Return the streets of an area, the longest first; none where the force names no lines."""
    path = home.settings.force.place_names.path
    if path is None or is_table(path):
        return ()
    names = named_places(home.settings, crs)
    assert names is not None  # there is a file
    found = streets_in(names, shape, _detail_m(shape))
    return tuple(
        Street(name, tuple(_points(part) for part in shapely.get_parts(line)))
        for name, line in zip(found["name"], found.geometry, strict=True)
    )


def _points(line: shapely.Geometry) -> tuple[At, ...]:
    return tuple(At(float(x), float(y)) for x, y in shapely.get_coordinates(line))
