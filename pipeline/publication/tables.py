"""The published tables described in `tables.yml`, and the conversion of frames to them.

`python -m pipeline.publication.tables` writes the description as Markdown, stored as `docs/tables.md`.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any

import pandas as pd
import pyarrow as pa
import yaml

from pipeline.database import ARROW_TYPES
from pipeline.errors import PublicationError

INTERVAL_ENDS = {"_lo": ", lower end", "_hi": ", upper end"}
RUN_COLUMNS = ("run_id", "as_of", "valid_to")  # first columns of every table of a run, except `run`


@dataclass(frozen=True, slots=True)
class Cell:
    """How the report shows a column: heading, hint, macro that draws a value, digits of a number, sortable or not.

    `head` and `tip` are templates that may use the columns of the run.
    """

    head: str
    tip: str = ""
    draw: str = ""
    digits: int = 0
    sort: bool = True


@dataclass(frozen=True, slots=True)
class Show:
    """Where a column is shown: in the `show` command, in cells of the report; and its place among those shown."""

    command: bool = False
    report: tuple[Cell, ...] = ()
    first: bool = False
    after: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: DuckDB type, meaning, unit if any, where it is shown, and its label if its name is not good enough."""

    name: str
    duckdb_type: str
    meaning: str
    unit: str | None = None
    show: Show = Show()
    label: str | None = None

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type of the column."""
        return ARROW_TYPES[self.duckdb_type]

    @property
    def is_number(self) -> bool:
        """True for numbers, False for text, times and truth values."""
        return self.duckdb_type in ("DOUBLE", "INTEGER", "BIGINT")

    @property
    def title(self) -> str:
        """The name in words, for those who read a table in a GIS."""
        words = self.name.removeprefix("is_")
        for end, said in INTERVAL_ENDS.items():
            words = words.removesuffix(end) + said if words.endswith(end) else words
        words = words.replace("_", " ")
        return self.label or words[0].upper() + words[1:]

    @property
    def comment(self) -> str:
        """The meaning with the unit in brackets."""
        return f"{self.meaning} [{self.unit}]" if self.unit else self.meaning


@dataclass(frozen=True, slots=True)
class Table:
    """A table: all columns in order, and the key columns that identify a row within a run.

    A projection belongs to no run: it shows human decisions and is rebuilt completely after each of them. A table
    with `shared_by` names a column of its own and of table `run`: its rows belong to every run with that value there,
    and are kept once for all of them.
    """

    name: str
    about: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    is_projection: bool = False
    shared_by: str | None = None

    @property
    def is_of_one_run(self) -> bool:
        """True if each row belongs to one run and begins with the run columns."""
        return not (self.is_projection or self.shared_by or self.name == "run")

    @property
    def kept_by(self) -> str:
        """The column that ties a row to its run or runs; not for projections."""
        return self.shared_by or "run_id"

    @property
    def column_names(self) -> list[str]:
        """Names of the columns in order."""
        return [column.name for column in self.columns]

    @property
    def shown(self) -> list[Column]:
        """Columns that are shown anywhere, in the order in which they are shown."""
        shown = [column for column in self.columns if column.show != Show()]
        ordered = sorted(shown, key=lambda column: not column.show.first)
        for column in shown:
            if column.show.after:
                ordered.remove(column)
                ordered.insert([each.name for each in ordered].index(column.show.after) + 1, column)
        return ordered

    def column(self, name: str) -> Column:
        """Return the column called `name`."""
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of both files by name; `run` is in both and identifies a run."""

    published: Mapping[str, Table]
    restricted: Mapping[str, Table]

    @property
    def projections(self) -> list[str]:
        """Names of the tables that belong to no run."""
        return [name for file in (self.published, self.restricted) for name in file if file[name].is_projection]

    def find(self, name: str) -> Table:
        """Return the table called `name`; raise PublicationError if neither file has it."""
        found = self.published.get(name) or self.restricted.get(name)
        if found is None:
            known = ", ".join(sorted({*self.published, *self.restricted}))
            raise PublicationError(f"no table {name!r}; available: {known}")
        return found


@cache
def read_tables() -> Tables:
    """Read `pipeline/publication/tables.yml`."""
    text = (resources.files("pipeline.publication") / "tables.yml").read_text(encoding="utf-8")
    described = yaml.load(text, yaml.CSafeLoader)  # in C; in Python it takes 0.3 s
    every_row = _columns(described["every_row"])
    return Tables(
        published=_tables(described["published"], every_row), restricted=_tables(described["restricted"], every_row)
    )


def conform(table_name: str, frame: pd.DataFrame, run: Mapping[str, Any] | None = None) -> pa.Table:
    """Return `frame` as Arrow with exactly the table's columns and types, sorted by its key.

    Parameters
    ----------
    table_name : str
        A table of `tables.yml`.
    frame : pandas.DataFrame
        Rows without the run columns (all columns if `run` is None), in any order of rows and columns.
    run : mapping or None
        Values of run_id, as_of and valid_to, prepended to every row.

    Returns
    -------
    pyarrow.Table
        The converted rows.

    Raises
    ------
    PublicationError
        When a column is missing or unexpected, a value does not fit its type, or the key is null or duplicated. The
        message names table and column, never a value, which might identify a person.
    """
    table = read_tables().find(table_name)
    given = frame if run is None else frame.assign(**{name: run[name] for name in RUN_COLUMNS})
    _check_columns(table, given)
    arrays = [_cast(table, column, given[column.name]) for column in table.columns]
    rows = pa.table(arrays, names=table.column_names)
    _check_key(table, rows)
    return rows.sort_by([(name, "ascending") for name in table.key])


