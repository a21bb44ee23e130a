"""The route of a shift: one crew, never in two places, never outside the shift."""

from datetime import date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from models.operations.shift_route import (
    LEAST_PLACES,
    LONGEST_GAP,
    MOST_MOVED,
    MOST_STOPS,
    Visit,
    plan_route,
    span_of,
    travel_minutes,
)
from models.operations.shifts import read_shifts

NIGHT = read_shifts({"night": "23:00-07:00"})[0]
PHILADELPHIA = ZoneInfo("America/New_York")


def visit(cell: int, minute: int = 0, minutes: int = 12, x_m: float = 0.0) -> Visit:
    return Visit(f"c{cell}", cell, x_m, 0.0, minute, minutes)


def placed(cell: int, minute: int = 0, minutes: int = 12) -> Visit:
    """A visit to a cell somewhere along six kilometres."""
    return visit(cell, minute, minutes, x_m=cell * 2477.0 % 6000)


PLANNED = st.lists(st.builds(placed, st.integers(1, 6), st.integers(0, 479), st.integers(10, 16)), max_size=20)
OTHERS = st.lists(st.builds(placed, st.integers(5, 12)), max_size=6, unique_by=lambda v: v.rank)


@settings(max_examples=80)
@given(planned=PLANNED, others=OTHERS, length=st.integers(30, 480))
def test_one_crew_can_do_it(planned: list[Visit], others: list[Visit], length: int) -> None:
    route = plan_route(planned, others, length=length)
    for one, then in pairwise(route.stops):
        assert one.minute + one.minutes + travel_minutes(one, then) <= then.minute
    assert all(stop.minute >= 0 and stop.minute + stop.minutes <= length for stop in route.stops)
    assert len(route.stops) <= MOST_STOPS
    kept = [stop for stop in route.stops if stop.is_planned]
    assert len(kept) + route.left_out == len(planned)
    assert all(stop.at(stop.minute - stop.moved).minute in {v.minute for v in planned} for stop in kept)
    assert all(abs(stop.moved) <= MOST_MOVED for stop in kept)
    assert route == plan_route(planned[::-1], others, length=length)


@settings(max_examples=50)
@given(planned=PLANNED, others=OTHERS)
def test_a_cell_has_a_second_visit_only_when_no_other_waits(planned: list[Visit], others: list[Visit]) -> None:
    near = [Visit(v.cell_id, v.rank, 0.0, 0.0, v.minute, v.minutes) for v in planned]
    route = plan_route(near, others, length=480)
    cells = [stop.cell_id for stop in route.stops]
    unvisited = {v.cell_id for v in near} - set(cells)
    if unvisited and len(set(cells)) < len(cells):  # only where none of its visits could be fitted in
        assert len(set(cells)) >= LEAST_PLACES


def test_visits_at_one_time_are_moved_apart() -> None:
    route = plan_route([visit(1, 60), visit(2, 60, x_m=1000), visit(3, 60)], [], length=480)
    assert [(stop.cell_id, stop.minute, stop.moved) for stop in route.stops] == [
        ("c2", 44, -16), ("c1", 60, 0), ("c3", 72, 12)]  # fmt: skip
    assert travel_minutes(route.stops[0], route.stops[1]) == 4  # 1 km at 15 km/h
    far = plan_route([visit(1, 60), visit(2, 60, x_m=20_000)], [], length=480)
    assert (len(far.stops), far.left_out) == (1, 1)


def test_places_are_spread_over_the_shift() -> None:
    every_hour = [visit(cell, minute) for cell in (1, 2, 3) for minute in range(10 + cell, 480, 60)]
    route = plan_route(every_hour, [], length=480)
    assert {stop.cell_id for stop in route.stops} == {"c1", "c2", "c3"}
    assert max(then.minute - one.minute for one, then in pairwise(route.stops)) <= 180
    assert route.left_out == len(every_hour) - MOST_STOPS


def test_without_a_plan_the_next_cells_fill_the_shift_and_without_cells_there_is_no_stop() -> None:
    filled = plan_route([], [visit(cell) for cell in range(1, 9)], length=480)
    assert [(stop.cell_id, stop.minute) for stop in filled.stops] == [("c2", 111), ("c1", 234), ("c3", 357)]
    assert not any(stop.is_planned for stop in filled.stops)
    long = plan_route([], [visit(cell) for cell in range(1, 9)], length=720)
    assert {stop.cell_id for stop in long.stops} == {f"c{n}" for n in range(1, 6)}
    assert plan_route([], [], length=480).stops == ()


def test_a_night_has_stops_after_midnight() -> None:
    before_midnight = [visit(1, 5), visit(2, 30), visit(3, 45)]
    stops = plan_route(before_midnight, [visit(8), visit(9)], length=480).stops
    assert [stop.cell_id for stop in stops if stop.minute < 60] == ["c1", "c2", "c3"]
    assert [stop.is_planned for stop in stops if stop.minute > 60] == [False, False]
    assert 480 - stops[2].minute > LONGEST_GAP


def test_a_shift_over_a_change_of_the_clocks_is_as_long_as_it_is() -> None:
    lengths = {}
    for day in (date(2019, 3, 9), date(2019, 11, 2), date(2019, 12, 1)):
        starts_at, ends_at = span_of(NIGHT, day, PHILADELPHIA)
        lengths[day] = (ends_at - starts_at) / timedelta(hours=1)
        assert starts_at.astimezone(PHILADELPHIA).isoformat()[:16] == f"{day}T23:00"
        assert ends_at.astimezone(PHILADELPHIA).hour == 7
    assert list(lengths.values()) == [7, 9, 8]
    late = read_shifts({"late": "15:00-24:00"})[0]
    assert span_of(late, date(2019, 12, 1), PHILADELPHIA)[1].isoformat() == "2019-12-02T05:00:00+00:00"
