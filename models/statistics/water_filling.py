"""Water-filling: find the level at which straight lines, clipped to their bounds, sum to a total."""

import numpy as np
import numpy.typing as npt

from models.arrays import Floats


def fill_in(
    is_filled: npt.NDArray[np.bool_], slope: Floats, offset: Floats, floor: Floats, ceiling: Floats, total: float
) -> Floats:
    """Return `fill` of some of the values, over the floors of the others, which share what is left by their room."""
    filled = floor.copy()
    if is_filled.any():
        available = total - float(floor[~is_filled].sum())
        filled[is_filled] = fill(slope[is_filled], offset[is_filled], floor[is_filled], ceiling[is_filled], available)
    room = np.where(is_filled, 0.0, ceiling - floor)
    rest = total - float(filled.sum())
    return filled + room * min(rest / room.sum(), 1.0) if rest > 0 and room.sum() > 0 else filled


def fill(slope: Floats, offset: Floats, floor: Floats, ceiling: Floats, total: float) -> Floats:
    """Return slope·t + offset clipped to [floor, ceiling], with t such that the values sum to `total`.

    The solution is closed-form: the sum is piecewise linear in t, with a bend where a line meets a bound. Slopes are
    above zero. A total outside Σ floor … Σ ceiling gives the nearer bound.
    """
    meets_floor, meets_ceiling = (floor - offset) / slope, (ceiling - offset) / slope
    bends = np.concatenate([meets_floor, meets_ceiling])
    order = np.argsort(bends, kind="stable")
    bends, slopes = bends[order], np.cumsum(np.concatenate([slope, -slope])[order])
    sums = floor.sum() + np.concatenate([[0.0], np.cumsum(slopes[:-1] * np.diff(bends))])
    at = int(np.clip(np.searchsorted(sums, total, side="right") - 1, 0, len(bends) - 1))
    # The cumulated slope has rounding error; recompute from the lines between their bounds.
    level = bends[at]
    free = (meets_floor <= level) & (meets_ceiling > level)
    if free.any():
        level += (total - np.clip(slope * level + offset, floor, ceiling).sum()) / slope[free].sum()
    return np.clip(slope * level + offset, floor, ceiling)
