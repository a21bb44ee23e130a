"""A member of a group on a real broker: its share follows the topics, whatever its polls cut short."""

import time
from contextlib import closing

import pytest
from kafka import KafkaAdminClient

from pipeline.sources.kafka_group import GroupReader

pytestmark = pytest.mark.integration


def test_partitions_that_are_added_come_to_a_member_that_polls_briefly(kafka_broker: str, topic_prefix: str) -> None:
    """The join that they cause is answered between two polls."""
    topic = f"{topic_prefix}incidents"
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker)
    admin.create_topics({topic: {"num_partitions": 1}})
    with closing(admin), closing(GroupReader(kafka_broker, [topic], topic_prefix, session_timeout_s=6)) as reader:
        assert poll_until(reader, 1) == [(topic, 0)]
        admin.create_partitions({topic: 3})
        reader._consumer._cluster.request_update()  # the client would look by itself within five minutes
        assert poll_until(reader, 3) == [(topic, 0), (topic, 1), (topic, 2)]
        assert reader.is_lasting()


def poll_until(reader: GroupReader, count: int) -> list[tuple[str, int]]:
    """Poll until the member has so many partitions, for twenty seconds at most, and return what it has."""
    deadline = time.monotonic() + 20
    while len(reader.unplaced()) < count and time.monotonic() < deadline:
        reader.poll(0.001, 1)
    return reader.unplaced()
