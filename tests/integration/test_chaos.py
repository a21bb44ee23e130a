"""Every fault once: short to the stream in `make test-all`, to each verb in `make soak`; long in `make chaos`."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.broker import Broker, BrokerUnavailableError
from tests.integration.chaos import FAULTS, INGEST, SHARED_FAULTS, SHORT, STREAM, Site, battlefield, suffer
from tests.integration.conftest import skip_or_fail
from tests.integration.proxy import Proxy
from tests.integration.victim import PATIENCE_S, Victim
from tests.postgresql import PostgresServer
from tests.soak import sample

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def ground() -> Iterator[tuple[Broker, Proxy]]:
    """A broker of our own, for it is killed, behind a proxy."""
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(battlefield())
        except BrokerUnavailableError as error:
            skip_or_fail(error)
        yield opened


@pytest.mark.parametrize(
    "fault", [name if name != "overload" else pytest.param(name, marks=pytest.mark.soak) for name in FAULTS]
)
def test_stream_survives(fault: str, ground: tuple[Broker, Proxy], tmp_path: Path) -> None:
    endure(Site(tmp_path, *ground, STREAM, seed=7), fault)


OF_SHARED = ("killed at each step", "database restarted", "database cut", "two consumers")


@pytest.mark.parametrize(
    "fault",
    [
        name if name in OF_SHARED else pytest.param(name, marks=pytest.mark.soak)
        for name in SHARED_FAULTS
        if name != "four consumers"
    ],
)
def test_a_stream_into_a_shared_store_survives(
    fault: str, ground: tuple[Broker, Proxy], postgresql: PostgresServer, tmp_path: Path
) -> None:
    endure(Site(tmp_path, *ground, STREAM, seed=7, server=postgresql), fault)


@pytest.mark.sampled
def test_four_consumers_of_a_shared_store_are_killed_at_random(
    ground: tuple[Broker, Proxy], postgresql: PostgresServer, tmp_path: Path
) -> None:
    site = Site(tmp_path, *ground, STREAM, seed=7, server=postgresql)
    with closing(site.traffic):
        suffer(site, "four consumers", replace(SHORT, kills=sample(10, whole=100)))


OF_INGEST = ("killed at random", "disk full")


@pytest.mark.parametrize(
    "fault", [name if name in OF_INGEST else pytest.param(name, marks=pytest.mark.soak) for name in FAULTS]
)
def test_ingest_survives(fault: str, ground: tuple[Broker, Proxy], tmp_path: Path) -> None:
    endure(Site(tmp_path, *ground, INGEST, seed=7), fault)


def test_a_broker_that_falls_silent_is_spoken_of(ground: tuple[Broker, Proxy], tmp_path: Path) -> None:
    """What waits there cannot be known, so nothing is said of it."""
    site = Site(tmp_path, *ground, STREAM, seed=7)
    _, proxy = ground
    with closing(site.traffic):
        site.traffic.send(100)
        victim = site.start("stream", HARMSPOT__STREAM__PROGRESS_S="1")
        wait_until_said(victim, " 0 behind")
        proxy.hold()
        try:
            wait_until_said(victim, "no word from the broker for ")
            assert " behind" not in victim.said().splitlines()[-1]
        finally:
            proxy.let_go()
        site.traffic.send(100)
        wait_until_said(victim, "200 rows")
        victim.terminate()
        assert victim.wait() == 0, victim.said()


def wait_until_said(victim: Victim, words: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while words not in victim.said():
        assert victim.is_alive() and time.monotonic() < deadline, victim.said()[-2000:]
        time.sleep(0.1)


def endure(site: Site, fault: str) -> None:
    with closing(site.traffic):
        suffer(site, fault, SHORT)
