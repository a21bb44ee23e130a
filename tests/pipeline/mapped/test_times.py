"""Every spelling of a time is read as the instant that it states, or refused by name; none is shifted."""

import tempfile
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.database import connect
from pipeline.mapped import mapped_files
from tests.pipeline.mapped.reading import COLUMNS, GOOD, NOW, mapping_of, read, times, told
from tests.soak import sample

LISTED = COLUMNS | {"occurred_at": ["when", "clock"]}


SHAPES = {
    "2023/06/15 03:30:00+00": "2023-06-15 03:30:00 instant",
    "2023/01/15 03:30:00+00": "2023-01-15 03:30:00 instant",
    "2023-01-15 22:10:00-05": "2023-01-16 03:10:00 instant",
    "2023-01-15 22:10:00-06": "2023-01-16 04:10:00 instant",
    "2023-01-15 22:10:00-06:00": "2023-01-16 04:10:00 instant",
    "2023-01-15 22:10:00 -0500": "2023-01-16 03:10:00 instant",
    "2023-01-15T22:10:00z": "2023-01-15 22:10:00 instant",
    "2023-01-15T22:10Z": "2023-01-15 22:10:00 instant",
    "2023-01-15T22:10:00.123+05:30": "2023-01-15 16:40:00 instant",
    "2023-01-15T22:10:00,5+0530": "2023-01-15 16:40:00 instant",
    "20230115T221000Z": "2023-01-15 22:10:00 instant",
    "20230115T2210-0500": "2023-01-16 03:10:00 instant",
    "2023-01-15 22:10:00 UTC": "2023-01-15 22:10:00 instant",
    "2023-07-15 22:10:00 GMT": "2023-07-15 22:10:00 instant",
    "2023-07-15 22:10:00 UTC+2": "2023-07-15 20:10:00 instant",
    "2023-07-15 22:10:00 GMT-04:00": "2023-07-16 02:10:00 instant",
    "2023-07-15 10:10:00 PM UTC": "2023-07-15 22:10:00 instant",
    "2023-07-15 22:10:00 EDT": "2023-07-16 02:10:00 instant",
    "2023-07-15 22:10:00 EST": "2023-07-16 03:10:00 instant",
    "2023-07-15 22:10:00 (EST)": "2023-07-16 03:10:00 instant",
    "2023-07-15 22:10:00 CST": "bad_zone",
    "2023-07-15 22:10:00 ET": "bad_zone",
    "2023-07-15 22:10:00 America/New_York": "bad_zone",
    "2023-07-15T22:10:00+01:00[Europe/London]": "bad_zone",
    "2023-07-15 22:10:00 - 05:00": "bad_zone",
    "2023-07-15 22:10:00+19:00": "bad_zone",
    "2023-07-15Z": "bad_value",
    "2023-07-15+00:00": "bad_value",
    "2023-07-15 22:10:00": "2023-07-16 02:10:00 instant",
    "2023-7-5 2:10": "2023-07-05 06:10:00 instant",
    "2023.07.15 22:10:00": "2023-07-16 02:10:00 instant",
    "2023-07-15 10:10 pm": "2023-07-16 02:10:00 instant",
    "2023-07-15 12:10 a.m.": "2023-07-15 04:10:00 instant",
    "2023-07-15 13:10 PM": "bad_value",
    "2023-07-15 00:10 AM": "bad_value",
    "2023-07-15": "2023-07-15 04:00:00 day",
    "2023/7/5": "2023-07-05 04:00:00 day",
    " 2023-07-15\t": "2023-07-15 04:00:00 day",
    "2023-07": "2023-07-01 04:00:00 month",
    "2023-07-15 24:00:00": "bad_value",
    "2016-12-31 23:59:60": "bad_value",
    "2023-02-30": "bad_value",
    "2023-13-01 10:00": "bad_value",
    "2023-07/15": "bad_value",
    "2023": "bad_value",
    "20230715": "bad_value",
    "epoch": "bad_value",
    "infinity": "bad_value",
    "today": "bad_value",
    "2023-06-15 (BC)": "bad_value",
    "0001-01-01 00:00:00": "impossible_date",
    "1900-01-01 00:00:00": "impossible_date",
    "9999-12-31 00:00:00": "future_date",
    "294247-01-01 00:00:00": "bad_value",
    "-2023-06-15 00:00:00": "bad_value",
    "1970-01-01 00:00:00": "1970-01-01 05:00:00 instant",
    "1577943000000": "bad_value",
    "1577943000": "bad_value",
    "157794300": "bad_value",
    "43832.5": "bad_value",
    "06/05/2023 10:00": "ambiguous_date",
    "<Null>": "missing_field",
    "NA": "missing_field",
    "-": "missing_field",
    "": "missing_field",
}


