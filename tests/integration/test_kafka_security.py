"""A broker that answers but refuses: what is wrong with the settings is named, no value of them."""

import gc
import re
import ssl
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pipeline.errors import BrokerError, SourceError
from pipeline.sources.kafka import read_bounds
from tests.integration.broker import BrokerUnavailableError, own_broker, ports
from tests.integration.conftest import Brokers, skip_or_fail

pytestmark = pytest.mark.integration

RIGHT = {
    "security_protocol": "SASL_PLAINTEXT",
    "sasl_mechanism": "PLAIN",
    "sasl_plain_username": "reader",
    "sasl_plain_password": "right",
}


@pytest.fixture(scope="module")
def guarded(brokers: Brokers) -> Iterator[str]:
    """The address at which a broker asks for a password."""
    with ExitStack() as stack:
        yield brokers.guarded or own_guarded(stack)


def own_guarded(stack: ExitStack) -> str:
    try:
        (port,) = stack.enter_context(ports(1))
        stack.enter_context(own_broker(sasl_port=port))
    except BrokerUnavailableError as error:
        skip_or_fail(error)
    return f"127.0.0.1:{port}"


@pytest.fixture(autouse=True)
def no_socket_left() -> Iterator[None]:
    """Close the sockets whose TLS handshake failed: kafka-python 3.0.12 does not, and what it logged holds them."""
    yield
    for found in gc.get_objects():
        if isinstance(found, ssl.SSLSocket):
            found.close()


def test_the_right_password_opens(guarded: str) -> None:
    with pytest.raises(SourceError, match="has no topic absent"):
        read_bounds(guarded, ["absent"], RIGHT, timeout_s=60)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sasl_plain_password": "hush"}, "answers, but (it refuses the user name or password|it disconnects)"),
        ({"sasl_mechanism": "SCRAM-SHA-512"}, "answers, but (it does not support the mechanism|it disconnects)"),
        ({"security_protocol": "SASL_SSL"}, "answers, but (TLS fails|it disconnects)"),
    ],
)
def test_what_it_refuses_is_named(guarded: str, changes: dict[str, str], words: str) -> None:
    for timeout_s in (3, 60):  # the client tries until then; a busy machine may need longer for the first answer
        with pytest.raises(BrokerError) as refused:
            read_bounds(guarded, ["absent"], RIGHT | changes, timeout_s=timeout_s)
        if "answers, but" in str(refused.value):
            break
    assert re.search(words, str(refused.value))
    assert "hush" not in str(refused.value) and "right" not in str(refused.value)
