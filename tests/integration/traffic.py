"""Seeded traffic on the topics: new incidents, corrections before and after originals, repeats, people, poison."""

import random
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from pipeline.events.columns import TOPICS
from tests import poison

PARTITIONS = {"incidents": 3}
HUGE_BYTES = 60_000_000
FLUSH_S = 300  # kafka-python's checksum, in Python, takes half a minute for 50 MB on a busy machine


@dataclass
class Traffic:
    """Sends records and remembers what a store must hold once it has read them all."""

    address: str
    prefix: str
    seed: int
    expected: set[tuple[str, str]] = field(default_factory=set)  # (entity, event id) of every version
    poisons: set[tuple[str, bytes]] = field(default_factory=set)  # (topic, payload) of every dead letter

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._producer: KafkaProducer | None = None
        self._number = 0
        self._versions: dict[int, int] = {}
        self._incidents: list[int] = []  # the keys of _versions, to choose from
        self._sent: list[tuple[str, str, bytes]] = []
        self._late: list[tuple[str, str, bytes]] = []
        self._kinds = list(poison.KINDS.values())

    def make_topics(self) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.address)
        admin.create_topics(
            {
                self.prefix + topic: {
                    "num_partitions": PARTITIONS.get(topic, 1),
                    "replication_factor": 1,
                    "configs": {"max.message.bytes": str(HUGE_BYTES)},
                }
                for topic in (*TOPICS, "changes")
            }
        )
        admin.close()

    def send(self, count: int) -> None:
        """Send `count` records of the mixture."""
        self.deliver([self._next() for _ in range(count)])

    def send_late(self) -> None:
        """Send the originals whose corrections went ahead of them."""
        late, self._late = self._late, []
        self.deliver(late)

    def deliver(self, records: Sequence[tuple[str, str, bytes | None]]) -> None:
        """Send records of (topic without prefix, key, value), whatever their size."""
        producer = self._producer = self._producer or KafkaProducer(
            bootstrap_servers=self.address, acks="all", linger_ms=20, max_request_size=HUGE_BYTES
        )
        failed: list[Exception] = []
        for topic, key, value in records:
            producer.send(self.prefix + topic, value=value, key=key.encode()).add_errback(failed.append)
        producer.flush(timeout=FLUSH_S)
        assert not failed, failed[0]

    def close(self) -> None:
        if self._producer is not None:
            self._producer.close()

    def ends(self) -> dict[tuple[str, int], int]:
        """Return the number of records on each partition."""
        consumer = KafkaConsumer(bootstrap_servers=self.address)
        places = [
            TopicPartition(self.prefix + topic, number)
            for topic in TOPICS
            for number in range(PARTITIONS.get(topic, 1))
        ]
        ends = {tuple(place): end for place, end in consumer.end_offsets(places).items()}
        consumer.close()
        return ends

    def _next(self) -> tuple[str, str, bytes]:
        if self._late and self._random.random() < 0.1:
            return self._late.pop(0)
        chance = self._random.random()
        if chance < 0.05 and self._sent:
            return self._random.choice(self._sent)
        if chance < 0.10:
            return self._poison()
        record = self._event(chance)
        self._sent.append(record)
        return record

    def _event(self, chance: float) -> tuple[str, str, bytes]:
        self._number += 1
        number = self._number
        if chance < 0.15:
            return self._record("persons", "person", f"Q-{number}", poison.person(number, birth_year=1990))
        if chance < 0.20:
            return self._record("custody", "custody", f"Q-{number}", poison.stay(number))
        if chance < 0.25:
            return self._record("staffing", "staffing", f"A-{number}@1", poison.shift(number))
        if chance < 0.40 and self._incidents:
            return self._incident(self._random.choice(self._incidents))
        if chance < 0.45:  # the correction first, its original some time later
            original, correction = self._incident(number), self._incident(number)
            self._late.append(original)
            return correction
        return self._incident(number)

    def _incident(self, number: int) -> tuple[str, str, bytes]:
        """Return the next version of an incident; every ninth cancels it."""
        if number not in self._versions:
            self._incidents.append(number)
        version = self._versions[number] = self._versions.get(number, 0) + 1
        status = "recorded" if version == 1 else "cancelled" if number % 9 == 0 else "amended"
        event = {**poison.incident(number, version=version, status=status), "id": f"i{number}-{version}"}
        return self._record("incidents", "incident", f"I-{number}", event)

    def _record(self, topic: str, entity: str, key: str, event: Mapping[str, Any]) -> tuple[str, str, bytes]:
        self.expected.add((entity, event["id"]))
        return topic, key, poison.encode(event)

    def _poison(self) -> tuple[str, str, bytes]:
        self._number += 1
        topic = self._random.choice(["incidents", "persons", "custody"])
        value = self._random.choice(self._kinds).make(self._number)
        self.poisons.add((topic, value))
        return topic, str(zlib.crc32(value)), value


def among(good: int, bad: int) -> Iterator[tuple[str, str, bytes | None]]:
    """Yield `good` usable incidents with `bad` unusable records spread evenly among them."""
    poisons = poison.poisons(bad)
    for number in range(good):
        yield "incidents", f"I-{number}", poison.good(number)
        for _ in range((number + 1) * bad // good - number * bad // good):
            _, value = next(poisons)
            yield "incidents", str(zlib.crc32(value or b"")), value