def tables_markdown() -> str:
    """Return the description of every table as a Markdown page."""
    tables = read_tables()
    own = {name: table for name, table in tables.restricted.items() if name not in tables.published}
    return "\n".join(
        [
            "# Tables",
            "",
            "Written by `python -m pipeline.publication.tables` from "
            "`pipeline/publication/tables.yml`; a test holds it",
            "to that file. The databases carry the same words as comments: `SELECT * FROM duckdb_columns()`.",
            "",
            "For each table there is a view `latest_<table>` with the rows of the latest run alone. A *projection*",
            "belongs to no run: it shows what people did, and is rebuilt at every publication and after every act.",
            "A *shared* table holds once what several runs have in common.",
            "",
            "## published.duckdb: places, not encrypted",
            "",
            *[line for table in tables.published.values() for line in _markdown(table)],
            "## restricted.duckdb: people, encrypted; reading needs a purpose and a named reader",
            "",
            "It holds table `run` too, so that it says itself which runs it keeps.",
            "",
            *[line for table in own.values() for line in _markdown(table)],
        ]
    )


def _columns(described: Mapping[str, Mapping[str, Any]]) -> tuple[Column, ...]:
    return tuple(
        Column(
            name, body["type"], body["meaning"], body.get("unit"), _show(name, body.get("show", {})), body.get("label")
        )
        for name, body in described.items()
    )


def _show(column: str, body: Mapping[str, Any]) -> Show:
    cells = body.get("report", [])
    try:
        return Show(
            **{**body, "report": tuple(Cell(**cell) for cell in ([cells] if isinstance(cells, dict) else cells))}
        )
    except TypeError:
        keys, of_cell = (", ".join(field.name for field in fields(kind)) for kind in (Show, Cell))
        raise PublicationError(
            f"pipeline/publication/tables.yml: column {column!r} has show: {body}: expected {keys}; in report {of_cell}"
        ) from None


def _tables(described: Mapping[str, Mapping[str, Any]], every_row: tuple[Column, ...]) -> dict[str, Table]:
    return {name: _table(name, body, described, every_row) for name, body in described.items()}


def _table(
    name: str, body: Mapping[str, Any], described: Mapping[str, Mapping[str, Any]], every_row: tuple[Column, ...]
) -> Table:
    is_projection = bool(body.get("projection"))
    shared_by = body.get("shared_by")
    before = () if name == "run" or is_projection or shared_by else every_row
    of_other = described[body["and_columns_of"]]["columns"] if "and_columns_of" in body else {}
    columns = before + _columns({**body["columns"], **of_other})
    return Table(name, body["about"], tuple(body["key"]), columns, is_projection, shared_by)


def _check_columns(table: Table, frame: pd.DataFrame) -> None:
    missing = [name for name in table.column_names if name not in frame.columns]
    unexpected = sorted(str(name) for name in frame.columns if name not in table.column_names)
    if missing or unexpected or not frame.columns.is_unique:
        duplicates = sorted(set(frame.columns[frame.columns.duplicated()]))
        raise PublicationError(
            f"table {table.name!r} does not fit pipeline/publication/tables.yml: missing columns {missing}, "
            f"unexpected {unexpected}, duplicate {duplicates}"
        )


def _cast(table: Table, column: Column, values: pd.Series) -> pa.Array:
    """Cast without loss; NaN and NaT become null."""
    is_naive = pa.types.is_timestamp(column.arrow_type) and values.dtype.kind == "M" and values.dt.tz is None
    if values.isna().all():  # whatever its dtype: pandas has one of numbers for a column without values
        return pa.nulls(len(values), column.arrow_type)
    try:
        if is_naive:
            raise pa.ArrowInvalid("naive time")
        array = pa.array(values, type=column.arrow_type, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError, OverflowError):
        raise PublicationError(
            f"column {table.name}.{column.name} holds a value that is not {column.duckdb_type} (its dtype is "
            f"{values.dtype}); fix the stage that produced it"
        ) from None
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _check_key(table: Table, rows: pa.Table) -> None:
    key = rows.select(list(table.key))
    null = [name for name in table.key if key[name].null_count]
    if null or len(key.group_by(list(table.key), use_threads=False).aggregate([])) < len(key):
        raise PublicationError(
            f"table {table.name!r} has rows with a null or duplicate key {list(table.key)}"
            + (f": {null} is null" if null else "")
        )


def _markdown(table: Table) -> list[str]:
    rows = [
        f"| `{column.name}` | {column.duckdb_type} | {column.unit or ''} | {column.meaning} |"
        for column in table.columns
    ]
    key = ", ".join(f"`{name}`" for name in table.key)
    per_row = f" One row per run and {key}." if table.is_of_one_run else ""
    if table.is_projection:
        per_row = f" *A projection:* one row per {key}."
    elif table.shared_by:
        per_row = f" *Shared:* one row per {key}, for every run with that `{table.shared_by}`."
    head = ["| column | type | unit | meaning |", "| --- | --- | --- | --- |"]
    return [f"### {table.name}", "", table.about + per_row, "", *head, *rows, ""]


if __name__ == "__main__":
    sys.stdout.write(tables_markdown())
