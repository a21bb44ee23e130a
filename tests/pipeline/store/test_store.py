"""The store: every event once, in one transaction, encrypted, and nobody else's while it is written."""

import hashlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from pipeline.database import explain_duckdb_error
from pipeline.errors import ClockError, KeyFileError, PersonMentionedError, StoreBusyError, StoreError
from pipeline.events.batch import BatchCounts, DecodedBatch, Record
from pipeline.events.columns import DEAD_LETTER, IDENTITY, SCHEMAS
from pipeline.messages.outbox import make_message
from pipeline.privacy.keys import Key, derive_key
from pipeline.shared_store.copies import forms
from pipeline.shared_store.opening import open_snapshot
from pipeline.shared_store.server import Database
from pipeline.shared_store.store import PostgresStore, open_shared_store
from pipeline.store.human_events import HumanEvent
from pipeline.store.snapshot import snapshot_of
from pipeline.store.store import DuckDBStore as Store
from pipeline.store.store import open_store
from tests.disk import no_file_beyond

KEY = derive_key(b"k" * 32)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

INCIDENT = {
    "event_source": "force",
    "event_id": "e1",
    "event_time": None,
    "source_partition": 0,
    "source_offset": 0,
    "incident_id": "i1",
    "version": 1,
    "status": "recorded",
    "occurred_at": datetime(2026, 2, 1, 12, tzinfo=UTC),
    "occurred_precision": "instant",
    "is_ambiguous_hour": False,
    "offence_code": "robbery",
    "discovery": "public",
    "lon": -75.25,
    "lat": 39.5,
    "is_weapon": True,
    "is_injury": False,
    "is_domestic": False,
    "is_minor_victim": False,
    "is_minor_used_by_adult": False,
    "is_minor_present": False,
    "involvements": [{"person_id": "p_1", "role": "charged"}],
}
LETTER = {
    "topic": "incidents",
    "source_partition": 0,
    "source_offset": 7,
    "reason": "unknown_offence_code",
    "detail": "`offence_code` is not in the codebook.",
    "mapping": None,
    "payload": b"{}",
}
CUSTODY = {
    "event_source": "force",
    "event_id": "c1",
    "source_partition": 0,
    "source_offset": 0,
    "person_id": "p_1",
    "version": 1,
    "custody_from": datetime(2026, 1, 1, tzinfo=UTC),
    "kind": "custody",
}


def batch(
    *incidents: dict, notices: tuple[dict, ...] = (), people: tuple[tuple[str, str], ...] = (), **others: Any
) -> DecodedBatch:
    tables = {entity: pa.Table.from_pylist(others.get(entity, []), schema=schema) for entity, schema in SCHEMAS.items()}
    tables["incident"] = pa.Table.from_pylist([INCIDENT | row for row in incidents], schema=SCHEMAS["incident"])
    identity = [{"person_id": person, "raw_person_id": raw} for person, raw in people]
    return DecodedBatch(
        tables,
        pa.Table.from_pylist(identity, schema=IDENTITY),
        pa.Table.from_pylist([LETTER | row for row in notices], schema=DEAD_LETTER),
    )


def commit(store: Store, decoded: DecodedBatch, at: datetime = NOON, **offsets: int) -> BatchCounts:
    return store.commit(
        decoded, source="test", ingested_at=at, next_offsets={(topic, 0): n for topic, n in offsets.items()}
    )


def held(store: Store, sql: str) -> list[tuple]:
    with store._reading(*forms()) if isinstance(store, PostgresStore) else nullcontext():
        return store._connection.execute(sql).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.duckdb"


@pytest.fixture(params=["file", "database"])
def store(request: pytest.FixtureRequest, path: Path) -> Iterator[Store]:
    """A new store, in a file and in a database: whatever a test asks for, both do."""
    if request.param == "file":
        with open_store(path, KEY, wait_s=0) as opened:
            yield opened
        return
    server = request.getfixturevalue("postgresql")
    with open_shared_store(Database(server.database(), path.parent), KEY, wait_s=5) as shared:
        yield shared


