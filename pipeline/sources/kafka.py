"""Read Kafka topics to their current end; write records with every record acknowledged.

The store keeps the offsets, in the same transaction as the rows, so nothing is committed to a consumer group: every
partition is assigned manually and read from the store's offset.
"""

import logging
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, OffsetOutOfRangeError
from kafka.net.compat import KafkaNetClient

from pipeline.errors import BrokerError, SourceError
from pipeline.events import batch
from pipeline.events.batch import Record, RecordBatch
from pipeline.messages.outbox import OutboxMessage
from pipeline.sources.kafka_records import read_values_only

NO_SECURITY: Mapping[str, Any] = MappingProxyType({})
_SECURITY_PREFIXES = ("security_protocol", "sasl_", "ssl_")
_FILE_KEYS = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile")
_SHOWN = {"security_protocol", "sasl_mechanism", "ssl_check_hostname"}
_POLL_MS = 200
_LINGER_MS = 20
_TIMEOUT_REPORT_S = 2.0  # within which the producer reports a record whose delivery timed out
_RECONNECT_MS = 1000  # longest wait between two reconnects to a lost broker; kafka-python's default is 30 s
# What kafka-python logs when a broker refuses a connection, and its meaning; the most specific cause first.
_REFUSALS = (
    (
        "SaslAuthenticationFailedError",
        "it refuses the user name or password: correct sasl_plain_username, sasl_plain_password",
    ),
    ("UnsupportedSaslMechanismError", "it does not support the mechanism: correct kafka.security.sasl_mechanism"),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted: name its authority as kafka.security.ssl_cafile"),
    ("[SSL", "TLS fails: correct kafka.security.security_protocol or ssl_certfile"),
    # The broker may disconnect before its answer to a password or mechanism is read.
    (
        "socket disconnected",
        "it disconnects: correct security_protocol, sasl_mechanism, user, password, or see its log",
    ),
)
# Options of every harmspot consumer: the store keeps the offsets, and uncommitted records are not read.
METADATA_MAX_AGE_MS = 10_000  # a partition that a topic gains is taken after this; the client's default is 5 minutes
_CONSUMER = MappingProxyType(
    {
        "client_id": "harmspot",
        "enable_auto_commit": False,
        "auto_offset_reset": "none",
        "allow_auto_create_topics": False,
        "isolation_level": "read_committed",
        "reconnect_backoff_max_ms": _RECONNECT_MS,
        "metadata_max_age_ms": METADATA_MAX_AGE_MS,
    }
)
# Limits of memory use. A broker sends one record batch whole even if it is larger.
_PARTITION_FETCH_BYTES = 4 * 1024 * 1024
_FETCH_BYTES = 32 * 1024 * 1024
_BATCH_BYTES = 64 * 1024 * 1024


class Bounds(NamedTuple):
    """The first offset a partition still holds, the one after its last, and its topic id (None if it has none)."""

    first: int
    end: int
    topic_id: str | None