def test_a_time_without_a_format_is_read_by_its_shape(tmp_path: Path) -> None:
    assert dict(zip(SHAPES, times(tmp_path, list(SHAPES)), strict=True)) == SHAPES


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (
            "%m/%d/%Y %I:%M:%S %p",
            {
                "07/04/2018 11:30:00 PM": "2018-07-05 03:30:00 instant",
                "7/4/2018 1:30:00 am": "2018-07-04 05:30:00 instant",
                "07/04/2018 11:30:00 PM UTC": "2018-07-04 23:30:00 instant",
                "07/04/2018 11:30:00 PM -0600": "2018-07-05 05:30:00 instant",
                "07/04/2018": "2018-07-04 04:00:00 day",
                "07/04/2018 23:30:00": "bad_value",
                "07/04/2018 11:30:00": "bad_value",
                "2018-07-04 23:30:00": "2018-07-05 03:30:00 instant",
                "2018-07-04T23:30:00Z": "2018-07-04 23:30:00 instant",
                "2018-07-04 23:30:00+02": "2018-07-04 21:30:00 instant",
                "2018-07-12": "2018-07-12 04:00:00 day",
                "04.07.2018 23:30": "bad_value",
                "1577943000": "bad_value",
                "12/25/2018 11:30:00 PM XYZ": "bad_zone",
                "": "missing_field",
            },
        ),
        (
            "%Y-%m-%d %H:%M:%S%z",
            {
                "2018-07-04 23:30:00+02": "2018-07-04 21:30:00 instant",
                "2018-07-04 23:30:00 EDT": "2018-07-05 03:30:00 instant",
                "2018-07-04 23:30:00": "2018-07-05 03:30:00 instant",
                "2018-07-04 23:30:00Z": "2018-07-04 23:30:00 instant",
            },
        ),
        ("%Y-%m-%dT%H:%M:%SZ", {"2018-07-04T23:30:00Z": "2018-07-04 23:30:00 instant"}),
        ("%d.%m.%Y %H:%M UTC", {"04.07.2018 23:30 UTC": "2018-07-04 23:30:00 instant"}),
        (
            "%Y-%m-%d",
            {
                "2018-07-04": "2018-07-04 04:00:00 day",
                "2018-07-04 23:30:00": "2018-07-05 03:30:00 instant",
                "2018-07-04 23:30:00+00": "2018-07-04 23:30:00 instant",
                "2018-07": "bad_value",
            },
        ),
        ("%Y-%m", {"2018-07": "2018-07-01 04:00:00 month", "2018-07-12": "2018-07-12 04:00:00 day"}),
        (
            "%d-%m-%Y %H:%M",
            {"04-07-2018": "2018-07-04 04:00:00 day", "04-07-2018 23:30-05": "2018-07-05 04:30:00 instant"},
        ),
        ("%Y-%d-%m", {"2018-25-12": "2018-12-25 05:00:00 day", "2018-12-25": "bad_value"}),
        (
            "%Y%m%d%H%M",
            {
                "201807042330": "2018-07-05 03:30:00 instant",
                "20180704233": "bad_value",
                "1577943000": "bad_value",
                "20180704": "2018-07-04 04:00:00 day",
                "201807042330 -0500": "2018-07-05 04:30:00 instant",
                "201807042330Z": "2018-07-04 23:30:00 instant",
            },
        ),
        (
            "%m/%d/%Y 12:00:00 AM %H%M",
            {
                "01/08/2020 12:00:00 AM 2230": "2020-01-09 03:30:00 instant",
                "01/08/2020 12:00:00 AM 350": "2020-01-08 08:50:00 instant",
                "01/08/2020 12:00:00 AM 5.0": "2020-01-08 05:05:00 instant",
                "01/08/2020 12:00:00 AM 2400": "bad_value",
                "01/08/2020 12:00:00 AM": "2020-01-08 05:00:00 day",
            },
        ),
        (
            "epoch_s",
            {"1577943000": "2020-01-02 05:30:00 instant", "915148800": "1999-01-01 00:00:00 instant", "x": "bad_value"},
        ),
        ("%s", {"1577943000.5": "2020-01-02 05:30:00 instant", "1577943000000": "2020-01-02 05:30:00 instant"}),
        (
            "epoch_ms",
            {
                "1577943000000": "2020-01-02 05:30:00 instant",
                "915148800000": "1999-01-01 00:00:00 instant",
                "1577943000": "bad_value",
            },
        ),
        (
            "excel",
            {
                "43832.5": "2020-01-02 17:00:00 instant",
                "43832": "2020-01-02 05:00:00 day",
                "45092.98958333334": "2023-06-16 03:45:00 instant",
                "60": "impossible_date",
                "1e9": "bad_value",
                "2020-01-02 12:00": "2020-01-02 17:00:00 instant",
            },
        ),
        ("%F %T", {"2018-07-04 23:30:00": "2018-07-05 03:30:00 instant"}),
    ],
)
def test_a_time_with_a_format_is_read_by_it(tmp_path: Path, form: str, expected: dict[str, str]) -> None:
    assert dict(zip(expected, times(tmp_path, list(expected), occurred_at_format=form), strict=True)) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["06/15/2023", "06/05/2023 11:30 PM"], ["2023-06-15 04:00:00 day", "2023-06-06 03:30:00 instant"]),
        (["15.06.2023", "05.06.2023 23:30:05"], ["2023-06-15 04:00:00 day", "2023-06-06 03:30:05 instant"]),
        (["06/15/2023 10:00Z", "06-05-2023"], ["2023-06-15 10:00:00 instant", "2023-06-05 04:00:00 day"]),
        (["06/15/2023", "15/06/2023"], ["ambiguous_date", "ambiguous_date"]),
        (["06/05/2023", "2023-06-15"], ["ambiguous_date", "2023-06-15 04:00:00 day"]),
        (["06/15/23", "31/31/2023"], ["bad_value", "ambiguous_date"]),
    ],
)
def test_day_and_month_change_places_only_as_the_file_tells(
    tmp_path: Path, texts: list[str], expected: list[str]
) -> None:
    assert times(tmp_path, texts) == expected


