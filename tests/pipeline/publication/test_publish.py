"""The pair of files: complete, typed, described, replaced whole, without people where places are."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from pipeline.database import explain_duckdb_error
from pipeline.errors import KeyFileError, PublicationError, PurposeError
from pipeline.privacy.access_log import AccessLog
from pipeline.privacy.keys import Key, derive_key
from pipeline.publication import publish as publication
from pipeline.publication.duckdb_file import opened
from pipeline.publication.publish import (
    Shown,
    clean_up,
    has_run,
    predecessor,
    project,
    publish,
    read_published,
    read_restricted,
    runs,
    table_counts,
)
from pipeline.publication.tables import Column, Table, Tables, read_tables
from tests.disk import no_file_beyond

KEY = derive_key(b"k" * 32)
NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
PERSON = "p_" + "0123456789abcdef" * 2

VALUES: dict[str, Any] = {
    "VARCHAR": "v",
    "VARCHAR[]": ["v", "w"],
    "INTEGER[]": [1, 2],
    "DOUBLE[]": [0.5, 2.0],
    "DOUBLE": 0.5,
    "INTEGER": 1,
    "BIGINT": 2,
    "BOOLEAN": True,
    "DATE": datetime(2026, 1, 5).date(),
    "TIMESTAMP WITH TIME ZONE": pd.Timestamp("2026-01-05T00:00Z"),
    "BLOB": b"\x01",
}
Frames = dict[str, pd.DataFrame]
ALL = read_tables()
CHOICE = Column("choice", "VARCHAR", "What was chosen.")
PLACE_ACT = Table("place_act", "Of places.", ("id",), (Column("id", "VARCHAR", "What."), CHOICE), is_projection=True)
PERSON_ACT = Table("person_act", "Of people.", ("id",), PLACE_ACT.columns, is_projection=True)
FEW = Tables(
    published={
        **{name: ALL.published[name] for name in ("run", "content_hash", "map_shape")},
        **{name: ALL.published[name] for name in ("area_ranking", "hotspot", "market", "area_notice")},
        "place_act": PLACE_ACT,
    },
    restricted={
        **{name: ALL.restricted[name] for name in ("run", "content_hash", "person_tier", "referral")},
        "person_act": PERSON_ACT,
    },
)


@pytest.fixture(autouse=True)
def few_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish a few of the tables, which is quicker."""
    monkeypatch.setattr(publication, "read_tables", lambda: FEW)
    monkeypatch.setattr("pipeline.publication.tables.read_tables", lambda: FEW)


def all_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "read_tables", lambda: ALL)
    monkeypatch.setattr("pipeline.publication.tables.read_tables", lambda: ALL)


def run_row(day: int, run_id: str | None = None, known: int = 20) -> dict[str, Any]:
    row = {column.name: VALUES[column.duckdb_type] for column in read_tables().published["run"].columns}
    as_of = pd.Timestamp(f"2026-01-{day:02d}T00:00Z")
    return {
        **row,
        "run_id": run_id or f"run{day}",
        "as_of": as_of,
        "valid_to": as_of + pd.Timedelta(days=2),
        "known_at": pd.Timestamp(f"2026-01-{known:02d}T00:00Z"),
    }


def frame_of(table: Table, n: int) -> pd.DataFrame:
    columns = [column for column in table.columns if column.name not in ("run_id", "as_of", "valid_to")]
    frame = pd.DataFrame({column.name: [VALUES[column.duckdb_type]] * n for column in columns})
    told_apart = table.column(table.key[-1])
    moment = VALUES["TIMESTAMP WITH TIME ZONE"]
    make = {
        "VARCHAR": "id{}".format,
        "TIMESTAMP WITH TIME ZONE": lambda i: moment + pd.Timedelta(days=i),
        "DATE": lambda i: VALUES["DATE"] + timedelta(days=i),
    }
    values = [make.get(told_apart.duckdb_type, int)(i) for i in reversed(range(n))]
    return frame.assign(**{told_apart.name: values})


