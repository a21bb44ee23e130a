"""A member of a Kafka consumer group that reads on from where our store left off, not from where Kafka thinks.

The broker only shares out partitions. A partition that falls to this member is paused until `place` says where the
store wants it read from; what Kafka holds as committed offsets is written for tools that show lag, and never read.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaError, OffsetOutOfRangeError
from kafka.structs import OffsetAndMetadata

from pipeline.errors import BrokerError, SourceError
from pipeline.events import batch
from pipeline.events.batch import Record
from pipeline.sources.kafka import checked_security, first_offsets, masked, open_consumer, topic_ids

_NO_SECURITY: Mapping[str, Any] = MappingProxyType({})
# Fetched but not yet read records live in memory, so this much at most for each partition.
_FETCH_BYTES = 2 * 1024 * 1024
_MAX_POLL_MS = 300_000
_ANSWER_MS = 5_000
_BEATS = 4  # heartbeats in one session timeout


@dataclass
class Assignment(ConsumerRebalanceListener):
    """Which partitions this member has; told from the client's own thread, so every look at it takes the lock."""

    consumer: KafkaConsumer
    lock: Lock = field(default_factory=Lock)
    generation: int = 0
    settled_at: float | None = None  # when it last was given its share, by the monotonic clock; None while it has none
    partitions: frozenset[TopicPartition] = frozenset()
    placed: frozenset[TopicPartition] = frozenset()

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        with self.lock:
            self.generation += 1
            self.settled_at = None
            self.partitions = self.partitions - set(revoked)
            self.placed = self.placed - set(revoked)

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        # Paused and with a position, a partition is neither fetched nor looked up at the broker until it is placed.
        self.consumer.pause(*assigned)
        for partition in assigned:
            self.consumer.seek(partition, 0)
        with self.lock:
            self.generation += 1
            self.settled_at = time.monotonic()
            self.partitions = frozenset(assigned)
            self.placed = frozenset()


class NamedFirst(RangePartitionAssignor):
    """Kafka's range assignment, a share for every member.

    kafka-python 3.0's own gives none to those of one kind that members of the other kind (with or without a name that
    survives a restart) stand between.
    """

    @classmethod
    def assign(cls, cluster: Any, members: Sequence[Any]) -> dict[str, Any]:
        return super().assign(cluster, sorted(members, key=lambda member: member.group_instance_id is None))