def test_a_batch_is_kept_with_offsets_and_identities(path: Path) -> None:
    with open_store(path, KEY, wait_s=0) as store:
        counts = commit(store, batch({}, notices=({},), people=(("p_1", "Jo"),), custody=[CUSTODY]), incidents=8)
        assert counts == BatchCounts(3, 2, 0, 1, 0, {"unknown_offence_code": 1})
    with open_store(path, KEY, wait_s=0) as store:
        assert store.offsets() == {("incidents", 0): 8}
        assert store.resolve_pseudonym("p_1") == "Jo"
        assert store.resolve_pseudonym("p_2") is None
        assert held(store, "SELECT incident_id, ingested_at, batch_id FROM store.incident_version") == [("i1", NOON, 1)]
        assert held(store, "SELECT involvements FROM store.incident_version") == [(INCIDENT["involvements"],)]
        assert held(store, "SELECT person_id, kind FROM store.custody_version") == [("p_1", "custody")]
        [notice] = store.dead_letters().to_dict("records")
        assert (notice["reason"], notice["source_offset"]) == ("unknown_offence_code", 7)
        [kept] = store.batches().to_dict("records")
        assert (kept["rows_in"], kept["stored"], kept["dead"]) == (3, 2, 1)


def test_the_tables_hold_the_columns_of_the_contract(store: Store) -> None:
    for entity, schema in SCHEMAS.items():
        rows = held(
            store,
            f"SELECT column_name, is_nullable FROM information_schema.columns WHERE table_name = '{entity}_version'",
        )
        expected = [(field.name, "YES" if field.nullable else "NO") for field in schema]
        own = [(name, "NO") for name in ("content_hash", "ingested_at", "batch_id")]
        assert sorted(rows) == sorted(expected + own)


def test_a_repeat_is_a_duplicate_wherever_it_stood(store: Store) -> None:
    twice = commit(store, batch({}, {"source_offset": 1}))
    again = commit(store, batch({"source_offset": 5}), NOON + timedelta(hours=1))
    assert (twice.stored, twice.duplicates, twice.conflicts) == (1, 1, 0)
    assert (again.stored, again.duplicates, again.conflicts) == (0, 1, 0)


def test_the_same_content_under_another_event_is_kept_without_conflict(store: Store) -> None:
    counts = commit(store, batch({}, {"event_id": "e2"}))
    assert (counts.stored, counts.conflicts) == (2, 0)


@pytest.mark.parametrize("change", [{"event_id": "e2"}, {"version": 2}, {"incident_id": "i2"}])
def test_a_contradiction_is_kept_and_counted_within_a_batch_and_between_batches(path: Path, change: dict) -> None:
    """Same version with other content, or same event with other content."""
    other = {"offence_code": "arson", **change}
    expected = 1
    with open_store(path, KEY, wait_s=0) as store:
        counts = commit(store, batch({}, other))
        assert (counts.stored, counts.conflicts) == (2, expected)
    with open_store(path.with_name("second.duckdb"), KEY, wait_s=0) as store:
        commit(store, batch(other))
        counts = commit(store, batch({}))
        assert (counts.stored, counts.conflicts) == (1, expected)


def test_a_new_version_is_no_conflict(store: Store) -> None:
    counts = commit(store, batch({}, {"event_id": "e2", "version": 2, "status": "cancelled"}))
    assert (counts.stored, counts.conflicts) == (2, 0)


def test_the_content_hash_is_the_md5_of_what_the_event_says(store: Store) -> None:
    """Pinned: another hash would make every repeat of a stored event a new one."""
    commit(store, batch({}))
    text = ";a2:i1;b1;crecorded;d1769947200000000;einstant;h7:robbery;ipublic;m-75.25;n39.5;q;zp_1 charged"
    # DuckDB's md5_number reads the digest as a little-endian number.
    digest = int.from_bytes(hashlib.md5(text.encode()).digest(), "little")
    assert held(store, "SELECT content_hash::VARCHAR FROM store.incident_version") == [(str(digest),)]


