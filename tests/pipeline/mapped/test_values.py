"""Numbers, ids, words, points and places of a file are read as what they are, or refused by name."""

import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.database import connect, query
from pipeline.errors import MappingError
from pipeline.mapped import mapped_files
from pipeline.mapped.extract import BLANK_WORDS
from pipeline.privacy.keys import derive_key
from pipeline.store.store import DuckDBStore as Store
from pipeline.store.store import open_store
from tests.decoders import decoder
from tests.pipeline.mapped.reading import COLUMNS, GOOD, NOW, OFFENCES, mapping_of, read
from tests.soak import sample

POINT = {"incident_id": "id", "occurred_at": "when", "offence": "what", "point": "place"}
AREA = {"incident_id": "id", "occurred_at": "when", "offence": "what", "area_id": "area"}
NAMELESS = {"occurred_at": "when", "offence": "what", "x": "x", "y": "y"}


def reasons(found: list[dict[str, Any]]) -> list[str | None]:
    return [row["reason"] for row in found]


@pytest.mark.parametrize(
    ("changes", "x", "y", "is_read"),
    [
        ({}, "7644340.0", "684321.0", True),
        ({}, "7 644 340", "684 321", True),
        ({}, "7\u00a0644\u202f340", " 684321 ", True),
        ({}, "7,644,340", "684,321", False),
        ({}, "7_644_340", "684_321", False),
        ({"thousands": ","}, "7,644,340", "684,321", True),
        ({"thousands": ","}, "7,64,4340", "684,321", False),
        ({"thousands": "."}, "7.644.340", "684.321", None),
        ({"decimal": ",", "thousands": "."}, "7.644.340", "684.321,0", True),
        ({"decimal": ","}, "7644340,0", "684321", True),
        ({"decimal": ","}, "7644340.0", "684321", False),
        ({"decimal": ",", "thousands": " "}, "7 644 340,00", "684 321", True),
        ({"thousands": "'"}, "7'644'340", "684\u2019321", True),
        ({}, "nan", "684321", None),
    ],
)
def test_numbers_with_marks(tmp_path: Path, changes: dict[str, Any], x: str, y: str, is_read: bool | None) -> None:
    if changes == {"thousands": "."}:
        with pytest.raises(Exception, match="expected another mark than decimal"):
            mapping_of(tmp_path, crs="EPSG:2913", **changes)
        return
    [found] = read(tmp_path, [{"x": x, "y": y}], mapping_of(tmp_path, crs="EPSG:2913", **changes))
    assert found["reason"] == (None if is_read else "bad_coordinate")
    if is_read:
        np.testing.assert_allclose([found["lon"], found["lat"]], [-122.679, 45.523], atol=0.1)
    if is_read is False:
        assert found["detail"].startswith("No number in `x` and `y`; if it has marks, set decimal and thousands")
        assert x in found["value"]


def test_a_word_for_nothing_is_nothing(tmp_path: Path) -> None:
    words = [*BLANK_WORDS, "null", "nan", " ", "\u00a0", "None"]
    rows = [row for word in words for row in ({"id": word}, {"when": word}, {"x": word, "y": word}, {"what": word})]
    expected = ["empty_id", "missing_field", "no_location", "missing_field"]
    assert reasons(read(tmp_path, rows, mapping_of(tmp_path))) == expected * len(words)


def test_words_that_may_be_values_are_values(tmp_path: Path) -> None:
    table = f"{OFFENCES}None,other_offence,public\n-,other_offence,public\n"
    rows = [{"id": "NA"}, {"id": "0"}, {"what": "none"}, {"what": "-"}, {"id": "unknown"}]
    found = read(tmp_path, rows, mapping_of(tmp_path, table=table))
    assert reasons(found) == [None] * 5
    assert [row["incident_id"] for row in found] == ["NA", "0", "i1", "i1", "unknown"]
    assert reasons(read(tmp_path, rows, mapping_of(tmp_path, table=table, blanks=["NA", "Unknown"]))) == [
        *("empty_id", None, None, None, "empty_id")
    ]


