"""What the past teaches about rates, and the rates that follow from it.

An offence's own rate is a mixture of its rates at all scales; offences then lend to each other by powers; and where a
cell was seen long enough, its own count draws the rate to itself. Grave offences are too rare to speak alone, so their
counts in a cell speak together. `models.forecast.fit` says how each part is found.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models.forecast.fit import anchored, fit_anchor, fit_excess, fit_mixture, fit_powers, relative_log
from models.forecast.windows import Window

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# By how much counts deviate where nothing could be learned: as near repeats and unsure rates usually make them.
DEFAULT_EXCESS = (0.2, 0.3)


@dataclass(frozen=True, slots=True)
class Learned:
    """What the past taught.

    is_grave : [offences], those that weigh more than the average event.
    mixtures : [offences, mean lives × scales].
    powers : [offences, columns], a level and powers of the own and of the shared rates.
    anchors : [offences, 2], how many events resist a cell's own count, and the level that goes with it; grave offences
        share one.
    excess : the two parameters of how counts deviate.
    """

    is_grave: Bools
    mixtures: Floats
    powers: Floats
    anchors: Floats
    excess: tuple[float, float]


def learn(windows: Sequence[Window], now: Window, is_grave: Bools, least: float) -> Learned:
    """Learn from the windows; `least` is the rate per day and cell at which any offence is expected anyway."""
    mixtures = np.stack([fit_mixture(windows, offence, now.rates.shape[2]) for offence in range(len(is_grave))])
    level = np.log(np.maximum(np.einsum("kcs,ks->k", now.rates, mixtures) / len(now.weight), least))
    unlent = np.zeros((len(is_grave), 4 + 2 * now.usual.shape[2]))
    unlent[:, 0], unlent[:, 1] = level, 1.0
    unanchored = np.tile([np.inf, 1.0], (len(is_grave), 1))
    learned = Learned(is_grave, mixtures, unlent, unanchored, DEFAULT_EXCESS)
    if not windows:
        return learned
    learned = replace(learned, powers=_powers(learned, windows))
    learned = replace(learned, anchors=_anchors(learned, windows))
    return replace(learned, excess=_excess(learned, windows))


def expected_events(window: Window, learned: Learned) -> Floats:
    """Expected events [cells, offences] over a window's days."""
    strength, level = learned.anchors.T
    rate, peers = _lent(window, learned), _peers(learned.is_grave)
    together = rate @ peers
    drawn = anchored(together, window.usual[:, :, 0].T @ peers, window.seen_days, strength)
    return rate * drawn / together * level * window.days


def _powers(learned: Learned, windows: Sequence[Window]) -> Floats:
    columns = [_columns(window, learned) for window in windows]
    weight, days = np.concatenate([window.weight for window in windows]), _days(windows)
    powers = np.empty_like(learned.powers)
    for offence, start in enumerate(learned.powers):
        x = np.concatenate([_of_offence(shared, own, offence) for shared, own in columns])
        events = np.concatenate([window.events[:, offence] for window in windows])
        powers[offence] = fit_powers(x, events, weight, days, start)
    return powers


def _anchors(learned: Learned, windows: Sequence[Window]) -> Floats:
    peers = _peers(learned.is_grave)
    rate = np.concatenate([_lent(window, learned) for window in windows]) @ peers
    own = np.concatenate([window.usual[:, :, 0].T for window in windows]) @ peers
    events = np.concatenate([window.events for window in windows]) @ peers
    weight, days = np.concatenate([window.weight for window in windows]), _days(windows)
    seen_days = np.repeat([window.seen_days for window in windows], [len(window.weight) for window in windows])
    by_offence = zip(rate.T, own.T, events.T, strict=True)
    return np.array([fit_anchor(*columns, weight, days, seen_days) for columns in by_offence])


def _peers(is_grave: Bools) -> Floats:
    """Which offences [offences, offences] speak together: the grave ones, and each other one alone."""
    return (np.outer(is_grave, is_grave) | np.eye(len(is_grave), dtype=np.bool_)).astype(np.float64)


def _excess(learned: Learned, windows: Sequence[Window]) -> tuple[float, float]:
    parts = [window.parts.shape[1] for window in windows]
    expected = [expected_events(window, learned).sum(axis=1) / n for window, n in zip(windows, parts, strict=True)]
    return fit_excess(
        np.concatenate([np.repeat(mean, n) for mean, n in zip(expected, parts, strict=True)]),
        np.concatenate([window.parts.ravel() for window in windows]),
        np.concatenate([np.repeat(window.weight, n) for window, n in zip(windows, parts, strict=True)]),
    )


def _lent(window: Window, learned: Learned) -> Floats:
    """Rates [cells, offences] per day before a cell's own count draws them to itself."""
    shared, own = _columns(window, learned)
    logs = [_of_offence(shared, own, offence) @ powers for offence, powers in enumerate(learned.powers)]
    return np.exp(np.clip(np.column_stack(logs), -40, 20))


def _columns(window: Window, learned: Learned) -> tuple[Floats, Floats]:
    """Columns that all offences share, and each offence's own [cells, offences]; all are relative logarithms."""
    own = np.einsum("kcs,ks->ck", window.rates, learned.mixtures)
    grave, every = window.usual[learned.is_grave].sum(axis=0), window.usual.sum(axis=0)
    lesser = own[:, ~learned.is_grave].sum(axis=1)
    shared = [own[:, learned.is_grave].sum(axis=1), lesser, *grave.T, *every.T]
    return _relative(shared, window.weight), _relative(list(own.T), window.weight)


def _relative(rates: Sequence[Floats], weight: Floats) -> Floats:
    return np.column_stack([relative_log(rate, float(weight @ rate / weight.sum())) for rate in rates])


def _of_offence(shared: Floats, own: Floats, offence: int) -> Floats:
    return np.column_stack([np.ones(len(shared)), own[:, offence], shared])


def _days(windows: Sequence[Window]) -> Floats:
    return np.repeat([window.days for window in windows], [len(window.weight) for window in windows])
