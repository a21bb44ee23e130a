"""`plan sheet` writes one page for a crew, names only ground that may be named, and refuses runs that are no guide."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import geopandas as gpd
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from shapely.geometry import Point

from flows.command import cli
from flows.home.home import Home
from flows.outputs import shift_sheet
from flows.outputs.shift_sheet import _cells, _further_cells, write_shift_sheet
from flows.run.map_shapes import DrawnMap
from models.operations.shift_route import LEAST_PLACES, MOST_STOPS
from pipeline.errors import PublicationError
from tests.town import CLOCK, TownRun

CRS = "EPSG:32618"


def write(home: Home, out: Path, *more: str, clock: datetime = CLOCK) -> Result:
    settings = ["--home", str(home.path), "--config", str(home.config_file), "--clock", clock.isoformat()]
    return CliRunner().invoke(cli, [*settings, "plan", "sheet", "--out", str(out), *more])


def test_every_area_and_shift_has_a_sheet_within_its_hours(
    town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path
) -> None:
    home, areas = town_run.home, town_run.published("area_ranking")["area_id"]
    planned = town_run.published("visit_plan")
    for area in sorted(areas)[:2]:
        for shift in ("early", "late", "night"):
            sheet = write_shift_sheet(home, area, shift, None, tmp_path / "sheet.pdf")
            cells = [stop.cell_id for stop in sheet.stops]
            assert len(cells) <= MOST_STOPS and len(set(cells)) >= LEAST_PLACES, (area, shift)
            assert all(sheet.starts_at <= stop.starts_at < stop.ends_at <= sheet.ends_at for stop in sheet.stops)
            of_shift = planned[planned["area_id"].eq(area) & planned["starts_at"].between(
                sheet.starts_at, sheet.ends_at, inclusive="left")]  # fmt: skip
            assert sheet.left_out + sum(stop.is_planned for stop in sheet.stops) == len(of_shift)
    assert [stop for stop in sheet.stops if stop.starts_at.date() > sheet.starts_at.date()]  # the night, after midnight


def test_the_command_writes_the_same_page_twice(town_run: TownRun, tmp_path: Path) -> None:
    area = town_run.published("visit_plan")["area_id"].iloc[0]
    made = [tmp_path / "one.pdf", tmp_path / "two.pdf"]
    for path, clock in zip(made, (CLOCK, CLOCK + timedelta(hours=1)), strict=True):
        done = write(town_run.home, path, "--area", area, "--shift", "late", clock=clock)
        assert done.exit_code == 0, done.output
    assert made[0].read_bytes() == made[1].read_bytes()
    people = town_run.truth("people")["person_id"]
    assert not [person for person in people if str(person).encode() in made[0].read_bytes()]


def test_what_no_crew_may_follow_is_refused_with_the_way_out(town_run: TownRun, tmp_path: Path) -> None:
    area, out = town_run.published("area_ranking")["area_id"].iloc[0], tmp_path / "none.pdf"
    for more, clock, why in (
        (("--shift", "lat"), CLOCK, "shift 'lat' is not in force.shifts; did you mean 'late'?"),
        (("--shift", "late"), CLOCK + timedelta(days=9), r"expired at .*run today: `harmspot run --as-of 2026-01-10`"),
        (("--shift", "early"), CLOCK + timedelta(hours=8), r"was over at .*name a later shift"),
    ):
        done = write(town_run.home, out, "--area", area, *more, clock=clock)
        assert isinstance(done.exception, PublicationError)
        assert pd.Series([str(done.exception)]).str.contains(why.replace("?", r"\?")).all(), done.exception
    unknown = write(town_run.home, out, "--area", "nowhere", "--shift", "late")
    assert "areas match" in str(unknown.exception)
    run = {"run_id": "r1", "unusable_because": "half of the incidents are missing", "valid_to": CLOCK}
    shift = town_run.home.settings.force.day_shifts[0]
    with pytest.raises(PublicationError, match=r"UNUSABLE RUN.*mend the input.*or name a usable run with --run"):
        shift_sheet._refuse_use(town_run.home, run, shift, (CLOCK, CLOCK))
    assert not out.exists()


def test_no_pile_no_ground_near_treatment_and_none_under_an_embargo_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = pd.DataFrame({"cell_id": [f"{CRS}:100:{ix}:0" for ix in range(0, 50, 10)], "cell_size_m": 100.0,
                          "cell_ix": range(0, 50, 10), "cell_iy": 0, "rank": [5, 4, 3, 2, 1],
                          "is_address_pile": [False, False, False, False, True]})  # fmt: skip
    treatment = gpd.GeoDataFrame({"kind": ["treatment", "school"]}, geometry=[Point(3050, 150), Point(0, 0)], crs=CRS)
    drawn = DrawnMap(gpd.GeoDataFrame(), gpd.GeoDataFrame(), treatment)
    moment = pd.Timestamp("2026-01-01", tz="UTC")
    home = SimpleNamespace(
        settings=SimpleNamespace(crackdowns=SimpleNamespace(buffer_m=100.0)), now=lambda: datetime.now(UTC)
    )
    monkeypatch.setattr(shift_sheet, "read_ledger", lambda home: None)
    for embargoed, left in (((), [2, 1, 0]), ((f"{CRS}:100:21:0",), [1, 0])):
        monkeypatch.setattr(shift_sheet, "cells_of_run", lambda *asked, held=embargoed: held)
        found = _further_cells(cells, drawn, cast(Any, home), {"crs": CRS, "as_of": moment, "known_at": moment})
        assert found["cell_id"].tolist() == [f"{CRS}:100:{10 * n}:0" for n in left]


def test_a_run_of_an_earlier_version_has_coordinates_all_the_same() -> None:
    kept = pd.DataFrame({"x_min_m": [490_350.0, 0.0], "y_min_m": [4_427_400.0, 0.0], "cell_size_m": 150.0,
                         "lat": [None, 7.5], "lon": [None, 8.5]}).astype({"lat": float, "lon": float})  # fmt: skip
    cells = _cells(kept, CRS)
    assert cells.loc[0, ["lat", "lon"]].round(5).tolist() == [39.99740, -75.11217]
    assert cells.loc[1, ["lat", "lon"]].tolist() == [7.5, 8.5]
    assert cells.loc[0, ["cell_ix", "cell_iy"]].tolist() == [3269, 29516]
