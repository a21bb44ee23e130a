"""Somebody else's files: read through a mapping without a look at single rows, and refused row by row."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.errors import MappingError, SourceError
from pipeline.events.batch import BatchCounts, DecodedBatch
from pipeline.events.codebook import read_codebook
from pipeline.events.columns import DEAD_LETTER, IDENTITY, SCHEMAS
from pipeline.mapped.mapping_file import read_mapping
from pipeline.privacy.keys import derive_key
from pipeline.store.store import DuckDBStore as Store
from pipeline.store.store import open_store
from tests.decoders import decoder

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHIPPED = Path("configs/mappings")
AXES = ("violence", "disorder", "minors", "none")
HARM_DAYS = dict(read_codebook(Path("configs/codebooks/harm.csv"), date(2026, 1, 1), AXES)["harm_days"])
PHILADELPHIA_DATA = Path("../shared/data/philadelphia_2017_2019.parquet")

DOCUMENT = {
    "name": "town",
    "about": "A town",
    "source": "town-police",
    "columns": {"incident_id": "id", "occurred_at": "when", "offence": "what", "x": "x", "y": "y"},
    "time_zone": "America/New_York",
    "offences": "town_offences.csv",
}
OFFENCES = "offence,offence_code,discovery\nRobbery,robbery,public\nDrugs,drug_possession,police\n"
GOOD = "i1,2018-07-01 12:00:00,Robbery,-75.25,39.5"
HEADER = "id,when,what,x,y\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.duckdb", derive_key(b"k" * 32), wait_s=0) as opened:
        yield opened


def write_mapping(folder: Path, table: str = OFFENCES, **changes: Any) -> Path:
    (folder / "town_offences.csv").write_text(table, encoding="utf-8")
    path = folder / "town.yaml"
    path.write_text(yaml.safe_dump({**DOCUMENT, **changes}), encoding="utf-8")
    return path


def write_csv(folder: Path, *lines: str, header: str = HEADER, name: str = "town.csv") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(header + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def load(store: Store, path: Path, mapping: Path, at: datetime = NOW) -> BatchCounts:
    return store.load_mapped(
        path,
        read_mapping(mapping),
        decoder=decoder(HARM_DAYS, at),
        harm_days=HARM_DAYS,
        ingested_at=at,
    )


def replay(store: Store, mapping: Path) -> BatchCounts:
    return store.replay_mapped(
        read_mapping(mapping),
        decoder=decoder(HARM_DAYS, NOW),
        harm_days=HARM_DAYS,
        ingested_at=NOW,
    )


def held(store: Store, columns: str) -> list[tuple]:
    sql = f"SELECT {columns} FROM store.incident_version ORDER BY incident_id, version, source_offset"
    return store._connection.execute(sql).fetchall()


def test_a_row_becomes_an_incident(store: Store, tmp_path: Path) -> None:
    counts = load(store, write_csv(tmp_path, GOOD), write_mapping(tmp_path))
    assert counts == BatchCounts(rows_in=1, stored=1)
    noon = datetime(2018, 7, 1, 16, tzinfo=UTC)
    columns = "event_source, event_id, incident_id, version, status, occurred_at, offence_code, discovery, lon, lat"
    expected = [("town-police", "i1", "i1", 1, "recorded", noon, "robbery", "public", -75.25, 39.5)]
    assert held(store, columns) == expected


def test_a_mapped_row_hashes_as_the_same_event_does(store: Store, tmp_path: Path) -> None:
    """So a source may change from files to a topic without a conflict."""
    load(store, write_csv(tmp_path, GOOD), write_mapping(tmp_path))
    tables = {entity: schema.empty_table() for entity, schema in SCHEMAS.items()}
    stored = store._connection.execute("FROM store.incident_version").to_arrow_table()
    tables["incident"] = stored.select(SCHEMAS["incident"].names).cast(SCHEMAS["incident"])
    batch = DecodedBatch(tables, IDENTITY.empty_table(), DEAD_LETTER.empty_table())
    counts = store.commit(batch, source="topic", ingested_at=NOW, next_offsets={})
    assert (counts.stored, counts.duplicates) == (0, 1)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("i1,,Robbery,-75,39", "missing_field"),
        ("i1,yesterday,Robbery,-75,39", "bad_value"),
        ("i1,2018-02-30,Robbery,-75,39", "bad_value"),
        ("i1,1900-12-31,Robbery,-75,39", "impossible_date"),
        ("i1,2026-01-02,Robbery,-75,39", "future_date"),
        ("i1,2999-01-01,Robbery,-75,39", "future_date"),
        ("i1,2018-07-01,Robbery,,", "no_location"),
        ("i1,2018-07-01,Robbery,-75,", "bad_coordinate"),
        ("i1,2018-07-01,Robbery,west,39", "bad_coordinate"),
        ("i1,2018-07-01,Robbery,nan,39", "bad_coordinate"),
        ("i1,2018-07-01,Robbery,-181,39", "bad_coordinate"),
        ("i1,2018-07-01,Robbery,0,0", "bad_coordinate"),
        ("i1,2018-07-01,,-75,39", "missing_field"),
        ("i1,2018-07-01,Witchcraft,-75,39", "unknown_offence_code"),
        (" ,2018-07-01,Robbery,-75,39", "empty_id"),
        (f"p_{'0f' * 16},2018-07-01,Robbery,-75,39", "names_person"),
        ("i1,2018-07-01,Robbery,-75", "unread_line"),
        ("i1,2018-07-01,Robbery,-75,39,7,8", "unread_line"),
    ],
)
def test_a_bad_row_is_a_dead_letter_and_stops_no_other(store: Store, tmp_path: Path, line: str, reason: str) -> None:
    counts = load(store, write_csv(tmp_path, GOOD, line), write_mapping(tmp_path))
    assert counts == BatchCounts(2, 1, 0, 1, 0, {reason: 1})
    [letter] = store.dead_letters().to_dict("records")
    found = (letter["topic"], letter["source_offset"], letter["reason"], letter["mapping"])
    assert found == ("town.csv", 2, reason, "town")
    again = load(store, write_csv(tmp_path, GOOD, line), write_mapping(tmp_path))
    assert (again.duplicates, again.dead, len(store.dead_letters())) == (1, 1, 1)


@pytest.mark.parametrize(
    ("local", "utc", "is_ambiguous"),
    [
        ("2018-11-04 00:59:59", "2018-11-04 04:59:59", False),
        ("2018-11-04 01:00:00", "2018-11-04 05:00:00", True),
        ("2018-11-04 01:59:59", "2018-11-04 05:59:59", True),
        ("2018-11-04 02:00:00", "2018-11-04 07:00:00", False),
        ("2018-03-11 01:59:59", "2018-03-11 06:59:59", False),
        ("2018-03-11 02:30:00", "2018-03-11 07:30:00", False),
        ("2018-03-11 03:00:00", "2018-03-11 07:00:00", False),
        ("2018-11-04T01:30:00Z", "2018-11-04 01:30:00", False),
        ("2018-11-04T01:30:00-05:00", "2018-11-04 06:30:00", False),
    ],
)
def test_the_hour_that_occurs_twice_is_its_first_occurrence(
    store: Store, tmp_path: Path, local: str, utc: str, is_ambiguous: bool
) -> None:
    load(store, write_csv(tmp_path, f"i1,{local},Robbery,-75,39"), write_mapping(tmp_path))
    expected = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert held(store, "occurred_at, is_ambiguous_hour") == [(expected, is_ambiguous)]


def test_broken_lines_stop_no_other(store: Store, tmp_path: Path) -> None:
    good = b"i1,2018-07-01,Robbery,-75,39\r\n"
    bad = b"i2,2018-07-01,caf\xe9,-75,39\r\n"
    (tmp_path / "town.csv").write_bytes(b"\xef\xbb\xbf" + HEADER.strip().encode() + b"\r\n" + bad + good)
    counts = load(store, tmp_path / "town.csv", write_mapping(tmp_path))
    assert counts == BatchCounts(2, 1, 0, 1, 0, {"unread_line": 1})
    assert held(store, "incident_id") == [("i1",)]


def test_files_of_a_folder_may_order_their_columns_differently(store: Store, tmp_path: Path) -> None:
    write_csv(tmp_path / "all", GOOD)
    write_csv(tmp_path / "all", "Drugs,i2,39.5,-75.25,2018-07-01", header="what,id,y,x,when\n", name="other.csv")
    assert load(store, tmp_path / "all", write_mapping(tmp_path)).stored == 2
    assert held(store, "incident_id, offence_code, lon") == [
        ("i1", "robbery", -75.25),
        ("i2", "drug_possession", -75.25),
    ]


def test_files_of_another_kind_are_passed_over_and_named(tmp_path: Path) -> None:
    """As police.uk puts outcomes beside the crimes, with other columns."""
    write_csv(tmp_path / "all", GOOD, name="2018-07-street.csv")
    write_csv(tmp_path / "all", "i1,Fined", header="id,outcome\n", name="2018-07-outcomes.csv")
    said: list[str] = []
    mapping = write_mapping(tmp_path, files="*-street.csv")
    with open_store(tmp_path / "store.duckdb", derive_key(b"k" * 32), wait_s=0, progress=said.append) as store:
        assert load(store, tmp_path / "all", mapping).stored == 1
        assert "1 files passed over" in said[0] and "2018-07-outcomes.csv" in said[0]
        with pytest.raises(SourceError, match=r"holds no file that matches the mapping's pattern '\*-street.csv'"):
            load(store, write_csv(tmp_path / "other", GOOD).parent, mapping)


def test_a_time_without_zone_is_refused_where_the_mapping_names_none(store: Store, tmp_path: Path) -> None:
    counts = load(store, write_csv(tmp_path, GOOD), write_mapping(tmp_path, time_zone=None))
    assert counts.dead_by_reason == {"naive_time": 1}


def test_typed_parquet_reads_as_text_does(store: Store, tmp_path: Path) -> None:
    load(store, write_csv(tmp_path, GOOD), write_mapping(tmp_path))
    frame = pd.DataFrame(
        {"id": ["i1"], "when": [pd.Timestamp("2018-07-01 12:00")], "what": ["Robbery"], "x": [-75.25], "y": [39.5]}
    )
    frame.to_parquet(tmp_path / "town.parquet")
    assert load(store, tmp_path / "town.parquet", write_mapping(tmp_path)).duplicates == 1


def test_projected_coordinates_become_degrees(store: Store, tmp_path: Path) -> None:
    """Reference point: false origin of UTM zone 18N, on the equator at 75° west."""
    path = write_csv(tmp_path, "i1,2018-07-01,Robbery,500000,0.001", "i2,2018-07-01,Robbery,1e99,5")
    counts = load(store, path, write_mapping(tmp_path, crs="EPSG:32618"))
    assert counts.dead_by_reason == {"bad_coordinate": 1}
    [(lon, lat)] = held(store, "lon, lat")
    np.testing.assert_allclose([lon, lat], [-75, 0], atol=1e-6)


def test_an_area_stands_in_for_a_point(store: Store, tmp_path: Path) -> None:
    columns = {"incident_id": "id", "occurred_at": "when", "offence": "what", "area_id": "beat"}
    path = write_csv(tmp_path, "i1,2018-07-01,Robbery,12", "i2,2018-07-01,Robbery,", header="id,when,what,beat\n")
    counts = load(store, path, write_mapping(tmp_path, columns=columns))
    assert (counts.stored, counts.dead_by_reason) == (1, {"no_location": 1})
    assert held(store, "area_id, lon") == [("12", None)]


def test_status_discovery_and_version_columns(store: Store, tmp_path: Path) -> None:
    columns = DOCUMENT["columns"] | {"status": "state", "discovery": "by", "version": "v", "domestic": "home"}
    mapping = write_mapping(
        tmp_path, columns=columns, statuses={"open": "recorded", "Void": "cancelled"}, discoveries={"patrol": "police"}
    )
    header = "id,when,what,x,y,state,by,v,home\n"
    path = write_csv(tmp_path, f"{GOOD},open,,1,Yes", f"{GOOD},VOID,Patrol,2,no", f"{GOOD},lost,,3,", header=header)
    counts = load(store, path, mapping)
    assert (counts.stored, counts.conflicts, counts.dead_by_reason) == (2, 0, {"bad_value": 1})
    expected = [(1, "recorded", "public", True), (2, "cancelled", "police", False)]
    assert held(store, "version, status, discovery, is_domestic") == expected


def test_a_repeated_id_with_other_content_waits(store: Store, tmp_path: Path) -> None:
    counts = load(store, write_csv(tmp_path, GOOD, GOOD, GOOD.replace("Robbery", "Drugs")), write_mapping(tmp_path))
    assert counts == BatchCounts(rows_in=3, dead=3, dead_by_reason={"same_id": 3})


def test_dead_rows_pass_once_the_table_of_offences_is_mended(store: Store, tmp_path: Path) -> None:
    path = write_csv(tmp_path, GOOD, "i2,2018-07-01,Witchcraft,-75.25,39.5", "i3,2018-07-01,Sorcery,-75.25,39.5")
    load(store, path, write_mapping(tmp_path))
    assert store.waiting_mappings() == ["town"]
    mended = write_mapping(tmp_path, table=f"{OFFENCES}Witchcraft,other_offence,public\n")
    assert replay(store, mended) == BatchCounts(2, 1, 0, 1, 0, {"unknown_offence_code": 1})
    assert held(store, "incident_id, source_offset") == [("i1", 1), ("i2", 2)]
    assert list(store.dead_letters()["source_offset"]) == [3]
    assert load(store, path, mended) == BatchCounts(3, 0, 2, 1, 0, {"unknown_offence_code": 1})


def test_a_replayed_row_keeps_the_order_of_day_and_month_of_its_file(store: Store, tmp_path: Path) -> None:
    path = write_csv(tmp_path, "i1,25/06/2018 12:00,Robbery,-75.25,39.5", "i2,05/06/2018,Magic,-75.25,39.5")
    assert load(store, path, write_mapping(tmp_path)).dead_by_reason == {"unknown_offence_code": 1}
    assert replay(store, write_mapping(tmp_path, table=f"{OFFENCES}Magic,other_offence,public\n")).stored == 1
    assert held(store, "occurred_at")[1] == (datetime(2018, 6, 5, 4, tzinfo=UTC),)


def test_a_replay_reads_parquet_rows_too(store: Store, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"id": [7], "when": [pd.Timestamp("2018-07-01 12:00")], "what": ["Magic"], "x": [-75.123456789], "y": [39.5]}
    )
    frame.to_parquet(tmp_path / "town.parquet")
    load(store, tmp_path / "town.parquet", write_mapping(tmp_path))
    mended = write_mapping(tmp_path, table=f"{OFFENCES}Magic,other_offence,public\n")
    assert replay(store, mended).stored == 1
    assert load(store, tmp_path / "town.parquet", mended).duplicates == 1


MONTHS = "Crime ID,Month,Reported by,Longitude,Latitude,Crime type\n"
ASB = ",2024-03,Leeds,-1.5,53.8,Anti-social behaviour"
THEFT = "{id},2024-{month},Leeds,-1.5,53.8,Other theft"


def test_police_uk_folders_load_once_with_ids_for_rows_that_have_none(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "download"
    first = [ASB, ASB, ",2024-03,Leeds,,,Anti-social behaviour", THEFT.format(id="a1", month="03")]
    write_csv(folder, *first, header=MONTHS, name="2024-03/2024-03-leeds-street.csv")
    write_csv(folder, THEFT.format(id="a2", month="04"), header=MONTHS, name="2024-04/2024-04-leeds-street.csv")
    counts = load(store, folder, SHIPPED / "police_uk.yaml")
    assert counts == BatchCounts(5, 4, 0, 1, 0, {"no_location": 1})
    rows = held(store, "incident_id, occurred_at, occurred_precision, source_offset")
    assert [row[0] for row in rows[:2]] == ["a1", "a2"]
    assert [row[0][-2:] for row in rows[2:]] == ["-1", "-2"]
    assert rows[1][1:] == (datetime(2024, 3, 31, 23, tzinfo=UTC), "month", 1)
    assert list(store.dead_letters()["topic"]) == ["2024-03-leeds-street.csv"]
    assert load(store, folder, SHIPPED / "police_uk.yaml").duplicates == 4
    assert load(store, folder / "2024-03", SHIPPED / "police_uk.yaml").duplicates == 3


def test_rows_without_id_or_place_are_replayed_each(store: Store, tmp_path: Path) -> None:
    """Two equal rows stay two: the derived id travels with the dead letter."""
    line = ",2024-03,Leeds,-1.5,53.8,Sorcery"
    mapping = yaml.safe_load((SHIPPED / "police_uk.yaml").read_text(encoding="utf-8")) | {"offences": "table.csv"}
    (tmp_path / "police_uk.yaml").write_text(yaml.safe_dump(mapping), encoding="utf-8")
    (tmp_path / "table.csv").write_text(OFFENCES, encoding="utf-8")
    path = write_csv(tmp_path, line, line, header=MONTHS)
    assert load(store, path, tmp_path / "police_uk.yaml").dead == 2
    (tmp_path / "table.csv").write_text(f"{OFFENCES}Sorcery,other_offence,public\n", encoding="utf-8")
    assert replay(store, tmp_path / "police_uk.yaml").stored == 2
    assert load(store, path, tmp_path / "police_uk.yaml").duplicates == 2


def test_chicago_rows_read_with_their_corrections(store: Store, tmp_path: Path) -> None:
    header = "ID,Case Number,Date,Primary Type,Description,Domestic,Updated On,Latitude,Longitude\n"
    lines = [
        "1,A,07/04/2018 11:30:00 PM,NARCOTICS,POSS: CANNABIS 30GMS OR LESS,false,07/11/2018 03:40:12 PM,41.8,-87.6",
        "1,A,07/04/2018 11:30:00 PM,NARCOTICS,MANU/DELIVER: CRACK,false,08/11/2018 03:40:12 PM,41.8,-87.6",
        "2,B,07/04/2018 12:05:00 AM,BATTERY,DOMESTIC BATTERY SIMPLE,true,07/11/2018 03:40:12 PM,41.8,-87.6",
        "3,C,07/04/2018 12:05:00 AM,BATTERY,AGGRAVATED: HANDGUN,false,07/11/2018 03:40:12 PM,41.8,-87.6",
        "4,D,07/04/2018 12:05:00 AM,THEFT,RETAIL THEFT,false,07/11/2018 03:40:12 PM,,",
    ]
    counts = load(store, write_csv(tmp_path, *lines, header=header), SHIPPED / "chicago.yaml")
    assert (counts.stored, counts.conflicts, counts.dead_by_reason) == (4, 0, {"no_location": 1})
    assert held(store, "incident_id, offence_code, discovery, is_domestic") == [
        ("1", "drug_possession", "police", False),
        ("1", "drug_supply", "police", False),
        ("2", "violence_without_injury", "public", True),
        ("3", "violence_with_injury", "public", False),
    ]
    assert held(store, "occurred_at")[2:] == [(datetime(2018, 7, 4, 5, 5, tzinfo=UTC),)] * 2


@pytest.mark.parametrize("name", ["philadelphia", "police_uk", "chicago"])
def test_a_shipped_mapping_fits_the_shipped_codebook(name: str) -> None:
    mapping = read_mapping(SHIPPED / f"{name}.yaml")
    assert mapping.name == name
    assert set(mapping.offences["offence_code"]) <= set(HARM_DAYS)


@pytest.mark.skipif(not PHILADELPHIA_DATA.exists(), reason=f"real incidents are not at {PHILADELPHIA_DATA}")
def test_every_real_row_is_counted(store: Store) -> None:
    counts = load(store, PHILADELPHIA_DATA, SHIPPED / "philadelphia.yaml")
    assert counts == BatchCounts(475_019, 471_277, 0, 3_730, 0, {"no_location": 3_730}, merged=12)


def failing_load(store: Store, path: Path, mapping: Path, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        load(store, path, mapping)
    assert held(store, "*") == []
    assert store.batches().empty


def test_a_missing_column_is_named_with_the_closest(store: Store, tmp_path: Path) -> None:
    path = write_csv(tmp_path, GOOD, header="id,When_,what,x,y\n")
    words = re.escape(
        "no column 'when', which mapping 'town' reads as occurred_at (did you mean 'When_'?); it has 'id',"
    )
    failing_load(store, path, write_mapping(tmp_path), MappingError, words)


def test_an_offence_code_the_codebook_lacks_is_named(store: Store, tmp_path: Path) -> None:
    mapping = write_mapping(tmp_path, table=OFFENCES.replace("robbery", "robery"))
    failing_load(store, write_csv(tmp_path, GOOD), mapping, MappingError, r"'robery' .*did you mean 'robbery'")


def test_a_file_that_cannot_be_read_is_named(store: Store, tmp_path: Path) -> None:
    mapping = write_mapping(tmp_path)
    (tmp_path / "broken.parquet").write_bytes(b"no parquet at all")
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    (tmp_path / "notes.doc").write_text("hello", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    (tmp_path / "blank.csv").touch()
    failing_load(store, tmp_path / "broken.parquet", mapping, SourceError, "broken.parquet cannot be read")
    failing_load(store, tmp_path / "none.csv", mapping, SourceError, "does not exist")
    failing_load(store, tmp_path / "notes.txt", mapping, SourceError, "holds a header and no row")
    failing_load(store, tmp_path / "notes.doc", mapping, SourceError, "expected .csv, .tsv")
    failing_load(store, tmp_path / "blank.csv", mapping, SourceError, "is empty")
    failing_load(store, tmp_path / "empty", mapping, SourceError, "expected .csv, .tsv")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"time_zone": "Mars/Base"}, "time_zone='Mars/Base'"),
        ({"crs": "EPSG:0"}, "crs='EPSG:0'"),
        ({"precision": "year"}, "precision='year': expected one of 'instant'"),
        ({"precison": "day"}, r"unknown key 'precison' in the mapping \(did you mean 'precision'"),
        ({"columns": {"incident_id": "id"}}, "occurred_at"),
        ({"columns": DOCUMENT["columns"] | {"y": None}}, "both x and y"),
        ({"columns": {"when": "x"}}, "unknown key 'when' in columns"),
        ({"offences": "none.csv"}, "none.csv"),
        ({"offences": None}, "offences=None"),
        ({"discovery": "rumour"}, "discovery='rumour'"),
        ({"occurred_at_format": "%z %Y-%m-%d %H:%M"}, "expected the zone .* at the end"),
    ],
)
def test_a_wrong_mapping_names_the_key_and_the_way_out(tmp_path: Path, changes: dict, words: str) -> None:
    with pytest.raises(MappingError, match=words):
        read_mapping(write_mapping(tmp_path, **changes))


def test_an_unknown_mapping_names_those_there_are() -> None:
    with pytest.raises(MappingError, match=r"did you mean 'philadelphia'.*'boston', 'chicago'.*'police_uk'"):
        read_mapping(SHIPPED / "filadelfia.yaml")
