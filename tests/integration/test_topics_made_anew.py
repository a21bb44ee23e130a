"""A topic that was deleted and made anew under its old name: its offsets are others, whatever their numbers."""

import time
from contextlib import closing

import pytest
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from flows.health.doctor import examine
from flows.home.home import Home
from flows.ingest.ingest import ingest_named
from flows.ingest.offsets import forget_offset
from flows.ingest.stream import StreamLimits, stream
from pipeline.errors import SourceError
from pipeline.events.batch import BatchCounts
from tests import poison
from tests.integration.victim import PATIENCE_S
from tests.publishers import write_records

pytestmark = pytest.mark.integration


@pytest.fixture
def partitions() -> int:
    return 1


def send(address: str, topic: str, numbers: range) -> None:
    write_records(address, [(topic, "one", poison.good(number)) for number in numbers])


def make_anew(address: str, topic: str) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=address)) as admin:
        admin.delete_topics([topic])
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                admin.create_topics({topic: {"num_partitions": 1}})
                return
            except KafkaError:  # not yet gone
                time.sleep(0.2)
    raise AssertionError(f"{topic} could not be made anew")


def stream_once(home: Home) -> BatchCounts:
    return stream(home, StreamLimits(max_seconds=PATIENCE_S, until_caught_up=True)).counts


@pytest.mark.parametrize("read", [stream_once, lambda home: ingest_named(home, "kafka")])
def test_a_topic_made_anew_is_refused_until_its_offsets_are_forgotten(
    read, kafka_home: Home, kafka_broker: str, topic_prefix: str
) -> None:
    """It has grown past the offset that was stored, so that nothing but its id tells it apart."""
    topic = f"{topic_prefix}incidents"
    send(kafka_broker, topic, range(10))
    assert read(kafka_home).stored == 10
    make_anew(kafka_broker, topic)
    send(kafka_broker, topic, range(5, 25))
    with pytest.raises(SourceError, match=f"the topic was recreated.*--forget-offset '{topic}'"):
        read(kafka_home)
    found = examine(kafka_home).set_index("check")
    assert found.loc[f"topic: {topic}", "state"] == "fault"
    said: list[str] = []
    home = Home(kafka_home.path, kafka_home.config_file, kafka_home.clock, said.append)
    with pytest.raises(SourceError, match=r"no offset of .*\[7\]'; it has those of: .*incidents\[0\]"):
        forget_offset(home, f"{topic}[7]")
    assert forget_offset(home, topic) == {(topic, 0): 10}
    assert said == [f"{topic}[0]: forgot offset 10; it is read from its first record"]
    counts = read(kafka_home)
    assert (counts.stored, counts.duplicates) == (15, 5)
