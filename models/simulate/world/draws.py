"""Random draws keyed by what they are for, so that changing one thing in the town reshuffles nothing else.

A day's draws come from a stream of their own, keyed by (seed, day, stream). What befalls one record is drawn from its
number alone, with splitmix64 (Steele, Lea and Flood 2014, OOPSLA 453).
"""

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.uint64]

STREAMS = (
    "town",
    "sites",
    "people",
    "rates",
    "background",
    "offending",
    "patrol",
    "reports",
    "custody",
    "warrants",
    "staffing",
    "actions",
    "withdrawn",
)


def generator(seed: int, day: int, stream: str) -> np.random.Generator:
    """Random numbers of one stream on one day, counted from 0 (day −1 is before the first)."""
    return np.random.default_rng([seed, day + 1, STREAMS.index(stream)])


def numbers(seed: int, day: int, stream: str, n: int) -> Numbers:
    """n numbers that name the things a stream makes on a day; they say nothing of either."""
    return mix(seed, (day + 1) * len(STREAMS) + STREAMS.index(stream), np.arange(n))


def mix(*parts: npt.ArrayLike) -> Numbers:
    """Mix whole numbers from zero up (scalars or one array's length) into evenly spread 64-bit numbers."""
    mixed = np.zeros(1, dtype=np.uint64)
    for part in parts:
        mixed = _splitmix(mixed ^ np.atleast_1d(np.asarray(part)).astype(np.uint64))
    return mixed


def uniforms(number: Numbers, salt: int) -> Floats:
    """One uniform draw from 0 to 1 for each number, another for every salt."""
    return (mix(number, salt) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def pick(u: Floats, weights: npt.ArrayLike) -> Ints:
    """Indexes drawn in proportion to `weights`, one for each uniform draw in `u`."""
    cumulative = np.cumsum(weights)
    return np.searchsorted(cumulative[:-1], u * cumulative[-1], side="right")


def pick_by_row(u: Floats, weights: Floats) -> Ints:
    """One index per row of `weights` [n, k], drawn in proportion to that row."""
    cumulative = np.cumsum(weights, axis=1)
    return (u[:, None] * cumulative[:, -1:] >= cumulative[:, :-1]).sum(axis=1)


def _splitmix(state: Numbers) -> Numbers:
    z = state + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
