"""Every fault once, short, to each verb that reads topics; `make chaos` does them long."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.integration.broker import Broker, BrokerUnavailableError
from tests.integration.chaos import FAULTS, INGEST, SHORT, STREAM, Site, battlefield, suffer
from tests.integration.conftest import skip_or_fail
from tests.integration.proxy import Proxy

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


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "overload"])
def test_stream_survives(fault: str, ground: tuple[Broker, Proxy], tmp_path: Path) -> None:
    endure(Site(tmp_path, *ground, STREAM, seed=7), fault)


@pytest.mark.parametrize("fault", ["killed at random", "disk full"])
def test_ingest_survives(fault: str, ground: tuple[Broker, Proxy], tmp_path: Path) -> None:
    endure(Site(tmp_path, *ground, INGEST, seed=7), fault)


def endure(site: Site, fault: str) -> None:
    with closing(site.traffic):
        suffer(site, fault, SHORT)