EPOCH = "2020-01-02 05:30:00 instant"


@pytest.mark.parametrize(
    ("texts", "form", "expected"),
    [
        (
            ["1577943000000", "1577943000", " 1577943000.0 ", "", "soon"],
            None,
            [EPOCH] * 3 + ["missing_field", "bad_value"],
        ),
        (["1577943000000000", "1577943000000"], "%F %T", [EPOCH] * 2),
        (["1577943000000", "1577943000000", "2020-01-02 00:30:00"], "%F %T", ["bad_value"] * 2 + [EPOCH]),
        (["1577943000", "2020-01-02 00:30"], None, ["bad_value", EPOCH]),
        # 13-06-15 10:30, 15/06/13 10:30, 06/15/13 10:30, 2013-06-15 10 h
        (["1306151030", "1306151031"], None, ["bad_value"] * 2),
        (["1506131030"], "%F %T", ["bad_value"]),
        (["1006151330", "1577943000"], None, ["bad_value"] * 2),
        (["1577943000", "1577943000", "1306151030"], None, [EPOCH, EPOCH, "2011-05-23 11:43:50 instant"]),
    ],
)
def test_digits_are_an_epoch_only_where_the_file_tells(
    tmp_path: Path, texts: list[str], form: str | None, expected: list[str]
) -> None:
    assert times(tmp_path, texts, **({"occurred_at_format": form} if form else {})) == expected


