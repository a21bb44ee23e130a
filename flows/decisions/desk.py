"""The desk at which a decision is made: the open store, its ledger, and the lock of the publication."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.ledger import Ledger, ledger_of
from flows.human_log.projections import shown
from pipeline.messages.outbox import OutboxMessage
from pipeline.publication.publish import project, publication_lock
from pipeline.store.human_events import HumanEvent
from pipeline.store.interface import Store


class Desk:
    """One decision in progress: nobody else can record a decision until it is made. Created by `at_desk`."""

    def __init__(self, home: Home, store: Store) -> None:
        self.home = home
        self.store = store
        self.ledger: Ledger = ledger_of(home, store)
        self.has_recorded = False

    def record(self, event: HumanEvent, messages: Sequence[OutboxMessage] = ()) -> None:
        """Append an event, with its messages to partners, to store and ledger; raises as `Store.record_human_event`."""
        self.store.record_human_event(event, messages)
        self.ledger = self.ledger.plus(event)
        self.has_recorded = True


@contextmanager
def at_desk(home: Home) -> Iterator[Desk]:
    """Yield the desk; afterwards the publication shows what was recorded, also if a later step was refused.

    The lock of the publication comes first and the store second, as in a run. Desks cannot be nested: pass the desk on.
    """
    with publication_lock(home.path):
        desk = None
        tables = None
        try:
            with open_home_store(home) as store:
                desk = Desk(home, store)
                try:
                    yield desk
                finally:
                    tables = shown(home, store, desk.ledger) if desk.has_recorded else None
        finally:
            if tables:
                project(home.path, tables, key=home.key)
