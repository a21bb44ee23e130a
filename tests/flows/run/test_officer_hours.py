"""Officer hours a day: of shifts by the day they begin on, of a week by each of its days."""

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from pipeline.database import connect, frame

ZONE = ZoneInfo("America/New_York")
SQL = Path("flows/sql/officer_hours.sql").read_text(encoding="utf-8")
AS_OF = datetime(2025, 11, 6)


def hours(*shifts: tuple[str, str, str, float]) -> dict[str, float]:
    """Hours a day by area; shifts are area, local start and end, hours."""
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
    found = frame(connection, SQL, parameters)
    return dict(zip(found["area_id"], found["hours_per_day"], strict=True))


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
