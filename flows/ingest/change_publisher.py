"""Delivery of a stream's change messages. A failed delivery does not stop the storing of events.

Queued messages are read while the store is open and sent after it is closed. Delivered ones are marked in the store
when it is next open.
"""

import time

from flows.home.home import Home
from flows.ingest.live import CHANGES
from pipeline.errors import SourceError
from pipeline.messages.outbox import BATCH, OutboxMessage, Publisher
from pipeline.store.interface import Store

ANSWER_S = 5.0  # how long a delivery waits for the broker; later batches wait for the delivery
_PAUSE_S = 5.0  # least pause after a failed delivery
_PAUSES = 4  # pause as a multiple of the failed delivery's duration: failures take at most a fifth of the time


class ChangePublisher:
    """Sends a store's queued messages to topic `changes`, oldest first; used from one thread at a time."""

    def __init__(self, home: Home, publisher: Publisher) -> None:
        self.delivered = 0
        self.sent: list[str] = []  # ids delivered, but not yet marked in the store
        self._home = home
        self._publisher = publisher
        self._may_have_more = True  # whether messages may be queued that `take` has not returned
        self._not_before = 0.0  # monotonic clock, s

    def expect(self) -> None:
        """Look for queued messages again: another process may have left some undelivered."""
        self._may_have_more = True

    def is_due(self) -> bool:
        """Return whether messages may be queued and the pause is over."""
        return self._may_have_more and time.monotonic() >= self._not_before

    def take(self, store: Store) -> list[OutboxMessage]:
        """Mark the messages delivered since the last opening and return those to deliver now; none during a pause."""
        self.note(store)
        if time.monotonic() < self._not_before:
            return []
        waiting = store.undelivered(BATCH, CHANGES)
        self._may_have_more = len(waiting) == BATCH
        return waiting

    def deliver(self, waiting: list[OutboxMessage]) -> None:
        """Send what `take` returned; on failure, log it and pause before the next attempt."""
        if not waiting:
            return
        began = time.monotonic()
        try:
            self._publisher.publish(waiting)
        except SourceError as error:
            ended = time.monotonic()
            self._may_have_more, self._not_before = True, ended + max(_PAUSE_S, _PAUSES * (ended - began))
            self._home.warn(f"change messages stay queued in the store: {error}")
            return
        self.sent = [message.message_id for message in waiting]
        self.delivered += len(waiting)

    def note(self, store: Store) -> None:
        """Mark the messages delivered since the store was last open; unmarked ones are delivered again."""
        if self.sent:
            store.mark_delivered(self.sent, self._home.now())
            self.sent = []
