"""The continuous consumer on a real broker: whatever happens to it, the store is that of the same events by file."""

import json
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kafka import KafkaAdminClient
from prometheus_client import CollectorRegistry

from flows.health.metrics_server import serving
from flows.health.moving import move_store
from flows.health.stream_metrics import StreamMetrics
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.ingest.ingest import load_file, new_decoder
from flows.ingest.live import start_live, write_live
from flows.ingest.stream import STAGES, StreamLimits, acknowledge_offsets, deliver_changes, follow_run, stream
from flows.schedule.daily import daily_run
from flows.simulation.town import TownFiles
from pipeline.database import attach, connect, name_sql
from pipeline.errors import SourceError
from pipeline.events.batch import Record
from pipeline.events.columns import SCHEMAS, TOPICS
from pipeline.messages.outbox import make_message
from pipeline.privacy.keys import create_key
from pipeline.publication.publish import read_published
from pipeline.publication.tables import read_tables
from pipeline.sources.kafka import KafkaSource
from pipeline.sources.kafka_group import GroupReader
from pipeline.store.session import StoreSession
from pipeline.store.store import open_store
from tests.flows.health.test_metrics import fetched, samples
from tests.integration.victim import PATIENCE_S, stream_until_killed
from tests.publishers import write_records
from tests.town import AS_OF, CLOCK, TownRun

pytestmark = pytest.mark.integration

HARMSPOT = Path(sys.executable).parent / "harmspot"
POSITION = {"source_partition", "source_offset"}
CAUGHT_UP = StreamLimits(max_seconds=PATIENCE_S, until_caught_up=True)


@pytest.fixture
def sample() -> int:
    """How many events of each topic there are: enough for several micro-batches."""
    return 500


