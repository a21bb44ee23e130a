"""Officer hours a day: of shifts by the day they begin on, of a week by each of its days, over the force's days."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.home.home import Home
from flows.home.store_access import open_home_snapshot
from flows.ingest.ingest import load_file
from flows.inputs.assembly import area_names_of, areas_of, officer_hours
from flows.run.quality import cover_measure, force_cover_measures
from models.places.ranking import rank_areas
from pipeline.database import connect, frame
from tests.town import CLOCK, event

ZONE = ZoneInfo("America/New_York")
SQL = Path("flows/sql/officer_hours.sql").read_text(encoding="utf-8")
AS_OF = datetime(2025, 11, 6)
EVENT_COLUMNS = ["area_id", "offence_code", "n", "discovery", "is_minor_used_by_adult", "age_days"]
CODEBOOK = pd.DataFrame({"axis": ["none"], "harm_days": [2.0], "band": ["low"]}, index=["theft"])


def reported(*shifts: tuple[str, str, str, float]) -> pd.DataFrame:
    """Hours a day and reported days by area; shifts are area, local start and end, hours."""
    connection = connect(is_encrypting=False)
    local = [(area, datetime.fromisoformat(a), datetime.fromisoformat(b), given) for area, a, b, given in shifts]
    rows = [(area, a.replace(tzinfo=ZONE), b.replace(tzinfo=ZONE), given) for area, a, b, given in local]
    names = ["area_id", "shift_start", "shift_end", "available_hours"]
    table = pd.DataFrame(rows, columns=names).assign(
        rostered_hours=[given for *_, given in rows],
        **{name: lambda t, name=name: pd.to_datetime(t[name], utc=True) for name in names[1:3]},
    )
    connection.register("shifts", table)
    connection.execute("CREATE TABLE staffing_snapshot AS FROM shifts")
    connection.execute(
        "CREATE TABLE area_name AS SELECT area_id AS raw_area_id, area_id || '@1' AS area_id FROM shifts"
    )
    parameters = {"time_zone": "America/New_York", "as_of_local": AS_OF}
    return frame(connection, SQL, parameters).set_index("area_id")


def hours(*shifts: tuple[str, str, str, float]) -> dict[str, float]:
    """Hours a day by area."""
    return reported(*shifts)["hours_per_day"].to_dict()


def daily(area: str, days: list[int], given: float) -> list[tuple[str, str, str, float]]:
    """Return a shift of eight hours on each of the days before the day of the run (0 is the last)."""
    starts = [AS_OF - timedelta(days=day + 1) + timedelta(hours=8) for day in days]
    return [(area, f"{at:%Y-%m-%d %H:%M}", f"{at + timedelta(hours=8):%Y-%m-%d %H:%M}", given) for at in starts]


def test_a_shift_counts_for_the_day_it_begins_on() -> None:
    found = hours(
        ("A", "2025-11-04 22:00", "2025-11-05 06:00", 80),
        ("A", "2025-11-04 06:00", "2025-11-04 14:00", 60),
        ("A", "2025-11-05 06:00", "2025-11-05 14:00", 60),
        ("A", "2025-10-01 06:00", "2025-10-01 14:00", 900),  # over four weeks ago
    )
    assert found == {"A@1": 100.0}


def test_a_week_is_spread_over_its_days_and_those_to_come_are_left_out() -> None:
    whole = hours(("A", "2025-10-27", "2025-11-03", 700))  # clocks go back within
    begun = hours(("A", "2025-11-03", "2025-11-10", 700))
    both = hours(("A", "2025-10-27", "2025-11-03", 700), ("A", "2025-11-03", "2025-11-10", 1400))
    assert (whole, begun) == ({"A@1": 100.0}, {"A@1": 100.0})
    assert both == {"A@1": pytest.approx((700 + 3 * 200) / 10)}


def test_seven_shifts_and_their_week_say_the_same() -> None:
    first = datetime(2025, 10, 20)
    days = [first + timedelta(days=number) for number in range(7)]
    shifts = [("A", f"{day:%Y-%m-%d} 08:00", f"{day:%Y-%m-%d} 16:00", 12.5) for day in days]
    assert hours(*shifts) == hours(("A", "2025-10-20", "2025-10-27", 87.5)) == {"A@1": 12.5}


def test_an_area_reported_on_four_of_28_days_has_the_hours_of_four_days() -> None:
    found = reported(*daily("A", list(range(28)), 70.0), *daily("B", [3, 9, 15, 21], 70.0))
    assert found["hours_per_day"].to_dict() == {"A@1": 70.0, "B@1": 10.0}
    assert found["reported_days"].to_dict() == {"A@1": 28, "B@1": 4}
    assert found["force_days"].eq(28).all()


def test_days_on_which_the_force_reports_nobody_count_for_nobody() -> None:
    found = reported(*daily("A", [0, 1, 2, 3], 50.0), *daily("B", [0, 1], 40.0))
    assert found["hours_per_day"].to_dict() == {"A@1": 50.0, "B@1": 20.0}
    assert found["force_days"].eq(4).all()


@given(st.dictionaries(st.sampled_from("ABC"), st.sets(st.integers(0, 27), min_size=1), min_size=1))
def test_the_hours_of_all_areas_and_days_are_those_of_the_shifts(days_of: dict[str, set[int]]) -> None:
    shifts = [shift for area, days in sorted(days_of.items()) for shift in daily(area, sorted(days), 7.0)]
    found = reported(*shifts)
    assert (found["hours_per_day"] * found["force_days"]).sum() == pytest.approx(7.0 * len(shifts))
    assert (found["reported_days"] <= found["force_days"]).all()
    assert found["force_days"].eq(len(set().union(*days_of.values()))).all()


def test_an_area_reported_on_four_days_of_the_force_is_said_to_be_so(
    new_home: Callable[..., Home], tmp_path: Path
) -> None:
    """Through the store: hours, days and the sentence in data_quality."""
    home, as_of = new_home(tmp_path / "home"), CLOCK.replace(hour=0)
    path = tmp_path / "staffing.jsonl"
    path.write_text("".join(_reports("A01", range(28), 72.0) + _reports("A02", range(0, 28, 7), 72.0)))
    assert load_file(home, path, None).dead == 0
    with open_home_snapshot(home, as_of, since=as_of) as snapshot:
        areas = areas_of(home.settings.force)
        area_names_of(snapshot.connection, areas)
        found = officer_hours(snapshot.connection, areas, as_of, home.settings)
    by_area = found.set_index("area_id")
    assert by_area.loc[["A01@1", "A02@1"], "hours_per_day"].tolist() == [72.0, pytest.approx(72.0 * 4 / 28)]
    assert by_area.loc[["A01@1", "A02@1"], "reported_days"].tolist() == [28, 4]
    assert by_area.loc["A03@1", ["hours_per_day", "is_assumed"]].tolist() == [0.0, True]
    measure, value, _, is_warning, detail = cover_measure(found)
    assert (measure, value, is_warning) == ("staffing_partial", 1.0, True)
    assert detail.endswith("with no hours: A02@1 on 4 of 28")


@pytest.mark.parametrize(
    ("days", "cover", "missing", "age"),
    [
        (range(28), [28, 28, 28], (0, False), (0, False)),
        ([0, 7, 14, 21, 40], [4, 4, 28], (24, True), (0, False)),
        (range(24, 28), [4, 4, 28], (24, True), (24, True)),  # the last report is 24 days old
        (range(8, 40), [20, 20, 28], (8, True), (8, True)),
        (range(6, 40), [22, 22, 22], (0, False), (6, False)),  # those of the last week may still come
        (range(4), [4, 4, 4], (0, False), (0, False)),  # the first days of a force
        ([30, 31], None, None, (30, True)),  # no hours of the last four weeks
    ],
)
@pytest.mark.parametrize("areas", [["A01"], ["A01", "A02"]])
def test_a_force_that_reports_nobody_on_some_days_is_flagged(
    new_home: Callable[..., Home],
    tmp_path: Path,
    areas: list[str],
    days: Iterable[int],
    cover: list[int] | None,
    missing: tuple[int, bool] | None,
    age: tuple[int, bool],
) -> None:
    """Through the store: one area, or several alike, so that no area has fewer days than the force."""
    home, as_of = new_home(tmp_path / "home"), CLOCK.replace(hour=0)
    path = tmp_path / "staffing.jsonl"
    path.write_text("".join(line for area in areas for line in _reports(area, days, 80.0)))
    assert load_file(home, path, None).dead == 0
    with open_home_snapshot(home, as_of, since=as_of) as snapshot:
        of_map = areas_of(home.settings.force)
        area_names_of(snapshot.connection, of_map)
        found = officer_hours(snapshot.connection, of_map, as_of, home.settings)
    events = pd.DataFrame([("A01@1", "theft", 1, "public", False, 1)], columns=EVENT_COLUMNS)
    ranking = rank_areas(events, events.assign(incident_id="i1"), CODEBOOK, found, config=home.settings.places, seed=1)
    assert ranking["is_staffing_partial"].sum() == (len(areas) if missing and missing[1] else 0)
    by_area = found.set_index("area_id").loc[[f"{area}@1" for area in areas]]
    if cover:
        for row in by_area[["reported_days", "force_days", "expected_days"]].to_numpy().tolist():
            assert row == cover
        assert by_area["hours_per_day"].eq(80.0).all()
    else:
        assert by_area["is_assumed"].all()
    assert not cover_measure(found)[3]
    said = {measure: (value, is_warning) for measure, value, _, is_warning, _ in force_cover_measures(found)}
    expected = {"staffing_report_age": age} | ({"staffing_days_missing": missing} if missing else {})
    assert said == expected


def test_where_staffing_of_no_area_of_the_map_is_reported_its_age_is_not_told(
    new_home: Callable[..., Home], tmp_path: Path
) -> None:
    home, as_of = new_home(tmp_path / "home"), CLOCK.replace(hour=0)
    path = tmp_path / "staffing.jsonl"
    path.write_text("".join(_reports("elsewhere", range(4), 80.0)))
    load_file(home, path, None)
    with open_home_snapshot(home, as_of, since=as_of) as snapshot:
        of_map = areas_of(home.settings.force)
        area_names_of(snapshot.connection, of_map)
        assert force_cover_measures(officer_hours(snapshot.connection, of_map, as_of, home.settings)) == []


def _reports(area: str, days: Iterable[int], given: float) -> list[str]:
    lines = []
    for day in days:
        begins = CLOCK.replace(hour=7) - timedelta(days=day + 1)
        shift = {"shift_start": f"{begins:%Y-%m-%dT%H:%M:%SZ}", "shift_end": f"{begins:%Y-%m-%d}T15:00:00Z"}
        data = {"area_id": area, **shift, "rostered_hours": given, "available_hours": given}
        lines.append(event("staffing.reported", f"{area}-{day}", data))
    return lines
