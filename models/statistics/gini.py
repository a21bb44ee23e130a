"""How unequally counted incidents fall on people, and how unequally they would by chance alone.

A few people always hold most incidents, were everybody alike: read the Gini coefficient beside what equal rates would
give (Gini 1912; for offending, Fox and Tracy 1988, Journal of Quantitative Criminology 4:259).
"""

import numpy as np
import numpy.typing as npt
from scipy.special import pdtr, pdtrik


def gini(values: npt.ArrayLike) -> float:
    """Gini coefficient Σ(2i − n − 1)x₍ᵢ₎ / (nΣx) of values from zero up; 0 is equality, NaN where all are zero."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n, total = len(ordered), ordered.sum()
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total)) if total > 0 else float("nan")


def gini_by_chance(count: npt.ArrayLike, exposure: npt.ArrayLike) -> float:
    """Gini coefficient to expect of counts if everybody had the same rate over their own exposure.

    Counts are then a mixture of Poisson distributions with distribution function F and mean μ, and their Gini
    coefficient is Σₖ F(k)(1 − F(k)) / μ. NaN without any count or exposure.
    """
    count, exposure = np.asarray(count, dtype=np.float64), np.asarray(exposure, dtype=np.float64)
    if not (count.sum() > 0 and exposure.sum() > 0):
        return float("nan")
    # People of nearly the same exposure are taken together: 512 of them tell as much as 200,000.
    weight, edges = np.histogram(exposure, bins=512)
    mean = (edges[:-1] + edges[1:]) / 2
    mean *= count.sum() / (weight @ mean)
    k = np.arange(int(np.ceil(pdtrik(1 - 1e-12, mean.max()))) + 1)
    below = weight @ pdtr(k, mean[:, None]) / weight.sum()
    return float((below * (1 - below)).sum() / (weight @ mean / weight.sum()))
