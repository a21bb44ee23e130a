"""Many write at once: nothing is lost or doubled, what a run knew stays so, and each announcement sees all."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from pipeline.errors import StaleOffsetsError
from pipeline.messages.outbox import make_message
from pipeline.shared_store.opening import open_session, open_snapshot, open_store, resolve_known_at, touched_runs
from pipeline.shared_store.server import Database
from pipeline.shared_store.store import PostgresStore
from pipeline.store.human_events import HumanEvent
from pipeline.store.interface import Store
from pipeline.store.retention import Edges, Kept
from tests.pipeline.store.test_store import KEY, NOON, batch, commit
from tests.postgresql import PostgresServer
from tests.soak import sample

LATER = NOON + timedelta(days=400)


@pytest.fixture
def database(postgresql: PostgresServer, tmp_path: Path) -> Database:
    database = Database(postgresql.database(), tmp_path)
    open_store(database, KEY, wait_s=5).close()
    return database


@pytest.fixture
def two(database: Database) -> Iterator[tuple[Store, Store]]:
    """The store of two streams."""
    with ExitStack() as stack:
        sessions = [stack.enter_context(open_session(database, KEY, wait_s=5)) for _ in range(2)]
        one, other = (stack.enter_context(session.opened()) for session in sessions)
        yield one, other


def incident(number: int, **changes: object) -> dict:
    return {"event_id": f"e{number}", "incident_id": f"i{number}", **changes}


def test_of_two_who_read_the_same_records_one_stores_them(two: tuple[Store, Store]) -> None:
    one, other = two
    place, first = {("incidents", 0): 10}, {("incidents", 0): None}
    how = {"source": "kafka:x", "ingested_at": NOON, "next_offsets": place}
    assert one.commit(batch(incident(1)), first_offsets=first, **how).stored == 1
    with pytest.raises(StaleOffsetsError, match=r"incidents\[0\] changed"):
        other.commit(batch(incident(2)), first_offsets=first, **how)
    further = {("incidents", 0): 20}
    how |= {"next_offsets": further, "first_offsets": place}
    assert other.commit(batch(incident(2)), **how).stored == 1
    with pytest.raises(StaleOffsetsError):
        one.commit(batch(incident(3)), **how)
    assert one.offsets() == further
    assert sorted(one.batches()["stored"]) == [1, 1]


def test_the_second_waits_for_the_first_and_gets_nothing(
    two: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = two
    claimed, told, failed = threading.Event(), threading.Event(), []
    how = {"source": "kafka:x", "ingested_at": NOON, "next_offsets": {("incidents", 0): 10}}
    how |= {"first_offsets": {("incidents", 0): None}}
    keep = PostgresStore._put_rows

    def slow(store: PostgresStore, *arguments):
        claimed.set()
        assert told.wait(60)
        return keep(store, *arguments)

    def second() -> None:
        try:
            other.commit(batch(incident(2)), **how)
        except StaleOffsetsError as error:
            failed.append(error)

    monkeypatch.setattr(PostgresStore, "_put_rows", slow)
    first = threading.Thread(target=lambda: one.commit(batch(incident(1)), **how))
    first.start()
    assert claimed.wait(60)
    thread = threading.Thread(target=second)
    thread.start()
    thread.join(0.3)
    assert thread.is_alive() and not failed
    told.set()
    first.join(60)
    thread.join(60)
    assert len(failed) == 1
    assert one.offsets() == {("incidents", 0): 10}


def test_an_event_that_two_bring_at_once_is_stored_once(database: Database) -> None:
    """As a stream and a load of the same records do."""
    rows, counts, at_once = [incident(number) for number in range(50)], [], threading.Barrier(4)

    def bring(number: int) -> None:
        with open_session(database, KEY, wait_s=30) as session, session.opened() as store:
            at_once.wait(60)
            counts.append(commit(store, batch(*rows, people=(("p_1", "Jo-1"),)), **{f"topic{number}": 1}))

    threads = [threading.Thread(target=bring, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sum(each.stored for each in counts) == 50
    assert all(each.stored + each.duplicates == 50 for each in counts)
    with open_store(database, KEY, wait_s=5) as store:
        assert store.health().rows["stored"] == 50
        assert store.health().rows["duplicate"] == 150
        assert store.raw_ids() == ["Jo-1"]


@pytest.mark.sampled
def test_what_was_known_at_a_clock_stays_the_same(database: Database) -> None:
    """A run that fixes its clock while batches are on their way never knows more at that clock later."""
    over, number = threading.Event(), iter(range(1_000_000))

    def bring(topic: str) -> None:
        with open_session(database, KEY, wait_s=30) as session, session.opened() as store:
            while not over.is_set():
                commit(store, batch(*(incident(next(number)) for _ in range(20))), **{topic: 1})

    threads = [threading.Thread(target=bring, args=(f"topic{each}",)) for each in range(3)]
    with open_store(database, KEY, wait_s=30) as store:
        commit(store, batch(incident(next(number))))
    for thread in threads:
        thread.start()
    try:
        seen = []
        for _ in range(sample(8, whole=60)):
            known_at = resolve_known_at(database, KEY, wait_s=30)
            seen.append((known_at, known(database, known_at)))
    finally:
        over.set()
        for thread in threads:
            thread.join(120)
    assert len({known_at for known_at, _ in seen}) > 1
    assert [(known_at, known(database, known_at)) for known_at, _ in seen] == seen


def known(database: Database, known_at: datetime) -> int:
    with open_snapshot(database, KEY, as_of=LATER, known_at=known_at, wait_s=30) as snapshot:
        [(count,)] = snapshot.connection.execute("SELECT count(*) FROM incident_snapshot").fetchall()
    return count


def test_numbers_and_times_rise_together_whatever_the_clocks_say(two: tuple[Store, Store]) -> None:
    one, other = two
    for step in range(6):
        store, at = (one, NOON) if step % 2 else (other, NOON - timedelta(hours=step))
        commit(store, batch(incident(step)), at)
    batches = one.batches().sort_values("batch_id")
    assert batches["ingested_at"].is_monotonic_increasing
    assert batches["ingested_at"].is_unique


def test_who_announces_sees_every_batch_before_its_own(two: tuple[Store, Store]) -> None:
    one, other = two
    commit(one, batch(incident(1)))
    seen = []

    def tell(store: Store) -> list:
        changed = store.changed_incidents(0)
        seen.append((sorted(changed["incident_id"].to_pylist()), store.last_batch()))
        state = store.announced_state("run")
        store.keep_announced_state("run", {("area", f"A{len(seen)}"): "listed"})
        assert len(state) == len(seen) - 1
        return [make_message("changes", "A1", "x", {"n": len(seen)}, time=NOON, identity=[str(len(seen))])]

    for number, store in ((2, other), (3, one)):
        store.commit(batch(incident(number)), source="x", ingested_at=NOON, next_offsets={}, tell=tell)
    assert [ids for ids, _ in seen] == [["i1", "i2"], ["i1", "i2", "i3"]]
    waiting = one.undelivered(10, "changes")
    assert [message.message_id for message in waiting] == [message.message_id for message in other.undelivered(10)]
    assert len(waiting) == 2
    other.mark_delivered([waiting[0].message_id], NOON)
    assert one.undelivered(10) == waiting[1:]


def test_a_version_that_left_the_window_is_not_overlooked(database: Database) -> None:
    """What happened in the window, and was then corrected to before it, is not within it."""
    with open_store(database, KEY, wait_s=5) as store:
        commit(store, batch(incident(1), incident(2)))
        moved = incident(1, version=2, event_id="e1b", occurred_at=NOON - timedelta(days=900))
        commit(store, batch(moved), NOON + timedelta(hours=1))
    since = NOON - timedelta(days=100)
    with open_snapshot(database, KEY, as_of=LATER, since=since, wait_s=5) as snapshot:
        assert snapshot.connection.execute("SELECT incident_id FROM incident_snapshot").fetchall() == [("i2",)]
    with open_snapshot(database, KEY, as_of=LATER, known_at=NOON, since=since, wait_s=5) as snapshot:
        assert len(snapshot.connection.execute("SELECT incident_id FROM incident_snapshot").fetchall()) == 2


def test_what_touches_a_run_is_found(database: Database) -> None:
    with open_store(database, KEY, wait_s=5) as store:
        commit(store, batch(incident(1)))
        commit(store, batch(incident(2)), NOON + timedelta(hours=1))
    clocks = pd.DataFrame({"as_of": [LATER, LATER], "known_at": [NOON, NOON + timedelta(hours=1)]})
    assert list(touched_runs(database, KEY, clocks, wait_s=5)) == [True, False]


def test_what_is_no_longer_kept_goes(database: Database) -> None:
    edges = Edges(incidents=NOON - timedelta(days=1), dead_letters=NOON + timedelta(days=1))
    with open_store(database, KEY, wait_s=5) as store:
        young = incident(2, occurred_at=NOON)
        commit(store, batch(incident(1), young, notices=({"payload": b"Jo-1"},)))
        assert store.is_named("Jo-1")
        counted = store.retain(edges, Kept(), NOON)
        assert counted["gone"]["incidents"] == 1
        assert len(store.points_since(0)) == 1 and store.points_since(0)["incidents"][0] == 2

        def recorded(gone) -> HumanEvent:
            return HumanEvent("retained", "M. Ito", "store", "store", NOON, {"edges": edges.known(), "gone": {"x": 1}})

        assert store.retain(edges, Kept(), NOON, recorded)["gone"]["dead letters"] == 1
        assert store.points_since(0)["incidents"][0] == 1
        assert not store.is_named("Jo-1")
        assert list(store.human_events()["kind"]) == ["retained"]
        store.rewrite(Path("unused"), KEY, wait_s=5)
        assert store.health().newest_incident_at == NOON


@pytest.mark.parametrize("text", ["a\0b", "\0", "\ue000", "\ue000\ue002\0\ue001", "\ue000\ue001", "ö\U0001f600'\\"])
def test_any_text_comes_back_as_it_was(text: str, database: Database) -> None:
    with open_store(database, KEY, wait_s=5) as store:
        row = incident(1, substance=text, involvements=[{"person_id": text, "role": "suspect"}])
        assert commit(store, batch(row, notices=({"payload": text.encode(), "value": text},))).stored == 1
        assert commit(store, batch(row)).duplicates == 1
    with open_snapshot(database, KEY, as_of=LATER, wait_s=5) as snapshot:
        assert snapshot.connection.execute("SELECT substance FROM incident_snapshot").fetchall() == [(text,)]
        found = snapshot.connection.execute("SELECT person_id FROM involvement_snapshot").fetchall()
    assert found == [(text,)]
    with open_store(database, KEY, wait_s=5) as store:
        assert store.dead_letters()["value"].tolist() == [text]
