"""A row that waited is read as a new load of its own file reads it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.events.batch import BatchCounts
from pipeline.mapped.mapping import Mapping
from pipeline.privacy.keys import derive_key
from pipeline.store.store import DuckDBStore as Store
from pipeline.store.store import open_store
from tests.decoders import decoder
from tests.pipeline.mapped.reading import GOOD, NOW, OFFENCES, mapping_of

HARM = {"theft_other": 2.0}
MENDED = f"{OFFENCES}Odd,theft_other,public\n"
WARRANTS = {"warrant_id": "id", "person_id": "who", "issued_at": "when", "offence": "what"}
WORDS = {"kinds": {"": "bench"}, "statuses": {"": "outstanding"}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.duckdb", derive_key(b"k" * 32), wait_s=0) as opened:
        yield opened


def load(store: Store, path: Path, mapping: Mapping) -> BatchCounts:
    return store.load_mapped(path, mapping, decoder=decoder(HARM, NOW), harm_days=HARM, ingested_at=NOW)


def replay(store: Store, mapping: Mapping) -> BatchCounts:
    return store.replay_mapped(mapping, decoder=decoder(HARM, NOW), harm_days=HARM, ingested_at=NOW)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    table = pd.DataFrame(rows)
    table.to_parquet(path) if path.suffix == ".parquet" else table.to_csv(path, index=False)
    return path


def geojson(path: Path, number: str, x: float, y: float, crs: str | None) -> Path:
    geometry = {"type": "Point", "coordinates": [x, y]}
    properties = {"id": number, "when": GOOD["when"], "what": "Odd"}
    named = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{crs}"}}
    features = [{"type": "Feature", "properties": properties, "geometry": geometry}]
    document = {"type": "FeatureCollection", "features": features} | ({"crs": named} if crs else {})
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_each_file_keeps_its_own_coordinate_system(tmp_path: Path, store: Store) -> None:
    columns = {"incident_id": "id", "occurred_at": "when", "offence": "what", "point": "geometry"}
    mapping = mapping_of(tmp_path, columns=columns)
    places = [("a", -75.16, 39.95, None), ("b", 2693000, 236000, "6565"), ("c", 486000, 4422000, "26918")]
    for place in places:
        load(store, geojson(tmp_path / f"{place[0]}.geojson", *place), mapping)
    assert replay(store, mapping_of(tmp_path, MENDED, columns=columns)).stored == 3
    found = store._connection.execute("SELECT lon, lat FROM store.incident_version ORDER BY incident_id").fetchall()
    assert found == [
        pytest.approx(point, abs=0.01) for point in ((-75.16, 39.95), (-75.165, 39.952), (-75.164, 39.947))
    ]


def test_a_record_keeps_what_its_file_told_of_times(tmp_path: Path, store: Store) -> None:
    keys = {"kind": "warrants", "columns": WARRANTS, **WORDS}
    row = {"id": "W1", "who": "P1", "what": "Odd"}
    files = {"a": ["06/05/2023", "06/15/2023"], "b": ["06/05/2023", "15/06/2023"], "c": ["1577943000"]}
    for name, texts in files.items():
        rows = [row | {"id": f"{name}{text}", "when": text} for text in texts]
        assert load(store, write(tmp_path / f"{name}.csv", rows), mapping_of(tmp_path, **keys)).dead == len(texts)
    mended = mapping_of(tmp_path, MENDED, **keys)
    assert (replay(store, mended).dead, [load(store, tmp_path / f"{name}.csv", mended).stored for name in files]) == (
        0,
        [0, 0, 0],
    )


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_rows_without_an_id_get_the_same_one_as_in_a_new_load(tmp_path: Path, store: Store, suffix: str) -> None:
    rows = [GOOD | {"id": "", "x": -75.0, "y": 39.5}] * 2 + [GOOD | {"id": "i2", "x": -75.25, "y": 39.5}]
    path = write(tmp_path / f"in.{suffix}", rows)
    assert load(store, path, mapping_of(tmp_path)).dead == 2
    hashing = mapping_of(tmp_path, blank_id="hash")
    replayed = replay(store, hashing)
    assert (replayed.stored, replayed.dead) == (2, 0)
    again = load(store, path, hashing)
    assert (again.duplicates, again.stored, again.cancelled) == (3, 0, 0)
