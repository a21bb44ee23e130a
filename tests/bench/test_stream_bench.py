"""The stream beside a bare poll loop, and from an event's append to the announcement it causes.

`python -m pytest tests/bench/test_stream_bench.py -m bench -s` prints what docs/benchmarks.md reports. Nothing is
asserted on time: machines differ. HARMSPOT_BENCH_SECONDS (120) and HARMSPOT_BENCH_EVENTS (1000000)
shorten it; a stream takes a second to start, which weighs the more the fewer events there are.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.ingest.ingest import load_file
from flows.schedule.daily import daily_run
from flows.simulation.town import write_town
from pipeline.events.columns import TOPICS
from pipeline.events.schema import decode_event
from pipeline.publication.publish import read_published
from tests.integration.broker import BrokerUnavailableError, running_broker
from tests.publishers import write_records

HARMSPOT = Path(sys.executable).parent / "harmspot"
EVENTS = int(os.environ.get("HARMSPOT_BENCH_EVENTS", "1000000"))
PARTITIONS = 3
REPETITIONS = 3
SECONDS = float(os.environ.get("HARMSPOT_BENCH_SECONDS", "120"))
RATE = 500
CHANGES_PER_S = 2

pytestmark = pytest.mark.bench


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    try:
        with running_broker() as address:
            yield address
    except BrokerUnavailableError as error:
        pytest.skip(f"Kafka cannot run here: {error}")


def make_topics(address: str) -> str:
    prefix = f"bench-{uuid.uuid4().hex[:8]}."
    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.create_topics({prefix + topic: {"num_partitions": PARTITIONS} for topic in (*TOPICS, "changes")})
    admin.close()
    return prefix


def harmspot(home: Home, address: str, prefix: str, *options: str) -> subprocess.Popen:
    environment = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": address, "HARMSPOT__KAFKA__TOPIC_PREFIX": prefix}
    command = [HARMSPOT, "--home", home.path, "--config", home.config_file, "stream", "--json", *options]
    return subprocess.Popen(list(map(str, command)), env=environment, stdout=subprocess.PIPE)


def bare_rate(address: str, topic: str) -> float:
    """Records a second of a loop that polls and throws away, from the first record to the last."""
    consumer = KafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, isolation_level="read_committed")
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    read, began = 0, 0.0
    while read < EVENTS:
        found = consumer.poll(timeout_ms=500)
        if found and not began:
            began = time.perf_counter()
        read += sum(map(len, found.values()))
    seconds = time.perf_counter() - began
    consumer.close()
    return read / seconds


def stream_rate(home: Home, address: str, prefix: str) -> float:
    """Rows a second that are committed, joining the group and the last commit included, the interpreter's start not."""
    with harmspot(home, address, prefix, "--until-caught-up") as process:
        assert process.stdout is not None
        summary = json.loads(process.stdout.read())
    assert summary["counts"]["rows_in"] == EVENTS
    return EVENTS / summary["seconds"]


def test_stream_beside_a_bare_poll_loop(broker: str, tmp_path: Path) -> None:
    files = write_town(tmp_path / "town", seed=11, days=500, end=datetime.now(UTC).date())
    lines = (files.events / "incidents.jsonl").read_bytes().splitlines()
    prefix = make_topics(broker)
    write_records(broker, unlike(lines, prefix + "incidents"), timeout_s=120)
    ratios = []
    for number in range(REPETITIONS):
        bare = bare_rate(broker, prefix + "incidents")
        home = Home(tmp_path / f"home {number}", files.config_file, progress=lambda text: None).ensure()
        open_home_store(home).close()
        streamed = stream_rate(home, broker, prefix)
        ratios.append(streamed / bare)
        print(f"\nbare poll {bare:,.0f} records/s, stream {streamed:,.0f} committed rows/s, ratio {ratios[-1]:.2f}")
    print(f"stream: {sorted(ratios)[REPETITIONS // 2]:.2f} of a bare poll loop, median of {REPETITIONS}")


def unlike(lines: list[bytes], topic: str) -> Iterator[tuple[str, str, bytes]]:
    """Yield so many events, none of them like another: the town's again and again under other ids."""
    for number in range(EVENTS):
        again, line = divmod(number, len(lines))
        value = (
            lines[line]
            .replace(b'"id":"I', b'"id":"%dI' % again)
            .replace(b'"incident_id":"I', b'"incident_id":"%dI' % again)
        )
        yield topic, str(number % 997), value


