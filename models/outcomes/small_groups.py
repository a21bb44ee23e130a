"""Counts of people by group that single nobody out: which counts of a table are withheld.

A count under `LEAST` is withheld, and so is one that leaves fewer than `LEAST` others of its group. As the sums over
all groups are shown, further counts are withheld until no sum or difference of what is shown tells one of them
(complementary suppression; Hundepool et al. 2012, Statistical Disclosure Control, chapter 4).
"""

import numpy as np

from models.arrays import Bools, Ints

LEAST = 10  # people


def withheld(parts: Ints, hidden: Bools | None = None, *, least: int = LEAST) -> Bools:
    """Return which groups of a table are withheld.

    Parameters
    ----------
    parts : Ints
        People by group and part [groups, parts], such as listed and not listed. The sums over all groups and the sum of
        the parts of each group may be shown.
    hidden : Bools, optional
        Groups that are withheld anyway [groups].
    least : int
        Least number of people that is shown.

    Returns
    -------
    Bools
        [groups]; all of them where a sum over all groups is itself small. That sum is then not shown either.
    """
    found: Bools = np.array((parts < least).any(axis=1))
    found |= False if hidden is None else hidden
    if has_small_sum(parts, least=least):
        return np.ones_like(found)
    for group in np.argsort(parts.sum(axis=1), kind="stable"):
        if not found.any() or (found.sum() > 1 and not has_small_sum(parts[found], least=least)):
            break
        found[group] = True
    return found


def has_small_sum(parts: Ints, *, least: int = LEAST) -> bool:
    """Return whether one of the sums over groups is small."""
    return bool((parts.sum(axis=0) < least).any())