class KafkaSource:
    """Read topics from given offsets to the ends they had when the read began.

    Parameters
    ----------
    bootstrap_servers : str
        `host:port`, or several separated by commas.
    topics : sequence of str
        Names of the topics, with their prefix; each must exist.
    security : mapping
        kafka-python's `security_protocol`, `sasl_*` and `ssl_*` settings; never shown.
    timeout_s : float
        Seconds to wait for a broker to answer, and for the next record while more are expected.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        topics: Sequence[str],
        security: Mapping[str, Any] = NO_SECURITY,
        *,
        timeout_s: float = 30.0,
    ) -> None:
        self.name = f"kafka:{bootstrap_servers}"
        self._bootstrap_servers = bootstrap_servers
        self.topics = sorted(topics)
        self._security = checked_security(security)
        self._timeout_s = timeout_s

    def __repr__(self) -> str:
        return f"KafkaSource({self._bootstrap_servers!r}, {self.topics!r}, security={masked(self._security)!r})"

    def batches(self, start: Mapping[batch.TopicPartition, int], size: int) -> Iterator[RecordBatch]:
        """Yield batches of at most `size` records, each partition from its offset in `start` or its first record.

        A batch may hold no records, only next offsets: past transaction markers, aborted or compacted records.

        Raises
        ------
        SourceError
            When no broker answers, a topic is missing, or an offset of `start` is not in its topic.
        """
        with closing(self._connect()) as consumer:
            try:
                yield from self._read(consumer, start, size)
            except OffsetOutOfRangeError as error:
                raise SourceError("The topic's retention deleted records while they were read; run again.") from error
            except KafkaError as error:
                raise BrokerError(f"Reading from {self._bootstrap_servers} failed: {type(error).__name__}") from error

    def bounds(self) -> dict[batch.TopicPartition, Bounds]:
        """Return the bounds of every partition."""
        timeout_ms = round(self._timeout_s * 1000)
        with closing(self._connect()) as consumer:
            try:
                partitions = self._partitions(consumer)
                firsts = consumer.beginning_offsets(partitions, timeout_ms=timeout_ms)
                ends = consumer.end_offsets(partitions, timeout_ms=timeout_ms)
            except KafkaError as error:
                raise BrokerError(f"{self._bootstrap_servers} did not answer: {type(error).__name__}") from None
            ids = topic_ids(consumer, self.topics)
        return {(p.topic, p.partition): Bounds(firsts[p], ends[p], ids.get(p.topic)) for p in partitions}

    def topic_ids(self) -> dict[str, str]:
        """Return the ids of the topics that have one."""
        with closing(self._connect()) as consumer:
            self._partitions(consumer)
            return topic_ids(consumer, self.topics)

    def _connect(self) -> KafkaConsumer:
        return open_consumer(
            self._bootstrap_servers,
            self._security,
            self._timeout_s,
            group_id=None,
            max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
            fetch_max_bytes=_FETCH_BYTES,
        )

    def _read(
        self, consumer: KafkaConsumer, start: Mapping[batch.TopicPartition, int], size: int
    ) -> Iterator[RecordBatch]:
        partitions = self._partitions(consumer)
        timeout_ms = round(self._timeout_s * 1000)
        ends = consumer.end_offsets(partitions, timeout_ms=timeout_ms)
        firsts = first_offsets(start, consumer.beginning_offsets(partitions, timeout_ms=timeout_ms), ends)
        behind = {partition for partition, first in firsts.items() if first < ends[partition]}
        consumer.assign(sorted(behind))
        for partition in sorted(behind):
            consumer.seek(partition, firsts[partition])
        while behind:
            yield RecordBatch(*self._fill(consumer, behind, ends, size))

    def _partitions(self, consumer: KafkaConsumer) -> list[TopicPartition]:
        found = {topic: consumer.partitions_for_topic(topic) for topic in self.topics}
        if missing := [topic for topic, numbers in found.items() if not numbers]:
            raise missing_topics(self._bootstrap_servers, missing)
        return [TopicPartition(topic, number) for topic, numbers in found.items() for number in sorted(numbers)]

    def _fill(
        self, consumer: KafkaConsumer, behind: set[TopicPartition], ends: Mapping[TopicPartition, int], size: int
    ) -> tuple[list[Record], dict[batch.TopicPartition, int]]:
        """Poll until the batch is full (records or bytes) or all is read; remove caught-up partitions from `behind`."""
        records: list[Record] = []
        following: dict[batch.TopicPartition, int] = {}
        deadline = time.monotonic() + self._timeout_s
        bytes_held = 0
        while behind and len(records) < size and bytes_held < _BATCH_BYTES:
            found = consumer.poll(timeout_ms=_POLL_MS, max_records=size - len(records))
            arrived = _records(found, ends)
            bytes_held += sum(len(record.value or b"") for record in arrived)
            records += arrived
            advanced = _advanced(consumer, behind, ends, following)
            following |= advanced
            if advanced:
                deadline = time.monotonic() + self._timeout_s
            elif time.monotonic() > deadline:
                raise BrokerError(self._stalled(behind))
            caught_up = {partition for partition in behind if following.get(tuple(partition), 0) >= ends[partition]}
            consumer.pause(*caught_up)
            behind -= caught_up
        return records, following

    def _stalled(self, behind: set[TopicPartition]) -> str:
        places = ", ".join(f"{topic}[{partition}]" for topic, partition in sorted(behind))
        return f"{self._bootstrap_servers} sent nothing for {self._timeout_s:g} s although {places} has more; run again"


def open_consumer(
    bootstrap_servers: str, security: Mapping[str, Any], timeout_s: float, **options: Any
) -> KafkaConsumer:
    """Connect a consumer with additional `options`; its `poll` returns `Record`s.

    Raises
    ------
    BrokerError
        When no broker answers within `timeout_s` seconds.
    """
    with _connecting(bootstrap_servers, timeout_s) as client:
        consumer = KafkaConsumer(
            kafka_client=client,
            bootstrap_servers=bootstrap_servers.split(","),
            bootstrap_timeout_ms=round(timeout_s * 1000),
            **_CONSUMER,
            **options,
            **security,
        )
    read_values_only(consumer)
    return consumer


def missing_topics(bootstrap_servers: str, topics: Sequence[str]) -> SourceError:
    """Return the error for topics that the brokers do not have."""
    return SourceError(
        f"{bootstrap_servers} has no topic {', '.join(topics)}; create it, "
        "or correct kafka.topic_prefix if the topics have other names"
    )


def topic_ids(consumer: KafkaConsumer, topics: Iterable[str]) -> dict[str, str]:
    """Return the id of each topic for which the consumer knows one; a recreated topic has a different id."""
    found = {topic: consumer._cluster.topic_id(topic) for topic in topics}
    return {topic: str(topic_id) for topic, topic_id in found.items() if topic_id and topic_id.int}


def read_bounds(
    bootstrap_servers: str,
    topics: Sequence[str],
    security: Mapping[str, Any] = NO_SECURITY,
    *,
    timeout_s: float = 30.0,
) -> dict[batch.TopicPartition, Bounds]:
    """Return the bounds of every partition of the topics; raise SourceError as `KafkaSource.batches` does."""
    return KafkaSource(bootstrap_servers, topics, security, timeout_s=timeout_s).bounds()


class KafkaPublisher:
    """Send outbox messages to their topics, with a prefix, over one connection until `close`.

    Parameters
    ----------
    bootstrap_servers : str
        As for `KafkaSource`.
    topic_prefix : str
        Prepended to every topic name.
    security : mapping
        As for `KafkaSource`.
    timeout_s : float
        Seconds to wait for a broker when connecting.
    answer_s : float
        Seconds to wait for each later answer.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        topic_prefix: str = "",
        security: Mapping[str, Any] = NO_SECURITY,
        *,
        timeout_s: float = 30.0,
        answer_s: float = 30.0,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic_prefix = topic_prefix
        self._answer_s = answer_s
        with _connecting(bootstrap_servers, timeout_s) as client:
            self._producer = KafkaProducer(
                kafka_client=client,
                bootstrap_servers=bootstrap_servers.split(","),
                client_id="harmspot",
                acks="all",
                # kafka-python 3.0's idempotent producer stops sending once one of its records times out.
                enable_idempotence=False,
                max_in_flight_requests_per_connection=1,  # keeps a resent record before later ones
                linger_ms=_LINGER_MS,
                reconnect_backoff_max_ms=_RECONNECT_MS,
                max_block_ms=round(answer_s * 1000),
                request_timeout_ms=round(answer_s * 1000),
                # A record that timed out must not be delivered later or delay closing the producer.
                delivery_timeout_ms=round(answer_s * 1000) + _LINGER_MS,
                bootstrap_timeout_ms=round(timeout_s * 1000),
                **checked_security(security),
            )

    def require(self, topic: str) -> None:
        """Raise SourceError unless the topic is writable; a broker with automatic topic creation creates it."""
        name = self._topic_prefix + topic
        try:
            self._producer.partitions_for(name)
        except KafkaError as error:
            raise SourceError(
                f"{self._bootstrap_servers} has no topic {name} that harmspot can write to ({type(error).__name__}); "
                "create it, or correct kafka.topic_prefix if the topics have other names"
            ) from None

    def publish(self, messages: Sequence[OutboxMessage]) -> None:
        """Return once all in-sync replicas have acknowledged every message; raise SourceError otherwise."""
        failures: list[str] = []
        try:
            for message in messages:
                topic = self._topic_prefix + message.topic
                future = self._producer.send(topic, value=message.payload, key=message.key.encode())
                future.add_errback(lambda error, topic=topic: failures.append(f"{type(error).__name__} on {topic}"))
            self._producer.flush(timeout=self._answer_s + _TIMEOUT_REPORT_S)
        except KafkaError as error:
            failures.append(type(error).__name__)
        if failures:
            raise SourceError(f"records were not delivered; first failure: {failures[0]}")

    def close(self) -> None:
        """Close the connection."""
        self._producer.close()


