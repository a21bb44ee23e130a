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
        self.is_shown = True

    def record(self, event: HumanEvent, messages: Sequence[OutboxMessage] = ()) -> None:
        """Append an event, with its messages to partners, to store and ledger; raises as `Store.record_human_event`."""
        self.store.record_human_event(event, messages)
        self._show(event)

    def erase_person(self, event: HumanEvent, raw_person_id: str | None) -> int:
        """Erase the subject of the event and record it; return the number of dead letters that were emptied."""
        emptied = self.store.erase_person(event, raw_person_id)
        self._show(event)
        return emptied

    def refresh(self) -> None:
        """Rebuild the projections afterwards, even if nothing is recorded: the process before may have died."""
        self.is_shown = False

    def _show(self, event: HumanEvent) -> None:
        self.ledger = self.ledger.plus(event)
        self.is_shown = False


@contextmanager
def at_desk(home: Home) -> Iterator[Desk]:
    """Yield the desk; afterwards the publication shows what was recorded, also if a later step was refused.

    The lock of the publication comes first and the store second, as in a run. Desks cannot be nested: pass the desk on.
    """
    key, tables = home.key, None
    with publication_lock(home.path):
        try:
            with open_home_store(home) as store:
                desk = Desk(home, store)
                try:
                    yield desk
                finally:
                    tables = None if desk.is_shown else shown(home, store, desk.ledger)
        finally:
            if tables:
                project(home.path, tables, key=key)
