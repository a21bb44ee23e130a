"""Delivery of a stream's announcements: whatever becomes of them, events go on being stored.

What waits is read while the store is open and sent once it is closed; what was sent is noted when it is next open.
"""

import time

from flows.home.home import Home
from flows.ingest.live import CHANGES
from pipeline.errors import SourceError
from pipeline.messages.outbox import BATCH, OutboxMessage, Publisher
from pipeline.store.store import Store

ANSWER_S = 5.0  # how long a delivery waits for the broker, and the batches behind it for the delivery
_PAUSE_S = 5.0  # from a failed delivery to the next one at least,
_PAUSES = 4  # and so many times as long as it took: what cannot be delivered has a fifth of the time at most


class ChangePublisher:
    """Sends what waits in a store on topic `changes`, oldest first; used from one thread at a time."""

    def __init__(self, home: Home, publisher: Publisher) -> None:
        self.delivered = 0
        self.sent: list[str] = []  # delivered, but not yet noted
        self._home = home
        self._publisher = publisher
        self._is_owing = True  # whether announcements may wait that `take` has not handed out
        self._not_before = 0.0  # by the monotonic clock

    def expect(self) -> None:
        """Look again: somebody else may have left some unannounced."""
        self._is_owing = True

    def is_due(self) -> bool:
        """Return whether announcements may wait and it is time to try."""
        return self._is_owing and time.monotonic() >= self._not_before

    def take(self, store: Store) -> list[OutboxMessage]:
        """Note what was delivered since the store was last open and return what to deliver now: nothing in a pause."""
        self.note(store)
        if time.monotonic() < self._not_before:
            return []
        waiting = store.undelivered(BATCH, CHANGES)
        self._is_owing = len(waiting) == BATCH
        return waiting

    def deliver(self, waiting: list[OutboxMessage]) -> None:
        """Send what `take` returned; where that fails, say so and let some time pass before it is tried again."""
        if not waiting:
            return
        began = time.monotonic()
        try:
            self._publisher.publish(waiting)
        except SourceError as error:
            ended = time.monotonic()
            self._is_owing, self._not_before = True, ended + max(_PAUSE_S, _PAUSES * (ended - began))
            self._home.progress(f"announcements wait in the store: {error}")
            return
        self.sent = [message.message_id for message in waiting]
        self.delivered += len(waiting)

    def note(self, store: Store) -> None:
        """Note what was delivered since the store was last open; not noted, it is delivered again."""
        if self.sent:
            store.mark_delivered(self.sent, self._home.now())
            self.sent = []
