"""Grades of cells of the harm matrices by named people, where events do not show the harm.

A person grades a cell with a reason, for a year at most: judgements age. A later grade of the cell takes the place of
an earlier one, and anybody named may withdraw it. A grade changes no figure that comes from events; both are shown.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from models.governance.actors import NAMED, by_people, with_reason
from models.governance.life_cycle import Event, LifeCycle, Rule

GRADE_LASTS = timedelta(days=365)
GRADE_EVENTS = ("graded", "withdrawn")


@dataclass(frozen=True, slots=True)
class Grade:
    """A grade, the one before it if that was in force, and the event that ended it, if any did."""

    graded: Event
    before: Event | None = None
    ended: Event | None = None

    @property
    def ends_at(self) -> datetime:
        """Return its end: a year after it was given or, if renewed or withdrawn, sooner."""
        ends_at = self.graded.at + GRADE_LASTS
        return min(ends_at, self.ended.at) if self.ended else ends_at

    def state(self, at: datetime) -> str:
        """Return in_force, renewed, withdrawn or expired at a moment."""
        if at < self.ends_at:
            return "in_force"
        if self.ended is None:
            return "expired"
        return "renewed" if self.ended.kind == "graded" else "withdrawn"


Grades = tuple[Grade, ...]  # of one cell, in the order of recording


def in_force(grades: Grades, at: datetime) -> Grade | None:
    """Return the grade that is in force at a moment, if one is."""
    return next((each for each in reversed(grades) if each.graded.at <= at < each.ends_at), None)


RULES: tuple[Rule[Grades], ...] = (
    NAMED,
    by_people(),
    with_reason(),
    Rule(
        "none_in_force",
        ("withdrawn",),
        lambda grades, event: in_force(grades, event.at) is None,
        "no grade by a person is in force",
    ),
    Rule(
        "same_moment",
        ("graded",),
        lambda grades, event: any(each.graded.at == event.at for each in grades),
        "it was graded at this very moment; grade it again a second later",
    ),
)


def _after(grades: Grades, event: Event) -> Grades:
    current = in_force(grades, event.at)
    ended = tuple(replace(each, ended=event) if each is current else each for each in grades)
    return (*ended, Grade(event, current.graded if current else None)) if event.kind == "graded" else ended


GRADING: LifeCycle[Grades] = LifeCycle((), RULES, _after)  # of the events about one cell