def test_ids_that_are_numbers(tmp_path: Path) -> None:
    texts = ["0012345", "12345", "12345.0", "12345.", "0", "00", "A-001", "1e5", " 7 "]
    rows = [{"id": text} for text in texts]
    found = read(tmp_path, rows, mapping_of(tmp_path, numeric=["incident_id"]))
    assert [row["incident_id"] for row in found] == [*["12345"] * 4, "0", "0", "A-001", "1e5", "7"]
    found = read(tmp_path, rows, mapping_of(tmp_path))
    assert [row["incident_id"] for row in found] == [*texts[:-1], "7"]
    found = read(tmp_path, [{"id": 619.0}, {"id": float("nan")}, {"id": 0.5}], mapping_of(tmp_path), "in.parquet")
    assert [row["incident_id"] for row in found] == ["619", None, "0.5"]
    assert reasons(found) == [None, "empty_id", None]
    found = read(
        tmp_path, [{"what": 619.0}], mapping_of(tmp_path, table=OFFENCES + "619,theft_other,public\n"), "in.parquet"
    )
    assert reasons(found) == [None]
    numeric = mapping_of(tmp_path, table=OFFENCES + "0619,theft_other,public\n", numeric=["offence"])
    assert reasons(read(tmp_path, [{"what": word} for word in ("00619", "619.0", "6190")], numeric)) == [
        *(None, None, "unknown_offence_code")
    ]


def test_an_id_of_several_columns(tmp_path: Path) -> None:
    mapping = mapping_of(tmp_path, columns=COLUMNS | {"incident_id": ["id", "victim"]})
    rows = [{"id": "A1", "victim": "1"}, {"id": "A1", "victim": ""}, {"id": "", "victim": "<Null>"}]
    found = read(tmp_path, rows, mapping)
    assert [row["incident_id"] for row in found] == ["A1-1", None, None]


@pytest.mark.parametrize("columns", [NAMELESS, NAMELESS | {"incident_id": None}, NAMELESS | {"incident_id": "none"}])
def test_a_file_without_ids_gets_them(tmp_path: Path, columns: dict[str, Any]) -> None:
    found = read(tmp_path, [{}, {}, {"when": "2018-07-02"}], mapping_of(tmp_path, columns=columns, blank_id="hash"))
    assert len({row["incident_id"] for row in found}) == 3
    found = read(tmp_path, [{"id": "<Null>"}, {"id": "N/A"}], mapping_of(tmp_path, blank_id="hash"))
    assert len({row["incident_id"] for row in found}) == 2
    assert all(row["incident_id"].startswith("row-") for row in found)


def test_versions_are_whole_numbers(tmp_path: Path) -> None:
    mapping = mapping_of(tmp_path, columns=COLUMNS | {"version": "v"})
    found = read(
        tmp_path, [{"v": text} for text in ("2", "2.0", "", "1.6", "1_0", "1e3", "x", "99999999999999999999")], mapping
    )
    assert [row["version"] for row in found] == [2, 2, 1, None, None, None, None, None]
    assert reasons(found) == [None, None, None, *["bad_value"] * 5]


def test_words_are_the_same_but_for_case_and_blanks(tmp_path: Path) -> None:
    table = (
        "offence,offence_code,discovery\nB&E LARCENY F/VEHICLE,theft_from_vehicle,public\nStraßenraub,robbery,public\n"
        "Robo a transeúnte,robbery,public\nTHEFT,theft_other,public\n619,theft_other,public\n"
        "Assault \u2013 simple,violence_without_injury,public\n"
    )
    known = [
        "B&E    LARCENY F/VEHICLE",
        "straßenraub",
        "ROBO A TRANSEÚNTE",
        "Robo a transeu\u0301nte",
        "theft ",
        "\tTHEFT",
        "THEFT\u00a0",
    ]
    unknown = ["Assault - simple", "00619", "STRASSENRAUB", "THEFTS"]
    found = read(tmp_path, [{"what": word} for word in known + unknown], mapping_of(tmp_path, table=table))
    assert reasons(found) == [None] * len(known) + ["unknown_offence_code"] * len(unknown)
    assert found[-1]["value"] == "THEFTS"


def test_a_marked_offence_waits_until_a_person_has_looked(tmp_path: Path) -> None:
    table = "offence,offence_code,discovery,check\nTheft,theft_other,public,?\nArson,robbery,public,\n"
    found = read(tmp_path, [{}, {"what": "Arson"}], mapping_of(tmp_path, table=table))
    assert reasons(found) == ["unchecked_offence", None]
    assert "remove the mark" in found[0]["detail"]