def test_each_file_of_a_folder_tells_of_its_own_times(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    files = {
        "a": ["06/15/2023", "06/05/2023"],
        "b": ["15/06/2023 10:00", "06/05/2023 10:00"],
        "c": ["06/05/2023"],
        "d": ["1577943000"],
        "e": ["2020-01-02 00:30", "1577943000"],
    }
    for name, texts in files.items():
        pd.DataFrame([GOOD | {"when": text} for text in texts]).to_csv(tmp_path / "in" / f"{name}.csv", index=False)
    expected = [
        *("2023-06-15 04:00:00 day", "2023-06-05 04:00:00 day"),
        *("2023-06-15 14:00:00 instant", "2023-05-06 14:00:00 instant"),
        *("ambiguous_date", EPOCH, EPOCH, "bad_value"),
    ]
    mapping = mapping_of(tmp_path)
    with closing(connect(is_encrypting=False)) as connection:
        mapped_files.read_raw(connection, tmp_path / "in", mapping)
        mapped_files.map_incidents(connection, mapping, NOW)
        mapped_files.stage_incidents(connection)
        found = connection.execute("FROM staged ORDER BY row_number").to_arrow_table().to_pylist()
        reasons = connection.execute("SELECT rule, reason FROM refusal").fetchall()
        said = list(mapped_files.warnings_of_times(connection))
    assert [told(row | {"reason": dict(reasons).get(row["rule"])}) for row in found] == expected
    assert said == [
        "occurred_at is written in digits alone and is read as seconds, milliseconds or microseconds since 1970; set "
        "occurred_at_format (epoch_s or epoch_ms) in the mapping to be sure"
    ]


@pytest.mark.parametrize(
    ("rows", "changes", "expected"),
    [
        (
            [("06/15/2023", "23:45:00"), ("06/16/2023", ""), ("", "23:45"), ("06/16/2023", "25:00")],
            {"occurred_at_format": "%m/%d/%Y %H:%M:%S"},
            ["2023-06-16 03:45:00 instant", "2023-06-16 04:00:00 day", "bad_value", "bad_value"],
        ),
        (
            [("06/15/2023", "23:45:00"), ("06/16/2023", "00:10:00"), ("06/16/2023", "N/A"), ("", "")],
            {},
            ["2023-06-16 03:45:00 instant", "2023-06-16 04:10:00 instant", "2023-06-16 04:00:00 day", "missing_field"],
        ),
        (
            [("2023-06-15T00:00:00.000", "23:45"), ("2023-06-15 00:00:00", ""), ("2023-06-15", "23:45Z")],
            {},
            ["2023-06-16 03:45:00 instant", "2023-06-15 04:00:00 day", "2023-06-15 23:45:00 instant"],
        ),
        (
            [("01/08/2020 12:00:00 AM", "2230"), ("01/08/2020 12:00:00 AM", "5"), ("01/08/2020 12:00:00 AM", "")],
            {"occurred_at_format": "%m/%d/%Y 12:00:00 AM %H%M"},
            ["2020-01-09 03:30:00 instant", "2020-01-08 05:05:00 instant", "2020-01-08 05:00:00 day"],
        ),
    ],
)
def test_a_date_and_a_time_apart_are_one_time(
    tmp_path: Path, rows: list[tuple[str, str]], changes: dict[str, Any], expected: list[str]
) -> None:
    mapping = mapping_of(tmp_path, columns=LISTED, **changes)
    found = read(tmp_path, [{"when": when, "clock": clock} for when, clock in rows], mapping)
    assert [told(row) for row in found] == expected


def test_year_month_day_hour_and_minute_apart_are_one_time(tmp_path: Path) -> None:
    names = ["year", "month", "day", "hour", "minute"]
    mapping = mapping_of(tmp_path, columns=COLUMNS | {"occurred_at": names}, occurred_at_format="%Y %m %d %H %M")
    rows = [
        ("2023", "6", "15", "23", "5"),
        ("2023", "6", "15", "", ""),
        ("2023", "6", "", "3", ""),
        ("2023", "", "6", "", ""),
    ]
    found = read(tmp_path, [dict(zip(names, row, strict=True)) for row in rows], mapping)
    assert [told(row) for row in found] == [
        "2023-06-16 03:05:00 instant",
        "2023-06-15 04:00:00 day",
        *["bad_value"] * 2,
    ]
    numbers = pd.DataFrame([dict(zip(names, map(float, rows[0]), strict=True))])
    found = read(tmp_path, numbers.to_dict("records"), mapping, "in.parquet")
    assert [told(row) for row in found] == ["2023-06-16 03:05:00 instant"]


def test_typed_columns_say_themselves_what_they_are(tmp_path: Path) -> None:
    utc = pd.Timestamp("2023-06-15 03:30", tz="America/Chicago")
    for texts, expected in (
        ([date(2023, 6, 15)], "2023-06-15 04:00:00 day"),
        ([datetime(2023, 6, 15, 3, 30)], "2023-06-15 07:30:00 instant"),
        ([utc], "2023-06-15 08:30:00 instant"),
        ([1577943000000], "2020-01-02 05:30:00 instant"),
        ([1577943000.0], "2020-01-02 05:30:00 instant"),
        ([12345.5], "bad_value"),
        ([True], "bad_value"),
    ):
        assert times(tmp_path, texts, name="in.parquet") == [expected]
    assert times(tmp_path, [20230615], name="in.parquet", occurred_at_format="%Y%m%d") == ["2023-06-15 04:00:00 day"]


INTERVALS = [
    ("2023-06-15 08:00", "2023-06-15 08:30", "2023-06-15 12:15:00 instant"),
    ("2023-06-15 08:00", "2023-06-15 18:00", "2023-06-15 17:00:00 day"),
    ("2023-06-15 08:00", "2023-06-25 08:00", "2023-06-20 12:00:00 month"),
    ("2023-06-15 08:00", "2023-06-15 12:30Z", "2023-06-15 12:15:00 instant"),
    ("2023-06-15", "2023-06-15", "2023-06-15 16:00:00 day"),
    ("2023-06-15 22:00", "2023-06-15", "2023-06-16 03:00:00 day"),
    ("2023-06-15 08:00", "", "2023-06-15 12:00:00 instant"),
    ("2023-06-15 08:00", "2023-06-15 07:59", "bad_interval"),
    ("2023-06-15 08:00", "1023-06-15 09:00", "bad_interval"),
    ("2023-06-15 08:00", "2223-06-15 09:00", "future_date"),
    ("2023-06-15 08:00", "later", "bad_value"),
    ("2023-06-15 08:00", "2023-06-15 09:00 CST", "bad_zone"),
    ("", "2023-06-15 08:00", "missing_field"),
]


def test_an_interval_is_placed_at_its_middle(tmp_path: Path) -> None:
    mapping = mapping_of(tmp_path, columns=COLUMNS | {"occurred_to": "end"})
    found = read(tmp_path, [{"when": begin, "end": end} for begin, end, _ in INTERVALS], mapping)
    assert [(*row[:2], told(one)) for row, one in zip(INTERVALS, found, strict=True)] == INTERVALS


@pytest.mark.parametrize("column", ["reported_at", "updated_at"])
def test_other_times_are_read_as_carefully(tmp_path: Path, column: str) -> None:
    mapping = mapping_of(tmp_path, columns=COLUMNS | {column: "other"})
    rows = [
        {"other": text}
        for text in ("2023-06-15 03:30:00+00", "2023-06-15 03:30:00 UTC", "2023-06-15 03:30 XST", "soon")
    ]
    found = read(tmp_path, rows, mapping)
    instant = datetime(2023, 6, 15, 3, 30, tzinfo=UTC)
    expected = instant if column == "reported_at" else int(instant.timestamp())
    read_as = [row["reported_at" if column == "reported_at" else "version"] for row in found[:2]]
    assert read_as == [expected] * 2
    assert [row["reason"] for row in found] == [None, None, "bad_zone", "bad_value"]
    assert found[2]["detail"] == (
        "`other` states a zone that is no abbreviation of the mapping's time_zone; set time_zone, or have it written "
        "as -05:00."
    )
    assert found[2]["value"] == "2023-06-15 03:30 XST"


@pytest.mark.parametrize("column", ["reported_at", "updated_at"])
def test_other_times_have_the_zone_of_the_mapping_and_are_of_the_past(tmp_path: Path, column: str) -> None:
    instant = datetime(2023, 6, 15, 14, tzinfo=UTC)
    texts = ["2023-06-15 10:00:00", "2023-06-15T14:00:00Z", "2203-06-01 10:00:00", "2203-06-01 10:00:00Z"]
    rows = [{"other": text} for text in [*texts, "1899-12-30 00:00:00", "0001-01-01 00:00:00Z"]]
    found = read(tmp_path, rows, mapping_of(tmp_path, columns=COLUMNS | {column: "other"}))
    assert [row["reason"] for row in found] == [None, None, *["future_date"] * 2, *["impossible_date"] * 2]
    name, expected = ("reported_at", instant) if column == "reported_at" else ("version", int(instant.timestamp()))
    assert [row[name] for row in found[:2]] == [expected] * 2
    # Without a time zone no offset is known.
    rows = [row | {"when": "2023-06-01 10:00Z"} for row in rows]
    found = read(tmp_path, rows, mapping_of(tmp_path, columns=COLUMNS | {column: "other"}, time_zone=None))
    assert [row["reason"] for row in found[:2]] == ["naive_time", None]


def test_several_columns_of_a_time_are_shown_as_one_text(tmp_path: Path) -> None:
    mapping = mapping_of(tmp_path, columns=LISTED)
    [found] = read(tmp_path, [{"when": "06/17/2025", "clock": "25:00"}], mapping)
    assert (found["reason"], found["value"]) == ("bad_value", "06/17/2025 25:00")


ZONES = {
    **{"": None, "Z": 0, " UTC": 0, "+00": 0, "+00:00": 0, "+0530": 330, "-05": -300, " -0500": -300, "-06:00": -360},
    **{" GMT": 0, " EST": -300, " EDT": -240, " CST": ..., " UTC+2": 120},
}
CLOCKS = ("%H:%M:%S", "%H:%M:%S.%f", "%H:%M", "%I:%M:%S %p")
DATES = ("%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%d.%m.%Y", "%Y%m%d")


@pytest.mark.sampled
@settings(max_examples=sample(15, whole=300), deadline=None)
@given(
    instants=st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2025, 12, 31)), min_size=1, max_size=8),
    day=st.sampled_from(DATES),
    clock=st.sampled_from(CLOCKS),
    between=st.sampled_from([" ", "T"]),
    has_format=st.booleans(),
    column=st.sampled_from(["occurred_at", "reported_at"]),
)
def test_an_instant_in_any_spelling_is_read_back_or_refused(
    instants: list[datetime], day: str, clock: str, between: str, has_format: bool, column: str
) -> None:
    """Every instant in every zone; a local time is read in the mapping's zone, as Python's zoneinfo reads it."""
    pattern = f"{day}{between}{clock}"
    gap = " " if clock.endswith("p") else ""  # AMZ is no zone
    texts = [
        (moment, zone, moment.strftime(pattern) + gap * bool(zone) + zone) for moment in instants for zone in ZONES
    ]
    with tempfile.TemporaryDirectory() as folder:
        columns = COLUMNS if column == "occurred_at" else COLUMNS | {column: "told"}
        changes = {f"{column}_format": pattern} if has_format else {}
        rows = [{"when" if column == "occurred_at" else "told": text} for *_, text in texts]
        found = read(Path(folder), rows, mapping_of(Path(folder), columns=columns, **changes))
    for (moment, zone, text), row in zip(texts, found, strict=True):
        kept = datetime.strptime(moment.strftime(pattern), pattern)
        if row["reason"] is None:
            assert row[column].astimezone(UTC) == absolute(kept, ZONES[zone]), text
        else:
            assert row["reason"] in {"bad_zone", "bad_value", "ambiguous_date"}, text
            is_known = has_format or day in {"%Y-%m-%d", "%Y/%m/%d"}
            assert ZONES[zone] is ... or not is_known, (text, row["detail"])


def absolute(local: datetime, offset_min: Any) -> datetime:
    if offset_min is None:
        return local.replace(tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)
    return (local - timedelta(minutes=offset_min)).replace(tzinfo=UTC)