def masked(security: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with every value masked that may be, or point to, a secret."""
    return {key: value if key in _SHOWN else "***" for key, value in sorted(security.items())}


def checked_security(security: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings; raise SourceError for unknown ones, because kafka-python's own error prints the values."""
    unknown = sorted(key for key in security if key not in KafkaConsumer.DEFAULT_CONFIG)
    unknown += sorted(key for key in security if key not in unknown and not key.startswith(_SECURITY_PREFIXES))
    if unknown:
        # `{sasl_plain_password:secret}`, without a space after the colon, is one long key.
        names = ", ".join(re.split(r"\W", key)[0] for key in unknown)
        raise SourceError(f"kafka.security has {names}; expected security_protocol, sasl_* or ssl_* keys")
    for key in _FILE_KEYS:
        value = security.get(key)
        if value is not None and not (isinstance(value, str | Path) and Path(value).is_file()):
            raise SourceError(
                f"kafka.security.{key} is not an existing file; expected a path relative to the configuration"
            )
    return {key: str(value) if isinstance(value, Path) else value for key, value in security.items()}


@contextmanager
def _connecting(bootstrap_servers: str, timeout_s: float) -> Iterator[Callable[..., KafkaNetClient]]:
    """Convert connection errors to a one-sentence BrokerError that shows no settings.

    Whatever connects makes its client with what this yields: kafka-python leaves the client open where a broker hangs
    while it connects.
    """
    clients: list[KafkaNetClient] = []

    def client(**options: Any) -> KafkaNetClient:
        clients.append(KafkaNetClient(**options))
        return clients[-1]

    refusals = _RefusalCapture()
    log = logging.getLogger("kafka")
    log.addHandler(refusals)
    try:
        _check_reachable(bootstrap_servers.split(","), timeout_s)
        yield client
    except (KafkaError, OSError, ValueError, AssertionError) as error:
        for each in clients:
            each.close()
        if refusals.best < len(_REFUSALS):
            raise BrokerError(f"{bootstrap_servers} answers, but {_REFUSALS[refusals.best][1]}") from None
        raise BrokerError(
            f"No Kafka broker answers at {bootstrap_servers} within {timeout_s:g} s ({type(error).__name__}); "
            "start it, or correct kafka.bootstrap_servers, kafka.security or KAFKA_BOOTSTRAP_SERVERS"
        ) from None
    finally:
        log.removeHandler(refusals)


class _RefusalCapture(logging.Handler):
    """Capture why a broker refuses: kafka-python retries until its timeout and only logs the cause."""

    best = len(_REFUSALS)  # index of the most specific refusal logged so far

    def emit(self, record: logging.LogRecord) -> None:
        for argument in record.args or ():
            text = f"{type(argument).__name__}: {argument}" if isinstance(argument, Exception) else ""
            signs = (number for number, (sign, _) in enumerate(_REFUSALS) if sign in text)
            self.best = min(self.best, next(signs, self.best))


def _check_reachable(servers: Sequence[str], timeout_s: float) -> None:
    """Raise OSError unless a server accepts connections; kafka-python waits long for one and leaves sockets open."""
    for server in servers:
        host, port = server.strip().rsplit(":", 1) if ":" in server else (server.strip(), "9092")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=timeout_s / len(servers)).close()
            return
        except OSError as error:
            refusal = error
    raise refusal


