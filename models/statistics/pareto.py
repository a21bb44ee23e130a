"""The Pareto front: whoever nobody else is as bad as on every axis and worse than on one, whatever the weights."""

import numpy as np
import numpy.typing as npt


def is_on_front(values: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """True for each row of `values` [n, axes], greater is worse, that no other row dominates.

    A row dominates another where it is nowhere less and somewhere greater; an unknown (NaN) value compares as equal.
    """
    values = np.asarray(values, dtype=np.float64)
    is_dominated = np.zeros(len(values), dtype=bool)
    # Unknown values break the chain: what a dominated row dominates need not be dominated by anybody else.
    is_chained = not np.isnan(values).any()
    for row in np.argsort(-np.nansum(values, axis=1), kind="stable"):
        if is_chained and is_dominated[row]:
            continue
        is_no_less = ~(values[row] < values)
        is_dominated |= np.all(is_no_less, axis=1) & np.any(values[row] > values, axis=1)
    return ~is_dominated
