"""Tables beside a mapping (CSV), as people and their spreadsheets save them."""

from collections.abc import Collection
from contextlib import closing
from pathlib import Path

import pandas as pd

from pipeline.database import connect, query
from pipeline.mapped.columns import BLANKS
from pipeline.reference_table import TableFile


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
        The rows, by their number in a spreadsheet.
    tuple of str
        What was guessed, for people.

    Raises
    ------
    ValueError
        The file cannot be read, or a column occurs twice.
    """
    return TableFile(path, what, ValueError).read_text()


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