def test_a_dead_letter_waits_once(store: Store) -> None:
    first = commit(store, batch(notices=({}, {"source_offset": 9})))
    again = commit(store, batch(notices=({}, {"payload": b"other"})))
    assert (first.dead, again.dead, len(store.dead_letters())) == (2, 2, 2)


def test_a_clock_that_went_back_loses_nothing(path: Path) -> None:
    said: list[str] = []
    with open_store(path, KEY, wait_s=0, progress=said.append) as store:
        commit(store, batch({}))
        commit(store, batch({"event_id": "e2", "incident_id": "i2"}), NOON - timedelta(days=1))
        assert held(store, "SELECT DISTINCT ingested_at FROM store.incident_version ORDER BY ALL") == [
            (NOON,),
            (NOON + timedelta(microseconds=1),),
        ]
    assert any("Set the clock right" in line for line in said)


def test_a_failed_batch_leaves_the_store_as_it_was(store: Store) -> None:
    broken = batch({}, people=(("p_1", "Jo"),))
    broken.tables["custody"] = pa.table({"person_id": ["p_1"]})
    with pytest.raises((duckdb.Error, KeyError, StoreError)):
        commit(store, broken, incidents=5)
    assert held(store, "SELECT count(*) FROM store.incident_version") == [(0,)]
    assert store.offsets() == {}
    assert commit(store, batch({}), incidents=1).stored == 1


def test_a_full_disk_keeps_nothing_of_a_batch_and_says_so(path: Path) -> None:
    with open_store(path, KEY, wait_s=0) as store:
        commit(store, batch({}), incidents=1)
    rows = [{"event_id": f"e{n}", "incident_id": f"i{n}", "reporter_ref": f"{n:0100}"} for n in range(3000)]
    with no_file_beyond(100_000), pytest.raises(duckdb.Error) as caught, open_store(path, KEY, wait_s=0) as store:
        commit(store, batch(*rows), incidents=3001)
    assert "the disk is full" in str(explain_duckdb_error(caught.value))
    with open_store(path, KEY, wait_s=0) as store:
        assert store.offsets() == {("incidents", 0): 1}
        assert commit(store, batch(*rows), incidents=3001).stored == 3000


INTERRUPTED = """
import os, sys
from pathlib import Path
from pipeline.database import attach, connect
connection = connect()
attach(connection, Path(sys.argv[1]), sys.argv[2], alias="store")
connection.execute("CREATE TABLE store.interrupted (x INTEGER)")
os.kill(os.getpid(), 9)
"""


def test_the_log_of_another_copy_of_the_store_is_refused_with_the_way_out(path: Path) -> None:
    open_store(path, KEY, wait_s=0).close()
    backup = path.read_bytes()
    with open_store(path, KEY, wait_s=0) as store:
        commit(store, batch({}))
    subprocess.run([sys.executable, "-c", INTERRUPTED, path, KEY.encryption], check=False)
    path.write_bytes(backup)
    with pytest.raises(StoreError, match=r"\.wal is the log of another copy.*move the log away"):
        open_store(path, KEY, wait_s=0)
    path.with_name(f"{path.name}.wal").unlink()
    open_store(path, KEY, wait_s=0).close()


def test_a_damaged_store_says_so_with_the_way_out(path: Path) -> None:
    with open_store(path, KEY, wait_s=0) as store:
        commit(store, batch({}))
    whole = path.read_bytes()
    for damaged in (whole[:100], whole[:5000], whole[:4100] + b"?" * 99 + whole[4199:]):
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match=r"is damaged.*backup"):
            open_store(path, KEY, wait_s=0)


