"""Tables beside a mapping (CSV), as people and their spreadsheets save them."""

from collections.abc import Collection
from contextlib import closing
from io import StringIO
from pathlib import Path

import pandas as pd

from pipeline.database import connect, query
from pipeline.mapped.columns import BLANKS


def read_beside(path: Path, what: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read a CSV file, its values as strings without blanks at the ends, without its blank rows.

    Fields may be set apart by semicolons or tabs; names of columns are read in lower case, with `_` for a blank.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it is, for errors.

    Returns
    -------
    pandas.DataFrame
        The rows.
    tuple of str
        What was guessed, for people.

    Raises
    ------
    ValueError
        The file cannot be read, or a column occurs twice.
    """
    text, notes = _decoded(path, what)
    header = next((line for line in text.splitlines() if line.strip()), "")
    try:
        table = pd.read_csv(
            StringIO(text), dtype=str, keep_default_na=False, sep=max(",;\t", key=header.count), index_col=False
        )
    except (ValueError, pd.errors.ParserWarning) as error:
        raise ValueError(f"{what} {path} cannot be read: {error}") from None
    table.columns = [str(name).strip().lower().replace(" ", "_") for name in table.columns]
    if not table.columns.is_unique:
        raise ValueError(
            f"{what} {path}: column {table.columns[table.columns.duplicated()][0]!r} occurs twice; keep one"
        )
    table = table.fillna("").apply(lambda column: column.str.strip())
    return table[(table != "").any(axis=1)].reset_index(drop=True), notes


def folded(table: pd.DataFrame, macros: dict[str, str], numeric: Collection[str] = ()) -> pd.DataFrame:
    """Return columns of texts as the words of files are compared.

    Parameters
    ----------
    table : pandas.DataFrame
        The texts.
    macros : dict of str to str
        Column → the macro of sql/mapped/macro.sql that folds it.
    numeric : collection of str
        Columns of the mapping whose text is a number.
    """
    with closing(connect(is_encrypting=False, at_most_threads=1)) as connection:
        connection.execute("SET VARIABLE blank_characters = $blanks", {"blanks": BLANKS})
        connection.execute("SET VARIABLE numeric = $numeric", {"numeric": list(numeric) or [""]})
        connection.execute(query("mapped/macro"))
        connection.register("given", table[list(macros)].astype(str).assign(row=range(len(table))))
        columns = ", ".join(f"{macro}({name}) AS {name}" for name, macro in macros.items())
        found = connection.execute(f"SELECT {columns} FROM given ORDER BY row")  # noqa: S608 - ours
        return found.to_arrow_table().to_pandas().set_axis(table.index).fillna("")


def _decoded(path: Path, what: str) -> tuple[str, tuple[str, ...]]:
    try:
        found = path.read_bytes()
    except (OSError, ValueError) as error:
        raise ValueError(f"{what} {path} cannot be read: {error}") from None
    try:
        is_utf16 = found.startswith((b"\xff\xfe", b"\xfe\xff"))
        return found.decode("utf-16" if is_utf16 else "utf-8-sig"), ()
    except UnicodeDecodeError:
        note = f"{path.name} is not UTF-8; read as cp1252, as spreadsheets write it. Save it as UTF-8."
        return found.decode("cp1252", errors="replace"), (note,)
