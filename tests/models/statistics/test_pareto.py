import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.statistics.pareto import is_on_front


def test_the_front_by_hand() -> None:
    values = [[3, 1, 0], [1, 3, 0], [1, 1, 0], [3, 1, 0], [0, 0, 1], [3, 0, 0]]
    assert is_on_front(values).tolist() == [True, True, False, True, True, False]


def test_nobody_has_no_front() -> None:
    assert is_on_front(np.empty((0, 3))).tolist() == []


def test_an_unknown_value_compares_as_equal() -> None:
    """The first is worse than the second, which is worse than the third, whose last value nobody else knows."""
    values = [[3, 3, np.nan], [2, 2, 2], [1, np.nan, 1], [9, 0, 0]]
    assert is_on_front(values).tolist() == [True, False, False, True]


@given(st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, 2.0, np.nan])] * 3), max_size=12))
def test_the_front_is_whom_nobody_dominates(rows: list[tuple[float, float, float]]) -> None:
    def dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
        pairs = list(zip(one, other, strict=True))
        return not any(a < b for a, b in pairs) and any(a > b for a, b in pairs)

    expected = [not any(dominates(other, row) for other in rows) for row in rows]
    assert is_on_front(np.array(rows).reshape(-1, 3)).tolist() == expected