def test_events_are_replayed_after_the_codebook_is_mended(store: Store) -> None:
    commit(store, batch(notices=({"payload": b"mended"}, {"payload": b"hopeless", "source_offset": 8})))

    def decode(records: list[Record]) -> DecodedBatch:
        assert [record.value for record in records] == [b"mended", b"hopeless"]
        return batch(
            {}, notices=({"payload": b"hopeless", "source_offset": 8, "reason": "not_json"},), people=(("p_1", "Jo"),)
        )

    counts = store.replay_events(decode, ingested_at=NOON + timedelta(hours=1))
    assert counts == BatchCounts(2, 1, 0, 1, 0, {"not_json": 1})
    assert list(store.dead_letters()["reason"]) == ["not_json"]
    assert store.resolve_pseudonym("p_1") == "Jo"
    later = store.replay_events(
        lambda records: batch(notices=({"payload": b"hopeless", "source_offset": 8},)), ingested_at=NOON
    )
    assert (later.rows_in, later.dead, len(store.dead_letters())) == (1, 1, 1)


def test_of_a_record_too_large_to_read_a_beginning_waits_and_is_not_tried_again(store: Store) -> None:
    huge = {"reason": "too_large", "payload": b"x" * 2_000_000}
    commit(store, batch(notices=(huge, {**huge, "payload": b"x" * 2_000_001, "source_offset": 8})))
    commit(store, batch(notices=(huge,)))
    assert held(
        store, "SELECT octet_length(payload), count(DISTINCT payload_hash) FROM store.dead_letter GROUP BY ALL"
    ) == [(4096, 2)]
    assert store.replay_events(lambda records: batch(), ingested_at=NOON) == BatchCounts()
    assert len(store.dead_letters()) == 2


