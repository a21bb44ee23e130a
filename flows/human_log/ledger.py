"""The ledger: every human decision of a home in order of recording, read once and passed to whoever asks about it.

A decision about a person is recorded under the id that a list had. It holds for all ids of that person.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from flows.home.home import Home
from flows.home.store_access import open_home_store
from models.governance.actors import name_of
from pipeline.store.human_events import HumanEvent
from pipeline.store.interface import Store
from pipeline.store.same_people import SamePeople


@dataclass(frozen=True)
class Ledger:
    """The human events of a home in order of recording, the zone of their days, and people with several ids."""

    events: tuple[HumanEvent, ...]
    zone: ZoneInfo
    same: SamePeople = field(default_factory=SamePeople, repr=False)

    def about(self, *subject_kinds: str, kinds: Collection[str] = ()) -> list[HumanEvent]:
        """Return the events about subjects of these kinds; with `kinds`, only events of those kinds."""
        chosen = (event for event in self.events if event.subject_kind in subject_kinds)
        return [event for event in chosen if not kinds or event.kind in kinds]

    def until(self, moment: datetime) -> "Ledger":
        """Return the ledger as it was at a moment, with that moment's events."""
        return replace(self, events=tuple(event for event in self.events if event.at <= moment))

    def plus(self, *events: HumanEvent) -> "Ledger":
        """Return the ledger with events that were just recorded."""
        return replace(self, events=(*self.events, *events))

    @property
    def erased_ids(self) -> list[str]:
        """The pseudonyms that were erased, in order of erasure."""
        return list(dict.fromkeys(event.subject for event in self.about("person", kinds=["erased"])))

    @property
    def erased_people(self) -> set[str]:
        """All pseudonyms of erased people, also one joined to theirs since."""
        return self.same.everyone(self.erased_ids)


def ledger_of(home: Home, store: Store) -> Ledger:
    """Return the ledger of an open store, without what disabled users left pending."""
    events = store.ledger()
    void = void_events(events, home.disabled_looks)
    kept = tuple(event for event in events if event.event_id not in void)
    return Ledger(kept, home.settings.force.zone, store.same_people())


def void_events(events: Sequence[HumanEvent], disabled_looks: Collection[str]) -> set[str]:
    """Return the ids of the events by which disabled users opened, reviewed or approved what was not used since.

    A notice is used once it is served, a list once it is exported. What is void must be decided on again, by others.
    """
    used = {event.subject for event in events if event.kind in USING}
    pending = (event for event in events if event.kind in DECIDING and event.subject not in used)
    return {event.event_id for event in pending if name_of(event.actor) in disabled_looks}


DECIDING = ("opened", "reviewed", "approved")
USING = ("served", "exported")


def read_ledger(home: Home) -> Ledger:
    """Return the current ledger of a home, for a command that only reads."""
    with open_home_store(home) as store:
        return ledger_of(home, store)
