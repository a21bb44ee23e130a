"""One Apache Kafka broker on loopback for the integration tests; `python -m tests.integration.broker` runs one by hand.

KRaft mode, broker and controller in one Java process. Its jars come from Maven once, into a cache outside the
repository. A shell stands between us and Java and stops it when our end of its input closes, so no broker outlives
the tests, however they end.
"""

import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POM = Path(__file__).parent / "kafka" / "pom.xml"
START_TIMEOUT_S = 90
_CLUSTER_ID = "aGFybXNwb3QtdGVzdC1raw"  # 16 bytes in URL-safe base64, as the format asks

# Java stops when the shell's input ends, that is when this process closes it or dies.
_SHELL = '"$@" </dev/null & java=$!; (read -r _; kill -9 $java) <&3 & wait $java'

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={folder}/logs
auto.create.topics.enable=false
num.partitions=3
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""


class BrokerUnavailableError(Exception):
    """No broker can be started here; the message says what is missing."""


@contextmanager
def running_broker() -> Iterator[str]:
    """Yield the address of a broker: the one KAFKA_BOOTSTRAP_SERVERS names, or a new one that ends with the block."""
    if given := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield given
        return
    jars = _jars()
    with tempfile.TemporaryDirectory(prefix="harmspot-kafka-") as name, _started(jars, Path(name)) as address:
        yield address


def _jars() -> Path:
    """Return the folder with the broker's jars, filled by Maven the first time."""
    if missing := [program for program in ("java", "mvn", "sh") if shutil.which(program) is None]:
        raise BrokerUnavailableError(
            f"no {' and no '.join(missing)} on the path (Java 17 or newer and Maven are needed)"
        )
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "harmspot"
    jars = cache / f"kafka-{_version()}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (jars / ".complete").exists():
            _copy_jars(jars)
    return jars


def _copy_jars(jars: Path) -> None:
    command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise BrokerUnavailableError(f"Maven could not fetch the broker's jars: {done.stdout[-500:]}")
    (jars / ".complete").touch()


def _version() -> str:
    found = ElementTree.parse(POM).findtext(".//{*}dependency/{*}version")
    assert found is not None, f"{POM} names no version"
    return found


@contextmanager
def _started(jars: Path, folder: Path) -> Iterator[str]:
    port, controller_port = _free_ports(2)
    properties = folder / "server.properties"
    properties.write_text(_PROPERTIES.format(port=port, controller_port=controller_port, folder=folder))
    java = ["java", "-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*"]
    format_storage = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(properties)]
    log = folder / "broker.log"
    with log.open("wb") as output:
        if subprocess.run([*java, *format_storage], stdout=output, stderr=output, timeout=60).returncode:
            raise BrokerUnavailableError(f"the broker's storage could not be made: {log.read_text()[-800:]}")
        command = ["sh", "-c", f"exec 3<&0; {_SHELL}", "sh", *java, "kafka.Kafka", str(properties)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output)
    try:
        _wait_until_answering(process, port, log)
        yield f"127.0.0.1:{port}"
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=30)


def _wait_until_answering(process: subprocess.Popen, port: int, log: Path) -> None:
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BrokerUnavailableError(f"the broker stopped while starting: {log.read_text()[-800:]}")
        try:
            _probe(port)
            KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}", bootstrap_timeout_ms=5000).close()
            return
        except (OSError, KafkaError):
            time.sleep(0.1)
    raise BrokerUnavailableError(f"the broker did not answer within {START_TIMEOUT_S} s: {log.read_text()[-800:]}")


def _probe(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=1).close()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


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
