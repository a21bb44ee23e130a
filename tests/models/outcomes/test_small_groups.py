"""Small counts are withheld, and no sum or difference of what is shown tells one."""

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.outcomes.small_groups import LEAST, has_small_sum, withheld

COUNTS = st.one_of(st.integers(0, 3), st.integers(7, 13), st.integers(0, 200))
TABLES = st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=6)


def told(parts: np.ndarray, least: int) -> list[tuple[int, int]]:
    """The small counts (group, part) that sums and differences of what is shown leave a single value."""
    of_group = parts.sum(axis=1)
    no_base = withheld(of_group[:, None], least=least)
    hidden = withheld(parts, no_base, least=least)
    assert not ((parts < least).any(axis=1) & ~hidden).any()
    if has_small_sum(parts, least=least):
        return []  # nothing of the parts is shown
    found = []
    rest = parts[hidden].sum(axis=0)
    for group, part in product(np.flatnonzero(hidden), range(parts.shape[1])):
        # A withheld count is at least what the other withheld groups cannot hold, and at most what is left.
        room = [np.inf if no_base[each] else of_group[each] for each in np.flatnonzero(hidden) if each != group]
        low = max(0, rest[part] - sum(room))
        high = min(rest[part], np.inf if no_base[group] else of_group[group])
        if parts[group, part] < least and not low < high:
            found.append((int(group), part))
    return found


@given(TABLES)
def test_no_sum_or_difference_tells_a_small_count(table: list[tuple[int, int]]) -> None:
    assert not told(np.array(table), LEAST)


def test_no_small_table_tells_a_small_count() -> None:
    """All tables of two groups with up to seven people in a part, and of three with up to three: three are shown."""
    for groups, most in ((2, 7), (3, 3)):
        tables = product(product(range(most + 1), repeat=2), repeat=groups)
        assert not [table for table in tables if told(np.array(table), 3)]


def test_a_second_group_is_withheld_beside_a_single_small_one() -> None:
    parts = np.array([[4, 96], [30, 70], [60, 140]])
    assert withheld(parts).tolist() == [True, True, False]


def test_a_list_that_holds_nearly_all_of_a_group_is_withheld_like_one_that_holds_few() -> None:
    parts = np.array([[28, 2], [30, 70], [60, 140]])
    assert withheld(parts)[0]


def test_a_small_list_is_withheld_with_its_sum() -> None:
    parts = np.array([[4, 96], [5, 70]])
    assert has_small_sum(parts)
    assert withheld(parts).all()


def test_with_enough_people_everywhere_nothing_is_withheld() -> None:
    assert not withheld(np.array([[10, 10], [40, 30]])).any()
