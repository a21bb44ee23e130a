"""Learn the parameters of the rates from past windows, and compute the rates.

The own rate of an offence is a mixture of its rates at all scales; a regression with powers shares information between
offences; and the rate of a cell is shrunk towards its own count by its observed days. High-harm offences are too rare
to use singly, so their counts in a cell are pooled. `models.forecast.fit` fits each part.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.arrays import Bools, Floats, Ints
from models.forecast.fit import anchored, fit_anchor, fit_excess, fit_mixture, fit_powers, relative_log
from models.forecast.scales import MEAN_LIVES, SCALE_COUNT, Pyramid
from models.forecast.windows import Window

# Excess variance without data to learn from: typical values for near repeats and uncertain rates.
DEFAULT_EXCESS = (0.2, 0.3)


@dataclass(frozen=True, slots=True)
class Learned:
    """Parameters learned from the past.

    Attributes
    ----------
    is_high_harm : Bools
        [offences], weight above that of the average event.
    mixtures : Floats
        [offences, mean lives × scales].
    powers : Floats
        [offences, columns], a level and powers of the own and of the shared rates.
    anchors : Floats
        [offences, 2], prior strength in events against a cell's own count, and the matching level; high-harm offences
        share one pair.
    excess : tuple[float, float]
        the two parameters of the excess variance (`fit_excess`).
    """

    is_high_harm: Bools
    mixtures: Floats
    powers: Floats
    anchors: Floats
    excess: tuple[float, float]

    def only(self, offences: Ints) -> "Learned":
        """Return the parameters of some of the offences, among them all of high harm."""
        return Learned(
            self.is_high_harm[offences],
            self.mixtures[offences],
            self.powers[offences],
            self.anchors[offences],
            self.excess,
        )


def learn(windows: Sequence[Window], now: Window, is_high_harm: Bools, least: float) -> Learned:
    """Learn from the windows; `least` is the minimum rate of any offence per day and cell."""
    mixtures = np.stack([fit_mixture(windows, offence, now.rates.shape[2]) for offence in range(len(is_high_harm))])
    level = np.log(np.maximum(np.einsum("kcs,ks->k", now.rates, mixtures) / len(now.weight), least))
    default_powers = np.zeros((len(is_high_harm), 4 + 2 * now.usual.shape[2]))
    default_powers[:, 0], default_powers[:, 1] = level, 1.0
    default_anchors = np.tile([np.inf, 1.0], (len(is_high_harm), 1))
    learned = Learned(is_high_harm, mixtures, default_powers, default_anchors, DEFAULT_EXCESS)
    if not windows:
        return learned
    learned = replace(learned, powers=_powers(learned, windows))
    learned = replace(learned, anchors=_anchors(learned, windows))
    return replace(learned, excess=_excess(learned, windows))


@dataclass(frozen=True, slots=True)
class Known:
    """What the learned forecast needs of the rates known at one time.

    Attributes
    ----------
    mixed : Floats
        [cells, offences], rates mixed over all scales.
    lesser : Floats
        [cells], the mixed rates of all lesser offences together.
    single : Floats
        [cells, offences], each cell's own long-run rates.
    high_harm, every : Floats
        [cells, scales except the city], long-run rates of the high-harm and of all offences together.
    weight : Floats
        [cells], number of cells that each represents.
    seen_days : float
        observed days, decayed with the longest mean life.
    """

    mixed: Floats
    lesser: Floats
    single: Floats
    high_harm: Floats
    every: Floats
    weight: Floats
    seen_days: float


def known_in(window: Window, learned: Learned) -> Known:
    """Return what was known at the start of a window."""
    mixed = np.einsum("kcs,ks->ck", window.rates, learned.mixtures)
    high_harm, every = window.usual[learned.is_high_harm].sum(axis=0), window.usual.sum(axis=0)
    lesser = mixed[:, ~learned.is_high_harm].sum(axis=1)
    return Known(mixed, lesser, window.usual[:, :, 0].T, high_harm, every, window.weight, window.seen_days)


def known_at(
    pyramid: Pyramid, per_cell: Floats, learned: Learned, offences: Ints, rows: Ints, weight: Floats, seen_days: float
) -> Known:
    """Return what the rates per_cell [offences × mean lives, cells] tell of some cells and some of the offences.

    As `known_in`, but the mean lives are mixed before they are smoothed, at less than half the cost.
    """
    by_life = per_cell.reshape(len(learned.mixtures), len(MEAN_LIVES), -1)
    parts = learned.mixtures.reshape(len(learned.mixtures), len(MEAN_LIVES), -1)
    usual, lesser = by_life[:, -1], np.flatnonzero(~learned.is_high_harm)
    mixed = np.zeros((len(offences) + 1, len(rows)))
    for scale in range(parts.shape[2]):
        each = np.einsum("klc,kl->kc", by_life[offences], parts[offences, :, scale])
        together = np.einsum("klc,kl->c", by_life[lesser], parts[lesser, :, scale])
        mixed += pyramid.at_scale(np.vstack([each, together]), rows, scale)
    sums = np.stack([usual[learned.is_high_harm].sum(axis=0), usual.sum(axis=0)])
    high_harm, every = np.stack([pyramid.at_scale(sums, rows, n) for n in range(SCALE_COUNT - 1)], axis=2)
    single = pyramid.at_scale(usual[offences], rows, 0).T
    return Known(mixed[:-1].T, mixed[-1], single, high_harm, every, weight, seen_days)


def expected_events(window: Window, learned: Learned) -> Floats:
    """Return expected events [cells, offences] over the days of a window."""
    return expected_per_day(known_in(window, learned), learned) * window.days


def expected_per_day(known: Known, learned: Learned) -> Floats:
    """Return expected events [cells, offences] per day from what is known."""
    strength, level = learned.anchors.T
    rate, peers = _regressed(known, learned), _peers(learned.is_high_harm)
    together = rate @ peers
    drawn = anchored(together, known.single @ peers, known.seen_days, strength)
    return rate * drawn / together * level


def _powers(learned: Learned, windows: Sequence[Window]) -> Floats:
    columns = [_columns(known_in(window, learned), learned) for window in windows]
    weight, days = np.concatenate([window.weight for window in windows]), _days(windows)
    powers = np.empty_like(learned.powers)
    for offence, start in enumerate(learned.powers):
        x = np.concatenate([_of_offence(shared, own, offence) for shared, own in columns])
        events = np.concatenate([window.events[:, offence] for window in windows])
        powers[offence] = fit_powers(x, events, weight, days, start)
    return powers


def _anchors(learned: Learned, windows: Sequence[Window]) -> Floats:
    peers = _peers(learned.is_high_harm)
    rate = np.concatenate([_regressed(known_in(window, learned), learned) for window in windows]) @ peers
    own = np.concatenate([window.usual[:, :, 0].T for window in windows]) @ peers
    events = np.concatenate([window.events for window in windows]) @ peers
    weight, days = np.concatenate([window.weight for window in windows]), _days(windows)
    seen_days = np.repeat([window.seen_days for window in windows], [len(window.weight) for window in windows])
    by_offence = zip(rate.T, own.T, events.T, strict=True)
    return np.array([fit_anchor(*columns, weight, days, seen_days) for columns in by_offence])


def _peers(is_high_harm: Bools) -> Floats:
    """Return a 0/1 matrix [offences, offences]: high-harm offences are pooled with each other, all others are alone."""
    return (np.outer(is_high_harm, is_high_harm) | np.eye(len(is_high_harm), dtype=np.bool_)).astype(np.float64)


def _excess(learned: Learned, windows: Sequence[Window]) -> tuple[float, float]:
    parts = [window.parts.shape[1] for window in windows]
    expected = [expected_events(window, learned).sum(axis=1) / n for window, n in zip(windows, parts, strict=True)]
    return fit_excess(
        np.concatenate([np.repeat(mean, n) for mean, n in zip(expected, parts, strict=True)]),
        np.concatenate([window.parts.ravel() for window in windows]),
        np.concatenate([np.repeat(window.weight, n) for window, n in zip(windows, parts, strict=True)]),
    )


def _regressed(known: Known, learned: Learned) -> Floats:
    """Return rates [cells, offences] per day before shrinkage towards a cell's own count."""
    shared, own = _columns(known, learned)
    logs = [_of_offence(shared, own, offence) @ powers for offence, powers in enumerate(learned.powers)]
    return np.exp(np.clip(np.column_stack(logs), -40, 20))


def _columns(known: Known, learned: Learned) -> tuple[Floats, Floats]:
    """Return the columns shared by all offences, and each offence's own [cells, offences], as relative logarithms."""
    own = known.mixed
    shared = [own[:, learned.is_high_harm].sum(axis=1), known.lesser, *known.high_harm.T, *known.every.T]
    return _relative(shared, known.weight), _relative(list(own.T), known.weight)


def _relative(rates: Sequence[Floats], weight: Floats) -> Floats:
    return np.column_stack([relative_log(rate, float(weight @ rate / weight.sum())) for rate in rates])


def _of_offence(shared: Floats, own: Floats, offence: int) -> Floats:
    return np.column_stack([np.ones(len(shared)), own[:, offence], shared])


def _days(windows: Sequence[Window]) -> Floats:
    return np.repeat([window.days for window in windows], [len(window.weight) for window in windows])
