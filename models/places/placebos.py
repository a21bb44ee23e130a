"""Placebos of an operation: places like its own where nothing was done, over the same days and over earlier ones.

They are chosen as markets are: by the reports of the last weeks before the start. What chance lifted in those weeks
falls back afterwards, at placebos as at the market, so the fall is expected and not taken for an effect (regression to
the mean). Each has the same zones around it, and next places of its own by the same rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy import sparse

from models.arrays import Bools, Floats, Ints
from models.places.markets import middle_of

RECENT_DAYS = 84  # markets are chosen by so many days
EARLIER_DAYS = 182  # before those, and so outside the days of choice
FEWEST_EARLIER_DAYS = 28
RESERVED_DATES = 3  # a short record spares days for so many earlier starts, if it can
MOST_DATES = 8
PLACES_PER_DATE = 60
NEXT_PLACES = 5
RING_M, NEXT_M = 500.0, 3000.0  # outer end of the rings; next places lie between both
WEEK = 7
ZONES = 3  # the market and two rings
SPANS = ("after", "before", "recent", "earlier")


class Ground(Protocol):
    """What is asked of the geometry, as in `geo.market_shapes.Ground`."""

    @property
    def cells(self) -> pd.DataFrame:
        """cell_ix, cell_iy of the map."""

    @property
    def points(self) -> pd.DataFrame:
        """x_m, y_m of the distinct points of reports."""

    def weights(self, of_points: Floats) -> Floats:
        """Sum the weights of points on the patrolled cells around each cell."""

    def heaviest(self, weights: Floats) -> Ints:
        """Return rows of the cells in the middle of the heaviest grounds that do not overlap, heaviest first."""

    def apart_m(self, left: Ints, right: Ints) -> Floats:
        """Return the metres between the outlines around each pair of middles."""

    def zones(self, middles: Ints) -> Any:
        """Return a sparse matrix, in which rows ZONES·i … of middle i mark the points in its zones."""

    def ring_share(self, middle: Ints) -> float:
        """Return the share of the rings around a middle that lies on the map."""


@dataclass(frozen=True, slots=True)
class Reports:
    """All reports of the map as arrays, in order of time, and the parts that each is in."""

    day: Floats
    point: Ints  # row of the ground's points
    harm_days: Floats
    is_trouble: Bools  # of a kind by which markets are found
    parts: tuple[tuple[str, str], ...]  # split, part; all reports first
    members: Bools  # (parts, reports)
    points: int

    def within(self, span: tuple[float, float]) -> slice:
        """Return the reports of begin ≤ day < end."""
        low, high = np.searchsorted(self.day, span)
        return slice(int(low), int(high))

    def trouble(self, span: tuple[float, float]) -> Floats:
        """Return the reports by which markets are found, by point."""
        of = self.within(span)
        return np.bincount(self.point[of], self.is_trouble[of], self.points).astype(np.float64)

    def by_point(self, span: tuple[float, float]) -> Floats:
        """Return counts and days of harm: (points, parts × 2)."""
        of = self.within(span)
        columns = [
            np.bincount(self.point[of][is_in], weight[is_in], self.points)
            for is_in in self.members[:, of]
            for weight in (np.ones(of.stop - of.start), self.harm_days[of])
        ]
        return np.stack(columns, axis=1)

    def of_map(self, span: tuple[float, float]) -> Floats:
        """Return the reports of the whole map by part."""
        return self.members[:, self.within(span)].sum(axis=1).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Days:
    """The days compared, in the unit of `Reports.day`."""

    start: float
    window: int
    earlier: int
    step: int
    dates: int

    def spans(self, back: int) -> list[tuple[float, float]]:
        """Return begin and end of each of SPANS, for the start `back` steps ago."""
        start = self.start - back * self.step
        recent = start - RECENT_DAYS
        before = (start - self.window, start)
        return [(start, start + self.window), before, (recent, start), (recent - self.earlier, recent)]


def days_of(start: float, window: int, first: float) -> Days:
    """Return the days to compare if reports are on record since `first`; no two dates share a day after the start."""
    step = WEEK * -(-max(window, FEWEST_EARLIER_DAYS) // WEEK)
    on_record = max(start - RECENT_DAYS - first, 0.0)
    earlier = 0
    if on_record >= FEWEST_EARLIER_DAYS:
        earlier = int(np.clip(on_record - RESERVED_DATES * step, FEWEST_EARLIER_DAYS, EARLIER_DAYS))
    return Days(start, window, earlier, step, min(1 + int((on_record - earlier) // step), MOST_DATES))


@dataclass(frozen=True, slots=True)
class Compared:
    """An operation's place in row 0, and its placebos.

    `counts` has the axes place, zone (market, two rings, next places), span (SPANS), part, and reports or harm.
    `of_map` has the reports of the map by place (on its date), span and part, on the own date less those of row 0.
    """

    counts: Floats
    of_map: Floats
    place_ids: tuple[str, ...]  # of the placebos on the operation's own date, most similar first
    next_ids: tuple[str, ...]  # the next places of the operation's place
    independent: int  # placebos that share neither ground nor days
    next_independent: int  # placebos that share no next place, nor days


def compare_places(middle: Ints, others: Ints, dates: Sequence["Date"]) -> Compared:
    """Choose the placebos of a place and count the reports around it and around them.

    Parameters
    ----------
    middle : Ints
        cell_ix, cell_iy in the middle of the operation's place, as one row.
    others : Ints
        such middles of places with another operation in the days compared: no placebo shares a zone with them.
    dates : sequence of Date
        the map on the operation's own date and the earlier ones (`dates_of`).
    """
    its_next, chosen = choose_placebos(middle, others, dates)
    own = dates[0].counts(middle, [its_next])
    counts, of_map = [own], [dates[0].of_map - own[..., 0].sum(axis=1)]
    ids, independent, next_independent = [], 0, 0
    for date, (places, nexts) in zip(dates, chosen, strict=True):
        counts.append(date.counts(places, nexts))
        # What the operation does must not change the measure that it is held against.
        of_date = of_map[0] if date is dates[0] else date.of_map
        of_map.append(np.repeat(of_date, len(places), axis=0))
        ids += [place_ids(places)]
        independent += count_apart(date.ground, places)
        next_independent += _count_distinct([place_ids(of_place) for of_place in nexts])
    joined = np.concatenate(counts), np.concatenate(of_map)
    return Compared(*joined, ids[0], place_ids(its_next), independent, next_independent)


def choose_placebos(middle: Ints, others: Ints, dates: Sequence["Date"]) -> tuple[Ints, list[tuple[Ints, list[Ints]]]]:
    """Return the next places of a place, and its placebos on each date, with theirs; parameters of `compare_places`."""
    its_next = dates[0].next_places(middle, dates[0].are_beyond(others, RING_M))[0]
    taken, chosen = np.concatenate([middle, others]), []
    for date in dates:
        is_free = date.are_beyond(taken, 2 * RING_M) & date.are_beyond(its_next, RING_M)
        places = date.most_alike(middle, is_free)
        nexts = date.next_places(places, date.are_beyond(taken, RING_M) & date.are_beyond(its_next, 0.0))
        if len(its_next):
            has_next = [len(of_place) > 0 for of_place in nexts]
            places, nexts = places[has_next], [of_place for of_place in nexts if len(of_place)]
        chosen.append((places, nexts))
    return its_next, chosen


def dates_of(reports: Reports, ground: Ground, days: Days, withheld: Ints) -> list["Date"]:
    """Return the starting dates to compare, the operation's own first; operations with the same days share them.

    No place that is compared with, and no next place, touches the `withheld` cells: ground that nothing may name.
    """
    return [Date(reports, ground, days.spans(back), withheld) for back in range(days.dates)]


class Date:
    """The places of the map on one starting date, heaviest first, but for those on withheld ground."""

    def __init__(self, reports: Reports, ground: Ground, spans: Sequence[tuple[float, float]], withheld: Ints) -> None:
        self.reports, self.ground, self.spans = reports, ground, spans
        self.cells = ground.cells[["cell_ix", "cell_iy"]].to_numpy(np.int64)
        self.weights = ground.weights(reports.trouble(spans[SPANS.index("recent")]))
        rows = ground.heaviest(self.weights)
        rows = rows[ground.apart_m(self.cells[rows], withheld).min(axis=1, initial=np.inf) > 0]
        self.places, self.heights = self.cells[rows], self.weights[rows]

    def are_beyond(self, places: Ints, metres: float) -> Bools:
        """Return which places lie further than this from all of those given."""
        return self.ground.apart_m(self.places, places).min(axis=1, initial=np.inf) > metres

    def most_alike(self, middle: Ints, is_free: Bools) -> Ints:
        """Return the free places whose weight is nearest, as a ratio, to that of a place."""
        own = self.weights[(self.cells == middle).all(axis=1)].sum()
        distance = np.abs(np.log((self.heights[is_free] + 1) / (own + 1)))
        return self.places[is_free][np.argsort(distance, kind="stable")[:PLACES_PER_DATE]]

    def next_places(self, places: Ints, is_free: Bools) -> list[Ints]:
        """Return for each place the heaviest free ones beyond its rings and within reach."""
        apart = self.ground.apart_m(places, self.places)
        is_next = is_free & (apart > RING_M) & (apart <= NEXT_M)
        return [self.places[np.flatnonzero(row)[:NEXT_PLACES]] for row in is_next]

    def counts(self, places: Ints, nexts: Sequence[Ints]) -> Floats:
        """Return reports and harm by place, zone, span and part."""
        grounds, row = np.unique(np.concatenate([places, *nexts]), axis=0, return_inverse=True)
        row = row.reshape(-1)
        zones = self.ground.zones(grounds)
        by_span = np.stack([zones @ by_point.toarray() for by_point in self.by_point], axis=1)
        by_ground = by_span.reshape(len(grounds), ZONES, len(self.spans), len(self.reports.parts), 2)
        of_next = np.zeros((len(places), 1, *by_ground.shape[2:]))
        owner = np.repeat(np.arange(len(places)), [len(of_place) for of_place in nexts])
        np.add.at(of_next[:, 0], owner, by_ground[row[len(places) :], 0])
        return np.concatenate([by_ground[row[: len(places)]], of_next], axis=1)

    def by_week(self, places: Ints, before: int, after: int) -> Floats:
        """Return all reports by place, zone (market, two rings) and week: so many before the start, and since."""
        start = self.spans[0][0]
        of = self.reports.within((start - WEEK * before, start + WEEK * after))
        week = ((self.reports.day[of] - start) // WEEK).astype(np.int64) + before
        shape = (self.reports.points, before + after)
        by_point = sparse.coo_matrix((np.ones(len(week)), (self.reports.point[of], week)), shape).tocsr()
        by_zone: Floats = (self.ground.zones(places) @ by_point).toarray()
        return by_zone.reshape(len(places), ZONES, before + after)

    @cached_property
    def by_point(self) -> list[Any]:
        """Counts and days of harm of each span by point, kept sparse: few points have reports in a span."""
        return [sparse.csr_matrix(self.reports.by_point(span)) for span in self.spans]

    @cached_property
    def of_map(self) -> Floats:
        """The reports of the map by span and part, as one row."""
        return np.stack([self.reports.of_map(span) for span in self.spans])[None]


def place_middle(place_id: str) -> Ints:
    """Return the cell in the middle of a market or place as a row (cell_ix, cell_iy); no row if its id names none."""
    return np.array([middle_of(place_id) or ()], dtype=np.int64).reshape(-1, 2)


def place_ids(middles: Ints) -> tuple[str, ...]:
    """Return the ids of places, named after the cells in their middle."""
    return tuple(f"place_{ix}_{iy}" for ix, iy in middles.tolist())


def count_apart(ground: Ground, places: Ints) -> int:
    """Count places, in order, whose rings share no ground with those of one counted before."""
    is_apart = ground.apart_m(places, places) > 2 * RING_M
    counted: list[int] = []
    for place in range(len(is_apart)):
        if is_apart[place, counted].all():
            counted.append(place)
    return len(counted)


def _count_distinct(sets: Sequence[Sequence[str]]) -> int:
    """Count sets, in order, none of which shares a member with one counted before."""
    seen: set[str] = set()
    count = 0
    for members in sets:
        if members and not seen & set(members):
            count += 1
            seen |= set(members)
    return count
