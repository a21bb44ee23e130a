"""Topics that a transactional producer writes: its markers are no records, and nothing is lost where they are all."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from flows.health.doctor import examine
from flows.home.home import Home
from flows.ingest.ingest import ingest_named
from flows.ingest.stream import StreamLimits, stream
from pipeline.events.batch import BatchCounts
from pipeline.sources.kafka import read_bounds
from tests import poison
from tests.integration.victim import PATIENCE_S

pytestmark = pytest.mark.integration

CAUGHT_UP = StreamLimits(max_seconds=PATIENCE_S, until_caught_up=True)


@pytest.fixture
def partitions() -> int:
    return 1


@pytest.fixture
def producer(kafka_broker: str, topic_prefix: str) -> Iterator[KafkaProducer]:
    with closing(KafkaProducer(bootstrap_servers=kafka_broker, transactional_id=topic_prefix)) as opened:
        opened.init_transactions()
        yield opened


def send(producer: KafkaProducer, topic: str, numbers: range, *, is_aborted: bool = False) -> None:
    """Send incidents in a transaction of their own."""
    producer.begin_transaction()
    for number in numbers:
        producer.send(topic, value=poison.good(number), key=b"one")
    producer.flush(30)
    if is_aborted:
        producer.abort_transaction()
    else:
        producer.commit_transaction()


def stream_once(home: Home) -> BatchCounts:
    return stream(home, CAUGHT_UP).counts


@pytest.mark.parametrize("read", [stream_once, lambda home: ingest_named(home, "kafka")])
def test_markers_and_aborted_records_are_read_past(
    read, kafka_home: Home, producer: KafkaProducer, kafka_broker: str, topic_prefix: str
) -> None:
    """Or the doctor would see a lag for ever, and retention, once it took them, would look like a loss."""
    topic = f"{topic_prefix}incidents"
    send(producer, topic, range(10))
    assert read(kafka_home).stored == 10
    send(producer, topic, range(10, 15), is_aborted=True)
    assert read(kafka_home).rows_in == 0
    lags = examine(kafka_home).set_index("check")["value"].filter(like="lag: ")
    assert lags.tolist() == [0.0] * 6
    end = read_bounds(kafka_broker, [topic])[topic, 0].end
    assert end == 10 + 1 + 5 + 1
    with closing(KafkaAdminClient(bootstrap_servers=kafka_broker)) as admin:
        admin.delete_records({TopicPartition(topic, 0): end})
    send(producer, topic, range(20, 25))
    assert read(kafka_home).stored == 5