def test_a_replay_goes_through_any_number_of_letters_a_page_at_a_time_in_order_of_arrival(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.loading.file_loading._REPLAY_PAGE", 20)
    payloads = [b"%d" % number for number in range(50)]
    notices = tuple({"payload": payload, "source_offset": number} for number, payload in enumerate(payloads))
    commit(store, batch(notices=notices[:25]))
    commit(store, batch(notices=notices[25:]))
    tried: list[list[bytes | None]] = []

    def decode(records: list[Record]) -> DecodedBatch:
        tried.append([record.value for record in records])
        return batch(notices=tuple({"payload": record.value} for record in records))

    counts = store.replay_events(decode, ingested_at=NOON)
    assert (counts.rows_in, counts.dead, len(store.dead_letters())) == (50, 50, 50)
    assert [len(page) for page in tried] == [20, 20, 10]
    assert [value for page in tried for value in page] == payloads


def test_nothing_to_replay_is_nothing(store: Store) -> None:
    assert store.replay_events(lambda records: batch(), ingested_at=NOON) == BatchCounts()


APPROVAL = HumanEvent("approved", "A. Boss", "notice", "n_1", NOON, {"reason": "read every record"})


def test_what_people_do_is_appended_once_in_order_of_recording(store: Store) -> None:
    earlier = replace(APPROVAL, kind="withdrawn", at=NOON - timedelta(minutes=5))
    assert store.record_human_event(APPROVAL) == store.record_human_event(APPROVAL) == APPROVAL.event_id
    store.record_human_event(earlier)
    events = store.human_events()
    assert events[["sequence", "kind"]].to_numpy().tolist() == [[1, "approved"], [2, "withdrawn"]]
    assert events["detail"].tolist() == ['{"reason":"read every record"}'] * 2


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (replace(APPROVAL, kind="forgotten"), "expected one of drafted"),
        (replace(APPROVAL, actor=" "), "neither may be blank"),
        (replace(APPROVAL, subject_kind="whim"), "expected one of notice"),
        (replace(APPROVAL, at=NOON.replace(tzinfo=None)), "a time with a zone"),
        (replace(APPROVAL, detail={}), "`reason`"),
        (replace(APPROVAL, detail={"reason": "two words", "mood": "bad"}), "mood"),
        (replace(APPROVAL, kind="served", detail={"served_at": NOON, "manner": "by pigeon"}), "manner"),
    ],
)
def test_an_invalid_event_is_refused_and_nothing_is_written(store: Store, event: HumanEvent, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        store.record_human_event(event, [MESSAGE])
    assert store.human_events().empty
    assert store.undelivered(10) == []


def test_no_human_event_is_dated_before_the_last_one(store: Store) -> None:
    store.record_human_event(APPROVAL)
    earlier = replace(APPROVAL, kind="withdrawn", at=NOON - timedelta(minutes=5, seconds=1))
    for refusing in (store.record_human_event, store.erase_person):
        with pytest.raises(ClockError, match="the last recorded event is dated"):
            refusing(earlier)
    assert store.human_events()["kind"].tolist() == ["approved"]


PSEUDONYM = "p_" + "0f" * 16
REPORT = {"found": "f", "report": "r", "report_sha256": PSEUDONYM, "made_at": NOON}
SIGNED = HumanEvent("audited", "M. Ito", "audit", "fairness", NOON, REPORT)
EXCEPTION = {"reason": "r", "rule": "l", "expires_at": NOON, "person_id": PSEUDONYM}
OVERRIDDEN = HumanEvent("overridden", "M. Ito", "list", "l", NOON, EXCEPTION)


@pytest.mark.parametrize("named", [PSEUDONYM, "P000123", "p000123"])
@pytest.mark.parametrize(
    ("event", "field"),
    [(APPROVAL, "actor"), (APPROVAL, "reason"), (SIGNED, "found"), (SIGNED, "report"), (OVERRIDDEN, "reason")],
)
def test_an_act_whose_words_name_somebody_is_not_recorded(
    store: Store, event: HumanEvent, field: str, named: str
) -> None:
    commit(store, batch(people=((PSEUDONYM, "P000123"),)))
    words = f"seen by {named}, twice"
    wrong = replace(event, actor=words) if field == "actor" else replace(event, detail={**event.detail, field: words})
    for refusing in (store.record_human_event, store.erase_person):
        with pytest.raises(PersonMentionedError, match=f"^{field}: holds the id of a person") as refused:
            refusing(wrong)
        assert named not in str(refused.value)
    assert store.human_events().empty
    store.record_human_event(event)


def test_an_act_may_name_the_records_it_goes_by_though_one_is_called_like_a_person(store: Store) -> None:
    commit(store, batch(people=((PSEUDONYM, "100234"),)))
    detail = {"reason": "record 100234 was amended", "evidence_ids": ["100234"]}
    store.record_human_event(replace(APPROVAL, kind="withdrawn", detail=detail))
    with pytest.raises(PersonMentionedError):
        store.record_human_event(replace(APPROVAL, kind="withdrawn", detail={"reason": detail["reason"]}))


MESSAGE = make_message("notices", "n_1", "harmspot.notice.approved.v1", {"notice_id": "n_1"}, time=NOON)
OTHER = make_message("notices", "n_2", "harmspot.notice.approved.v1", {"notice_id": "n_2"}, time=NOON)


def test_messages_are_written_once_with_what_causes_them_and_wait_until_marked(store: Store) -> None:
    store.record_human_event(APPROVAL, [MESSAGE, MESSAGE])
    store.record_human_event(APPROVAL, [MESSAGE])
    store.commit(batch({}), source="a topic", ingested_at=NOON, next_offsets={("t", 0): 1}, messages=[OTHER, MESSAGE])
    assert store.undelivered(10) == [MESSAGE, OTHER]
    assert store.undelivered(1) == [MESSAGE]
    store.mark_delivered([MESSAGE.message_id], NOON)
    assert store.undelivered(10) == [OTHER]
    store.record_human_event(APPROVAL, [MESSAGE])
    assert store.undelivered(10) == [OTHER]


def test_a_batch_that_fails_announces_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "_keep_counts", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.commit(batch({}), source="s", ingested_at=NOON, next_offsets={("t", 0): 1}, messages=[MESSAGE])
    assert (store.undelivered(10), store.offsets()) == ([], {})


def test_the_file_is_encrypted_and_another_key_is_refused(path: Path) -> None:
    with open_store(path, KEY, wait_s=0) as store:
        commit(store, batch({"reporter_ref": "TELLTALE" * 50}))
    assert b"TELLTALE" not in path.read_bytes()
    other = derive_key(b"o" * 32)
    with pytest.raises(KeyFileError, match="another key") as caught:
        open_store(path, other, wait_s=0)
    assert other.encryption not in str(caught.value)
    assert caught.value.__suppress_context__


def test_no_key_and_no_database_are_refused_by_name(path: Path) -> None:
    with open_store(path, KEY, wait_s=0):
        pass
    with pytest.raises(KeyFileError, match="no key was given"):
        open_store(path, Key("", b"", b"", b"", ""), wait_s=0)
    path.write_bytes(b"junk" * 5000)
    with pytest.raises(StoreError, match="not a DuckDB file"):
        open_store(path, KEY, wait_s=0)


def test_a_store_of_a_newer_harmspot_is_refused(path: Path) -> None:
    with open_store(path, KEY, wait_s=0) as store:
        store._connection.execute("INSERT INTO store.migration (name) VALUES ('9999_future')")
    with pytest.raises(StoreError, match="9999_future"):
        open_store(path, KEY, wait_s=0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DELETE FROM store.migration WHERE name = '0005_log_mark'", "0005_log_mark is missing, and .* after it"),
        ("UPDATE store.migration SET name = '0099_log_mark' WHERE name = '0005_log_mark'", "0099_log_mark"),
        ("DELETE FROM store.migration WHERE name = (SELECT max(name) FROM store.migration)", "does not fit this store"),
        ("DELETE FROM store.migration", "migration 0001_events does not fit this store"),
    ],
)
def test_a_changed_table_of_migrations_is_told_in_a_sentence(path: Path, change: str, said: str) -> None:
    with open_store(path, KEY, wait_s=0) as store:
        store._connection.execute(change)
    for _ in range(2):  # nothing was changed by the first refusal
        with pytest.raises(StoreError, match=said):
            open_store(path, KEY, wait_s=0)