POINTS = {
    "POINT (-79.024223 35.907822)": True,
    "point(-79.024223 35.907822)": True,
    "POINT Z (-79.024223 35.907822 12.5)": True,
    "SRID=4326;POINT(-79.024223 35.907822)": True,
    "SRID=2913;POINT(-79.024223 35.907822)": False,
    "(35.907822, -79.024223)": True,
    "1 Main St\nChapel Hill, NC\n(35.907822, -79.024223)": True,
    '{"type": "Point", "coordinates": [-79.024223, 35.907822]}': True,
    '{"coordinates":[-79.024223,35.907822,0],"type":"Point"}': True,
    '{"latitude": "35.907822", "longitude": "-79.024223", "human_address": "{}"}': True,
    "{'longitude': -79.024223, 'latitude': 35.907822}": True,
    '{"x": -79.024223, "y": 35.907822}': True,
    "35.907822, -79.024223": False,
    "LINESTRING (-79.024223 35.907822, 0 0)": False,
    "MULTIPOINT (-79.024223 35.907822)": False,
    "somewhere": False,
}


@pytest.mark.parametrize("columns", [POINT, COLUMNS | {"x": "place", "y": "place"}])
def test_a_point_in_one_column(tmp_path: Path, columns: dict[str, Any]) -> None:
    mapping = mapping_of(tmp_path, columns=columns)
    found = read(tmp_path, [{"place": text} for text in POINTS], mapping)
    for (text, is_read), row in zip(POINTS.items(), found, strict=True):
        assert row["reason"] == (None if is_read else "bad_coordinate"), text
        assert not is_read or (row["lon"], row["lat"]) == (-79.024223, 35.907822)
        assert is_read or "expected POINT (lon lat)" in row["detail"]
    assert reasons(read(tmp_path, [{"place": "<Null>"}], mapping)) == ["no_location"]


def test_a_latitude_first_needs_degrees(tmp_path: Path) -> None:
    rows = [{"place": "(684321, 7644340)"}, {"place": "POINT (7644340 684321)"}]
    assert reasons(read(tmp_path, rows, mapping_of(tmp_path, columns=POINT, crs="EPSG:2913"))) == [
        "bad_coordinate",
        None,
    ]


def test_swapped_axes_are_noticed(tmp_path: Path) -> None:
    found = read(tmp_path, [{"x": "45.5", "y": "-122.6"}, {"x": "7644340", "y": "684321"}], mapping_of(tmp_path))
    assert "may be swapped" in found[0]["detail"]
    assert "in the crs that the mapping states" in found[1]["detail"]


GAZETTEER = {"file": "places.csv", "match": ["number", "street"], "on": ["no", "Street Name"], "x": "lon", "y": "lat"}
PLACES = "no,Street Name,lon,lat\n1,Main St.,-75.25,39.5\n2,Main St.,-75.26,39.5\n2,MAIN ST,-75.26,39.5\n"


def test_an_address_gets_the_point_of_the_gazetteer(tmp_path: Path) -> None:
    (tmp_path / "places.csv").write_text(PLACES, encoding="utf-8")
    columns = COLUMNS | {"area_id": "area"}
    mapping = mapping_of(tmp_path, columns=columns, gazetteer=GAZETTEER)
    rows = [
        {"number": "1", "street": "main  st", "x": "", "y": ""},
        {"number": "2", "street": "Main St.", "x": "-75.5", "y": "39.6"},
        {"number": "9", "street": "Main St.", "x": "", "y": "", "area": "7"},
        {"number": "9", "street": "Main St.", "x": "", "y": ""},
        {"number": "", "street": "", "x": "", "y": ""},
    ]
    found = read(tmp_path, [{"area": ""} | row for row in rows], mapping)
    assert [row["lon"] for row in found] == [-75.25, -75.5, None, None, None]
    assert reasons(found) == [None, None, None, "no_location", "no_location"]
    assert "not in the gazetteer" in found[3]["detail"]


@pytest.mark.parametrize(
    ("places", "words"),
    [
        (PLACES.replace("MAIN ST,-75.26", "MAIN ST,-75.3"), "'2 main st' has two points"),
        (PLACES.replace("39.5\n2,Main", "\n2,Main"), "'1 main st' has no point on Earth"),
        (PLACES.replace("lat", "north"), "no column 'lat'"),
    ],
)
def test_a_gazetteer_is_checked_when_it_is_read(tmp_path: Path, places: str, words: str) -> None:
    (tmp_path / "places.csv").write_text(places, encoding="utf-8")
    with pytest.raises(Exception, match=words):
        mapping_of(tmp_path, gazetteer=GAZETTEER)


