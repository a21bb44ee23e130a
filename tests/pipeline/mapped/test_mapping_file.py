"""A mapping is read with what people write in it, or refused in a sentence that names the key, not a traceback."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import MappingError
from pipeline.mapped.mapping_file import read_mapping
from tests.pipeline.mapped.reading import COLUMNS, DOCUMENT, OFFENCES, mapping_of, read
from tests.soak import sample

FORMAT = "occurred_at_format"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({FORMAT: "%m/%d/%Y %I:%M:%S"}, "%I without %p leaves the half of the day open"),
        ({FORMAT: "%m/%d/%Y %H:%M %p"}, "%p needs the hour as %I, not %H"),
        ({FORMAT: "yyyy-MM-dd HH:mm:ss"}, "here '%Y-%m-%d %H:%M:%S'"),
        ({FORMAT: "MM/dd/yyyy hh:mm:ss a"}, "here '%m/%d/%Y %I:%M:%S %p'"),
        ({FORMAT: "dd-MMM-yy"}, "here '%d-%b-%y'"),
        ({FORMAT: "m/d/yyyy h:mm AM/PM"}, "here '%m/%d/%Y %I:%M %p'"),
        ({FORMAT: "%Y-%M-%d"}, "%M is the minute and needs an hour; the month is %m"),
        ({FORMAT: "%Y-%m-%d %H:%m"}, "state the same twice"),
        ({FORMAT: "%Q"}, "%Q is unknown"),
        ({FORMAT: "%Y-%m-%"}, "is unknown"),
        ({FORMAT: "%H:%M"}, "needs a day"),
        ({FORMAT: "%m/%d"}, "at least a year"),
        ({FORMAT: "ISO"}, "expected a strptime pattern"),
        ({FORMAT: "%a %b %d %H:%M:%S %Z %Y"}, "expected the zone .* at the end"),
        ({FORMAT: 5}, "occurred_at_format=5: expected text"),
        ({FORMAT: ["%Y"]}, "occurred_at_format is of type list: expected text"),
        ({"reported_at_format": "%Y-%m-%d"}, "columns names no reported_at"),
        ({"name": 5}, "name=5: expected text"),
        ({"name": None}, "name is missing"),
        ({"source": ["a"]}, "source is of type list"),
        ({"time_zone": 5}, "time_zone=5: expected text"),
        ({"time_zone": "EST5"}, "time_zone='EST5'"),
        ({"crs": 4326}, "crs=4326: expected text"),
        ({"precision": ["day"]}, "precision is of type list"),
        ({"blank_id": "hsah"}, "did you mean 'hash'"),
        ({"same_id": "worst"}, "same_id='worst': expected one of 'conflict', 'gravest'"),
        ({"kind": "incident"}, "kind='incident': expected one of 'incidents'"),
        ({"decimal": ";"}, "decimal=';'"),
        ({"thousands": "."}, "expected another mark than decimal"),
        ({"skip_rows": "two"}, "skip_rows='two': expected a whole number"),
        ({"skip_rows": -1}, "skip_rows=-1"),
        ({"blanks": "NA"}, "blanks='NA': expected a list"),
        ({"numeric": ["id"]}, "numeric='id': expected one of 'incident_id'"),
        ({"statuses": {"open": "new"}}, "statuses='new'"),
        ({"statuses": {1: "recorded"}}, "put quotes around numbers"),
        ({"statuses": ["recorded"]}, "statuses is of type list: expected a section"),
        ({"columns": ["id"]}, "columns: expected keys and values"),
        ({"columns": COLUMNS | {"offence": ["what", "why"]}}, "columns.offence is of type list: expected text"),
        ({"columns": COLUMNS | {"offence": 5}}, "columns.offence=5: expected text"),
        ({"columns": COLUMNS | {"occurred_at": ["when", 5]}}, "columns.occurred_at=5: expected text"),
        ({"columns": COLUMNS | {"incident_id": None}}, "columns.incident_id is missing: .* blank_id: hash"),
        ({"columns": COLUMNS | {"point": "p"}}, "expected point, or x and y"),
        ({"gazetteer": "places.csv"}, "gazetteer: expected keys and values"),
        ({"gazetteer": {"file": "places.csv"}}, "gazetteer lacks match, on, x, y"),
        ({"offences": "no\0thing"}, "cannot be read"),
        ({"offences": ["a"]}, "expected the name of a CSV file"),
        ({5: 6}, "unknown key 5"),
    ],
)
def test_a_wrong_mapping_names_the_key_and_the_way_out(tmp_path: Path, changes: dict[Any, Any], words: str) -> None:
    with pytest.raises(MappingError, match=words):
        mapping_of(tmp_path, **{str(key): value for key, value in changes.items()}) if 5 not in changes else write(
            tmp_path, {**DOCUMENT, **changes}
        )


def write(folder: Path, document: Any) -> None:
    (folder / "offences.csv").write_text(OFFENCES, encoding="utf-8")
    (folder / "town.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    read_mapping(folder / "town.yaml")


@pytest.mark.parametrize("form", ["%s", "epoch_s", "%F %T", "%-m/%-d/%Y %l:%M %p", "%d.%m.%Y %H:%M %z", "%D"])
def test_what_people_write_as_a_format_is_read(tmp_path: Path, form: str) -> None:
    assert mapping_of(tmp_path, occurred_at_format=form).formats == {"occurred_at": form}


TABLE = "offence,offence_code,discovery\nTheft,theft_other,public\n"


@pytest.mark.parametrize(
    "table",
    [
        TABLE.encode("utf-8-sig"),
        TABLE.encode("utf-16"),
        TABLE.replace(",", ";").encode(),
        TABLE.replace(",", "\t").encode(),
        (TABLE + ",,\n\n").encode(),
        TABLE.replace("offence,offence_code,discovery", "Offence,Offence Code,Discovery ").encode(),
        TABLE.replace("theft_other", "theft_other ").encode(),
        TABLE.replace("public", "Public").encode(),
        (TABLE + "Vol à la tire,theft_from_person,public\n").encode("cp1252"),
        TABLE.replace("\n", "\r\n").encode(),
    ],
)
def test_a_table_as_a_spreadsheet_saves_it_is_read(tmp_path: Path, table: bytes) -> None:
    mapping_of(tmp_path)
    (tmp_path / "offences.csv").write_bytes(table)
    mapping = read_mapping(tmp_path / "town.yaml")
    assert [row["reason"] for row in read(tmp_path, [{}], mapping)] == [None]
    assert bool(mapping.notes) == ("à".encode("cp1252") in table)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "is empty"),
        ("word,code\nTheft,theft_other\n", r"no column 'offence'; it has \['word', 'code'\]"),
        (TABLE + "THEFT ,robbery,public\n", "'THEFT' occurs twice"),
        (TABLE + "Arson,,public\n", "the row of 'Arson' has no offence_code"),
        (TABLE + ",robbery,public\n", "the row of 'robbery' has no offence"),
        (TABLE + "Arson,robbery,rumour\n", "discovery='rumour'"),
        ("offence,Offence,offence_code\nTheft,a,b\n", "column 'offence' occurs twice"),
        (TABLE + '"Arson,robbery,public\n', "cannot be read"),
    ],
)
def test_a_table_that_is_wrong_says_how(tmp_path: Path, table: str, words: str) -> None:
    with pytest.raises(MappingError, match=words):
        mapping_of(tmp_path, table=table)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates() | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(
    [
        *(
            "name",
            "about",
            "source",
            "columns",
            "offences",
            "kind",
            "encoding",
            "delimiter",
            "skip_rows",
            "files",
            "crs",
        ),
        *("time_zone", "occurred_at_format", "precision", "decimal", "thousands", "blanks", "numeric", "true_values"),
        *("blank_id", "same_id", "discovery", "discoveries", "statuses", "gazetteer", "formats", "places", "notes"),
    ]
)


@pytest.mark.sampled
@settings(max_examples=sample(60, whole=2000), deadline=None)
@given(
    changes=st.dictionaries(KEYS, JUNK, max_size=3),
    columns=st.dictionaries(st.sampled_from([*COLUMNS, "occurred_to", "point", "version"]), JUNK, max_size=2),
)
def test_any_document_is_a_mapping_or_a_sentence(changes: dict[str, Any], columns: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            write(Path(folder), {**DOCUMENT, "columns": {**COLUMNS, **columns}, **changes})
        except MappingError as error:
            assert str(error)


@pytest.mark.sampled
@settings(max_examples=sample(60, whole=2000), deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode) | st.just(b"a: 2023-99-99") | st.just(b"&a [*a]"))
def test_any_bytes_are_a_mapping_or_a_sentence(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "town.yaml").write_bytes(content)
        with pytest.raises(MappingError):
            read_mapping(Path(folder) / "town.yaml")


def test_words_that_yaml_takes_for_truth_values_are_words(tmp_path: Path) -> None:
    """The key `on` of a gazetteer, too."""
    (tmp_path / "offences.csv").write_text("offence,offence_code\ntheft,theft_other\n")
    (tmp_path / "places.csv").write_text("street,x,y\nElm Street,1,2\n")
    (tmp_path / "mapping.yaml").write_text(
        "{name: n, about: a, source: s, offences: offences.csv, true_values: [yes, true, On],"
        " statuses: {no: cancelled}, columns: {incident_id: id, occurred_at: at, offence: offence},"
        " gazetteer: {file: places.csv, match: street, on: street, x: x, y: y}}"
    )
    mapping = read_mapping(tmp_path / "mapping.yaml")
    assert mapping.true_values == ("yes", "true", "On")
    assert mapping.statuses == {"no": "cancelled"}
    assert mapping.gazetteer is not None
    assert mapping.gazetteer.on == ("street",)


@pytest.mark.parametrize("key", ["columns", "offences", "name", "source", "time_zone", "precision"])
def test_a_misspelt_key_is_named_before_what_is_missing_for_it(key: str, tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f"{key[:-1]}: x\n", encoding="utf-8")
    with pytest.raises(MappingError, match=f"unknown key {key[:-1]!r} in the mapping .did you mean {key!r}"):
        read_mapping(path)
