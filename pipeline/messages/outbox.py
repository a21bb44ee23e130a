"""What is told to others: written with the state that causes it, delivered at least once after, told apart by id.

A message is a CloudEvents 1.0 event whose `id` is a hash of what is told to whom. A process that dies between commit
and delivery, or between delivery and the mark, delivers again when it comes back: whoever reads keeps one of each id.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

SOURCE = "urn:harmspot"
BATCH = 1_000  # messages between two marks
ARROW = pa.schema(
    {"message_id": pa.string(), "topic": pa.string(), "key": pa.string(), "payload": pa.binary(), "position": "int64"}
)


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One message: its topic, the key that keeps an entity's messages in one partition, its id, the event as JSON."""

    topic: str
    key: str
    message_id: str
    payload: bytes = field(repr=False)


class Publisher(Protocol):
    """Whoever takes messages on: returns once all are safe where they belong, or raises."""

    def publish(self, messages: Sequence[OutboxMessage]) -> None: ...


class Outbox(Protocol):
    """What delivery needs of a store."""

    def undelivered(self, at_most: int, topic: str | None = None) -> list[OutboxMessage]: ...

    def mark_delivered(self, message_ids: Sequence[str], at: datetime) -> None: ...


def make_message(
    topic: str, key: str, event_type: str, data: Mapping[str, Any], *, time: datetime, identity: Sequence[str] = ()
) -> OutboxMessage:
    """Return a message on `topic` about the entity `key`.

    Parameters
    ----------
    event_type
        CloudEvents `type`, such as `harmspot.notice.served.v1`.
    data
        Anything JSON can hold.
    time
        When what is told came about.
    identity
        What makes it the same message beside topic, key and type; by default `data` itself, so that the same thing
        told again is the same message whenever it is told.
    """
    parts = [topic, key, event_type, *(identity or (_json(data),))]
    message_id = hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()[:32]
    event = {
        "specversion": "1.0",
        "id": message_id,
        "source": SOURCE,
        "type": event_type,
        "time": time.isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }
    return OutboxMessage(topic, key, message_id, _json(event).encode())


def as_rows(messages: Sequence[OutboxMessage]) -> pa.Table:
    """Return messages as the table that the store takes, in order."""
    columns = [[getattr(m, name) for m in messages] for name in ("message_id", "topic", "key", "payload")]
    return pa.table([*columns, list(range(len(messages)))], schema=ARROW)


def deliver(
    open_store: Callable[[], AbstractContextManager[Outbox]],
    publisher: Publisher,
    at: datetime,
    topic: str | None = None,
) -> int:
    """Deliver every message that waits (on `topic`, where it is given), oldest first, and return how many.

    The store is let go while a publisher works.

    Raises what the publisher raises; what it had not taken on goes on waiting.
    """
    delivered = 0
    while True:
        with open_store() as store:
            messages = store.undelivered(BATCH, topic)
        if not messages:
            return delivered
        publisher.publish(messages)
        with open_store() as store:
            store.mark_delivered([message.message_id for message in messages], at)
        delivered += len(messages)


class MemoryPublisher:
    """Keeps messages in a list, for tests."""

    def __init__(self) -> None:
        self.messages: list[OutboxMessage] = []

    def publish(self, messages: Sequence[OutboxMessage]) -> None:
        self.messages += messages


class FilePublisher:
    """Appends messages to `<folder>/<topic>.jsonl`, a line each, readable by the owner alone, on disk on return."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def publish(self, messages: Sequence[OutboxMessage]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for topic in sorted({message.topic for message in messages}):
            lines = b"".join(message.payload + b"\n" for message in messages if message.topic == topic)
            _append(self._folder / f"{topic}.jsonl", lines)


def _append(path: Path, lines: bytes) -> None:
    """Append whole lines; what a crash left of a line is ended first, so that it spoils no other."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "r+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        is_whole = file.read(1) in (b"", b"\n")
        file.write((b"" if is_whole else b"\n") + lines)
        file.flush()
        os.fsync(file.fileno())


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
