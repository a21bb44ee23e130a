"""Servers the integration tests share: one per test process, started when the first test asks."""

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NoReturn

import pytest

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
