"""The desk at which a decision is made: the open store, its ledger, and the lock of the publication."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from flows.home.home import Home
from flows.home.store_access import open_home_store, refuse_clock_ahead
from flows.human_log.ledger import Ledger, ledger_of
from flows.human_log.projections import shown
from models.governance.actors import is_thin
from models.users.look_alikes import name_problem
from pipeline.database import DatabaseError, explained
from pipeline.errors import ClockError, HalfDoneError, PublicationError, StoreError
from pipeline.messages.outbox import OutboxMessage
from pipeline.publication.publish import Shown, project, publication_lock
from pipeline.store.human_events import HumanEvent
from pipeline.store.interface import Store

PUBLISHING_S = 60.0  # time that a publication takes at most


class Desk:
    """One decision in progress: nobody else can record a decision until it is made.

    Created by `at_desk`, or by a run that publishes afterwards.
    """

    def __init__(self, home: Home, store: Store) -> None:
        self.home = home.acting()
        self.store = store
        self.ledger: Ledger = ledger_of(home, store)
        self.is_shown = True
        self.is_recorded = False

    def record(self, event: HumanEvent, messages: Sequence[OutboxMessage] = ()) -> None:
        """Append an event and its messages to partners; raises ClockError, and as `Store.record_human_event`."""
        refuse_clock_ahead(self.home, self.store)
        self.is_shown = False
        self.store.record_human_event(event, messages)
        self.is_recorded = True
        if event.event_id not in {other.event_id for other in self.ledger.events if other.at == event.at}:
            self.ledger = self.ledger.plus(event.typed())  # the store keeps the same event once, too

    def erase_person(self, event: HumanEvent, raw_person_id: str | None) -> int:
        """Erase the subject of the event and record it; return the number of dead letters that were emptied."""
        self.is_shown = False
        try:
            return self.store.erase_person(event, raw_person_id)
        finally:
            self.ledger = ledger_of(self.home, self.store)  # an error may have come after the erasure

    def refresh(self) -> None:
        """Rebuild the projections afterwards, even if nothing is recorded: the process before may have died."""
        self.is_shown = False

    def projections(self) -> Shown | None:
        """Return what the publication has to show now; None if it shows everything."""
        return None if self.is_shown else shown(self.home, self.store, self.ledger)


def refuse_unsaid(event: HumanEvent) -> None:
    """Raise PublicationError if the actor of a decision of people has no name, or a reason says nothing.

    The life cycles forgive both in what takes enforcement back, so that what was recorded before counts.
    """
    if problem := name_problem(event.actor):
        raise PublicationError(f"{event.subject} cannot be {event.kind}: the name of the actor {problem}")
    if is_thin(event.detail.get("reason", ENOUGH)):
        raise PublicationError(
            f"{event.subject} cannot be {event.kind}: reason too short: give at least two different words"
        )


ENOUGH = "nothing to explain"  # of events without a reason


@contextmanager
def at_desk(home: Home) -> Iterator[Desk]:
    """Yield the desk; afterwards the publication shows what was recorded, also if a later step was refused.

    The lock of the publication comes first and the store second, as in a run. Desks cannot be nested: pass the desk on.

    Raises
    ------
    PublicationError
        Another process holds the lock.
    HalfDoneError
        The decision is recorded, but the publication cannot show it yet, or a file that follows from it is not written.
    """
    _ = home.key  # a folder without one is no home: nothing is made in it
    # Whoever holds the lock may itself wait for the store.
    with publication_lock(home.path, home.settings.store.wait_s + PUBLISHING_S), ExitStack() as stack:
        desk = Desk(home, stack.enter_context(open_home_store(home)))
        try:
            yield desk
        except ClockError:
            raise  # what is in force by a wrong clock must not be shown
        except BaseException as error:
            desk.refresh()  # whoever repeats what was recorded before a process died is refused, and it is shown
            with suppress(PublicationError, StoreError, OSError, DatabaseError):  # the first error is the one to report
                _publish(desk, stack)
            if desk.is_recorded and isinstance(error, (OSError, DatabaseError)):
                why = explained(error)
                raise HalfDoneError(f"the decision is recorded, but what follows from it failed ({why})") from error
            raise
        try:
            _publish(desk, stack)
        except (PublicationError, OSError, DatabaseError) as error:
            raise HalfDoneError(
                f"the decision is recorded, but the publication does not show it yet ({explained(error)}); "
                "the next decision or run shows it"
            ) from error


def _publish(desk: Desk, opened: ExitStack) -> None:
    """Close the store, then show what was recorded."""
    after = desk.projections()
    opened.close()
    if after:
        project(desk.home.path, after, key=desk.home.key)
