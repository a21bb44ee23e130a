"""A member of a Kafka consumer group that resumes from the store's offsets, not from Kafka's committed ones.

The broker only assigns partitions. A newly assigned partition is paused until `place` sets its start offset from the
store; committed offsets are written for lag-monitoring tools and never read.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaError, OffsetOutOfRangeError
from kafka.structs import OffsetAndMetadata

from pipeline.errors import BrokerError, SourceError
from pipeline.events import batch
from pipeline.events.batch import Record
from pipeline.sources.kafka import (
    NO_SECURITY,
    checked_security,
    first_offsets,
    masked,
    missing_topics,
    open_consumer,
    topic_ids,
)

# Limit per partition of fetched but unread records, which are held in memory.
_FETCH_BYTES = 2 * 1024 * 1024
_MAX_POLL_MS = 300_000
_ANSWER_MS = 5_000
_HEARTBEATS_PER_SESSION = 4  # heartbeats in one session timeout


@dataclass
class Assignment(ConsumerRebalanceListener):
    """The partitions of this member; the client's thread updates it, so every access takes the lock."""

    consumer: KafkaConsumer
    lock: Lock = field(default_factory=Lock)
    generation: int = 0
    settled_at: float | None = None  # monotonic time of the last assignment; None during a rebalance
    partitions: frozenset[TopicPartition] = frozenset()
    placed: frozenset[TopicPartition] = frozenset()

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Remove the revoked partitions."""
        with self.lock:
            self.generation += 1
            self.settled_at = None
            self.partitions = self.partitions - set(revoked)
            self.placed = self.placed - set(revoked)

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Replace the partitions and pause them until they are placed."""
        # A paused partition with a position is neither fetched nor looked up at the broker.
        self.consumer.pause(*assigned)
        for partition in assigned:
            self.consumer.seek(partition, 0)
        with self.lock:
            self.generation += 1
            self.settled_at = time.monotonic()
            self.partitions = frozenset(assigned)
            self.placed = frozenset()


class NamedFirst(RangePartitionAssignor):
    """Kafka's range assignment, with static members sorted first so that every member gets a share.

    kafka-python 3.0 assigns nothing to some members where static members (with a `group.instance.id`) and dynamic ones
    are interleaved.
    """

    @classmethod
    def assign(cls, cluster: Any, members: Sequence[Any]) -> dict[str, Any]:
        """Return the assignment of each member."""
        return super().assign(cluster, sorted(members, key=lambda member: member.group_instance_id is None))


