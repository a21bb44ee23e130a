"""Servers the integration tests share: one per test process, started when the first test asks."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest
from kafka import KafkaAdminClient

from flows.home.home import Home
from pipeline.events.columns import TOPICS
from tests.integration.broker import BrokerUnavailableError, running_broker


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[str]:
    """Address of a real Apache Kafka; without Java or Maven the test skips, or fails where servers are required."""
    with ExitStack() as stack:
        try:
            address = stack.enter_context(running_broker())
        except BrokerUnavailableError as error:
            skip_or_fail(error)
        yield address


def skip_or_fail(error: BrokerUnavailableError) -> NoReturn:
    """Skip the test, or fail it where servers are required."""
    if os.environ.get("HARMSPOT_REQUIRE_SERVERS") == "1":
        pytest.fail(f"HARMSPOT_REQUIRE_SERVERS=1, but Kafka cannot run: {error}")
    pytest.skip(f"Kafka cannot run here: {error}")


@pytest.fixture
def topic_prefix() -> str:
    """Return a prefix of its own for each test's topics, for the broker may be shared."""
    return f"test-{uuid.uuid4().hex[:12]}."


@pytest.fixture
def partitions() -> int:
    """How many partitions each topic has."""
    return 3


@pytest.fixture
def kafka_home(
    new_home: Callable[..., Home],
    kafka_broker: str,
    topic_prefix: str,
    partitions: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Home:
    """A home that reads topics of its own on the broker."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_broker)
    monkeypatch.setenv("HARMSPOT__KAFKA__TOPIC_PREFIX", topic_prefix)
    monkeypatch.setenv("HARMSPOT__STREAM__SESSION_TIMEOUT_S", "6")  # no broker takes less
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker)
    admin.create_topics({topic_prefix + topic: {"num_partitions": partitions} for topic in (*TOPICS, "changes")})
    admin.close()
    return new_home(tmp_path / "by topic")
