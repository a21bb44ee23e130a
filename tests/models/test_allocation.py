from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from models.allocation import allocate_minimax

ROOT = Path(__file__).parents[2]
AREAS = st.lists(
    st.tuples(st.one_of(st.just(0.0), st.floats(0.01, 500)), st.one_of(st.just(0.0), st.floats(0.1, 1000))),
    min_size=1,
    max_size=12,
)


def frames(pairs: list[tuple[float, float]]) -> tuple[pd.Series, pd.Series]:
    both = pd.DataFrame(pairs, index=[f"a{i:02d}" for i in range(len(pairs))], columns=["crimes", "hours"])
    return both["crimes"], both["hours"]


def test_hours_follow_crimes_by_hand() -> None:
    crimes, hours = frames([(30.0, 20.0), (10.0, 20.0)])
    table = allocate_minimax(crimes, hours)
    assert table["proposed_hours"].tolist() == [30.0, 10.0]
    assert table["proposed_ratio"].tolist() == [1.0, 1.0]
    assert table["today_ratio"].tolist() == [1.5, 0.5]


def test_bounds_stop_the_levelling_and_the_rest_is_spread_again() -> None:
    crimes, hours = frames([(900.0, 10.0), (30.0, 20.0), (10.0, 20.0), (0.0, 10.0)])
    table = allocate_minimax(crimes, hours)
    # The first stands at its ceiling, the last at its floor; the other 35 hours are shared 3 to 1 above floors of 10.
    assert table["proposed_hours"].tolist() == pytest.approx([20.0, 25.0, 10.0, 5.0])


def test_hours_nobody_with_crime_may_take_go_to_the_others() -> None:
    crimes, hours = frames([(5.0, 10.0), (0.0, 30.0), (0.0, 10.0)])
    assert allocate_minimax(crimes, hours)["proposed_hours"].tolist() == pytest.approx([20.0, 22.5, 7.5])


@settings(deadline=None, max_examples=80)
@given(pairs=AREAS, floor=st.floats(0, 1), ceiling=st.floats(1, 4))
def test_the_total_and_the_bounds_hold_and_nothing_beats_it(
    pairs: list[tuple[float, float]], floor: float, ceiling: float
) -> None:
    crimes, hours = frames(pairs)
    table = allocate_minimax(crimes, hours, floor_share=floor, ceiling_share=ceiling)
    proposed = table["proposed_hours"].to_numpy()
    assert proposed.sum() == pytest.approx(hours.sum(), rel=1e-9, abs=1e-9)
    assert (proposed >= floor * hours.to_numpy() - 1e-9).all()
    assert (proposed <= ceiling * hours.to_numpy() + 1e-9).all()
    takes_part = (crimes > 0).to_numpy() & (hours > 0).to_numpy()
    if not takes_part.any():
        return
    # The same optimum as a linear programme in t = 1/z: maximise t with crimes · t ≤ x for those who take part.
    n = len(pairs)
    weight = np.where(takes_part, crimes, 0.0)
    found = linprog(
        c=np.r_[np.zeros(n), -1.0],
        A_ub=np.c_[-np.eye(n), weight][takes_part],
        b_ub=np.zeros(takes_part.sum()),
        A_eq=np.r_[np.ones(n), 0.0][None],
        b_eq=[hours.sum()],
        bounds=[*((floor * h, ceiling * h) for h in hours), (0, None)],
    )
    assert found.success
    best_t = -found.fun
    assert best_t * table.loc[takes_part, "proposed_ratio"].max() == pytest.approx(1, rel=1e-6)


def test_areas_order_and_unknown_hours() -> None:
    crimes = pd.Series({"b": 4.0, "a": 2.0, "c": 1.0})
    hours = pd.Series({"a": 10.0, "c": 0.0, "b": 10.0})
    assumed = pd.Series({"c": True, "b": False, "a": False})
    table = allocate_minimax(crimes, hours, is_assumed=assumed)
    assert table["area_id"].tolist() == ["a", "b", "c"]
    assert table["is_staffing_assumed"].tolist() == [False, False, True]
    assert table.loc[2, ["today_ratio", "proposed_ratio"]].isna().all()
    assert table.loc[2, "proposed_hours"] == 0
    published = yaml.safe_load((ROOT / "pipeline/tables.yml").read_text(encoding="utf-8"))["published"]
    assert list(table.columns) == list(published["officer_allocation"]["columns"])


@pytest.mark.parametrize(
    ("changes", "named"), [({"floor_share": 1.2}, "floor_share"), ({"ceiling_share": 0.9}, "ceiling_share")]
)
def test_bounds_that_cannot_hold_todays_hours_are_refused(changes: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        allocate_minimax(*frames([(1.0, 1.0)]), **changes)


def test_frames_that_do_not_fit_are_refused() -> None:
    crimes, hours = frames([(1.0, 1.0), (1.0, -1.0)])
    with pytest.raises(ValueError, match="hours_today"):
        allocate_minimax(crimes, hours)
    with pytest.raises(ValueError, match="same areas"):
        allocate_minimax(crimes, hours[:1])