def is_given(table: Table) -> bool:
    """Whether a run hands over the table: the rest is made by the publication."""
    return table.name not in ("run", "content_hash") and not table.is_projection


def frames(n: int = 2) -> tuple[Frames, Frames]:
    tables = publication.read_tables()
    return (
        *(
            {name: frame_of(table, n) for name, table in file.items() if is_given(table)}
            for file in (tables.published, tables.restricted)
        ),
    )


def publish_day(home: Path, day: int, *, history_runs: int = 3, n: int = 2, **row: Any) -> publication.PublishResult:
    places, people = frames(n)
    return publish(home, run_row(day, **row), places, people, key=KEY, history_runs=history_runs)


def read(home: Path, run_id: str) -> pd.DataFrame:
    """The tiers of a run, read by somebody for something."""
    log = AccessLog(home / "access.log")
    return read_restricted(
        home, KEY, "person_tier", reader="A. Reyes", purpose="a test", log=log, now=NOW, run_id=run_id
    )


def restricted_run_ids(home: Path, key: Key = KEY) -> list[str]:
    with opened(home / "restricted.duckdb", key.encryption) as connection:
        return [row[0] for row in connection.execute("SELECT run_id FROM kept.run ORDER BY as_of").fetchall()]


@pytest.mark.parametrize("file", ["published", "restricted"])
def test_databases_agree_with_the_description_column_by_column(
    tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_tables(monkeypatch)
    publish_day(tmp_path, 1)
    tables = getattr(read_tables(), file)
    with opened(tmp_path / f"{file}.duckdb", KEY.encryption if file == "restricted" else None) as connection:
        found = connection.execute(
            "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() "
            "WHERE database_name = 'kept' AND table_name NOT LIKE 'latest_%' ORDER BY table_name, column_index"
        ).fetchall()
        abouts = dict(
            connection.execute(
                "SELECT table_name, comment FROM duckdb_tables() WHERE database_name = 'kept'"
            ).fetchall()
        )
    described = [
        (table.name, column.name, column.duckdb_type, column.comment)
        for _, table in sorted(tables.items())
        for column in table.columns
    ]
    assert found == described
    assert abouts == {name: table.about for name, table in tables.items()}


def test_every_row_carries_the_run_columns_and_comes_back_as_it_went_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_tables(monkeypatch)
    publish_day(tmp_path, 1)
    places, _ = frames()
    for name, frame in places.items():
        if not ALL.published[name].is_of_one_run:
            continue
        read = read_published(tmp_path, name)
        assert (read["run_id"] == "run1").all()
        assert (read["valid_to"] == pd.Timestamp("2026-01-03T00:00Z")).all()
        assert read["as_of"].dt.tz is not None
        key = read_tables().published[name].key[-1]
        assert read[key].tolist() == sorted(frame[key])
        assert [str(value) for value in read.iloc[0, 4:6]] == [str(value) for value in frame.iloc[-1, 1:3]]


def test_people_expire_when_told(tmp_path: Path) -> None:
    places, people = frames()
    until = pd.Timestamp("2026-03-01T00:00Z")
    publish(tmp_path, run_row(1), places, people, key=KEY, history_runs=3, valid_to={"person_tier": until})
    asked: dict[str, Any] = {"reader": "A. Auditor", "purpose": "test", "log": AccessLog(tmp_path / "log"), "now": NOW}
    assert (read_restricted(tmp_path, KEY, "person_tier", **asked)["valid_to"] == until).all()
    assert (read_restricted(tmp_path, KEY, "referral", **asked)["valid_to"] < until).all()


def test_a_repeat_changes_nothing(tmp_path: Path) -> None:
    first = publish_day(tmp_path, 1)
    before = [path.stat().st_ino for path in first.paths]
    second = publish_day(tmp_path, 1)
    assert (first.is_new, second.is_new) == (True, False)
    assert [path.stat().st_ino for path in second.paths] == before
    assert second.counts == first.counts


def test_the_latest_runs_are_kept_in_both_files(tmp_path: Path) -> None:
    for day in (1, 2, 3, 4):
        publish_day(tmp_path, day, history_runs=3)
    assert runs(tmp_path)["run_id"].tolist() == ["run2", "run3", "run4"] == restricted_run_ids(tmp_path)
    publish_day(tmp_path, 1, history_runs=3)  # a backfilled day is kept, though it is older than all
    assert runs(tmp_path)["run_id"].tolist() == ["run1", "run3", "run4"] == restricted_run_ids(tmp_path)
    assert len(read_published(tmp_path, "hotspot", "run3")) == 2


def test_a_rerun_of_a_day_stands_after_it(tmp_path: Path) -> None:
    publish_day(tmp_path, 2, run_id="z", known=20)
    publish_day(tmp_path, 2, run_id="a", known=21)
    publish_day(tmp_path, 1)
    assert runs(tmp_path)["run_id"].tolist() == ["run1", "z", "a"]
    assert read_published(tmp_path, "market")["run_id"].unique().tolist() == ["a"]


def test_of_two_runs_that_knew_the_same_the_one_published_later_is_the_latest(tmp_path: Path) -> None:
    published = ["m", "z", "a", "q"]
    for run_id in published:
        publish_day(tmp_path, 2, run_id=run_id, history_runs=9)
    publish_day(tmp_path, 1, history_runs=9)
    publish_day(tmp_path, 2, run_id="z", history_runs=9)  # is there already, and stays where it is
    project(tmp_path, acts("kept", "served"), key=KEY)
    assert runs(tmp_path)["run_id"].tolist() == ["run1", *published]
    assert read_published(tmp_path, "market")["run_id"].unique().tolist() == ["q"]
    with opened(tmp_path / "published.duckdb", None) as connection:
        assert connection.execute("SELECT DISTINCT run_id FROM kept.latest_market").fetchall() == [("q",)]
    found = predecessor(tmp_path, run_row(3)["as_of"], run_row(2)["known_at"])
    assert found is not None
    assert found["run_id"] == "q"


def test_kept_rows_stay_in_their_order(tmp_path: Path) -> None:
    many = 150_000  # more than DuckDB gives one thread
    places, people = frames(n=1)
    places["hotspot"] = frame_of(FEW.published["hotspot"], many)
    publish(tmp_path, run_row(1), places, people, key=KEY, history_runs=3)
    publish_day(tmp_path, 2)
    with opened(tmp_path / "published.duckdb", None) as connection:
        kept = connection.execute("SELECT hotspot_id FROM kept.hotspot").to_arrow_table()["hotspot_id"].to_pylist()
    assert kept[:many] == sorted(kept[:many])
    assert kept[many:] == ["id0", "id1"]


def test_the_predecessor_is_the_greatest_earlier_as_of(tmp_path: Path) -> None:
    assert predecessor(tmp_path, NOW, NOW) is None
    for day in (1, 3, 5):
        publish_day(tmp_path, day)
    known_at = run_row(5)["known_at"]
    found = predecessor(tmp_path, run_row(5)["as_of"], known_at)
    assert found is not None
    assert found["run_id"] == "run3"
    assert predecessor(tmp_path, run_row(1)["as_of"], known_at) is None


def test_a_run_that_knew_more_is_no_predecessor(tmp_path: Path) -> None:
    publish_day(tmp_path, 1, run_id="then", known=20)
    publish_day(tmp_path, 1, run_id="now", known=25)
    as_of = run_row(2)["as_of"]
    found = [predecessor(tmp_path, as_of, run_row(1, known=day)["known_at"]) for day in (19, 22, 25)]
    assert [run and run["run_id"] for run in found] == [None, "then", "now"]


def test_views_show_the_latest_run(tmp_path: Path) -> None:
    publish_day(tmp_path, 2, n=3)
    publish_day(tmp_path, 1)
    with closing(duckdb.connect(str(tmp_path / "published.duckdb"), read_only=True)) as connection:
        assert connection.execute("SELECT run_id, count(*) FROM latest_market GROUP BY run_id").fetchall() == [
            ("run2", 3)
        ]
        assert connection.execute("SELECT run_id FROM latest_run").fetchall() == [("run2",)]


def test_two_homes_hold_identical_tables(tmp_path: Path) -> None:
    for home in ("a", "b"):
        publish_day(tmp_path / home, 1)
        publish_day(tmp_path / home, 2)
    with closing(duckdb.connect()) as connection:
        for home in ("a", "b"):
            connection.execute(f"ATTACH '{tmp_path / home / 'published.duckdb'}' AS {home} (READ_ONLY)")
        for name in FEW.published:
            for one, other in (("a", "b"), ("b", "a")):
                differing = f"FROM {one}.{name} EXCEPT ALL FROM {other}.{name}"
                assert connection.execute(differing).fetchall() == []
            assert connection.execute(f"FROM a.{name}").fetchall() == connection.execute(f"FROM b.{name}").fetchall()


class Crash(BaseException):
    """A process killed."""


@pytest.mark.parametrize("survived_renames", [0, 1])
@pytest.mark.parametrize("days_before", [[], [1]])
@pytest.mark.parametrize("next_day", [2, 3])
def test_a_crash_leaves_a_readable_pair_and_the_next_run_repairs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, survived_renames: int, days_before: list[int], next_day: int
) -> None:
    for day in days_before:
        publish_day(tmp_path, day)
    renames: list[object] = []
    replace = os.replace

    def replace_or_die(source: Path, target: Path) -> None:
        if len(renames) == survived_renames:
            raise Crash
        renames.append(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_or_die)
    with pytest.raises(Crash):
        publish_day(tmp_path, 2)
    monkeypatch.setattr(os, "replace", replace)
    assert runs(tmp_path)["run_id"].tolist() == [f"run{day}" for day in days_before]
    assert all(table_counts(tmp_path, KEY, f"run{day}")[1]["person_tier"] == 2 for day in days_before)
    assert not has_run(tmp_path, KEY, "run2")

    assert publish_day(tmp_path, next_day).is_new
    expected = [f"run{day}" for day in [*days_before, next_day]]
    assert runs(tmp_path)["run_id"].tolist() == expected == restricted_run_ids(tmp_path)
    assert table_counts(tmp_path, KEY, f"run{next_day}")[1]["person_tier"] == 2
    assert clean_up(tmp_path) == []