def test_twins_are_ids_that_differ_only_in_zeros(tmp_path: Path) -> None:
    mapping = mapping_of(tmp_path)

    def load(store: Store, *ids: str) -> int:
        table = pd.DataFrame([{**GOOD, "id": text} for text in ids])
        table.to_csv(tmp_path / "in.csv", index=False)
        mapped_files.read_raw(store._connection, tmp_path / "in.csv", mapping)
        mapped_files.map_incidents(store._connection, mapping, NOW)
        [(twins,)] = store._connection.execute(query("mapped/file#twins")).fetchall()
        harm = {"theft_other": 2.0}
        store.load_mapped(tmp_path / "in.csv", mapping, decoder=decoder(harm, NOW), harm_days=harm, ingested_at=NOW)
        return int(twins)

    with open_store(tmp_path / "store.duckdb", derive_key(b"k" * 32), wait_s=0) as store:
        assert load(store, "0012345", "0012346", "A1", "77") == 0
        assert load(store, "12345.0", "12346.0", "12347.0", "A01") == 2
        assert load(store, "12345", "77", "0077.0") == 2
        assert load(store, "500", "501") == 0


def test_the_share_that_the_gazetteer_places_is_counted(tmp_path: Path) -> None:
    (tmp_path / "places.csv").write_text(PLACES, encoding="utf-8")
    mapping = mapping_of(tmp_path, gazetteer=GAZETTEER)
    places = [("1", "Main St", ""), ("3", "Main St", ""), ("", "", ""), ("1", "Main St", "-75")]
    rows = [{**GOOD, "number": number, "street": street, "x": x, "y": x and "39"} for number, street, x in places]
    pd.DataFrame(rows).to_csv(tmp_path / "in.csv", index=False)
    with closing(connect(is_encrypting=False)) as connection:
        mapped_files.read_raw(connection, tmp_path / "in.csv", mapping)
        mapped_files.map_incidents(connection, mapping, NOW)
        assert connection.execute(query("mapped/file#gazetteer_rate")).fetchall() == [(3, 1, 2)]


NEAR = st.sampled_from("0123456789:-+/., TZPMAEST()[]{}'\"%<>eE\u00a0\t\u2212_")
ODD = (
    st.text(NEAR, max_size=24)
    | st.text(max_size=12)
    | st.sampled_from([*GOOD.values(), "POINT (1 2)", "1e400", "9" * 40])
)
EVERY = COLUMNS | {
    **{"occurred_to": "to", "reported_at": "told", "version": "version", "area_id": "area", "offence_detail": "detail"},
    **{"status": "status", "discovery": "discovery", "domestic": "domestic"},
}
FORMATS = [None, "%m/%d/%Y %I:%M:%S %p", "%Y%m%d%H%M", "%d.%m.%Y %H%M", "epoch_s", "epoch_ms", "excel", "%Y-%m"]


@pytest.mark.sampled
@settings(max_examples=sample(12, whole=400), deadline=None)
@given(
    rows=st.lists(st.lists(ODD, min_size=len(EVERY), max_size=len(EVERY)), min_size=1, max_size=20),
    form=st.sampled_from(FORMATS),
    changes=st.sampled_from(
        [{}, {"decimal": ","}, {"thousands": "'"}, {"numeric": ["incident_id", "offence", "area_id"]}]
    ),
    has_point=st.booleans(),
)
def test_any_text_is_a_value_or_a_refusal(
    rows: list[list[str]], form: str | None, changes: dict[str, Any], has_point: bool
) -> None:
    columns: dict[str, Any] = {ours: name for ours, name in EVERY.items() if not (has_point and ours in {"x", "y"})}
    columns |= {"point": "x"} if has_point else {}
    with tempfile.TemporaryDirectory() as folder:
        formats = {f"{ours}_format": form for ours in ("occurred_at", "occurred_to", "reported_at")} if form else {}
        mapping = mapping_of(Path(folder), columns=columns, **formats, **changes)
        table = pd.DataFrame([dict(zip(EVERY.values(), row, strict=True)) for row in rows])
        found = read(Path(folder), table.to_dict("records"), mapping, "in.parquet")
    assert len(found) == len(rows)
    for row in found:
        assert row["reason"] or (row["occurred_at"] and row["offence_code"] == "theft_other" and row["incident_id"])