@pytest.fixture
def events(town: TownFiles, sample: int, tmp_path: Path) -> Path:
    """A folder of events of every topic, shuffled, some of them twice; corrections stand before originals."""
    folder = tmp_path / "events"
    folder.mkdir()
    for topic in TOPICS:
        lines = (town.events / f"{topic}.jsonl").read_bytes().splitlines()[-sample:]
        lines += lines[:50]
        random.Random(7).shuffle(lines)
        (folder / f"{topic}.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    return folder


@pytest.fixture
def by_topic(kafka_home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("HARMSPOT__STREAM__MAX_ROWS", "300")
    return kafka_home


@pytest.fixture(params=["file", "database"])
def settle(request: pytest.FixtureRequest) -> Callable[[Home], None]:
    """Leaves the store of a home in its file, or moves it to a database."""
    if request.param == "file":
        return lambda home: None
    server = request.getfixturevalue("postgresql")

    def move(home: Home) -> None:
        move_store(home, "postgresql", server.database())

    return move


@pytest.fixture
def oracle(new_home: Callable[..., Home], events: Path, tmp_path: Path) -> dict[str, list]:
    home = new_home(tmp_path / "by file")
    load_file(home, events, None)
    return contents(home)


def send(address: str, prefix: str, folder: Path) -> int:
    """Send every line with no regard to entities, so that an entity's versions are spread over partitions."""
    records = [
        (prefix + topic, str(number % 997), line)
        for topic in TOPICS
        for number, line in enumerate((folder / f"{topic}.jsonl").read_bytes().splitlines())
    ]
    return write_records(address, records)


def contents(home: Home) -> dict[str, list]:
    """Everything in the store that the set of events decides: all but position, time and number of the batch."""
    columns = {
        f"{entity}_version": [*(f.name for f in schema if f.name not in POSITION), "content_hash"]
        for entity, schema in SCHEMAS.items()
    }
    columns |= {"identity": ["person_id", "raw_person_id"], "dead_letter": ["reason", "mapping", "payload"]}
    connection, file = connect(home.path / "spill"), home.store_file
    if home.store != file:
        file = home.path / "copy.duckdb"
        file.unlink(missing_ok=True)
        with open_home_store(home) as store:
            store.copy_to(file, home.key)
    attach(connection, file, home.key.encryption, alias="held", read_only=True)
    found = {
        table: connection.execute(f"SELECT {', '.join(map(name_sql, names))} FROM held.{table} ORDER BY ALL").fetchall()
        for table, names in columns.items()
    }
    connection.close()
    return found


def runs_alike(by_topic: Home, by_file: Path, new_home: Callable[..., Home]) -> bool:
    """Do the daily run in both homes at the same clocks and hold every table of places and people against each other.

    Only when the batches came in differs between the homes; what is known until a later moment is the same.
    """
    known_at = CLOCK + timedelta(hours=1)
    homes = [by_topic, new_home(by_file)]
    summaries = [daily_run(home, AS_OF, known_at) for home in homes]
    assert summaries[0].run_id == summaries[1].run_id
    connection = connect(by_topic.path / "spill")
    for file in ("published", "restricted"):
        for name, home in zip(("topic", "file"), homes, strict=True):
            key = home.key.encryption if file == "restricted" else None
            attach(connection, getattr(home, file), key, alias=f"{file}_{name}", read_only=True)
    tables = [(file, table) for file, names in all_tables().items() for table in names]
    unlike = [
        f"{file}.{table}"
        for file, table in tables
        for one, other in (("topic", "file"), ("file", "topic"))
        if connection.execute(f"FROM {file}_{one}.{table} EXCEPT ALL FROM {file}_{other}.{table}").fetchall()
    ]
    connection.close()
    assert unlike == []
    assert summaries[0].place_counts["area_ranking"] == 12
    return True


def all_tables() -> dict[str, list[str]]:
    tables = read_tables()
    return {"published": list(tables.published), "restricted": list(tables.restricted)}


def command(home: Home, town: TownFiles, *options: str) -> list[str]:
    return [str(HARMSPOT), "--home", str(home.path), "--config", str(town.config_file), "stream", *options]


def test_the_store_is_that_of_the_same_events_by_file(
    by_topic: Home,
    new_home: Callable[..., Home],
    events: Path,
    oracle: dict[str, list],
    kafka_broker: str,
    topic_prefix: str,
    settle: Callable[[Home], None],
) -> None:
    settle(by_topic)
    sent = send(kafka_broker, topic_prefix, events)
    summary = stream(by_topic, CAUGHT_UP)
    counts = summary.counts
    assert counts.rows_in == counts.stored + counts.duplicates + counts.dead == sent
    assert summary.batches > 5
    assert contents(by_topic) == oracle
    assert runs_alike(by_topic, by_topic.path.parent / "by file", new_home)
    assert stream(by_topic, CAUGHT_UP).counts.rows_in == 0  # a restart reads nothing again
    assert send(kafka_broker, topic_prefix, events) == sent
    again = stream(by_topic, CAUGHT_UP).counts
    assert (again.rows_in, again.stored) == (sent, 0)  # and everything again changes nothing
    assert contents(by_topic) == oracle


def test_whoever_watches_a_stream_is_told_its_rows_lag_and_batches(
    by_topic: Home, events: Path, kafka_broker: str, topic_prefix: str
) -> None:
    sent = send(kafka_broker, topic_prefix, events)
    registry = CollectorRegistry()
    metrics = StreamMetrics(by_topic, registry)
    polled = metrics.polled
    lags: list[dict[str, int]] = []

    def polled_and_noted(reader: GroupReader) -> None:
        polled(reader)
        lags.append(reader.lag_by_topic())

    metrics.polled = polled_and_noted  # type: ignore[method-assign]
    summary = stream(by_topic, CAUGHT_UP, metrics.step, None, metrics)
    with serving("127.0.0.1", 0, registry, metrics.problem) as address:
        assert fetched(f"{address}/readyz") == (200, "ready\n")
        found = samples(fetched(f"{address}/metrics")[1])
    assert summary.counts.rows_in == sent
    assert found["harmspot_batch_seconds_count",] >= summary.batches > 1
    assert found["harmspot_batch_stage_seconds_count", "keep_records"] >= summary.batches
    assert found["harmspot_partitions",] == 3 * len(TOPICS)
    assert found["harmspot_broker_silent_seconds",] < 30
    assert {key[1] for key in found if key[0] == "harmspot_lag_records"} == {topic_prefix + topic for topic in TOPICS}
    assert lags[-1].keys() == {topic_prefix + topic for topic in TOPICS}


@pytest.mark.parametrize("sample", [1_500])  # so that there is work for whoever joins later
def test_members_that_join_and_leave_share_the_work(
    by_topic: Home,
    new_home: Callable[..., Home],
    events: Path,
    oracle: dict[str, list],
    kafka_broker: str,
    topic_prefix: str,
) -> None:
    sent = send(kafka_broker, topic_prefix, events)
    stops = [threading.Event() for _ in range(3)]
    done: list[Any] = [None] * 3

    def member(number: int) -> None:
        done[number] = stream(new_home(by_topic.path), StreamLimits(max_seconds=PATIENCE_S), until=stops[number])

    threads = [threading.Thread(target=member, args=(number,)) for number in range(3)]
    threads[0].start()
    threads[1].start()
    time.sleep(2)
    stops[0].set()
    threads[2].start()
    threads[0].join()
    stops[1].set()
    threads[1].join()
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and rows_kept(by_topic) < sent:
        time.sleep(0.5)
    stops[2].set()
    threads[2].join()
    assert contents(by_topic) == oracle
    assert sum(summary.counts.rows_in for summary in done) == sent


def test_homes_beside_each_other_each_keep_everything(
    by_topic: Home, town: TownFiles, events: Path, kafka_broker: str, topic_prefix: str
) -> None:
    other = Home(by_topic.path.parent / "other", town.config_file, CLOCK, lambda text: None)
    create_key(other.path)
    sent = send(kafka_broker, topic_prefix, events)
    stop = threading.Event()
    threads = [
        threading.Thread(target=stream, args=(home, StreamLimits(max_seconds=PATIENCE_S)), kwargs={"until": stop})
        for home in (by_topic, other)
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and min(map(rows_kept, (by_topic, other))) < sent:
        time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join()
    assert rows_kept(by_topic) == rows_kept(other) == sent


@pytest.mark.parametrize("partitions", [1, 3])
def test_what_a_member_holds_that_died_as_it_was_given_it_is_waited_for(
    by_topic: Home, partitions: int, events: Path, oracle: dict[str, list], kafka_broker: str, topic_prefix: str
) -> None:
    """Of each topic the dead member has the first partitions: of one partition all, of three two."""
    sent = send(kafka_broker, topic_prefix, events)
    program = [sys.executable, "-c", DIES_ONCE_IT_SHARES, kafka_broker, topic_prefix, by_topic.consumer_group]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as doomed:
        assert doomed.stdout is not None
        assert doomed.stdout.readline() == b"joined\n"
        counts = stream(by_topic, CAUGHT_UP).counts
    assert doomed.returncode == -signal.SIGKILL
    assert counts.rows_in == sent
    assert contents(by_topic) == oracle


DIES_ONCE_IT_SHARES = """
import os, signal, sys
from pipeline.events.columns import TOPICS
from pipeline.sources.kafka_group import GroupReader

address, prefix, group = sys.argv[1:]
reader = GroupReader(address, [prefix + t for t in TOPICS], group, member="first", session_timeout_s=6)
while not reader.is_lasting():
    reader.poll(0.05, 1)
alone = reader.generation
print("joined", flush=True)
while reader.generation < alone + 2:  # until its partitions were taken back and given out anew
    reader.poll(0.05, 1)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("partitions", [1])
def test_one_that_living_members_leave_nothing_says_so_and_ends(
    by_topic: Home, events: Path, kafka_broker: str, topic_prefix: str
) -> None:
    send(kafka_broker, topic_prefix, events)
    topics = [topic_prefix + topic for topic in TOPICS]
    # A session that outlasts any pause of a busy machine: who is taken for dead leaves the other something.
    reader = GroupReader(kafka_broker, topics, by_topic.consumer_group, member="first", session_timeout_s=120)
    is_over = threading.Event()

    def hold() -> None:
        while not is_over.is_set():
            reader.poll(0.05, 1)
        reader.close()

    holder = threading.Thread(target=hold)
    holder.start()
    said: list[str] = []
    try:
        summary = stream(Home(by_topic.path, by_topic.config_file, by_topic.clock, said.append), CAUGHT_UP)
    finally:
        is_over.set()
        holder.join()
    assert summary.counts.rows_in == 0
    assert any("caught up in 0 partitions; others of the group read the rest" in line for line in said)


def rows_kept(home: Home) -> int:
    with open_store(home.store, home.key, wait_s=30) as store:
        return int(store.batches()["rows_in"].sum())


def test_a_kill_at_any_stage_loses_and_doubles_nothing(
    by_topic: Home,
    town: TownFiles,
    events: Path,
    oracle: dict[str, list],
    kafka_broker: str,
    topic_prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HARMSPOT__STREAM__MEMBER", "the only one")
    sent = send(kafka_broker, topic_prefix, events)
    # Nothing is published here, so no figures are carried on; the next test does that.
    for number, stage in enumerate(stage for stage in STAGES if stage not in (follow_run, write_live)):
        die(by_topic, town, stage.__name__, "before" if number % 2 else "after", batches=2)
    stream(by_topic, CAUGHT_UP)
    assert contents(by_topic) == oracle
    assert rows_kept(by_topic) == sent


def test_a_kill_at_any_stage_leaves_live_figures_whole_and_every_change_announced(
    by_topic: Home,
    town_run: TownRun,
    new_home: Callable[..., Home],
    kafka_broker: str,
    topic_prefix: str,
    monkeypatch: pytest.MonkeyPatch,
    settle: Callable[[Home], None],
) -> None:
    monkeypatch.setenv("HARMSPOT__STREAM__MEMBER", "the only one")
    shutil.copytree(town_run.home.path, by_topic.path, dirs_exist_ok=True)
    settle(by_topic)
    notice = read_published(by_topic.path, "area_notice").iloc[0]
    turns = iter(evidence_turns(town_run.files, notice["evidence_ids"][0]))
    topic, sent = f"{topic_prefix}incidents", []

    def send_next() -> None:
        sent.append(next(turns))
        write_records(kafka_broker, [(topic, "evidence", sent[-1])])

    send_next()
    for number, stage in enumerate(STAGES):
        die(by_topic, town_run.files, stage.__name__, "after" if number % 2 else "before", batches=1)
        if stage in (write_live, deliver_changes, acknowledge_offsets):  # the batch was committed before it died
            send_next()
    stream(by_topic, CAUGHT_UP)
    read = KafkaSource(kafka_broker, [f"{topic_prefix}changes"]).batches({}, 100)
    told = [json.loads(record.value or b"") for batch in read for record in batch.records]
    changes = list({event["id"]: event["data"]["change"] for event in told}.values())
    assert changes == ["notice_evidence_gone", "notice_evidence_back"] * 2
    assert len(told) == len(changes) + 1  # what was delivered when it died at the last stage was delivered again
    assert all(notice["notice_id"] in event["data"]["notice_ids"] for event in told)
    undisturbed = new_home(by_topic.path.parent / "undisturbed")
    shutil.copytree(town_run.home.path, undisturbed.path, dirs_exist_ok=True)
    expected = figures_of(undisturbed, sent)
    pd.testing.assert_frame_equal(pd.read_parquet(by_topic.live_figures).drop(columns="updated_at"), expected)


def evidence_turns(files: TownFiles, incident_id: str) -> list[bytes]:
    """An incident cancelled, restored, cancelled, and restored as a graver one."""
    event, turns = latest_event(files, incident_id), []
    for number, status in enumerate(["cancelled", "amended", "cancelled", "amended"]):
        data = event["data"] | {"version": 1_000 + number, "status": status}
        data |= {"offence_code": "homicide"} if number == 3 else {}
        turns.append(json.dumps(event | {"id": f"turn {number}", "data": data}).encode())
    return turns


def figures_of(home: Home, values: list[bytes]) -> pd.DataFrame:
    """Live figures after the events have come in as one batch that nothing disturbed."""
    records = [Record("incidents", 0, number, value) for number, value in enumerate(values)]
    live = start_live(home)
    assert live is not None
    with StoreSession(home.store, home.key, wait_s=5) as session, session.opened() as store, closing(live):
        batch = new_decoder(home).decode(records)
        store.commit(batch, source="test", ingested_at=home.now(), next_offsets={}, tell=live.tell)
        return pd.read_parquet(write_live(home, live)).drop(columns="updated_at")


def latest_event(files: TownFiles, incident_id: str) -> dict[str, Any]:
    lines = [
        line for line in (files.events / "incidents.jsonl").read_bytes().splitlines() if incident_id.encode() in line
    ]
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def die(home: Home, files: TownFiles, stage: str, when: str, batches: int) -> None:
    """Stream in a process that is killed before or after the stage, once so many batches were decoded."""
    clock = CLOCK + timedelta(hours=1)
    ended = stream_until_killed(home.path, files.config_file, clock, stage, when, batches)
    assert ended == -signal.SIGKILL


def test_announcements_that_cannot_be_delivered_wait_and_events_are_stored(
    by_topic: Home, events: Path, oracle: dict[str, list], kafka_broker: str, topic_prefix: str
) -> None:
    """Topic `changes` goes while it streams, and comes back later."""
    sent = send(kafka_broker, topic_prefix, events)
    waiting = [make_message("changes", str(n), "harmspot.place.changed.v1", {"n": n}, time=CLOCK) for n in range(1_200)]
    with open_store(by_topic.store, by_topic.key, wait_s=30) as store:
        store.add_messages(waiting, CLOCK)
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker)
    changes = f"{topic_prefix}changes"
    gone: list[str] = []

    def step(stage: Callable[..., Any], *arguments: Any) -> Any:
        if not gone:
            gone.append(changes)
            admin.delete_topics(gone)
            while changes in admin.list_topics():
                time.sleep(0.05)
        return stage(*arguments)

    said: list[str] = []
    home = Home(by_topic.path, by_topic.config_file, by_topic.clock, said.append)
    summary = stream(home, CAUGHT_UP, step)
    assert (summary.counts.rows_in, summary.announced) == (sent, 0)
    assert contents(by_topic) == oracle
    assert any("change messages stay queued in the store: records were not delivered" in line for line in said)
    with pytest.raises(SourceError, match=f"has no topic {changes}"):
        stream(by_topic, CAUGHT_UP)
    admin.create_topics({changes: {"num_partitions": 1}})
    admin.close()
    assert stream(by_topic, CAUGHT_UP).announced == len(waiting)
    read = KafkaSource(kafka_broker, [changes]).batches({}, 10_000)
    assert [r.value for batch in read for r in batch.records] == [message.payload for message in waiting]


def test_a_signal_ends_it_after_the_batch_with_a_summary(
    by_topic: Home, town: TownFiles, events: Path, kafka_broker: str, topic_prefix: str
) -> None:
    sent = send(kafka_broker, topic_prefix, events)
    program = command(by_topic, town, "--json")
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while rows_kept(by_topic) == 0 and process.poll() is None:
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        out, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said.decode()
    rows = json.loads(out)["counts"]["rows_in"]
    assert 0 < rows <= sent
    assert rows == rows_kept(by_topic)
    assert b"rows/s" in said
    assert b"P-" not in said


def test_a_store_that_another_process_holds_is_waited_for(
    by_topic: Home, events: Path, oracle: dict[str, list], kafka_broker: str, topic_prefix: str
) -> None:
    send(kafka_broker, topic_prefix, events)
    program = [sys.executable, "-c", HOLDER, str(by_topic.store), str(by_topic.path)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None and holder.stdout is not None
        let_go = holder.stdin.close
        waited: list[str] = []

        def hear(line: str) -> None:
            if f"held by process {holder.pid}" in line:
                waited.append(line)
                let_go()

        assert holder.stdout.readline() == b"held\n"
        stream(Home(by_topic.path, by_topic.config_file, by_topic.clock, hear), CAUGHT_UP)
    assert waited
    assert contents(by_topic) == oracle


def test_a_signal_ends_it_also_while_another_process_holds_the_store(
    by_topic: Home,
    town: TownFiles,
    events: Path,
    kafka_broker: str,
    topic_prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HARMSPOT__STORE__WAIT_S", "600")  # longer than the test has
    send(kafka_broker, topic_prefix, events)
    program = [sys.executable, "-c", HOLDER, str(by_topic.store), str(by_topic.path)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with subprocess.Popen(command(by_topic, town), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            said = b""
            while f"held by process {holder.pid}".encode() not in said and process.poll() is None:
                said += process.stderr.readline()
            process.send_signal(signal.SIGTERM)
            said += process.communicate(timeout=PATIENCE_S)[1]
        holder.communicate(b"")
    assert process.returncode == 0, said.decode()
    assert rows_kept(by_topic) == 0


HOLDER = """
import sys
from pathlib import Path
from pipeline.privacy.keys import load_key
from pipeline.store.store import open_store

with open_store(Path(sys.argv[1]), load_key(Path(sys.argv[2])), wait_s=0):
    print("held", flush=True)
    sys.stdin.read()
"""
