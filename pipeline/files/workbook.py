"""Workbooks (XLSX, XLSM, XLSB, XLS, ODS): the rows of one sheet as text."""

import io
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from pipeline.errors import SourceError
from pipeline.files.cells import cell_text
from pipeline.files.header import check_is_header
from pipeline.files.parsed import FileFormat, Parsed, UnreadableError, column_names, text_table
from pipeline.files.parts import Part, check_is_text

_CONTAINERS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # zip, and the older Office file
_FULL = 1_048_576  # rows that a sheet can hold
_LOOKED_AT = 100

Cells = Sequence[Any]


def read_workbook(part: Part, form: FileFormat) -> Parsed:
    """Read the sheet that the mapping names, else the first visible one with cells.

    Raises
    ------
    SourceError
        When it cannot be opened, the sheet is missing or empty, or its header is not where it is expected.
    """
    content = part.content()
    if not content.startswith(_CONTAINERS):
        check_is_text(part.name, content[:64])
        raise UnreadableError(f"{part.name} is no workbook; if it holds text, name it .csv")
    name, others, grid = _sheet(content, part.name, form.sheet)
    filled = [(number, cells) for number, cells in enumerate(grid, 1) if number > form.skip_rows and _is_filled(cells)]
    if not filled:
        raise UnreadableError(f"{part.name}: sheet {name!r} is empty: expected a header and rows")
    counts = [sum(cell != "" for cell in cells) for _, cells in filled[:_LOOKED_AT]]
    check_is_header(counts, [number for number, _ in filled], part.name)
    width = max(_width(cells) for _, cells in filled)
    names = column_names([cell_text(cell) or "" for cell in filled[0][1][:width]], origin=part.name)
    table = text_table(names, _texts(filled[1:], width))
    notes = [f"sheet {name!r} is read; {', '.join(map(repr, others))} not: state sheet: in the mapping"] * bool(others)
    notes += ["the sheet is full to its last row: rows beyond it may have been cut off"] * (len(grid) >= _FULL)
    return Parsed(table, names, len(filled) - 1, notes=tuple(notes), digest=part.digest())


def _sheet(content: bytes, origin: str, wanted: str | None) -> tuple[str, list[str], Sequence[Cells]]:
    """Return the name of the sheet, those of other sheets with cells, and the cells by row from the first row on."""
    try:
        from python_calamine import CalamineWorkbook, SheetVisibleEnum

        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = list(book.sheet_names)
        hidden = {one.name for one in book.sheets_metadata if one.visible != SheetVisibleEnum.Visible}
        filled = [name for name in names if book.get_sheet_by_name(name).height]
        candidates = sorted(filled, key=lambda name: name in hidden)
        chosen = wanted if wanted is not None else next(iter(candidates), None)
        grid = book.get_sheet_by_name(chosen).to_python(skip_empty_area=False) if chosen in names else None
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # the library reports broken files by errors of many kinds, and by its own panic
        raise UnreadableError(
            f"{origin} cannot be opened as a workbook ({error}); it may be damaged or protected by a password: save it "
            "again as .xlsx or CSV"
        ) from None
    if wanted is not None and grid is None:
        raise SourceError(f"{origin}: no sheet {wanted!r}; it has {', '.join(map(repr, names))}")
    if chosen is None or grid is None:
        raise UnreadableError(f"{origin} is empty: expected a sheet with a header and rows")
    others = [name for name in filled if name != chosen] if wanted is None else []
    return chosen, others, grid


def _is_filled(cells: Cells) -> bool:
    return any(not isinstance(cell, str) or cell.strip() for cell in cells)


def _width(cells: Cells) -> int:
    return max((at + 1 for at, cell in enumerate(cells) if cell != ""), default=0)


def _texts(filled: list[tuple[int, Cells]], width: int) -> list[tuple[int, list[str | None]]]:
    """Return the rows as text; a column whose times are all midnight holds dates."""
    columns = [_column([cells[at] if at < len(cells) else "" for _, cells in filled]) for at in range(width)]
    return [(number, [column[at] for column in columns]) for at, (number, _) in enumerate(filled)]


def _column(values: list[Any]) -> list[str | None]:
    # The library gives midnight as a date; among times of day it is one of them.
    if any(isinstance(value, datetime) and value.time() != time() for value in values):
        values = [datetime.combine(value, time()) if type(value) is date else value for value in values]
    else:
        values = [value.date() if isinstance(value, datetime) else value for value in values]
    return [cell_text(value) for value in values]
