"""Small tables that people give as CSV files: each cell is read as its column says, or refused by row and column."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipeline.errors import SettingsError
from pipeline.near_words import did_you_mean

_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Column:
    """What the cells of a column hold; `expected` says it to people, as in "hours, 0 or more"."""

    expected: str
    kind: Literal["text", "number", "day", "truth"] = "text"
    least: float = -np.inf
    most: float = np.inf
    one_of: tuple[str, ...] = ()
    is_optional: bool = False  # the column may be missing, and a cell of it blank


@dataclass(frozen=True, slots=True)
class TableFile:
    """A CSV file, what it is, and the error that it raises; the index of its frames is the row of a spreadsheet."""

    path: Path
    what: str
    error: type[Exception] = SettingsError
    is_of_people: bool = False  # errors then quote nothing of the file: a value may be somebody's id

    def refuse(self, values: pd.Series, is_wrong: pd.Series, expected: str) -> None:
        """Raise the error with row, column and value of the first wrong cell, if there is one."""
        if is_wrong.any():
            row: Any = is_wrong.idxmax()
            found = "" if self.is_of_people else f"{values[row]!r}: "
            raise self.error(f"{self.what} {self.path}, row {row}, column {values.name}: {found}expected {expected}")

    def refuse_repeats(self, table: pd.DataFrame, key: Sequence[str]) -> None:
        """Raise the error with row and column of the first row whose key is that of an earlier one."""
        self.refuse(table[key[0]], table.duplicated(list(key)), f"one row for each {' and '.join(key)}")

    def refuse_unknown(self, values: pd.Series, known: Sequence[str]) -> None:
        """Raise the error for the first value that is not known, with the nearest that is."""
        is_unknown = ~values.isin(list(known))
        if is_unknown.any():
            self.refuse(values, is_unknown, f"a known one; {did_you_mean(values[is_unknown].iloc[0], known)}")

    def read(self, columns: Mapping[str, Column], *, key: Sequence[str] = ()) -> pd.DataFrame:
        """Read a file in UTF-8 or UTF-16; columns without a description stay text.

        Parameters
        ----------
        columns : mapping of str to Column
            By name.
        key : sequence of str
            Columns that together occur once.

        Raises
        ------
        SettingsError
            Or `error`: the file cannot be read, has no rows, lacks a column, a cell is not as described, or a key
            occurs twice.
        """
        table, notes = self.read_text()
        if notes:
            raise self.error(f"{self.what} {self.path} is not UTF-8; save it as CSV UTF-8")
        for name, column in columns.items():
            if name not in table and not column.is_optional:
                near = "" if self.is_of_people else f"; {did_you_mean(name, table.columns, listing='it has')}"
                raise self.error(f"{self.what} {self.path}: no column {name!r} in its first row{near}")
        if table.empty:
            raise self.error(f"{self.what} {self.path}: no rows below the header; write at least one")
        typed = table.assign(
            **{name: self._typed(table[name], column) for name, column in columns.items() if name in table}
        )
        if key:
            self.refuse_repeats(typed, key)
        return typed

    def _typed(self, values: pd.Series, column: Column) -> pd.Series:
        is_blank = values.eq("")
        typed: Any = values
        is_wrong: Any = is_blank
        if column.kind == "number":
            is_plain = values.str.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
            typed = pd.to_numeric(values.where(is_plain), errors="coerce").astype(float)
            is_wrong = ~(np.isfinite(typed) & typed.between(column.least, column.most))
        elif column.kind == "day":
            is_plain = values.str.fullmatch(r"\d{4}-\d\d-\d\d")
            typed = pd.to_datetime(values.where(is_plain), format="%Y-%m-%d", errors="coerce")
            is_wrong = typed.isna()
        elif column.kind == "truth":
            typed = values.str.lower().map(_TRUTH)
            is_wrong = typed.isna()
        elif column.one_of:
            is_wrong = ~values.isin(column.one_of)
        self.refuse(values, is_wrong & ~(is_blank & column.is_optional), column.expected)
        made: pd.Series = typed.astype(bool) if column.kind == "truth" and not is_blank.any() else typed
        return made

    def read_text(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Read every cell as text without blanks at its ends, and what was guessed; blank rows are left out.

        Fields may be set apart by semicolons or tabs; names of columns are read in lower case, with `_` for a blank.
        """
        text, notes = self._decoded()
        header = next((line for line in text.splitlines() if line.strip()), "")
        reader = csv.reader(StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), strict=True)
        try:
            rows = [(number, [cell.strip() for cell in row]) for number, row in enumerate(reader, start=1)]
        except csv.Error as error:
            raise self.error(f"{self.what} {self.path} cannot be read: line {reader.line_num}: {error}") from None
        rows = [(number, row) for number, row in rows if any(row)]
        if not rows:
            raise self.error(f"{self.what} {self.path} is empty; write a row with the names of its columns")
        names = [name.lower().replace(" ", "_") for name in rows[0][1]]
        while names and not names[-1]:
            names.pop()
        if repeated := [name for name in names if names.count(name) > 1]:
            named = "a column" if self.is_of_people else f"column {repeated[0]!r}"
            raise self.error(f"{self.what} {self.path}: {named} occurs twice; keep one")
        for number, row in rows[1:]:
            if any(row[len(names) :]):
                raise self.error(
                    f"{self.what} {self.path}, row {number}: {len(row)} fields where its first row names {len(names)} "
                    "columns; put quotes around a text with a comma, and write numbers with a decimal point"
                )
        filled = [(row + [""] * len(names))[: len(names)] for _, row in rows[1:]]
        return pd.DataFrame(filled, columns=names, index=[number for number, _ in rows[1:]], dtype=str), notes

    def _decoded(self) -> tuple[str, tuple[str, ...]]:
        try:
            found = self.path.read_bytes()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise self.error(f"{self.what} {self.path} cannot be read: {why}; name a CSV file") from None
        notes: tuple[str, ...] = ()
        try:
            is_utf16 = found.startswith((b"\xff\xfe", b"\xfe\xff"))
            text = found.decode("utf-16" if is_utf16 else "utf-8-sig")
        except UnicodeDecodeError:
            notes = (f"{self.path.name} is not UTF-8; read as cp1252, as spreadsheets write it. Save it as UTF-8.",)
            text = found.decode("cp1252", errors="replace")
        if "\0" in text:
            raise self.error(f"{self.what} {self.path} is not a CSV text; save it as CSV UTF-8")
        return text, notes
