"""Equal ids mean what the mapping says; a file loaded again changes nothing, under a mended mapping it corrects."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.events.batch import BatchCounts
from pipeline.mapped.mapping_file import read_mapping
from pipeline.privacy.keys import derive_key
from pipeline.store.store import DuckDBStore as Store
from pipeline.store.store import open_store
from tests.decoders import decoder
from tests.soak import sample

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HARM_DAYS = {"robbery": 365.0, "theft_other": 2.0, "homicide": 5475.0}
MAPPING = {
    "name": "town",
    "about": "A town",
    "source": "town-police",
    "columns": {"incident_id": "id", "occurred_at": "when", "offence": "what", "x": "x", "y": "y"},
    "time_zone": "America/New_York",
    "offences": "offences.csv",
}
OFFENCES = (
    "offence,offence_code,discovery\nTHEFT,theft_other,public\nROBBERY,robbery,public\nHOMICIDE,homicide,public\n"
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    with open_store(tmp_path / "store.duckdb", derive_key(b"k" * 32), wait_s=0) as opened:
        yield opened


def load(
    store: Store, folder: Path, rows: list[str], name: str = "in.csv", *, offences: str = OFFENCES, **keys: object
) -> BatchCounts:
    """Load rows `ID WORD [DAY]` through the mapping with further `keys`."""
    (folder / "offences.csv").write_text(offences, encoding="utf-8")
    (folder / "town.yaml").write_text(yaml.safe_dump(MAPPING | keys), encoding="utf-8")
    fields = [(*row.split(), "0")[:3] for row in rows]
    lines = [f"{number},2023-06-1{day} 10:00:00,{word},-75.16,39.95" for number, word, day in fields]
    (folder / name).write_text("\n".join(["id,when,what,x,y", *lines]) + "\n", encoding="utf-8")
    return load_file(store, folder / name)


def load_file(store: Store, path: Path) -> BatchCounts:
    """Load a file through the mapping `town.yaml` beside it."""
    return store.load_mapped(
        path,
        read_mapping(path.with_name("town.yaml")),
        decoder=decoder(HARM_DAYS, NOW),
        harm_days=HARM_DAYS,
        ingested_at=NOW,
    )


def held(store: Store) -> dict[str, str]:
    """Return the offence of each incident's latest version that is not cancelled."""
    rows = store._connection.execute(
        "SELECT incident_id, offence_code FROM store.incident_version "
        "QUALIFY row_number() OVER (PARTITION BY incident_id ORDER BY version DESC) = 1 AND status <> 'cancelled' "
        "ORDER BY incident_id"
    ).fetchall()
    return dict(rows)


def adds_up(counts: BatchCounts) -> bool:
    return counts.rows_in == counts.stored + counts.duplicates + counts.merged + counts.dead


def test_equal_ids_wait_unless_the_mapping_says_what_they_mean(store: Store, tmp_path: Path) -> None:
    counts = load(store, tmp_path, ["S0 ROBBERY", "S0 THEFT", "S1 THEFT"])
    assert (counts.stored, counts.dead_by_reason) == (1, {"same_id": 2})
    assert held(store) == {"S1": "theft_other"}


def test_the_gravest_of_equal_ids_is_kept_wherever_it_stands(store: Store, tmp_path: Path) -> None:
    rows = ["S0 ROBBERY", "S0 THEFT", "S1 THEFT", "S1 HOMICIDE", "S1 ROBBERY", "S2 THEFT"]
    counts = load(store, tmp_path, rows, same_id="gravest")
    assert (counts.stored, counts.merged, counts.dead) == (3, 3, 0)
    assert held(store) == {"S0": "robbery", "S1": "homicide", "S2": "theft_other"}
    again = load(store, tmp_path, rows, same_id="gravest")
    assert (again.stored, again.duplicates, again.merged) == (0, 3, 3)
    later = load(store, tmp_path, ["S0 THEFT", "S2 HOMICIDE"], "later.csv", same_id="gravest")
    assert (later.corrected, later.merged) == (1, 1)
    assert held(store) == {"S0": "robbery", "S1": "homicide", "S2": "homicide"}


def test_each_row_of_equal_ids_is_an_incident(store: Store, tmp_path: Path) -> None:
    counts = load(store, tmp_path, ["S0 ROBBERY", "S0 THEFT", "S0 THEFT", "S1 THEFT"], same_id="each")
    assert (counts.stored, counts.dead, counts.merged) == (4, 0, 0)
    assert sorted(held(store).values()) == ["robbery", "theft_other", "theft_other", "theft_other"]
    assert load(store, tmp_path, ["S0 ROBBERY", "S0 THEFT", "S0 THEFT", "S1 THEFT"], same_id="each").duplicates == 4


