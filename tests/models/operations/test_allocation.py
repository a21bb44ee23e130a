from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from models.operations.allocation import Allocation, AllocationConfig, allocate, allocate_minimax
from models.operations.marginal_allocation import averted

ROOT = Path(__file__).parents[3]
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
    # The first is at its ceiling, the last at its floor; the other 35 hours are shared 3 to 1 above floors of 10.
    assert table["proposed_hours"].tolist() == pytest.approx([20.0, 25.0, 10.0, 5.0])


def test_hours_nobody_with_crime_may_take_go_to_the_others() -> None:
    crimes, hours = frames([(5.0, 10.0), (0.0, 30.0), (0.0, 10.0)])
    assert allocate_minimax(crimes, hours)["proposed_hours"].tolist() == pytest.approx([20.0, 22.5, 7.5])


@settings(max_examples=80)
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
    published = yaml.safe_load((ROOT / "pipeline/publication/tables.yml").read_text(encoding="utf-8"))["published"]
    columns = list(published["officer_allocation"]["columns"])
    assert list(table.columns) == columns[: columns.index("is_staffing_assumed") + 1]


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


CONFIG = AllocationConfig(floor_share=0.5, ceiling_share=2.0, averted_share=0.2, equity_cap_ratio=1.0)
HARMED = st.lists(st.tuples(st.one_of(st.just(0.0), st.floats(0.1, 200)), st.floats(0.5, 300)), min_size=1, max_size=10)


def town(areas: int, groups: str = "") -> tuple[pd.Series, pd.Series, pd.Series, pd.DataFrame | None]:
    """Return crimes, harm, hours and group shares of so many areas."""
    rng = np.random.default_rng(areas)
    ids = [f"a{i:03d}" for i in range(areas)]
    crimes, harm, hours = (pd.Series(rng.gamma(shape, 20, areas), ids) for shape in (1.0, 0.7, 2.0))
    parts = [pd.DataFrame({"area_id": ids, "group": g, "share": rng.beta(1, 4, areas)}) for g in groups]
    return crimes, harm, hours, pd.concat(parts) if parts else None


def planned(harm: pd.Series, hours: pd.Series, shares: pd.DataFrame | None = None, **changes: float) -> Allocation:
    config = AllocationConfig(**{**{f: getattr(CONFIG, f) for f in CONFIG.__slots__}, **changes})
    return allocate(harm, harm, hours, config=config, group_shares=shares)


def test_most_is_averted_where_the_next_hour_averts_most() -> None:
    harm, hours = frames([(80.0, 20.0), (20.0, 20.0)])
    plan = planned(harm, hours, floor_share=0.0).areas["marginal_hours"].tolist()
    # Marginal harm is equal: κ·80·e^(−κ(x−20)) = κ·20·e^(−κ(20−x)), so x = 20 + ln 4 / 2κ, above the ceiling of 40.
    assert plan == pytest.approx([40.0, 0.0])
    kappa = -np.log(0.2) / 20
    mild = planned(harm, hours, floor_share=0.0, averted_share=0.8).areas["marginal_hours"].tolist()
    assert mild == pytest.approx([20 + np.log(4) / (2 * kappa), 20 - np.log(4) / (2 * kappa)])


def test_harm_without_officers_is_inferred_under_the_assumption_it_is_planned_with() -> None:
    """Ten hours halve the harm: 40 measured under twenty were 160 without, 30 under ten were 60."""
    harm, hours = frames([(40.0, 20.0), (30.0, 10.0)])
    share = 1 - 0.5**1.5  # that the mean of fifteen hours averts
    found = planned(harm, hours, averted_share=share)
    assert found.areas["harm_without_officers"].tolist() == pytest.approx([160.0, 60.0])
    today = found.curve.query("hours_share == 1").set_index("kappa_multiple")
    assert today.loc[1.0, ["averted_today", "harm_without_officers"]].tolist() == pytest.approx([150.0, 220.0])
    assert today.loc[0.5, "harm_without_officers"] == pytest.approx(80.0 + 30 * 2**0.5)
    assert today.loc[2.0, "harm_without_officers"] == pytest.approx(640.0 + 120.0)


@settings(max_examples=60)
@given(
    hours=st.lists(st.floats(0.5, 300), min_size=2, max_size=8),
    level=st.floats(0.1, 200),
    share=st.floats(0.05, 0.95),
    floor=st.floats(0, 1),
)
def test_where_today_is_optimal_nothing_moves_and_nothing_is_claimed(
    hours: list[float], level: float, share: float, floor: float
) -> None:
    """The next hour averts as much everywhere where measured harm is alike, whatever it was without officers."""
    harm, today = frames([(level, given_hours) for given_hours in hours])
    found = planned(harm, today, averted_share=share, floor_share=floor)
    for name in ("marginal_hours", "marginal_hours_half", "marginal_hours_double"):
        assert found.areas[name].tolist() == pytest.approx(hours, rel=1e-6, abs=1e-6)
    now = found.curve[found.curve["hours_share"] == 1.0]
    assert now["gain_today"].abs().max() <= 1e-9 * level * len(hours)
    assert now["gain_marginal"].abs().max() <= 1e-6 * now["harm_without_officers"].max()


