"""A member of a group on a real broker: its share follows the topics, whatever its polls cut short."""

import time
from contextlib import ExitStack, closing

import pytest
from kafka import KafkaAdminClient

from pipeline.sources.kafka_group import GroupReader
from tests.integration.victim import PATIENCE_S

pytestmark = pytest.mark.integration


def test_partitions_that_are_added_come_to_a_member_that_polls_briefly(kafka_broker: str, topic_prefix: str) -> None:
    """The join that they cause is answered between two polls."""
    topic = f"{topic_prefix}incidents"
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker)
    admin.create_topics({topic: {"num_partitions": 1}})
    with closing(admin), closing(GroupReader(kafka_broker, [topic], topic_prefix, session_timeout_s=6)) as reader:
        assert poll_until(reader, 1) == [(topic, 0)]
        admin.create_partitions({topic: 3})
        began = time.monotonic()
        assert poll_until(reader, 3) == [(topic, 0), (topic, 1), (topic, 2)]
        assert time.monotonic() - began < 120  # nobody asks: the client looks every ten seconds, not every five minutes
        assert reader.is_lasting()


def poll_until(reader: GroupReader, count: int) -> list[tuple[str, int]]:
    """Poll until the member has so many partitions, for ten minutes at most, and return what it has."""
    deadline = time.monotonic() + PATIENCE_S
    while len(reader.unplaced()) < count and time.monotonic() < deadline:
        reader.poll(0.001, 1)
    return reader.unplaced()


def test_members_with_and_without_a_lasting_name_share_one_group(kafka_broker: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}incidents"
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker)
    admin.create_topics({topic: {"num_partitions": 4}})
    with closing(admin), ExitStack() as opened:
        readers = [
            opened.enter_context(
                closing(GroupReader(kafka_broker, [topic], topic_prefix, member=name, session_timeout_s=6))
            )
            for name in (None, "night desk", None, "day desk")
        ]
        deadline = time.monotonic() + PATIENCE_S
        while (shares := [reader.unplaced() for reader in readers]) and time.monotonic() < deadline:
            if sorted(place for share in shares for place in share) == [(topic, n) for n in range(4)] and all(shares):
                break
            for reader in readers:
                reader.poll(0.001, 1)
    assert sorted(map(len, shares)) == [1, 1, 1, 1]
    assert sorted(place for share in shares for place in share) == [(topic, n) for n in range(4)]