WRITER = """
import os, sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from pipeline.privacy.keys import derive_key
from pipeline.store.store import open_store
store = open_store(Path({path!r}), derive_key(b"k" * 32), wait_s=0)
{body}
"""
ADD_ROWS = "INSERT INTO store.identity SELECT 'TELLTALE' || i, 'x' FROM range({count}) r(i)"


def start_writer(path: Path, body: str) -> subprocess.Popen:
    code = WRITER.format(root=str(Path(__file__).parents[3]), path=str(path), body=body)
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    return writer


def test_a_second_writer_waits_says_so_and_names_the_first(path: Path) -> None:
    writer = start_writer(path, "print('open', flush=True); time.sleep(60)")
    said: list[str] = []
    try:
        with pytest.raises(StoreBusyError, match=f"process {writer.pid}"):
            open_store(path, KEY, wait_s=0.2, progress=said.append)
    finally:
        writer.kill()
        writer.communicate()
    assert said == [f"store.duckdb is held by process {writer.pid}; waiting up to 0.2 s."]
    with open_store(path, KEY, wait_s=0):
        pass


def test_a_writer_of_this_very_process_is_waited_for_too(path: Path) -> None:
    with open_store(path, KEY, wait_s=0), pytest.raises(StoreBusyError, match="held by this process"):
        open_store(path, KEY, wait_s=0)


@pytest.mark.parametrize("count", [10, 300_000])
def test_a_writer_killed_before_it_commits_changes_nothing(path: Path, count: int) -> None:
    with open_store(path, KEY, wait_s=0) as store:
        commit(store, batch({}, people=(("p_1", "Jo"),)))
    body = (
        (
            f"store._connection.execute('BEGIN; {ADD_ROWS.format(count=count)}'.replace(chr(34), chr(39)))\n"
            "print('written', flush=True)\nos.kill(os.getpid(), 9)"
        )
        .replace("'TELLTALE'", "$$TELLTALE$$")
        .replace("'x'", "$$x$$")
    )
    writer = start_writer(path, body)
    writer.communicate()
    assert writer.returncode == -signal.SIGKILL
    assert not any(b"TELLTALE" in file.read_bytes() for file in path.parent.iterdir() if file.is_file())
    with open_store(path, KEY, wait_s=0) as store:
        assert held(store, "SELECT person_id FROM store.identity") == [("p_1",)]
        assert held(store, "SELECT count(*) FROM store.incident_version") == [(1,)]


