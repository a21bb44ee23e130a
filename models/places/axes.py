"""The axes of the area ranking, each declared once: what it counts, its words, its colours.

The key of an axis is that of its weight in `places.weights`, and part of its columns in `area_ranking`: `<key>_share`
and `rank_without_<key>`. Ranking, explanations, changes, commands and pages read this table; nothing else lists the
axes.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.area_rates.decay import AHEAD
from models.arrays import Floats, Ints

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
    most : float
        how many times the mean of the areas counts in a score at most. Beyond it, crimes per officer-hour tell of
        hours that were not reported rather than of crime.
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
    most: float = math.inf
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


HARM_UNIT = "harm points a day"
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
        ("#6d7f8b", "#8796a1"), most=2.0, draw=_per_officer_hour,
    ),
}  # fmt: skip
BANDS = ("high", "mid", "low")  # of severity, as in the codebook
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


@dataclass(frozen=True, slots=True)
class Stream:
    """The offences of one group and severity band.

    Attributes
    ----------
    weights : Floats
        [w] their distinct harm days, increasing.
    column : Ints
        position in `weights` of each kind of event (see `Kinds`), -1 for kinds of other bands.
    """

    weights: Floats
    column: Ints


class Kinds:
    """Kinds of events, an offence and use of minors each, and the `Stream`s that they count in.

    Parameters
    ----------
    codebook : pd.DataFrame
        that of `draw_areas`.
    """

    def __init__(self, codebook: pd.DataFrame) -> None:
        self._offences = pd.Index(sorted(codebook.index))
        kinds = codebook.loc[self._offences.repeat(2), ["axis", "harm_days", "band"]].reset_index(drop=True)
        kinds["is_minor_used_by_adult"] = np.tile([False, True], len(self._offences))
        harm_days = kinds["harm_days"].to_numpy(float)
        self.is_harmful, self.is_highest = harm_days > 0, kinds["band"].eq(BANDS[0]).to_numpy()
        self.streams: dict[str, Stream] = {}
        for group, is_in in groups(kinds).items():
            for band in BANDS:
                chosen = is_in.to_numpy(bool) & kinds["band"].eq(band).to_numpy() & self.is_harmful
                weights = np.unique(harm_days[chosen])
                column = np.where(chosen, np.searchsorted(weights, harm_days), -1)
                self.streams[f"{group} {band}"] = Stream(weights, column)

    def of(self, events: pd.DataFrame, unknown: str = "is not in codebook; add it there first") -> Ints:
        """Return the kind of each event; raises ValueError as `find` for an offence that is not in the codebook."""
        offence = find(events["offence_code"], self._offences, unknown)
        return offence * 2 + events["is_minor_used_by_adult"].to_numpy(np.int64)

    def count(self, stream: str, area: Ints, kind: Ints, age_days: Ints, n: Ints, shape: tuple[int, int]) -> Floats:
        """Return whole incidents [areas, w, days] of a stream by age from -1 day on; `shape` is (areas, days)."""
        of = self.streams[stream]
        column, width, days = of.column[kind], len(of.weights), shape[1]
        here = column >= 0
        at = (area[here] * width + column[here]) * days + age_days[here] + AHEAD
        counts = np.bincount(at, n[here], shape[0] * width * days)
        return counts.astype(np.float64, copy=False).reshape(shape[0], width, days)


def find(values: pd.Series, known: pd.Index, unknown: str) -> Ints:
    """Return positions of values in an index; raises ValueError for one that is not there, ending in `unknown`."""
    column = values.astype("category")
    at = np.append(known.get_indexer(pd.Index(column.cat.categories)), -1)[column.cat.codes]
    if (at < 0).any():
        raise ValueError(f"area_events: {values.name} {values[at < 0].iloc[0]!r} {unknown}")
    return np.asarray(at, np.int64)
