"""What the group reader and the publisher give to the Kafka client, and what they never show."""

import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.errors import BrokerError, SourceError
from pipeline.sources import kafka
from pipeline.sources.kafka import KafkaPublisher
from pipeline.sources.kafka_group import GroupReader

SECURITY = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "SCRAM-SHA-512",
    "sasl_plain_username": "hush-name",
    "sasl_plain_password": "hush-word",
    "ssl_cafile": "/hush/ca.pem",
    "ssl_password": "hush-key",
}


class Client:
    """Stands in for both of kafka-python's clients and remembers what it was given."""

    given: dict[str, Any]
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
    assert "hush" not in repr(reader)
    reader.close()
    monkeypatch.setattr(kafka, "KafkaProducer", Client)
    publisher = KafkaPublisher(address, "", SECURITY)
    assert SECURITY.items() <= Client.given.items()
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
    for shown in (str(nobody.value), str(unknown.value).replace("sasl_hush", ""), caplog.text):
        assert "hush" not in shown
