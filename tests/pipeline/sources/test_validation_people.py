"""Mappings of records: what is read, what is left out, and what is refused, with the column named and nobody else."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from pipeline.errors import MappingError, SourceError
from pipeline.sources.validation_people import read_record_mapping, read_records, select_records

BODY = {
    "name": "town",
    "about": "A town",
    "horizon_years": 2,
    "index_events": 1,
    "priors": [{"column": "felonies", "words": {"10 or more": 10}}, {"column": "others"}],
    "years_at_risk": {"column": "age", "add": -17},
    "outcomes": {"any": {"column": "again", "published_score": "score"}},
    "groups": ["sex"],
}
ROWS = pd.DataFrame(
    {
        "felonies": ["3", "10 or more", "1", "0", "2"],
        "others": [1, 0, 2, 1, 0],
        "age": [20, 30, 17, 16, 40],
        "again": [1, 0, 1, 0, None],
        "score": [5, -1, 7, 3, 2],
        "sex": ["m", "f", None, "f", "m"],
    }
)
SHIPPED = sorted((Path(__file__).parents[3] / "configs" / "records").glob("*.yaml"))


def mapping(folder: Path, **changes: object) -> Path:
    path = folder / "town.yaml"
    path.write_text(yaml.safe_dump({**BODY, **changes}))
    return path


def test_figures_words_and_sums(tmp_path: Path) -> None:
    found = select_records(ROWS, read_record_mapping(mapping(tmp_path)), "any")
    assert found.known.to_dict("list") == {"priors": [4.0, 3.0], "years_at_risk": [3.0, 0.0]}
    assert found.came.tolist() == [1, 1]
    assert found.published is not None
    assert found.published.tolist() == [5.0, 7.0]
    assert found.attributes["sex"].isna().tolist() == [False, True]
    assert found.left_out == {"no time at risk": 1, "outcome unknown": 1, "no published score": 1}


def test_a_column_may_count_in_part(tmp_path: Path) -> None:
    priors = [{"column": "felonies", "words": {"10 or more": 10}, "times": 0.5}, {"column": "others", "times": 0.5}]
    found = select_records(ROWS, read_record_mapping(mapping(tmp_path, priors=priors)), "any")
    assert found.known["priors"].tolist() == [2.0, 1.5]


def test_a_score_is_not_needed(tmp_path: Path) -> None:
    chosen = read_record_mapping(mapping(tmp_path, outcomes={"any": {"column": "again"}}))
    assert select_records(ROWS, chosen, "any").published is None


def test_csv_and_parquet_read_alike(tmp_path: Path) -> None:
    ROWS.to_csv(tmp_path / "town.csv", index=False)
    ROWS.to_parquet(tmp_path / "town.parquet")
    chosen = read_record_mapping(mapping(tmp_path))
    known = [
        select_records(read_records(tmp_path / name), chosen, "any").known for name in ("town.csv", "town.parquet")
    ]
    pd.testing.assert_frame_equal(*known)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"horizon_years": 0}, "horizon_years=0"),
        ({"index_events": -1}, "index_events=-1"),
        ({"outcomes": {}}, "outcomes is empty"),
        ({"years_at_risk": {"column": "age", "less": 17}}, "unexpected .*less"),
        ({"priors": {"add": 1}}, "missing keys .*column"),
        ({"race": "sex"}, "unexpected .*race"),
        ({"groups": ["felonies"]}, "'felonies' is a group"),
    ],
)
def test_a_wrong_mapping_is_refused(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(MappingError, match=said):
        read_record_mapping(mapping(tmp_path, **changes))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (ROWS.drop(columns="age"), "no column 'age'"),
        (ROWS.assign(others="many"), "'others' holds 'many'"),
        (ROWS.assign(again=7), "outcome 'again' holds a value"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, rows: pd.DataFrame, said: str) -> None:
    with pytest.raises(MappingError, match=said):
        select_records(rows, read_record_mapping(mapping(tmp_path)), "any")


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.csv"):
        read_records(tmp_path / "none.csv")
    with pytest.raises(MappingError, match=r"none\.yaml"):
        read_record_mapping(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_mappings_read(path: Path) -> None:
    assert read_record_mapping(path).name == path.stem