def test_a_later_load_corrects_and_an_old_file_does_not_undo_it(store: Store, tmp_path: Path) -> None:
    monday, tuesday = ["T0 THEFT", "T1 THEFT"], ["T0 ROBBERY", "T1 THEFT", "T2 THEFT"]
    keys = {"same_id": "later_load_corrects"}
    load(store, tmp_path, monday, "monday.csv", **keys)
    counts = load(store, tmp_path, tuesday, "tuesday.csv", **keys)
    assert (counts.stored, counts.corrected, counts.duplicates) == (2, 1, 1)
    assert held(store) == {"T0": "robbery", "T1": "theft_other", "T2": "theft_other"}
    counts = load(store, tmp_path, monday, "monday.csv", **keys)
    assert (counts.stored, counts.merged, counts.duplicates) == (0, 1, 1)
    assert held(store)["T0"] == "robbery"
    counts = load(store, tmp_path, ["T0 THEFT"], "wednesday.csv", **keys)  # back to what Monday said
    assert counts.corrected == 1
    assert held(store)["T0"] == "theft_other"


def test_an_amended_export_waits_where_the_mapping_does_not_say_that_it_corrects(store: Store, tmp_path: Path) -> None:
    load(store, tmp_path, ["T0 THEFT"], "monday.csv")
    counts = load(store, tmp_path, ["T0 ROBBERY"], "tuesday.csv")
    assert counts.dead_by_reason == {"same_id": 1}
    counts = load(store, tmp_path, ["T0 ROBBERY"], "tuesday.csv", same_id="later_load_corrects")
    assert (counts.corrected, held(store)) == (1, {"T0": "robbery"})
    assert store.dead_letters().empty


def test_a_mended_mapping_replaces_what_the_old_one_made(store: Store, tmp_path: Path) -> None:
    wrong = OFFENCES.replace("THEFT,theft_other", "THEFT,homicide")
    rows = ["A THEFT", "B ROBBERY", "C THEFT"]
    load(store, tmp_path, rows, offences=wrong)
    assert held(store) == {"A": "homicide", "B": "robbery", "C": "homicide"}
    counts = load(store, tmp_path, rows)
    assert (counts.corrected, counts.duplicates, counts.dead) == (2, 1, 0)
    assert held(store) == {"A": "theft_other", "B": "robbery", "C": "theft_other"}
    assert load(store, tmp_path, rows).duplicates == 3


def test_what_the_mended_mapping_no_longer_makes_is_cancelled(store: Store, tmp_path: Path) -> None:
    rows = ["A THEFT", "B ROBBERY"]
    load(store, tmp_path, rows)
    load(store, tmp_path, ["X ROBBERY"], "other.csv")
    counts = load(store, tmp_path, rows, offences=OFFENCES.replace("THEFT,theft_other,public\n", ""))
    assert (counts.duplicates, counts.dead_by_reason) == (1, {"unknown_offence_code": 1})
    assert held(store) == {"B": "robbery", "X": "robbery"}
    assert load(store, tmp_path, rows).stored == 1  # and comes back with the mapping
    assert held(store) == {"A": "theft_other", "B": "robbery", "X": "robbery"}
    assert store.dead_letters().empty


ROW = st.builds(
    "{} {} {}".format,
    st.sampled_from("ABC"),
    st.sampled_from(["THEFT", "ROBBERY", "HOMICIDE", "WITCHCRAFT"]),
    st.integers(0, 1),
)


