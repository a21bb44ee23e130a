"""Inference from placebos: how far a count departs from what units at which nothing was done let expect.

The expected count is a line through the counts before, fitted on the placebos alone, so it falls back from a chance
height as much as theirs did (regression to the mean). A departure is measured on the scale of square roots, which gives
few and many reports like spreads (Anscombe 1948), and is judged by its rank among the placebos' own (Robbins, Saunders
and Kilmer 2017, JASA 112:109; Abadie, Diamond and Hainmueller 2010); no distribution is assumed. Placebos that share
ground or days count as one: what is stated rests on the number of independent ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls
from scipy.special import ndtr

from models.arrays import Floats

TAIL = 0.1  # each side of an 80% interval, and the chance of a false alarm
FEWEST = 9  # independent placebos: with fewer an 80% interval has no end
SEEN = 0.8  # a departure can be seen if it is found in so many cases
_SHIFT = 0.375  # Anscombe's
_LEAST_EXPECTED = 0.3  # below this many reports all weigh alike in the fit
_MOST_LEVERAGE = 0.9
_ROUNDS = 4  # of reweighting; the weights settle after three


@dataclass(frozen=True, slots=True)
class Comparison:
    """One unit (row 0) among its placebos, in one measure."""

    observed: float
    expected: float
    departures: Floats  # standardised; of the unit first
    independent: float  # number of placebos that share neither ground nor days
    unit: float  # one report, or the harm that has the variance of one
    spread: float  # standard deviation of twice the square root at the unit
    shifts: Floats | float = 0.0  # of what is expected of the unit by a fit without each placebo

    def counts(self, departures: Floats) -> Floats:
        """Return the counts at the unit that have these departures."""
        return self._counts(self.expected, departures)

    def _counts(self, expected: Floats | float, departures: Floats) -> Floats:
        root = np.sqrt(expected / self.unit + _SHIFT) + departures * self.spread / 2
        return np.maximum(np.maximum(root, 0) ** 2 - _SHIFT, 0) * self.unit

    def untouched(self) -> Floats:
        """Return the counts that the unit would have had with the departures of its placebos, in ascending order.

        Each departure is added to what a fit without that placebo expects, so that unit and placebo are held against
        the same fit (jackknife+; Barber, Candès, Ramdas and Tibshirani 2021, Annals of Statistics 49:486).
        """
        return np.sort(self._counts(np.maximum(self.expected + self.shifts, 0), self.departures[1:]))

    def change(self) -> tuple[float, float, float]:
        """Return observed less expected, with an 80% interval that holds it."""
        low, high = _ends(self.untouched(), self.independent)
        change = self.observed - self.expected
        return change, min(change, self.observed - high), max(change, self.observed - low)

    def p_rise(self) -> float:
        """Return how often chance alone rises as much."""
        return chance(float((self.departures[1:] >= self.departures[0]).mean()), self.independent)

    def p_fall(self) -> float:
        """Return how often chance alone falls as much."""
        return chance(float((self.untouched() <= self.observed).mean()), self.independent)

    def power_of_fall(self, share: float) -> float:
        """Return how often the interval would lie below zero if each report stayed away with this probability."""
        drawn = self.untouched()
        limit, _ = _ends(drawn, self.independent)
        deviation = np.sqrt(share * (1 - share) * drawn * self.unit)
        room = limit - (1 - share) * drawn
        found = np.where(deviation > 0, ndtr(room / np.where(deviation > 0, deviation, 1.0)), room > 0)
        return float(found.mean())

    def least_fall(self) -> float:
        """Return the smallest fall, as a share in steps of 5%, that is found in SEEN of the cases; NaN if none is."""
        shares = np.arange(1, 20) / 20
        return next((float(share) for share in shares if self.power_of_fall(float(share)) >= SEEN), np.nan)

    def least_rise(self, departure: float) -> float:
        """Return the smallest rise that passes a departure in SEEN of the cases."""
        drawn = self.untouched()
        usual_low = drawn[int((1 - SEEN) * len(drawn))]
        return max(float(self.counts(np.array([departure]))[0]) - float(usual_low), 0.0)


def compare(after: Floats, before: Sequence[Floats], *, independent: float, unit: float = 1.0) -> Comparison | None:
    """Fit what is expected on the placebos, and compare the unit with them.

    Parameters
    ----------
    after : Floats
        counts of the compared days; the unit first, then its placebos.
    before : sequence of Floats
        what each would have had with its share of the map in one earlier span each.
    independent : float
        number of placebos that share neither ground nor days.
    unit : float
        size of one report; for harm Σh²/Σh, the harm that has the variance of one report.

    Returns
    -------
    Comparison or None
        None if there are fewer than FEWEST independent placebos, or if they have nothing before or nothing after.
    """
    if independent < FEWEST:
        return None
    level = np.mean([column[1:].mean() for column in before])
    design = np.stack([*before, np.full(len(after), level)], axis=1) / unit
    counts = after / unit
    if level <= 0 or counts[1:].sum() <= 0:
        return None
    expected, leverage, reach = _fitted(design, counts)
    of_placebos = np.minimum(leverage[1:], _MOST_LEVERAGE)
    without_own = np.maximum((expected[1:] - of_placebos * counts[1:]) / (1 - of_placebos), 0)
    # A placebo is compared with a fit without it, and the unit with one that it never entered.
    fitted = np.concatenate([expected[:1], without_own])
    doubt = np.concatenate([leverage[:1], of_placebos / (1 - of_placebos)])
    roots = 2 * (np.sqrt(counts + _SHIFT) - np.sqrt(fitted + _SHIFT))
    chance_variance, grown = nnls(np.stack([np.ones(len(fitted) - 1), fitted[1:]], axis=1), roots[1:] ** 2)[0]
    # Never less than of Poisson counts: else a row of single reports would outweigh all others.
    spread = np.sqrt(np.maximum(1.0, chance_variance + grown * fitted) * (1 + doubt))
    shifts = -reach * (counts[1:] - expected[1:]) / (1 - of_placebos) * unit
    return Comparison(
        float(after[0]), float(expected[0] * unit), roots / spread, float(independent), unit, float(spread[0]), shifts
    )


def _fitted(design: Floats, counts: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the expected counts by least squares with weights 1 / expected and no negative slope.

    Beside them the leverages, and how far each placebo's count reaches into what is expected of the unit.
    """
    expected = design.mean(axis=1)
    for _ in range(_ROUNDS):
        root = 1 / np.sqrt(np.maximum(expected[1:], _LEAST_EXPECTED))
        slopes = nnls(design[1:] * root[:, None], counts[1:] * root)[0]
        expected = design @ slopes
    used = design[:, slopes > 0]
    weight = 1 / np.maximum(expected, _LEAST_EXPECTED)
    inverse = np.linalg.pinv((used[1:] * weight[1:, None]).T @ used[1:])
    leverage = np.maximum(((used @ inverse) * used).sum(axis=1) * weight, 0)
    return expected, leverage, (used[1:] @ inverse @ used[0]) * weight[1:]