@pytest.mark.parametrize("lost", ["published.duckdb", "restricted.duckdb"])
def test_a_lost_file_is_made_again(tmp_path: Path, lost: str) -> None:
    publish_day(tmp_path, 1)
    (tmp_path / lost).unlink()
    assert not has_run(tmp_path, KEY, "run1")
    assert publish_day(tmp_path, 1).is_new
    assert has_run(tmp_path, KEY, "run1")
    assert table_counts(tmp_path, KEY, "run1")[0]["market"] == 2


def test_a_failed_publication_leaves_the_files_as_they_were(tmp_path: Path) -> None:
    before = [path.stat().st_ino for path in publish_day(tmp_path, 1).paths]
    places, people = frames()
    with pytest.raises(PublicationError, match="market"):
        publish(tmp_path, run_row(2), {**places, "market": places["hotspot"]}, people, key=KEY, history_runs=3)
    with pytest.raises(PublicationError, match="person_tier"):
        publish(tmp_path, run_row(2), places, {**people, "person_tier": people["referral"]}, key=KEY, history_runs=3)
    assert [(tmp_path / name).stat().st_ino for name in ("published.duckdb", "restricted.duckdb")] == before


def test_a_full_disk_leaves_the_files_as_they_were(tmp_path: Path) -> None:
    publish_day(tmp_path, 1)
    before = {name: (tmp_path / name).read_bytes() for name in (publication.PUBLISHED, publication.RESTRICTED)}
    with no_file_beyond(300_000), pytest.raises(duckdb.Error) as caught:
        publish_day(tmp_path, 2)
    assert "the disk is full" in str(explain_duckdb_error(caught.value))
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert not list(tmp_path.glob("*.new*"))  # they would keep the disk full
    assert publish_day(tmp_path, 2).is_new
    assert restricted_run_ids(tmp_path) == publication.runs(tmp_path)["run_id"].tolist()


