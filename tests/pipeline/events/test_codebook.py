"""The codebook: the weights in force on a day, or a clear refusal."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from pipeline.errors import MappingError
from pipeline.events.codebook import read_codebook

AXES = ("violence", "disorder", "minors", "none")
HEADER = "scheme,scheme_version,valid_from,offence_code,label,category,axis,harm_days,is_visible,weight_source\n"
ROBBERY = "cchi,2020,2020-01-01,robbery,Robbery,violence,violence,300,true,x\n"
HEAVIER = "cchi,2024,2024-06-01,robbery,Robbery,violence,violence,365,true,x\n"
ARSON = "cchi,2020,2020-01-01,arson,Arson,disorder,disorder,30,true,x\n"
LITTER = "cchi,2020,2020-01-01,litter,Litter,disorder,none,29.99,false,x\n"


def read(folder: Path, *rows: str, header: str = HEADER, as_of: date = date(2024, 1, 1)) -> pd.DataFrame:
    path = folder / "harm.csv"
    path.write_text(header + "".join(rows), encoding="utf-8")
    return read_codebook(path, as_of, AXES)


def test_codes_come_sorted_with_their_band(tmp_path: Path) -> None:
    codebook = read(tmp_path, ROBBERY, LITTER, ARSON)
    assert list(codebook.index) == ["arson", "litter", "robbery"]
    assert list(codebook.columns) == ["label", "category", "axis", "harm_days", "band", "is_visible"]
    assert list(codebook["band"]) == ["mid", "low", "mid"]
    assert list(codebook["is_visible"]) == [True, False, True]


@pytest.mark.parametrize(
    ("as_of", "harm_days", "band"),
    [(date(2024, 5, 31), 300, "mid"), (date(2024, 6, 1), 365, "high"), (date(2030, 1, 1), 365, "high")],
)
def test_the_latest_weight_in_force_counts(tmp_path: Path, as_of: date, harm_days: float, band: str) -> None:
    codebook = read(tmp_path, HEAVIER, ROBBERY, as_of=as_of)
    assert (codebook.loc["robbery", "harm_days"], codebook.loc["robbery", "band"]) == (harm_days, band)


def test_the_shipped_codebook_reads() -> None:
    codebook = read_codebook(Path("configs/codebooks/harm.csv"), date(2026, 1, 1), AXES)
    assert codebook.loc["homicide", "harm_days"] == 5475
    assert codebook["harm_days"].ge(0).all()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("300", "", "row 2, column harm_days: ''"),
        ("300", "-1", "column harm_days: '-1'"),
        ("300", "inf", "column harm_days: 'inf'"),
        ("300", "many", "column harm_days: 'many'"),
        ("2020-01-01", "1/1/2020", "column valid_from: '1/1/2020'"),
        ("true", "maybe", "column is_visible: 'maybe'"),
        ("violence,violence", "violence,anger", "column axis: 'anger'"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(MappingError, match=words):
        read(tmp_path, ROBBERY.replace(old, new))


def test_a_code_stated_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"row 3, column offence_code: .*one row for each offence_code"):
        read(tmp_path, ROBBERY, ROBBERY)


def test_a_missing_column_is_named_with_those_there(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="no column 'axis' in its first row; it has"):
        read(tmp_path, "2020-01-01,robbery,Robbery,violence\n", header="valid_from,offence_code,label,category\n")


def test_a_day_before_every_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="2020-01-01"):
        read(tmp_path, ROBBERY, as_of=date(2019, 12, 31))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"none\.csv"):
        read_codebook(tmp_path / "none.csv", date(2024, 1, 1), AXES)


SCORED = HEADER.replace("\n", ",severity_score\n")


def test_a_second_weight_stands_beside_the_days_with_its_own_band(tmp_path: Path) -> None:
    rows = (ROBBERY.replace("\n", ",746\n"), LITTER.replace("\n", ",31\n"))
    codebook = read(tmp_path, *rows, header=SCORED)
    assert codebook["severity_score"].to_dict() == {"robbery": 746, "litter": 31}
    assert codebook["severity_band"].to_dict() == {"robbery": "high", "litter": "mid"}
    assert codebook["band"].to_dict() == {"robbery": "mid", "litter": "low"}


@pytest.mark.parametrize("score", ["", "0", "-3", "much"])
def test_a_score_that_does_not_fit_is_refused(tmp_path: Path, score: str) -> None:
    with pytest.raises(MappingError, match=r"column severity_score: .*expected a number, 0 exactly where harm_days"):
        read(tmp_path, ROBBERY.replace("\n", f",{score}\n"), header=SCORED)
