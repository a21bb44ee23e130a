"""What the group reader and the publisher give to the Kafka client, and what they never show."""

import logging
import socket
import time
from collections.abc import Iterator
from itertools import permutations
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import pytest

from pipeline.errors import BrokerError, SourceError
from pipeline.sources import kafka, kafka_kind
from pipeline.sources.kafka import Bounds, KafkaPublisher
from pipeline.sources.kafka_group import GroupReader, NamedFirst

SECURITY = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "SCRAM-SHA-512",
    "sasl_plain_username": "hush-name",
    "sasl_plain_password": "hush-word",
    "ssl_cafile": __file__,
    "ssl_password": "hush-key",
}


class Client:
    """Stands in for both of kafka-python's clients and remembers what it was given."""

    given: dict[str, Any]
    _fetcher = SimpleNamespace()
    DEFAULT_CONFIG = kafka.KafkaConsumer.DEFAULT_CONFIG

    def __init__(self, **given: Any) -> None:
        type(self).given = given

    known: frozenset[int] | None = frozenset({0})

    def partitions_for_topic(self, topic: str) -> frozenset[int] | None:
        return self.known

    def subscribe(self, topics: list[str], listener: object) -> None:
        pass

    def close(self, **options: Any) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_tls_and_sasl_reach_consumer_and_producer(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "KafkaConsumer", Client)
    reader = GroupReader(address, ["incidents"], "g", SECURITY, member="one")
    assert SECURITY.items() <= Client.given.items()
    assert (Client.given["group_instance_id"], Client.given["enable_auto_commit"]) == ("one", False)
    assert Client.given["reconnect_backoff_max_ms"] == 1000  # or a broker that is back is noticed half a minute late
    assert "hush" not in repr(reader)
    reader.close()
    monkeypatch.setattr(kafka, "KafkaProducer", Client)
    publisher = KafkaPublisher(address, "", SECURITY)
    assert SECURITY.items() <= Client.given.items()
    assert Client.given["reconnect_backoff_max_ms"] == 1000
    assert "hush" not in repr(publisher)
    publisher.close()


def test_of_a_topic_out_of_sight_no_member_has_the_whole(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "KafkaConsumer", Client)
    reader = GroupReader(address, ["incidents"], "g")
    assert not reader.is_whole()
    monkeypatch.setattr(Client, "known", frozenset())
    assert reader.is_whole()
    monkeypatch.setattr(Client, "known", None)
    assert not reader.is_whole()


def test_no_error_and_no_log_line_shows_a_secret(address: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(BrokerError) as nobody:
        GroupReader("127.0.0.1:1", ["incidents"], "g", SECURITY, timeout_s=0.5)
    with pytest.raises(SourceError) as unknown:
        GroupReader(address, ["incidents"], "g", {**SECURITY, "sasl_hush": "hush-value"})
    assert "sasl_hush" in str(unknown.value)
    with pytest.raises(SourceError, match="has sasl_plain_password; expected") as glued:
        GroupReader(address, ["incidents"], "g", {"sasl_plain_password:hush-word": None})
    assert "hush" not in str(glued.value)
    for no_file in ("/hush/ca.pem", 5):
        with pytest.raises(SourceError, match=r"security\.ssl_cafile is not an existing file") as absent:
            GroupReader(address, ["incidents"], "g", {**SECURITY, "ssl_cafile": no_file})
        assert "hush" not in str(absent.value)
    for shown in (str(nobody.value), str(unknown.value).replace("sasl_hush", ""), caplog.text):
        assert "hush" not in shown


@pytest.mark.parametrize("names", sorted(set(permutations([None, None, "day desk", "night desk"])), key=str))
def test_every_member_has_a_share_in_whatever_order_the_broker_names_them(names: tuple[str | None, ...]) -> None:
    metadata = SimpleNamespace(topics=["incidents"])
    members = [
        SimpleNamespace(member_id=f"m{number}", group_instance_id=name, metadata=metadata)
        for number, name in enumerate(names)
    ]
    cluster = SimpleNamespace(partitions_for_topic=lambda topic: {0, 1, 2, 3, 4})
    shares = NamedFirst.assign(cluster, members)
    given = [dict(share.assigned_partitions).get("incidents", []) for share in shares.values()]
    assert sorted(map(len, given)) == [1, 1, 1, 2]
    assert sorted(number for share in given for number in share) == [0, 1, 2, 3, 4]


def test_a_partition_that_nobody_has_taken_yet_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic that gained a partition: its records are behind, although no offset of it is stored."""
    bounds = {("incidents", 0): Bounds(0, 5, None), ("incidents", 1): Bounds(0, 30, None)}
    monkeypatch.setattr(kafka_kind, "read_bounds", lambda *_, **__: bounds)
    settings = SimpleNamespace(bootstrap_servers="broker-1:9092", topic_prefix="", security={})
    found = {each.check: each for each in kafka_kind.KafkaTopics(settings).check({("incidents", 0): 5}, {})}
    assert found["lag: incidents[0]"][1:] == ("ok", "0 behind, read to 5 of 5", 0)
    assert found["lag: incidents[1]"].value == 30
    assert "30 behind, not taken yet" in found["lag: incidents[1]"].detail


def test_a_broker_that_only_accepts_connections_is_silent() -> None:
    """One that hangs lets the client connect again and again, and says nothing."""

    class Transport:
        def __init__(self) -> None:
            self.last_read = time.monotonic()  # as the client has it, before anything is read

    reader = GroupReader.__new__(GroupReader)
    connections = {"dead": SimpleNamespace(transport=None)}
    reader._consumer = SimpleNamespace(_manager=SimpleNamespace(_conns=connections))
    reader._last_read_at, reader._opened_at = time.monotonic() - 100, WeakKeyDictionary()
    for _ in range(3):
        connections["again"] = SimpleNamespace(transport=Transport())
        assert reader.silent_s() >= 100
    connections["again"].transport.last_read += 0.001
    assert reader.silent_s() < 50