def first_offsets(
    start: Mapping[batch.TopicPartition, int],
    beginnings: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
) -> dict[TopicPartition, int]:
    """Return the first offset to read of each partition; raise SourceError if its topic does not hold the offset."""
    firsts = {partition: start.get(tuple(partition), beginning) for partition, beginning in beginnings.items()}
    for partition, first in sorted(firsts.items()):
        if not beginnings[partition] <= first <= ends[partition]:
            raise SourceError(_out_of_range(partition, first, beginnings[partition], ends[partition]))
    return firsts


def _out_of_range(partition: TopicPartition, first: int, beginning: int, end: int) -> str:
    place = f"{partition.topic}[{partition.partition}]"
    cause = (
        f"its retention deleted {beginning - first} records before they were read; load them from a copy"
        if first < beginning
        else "the topic was recreated"
    )
    return (
        f"{place} holds offsets {beginning} to {end}, but the store stopped at {first}: {cause}, then "
        f"continue from {beginning}: harmspot stream --forget-offset '{place}'; stored events are recognised by "
        "source and id."
    )


def _records(found: Mapping[TopicPartition, list[Record]], ends: Mapping[TopicPartition, int]) -> list[Record]:
    return [record for partition in sorted(found) for record in found[partition] if record.offset < ends[partition]]


def _advanced(
    consumer: KafkaConsumer,
    behind: set[TopicPartition],
    ends: Mapping[TopicPartition, int],
    following: Mapping[batch.TopicPartition, int],
) -> dict[batch.TopicPartition, int]:
    """Return the changed positions; like polling, they advance past compacted records and transaction markers."""
    positions = {tuple(partition): min(consumer.position(partition), ends[partition]) for partition in sorted(behind)}
    return {place: position for place, position in positions.items() if position > following.get(place, 0)}
