"""Delivery: at least once, in order, told apart by id; a crash between any two steps loses nothing."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.messages.outbox import FilePublisher, OutboxMessage, deliver, make_message
from tests.publishers import MemoryPublisher

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MESSAGES = [make_message("notices", f"n_{i}", "harmspot.notice.served.v1", {"i": i}, time=NOON) for i in range(5)]


class ListOutbox:
    """An outbox in memory."""

    def __init__(self, messages: Sequence[OutboxMessage]) -> None:
        self.waiting = list(messages)
        self.is_open = False

    def undelivered(self, at_most: int, topic: str | None = None) -> list[OutboxMessage]:
        return [message for message in self.waiting if topic in (None, message.topic)][:at_most]

    def mark_delivered(self, message_ids: Sequence[str], at: datetime) -> None:
        self.waiting = [message for message in self.waiting if message.message_id not in set(message_ids)]

    @contextmanager
    def open(self) -> Iterator["ListOutbox"]:
        self.is_open = True
        yield self
        self.is_open = False


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_message_is_delivered_in_order_with_the_store_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.messages.outbox.BATCH", 2)
    outbox, publisher = ListOutbox(MESSAGES), MemoryPublisher()
    monkeypatch.setattr(
        publisher, "publish", lambda messages: (publisher.messages.extend(messages), states.append(outbox.is_open))
    )
    states: list[bool] = []
    assert deliver(outbox.open, publisher, NOON) == 5
    assert publisher.messages == MESSAGES
    assert states == [False] * 3
    assert deliver(outbox.open, publisher, NOON) == 0


def test_what_a_publisher_refuses_goes_on_waiting() -> None:
    class Refuses:
        def publish(self, messages: Sequence[OutboxMessage]) -> None:
            raise ConnectionError

    outbox = ListOutbox(MESSAGES)
    with pytest.raises(ConnectionError):
        deliver(outbox.open, Refuses(), NOON)
    assert outbox.waiting == MESSAGES


def test_a_message_is_a_cloud_event_whose_id_says_what_is_told_to_whom() -> None:
    event = json.loads(MESSAGES[0].payload)
    assert event["id"] == MESSAGES[0].message_id
    assert {"specversion", "id", "source", "type", "time", "datacontenttype", "data"} == set(event)
    again = make_message("notices", "n_0", "harmspot.notice.served.v1", {"i": 0}, time=NOON.replace(hour=13))
    assert again.message_id == MESSAGES[0].message_id
    told = ("n_0", "harmspot.notice.served.v1")
    others = [
        make_message("referrals", *told, {"i": 0}, time=NOON),
        make_message("notices", *told, {"i": 1}, time=NOON),
        make_message("notices", *told, {"i": 0}, time=NOON, identity=("first",)),
    ]
    assert len({message.message_id for message in [MESSAGES[0], *others]}) == 4


def test_files_are_appended_by_topic_and_readable_by_the_owner_alone(tmp_path: Path) -> None:
    publisher = FilePublisher(tmp_path / "out")
    publisher.publish(MESSAGES[:2])
    publisher.publish(MESSAGES[2:])
    assert [event["id"] for event in lines(tmp_path / "out" / "notices.jsonl")] == [m.message_id for m in MESSAGES]
    assert (tmp_path / "out" / "notices.jsonl").stat().st_mode & 0o077 == 0


def test_a_line_cut_off_by_a_crash_spoils_no_other(tmp_path: Path) -> None:
    publisher = FilePublisher(tmp_path)
    publisher.publish(MESSAGES[:1])
    path = tmp_path / "notices.jsonl"
    path.write_bytes(path.read_bytes() + MESSAGES[1].payload[:40])
    publisher.publish(MESSAGES[1:2])
    whole = [line for line in path.read_bytes().splitlines() if line.endswith(b"}")]
    assert [json.loads(line)["id"] for line in whole] == [message.message_id for message in MESSAGES[:2]]
