"""Messages kept in a list, and records written to a broker as another system would."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from types import MappingProxyType
from typing import Any

from pipeline.messages.outbox import OutboxMessage
from pipeline.sources.kafka import KafkaPublisher


class MemoryPublisher:
    """Keep messages in a list."""

    def __init__(self) -> None:
        self.messages: list[OutboxMessage] = []

    def publish(self, messages: Sequence[OutboxMessage]) -> None:
        """Append the messages to the list."""
        self.messages += messages


def write_records(
    bootstrap_servers: str,
    records: Iterable[tuple[str, str, bytes | None]],
    security: Mapping[str, Any] = MappingProxyType({}),
    *,
    timeout_s: float = 30.0,
) -> int:
    """Send (topic, key, value) records; return their number once all in-sync replicas have acknowledged them."""
    sent = [OutboxMessage(topic, key, "", value) for topic, key, value in records]  # type: ignore[arg-type]
    with closing(KafkaPublisher(bootstrap_servers, "", security, timeout_s=timeout_s, answer_s=timeout_s)) as publisher:
        publisher.publish(sent)
    return len(sent)
