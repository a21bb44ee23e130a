"""One Apache Kafka broker on loopback for the integration tests; `python -m tests.integration.broker` runs one by hand.

KRaft mode, broker and controller in one Java process. Its jars come from Maven once, into a cache outside the
repository. A shell stands between us and Java and stops it when our end of its input closes, so no broker outlives
the tests, however they end.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.sharing import fetched, locked

POM = Path(__file__).parent / "kafka" / "pom.xml"
START_TIMEOUT_S = 600  # it takes five seconds on a quiet machine
_CLUSTER_ID = "aGFybXNwb3QtdGVzdC1raw"  # 16 bytes in URL-safe base64, as the format asks

# Java stops when the shell's input ends, that is when this process closes it or dies.
_SHELL = '"$@" </dev/null & java=$!; (read -r _; kill -9 $java) <&3 & wait $java'

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{advertised_port}
controller.listener.names=CONTROLLER
log.dirs={folder}/logs
auto.create.topics.enable=false
num.partitions=3
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""

_SASL = """\
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port},SASL_PLAINTEXT://127.0.0.1:{sasl_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_reader="right";
"""


class BrokerUnavailableError(Exception):
    """No broker can be started here; the message says what is missing."""


@contextmanager
def running_broker() -> Iterator[str]:
    """Yield the address of a broker: the one KAFKA_BOOTSTRAP_SERVERS names, or a new one that ends with the block."""
    if given := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield given
        return
    with own_broker() as broker:
        yield broker.address


@contextmanager
def own_broker(
    advertised_port: int | None = None,
    before_start: Callable[[int], None] = lambda port: None,
    heap_mb: int = 256,
    sasl_port: int | None = None,
) -> Iterator["Broker"]:
    """Yield a new broker that ends with the block.

    On `sasl_port` it asks for a password as well (SASL_PLAINTEXT, PLAIN; reader, right). Clients are told
    `advertised_port`; `before_start` is given the true one, to put a proxy before it.
    """
    with tempfile.TemporaryDirectory(prefix="harmspot-kafka-") as folder, ports(2) as own:
        broker = Broker(_jars(), Path(folder), own, advertised_port, heap_mb, sasl_port)
        before_start(broker.port)
        try:
            broker.start()
            yield broker
        finally:
            broker.kill()


def _jars() -> Path:
    """Return the folder with the broker's jars, filled by Maven the first time."""
    if missing := [program for program in ("java", "mvn", "sh") if shutil.which(program) is None]:
        raise BrokerUnavailableError(
            f"no {' and no '.join(missing)} on the path (Java 17 or newer and Maven are needed)"
        )
    return fetched(f"kafka-{_version()}", _copy_jars)


def _formatted_storage(jars: Path, java: list[str]) -> Path:
    """Return empty storage for a broker, formatted once beside the jars: Java takes seconds to do it."""
    storage = jars.with_name(f"{jars.name}-storage")
    with locked(jars.parent / "lock"), tempfile.TemporaryDirectory(dir=jars.parent) as folder:
        if not storage.exists():
            properties = Path(folder) / "server.properties"
            properties.write_text(_PROPERTIES.format(port=1, advertised_port=1, controller_port=2, folder=folder))
            command = [*java, "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(properties)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=START_TIMEOUT_S)
            if done.returncode:
                raise BrokerUnavailableError(f"the broker's storage could not be made: {done.stdout[-800:]}")
            (Path(folder) / "logs").rename(storage)
    return storage


def _copy_jars(jars: Path) -> None:
    command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise BrokerUnavailableError(f"Maven could not fetch the broker's jars: {done.stdout[-500:]}")


def _version() -> str:
    found = ElementTree.parse(POM).findtext(".//{*}dependency/{*}version")
    assert found is not None, f"{POM} names no version"
    return found


class Broker:
    """A broker that can be killed and started again on the same port with what it holds."""

    def __init__(
        self,
        jars: Path,
        folder: Path,
        own_ports: list[int],
        advertised_port: int | None = None,
        heap_mb: int = 256,
        sasl_port: int | None = None,
    ) -> None:
        self.port, controller_port = own_ports
        self._advertised_port = advertised_port or self.port
        self._log = folder / "broker.log"
        heap = ["-Xms64m", f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        self._java = ["java", *heap, "-cp", f"{jars}/*"]
        self._properties = folder / "server.properties"
        self._properties.write_text(
            _PROPERTIES.format(
                port=self.port, advertised_port=self._advertised_port, controller_port=controller_port, folder=folder
            )
            + (_SASL.format(port=self.port, controller_port=controller_port, sasl_port=sasl_port) if sasl_port else "")
        )
        self._process: subprocess.Popen | None = None
        shutil.copytree(_formatted_storage(jars, self._java), folder / "logs")

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._advertised_port}"

    def start(self) -> None:
        command = ["sh", "-c", f"exec 3<&0; {_SHELL}", "sh", *self._java, "kafka.Kafka", str(self._properties)]
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output)
        _wait_until_answering(self._process, self.port, self._advertised_port, self._log)

    def kill(self) -> None:
        """Stop it as a loss of power would; `start` brings it back."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(timeout=START_TIMEOUT_S)
        self._process = None


def _wait_until_answering(process: subprocess.Popen, port: int, advertised_port: int, log: Path) -> None:
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BrokerUnavailableError(f"the broker stopped while starting: {log.read_text()[-800:]}")
        try:
            _probe(port)
            # Behind a proxy the cluster answers where it says it is.
            KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{advertised_port}", bootstrap_timeout_ms=5000).close()
            return
        except (OSError, KafkaError):
            time.sleep(0.1)
    raise BrokerUnavailableError(f"the broker did not answer within {START_TIMEOUT_S} s: {log.read_text()[-800:]}")


def _probe(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=1).close()


@contextmanager
def ports(count: int) -> Iterator[list[int]]:
    """Yield free ports of ours until the block ends: bound, so that the system gives them to nobody else meanwhile.

    Nothing listens on them yet, and so whoever asks to share the address, as Java and Python's servers do, may.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for opened in sockets:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(("127.0.0.1", 0))
        yield [opened.getsockname()[1] for opened in sockets]


def main() -> None:
    """Run a broker until Ctrl-C and say where it is."""
    try:
        with running_broker() as address:
            print(f"Kafka answers at {address}; export KAFKA_BOOTSTRAP_SERVERS={address} (Ctrl-C stops it)", flush=True)
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        print("stopped")
    except BrokerUnavailableError as error:
        raise SystemExit(f"cannot run Kafka: {error}") from None


if __name__ == "__main__":
    main()
