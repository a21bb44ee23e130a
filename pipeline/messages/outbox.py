"""Transactional outbox: messages are committed with the state that causes them and delivered at least once.

A message is a CloudEvents 1.0 event whose `id` is a hash of its content and recipient. A process that dies between
commit and delivery, or between delivery and the mark, delivers again after a restart; readers deduplicate by id.
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
BATCH = 1_000  # messages per delivery mark
ARROW = pa.schema(
    {"message_id": pa.string(), "topic": pa.string(), "key": pa.string(), "payload": pa.binary(), "position": "int64"}
)


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One message: topic, key (keeps an entity's messages in one partition), id, and the event as JSON."""

    topic: str
    key: str
    message_id: str
    payload: bytes = field(repr=False)


class Publisher(Protocol):
    """A recipient of messages."""

    def publish(self, messages: Sequence[OutboxMessage]) -> None:
        """Return once all messages are durably delivered, or raise."""


class Outbox(Protocol):
    """The part of a store that delivery needs."""

    def undelivered(self, at_most: int, topic: str | None = None) -> list[OutboxMessage]:
        """Return the oldest undelivered messages, at most `at_most`, optionally of one topic."""
        ...

    def mark_delivered(self, message_ids: Sequence[str], at: datetime) -> None:
        """Mark the messages as delivered at `at`."""


def make_message(
    topic: str, key: str, event_type: str, data: Mapping[str, Any], *, time: datetime, identity: Sequence[str] = ()
) -> OutboxMessage:
    """Return a message on `topic` about the entity `key`.

    Parameters
    ----------
    topic : str
        Topic of the message.
    key : str
        Id of the entity.
    event_type : str
        CloudEvents `type`, such as `harmspot.notice.served.v1`.
    data : mapping
        Any JSON-serialisable content.
    time : datetime
        When the reported fact occurred.
    identity : sequence of str
        Parts of the message id besides topic, key and type; by default `data`, so that repeating the same content
        gives the same id at any time.

    Returns
    -------
    OutboxMessage
        The message as a CloudEvents event.
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
    """Return messages as the table that the store expects, in order."""
    columns = [[getattr(m, name) for m in messages] for name in ("message_id", "topic", "key", "payload")]
    return pa.table([*columns, list(range(len(messages)))], schema=ARROW)


def deliver(
    open_store: Callable[[], AbstractContextManager[Outbox]],
    publisher: Publisher,
    at: datetime,
    topic: str | None = None,
) -> int:
    """Deliver all undelivered messages (only those of `topic`, if given), oldest first, and return their number.

    The store is released while the publisher works. Errors of the publisher are propagated; messages that it did not
    accept stay undelivered.
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


class FilePublisher:
    """Append messages to `<folder>/<topic>.jsonl`, one per line, readable only by the owner, flushed to disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def publish(self, messages: Sequence[OutboxMessage]) -> None:
        """Append the messages to the files of their topics and flush them."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for topic in sorted({message.topic for message in messages}):
            lines = b"".join(message.payload + b"\n" for message in messages if message.topic == topic)
            _append(self._folder / f"{topic}.jsonl", lines)


def _append(path: Path, lines: bytes) -> None:
    """Append whole lines; first terminate a partial line left by a crash."""
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
