"""Change messages of a stream: all queued ones are sent once; a broker that refuses is retried after a pause."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from flows.home.home import Home
from flows.ingest import change_publisher as module
from flows.ingest.change_publisher import ChangePublisher
from flows.ingest.live import CHANGES
from pipeline.errors import SourceError
from pipeline.messages.outbox import BATCH, OutboxMessage, make_message
from pipeline.store.session import StoreSession
from tests.publishers import MemoryPublisher


@pytest.fixture
def home(new_home: Callable[..., Home], tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")


@pytest.fixture
def session(home: Home) -> Iterator[StoreSession]:
    with StoreSession(home.store, home.key, wait_s=5) as opened:
        yield opened


def add(home: Home, session: StoreSession, numbers: range) -> list[str]:
    messages = [make_message(CHANGES, str(n), "harmspot.place.changed.v1", {"n": n}, time=home.now()) for n in numbers]
    with session.opened() as store:
        store.add_messages(messages, home.now())
    return [message.key for message in messages]


def deliver(announcer: ChangePublisher, session: StoreSession) -> None:
    with session.opened() as store:
        waiting = announcer.take(store)
    announcer.deliver(waiting)


def waiting(session: StoreSession) -> list[str]:
    with session.opened() as store:
        return [message.key for message in store.undelivered(10_000, CHANGES)]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


class Refusing(MemoryPublisher):
    """A broker that refuses after three seconds, and later accepts everything."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.is_refusing = True

    def publish(self, messages: Sequence[OutboxMessage]) -> None:
        if self.is_refusing:
            self._clock.now += 3
            raise SourceError("records were not delivered")
        super().publish(messages)


def test_however_many_wait_all_are_sent_once_and_in_order(home: Home, session: StoreSession) -> None:
    keys = add(home, session, range(2 * BATCH + 500))
    publisher = MemoryPublisher()
    announcer = ChangePublisher(home, publisher)
    for _ in range(3):
        assert announcer.is_due()
        deliver(announcer, session)
    assert not announcer.is_due()
    assert [message.key for message in publisher.messages] == keys
    assert announcer.delivered == len(keys)
    with session.opened() as store:
        announcer.note(store)
    assert waiting(session) == []


def test_after_a_refusal_nothing_is_tried_until_a_fifth_of_the_time_went_into_it(
    home: Home, session: StoreSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    publisher = Refusing(clock)
    said: list[str] = []
    announcer = ChangePublisher(Home(home.path, home.config_file, home.clock, said.append), publisher)
    keys = add(home, session, range(3))
    deliver(announcer, session)
    assert said == ["change messages stay queued in the store: records were not delivered"]
    publisher.is_refusing = False
    clock.now += 11.9
    deliver(announcer, session)  # with a batch that was stored in between
    assert not announcer.is_due()
    assert publisher.messages == []
    clock.now += 0.2
    assert announcer.is_due()
    deliver(announcer, session)
    assert [message.key for message in publisher.messages] == keys
    assert not announcer.is_due()


def test_what_another_process_left_is_looked_for_when_its_partitions_come_over(
    home: Home, session: StoreSession
) -> None:
    publisher = MemoryPublisher()
    announcer = ChangePublisher(home, publisher)
    deliver(announcer, session)
    keys = add(home, session, range(2))
    assert not announcer.is_due()
    announcer.expect()
    assert announcer.is_due()
    deliver(announcer, session)
    assert [message.key for message in publisher.messages] == keys
