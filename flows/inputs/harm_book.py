"""The file of the harm matrices, `force.harm_matrix`: read, typed and held to the codebook."""

from pathlib import Path

import pandas as pd

from flows.home.settings import SettingsError
from models.outcomes.harm_book import MATRICES, HarmBook
from pipeline.given_yaml import read_given_yaml
from pipeline.near_words import did_you_mean
from pipeline.publication.tables import read_tables
from pipeline.typed_sections import build_typed, checked_keys


def read_harm_book(path: Path, codebook: pd.DataFrame) -> HarmBook:
    """Return the matrices and scales of a file; `codebook` has index offence_code, and harm_days.

    Raises
    ------
    SettingsError
        The file cannot be read, lacks a cell or scale, or a scale does not rise; or an offence of the codebook stands
        neither in a cell nor in `in_no_cell` of a matrix, or in both, or the codebook lacks one that the file names.
    """
    where = f"harm matrix {path}"
    try:
        content = read_given_yaml(path)
    except OSError as error:
        raise SettingsError(f"{where}: {error.strerror}; name an existing file as force.harm_matrix") from error
    except ValueError as error:
        raise SettingsError(f"{where}: not readable as YAML: {error}") from None
    try:
        book: HarmBook = build_typed(HarmBook, checked_keys(HarmBook, content, path.parent, where))
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{where}: {error}") from error
    _check_figures(book, where)
    for matrix in MATRICES:
        _check_offences(book, matrix, codebook, where)
    _check_weights(book, codebook, where)
    return book


def _check_figures(book: HarmBook, where: str) -> None:
    columns = read_tables().published["enforcement_ledger"].columns
    known = [column.name for column in columns if column.duckdb_type == "BIGINT"]  # days and hours are no events
    for matrix, row, column, cell in book.cells():
        if unknown := sorted(set(cell.ledger) - set(known)):
            near = did_you_mean(unknown[0], known)
            raise SettingsError(
                f"{where}: {matrix}.{row}.{column}: {unknown[0]!r} counts nothing in the ledger; {near}"
            )


def _check_offences(book: HarmBook, matrix: str, codebook: pd.DataFrame, where: str) -> None:
    none = getattr(book.in_no_cell, matrix)
    named = [(f"in_no_cell.{matrix}", none), *((f"{m}.{r}.{c}", cell.offences) for m, r, c, cell in book.cells())]
    for at, codes in named:
        if unknown := [code for code in codes if code not in codebook.index]:
            near = did_you_mean(unknown[0], codebook.index)
            raise SettingsError(f"{where}: {at}: offence {unknown[0]!r} is not in the codebook; {near}")
        if twice := [code for code in codes if codes.count(code) > 1]:
            raise SettingsError(f"{where}: {at}: offence {twice[0]!r} stands there twice; keep one")
    counted = {code for m, _, _, cell in book.cells() if m == matrix for code in cell.offences}
    if both := sorted(counted & set(none)):
        raise SettingsError(f"{where}: offence {both[0]!r} stands in a cell of {matrix} and in in_no_cell; keep one")
    if missing := sorted(set(codebook.index) - counted - set(none)):
        raise SettingsError(
            f"{where}: offence {missing[0]!r} of the codebook stands nowhere in {matrix}; name it in the offences of a "
            f"cell, or in in_no_cell.{matrix}"
        )


def _check_weights(book: HarmBook, codebook: pd.DataFrame, where: str) -> None:
    """Refuse a counted offence without weight that has no severity of its own, and one with both."""
    counted = {code for _, _, _, cell in book.cells() for code in cell.offences}
    named = set(book.severity_without_weight)
    weightless = set(codebook.index[codebook["harm_days"] == 0])
    if missing := sorted((counted & weightless) - named):
        raise SettingsError(
            f"{where}: offence {missing[0]!r} has no harm points in the codebook; give severity_without_weight its "
            "severity, or put it in in_no_cell"
        )
    if other := sorted(named - (counted & weightless)):
        raise SettingsError(
            f"{where}: severity_without_weight: {other[0]!r} is no counted offence without harm points; leave it out"
        )
