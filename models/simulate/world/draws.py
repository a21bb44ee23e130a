"""Random draws keyed by their purpose, so that changing one thing in the town does not change other draws.

A day's draws come from a stream keyed by (seed, day, stream). The changes of one record are drawn from its number
alone, with splitmix64 (Steele, Lea and Flood 2014, OOPSLA 453).
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
    """Return the generator of one stream on one day, counted from 0 (day −1 is before the first)."""
    return np.random.default_rng([seed, day + 1, STREAMS.index(stream)])


def numbers(seed: int, day: int, stream: str, n: int) -> Numbers:
    """Return n numbers that identify the records of a stream on a day; they reveal neither."""
    return mix(seed, (day + 1) * len(STREAMS) + STREAMS.index(stream), np.arange(n))


def mix(*parts: npt.ArrayLike) -> Numbers:
    """Mix whole numbers, 0 or more (scalars or arrays of one length), into evenly spread 64-bit numbers."""
    mixed = np.zeros(1, dtype=np.uint64)
    for part in parts:
        mixed = _splitmix(mixed ^ np.atleast_1d(np.asarray(part)).astype(np.uint64))
    return mixed


def uniforms(number: Numbers, salt: int) -> Floats:
    """Return one uniform draw from 0 to 1 for each number; each salt gives other draws."""
    return (mix(number, salt) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def pick(u: Floats, weights: npt.ArrayLike) -> Ints:
    """Return indexes drawn in proportion to `weights`, one for each uniform draw in `u`."""
    cumulative = np.cumsum(weights)
    return np.searchsorted(cumulative[:-1], u * cumulative[-1], side="right")


def one_of(pool: Ints, u: Floats) -> Ints:
    """Return a member of `pool` for each uniform draw in `u`, all equally likely."""
    return pool[(u * len(pool)).astype(np.int64)]


def pick_by_row(u: Floats, weights: Floats) -> Ints:
    """Return one index per row of `weights` [n, k], drawn in proportion to that row."""
    cumulative = np.cumsum(weights, axis=1)
    return (u[:, None] * cumulative[:, -1:] >= cumulative[:, :-1]).sum(axis=1)


def _splitmix(state: Numbers) -> Numbers:
    z = state + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
