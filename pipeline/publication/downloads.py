"""Tables as people download them: CSV and workbooks, in which no text is a formula and every row says its zone.

The same tables give the same bytes; nothing here reads the clock.
"""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from pipeline.errors import PublicationError
from pipeline.publication.tables import Column, read_tables

CELL_CHARACTERS = 32_767  # that a cell of a workbook can hold
SHEET_CHARACTERS = 31
SHEET_ROWS = 1_048_575  # below the header
NOT_IN_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")
FORMULA = "=+-@＝＋－＠"  # also the wide forms of East Asia
NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
WIDEST, SAMPLED = 60, 200  # characters of a column; rows that its width looks at
FIRST_DAY = date(1900, 3, 1)  # before it workbooks count days differently


def without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose texts no spreadsheet reads as a formula: an apostrophe is put before such a text."""
    texts = frame.select_dtypes(["object", "string"]).columns
    return frame.assign(**{name: frame[name].map(_without_formula) for name in texts})


def write_csv(frame: pd.DataFrame, zone: ZoneInfo) -> str:
    """Return a table as CSV (RFC 4180), without formulas and shapes.

    Names of columns are those of the table, times are local with their offset (ISO 8601), lists are joined by "; ".
    """
    plain = pd.DataFrame({name: [_csv_value(v, zone) for v in frame[name]] for name in _columns(frame)}, dtype=object)
    return without_formulas(plain).to_csv(index=False, lineterminator="\r\n")


def write_workbook(
    tables: Mapping[str, pd.DataFrame], *, zone: ZoneInfo, made_at: datetime, notes: Sequence[str] = ()
) -> bytes:
    """Return tables as a workbook (XLSX), one sheet each.

    A heading is the column's title in words, and its comment the column's name and meaning; times are local, and the
    heading names the zone. Shapes are left out. A text is always a text, never a formula, a number or a link; one
    longer than a cell can hold ends with an ellipsis.

    Parameters
    ----------
    tables : mapping
        Table by its published name, or by any other name.
    zone : ZoneInfo
        Zone of the times.
    made_at : datetime
        Date in the properties of the file, such as the run's as_of.
    notes : sequence of str
        Lines of a first sheet, if any.

    Raises
    ------
    PublicationError
        A table has more rows than a sheet can hold.
    """
    from xlsxwriter import Workbook

    content = io.BytesIO()
    book = Workbook(content, {"in_memory": True})
    book.set_properties({"created": made_at.astimezone(zone).replace(tzinfo=None), "author": "harmspot"})
    forms = {
        "head": book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1}),
        "time": book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
        "date": book.add_format({"num_format": "yyyy-mm-dd"}),
        "": None,
    }
    if notes:
        sheet = book.add_worksheet("Read first")
        sheet.set_column(0, 0, 100, book.add_format({"text_wrap": True}))
        for row, note in enumerate(notes):
            sheet.write_string(row, 0, _cell_text(note))
    for name, sheet_name in zip(tables, sheet_names(tables, taken=["Read first"]), strict=True):
        if len(tables[name]) > SHEET_ROWS:
            raise PublicationError(f"table {name!r} has {len(tables[name]):,} rows, more than a sheet holds; use --csv")
        _write_sheet(book.add_worksheet(sheet_name), name, tables[name], zone, forms)
    book.close()
    return content.getvalue()


def sheet_names(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Return a name of a sheet for each name: distinct whatever the case, of at most 31 allowed characters."""
    given: list[str] = []
    used = {name.lower() for name in taken} | {"history"}  # which Excel keeps for itself
    for name in names:
        plain = NOT_IN_XML.sub("�", re.sub(r"[\[\]:*?/\\\x00-\x1f']", " ", name)).strip() or "table"
        number, fitted = 1, plain[:SHEET_CHARACTERS]
        while fitted.lower() in used:
            number += 1
            end = f" {number}"
            fitted = plain[: SHEET_CHARACTERS - len(end)] + end
        used.add(fitted.lower())
        given.append(fitted)
    return given