@pytest.mark.parametrize("missing", ["market", "person_tier"])
def test_a_missing_table_is_named(tmp_path: Path, missing: str) -> None:
    places, people = frames()
    places.pop(missing, None)
    people.pop(missing, None)
    with pytest.raises(PublicationError, match=missing):
        publish(tmp_path, run_row(1), places, people, key=KEY, history_runs=3)


@pytest.mark.parametrize(
    ("table", "hidden"),
    [
        ("area_ranking", {"moves_out_if": f"when {PERSON} leaves"}),
        ("area_ranking", {"evidence_ids": [["fine", PERSON], []]}),
        ("area_notice", {"body_html": f"<p>{PERSON}</p>"}),
        ("market", {"market_id": [PERSON, "m"]}),
    ],
)
def test_no_pseudonym_is_published_or_quoted(tmp_path: Path, table: str, hidden: dict[str, Any]) -> None:
    places, people = frames()
    tainted = places[table].copy()
    for name, value in hidden.items():
        tainted[name] = value if isinstance(value, list) else [value] * len(tainted)
    with pytest.raises(PublicationError, match=next(iter(hidden))) as caught:
        publish(tmp_path, run_row(1), {**places, table: tainted}, people, key=KEY, history_runs=3)
    assert "p_0" not in str(caught.value)
    assert not (tmp_path / "published.duckdb").exists()