def test_from_append_to_announcement(broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    today = datetime.now(UTC).date()
    files = write_town(tmp_path / "town", seed=11, days=500, end=today)
    home = Home(tmp_path / "home", files.config_file, progress=lambda text: None).ensure()
    load_file(home, files.events, None)
    daily_run(home, today)
    prefix = make_topics(broker)
    behind = [i for ids in read_published(home.path, "area_notice")["evidence_ids"] for i in ids]
    assert behind, "the town's notices rest on nothing"
    heard: dict[tuple[str, int], float] = {}
    stop = threading.Event()
    listener = threading.Thread(target=listen, args=(broker, prefix + "changes", heard, stop))
    listener.start()
    with harmspot(home, broker, prefix) as process:
        try:
            time.sleep(12)  # it joins and reads what the run knew; the measurement begins after
            appended = drive(broker, prefix + "incidents", files.events / "incidents.jsonl", sorted(set(behind)))
            time.sleep(5)
        finally:
            process.send_signal(signal.SIGTERM)
            stop.set()
        assert process.stdout is not None
        summary = json.loads(process.stdout.read())
    listener.join()
    waits = [heard[change] - at for change, at in appended.items() if change in heard]
    p50, p99 = np.percentile(waits, [50, 99], method="inverted_cdf")
    print(
        f"\n{summary['counts']['rows_in']:,} events at {RATE}/s for {SECONDS:g} s in {summary['batches']:,} batches; "
        f"{len(waits)} of {len(appended)} changes heard; append to announcement p50 {p50:.2f} s, p99 {p99:.2f} s, "
        f"longest {max(waits):.2f} s"
    )
    assert len(waits) == len(appended)


def drive(address: str, topic: str, events: Path, evidence: list[str]) -> dict[tuple[str, int], float]:
    """Append events at the rate, some of which cancel or restore evidence; return when each of those was appended."""
    latest = {event["data"]["incident_id"]: event for event in readable(events.read_bytes().splitlines())}
    usual = list(latest.values())
    producer = KafkaProducer(bootstrap_servers=address, acks="all", linger_ms=5)
    appended: dict[tuple[str, int], Callable[[], Any]] = {}
    began = time.perf_counter()
    for number in range(int(SECONDS * RATE)):
        time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        if number % (RATE // CHANGES_PER_S) == 0:
            turn, which = divmod(len(appended), len(evidence))
            event = latest[evidence[which]]
            status = "amended" if turn % 2 else "cancelled"
            sent = producer.send(topic, key=evidence[which].encode(), value=again(event, turn + 1_000, status=status))
            appended[evidence[which], turn] = sent.get  # the broker's acknowledgement bears the record's time
        else:
            event = usual[number % len(usual)]
            fresh = {"incident_id": f"L{number:08}", "status": "recorded", "occurred_at": datetime.now(UTC).isoformat()}
            producer.send(topic, key=fresh["incident_id"].encode(), value=again(event, 1, **fresh))
    producer.flush(timeout=30)
    found = {change: get().timestamp / 1000 for change, get in appended.items()}
    producer.close()
    return found


def again(event: dict[str, Any], version: int, **data: Any) -> bytes:
    content = {key: value for key, value in event["data"].items() if key != "reported_at"} | {"version": version} | data
    return json.dumps(event | {"id": f"{content['incident_id']}.{version}", "data": content}).encode()


def readable(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the incidents that can be read and have a point: the town has broken lines on purpose."""
    for line in lines:
        try:
            decode_event(line)
        except ValueError:
            continue
        event = json.loads(line)
        if event["data"].get("location", {}).get("lon"):
            yield event


def listen(address: str, topic: str, heard: dict[tuple[str, int], float], stop: threading.Event) -> None:
    """Note when each announcement about evidence came, the n-th of an incident under (incident, n)."""
    consumer = KafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest", enable_auto_commit=False)
    seen: set[str] = set()
    turns: dict[str, int] = {}
    while not stop.is_set():
        for records in consumer.poll(timeout_ms=100).values():
            now = time.time()
            for record in records:
                event = json.loads(record.value)
                data = event["data"]
                if event["id"] in seen or data["place_kind"] != "notice":
                    continue
                seen.add(event["id"])
                turn = turns.get(data["incident_id"], 0)
                turns[data["incident_id"]] = turn + 1
                heard[data["incident_id"], turn] = now
    consumer.close()
