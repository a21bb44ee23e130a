"""Servers the integration tests share: one per test run, started when the first test asks."""

import fcntl
import gc
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
from kafka import KafkaAdminClient

from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.schedule.prefect_server import prefect_server
from pipeline.events.columns import TOPICS
from tests.integration.broker import BrokerUnavailableError, own_broker, ports
from tests.sharing import forget, locked, made_once

HERE = Path(__file__).parent
# Seen once, beside forty busy processes: a socket to the broker that nobody closed. Only kafka-python 3.0.12 opens any.
FORGOTTEN_SOCKET = r"ignore:Exception ignored in. <socket\.socket:pytest.PytestUnraisableExceptionWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let no test of this folder fail for a socket that Kafka's client forgot."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(FORGOTTEN_SOCKET))


@pytest.fixture(scope="module", autouse=True)
def forgotten_sockets() -> Iterator[None]:
    """Collect them here, and not during a test of another folder."""
    yield
    gc.collect()


@dataclass(frozen=True)
class Brokers:
    """Where Apache Kafka answers: to anybody, and, if it is our own, where it asks for a password."""

    open: str
    guarded: str | None


@pytest.fixture(scope="session")
def brokers(shared: Path) -> Iterator[Brokers]:
    """The broker of this test run; without Java or Maven the test skips, or fails where servers are required.

    The first process that asks starts it, and stops it once no other uses it.
    """
    users = shared / "kafka.users"
    with ExitStack() as own:
        with locked(users, fcntl.LOCK_SH):
            try:
                found = made_once(shared / "kafka", lambda folder: start_broker(folder, own))
            except BrokerUnavailableError as error:
                skip_or_fail(error)
            yield found
        if (shared / "kafka" / f"{os.getpid()}").exists():
            with locked(users):
                forget(shared / "kafka")


def start_broker(folder: Path, stack: ExitStack) -> Brokers:
    """Start a broker that lasts as long as the stack, unless one was named, and note whose it is."""
    if given := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        return Brokers(given, None)
    (guarded_port,) = stack.enter_context(ports(1))
    broker = stack.enter_context(own_broker(sasl_port=guarded_port))
    (folder / f"{os.getpid()}").touch()
    return Brokers(broker.address, f"127.0.0.1:{guarded_port}")


@pytest.fixture(scope="session")
def kafka_broker(brokers: Brokers) -> str:
    """The address of a real Apache Kafka."""
    return brokers.open


def skip_or_fail(error: BrokerUnavailableError) -> NoReturn:
    """Skip the test, or fail it where servers are required."""
    if os.environ.get("HARMSPOT_REQUIRE_SERVERS") == "1":
        pytest.fail(f"HARMSPOT_REQUIRE_SERVERS=1, but Kafka cannot run: {error}")
    pytest.skip(f"Kafka cannot run here: {error}")


@pytest.fixture(scope="session")
def migrated(shared: Path) -> Path:
    """Folder `prefect` of a home in which a server was started once: its database is migrated, which takes longest."""

    def start_once(home: Path) -> None:
        with prefect_server(home) as wait_for_server:
            wait_for_server()

    made_once(shared / "migrated", start_once)
    return shared / "migrated" / "prefect"


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
    with open_home_store(new_home(tmp_path / "by topic")):
        return new_home(tmp_path / "by topic")  # whose settings nobody has read: tests set variables