def test_people_are_unreadable_without_the_key(tmp_path: Path) -> None:
    places, people = frames()
    tiers = people["person_tier"].assign(person_id=[PERSON, PERSON[:-1] + "0"])
    publish(tmp_path, run_row(1), places, {**people, "person_tier": tiers}, key=KEY, history_runs=3)
    path = tmp_path / "restricted.duckdb"
    assert PERSON.encode() not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(KeyFileError):
        restricted_run_ids(tmp_path, derive_key(b"x" * 32))


@pytest.mark.parametrize(("reader", "purpose"), [(None, "tasking"), ("Insp. Reyes", " "), ("", "")])
def test_people_are_not_read_without_reader_and_purpose(tmp_path: Path, reader: str | None, purpose: str) -> None:
    publish_day(tmp_path, 1)
    log = AccessLog(tmp_path / "access.log")
    with pytest.raises(PurposeError):
        read_restricted(tmp_path, KEY, "person_tier", reader=reader, purpose=purpose, log=log, now=NOW)
    assert list(log.entries()) == []


def test_a_read_is_logged_before_it_happens(tmp_path: Path) -> None:
    publish_day(tmp_path, 1)
    (tmp_path / "restricted.duckdb").write_bytes(b"not a database")
    log = AccessLog(tmp_path / "access.log")
    with pytest.raises(Exception, match=r"restricted\.duckdb"):
        read_restricted(tmp_path, KEY, "person_tier", reader="R", purpose="P", log=log, now=NOW)
    assert [(entry["reader"], entry["detail"]["table"]) for entry in log.entries()] == [("R", "person_tier")]


def test_places_are_not_found_among_people_nor_people_among_places(tmp_path: Path) -> None:
    publish_day(tmp_path, 1)
    with pytest.raises(PublicationError, match="'person_tier' is not a table of published"):
        read_published(tmp_path, "person_tier")
    with pytest.raises(PublicationError, match="'market' is not a table of restricted"):
        read_restricted(
            tmp_path, KEY, "market", reader="R", purpose="P", log=AccessLog(tmp_path / "access.log"), now=NOW
        )


def test_an_unknown_run_and_an_empty_home_are_named(tmp_path: Path) -> None:
    assert runs(tmp_path).empty
    with pytest.raises(PublicationError, match="nothing is published"):
        read_published(tmp_path, "market")
    publish_day(tmp_path, 1)
    with pytest.raises(PublicationError, match="'run9' is not kept"):
        read_published(tmp_path, "market", "run9")


READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read")
print(connection.execute("SELECT string_agg(run_id ORDER BY run_id) FROM run").fetchone()[0], flush=True)
sys.stdin.readline()
print(connection.execute("SELECT string_agg(run_id ORDER BY run_id) FROM run").fetchone()[0], flush=True)
connection.close()
connection = duckdb.connect(sys.argv[1], read_only=True)
print(connection.execute("SELECT string_agg(run_id ORDER BY run_id) FROM run").fetchone()[0], flush=True)
"""


@pytest.mark.parametrize("how", ["read", "write"])  # DuckDB's shell opens for writing unless told otherwise
def test_a_reader_keeps_reading_while_a_run_replaces_the_file(tmp_path: Path, how: str) -> None:
    publish_day(tmp_path, 1)
    command = [sys.executable, "-c", READER, str(tmp_path / "published.duckdb"), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stdout.readline() == "run1\n"
        publish_day(tmp_path, 2)
        reader.stdin.write("\n")
        reader.stdin.flush()
        assert reader.stdout.read() == "run1\nrun1,run2\n"


def test_a_second_publisher_waits_its_turn_and_then_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places, people = frames()
    write: Callable[..., None] = publication.write_file
    refused: list[str] = []

    def publish_meanwhile(*args: Any, **options: Any) -> None:
        if not refused:
            with pytest.raises(PublicationError, match="another process") as caught:
                publish(tmp_path, run_row(3), places, people, key=KEY, history_runs=3, wait_s=0.1)
            refused.append(str(caught.value))
        write(*args, **options)

    monkeypatch.setattr(publication, "write_file", publish_meanwhile)
    assert publish_day(tmp_path, 2).is_new
    assert len(refused) == 1
    assert runs(tmp_path)["run_id"].tolist() == ["run2"]


def test_a_column_added_since_stays_empty_for_kept_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_day(tmp_path, 1)
    path = tmp_path / "published.duckdb"
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute("DROP VIEW latest_market; ALTER TABLE market DROP COLUMN grade; DROP TABLE hotspot")
        connection.execute("DROP TABLE content_hash; DROP VIEW latest_run")  # as a harmspot of before wrote it
        connection.execute("ALTER TABLE run DROP COLUMN shapes_id")
        connection.execute("ALTER TABLE market ADD COLUMN forgotten INTEGER")
    for name in ("market", "hotspot"):  # before this version of harmspot has published anything
        assert read_published(tmp_path, name).columns.tolist() == FEW.published[name].column_names
    publish_day(tmp_path, 2)
    assert read_published(tmp_path, "market", "run1")["grade"].isna().all()
    assert read_published(tmp_path, "market", "run2")["grade"].tolist() == ["v", "v"]
    assert len(read_published(tmp_path, "hotspot", "run1")) == 0


def acts(place: str, person: str) -> Shown:
    """The projections of one act upon a place and one upon a person."""
    return Shown(
        {
            "place_act": pd.DataFrame({"id": ["a"], "choice": [place]}),
            "person_act": pd.DataFrame({"id": ["b"], "choice": [person]}),
        }
    )


def everything(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables of both files."""
    found = {}
    for name, key in (("published", None), ("restricted", KEY.encryption)):
        with opened(home / f"{name}.duckdb", key) as connection:
            for table in getattr(FEW, name):
                rows = connection.execute(f"SELECT * FROM kept.{table} ORDER BY ALL").fetchall()
                found[f"{name}.{table}"] = rows
    return found


def test_an_act_between_two_runs_changes_only_the_projections(tmp_path: Path) -> None:
    publish_day(tmp_path, 1)
    before = everything(tmp_path)
    project(tmp_path, acts("kept", "withdrawn"), key=KEY)
    after = everything(tmp_path)
    hashes = {"published.content_hash", "restricted.content_hash"}
    assert {name for name in after if after[name] != before[name]} == {
        "published.place_act",
        "restricted.person_act",
        *hashes,
    }
    assert all(run_id == "" for name in hashes for run_id, *_ in set(after[name]) ^ set(before[name]))
    assert after["published.place_act"] == [("a", "kept")]
    assert read_published(tmp_path, "place_act")["choice"].tolist() == ["kept"]
    with closing(duckdb.connect(str(tmp_path / "published.duckdb"), read_only=True)) as connection:
        assert connection.execute("FROM latest_place_act").fetchall() == [("a", "kept")]