@pytest.mark.sampled
@settings(max_examples=sample(10, whole=60), deadline=None)
@given(
    files=st.lists(st.lists(ROW, min_size=1, max_size=6), min_size=1, max_size=3),
    same_id=st.sampled_from(["conflict", "gravest", "each", "later_load_corrects"]),
)
def test_every_row_is_accounted_for_and_a_second_load_changes_nothing(files: list[list[str]], same_id: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open_store(folder / "store.duckdb", derive_key(b"k" * 32), wait_s=0) as store:
            for number, rows in enumerate(files):
                counts = load(store, folder, rows, f"{number}.csv", same_id=same_id)
                assert counts.rows_in == len(rows)
                assert adds_up(counts)
            known = held(store)
            for number, rows in enumerate(files):
                counts = load(store, folder, rows, f"{number}.csv", same_id=same_id)
                assert adds_up(counts)
                assert counts.stored == 0
            assert held(store) == known
            if same_id == "gravest":
                graves = {"THEFT": 0, "ROBBERY": 1, "HOMICIDE": 2}
                words = {"theft_other": "THEFT", "robbery": "ROBBERY", "homicide": "HOMICIDE"}
                rows = [row.split() for rows in files for row in rows if "WITCH" not in row]
                best = {i: max((w for j, w, _ in rows if j == i), key=graves.__getitem__) for i, _, _ in rows}
                assert {i: words[code] for i, code in known.items()} == best


def load_versions(store: Store, folder: Path, rows: list[str], name: str = "in.csv", **keys: object) -> BatchCounts:
    """Load rows `ID WORD VERSION`; a version may be blank, written as `-`."""
    columns = MAPPING["columns"] | {"version": "version"}  # type: ignore[operator]
    (folder / "offences.csv").write_text(OFFENCES, encoding="utf-8")
    (folder / "town.yaml").write_text(yaml.safe_dump(MAPPING | {"columns": columns} | keys), encoding="utf-8")
    lines = [
        f"{number},2023-06-10 10:00:00,{word},-75.16,39.95,{version}" for number, word, version in map(str.split, rows)
    ]
    (folder / name).write_text("\n".join(["id,when,what,x,y,version", *lines]) + "\n", encoding="utf-8")
    return load_file(store, folder / name)


@pytest.mark.parametrize("same_id", ["conflict", "gravest", "later_load_corrects"])
def test_a_second_load_of_two_versions_does_not_undo_the_later(store: Store, tmp_path: Path, same_id: str) -> None:
    rows = ["A ROBBERY -", "A THEFT 2"]
    assert load_versions(store, tmp_path, rows, same_id=same_id).stored == 2
    assert load_versions(store, tmp_path, rows, same_id=same_id).duplicates == 2
    assert held(store) == {"A": "theft_other"}


def test_a_mended_mapping_of_versions_replaces_the_latest(store: Store, tmp_path: Path) -> None:
    rows = ["A THEFT 1", "A ROBBERY 2"]
    load_versions(store, tmp_path, rows)
    mended = OFFENCES.replace("ROBBERY,robbery", "ROBBERY,homicide")
    (tmp_path / "mended.csv").write_text(mended)
    counts = load_versions(store, tmp_path, rows, offences="mended.csv")
    assert (counts.corrected, counts.duplicates) == (1, 1)
    assert held(store) == {"A": "homicide"}
    assert load_versions(store, tmp_path, ["A THEFT 7"], "later.csv", offences="mended.csv").stored == 1
    assert held(store) == {"A": "theft_other"}


def test_a_cancelled_row_is_never_the_gravest(store: Store, tmp_path: Path) -> None:
    columns = MAPPING["columns"] | {"status": "note"}  # type: ignore[operator]
    (tmp_path / "offences.csv").write_text(OFFENCES)
    keys = {"columns": columns, "same_id": "gravest", "statuses": {"cancelled": "cancelled"}}
    (tmp_path / "town.yaml").write_text(yaml.safe_dump(MAPPING | keys))
    lines = ["A,2023-06-10 10:00:00,HOMICIDE,-75,39,cancelled", "A,2023-06-10 10:00:00,THEFT,-75,39,"]
    (tmp_path / "in.csv").write_text("\n".join(["id,when,what,x,y,note", *lines]) + "\n")
    mapping = read_mapping(tmp_path / "town.yaml")
    store.load_mapped(
        tmp_path / "in.csv", mapping, decoder=decoder(HARM_DAYS, NOW), harm_days=HARM_DAYS, ingested_at=NOW
    )
    assert held(store) == {"A": "theft_other"}


def test_a_file_of_a_folder_that_is_loaded_alone_replaces_what_the_folder_gave(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    load(store, folder, ["A THEFT"], "a.csv", source="one")
    load(store, folder, ["B THEFT"], "b.csv", source="one")
    assert load(store, folder, ["A THEFT"], "a.csv", source="another").duplicates == 1
    wrong = OFFENCES.replace("THEFT,theft_other", "THEFT,homicide")
    assert load(store, folder, ["B THEFT"], "b.csv", offences=wrong, source="another").corrected == 1
    assert held(store) == {"A": "theft_other", "B": "homicide"}


def test_a_renamed_file_is_the_same_file(store: Store, tmp_path: Path) -> None:
    load(store, tmp_path, ["A THEFT", "B WITCHCRAFT"], "a.csv")
    counts = load(store, tmp_path, ["A THEFT", "B WITCHCRAFT"], "renamed.csv")
    assert (counts.duplicates, counts.dead) == (1, 1)
    assert list(store.dead_letters()["topic"]) == ["renamed.csv"]