def _write_sheet(sheet: Any, name: str, frame: pd.DataFrame, zone: ZoneInfo, forms: Mapping[str, Any]) -> None:
    described = _described(name)
    sheet.freeze_panes(1, 0)
    for at, column in enumerate(_columns(frame)):
        cells = [_workbook_value(value, zone) for value in frame[column]]
        is_time = any(isinstance(cell, datetime) for cell in cells)
        about = described.get(column)
        title = (about.title if about else column) + (f" ({zone.key})" if is_time else "")
        sheet.write_string(0, at, _cell_text(title), forms["head"])
        if about:
            sheet.write_comment(0, at, f"{column}: {about.comment}", {"author": "harmspot", "x_scale": 2})
        sheet.set_column(at, at, _width(title, cells, is_time=is_time))
        for row, cell in enumerate(cells, 1):
            _write_cell(sheet, row, at, cell, forms)


def _write_cell(sheet: Any, row: int, at: int, cell: Any, forms: Mapping[str, Any]) -> None:
    if isinstance(cell, bool):
        sheet.write_boolean(row, at, cell)
    elif isinstance(cell, (int, float)):
        sheet.write_number(row, at, cell)
    elif isinstance(cell, date):
        sheet.write_datetime(row, at, cell, forms["time" if isinstance(cell, datetime) else "date"])
    elif cell is not None:
        sheet.write_string(row, at, _cell_text(cell))


def _width(title: str, cells: list[Any], *, is_time: bool) -> int:
    longest = max((len(str(cell)) for cell in cells[:SAMPLED] if cell is not None), default=0)
    return min(WIDEST, max(18 if is_time else longest + 1, *(len(word) + 1 for word in title.split()), 8))


def _described(name: str) -> dict[str, Column]:
    tables = read_tables()
    table = tables.published.get(name) or tables.restricted.get(name)
    return {column.name: column for column in table.columns} if table else {}


def _columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns without those of bytes, which are shapes."""
    return [
        str(name)
        for name in frame.columns
        if not frame[name].map(lambda value: isinstance(value, (bytes, bytearray, memoryview))).any()
    ]


def _plain(value: Any) -> Any:
    """Return None for a missing value, a list as text, and numbers as those of Python."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return "; ".join(str(_plain(entry)) for entry in value)
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _csv_value(value: Any, zone: ZoneInfo) -> Any:
    plain = _plain(value)
    if isinstance(plain, datetime):
        return (plain.astimezone(zone) if plain.tzinfo else plain).isoformat(timespec="seconds")
    if isinstance(plain, bool):
        return str(plain).lower()
    return NOT_IN_XML.sub("�", plain) if isinstance(plain, str) else plain


def _workbook_value(value: Any, zone: ZoneInfo) -> Any:
    plain = _plain(value)
    if isinstance(plain, datetime):
        local = plain.astimezone(zone).replace(tzinfo=None) if plain.tzinfo else plain
        return local if local.date() >= FIRST_DAY else local.isoformat()
    if isinstance(plain, date):
        return plain if plain >= FIRST_DAY else plain.isoformat()
    if isinstance(plain, (bool, str)) or plain is None:
        return plain
    is_number = isinstance(plain, (int, float)) and np.isfinite(plain) and abs(plain) <= 2**53
    return plain if is_number else str(plain)


def _cell_text(text: str) -> str:
    clean = NOT_IN_XML.sub("�", text)
    return clean if len(clean) <= CELL_CHARACTERS else clean[: CELL_CHARACTERS - 1] + "…"


def _without_formula(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and _may_be_formula(value) else value


def _may_be_formula(text: str) -> bool:
    """Return whether a spreadsheet may take a text for a formula, also behind what it does not show."""
    first = next((sign for sign in text if sign.isprintable() and not sign.isspace()), "")
    return text.startswith(("\t", "\r", "\n")) or (first in tuple(FORMULA) and not NUMBER.fullmatch(text))