class GroupReader:
    """Reads the partitions that the group gives this member.

    Parameters
    ----------
    bootstrap_servers, topics, security, timeout_s
        As for `pipeline.sources.kafka.KafkaSource`.
    group
        The consumer group; members of one group share the partitions.
    member
        A name that survives a restart (Kafka's `group.instance.id`): a member that comes back under it has its
        partitions again at once. None waits for the broker to miss the dead one.
    session_timeout_s
        How long the broker waits for a silent member.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        topics: Sequence[str],
        group: str,
        security: Mapping[str, Any] = _NO_SECURITY,
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
        # A member dead since the last rebalance is missed after one session, and the others hear of it a beat later.
        self._until_lasting_s = session_timeout_s * (1 + 2 / _BEATS)
        self._consumer = open_consumer(
            bootstrap_servers,
            self._security,
            timeout_s,
            group_id=group,
            group_instance_id=member,
            partition_assignment_strategy=[NamedFirst],
            max_partition_fetch_bytes=_FETCH_BYTES,
            session_timeout_ms=round(session_timeout_s * 1000),
            heartbeat_interval_ms=round(session_timeout_s * 1000 / _BEATS),
            max_poll_interval_ms=_MAX_POLL_MS,
            metrics_enabled=False,
        )
        self._assignment = Assignment(self._consumer)
        self._told: dict[TopicPartition, int] = {}  # where the placed partitions were said to go on
        self._topic_ids: dict[str, str] = {}
        self._heard_at = time.monotonic()
        self._held = False
        try:
            # Before anything is asked of the topics: what the client knows of topics it has not subscribed to counts as
            # a change once it joins, and it joins a second time.
            self._consumer.subscribe(self._topics, listener=self._assignment)
            self._require()
        except BaseException:
            self._consumer.close(autocommit=False)
            raise

    def __repr__(self) -> str:
        return f"GroupReader({self._bootstrap_servers!r}, security={masked(self._security)!r})"

    @property
    def generation(self) -> int:
        """A number that changes with every assignment: what was read under another one may be somebody else's now."""
        with self._assignment.lock:
            return self._assignment.generation

    def topic_ids(self) -> dict[str, str]:
        """Return the ids of the topics, as far as they have any; from now on no record of another one is read."""
        self._topic_ids = topic_ids(self._consumer, self._topics)
        return self._topic_ids

    def unplaced(self) -> list[batch.TopicPartition]:
        """Partitions that wait to be told where to begin."""
        with self._assignment.lock:
            return sorted(map(tuple, self._assignment.partitions - self._assignment.placed))

    def placed(self) -> list[batch.TopicPartition]:
        """Partitions that are being read."""
        with self._assignment.lock:
            return sorted(map(tuple, self._assignment.placed))

    def is_whole(self) -> bool:
        """Return whether every partition of the topics is this member's."""
        with self._assignment.lock:
            held = len(self._assignment.partitions)
        known = [self._consumer.partitions_for_topic(topic) for topic in self._topics]
        # Of a topic that the client has lost sight of it says None: nobody can tell whether the rest is with others.
        return None not in known and held == sum(map(len, known))

    def is_lasting(self) -> bool:
        """Return whether the group has given this member its share, be it none, and the rest is with living members.

        A member may die right after a rebalance that gave it partitions. The broker misses it after the session timeout
        and shares them out anew, so a share that has stood for longer, or is all there is, has nothing left to gain.
        """
        with self._assignment.lock:
            settled_at = self._assignment.settled_at
        if settled_at is None:
            return False
        return time.monotonic() - settled_at > self._until_lasting_s or self.is_whole()

    def place(self, offsets: Mapping[batch.TopicPartition, int], generation: int) -> dict[batch.TopicPartition, int]:
        """Begin every partition of the assignment at its offset in `offsets`, or at its first record.

        Returns where each begins; nothing where the assignment is no longer that `generation` or the broker does not
        answer just now. Raises SourceError for an offset that the topic no longer has, or not yet.
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
        self._told = firsts
        self._held = False
        return {(partition.topic, partition.partition): first for partition, first in firsts.items()}

    def poll(self, timeout_s: float, at_most: int) -> tuple[list[Record], dict[batch.TopicPartition, int]]:
        """Return records that have come, and where each partition goes on that moved; also keeps the membership alive.

        A partition moves without a record, too: past transaction markers, and what was aborted or compacted away.

        Raises SourceError where records were deleted before they were read, BrokerError where reading fails for good.
        """
        self._apply_join()
        try:
            found = self._consumer.poll(timeout_ms=round(timeout_s * 1000), max_records=at_most)
        except OffsetOutOfRangeError as error:
            raise SourceError(
                "Records were deleted by the topic's retention while they were read; run again."
            ) from error
        except KafkaError as error:
            raise BrokerError(f"Reading from {self._bootstrap_servers} failed: {type(error).__name__}") from error
        if found:
            self._refuse_others()
        return [record for arrived in found.values() for record in arrived], self._moved()

    def displace(self) -> None:
        """Pause every partition until it is placed anew: the store is not where it was thought to be."""
        partitions = self._placed()
        self._consumer.pause(*partitions)
        with self._assignment.lock:
            self._assignment.placed = frozenset()

    def hold(self) -> None:
        """Fetch nothing more until `release`; polling goes on keeping the membership."""
        if not self._held:
            self._consumer.pause(*self._placed())
            self._held = True

    def release(self) -> None:
        """Fetch again what is placed."""
        if self._held:
            self._consumer.resume(*self._placed())
            self._held = False

    def is_caught_up(self) -> bool:
        """Return whether everything that the placed partitions hold now has been read."""
        partitions = self._placed()
        try:
            ends = self._consumer.end_offsets(partitions, timeout_ms=_ANSWER_MS) if partitions else {}
        except KafkaError:
            return False
        return all((self._position(partition) or 0) >= end for partition, end in ends.items())

    def lag(self) -> int:
        """Records that the placed partitions are known to hold beyond those read."""
        known = [(self._consumer.highwater(p), self._position(p)) for p in self._placed()]
        return sum(max(0, end - position) for end, position in known if end is not None and position is not None)

    def silent_s(self) -> float:
        """Return for how long no broker has sent anything; heartbeats alone are answered several times a session."""
        transports = [connection.transport for connection in list(self._consumer._manager._conns.values())]
        self._heard_at = max([self._heard_at, *(transport.last_read for transport in transports if transport)])
        return time.monotonic() - self._heard_at

    def acknowledge(self, next_offsets: Mapping[batch.TopicPartition, int]) -> None:
        """Tell the broker how far the store is, for tools that show lag; nothing depends on it."""
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

    def _refuse_others(self) -> None:
        now = topic_ids(self._consumer, self._topic_ids)
        if others := [topic for topic, known in self._topic_ids.items() if now.get(topic, known) != known]:
            raise SourceError(f"{others[0]} was made anew while it was read; run again")

    def _moved(self) -> dict[batch.TopicPartition, int]:
        positions = {partition: self._position(partition) for partition in self._placed()}
        moved = {p: n for p, n in positions.items() if n is not None and n != self._told.get(p)}
        self._told |= moved
        return {(partition.topic, partition.partition): position for partition, position in moved.items()}

    def _position(self, partition: TopicPartition) -> int | None:
        """Return where a partition goes on; kafka-python's `position` would ask the broker first, and wait for it."""
        state = self._consumer._subscription.assignment.get(partition)
        return state.position.offset if state and state.position else None

    def _apply_join(self) -> None:
        """Go on with a join that a poll's end cut short: kafka-python 3.0 forgets one that new metadata began.

        It would then hold no partition, send no heartbeat and never ask again.
        """
        coordinator = self._consumer._coordinator
        if coordinator.rejoining and not coordinator.need_rejoin():
            coordinator.request_rejoin()

    def _require(self) -> None:
        """Refuse missing topics: the group would silently give nobody their partitions."""
        deadline = time.monotonic() + min(5.0, self._timeout_s)
        while missing := [topic for topic in self._topics if not self._consumer.partitions_for_topic(topic)]:
            if time.monotonic() > deadline:
                raise SourceError(
                    f"{self._bootstrap_servers} has no topic {', '.join(missing)}; create it, "
                    "or correct kafka.topic_prefix if the topics have other names"
                )
            time.sleep(0.2)
