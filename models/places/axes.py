"""The axes of the area ranking, each declared once: what it counts, its words, its colours.

The key of an axis is that of its weight in `places.weights`, and part of its columns in `area_ranking`: `<key>_share`
and `rank_without_<key>`. Ranking, explanations, changes, commands and pages read this table; nothing else lists the
axes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.arrays import Floats

Chosen = Callable[[pd.DataFrame], "pd.Series[bool]"]


@dataclass(frozen=True, slots=True)
class GroupDraws:
    """Posterior draws that an axis is made of.

    Attributes
    ----------
    harm : Mapping[str, Floats]
        by group, [areas, draws] harm-days a day; an axis that counts events has the group of its own key.
    crimes : Floats
        [areas, draws] incidents a day, each counted once.
    hours : Floats
        [areas] officer hours a day; zero where they are unknown.
    """

    harm: Mapping[str, Floats]
    crimes: Floats
    hours: Floats


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of the area ranking.

    Attributes
    ----------
    rate : str
        column of `area_ranking` with the posterior mean.
    words : str
        name in tables and on pages.
    noun, unit : str
        as in "if <noun> fell by 3 <unit>".
    colours : tuple[str, str]
        on a light page and on a dark one.
    counts : Callable | None
        chooses the events whose harm is the rate, from events with the codebook's `axis`; None if `draw` needs none.
    is_overlap : bool
        True if these events are also part of other groups; they are then not added to all harm and crimes again.
    draw : Callable | None
        computes the draws [areas, draws] of the rate, NaN where it is unknown; None takes the harm of its group.
    """

    rate: str
    words: str
    noun: str
    unit: str
    colours: tuple[str, str]
    counts: Chosen | None = None
    is_overlap: bool = False
    draw: Callable[[GroupDraws], Floats] | None = None

    @property
    def measure(self) -> str:
        """Name of the rate as the subject of a sentence."""
        return self.words if self.words == self.unit else f"{self.words}, in {self.unit},"


def uses_minors(events: pd.DataFrame) -> "pd.Series[bool]":
    """Return which events, with the codebook's `axis`, are of adults who use minors."""
    return (events["axis"] == "minors") | events["is_minor_used_by_adult"].astype(bool)


def _per_officer_hour(drawn: GroupDraws) -> Floats:
    hours = drawn.hours[:, None]
    return np.divide(drawn.crimes, hours, out=np.full(drawn.crimes.shape, np.nan), where=hours > 0)


HARM_UNIT = "harm-days a day"
AXES: dict[str, Axis] = {
    "violence": Axis(
        "violence_per_day", "violence", "violence", HARM_UNIT, ("#0072b2", "#3d9fdb"),
        counts=lambda events: events["axis"] == "violence",
    ),
    "disorder": Axis(
        "disorder_per_day", "disorder", "disorder", HARM_UNIT, ("#e69f00", "#efb32e"),
        counts=lambda events: events["axis"] == "disorder",
    ),
    "minors": Axis(
        "minors_per_day", "use of minors", "use of minors", HARM_UNIT, ("#cc79a7", "#d890b8"),
        counts=uses_minors, is_overlap=True,
    ),
    "ratio": Axis(
        "crimes_per_officer_hour", "crimes per officer-hour", "reported crime", "crimes per officer-hour",
        ("#6d7f8b", "#8796a1"), draw=_per_officer_hour,
    ),
}  # fmt: skip
REST = "rest"  # group of the events that no axis counts


def groups(events: pd.DataFrame) -> dict[str, "pd.Series[bool]"]:
    """Return by group which events belong to it: one group per axis that counts events, and the rest."""
    chosen = {name: axis.counts(events) for name, axis in AXES.items() if axis.counts}
    in_axis = pd.Series(False, index=events.index)
    for name, is_in in chosen.items():
        in_axis |= is_in & (not AXES[name].is_overlap)
    return {**chosen, REST: ~in_axis}


def group_names() -> list[str]:
    """Return the keys of `groups`."""
    return [*(name for name, axis in AXES.items() if axis.counts), REST]


def is_counted_once(group: str) -> bool:
    """Return True if the events of a group are part of all harm and all crimes in this group, not in another."""
    return group == REST or not AXES[group].is_overlap


def codebook_axes() -> tuple[str, ...]:
    """Return the words that column `axis` of the codebook may hold."""
    return (*(name for name in group_names() if name != REST), "none")