def test_every_publication_rebuilds_the_projections_whole(tmp_path: Path) -> None:
    publish_day(tmp_path, 1)
    project(tmp_path, acts("kept", "withdrawn"), key=KEY)
    places, people = frames()
    publish(tmp_path, run_row(2), places, people, key=KEY, history_runs=3, projector=lambda: acts("broken", "served"))
    assert everything(tmp_path)["published.place_act"] == [("a", "broken")]
    assert table_counts(tmp_path, KEY, "run1")[0]["market"] == 2


def test_files_are_replaced_restricted_first_and_only_where_a_projection_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_day(tmp_path, 1)
    replaced: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda source, target: (replaced.append(target.name), replace(source, target)))
    project(tmp_path, acts("a", "a"), key=KEY)
    assert project(tmp_path, acts("a", "a"), key=KEY) == []
    assert project(tmp_path, acts("b", "a"), key=KEY) == [tmp_path / "published.duckdb"]
    assert replaced == ["restricted.duckdb", "published.duckdb", "published.duckdb"]
    assert (tmp_path / "restricted.duckdb").stat().st_mode & 0o077 == 0


def test_projections_before_the_first_run_wait_for_it(tmp_path: Path) -> None:
    assert project(tmp_path, acts("a", "a"), key=KEY) == []
    assert not (tmp_path / "published.duckdb").exists()


def test_a_projection_of_places_holds_no_person(tmp_path: Path) -> None:
    publish_day(tmp_path, 1)
    before = everything(tmp_path)
    with pytest.raises(PublicationError, match=r"place_act\.choice"):
        project(tmp_path, acts(PERSON, "a"), key=KEY)
    with pytest.raises(PublicationError, match="gossip"):
        project(tmp_path, Shown({"gossip": pd.DataFrame()}), key=KEY)
    assert everything(tmp_path) == before


def test_a_file_of_before_the_projection_gets_it(tmp_path: Path) -> None:
    publish_day(tmp_path, 1)
    with closing(duckdb.connect(str(tmp_path / "published.duckdb"))) as connection:
        connection.execute("DROP VIEW latest_place_act; DROP TABLE place_act")
    project(tmp_path, Shown(), key=KEY)
    assert read_published(tmp_path, "place_act").empty


def test_whoever_is_erased_stays_in_no_run_kept_or_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each publication and each act leaves the erased out, so that none need know of the act that erased them."""
    all_tables(monkeypatch)

    def with_people(day: int, **more: Any) -> None:
        places, people = frames(1)
        tiers = pd.concat([people["person_tier"]] * 2, ignore_index=True).assign(person_id=["p_gone", "p_stays"])
        publish(tmp_path, run_row(day), places, people | {"person_tier": tiers}, key=KEY, history_runs=3, **more)

    def listed(run_id: str) -> list[str]:
        return read(tmp_path, run_id)["person_id"].tolist()

    with_people(1)
    with_people(2)
    assert listed("run1") == listed("run2") == ["p_gone", "p_stays"]
    counts = table_counts(tmp_path, KEY, "run1")[1]
    assert project(tmp_path, Shown(erased=["p_gone"]), key=KEY) == [tmp_path / "restricted.duckdb"]
    assert listed("run1") == listed("run2") == ["p_stays"]
    assert table_counts(tmp_path, KEY, "run1")[1] == counts | {"person_tier": 1}
    assert project(tmp_path, Shown(erased=["p_gone"]), key=KEY) == []
    with_people(3, projector=lambda: Shown(erased=["p_gone", "p_stays"]))
    assert listed("run1") == listed("run2") == listed("run3") == []
