"""Embargoes: for a time nothing that others see names a market, because a covert investigation would be given away.

A named person sets an embargo with a reason and a last day, and may lift it sooner. It ends by itself, and a longer one
is set anew, with a reason of its own: nothing stays hidden because somebody forgot it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from models.governance.actors import NAMED, by_people, with_reason
from models.governance.life_cycle import Event, LifeCycle, Rule

LONGEST_EMBARGO = timedelta(days=90)
EMBARGO_EVENTS = ("embargoed", "lifted")


@dataclass(frozen=True, slots=True)
class Embargo:
    """An embargo of a market and, if somebody lifted it, that event.

    Detail ends_at is the local midnight after the last day; cell_ids are the cells of the market on the day it was set.
    """

    embargoed: Event
    lifted: Event | None = None

    @property
    def ends_at(self) -> datetime:
        """Return its end: after its last day or, if lifted, sooner."""
        ends_at: datetime = self.embargoed.detail["ends_at"]
        return min(ends_at, self.lifted.at) if self.lifted else ends_at

    @property
    def cell_ids(self) -> tuple[str, ...]:
        """Return the cells of the market on the day it was set."""
        return tuple(self.embargoed.detail["cell_ids"])

    def is_in_force(self, at: datetime) -> bool:
        """Return whether it is in force at a moment; its start is included, its end is not."""
        return self.embargoed.at <= at < self.ends_at


Embargoes = tuple[Embargo, ...]  # of one market, in the order of recording


def _is_badly_ended(event: Event) -> bool:
    ends_at = event.detail.get("ends_at")
    return ends_at is None or not event.at < ends_at <= event.at + LONGEST_EMBARGO


RULES: tuple[Rule[Embargoes], ...] = (
    NAMED,
    by_people(),
    with_reason(),
    Rule(
        "no_end",
        ("embargoed",),
        lambda embargoes, event: _is_badly_ended(event),
        f"its last day must be today or later, and over within {LONGEST_EMBARGO.days} days; set it anew for longer",
    ),
    Rule(
        "no_cells",
        ("embargoed",),
        lambda embargoes, event: not event.detail.get("cell_ids"),
        "the cells of the market are missing",
    ),
    Rule(
        "none_in_force",
        ("lifted",),
        lambda embargoes, event: not any(each.is_in_force(event.at) for each in embargoes),
        "no embargo of it is in force",
    ),
)


def _after(embargoes: Embargoes, event: Event) -> Embargoes:
    if event.kind == "embargoed":
        return (*embargoes, Embargo(event))
    return tuple(replace(each, lifted=event) if each.is_in_force(event.at) else each for each in embargoes)


EMBARGO: LifeCycle[Embargoes] = LifeCycle((), RULES, _after)  # of the events about one market