class GroupReader:
    """Read the partitions that the group assigns to this member.

    Parameters
    ----------
    bootstrap_servers : str
        As for `pipeline.sources.kafka.KafkaSource`.
    topics : sequence of str
        As for `pipeline.sources.kafka.KafkaSource`.
    group : str
        The consumer group; its members share the partitions.
    security : mapping
        As for `pipeline.sources.kafka.KafkaSource`.
    member : str or None
        Static member name (Kafka's `group.instance.id`): after a restart the member gets its partitions back at once.
        Without one it waits until the broker has removed the dead member.
    session_timeout_s : float
        Seconds the broker waits for a silent member.
    timeout_s : float
        As for `pipeline.sources.kafka.KafkaSource`.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        topics: Sequence[str],
        group: str,
        security: Mapping[str, Any] = NO_SECURITY,
        *,
        member: str | None = None,
        session_timeout_s: float = 10.0,
        timeout_s: float = 30.0,
    ) -> None:
        self.name = f"kafka:{bootstrap_servers}"
        self._bootstrap_servers = bootstrap_servers
        self._security = checked_security(security)
        self._topics = sorted(topics)
        self._timeout_s = timeout_s
        # The broker misses a dead member after one session timeout; the others learn of it one heartbeat later.
        self._stable_after_s = session_timeout_s * (1 + 2 / _HEARTBEATS_PER_SESSION)
        self._consumer = open_consumer(
            bootstrap_servers,
            self._security,
            timeout_s,
            group_id=group,
            group_instance_id=member,
            partition_assignment_strategy=[NamedFirst],
            max_partition_fetch_bytes=_FETCH_BYTES,
            session_timeout_ms=round(session_timeout_s * 1000),
            heartbeat_interval_ms=round(session_timeout_s * 1000 / _HEARTBEATS_PER_SESSION),
            max_poll_interval_ms=_MAX_POLL_MS,
            metrics_enabled=False,
        )
        self._assignment = Assignment(self._consumer)
        self._reported: dict[TopicPartition, int] = {}  # last reported positions of the placed partitions
        self._topic_ids: dict[str, str] = {}
        self._last_read_at = time.monotonic()
        self._opened_at: WeakKeyDictionary[Any, float] = WeakKeyDictionary()  # of connections, as `last_read` begins
        self._is_held = False
        try:
            # Subscribe before any topic request: metadata of topics not yet subscribed to counts as a change on joining
            # and triggers a second join.
            self._consumer.subscribe(self._topics, listener=self._assignment)
            self._require_topics()
        except BaseException:
            self._consumer.close(autocommit=False)
            raise

    def __repr__(self) -> str:
        return f"GroupReader({self._bootstrap_servers!r}, security={masked(self._security)!r})"

    @property
    def generation(self) -> int:
        """A number that changes with every assignment: records read under another one may belong to another member."""
        with self._assignment.lock:
            return self._assignment.generation

    def topic_ids(self) -> dict[str, str]:
        """Return the ids of the topics that have one; from now on `poll` refuses topics with another id."""
        self._topic_ids = topic_ids(self._consumer, self._topics)
        return self._topic_ids

    def unplaced(self) -> list[batch.TopicPartition]:
        """Return the partitions that have no start offset yet."""
        with self._assignment.lock:
            return sorted(map(tuple, self._assignment.partitions - self._assignment.placed))

    def placed(self) -> list[batch.TopicPartition]:
        """Return the partitions that are being read."""
        with self._assignment.lock:
            return sorted(map(tuple, self._assignment.placed))

    def is_whole(self) -> bool:
        """Return whether this member has every partition of the topics."""
        with self._assignment.lock:
            held = len(self._assignment.partitions)
        known = [self._consumer.partitions_for_topic(topic) for topic in self._topics]
        # None means that the client has no metadata of the topic, so other members may have partitions of it.
        return None not in known and held == sum(map(len, known))

    def is_lasting(self) -> bool:
        """Return whether the assignment (possibly empty) is stable: old enough, or covering all partitions.

        A member may die right after a rebalance that gave it partitions. The broker detects this after the session
        timeout and reassigns them, so an assignment older than that can gain no partitions of dead members.
        """
        with self._assignment.lock:
            settled_at = self._assignment.settled_at
        if settled_at is None:
            return False
        return time.monotonic() - settled_at > self._stable_after_s or self.is_whole()

    def place(self, offsets: Mapping[batch.TopicPartition, int], generation: int) -> dict[batch.TopicPartition, int]:
        """Start every assigned partition at its offset in `offsets`, or at its first record.

        Parameters
        ----------
        offsets : mapping
            Next offset by (topic, partition).
        generation : int
            The assignment that `offsets` belong to.

        Returns
        -------
        dict
            Start offset by partition; empty if `generation` is outdated or the broker does not answer.

        Raises
        ------
        SourceError
            When the topic does not hold an offset.
        """
        with self._assignment.lock:
            partitions = sorted(self._assignment.partitions)
            if self._assignment.generation != generation:
                return {}
        try:
            beginnings = self._consumer.beginning_offsets(partitions, timeout_ms=_ANSWER_MS) if partitions else {}
            ends = self._consumer.end_offsets(partitions, timeout_ms=_ANSWER_MS) if partitions else {}
        except KafkaError:
            return {}
        firsts = first_offsets(offsets, beginnings, ends)
        with self._assignment.lock:
            if self._assignment.generation != generation:
                return {}
            for partition, first in firsts.items():
                self._consumer.seek(partition, first)
            self._consumer.resume(*firsts)
            self._assignment.placed = frozenset(firsts)
        self._reported = firsts
        self._is_held = False
        return {(partition.topic, partition.partition): first for partition, first in firsts.items()}

    def poll(self, timeout_s: float, at_most: int) -> tuple[list[Record], dict[batch.TopicPartition, int]]:
        """Return new records and the next offset of each partition that advanced; keeps the membership alive.

        A partition can advance without a record: past transaction markers, aborted or compacted records.

        Raises
        ------
        SourceError
            When records were deleted before they were read, or a topic was recreated.
        BrokerError
            When reading fails permanently.
        """
        self._resume_join()
        try:
            found = self._consumer.poll(timeout_ms=round(timeout_s * 1000), max_records=at_most)
        except OffsetOutOfRangeError as error:
            raise SourceError("The topic's retention deleted records while they were read; run again.") from error
        except KafkaError as error:
            raise BrokerError(f"Reading from {self._bootstrap_servers} failed: {type(error).__name__}") from error
        if found:
            self._refuse_recreated_topics()
        return [record for arrived in found.values() for record in arrived], self._advanced()

    def displace(self) -> None:
        """Pause every partition until it is placed again, because the store's offsets differ from those assumed."""
        partitions = self._placed()
        self._consumer.pause(*partitions)
        with self._assignment.lock:
            self._assignment.placed = frozenset()

    def hold(self) -> None:
        """Stop fetching until `release`; polling still keeps the membership alive."""
        if not self._is_held:
            self._consumer.pause(*self._placed())
            self._is_held = True

    def release(self) -> None:
        """Resume fetching the placed partitions."""
        if self._is_held:
            self._consumer.resume(*self._placed())
            self._is_held = False

    def is_caught_up(self) -> bool:
        """Return whether the placed partitions have been read to their current ends."""
        partitions = self._placed()
        try:
            ends = self._consumer.end_offsets(partitions, timeout_ms=_ANSWER_MS) if partitions else {}
        except KafkaError:
            return False
        return all((self._position(partition) or 0) >= end for partition, end in ends.items())

    def lag(self) -> int:
        """Return the number of records that the placed partitions are known to hold beyond those read."""
        return sum(self.lag_by_topic().values())

    def lag_by_topic(self) -> dict[str, int]:
        """Return the number of records not yet read by topic of the placed partitions; none where no end is known."""
        partitions = self._placed()
        lag = {partition.topic: 0 for partition in partitions}
        for partition in partitions:
            end, position = self._consumer.highwater(partition), self._position(partition)
            if end is not None and position is not None:
                lag[partition.topic] += max(0, end - position)
        return lag

    def silent_s(self) -> float:
        """Return the seconds since a broker last sent anything; brokers answer several heartbeats per session.

        A connection that was only accepted, as a broker that hangs does again and again, is no answer.
        """
        connections = list(self._consumer._manager._conns.values())
        for transport in filter(None, (connection.transport for connection in connections)):
            if transport.last_read > self._opened_at.setdefault(transport, transport.last_read):
                self._last_read_at = max(self._last_read_at, transport.last_read)
        return time.monotonic() - self._last_read_at

    def acknowledge(self, next_offsets: Mapping[batch.TopicPartition, int]) -> None:
        """Commit the store's offsets to the broker for lag-monitoring tools; harmspot does not read them."""
        mine = {tuple(partition) for partition in self._placed()}
        offsets = {TopicPartition(*p): OffsetAndMetadata(n, "", -1) for p, n in next_offsets.items() if p in mine}
        if offsets:
            self._consumer.commit_async(offsets)

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close(autocommit=False, timeout_ms=5000)

    def _placed(self) -> list[TopicPartition]:
        with self._assignment.lock:
            return sorted(self._assignment.placed & self._consumer.assignment())

    def _refuse_recreated_topics(self) -> None:
        now = topic_ids(self._consumer, self._topic_ids)
        if others := [topic for topic, known in self._topic_ids.items() if now.get(topic, known) != known]:
            raise SourceError(f"{others[0]} was recreated while it was read; run again")

    def _advanced(self) -> dict[batch.TopicPartition, int]:
        positions = {partition: self._position(partition) for partition in self._placed()}
        advanced = {p: n for p, n in positions.items() if n is not None and n != self._reported.get(p)}
        self._reported |= advanced
        return {(partition.topic, partition.partition): position for partition, position in advanced.items()}

    def _position(self, partition: TopicPartition) -> int | None:
        """Return the position of a partition; kafka-python's `position` would query the broker and block."""
        state = self._consumer._subscription.assignment.get(partition)
        return state.position.offset if state and state.position else None

    def _resume_join(self) -> None:
        """Resume a join that the end of a poll interrupted: kafka-python 3.0 forgets a join caused by new metadata.

        The member would then have no partition, send no heartbeat and never rejoin.
        """
        coordinator = self._consumer._coordinator
        if coordinator.rejoining and not coordinator.need_rejoin():
            coordinator.request_rejoin()

    def _require_topics(self) -> None:
        """Raise SourceError for missing topics; the group would silently leave their partitions unassigned."""
        deadline = time.monotonic() + min(5.0, self._timeout_s)
        while missing := [topic for topic in self._topics if not self._consumer.partitions_for_topic(topic)]:
            if time.monotonic() > deadline:
                raise missing_topics(self._bootstrap_servers, missing)
            time.sleep(0.2)