@settings(max_examples=60)
@given(pairs=HARMED, share=st.floats(0.01, 0.999))
def test_no_area_is_said_to_have_more_than_95_of_100_averted(pairs: list[tuple[float, float]], share: float) -> None:
    harm, hours = frames(pairs)
    found = planned(harm, hours, averted_share=share)
    assert (found.areas["harm_without_officers"] <= 20 * harm.to_numpy() * (1 + 1e-9)).all()
    assert found.curve["harm_without_officers"].le(20 * harm.sum() * (1 + 1e-9)).all()


def test_skewed_hours_claim_no_more_harm_than_there_can_be() -> None:
    """With κ·today of 62 one area had more than 10 to the 26th times its measured harm."""
    harm, hours = frames([(5.0, 1_000.0), *[(5.0, 1.0)] * 20])
    found = planned(harm, hours, averted_share=0.95)
    assert found.areas["harm_without_officers"].max() == pytest.approx(100)
    assert np.isfinite(found.curve.to_numpy()).all()
    assert found.areas["marginal_hours"].tolist() == pytest.approx(hours.tolist())


def test_an_area_with_unknown_hours_is_in_no_total_and_no_cost() -> None:
    """It counted with its measured harm, as if it were known that nobody is there."""
    harm, hours = frames([(40.0, 20.0), (30.0, 10.0), (5.0, 0.0), (500.0, 0.0)])
    with_unknown, without = planned(harm, hours), planned(harm[:2], hours[:2])
    assert with_unknown.areas["harm_without_officers"].isna().tolist() == [False, False, True, True]
    assert with_unknown.areas["floor_price"].tolist()[2:] == [0.0, 0.0]
    pd.testing.assert_frame_equal(with_unknown.areas[:2], without.areas)
    pd.testing.assert_frame_equal(with_unknown.curve, without.curve)
    pd.testing.assert_frame_equal(with_unknown.costs, without.costs)


def true_gain(areas: pd.DataFrame, untreated: np.ndarray, kappa: float) -> float:
    """The share of measured harm that the plan takes away in truth; harm is untreated times e^(−κ hours)."""
    before, after = (
        (untreated * np.exp(-kappa * areas[name].to_numpy())).sum() for name in ("today_hours", "marginal_hours")
    )
    return float(1 - after / before)


def claimed_gain(found: Allocation) -> float:
    now = found.curve.query("kappa_multiple == 1 and hours_share == 1").iloc[0]
    return float(now["gain_marginal"] / found.areas["harm_per_day"].sum())


@settings(max_examples=60)
@given(pairs=HARMED, share=st.floats(0.05, 0.6), ceiling=st.floats(1, 3))
def test_the_gain_claimed_is_the_gain_planted(pairs: list[tuple[float, float]], share: float, ceiling: float) -> None:
    """Known harm without officers, measured under today's hours: plan, then count what the plan does to it."""
    untreated, hours = frames(pairs)
    kappa = -np.log1p(-share) / hours.mean()
    assume(kappa * hours.max() <= np.log(20))  # an area with more averted is not believed
    measured = untreated * np.exp(-kappa * hours)
    if measured.sum() == 0:
        return
    found = planned(measured, hours, averted_share=share, ceiling_share=ceiling)
    claimed, true = claimed_gain(found), true_gain(found.areas, untreated.to_numpy(), kappa)
    assert claimed == pytest.approx(true, abs=1e-9)
    assert claimed >= -1e-12


def test_officers_who_stand_where_the_harm_would_be_are_not_called_a_loss() -> None:
    """Taken as untreated, measured harm claimed a gain of 2.7% for a plan that in truth lost 5.6%."""
    untreated, hours = frames([(200.0, 180.0), (100.0, 90.0), (60.0, 30.0)])
    kappa = -np.log(0.5) / hours.mean()
    found = planned(untreated * np.exp(-kappa * hours), hours, averted_share=0.5)
    assert found.areas["marginal_hours"].tolist() == pytest.approx([191.2, 91.2, 17.5], abs=0.1)
    assert true_gain(found.areas, untreated.to_numpy(), kappa) == pytest.approx(0.0023, abs=0.0002)
    assert claimed_gain(found) == pytest.approx(0.0023, abs=0.0002)


@pytest.mark.parametrize(("multiple", "least", "most"), [(0.5, 0.3, 1.0), (2.0, 1.0, 3.0)])
def test_an_effect_assumed_wrongly_misstates_the_gain_and_not_its_sign(
    multiple: float, least: float, most: float
) -> None:
    """Half the true effect claims less than is gained, twice of it more."""
    untreated, hours = town(20)[1:3]
    kappa = -np.log(0.8) / hours.mean()
    share = 1 - np.exp(-kappa * multiple * hours.mean())
    found = planned(untreated * np.exp(-kappa * hours), hours, averted_share=share)
    true = true_gain(found.areas, untreated.to_numpy(), kappa)
    assert true > 0
    assert least < claimed_gain(found) / true < most