def test_a_writer_killed_after_it_commits_has_committed_and_its_log_is_encrypted(path: Path) -> None:
    body = (
        (
            "store._connection.execute('SET checkpoint_threshold = $$1TB$$')\n"
            f"store._connection.execute('{ADD_ROWS.format(count=10)}')\n"
            "print('written', flush=True)\nos.kill(os.getpid(), 9)"
        )
        .replace("'TELLTALE'", "$$TELLTALE$$")
        .replace("'x'", "$$x$$")
    )
    start_writer(path, body).communicate()
    log = path.with_name("store.duckdb.wal")
    assert log.exists()
    assert b"TELLTALE" not in log.read_bytes()
    with open_store(path, KEY, wait_s=0) as store:
        assert held(store, "SELECT count(*) FROM store.identity") == [(10,)]


WARRANT = {
    "event_source": "force",
    "event_time": None,
    "source_partition": 0,
    "source_offset": 0,
    "person_id": "p_1",
    "kind": "bench",
    "issued_at": datetime(2026, 1, 1, tzinfo=UTC),
    "underlying_offence_code": "robbery",
}


def test_an_excerpt_about_people_is_the_snapshot_of_the_whole_store_as_far_as_it_is_about_them(
    store: Store, path: Path
) -> None:
    """Of two moments, with a version that leaves somebody out, a warrant that ends, and somebody who is erased."""
    who = {"event_source": "force", "event_time": None, "source_partition": 0, "source_offset": 0, "person_id": "p_1"}
    born = {**who, "event_id": "b1", "version": 1, "birth_date": datetime(1990, 5, 5, tzinfo=UTC).date()}
    owed = [
        {**WARRANT, "event_id": f"w{i}", "warrant_id": f"W{i}", "version": 1, "status": "outstanding"} for i in (1, 2)
    ]
    names = (("p_1", "one"), ("p_2", "two"), ("p_3", "three"))
    roles = [{"person_id": person, "role": "charged"} for person in ("p_1", "p_2", "p_3")]
    commit(store, batch({"event_id": "e1", "involvements": roles}, people=names, person=[born], warrant=owed))
    later = NOON + timedelta(hours=1)
    died = {**who, "event_id": "b2", "version": 2, "birth_year": 1990, "deceased_at": NOON}
    recalled = {**owed[0], "event_id": "w3", "version": 2, "status": "recalled"}
    left_out = {"event_id": "e2", "version": 2, "involvements": roles[1:]}
    commit(store, batch(left_out, person=[died], warrant=[recalled]), at=later)
    store.erase_person(HumanEvent("erased", "M. Ito", "person", "p_3", later, {"reason": "court order seven"}))
    versions = store.versions_about(["p_1", "p_3"])
    place = store._server.database if isinstance(store, PostgresStore) else path
    store.close()
    about = "person_id IN ('p_1', 'p_3')"
    for at in (NOON, later, later + timedelta(days=1)):
        with (
            snapshot_of(versions, as_of=at, known_at=at) as part,
            open_snapshot(place, KEY, as_of=at, known_at=at, wait_s=5) as whole,
        ):
            for table in ("person", "custody", "warrant", "involvement"):
                rows = [
                    each.connection.execute(f"SELECT * FROM {table}_snapshot WHERE {about} ORDER BY ALL").fetchall()
                    for each in (part, whole)
                ]
                assert rows[0] == rows[1], (at, table)
            assert "p_3" not in str(part.connection.execute("FROM involvement_snapshot").fetchall())
    assert store_about_nobody(path)


def store_about_nobody(path: Path) -> bool:
    """Return whether an excerpt about nobody holds no version."""
    with open_store(path, KEY, wait_s=0) as store:
        return not any(len(table) for table in store.versions_about([]).values())
