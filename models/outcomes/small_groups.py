"""Counts of people by group that single nobody out: which counts of a table are withheld.

A count under `LEAST` is withheld, and so is one that leaves fewer than `LEAST` others of its group. As the sums over
all groups are shown, further counts are withheld until no sum or difference of what is shown tells one of them
(complementary suppression; Hundepool et al. 2012, Statistical Disclosure Control, chapter 4).
"""

from collections.abc import Callable

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

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


def withheld_sums(people: Ints, together: Callable[[Bools], int], *, least: int = LEAST) -> Bools:
    """Return which figures of a table with its sums are withheld, so that no chain of sums tells one of them.

    Figures of one to `least - 1` people are withheld, and further ones, the smallest first, until what is withheld in a
    line whose sum is shown holds `least` people or more, and no withheld figure follows from those that are shown.

    Parameters
    ----------
    people : Ints
        People behind each figure [rows, columns]. The last row holds the sums of the rows, the last column those of the
        columns. The figure of nobody is zero and is shown; every other one is above zero.
    together : callable
        How many people stand behind some of the figures together.
    least : int
        Least number of people that is shown.

    Returns
    -------
    Bools
        [rows, columns].
    """
    hidden = (people > 0) & (people < least)
    height, width = people.shape
    lines = [((row, -1), True) for row in range(height)] + [((-1, column), False) for column in range(width)]
    for whole, is_row in lines:
        in_line = np.zeros_like(hidden)
        if is_row:
            in_line[whole[0], :-1] = True
        else:
            in_line[:-1, whole[1]] = True
        if (hidden & in_line).any() and not hidden[whole] and together(hidden & in_line) < least:
            hidden[_smallest(people, in_line & ~hidden)] = True
    while (cut := _cut_at_known(hidden)) is not None:
        if not ((people > 0) & cut & ~hidden).any():  # the figures do not add up: nothing is safe
            return people > 0
        hidden[_smallest(people, cut & ~hidden)] = True
    return hidden


def _smallest(people: Ints, among: Bools) -> tuple[int, int]:
    """Return the place of the figure of the fewest people, at least one; of equal ones that of no sum."""
    size = 2 * people
    size[-1], size[:, -1] = size[-1] + 1, size[:, -1] + 1
    row, column = np.unravel_index(np.where(among & (people > 0), size, np.iinfo(size.dtype).max).argmin(), size.shape)
    return int(row), int(column)


def _cut_at_known(hidden: Bools) -> Bools | None:
    """Return the figures, shown and withheld, that tell a withheld one by their sums; None if none is told.

    Each line and its sum make one equation, so that a withheld figure joins its row and its column as an edge of a
    graph. It is known where it is the only one between two parts of the graph: there its resistance is 1, else less by
    1 / (rows + columns) or more (Klein and Randic 1993, Journal of Mathematical Chemistry 12:81).
    """
    rows, columns = np.nonzero(hidden)
    edges = hidden.astype(np.float64)
    degree = np.maximum(edges.sum(axis=1), 1)
    spread = edges / degree[:, None]
    inverse = np.linalg.pinv(np.diag(edges.sum(axis=0)) - edges.T @ spread, rcond=1e-10, hermitian=True)
    lean = spread @ inverse
    own = 1 / degree + (lean * spread).sum(axis=1)
    resistance = own[rows] + np.diag(inverse)[columns] - 2 * lean[rows, columns]
    known = np.flatnonzero(resistance > 1 - 0.5 / sum(hidden.shape))
    if not len(known):
        return None
    first, others = known[0], np.delete(np.arange(len(rows)), known[0])
    size, height = sum(hidden.shape), len(hidden)
    graph = coo_array((np.ones(len(others)), (rows[others], height + columns[others])), shape=(size, size))
    part = connected_components(graph, directed=False)[1]
    is_in = part == part[rows[first]]
    return np.asarray(is_in[:height, None] ^ is_in[None, height:])
