"""Patterns of times are found by trying them on values, with the order of day and month where the values tell it."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.new_city.times import CLOCKS, DATES, clock_format, latest_time, read_exactly, read_format
from pipeline.errors import SourceError
from tests.soak import sample


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect()) as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


def texts(*values: str | None) -> pd.Series:
    return pd.Series(list(values), dtype="object")


@pytest.mark.parametrize(
    ("values", "pattern", "precision"),
    [
        (["2019-01-02 03:04:05", "2019-12-31T23:59:59Z"], None, "instant"),
        (["2019/01/02 03:04:05+00", "2019-12-31 23:59:59-05:00"], None, "instant"),
        (["2019-01-02 03:04:05 UTC", "2019-12-31 23:59:59 EST"], None, "instant"),
        (["01/31/2019 03:04:05 PM EST", "12/01/2019 11:00:00 AM EDT"], "%m/%d/%Y %I:%M:%S %p", "instant"),
        (["2019-01-02", "2019-05-31"], None, "day"),
        (["01/31/2019 03:04:05 PM", "12/01/2019 11:00:00 AM"], "%m/%d/%Y %I:%M:%S %p", "instant"),
        (["31/01/2019 15:04", "01/12/2019 11:00"], "%d/%m/%Y %H:%M", "instant"),
        (["31.01.2019 15:04", "01.12.2019 11:00"], "%d.%m.%Y %H:%M", "instant"),
        (["1/31/19", "12/1/19"], "%m/%d/%y", "day"),
        (["12-JAN-2019", "31-DEC-2019"], "%d-%b-%Y", "day"),
        (["2019-01", "2019-02", "2020-03"], "%Y-%m", "month"),
        (["2019/01/01", "2019/02/01", "2019/03/01"], None, "month"),
        (["1546300800", "1577836799"], "epoch_s", "instant"),
        (["1546300800000", "1577836799000"], "epoch_ms", "instant"),
        (["43466.5", "43830.25"], "excel", "instant"),
        (["20190131", "20191201"], "%Y%m%d", "day"),
    ],
)
def test_the_pattern_and_precision_of_values_are_found(
    connection: duckdb.DuckDBPyConnection, values: list[str], pattern: str | None, precision: str
) -> None:
    found = read_format(texts(*values), connection)
    assert found is not None
    assert (found.pattern, found.precision, found.rate) == (pattern, precision, 1.0)


@pytest.mark.parametrize("values", [["THEFT", "ROBBERY"], ["", ""], ["12.5", "13.5"], ["100 MAIN ST", "200 ELM ST"]])
def test_what_is_no_time_has_no_pattern(connection: duckdb.DuckDBPyConnection, values: list[str]) -> None:
    assert read_format(texts(*values), connection) is None
    assert read_format(texts(None, None), connection) is None


def test_day_and_month_that_no_value_tells_apart_are_a_question_and_the_shorter_span_is_proposed(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    january = [f"01/{day:02d}/2019 10:00" for day in range(1, 13)]
    found = read_format(texts(*january), connection)
    assert found is not None
    assert (found.pattern, found.is_ambiguous) == ("%m/%d/%Y %H:%M", True)
    found = read_format(texts(*january, "01/13/2019 10:00"), connection)
    assert found is not None
    assert not found.is_ambiguous


@pytest.mark.sampled
@settings(max_examples=sample(20, whole=300))
@given(
    pattern=st.sampled_from([f"{day} {clock}" for day in DATES for clock in CLOCKS[:4]]),
    moments=st.lists(
        st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)).map(lambda t: t.replace(microsecond=0)),
        min_size=1,
        max_size=20,
        unique=True,
    ),
)
def test_the_pattern_that_is_found_reads_the_same_instants_unless_it_says_that_it_cannot_know(
    connection: duckdb.DuckDBPyConnection, pattern: str, moments: list[datetime]
) -> None:
    precise = [m if "%S" in pattern else m.replace(second=0) for m in moments]
    # Two digits of a year stand for 1969 to 2068.
    written = texts(*[m.strftime(pattern) for m in precise])
    found = read_format(written, connection)
    assert found is not None
    if found.is_ambiguous:
        return
    reading = f"strptime(text, '{found.pattern}')" if found.pattern else "text::TIMESTAMP"
    frame = pd.DataFrame({"text": written})
    read = [row[0] for row in connection.execute(f"SELECT {reading} FROM frame").fetchall()]
    assert read == precise
    assert len(frame) == len(read)


def test_a_clock_beside_a_date_is_read_with_it(connection: duckdb.DuckDBPyConnection) -> None:
    assert clock_format(texts("13:00", "00:30"), connection) == "%H:%M"
    assert clock_format(texts("2230", "0045", "1200"), connection) == "%H%M"
    assert clock_format(texts("1:05 PM", "11:59 AM"), connection) == "%I:%M %p"
    assert clock_format(texts("THEFT", "ARSON"), connection) is None
    joined = read_exactly(texts("01/08/2020 12:00:00 AM 2230"), connection, "%m/%d/%Y 12:00:00 AM %H%M")
    assert joined is not None
    assert joined.latest == pd.Timestamp("2020-01-08 22:30")


def test_the_last_time_leaves_out_the_future_and_a_slip_far_behind_all_others(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    days = [f"{datetime(2019, 1, 1) + timedelta(hours=hours):%Y-%m-%d %H:%M:%S}" for hours in range(2_000)]
    rows = pd.DataFrame({"at": [*days, "2091-01-01 00:00:00"]})
    connection.register("raw", rows)
    form = read_format(rows["at"], connection)
    assert form is not None
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert latest_time(connection, ("at",), form, now) == pd.Timestamp("2019-03-25 07:00:00")
    rows = pd.DataFrame({"at": [*days, "2025-01-01 00:00:00"]})
    connection.register("raw", rows)
    assert latest_time(connection, ("at",), form, now) < pd.Timestamp("2019-04-01")
    with pytest.raises(SourceError, match="--column occurred_at"):
        latest_time(connection, ("at",), form, datetime(2000, 1, 1, tzinfo=UTC))
    connection.unregister("raw")


def test_dates_in_both_orders_have_no_pattern(connection: duckdb.DuckDBPyConnection) -> None:
    british, american = [f"{day}/03/2024" for day in range(1, 29)], [f"03/{day}/2024" for day in range(10, 29)]
    mixed = read_format(texts(*british, *american), connection)
    assert mixed is not None
    assert (mixed.pattern, mixed.is_mixed) == (None, True)
    plain = read_format(texts(*british), connection)
    assert plain is not None
    assert (plain.pattern, plain.is_mixed) == ("%d/%m/%Y", False)