@settings(max_examples=60)
@given(pairs=HARMED, floor=st.floats(0.01, 1), ceiling=st.floats(1, 3), share=st.floats(0.05, 0.9))
def test_removing_a_floor_never_averts_less_and_every_constraint_holds(
    pairs: list[tuple[float, float]], floor: float, ceiling: float, share: float
) -> None:
    harm, hours = frames(pairs)
    bounds = {"ceiling_share": ceiling, "averted_share": share}
    held, freed = (planned(harm, hours, floor_share=f, **bounds).areas for f in (floor, 0.0))
    kappa = min(-np.log1p(-share) / hours.mean(), np.log(20) / hours.max())
    untreated = held["harm_without_officers"].to_numpy()
    with_floor, without = (averted(untreated, a["marginal_hours"].to_numpy(), kappa) for a in (held, freed))
    assert without >= with_floor - 1e-9 * max(with_floor, 1)
    for name in ("marginal_hours", "marginal_hours_half", "marginal_hours_double", "proposed_hours"):
        assert held[name].sum() == pytest.approx(hours.sum(), abs=1e-6)
        assert (held[name] >= held["floor_hours"] - 1e-6).all()
        assert (held[name] <= held["ceiling_hours"] + 1e-6).all()


def test_caps_hold_and_no_other_plan_averts_more() -> None:
    """Return the bound of weak duality: at these prices no allocation of hours averts more."""
    crimes, harm, hours, shares = town(60, "xyz")
    found = allocate(crimes, harm, hours, config=CONFIG, group_shares=shares)
    plan, costs = found.areas, found.costs.set_index("constraint_name")
    caps = costs.loc[[f"equity:{g}" for g in "xyz"]]
    assert (caps["planned_hours"] <= caps["limit_hours"] + 1e-6).all()
    assert (caps["price"] > 0).any()
    assert plan["marginal_hours"].sum() <= hours.sum() + 1e-6
    kappa = -np.log(0.8) / hours.mean()
    wide = shares.set_index(["area_id", "group"])["share"].unstack()[list("xyz")]  # noqa: PD010
    due = costs.loc["hours", "price"] + (wide @ caps["price"].to_numpy()).to_numpy()
    h, low, high = (plan[c].to_numpy() for c in ("harm_without_officers", "floor_hours", "ceiling_hours"))
    best = np.clip(np.log(kappa * h / due) / kappa, low, high)
    bound = averted(h, best, kappa) - due @ best
    bound += costs.loc["hours", "price"] * hours.sum() + caps["price"] @ caps["limit_hours"]
    reached = averted(h, plan["marginal_hours"].to_numpy(), kappa)
    assert reached <= bound * (1 + 1e-9)
    assert reached == pytest.approx(bound, rel=1e-4)


def test_prices_are_what_an_hour_brings() -> None:
    _, harm, hours, _ = town(30)
    kappa = -np.log(0.8) / hours.mean()
    found = planned(harm, hours)
    price = found.costs.set_index("constraint_name").loc["hours", "price"]
    at_floor = found.areas.loc[found.areas["floor_price"].idxmax()]
    total = averted(found.areas["harm_without_officers"].to_numpy(), found.areas["marginal_hours"].to_numpy(), kappa)
    lost = kappa * at_floor["harm_without_officers"] * np.exp(-kappa * at_floor["marginal_hours"])
    assert at_floor["floor_price"] == pytest.approx(price - lost)
    today = found.curve.query("kappa_multiple == 1 and hours_share == 1").iloc[0]
    assert today["averted_marginal"] == pytest.approx(total)
    assert today["averted_marginal"] >= max(today["averted_minimax"], today["averted_today"])
    assert today["gain_marginal"] == pytest.approx(today["averted_marginal"] - today["averted_today"])
    assert today["gain_today"] == 0


def test_more_hours_and_stronger_hours_avert_more() -> None:
    curve = planned(*town(20)[1:3]).curve
    wide = curve.set_index(["hours_share", "kappa_multiple"])["averted_marginal"].unstack()  # noqa: PD010
    assert wide.diff().dropna().gt(0).all(axis=None)
    assert wide.diff(axis=1).iloc[:, 1:].gt(0).all(axis=None)


def test_a_cap_that_the_floors_break_names_the_group() -> None:
    _, harm, hours, shares = town(8, "x")
    with pytest.raises(ValueError, match="equity cap of group 'x'"):
        planned(harm, hours, shares, equity_cap_ratio=0.4)


def test_tables_have_the_described_columns() -> None:
    published = yaml.safe_load((ROOT / "pipeline/publication/tables.yml").read_text(encoding="utf-8"))["published"]
    found = planned(*town(5)[1:3])
    for name, frame in (
        ("officer_allocation", found.areas),
        ("allocation_curve", found.curve),
        ("allocation_cost", found.costs),
    ):
        assert list(frame.columns) == list(published[name]["columns"])
