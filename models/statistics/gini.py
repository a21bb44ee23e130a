"""Gini coefficient of incident counts per person, observed and expected under equal rates.

Counts are unequal by chance even if all people have the same rate, so compare the Gini coefficient with its expected
value under equal rates (Gini 1912; for offending, Fox and Tracy 1988, Journal of Quantitative Criminology 4:259).
"""

import numpy as np
import numpy.typing as npt
from scipy.special import pdtr, pdtrik


def gini(values: npt.ArrayLike) -> float:
    """Return the Gini coefficient Σ(2i − n − 1)x₍ᵢ₎ / (nΣx) of values ≥ 0; 0 is equality, NaN if all are zero."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n, total = len(ordered), ordered.sum()
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total)) if total > 0 else float("nan")


def gini_by_chance(count: npt.ArrayLike, exposure: npt.ArrayLike) -> float:
    """Return the Gini coefficient expected if everybody had the same rate over their own exposure.

    Counts are then a mixture of Poisson distributions with distribution function F and mean μ, and their Gini
    coefficient is Σₖ F(k)(1 − F(k)) / μ. The result is NaN without any count or exposure.
    """
    count, exposure = np.asarray(count, dtype=np.float64), np.asarray(exposure, dtype=np.float64)
    if not (count.sum() > 0 and exposure.sum() > 0):
        return float("nan")
    # Bin people by exposure: 512 bins are as accurate as 200,000 single people.
    weight, edges = np.histogram(exposure, bins=512)
    mean = (edges[:-1] + edges[1:]) / 2
    mean *= count.sum() / (weight @ mean)
    k = np.arange(int(np.ceil(pdtrik(1 - 1e-12, mean.max()))) + 1)
    below = weight @ pdtr(k, mean[:, None]) / weight.sum()
    return float((below * (1 - below)).sum() / (weight @ mean / weight.sum()))
