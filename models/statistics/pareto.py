"""The Pareto front: the rows that no other row dominates, independent of weights."""

import numpy as np
import numpy.typing as npt


def is_on_front(values: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return True for each row of `values` [n, axes] that no other row dominates; greater is worse.

    A row dominates another if it is less on no axis and greater on at least one; NaN (unknown) compares as equal.
    """
    values = np.asarray(values, dtype=np.float64)
    is_dominated = np.zeros(len(values), dtype=bool)
    # With unknown values dominance is not transitive, so dominated rows must be compared too.
    is_transitive = not np.isnan(values).any()
    for row in np.argsort(-np.nansum(values, axis=1), kind="stable"):
        if is_transitive and is_dominated[row]:
            continue
        is_no_less = ~(values[row] < values)
        is_dominated |= np.all(is_no_less, axis=1) & np.any(values[row] > values, axis=1)
    return ~is_dominated
