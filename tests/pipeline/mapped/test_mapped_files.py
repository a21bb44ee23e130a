"""A file in which nothing can repeat goes in as it is read, another by comparison: to one and the same store."""

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.events.batch import BatchCounts
from pipeline.events.codebook import read_codebook
from pipeline.mapped import mapped_files
from pipeline.mapped.mapping import Mapping
from pipeline.mapped.mapping_file import read_mapping
from pipeline.privacy.keys import derive_key
from pipeline.store.store import DuckDBStore as Store
from pipeline.store.store import open_store
from tests.decoders import decoder
from tests.soak import sample

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AXES = ("violence", "disorder", "minors", "none")
HARM_DAYS = dict(read_codebook(Path("configs/codebooks/harm.csv"), date(2026, 1, 1), AXES)["harm_days"])
MAPPING = {
    "name": "town",
    "about": "A town",
    "source": "town-police",
    "columns": {
        **{"incident_id": "id", "version": "version", "occurred_at": "when", "offence": "what", "x": "x", "y": "y"},
    },
    "time_zone": "America/New_York",
    "offences": "town_offences.csv",
}
OFFENCES = "offence,offence_code,discovery\nRobbery,robbery,public\n"
# Few ids, and one that looks like another's version, so that rows repeat and contradict each other.
ROW = st.tuples(
    st.sampled_from(["a", "b", "c", "d", "a@1", ""]),
    st.sampled_from(["", "1", "2", "x"]),
    st.sampled_from(["2018-07-01 12:00:00", "2018-07-02 12:00:00", "never"]),
    st.sampled_from(["Robbery", "Witchcraft"]),
    st.sampled_from(["-75.25", "-75.5", "west"]),
)


def town(folder: Path) -> Mapping:
    (folder / "town_offences.csv").write_text(OFFENCES, encoding="utf-8")
    (folder / "town.yaml").write_text(yaml.safe_dump(MAPPING), encoding="utf-8")
    return read_mapping(folder / "town.yaml")


def write(path: Path, rows: list[tuple[str, ...]]) -> Path:
    path.write_text("id,version,when,what,x,y\n" + "".join(f"{','.join(row)},39.5\n" for row in rows), encoding="utf-8")
    return path


def load(store: Store, path: Path, mapping: Mapping) -> BatchCounts:
    return store.load_mapped(
        path,
        mapping,
        decoder=decoder(HARM_DAYS, NOW),
        harm_days=HARM_DAYS,
        ingested_at=NOW,
    )


def contents(store: Store) -> pd.DataFrame:
    return store._connection.execute("SELECT * FROM store.incident_version ORDER BY ALL").to_arrow_table().to_pandas()


def store_of(
    folder: Path, name: str, files: list[Path], mapping: Mapping
) -> tuple[list[BatchCounts], list[pd.DataFrame]]:
    with open_store(folder / f"{name}.duckdb", derive_key(b"k" * 32), wait_s=0) as store:
        counts = [load(store, file, mapping) for file in files]
        return counts, [contents(store), store.dead_letters(), store.batches()]


@pytest.mark.sampled
@settings(max_examples=sample(8, whole=40), deadline=None)
@given(first=st.lists(ROW, min_size=1, max_size=6), second=st.lists(ROW, min_size=1, max_size=6))
def test_straight_in_or_compared_the_store_is_the_same(
    first: list[tuple[str, ...]], second: list[tuple[str, ...]]
) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patched:
        folder = Path(name)
        mapping = town(folder)
        files = [write(folder / "first.csv", first), write(folder / "second.csv", second)]
        counts, tables = store_of(folder, "as_it_is", files, mapping)
        patched.setattr(mapped_files, "is_all_new", lambda connection: False)
        expected_counts, expected = store_of(folder, "compared", files, mapping)
    assert counts == expected_counts
    for table, wanted in zip(tables, expected, strict=True):
        pd.testing.assert_frame_equal(table, wanted)


@pytest.mark.parametrize(
    ("rows", "is_new"),
    [
        ([("a", "1"), ("b", "1")], True),
        ([("a", "1"), ("a", "2")], True),  # two versions of one incident
        ([("a", "1"), ("a", "1")], False),
        ([("a", "1"), ("a", "")], False),  # no version is the first
        ([("a", "1"), ("a@1", "")], False),  # another incident, but the same event
        ([("h", "1"), ("b", "1")], False),  # held by the store
        ([("h", "7")], False),
    ],
)
def test_what_may_repeat_is_not_taken_for_new(tmp_path: Path, rows: list[tuple[str, str]], is_new: bool) -> None:
    mapping = town(tmp_path)
    rest = ("2018-07-01 12:00:00", "Robbery", "-75.25")
    with open_store(tmp_path / "store.duckdb", derive_key(b"k" * 32), wait_s=0) as store:
        load(store, write(tmp_path / "held.csv", [("h", "1", *rest)]), mapping)
        mapped_files.read_raw(store._connection, write(tmp_path / "more.csv", [(*row, *rest) for row in rows]), mapping)
        mapped_files.map_incidents(store._connection, mapping, NOW)
        assert mapped_files.is_all_new(store._connection) is is_new