def chance(share: float, independent: float) -> float:
    """Return the probability for a share of the placebos: the unit counts as one of them (Phipson and Smyth 2010)."""
    return (1 + share * independent) / (independent + 1)


def _beyond(independent: float, placebos: int) -> float:
    """Return how many placebos lie beyond what chance passes with probability TAIL."""
    return max((TAIL * (independent + 1) - 1) / independent * placebos, 0.0)


def _ends(ascending: Floats, independent: float) -> tuple[float, float]:
    """Return the ends of an 80% interval, between the two nearest placebos."""
    ranks, beyond = np.arange(len(ascending)), _beyond(independent, len(ascending))
    low, high = np.interp([beyond, len(ascending) - 1 - beyond], ranks, ascending).tolist()
    return low, high


@dataclass(frozen=True, slots=True)
class Alarms:
    """Alarms over several families of rows, such that chance raises any of them with probability TAIL at most."""

    p_any: list[Floats]  # by family, then row: how often chance raises any row of any family as far
    limits: list[float]  # by family: the departure from which on a row has an alarm


def judge_together(families: Sequence[Sequence[Comparison]]) -> Alarms:
    """Judge all rows together by their highest departure (Westfall and Young 1993, single step).

    The highest departure of a family is compared with the placebos' own highest one, and the family in which it is
    rarest with the placebos' own rarest, so that neither the number of rows nor their dependence matters.
    """
    highest = [np.max([row.departures for row in family], axis=0)[1:] for family in families]
    independent = min(row.independent for family in families for row in family)
    count = len(highest[0])
    rarest = np.sort(np.min([_share_as_high(of_family, of_family) for of_family in highest], axis=0))
    p_any = []
    for family, of_family in zip(families, highest, strict=True):
        own = _share_as_high(np.array([row.departures[0] for row in family]), of_family)
        share = np.searchsorted(rarest, own + 1e-12, side="right") / count
        p_any.append((1 + share * independent) / (independent + 1))
    allowed = int(_beyond(independent, count) + 1e-9)
    # The rarest share that more placebos reach than may: a row must be rarer than this one.
    too_common = rarest[min(allowed, count - 1)]
    limits = [float(np.sort(of_family)[-max(round(too_common * count), 1)]) for of_family in highest]
    return Alarms(p_any, limits)


def _share_as_high(values: Floats, of: Floats) -> Floats:
    return (len(of) - np.searchsorted(np.sort(of), values, side="left")) / len(of)
