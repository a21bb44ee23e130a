"""Downloads: the text that went in comes out, never as a formula; the same tables give the same bytes."""

import csv
import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from pipeline.publication.downloads import sheet_names, write_csv, write_workbook

ZONE = ZoneInfo("America/New_York")
MADE_AT = datetime(2019, 12, 1, 5, tzinfo=UTC)
HOSTILE = [
    "=1+1",
    "+1-x",
    "-x",
    "@a",
    " =a",
    "\t=a",
    "http://x.example",
    "a,b",
    'say "x"',
    "{=1}",
    "é€",
    "00123",
    "1e5",
]
TEXTS = st.lists(
    st.sampled_from(HOSTILE) | st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1),
    min_size=1,
    max_size=5,
)


@given(texts=TEXTS)
def test_a_csv_gives_every_text_back_and_no_formula(texts: list[str]) -> None:
    _, *rows = csv.reader(io.StringIO(write_csv(pd.DataFrame({"a": texts, "b": 1}), ZONE), newline=""))
    for text, (cell, _) in zip(texts, rows, strict=True):
        assert cell.removeprefix("'") == text.removeprefix("'")
        assert not cell.lstrip().startswith(("=", "@"))


@settings(max_examples=30, deadline=None)
@given(texts=TEXTS)
def test_a_workbook_gives_every_text_back_as_text(texts: list[str]) -> None:
    content = write_workbook({"t": pd.DataFrame({"a": texts})}, zone=ZONE, made_at=MADE_AT)
    (_, *rows) = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_name("t").to_python()
    assert [row[0] for row in rows] == texts
    assert content == write_workbook({"t": pd.DataFrame({"a": texts})}, zone=ZONE, made_at=MADE_AT)


def test_times_are_local_lists_joined_and_shapes_left_out() -> None:
    frame = pd.DataFrame({"at": [pd.Timestamp("2019-12-01T05:30Z")], "ids": [["a", "b"]], "wkb": [b"\x00"]})
    assert write_csv(frame, ZONE) == "at,ids\r\n2019-12-01T00:30:00-05:00,a; b\r\n"
    book = CalamineWorkbook.from_filelike(io.BytesIO(write_workbook({"t": frame}, zone=ZONE, made_at=MADE_AT)))
    head, row = book.get_sheet_by_name("t").to_python()
    assert head == ["at (America/New_York)", "ids"]
    assert row == [datetime(2019, 12, 1, 0, 30), "a; b"]


def test_names_of_sheets_are_short_and_distinct() -> None:
    names = sheet_names(["x" * 40, "X" * 41, "a/b", "History"])
    assert len({name.lower() for name in names}) == 4
    assert all(0 < len(name) <= 31 and "/" not in name for name in names)