def test_an_unknown_word_of_discovery_or_status_is_refused_and_our_own_words_need_no_entry(tmp_path: Path) -> None:
    columns = COLUMNS | {"discovery": "found", "status": "state"}
    words = {"discoveries": {"OFFICER": "police", "officer ": "partner"}, "statuses": {"U": "cancelled"}}
    mapping = mapping_of(tmp_path, columns=columns, discovery="public", **words)
    rows = [{"found": word} for word in ("Officer", "Partner", "", "Officer Initiated")]
    rows += [{"state": word} for word in ("u", "Amended", "", "open")]
    found = read(tmp_path, [{"found": "", "state": ""} | row for row in rows], mapping)
    assert [row["discovery"] for row in found[:3]] == ["police", "partner", "public"]
    assert [row["status"] for row in found[4:7]] == ["cancelled", "amended", "recorded"]
    assert reasons(found) == [None, None, None, "bad_value", None, None, None, "bad_value"]
    assert (found[3]["about"], found[7]["about"]) == ("found", "state")
    assert "list under discoveries" in found[3]["detail"]


def test_a_word_that_is_neither_yes_nor_no_is_refused(tmp_path: Path) -> None:
    mapping = mapping_of(tmp_path, columns=COLUMNS | {"domestic": "dv"}, blanks=["stranger"])
    words = ["1", "1.0", "Yes", "TRUE", "0", "0.0", "N", "False", "", "NA", "Stranger", "Domestic"]
    found = read(tmp_path, [{"dv": word} for word in words], mapping)
    assert [row["is_domestic"] for row in found] == [True] * 4 + [False] * 7 + [None]
    assert reasons(found) == [None] * 11 + ["bad_value"]
    assert found[-1]["about"] == "dv"


def test_an_id_of_several_columns_with_a_blank_part_is_none(tmp_path: Path) -> None:
    columns = COLUMNS | {"incident_id": ["unit", "id"]}
    rows = [{"unit": "U", "id": "1"}, {"unit": "U", "id": ""}, {"unit": "", "id": "1"}]
    found = read(tmp_path, rows, mapping_of(tmp_path, columns=columns))
    assert [(row["incident_id"], row["reason"]) for row in found] == [("U-1", None), *[(None, "empty_id")] * 2]
    hashed = read(tmp_path, rows, mapping_of(tmp_path, columns=columns, blank_id="hash"))
    assert [str(row["incident_id"])[:4] for row in hashed] == ["U-1", "row-", "row-"]


def test_each_row_with_one_id_is_counted_in_its_file(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "ab":
        pd.DataFrame([GOOD, GOOD]).to_csv(tmp_path / "in" / f"{name}.csv", index=False)
    mapping = mapping_of(tmp_path, same_id="each")
    with closing(connect(is_encrypting=False)) as connection:
        mapped_files.read_raw(connection, tmp_path / "in", mapping)
        mapped_files.map_incidents(connection, mapping, NOW)
        ids = connection.execute("SELECT incident_id FROM mapped ORDER BY row_number").fetchall()
    assert ids == [("i1-Theft",), ("i1-Theft-2",)] * 2


def test_a_version_leaves_room_for_the_next(tmp_path: Path) -> None:
    mapping = mapping_of(tmp_path, columns=COLUMNS | {"version": "v"})
    rows = [{"v": text} for text in ("999999999999999", "0012.0", "9223372036854775807", "1000000000000000")]
    found = read(tmp_path, rows, mapping)
    assert [(row["version"], row["reason"]) for row in found] == [
        *[(999999999999999, None), (12, None)],
        *[(None, "bad_value")] * 2,
    ]


def test_places_in_any_script_are_found(tmp_path: Path) -> None:
    streets = [
        "\u0939\u093f\u0928\u094d\u0926\u0940 \u092e\u093e\u0930\u094d\u0917",
        "\u0e16\u0e19\u0e19\u0e2a\u0e35\u0e25\u0e21",
        "\u0130stiklal Cd.",
    ]
    lines = [f"1,{street},-75.2{number},39.5" for number, street in enumerate(streets)]
    (tmp_path / "places.csv").write_text("\n".join(["number,street,lon,lat", *lines]), encoding="utf-8")
    gazetteer = {
        "file": "places.csv",
        "match": ["number", "street"],
        "on": ["number", "street"],
        "x": "lon",
        "y": "lat",
    }
    rows = [{"number": "1", "street": street.upper(), "x": "", "y": ""} for street in streets]
    found = read(tmp_path, rows, mapping_of(tmp_path, gazetteer=gazetteer))
    assert [row["lon"] for row in found] == [-75.20, -75.21, -75.22]


def test_numbers_of_offences_that_are_the_same_are_one_row(tmp_path: Path) -> None:
    table = "offence,offence_code,discovery\n0110,robbery,public\n110.0,theft_other,public\n"
    assert len(mapping_of(tmp_path, table=table).offences) == 2
    with pytest.raises(MappingError, match=r"'110\.0' occurs twice"):
        mapping_of(tmp_path, table=table, numeric=["offence"])
