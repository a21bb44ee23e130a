"""Near repeats: test whether incidents that are close in space are also close in time more often than by chance.

Test of Knox (1964, Applied Statistics 13:25) with ratios by band as in the near-repeat work of Ratcliffe and Rengert
(2008, Security Journal 21:58): pairs of incidents are counted by distance and by days apart, and again after random
permutation of the days among the places, which keeps both distributions but removes their association.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import KDTree

from geo.crs import metric_crs

Integers = npt.NDArray[np.int64]

# Pairs grow with the square of the number of points; more than this would exhaust memory.
MOST_PAIRS = 20_000_000


def knox_table(
    points: pd.DataFrame,
    *,
    crs: str,
    distance_bands_m: Sequence[float] = (100, 200, 300, 400),
    day_bands: Sequence[int] = (7, 14, 21, 28),
    permutations: int = 999,
    seed: int,
) -> pd.DataFrame:
    """Count pairs of incidents by band of distance and of days apart, and compare with shuffled days.

    Parameters
    ----------
    points : pd.DataFrame
        one row per incident: x_m, y_m (metres), day (whole number).
    crs : str
        metric coordinate system of x_m and y_m.
    distance_bands_m : Sequence[float]
        upper edges, increasing; the first band includes 0, each further one starts above the previous edge. A first
        edge of 0 makes "the same place" a band of its own.
    day_bands : Sequence[int]
        upper edges of the days apart, in the same way.
    permutations : int
        number of shuffles of the days.
    seed : int
        seed of the shuffles.

    Returns
    -------
    pd.DataFrame
        One row per pair of bands: distance_from_m, distance_to_m, day_from, day_to, pairs (observed), expected_pairs
        (mean of the shuffles), ratio (observed over expected; missing if none is expected), p_value ((1 + shuffles with
        at least as many pairs) / (1 + shuffles)). Bands other than the first exclude their distance_from_m, and
        day_from is the first day of the band.

    Raises
    ------
    ValueError
        `crs` is not metric, a value is missing, bands do not increase, or there are more than 20 million pairs.
    """
    metric_crs(crs, what="points")
    distance_edges, day_edges = _edges(distance_bands_m, "distance_bands_m"), _edges(day_bands, "day_bands")
    if permutations < 1:
        raise ValueError(f"permutations={permutations!r}: expected at least 1")
    day = _days(points)
    first, second, distance_band = _pairs(points[["x_m", "y_m"]].to_numpy(np.float64), distance_edges)

    last_day = int(day_edges[-1]) + 1  # all pairs too far apart: a separate band, dropped below
    band_of_days = np.searchsorted(day_edges, np.arange(last_day + 1))
    width = day_edges.size + 1

    def count(days: Integers) -> Integers:
        day_band = band_of_days[np.minimum(np.abs(days[first] - days[second]), last_day)]
        counts = np.bincount(distance_band * width + day_band, minlength=distance_edges.size * width)
        return counts.reshape(-1, width)[:, :-1]

    observed = count(day)
    generator = np.random.default_rng(seed)
    total, as_many = np.zeros_like(observed), np.ones_like(observed)
    for _ in range(permutations):
        shuffled = count(generator.permutation(day))
        total += shuffled
        as_many += shuffled >= observed
    return _table(distance_edges, day_edges, observed, total / permutations, as_many / (permutations + 1))


def _edges(bands: Sequence[float], name: str) -> npt.NDArray[np.float64]:
    edges = np.asarray(bands, dtype=np.float64)
    if not edges.size or not np.isfinite(edges).all() or edges[0] < 0 or (np.diff(edges) <= 0).any():
        raise ValueError(f"{name}={list(bands)!r}: expected increasing upper edges, the first at least 0")
    return edges


def _days(points: pd.DataFrame) -> Integers:
    values = points[["x_m", "y_m", "day"]].to_numpy(np.float64)
    missing = np.count_nonzero(~np.isfinite(values).all(axis=1))
    if missing:
        raise ValueError(f"points: {missing} of {len(points)} lack x_m, y_m or day; leave them out first")
    if (values[:, 2] % 1 != 0).any():
        raise ValueError("points: day is not a whole number; expected days since any fixed date")
    return values[:, 2].astype(np.int64)


def _pairs(
    places: npt.NDArray[np.float64], distance_edges: npt.NDArray[np.float64]
) -> tuple[Integers, Integers, Integers]:
    """Return both rows and the distance band of every pair within the last band."""
    if len(places) < 2:
        empty = np.zeros(0, dtype=np.int64)
        return empty, empty, empty
    tree = KDTree(places)
    count = (int(tree.count_neighbors(tree, distance_edges[-1])) - len(places)) // 2
    if count > MOST_PAIRS:
        raise ValueError(f"{count:,} pairs within {distance_edges[-1]:g} m; take fewer points or narrower bands")
    pairs = tree.query_pairs(distance_edges[-1], output_type="ndarray")
    apart = np.hypot(*(places[pairs[:, 0]] - places[pairs[:, 1]]).T)
    # A pair on the last edge may be beyond it by rounding; the tree has found it within.
    band = np.minimum(np.searchsorted(distance_edges, apart), distance_edges.size - 1)
    return pairs[:, 0], pairs[:, 1], band


def _table(
    distance_edges: npt.NDArray[np.float64],
    day_edges: npt.NDArray[np.float64],
    observed: Integers,
    expected: npt.NDArray[np.float64],
    p_value: npt.NDArray[np.float64],
) -> pd.DataFrame:
    days = day_edges.astype(np.int64)
    table = pd.DataFrame(
        {
            "distance_from_m": np.repeat(np.append(0.0, distance_edges[:-1]), days.size),
            "distance_to_m": np.repeat(distance_edges, days.size),
            "day_from": np.tile(np.append(0, days[:-1] + 1), distance_edges.size),
            "day_to": np.tile(days, distance_edges.size),
            "pairs": observed.ravel(),
            "expected_pairs": expected.ravel(),
        }
    )
    ratio = table["pairs"] / table["expected_pairs"].where(table["expected_pairs"] > 0)
    return table.assign(ratio=ratio, p_value=p_value.ravel())
