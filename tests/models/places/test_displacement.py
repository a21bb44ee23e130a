"""Displacement: by hand on few counts, planted moves found, chance as often as it says, and what moves nothing."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.places.displacement import DISPLACEMENT_COLUMNS, Z80, measure_displacement
from tests.soak import sample

AS_OF = pd.Timestamp("2026-06-01", tz="UTC")
START = AS_OF - pd.Timedelta(days=40)
SITES = ("m1", "m2", "m3")
COLUMNS = ["market_id", "incident_id", "occurred_at", "kind", "is_core", "harm_days", "category", "daypart"]


def cells_of(*market_ids: str, **shared: str) -> pd.DataFrame:
    """Two cells each, no two places alike; `shared` names the place whose ground a place stands on, too."""
    rows = [(market_id, f"{market_id}{n}") for market_id in market_ids for n in range(2)]
    rows += [(market_id, f"{other}0") for market_id, other in shared.items()]
    return pd.DataFrame(rows, columns=["market_id", "cell_id"])


def operation(
    market_id: str = "m1", started_at: Any = START, ended_at: Any = pd.NaT, announced_at: Any = pd.NaT
) -> dict[str, Any]:
    moments = {"announced_at": announced_at, "started_at": started_at, "ended_at": ended_at}
    return {"market_id": market_id, "area_id": f"area of {market_id}", **moments}


def operations(*rows: dict[str, Any]) -> pd.DataFrame:
    moments = ["announced_at", "started_at", "ended_at"]
    frame = pd.DataFrame(list(rows), columns=["market_id", "area_id", *moments])
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in moments})


def events(
    market_id: str,
    *,
    is_core: bool,
    before: int,
    after: int,
    kind: str = "dealing",
    harm_days: float = 10.0,
    category: str = "drugs",
    daypart: str | None = "by day",
) -> list[tuple[Any, ...]]:
    days = [START - pd.Timedelta(days=1 + n % 25) for n in range(before)]
    days += [START + pd.Timedelta(days=n % 25) for n in range(after)]
    return [
        (market_id, f"{market_id}{is_core}{kind}{category}{n}", day, kind, is_core, harm_days, category, daypart)
        for n, day in enumerate(days)
    ]


def frame(*parts: list[tuple[Any, ...]]) -> pd.DataFrame:
    rows = [row for part in parts for row in part]
    typed = pd.DataFrame(rows, columns=COLUMNS)
    return typed.assign(
        occurred_at=pd.to_datetime(typed["occurred_at"], utc=True), is_core=typed["is_core"].astype(bool)
    )


def measure_parts(site_events: pd.DataFrame, *more: dict[str, Any], cells: pd.DataFrame | None = None) -> pd.DataFrame:
    begun = operations(operation(), *more)
    return measure_displacement(
        cells_of(*SITES) if cells is None else cells, begun, site_events, as_of=AS_OF, longest_days=28
    )


def measure(site_events: pd.DataFrame, *more: dict[str, Any], cells: pd.DataFrame | None = None) -> pd.DataFrame:
    found = measure_parts(site_events, *more, cells=cells)
    return found[found["split"] == "all"].reset_index(drop=True)


def planted(
    target: tuple[int, int],
    ring: tuple[int, int],
    control: tuple[int, int],
    control_ring: tuple[int, int],
    **more: Any,
) -> pd.DataFrame:
    own = [
        events("m1", is_core=True, before=target[0], after=target[1], **more),
        events("m1", is_core=False, before=ring[0], after=ring[1], **more),
    ]
    for market_id in ("m2", "m3"):
        own += [
            events(market_id, is_core=True, before=control[0], after=control[1], **more),
            events(market_id, is_core=False, before=control_ring[0], after=control_ring[1], **more),
        ]
    return frame(*own)


def test_a_difference_worked_out_by_hand() -> None:
    row = measure(planted((40, 10), (20, 26), (30, 28), (10, 11))).iloc[0]
    assert list(row.index) == list(DISPLACEMENT_COLUMNS)
    assert (row["window_days"], row["control_count"], row["control_ids"]) == (28, 2, ["m2", "m3"])
    assert (row["control_before"], row["control_ring_after"]) == (60, 22)
    assert row["target_change"] == -30 - (-2)
    assert row["displaced"] == 6 - 1
    assert row["wdd"] == -23
    half = Z80 * np.sqrt(46 + (20 + 22) / 4)
    assert row["displaced_lo"] == pytest.approx(5 - half)
    assert row["wdd_hi"] == pytest.approx(-23 + Z80 * np.sqrt(50 + 46 + (60 + 56 + 42) / 4))
    assert not row["is_alarm"]
    assert row["harm_displaced"] == 50 and row["harm_displaced_lo"] == pytest.approx(10 * row["displaced_lo"])


def test_harm_sums_offences_by_their_weight_and_their_variances_by_its_square() -> None:
    """Σ w WDD and Σ w² Var over offences of 10 and of 300 days, against each offence measured alone."""
    light = planted((40, 10), (20, 26), (30, 28), (10, 11))
    grave = planted((4, 1), (2, 5), (3, 3), (1, 1), harm_days=300.0, category="violence")
    both, alone = measure(pd.concat([light, grave])).iloc[0], [measure(light).iloc[0], measure(grave).iloc[0]]
    for name in ("displaced", "wdd"):
        centres = [row[name] for row in alone]
        variances = [((row[f"{name}_hi"] - row[name]) / Z80) ** 2 for row in alone]
        assert both[f"harm_{name}"] == pytest.approx(10 * centres[0] + 300 * centres[1])
        half = Z80 * np.sqrt(10**2 * variances[0] + 300**2 * variances[1])
        assert both[f"harm_{name}_hi"] - both[f"harm_{name}"] == pytest.approx(half)


def test_what_moved_into_the_ring_is_found() -> None:
    row = measure(planted((40, 10), (20, 50), (30, 30), (20, 20))).iloc[0]
    assert row["is_alarm"] and row["is_harm_alarm"]
    assert row["displaced"] == 30
    assert row["why"] == "reports and harm rose around the market beyond chance"


def test_a_few_grave_offences_among_fewer_reports_raise_the_alarm_of_harm_alone() -> None:
    light = planted((40, 10), (30, 14), (30, 30), (20, 20))
    grave = frame(events("m1", is_core=False, before=0, after=6, harm_days=2000.0, category="violence"))
    row = measure(pd.concat([light, grave])).iloc[0]
    assert row["is_harm_alarm"] and not row["is_alarm"]
    assert row["why"] == "harm rose around the market beyond chance"


def test_what_changed_its_offence_or_its_hour_is_found_in_its_part_and_nowhere_else() -> None:
    """Dealing by day becomes robbery by night in the ring; of all reports there are as many as before."""
    dealing = planted((40, 10), (40, 10), (40, 40), (40, 40))
    robbery = planted((2, 2), (2, 32), (2, 2), (2, 2), category="violence", daypart="by night")
    table = measure_parts(pd.concat([dealing, robbery])).set_index(["split", "part"])
    assert table["is_alarm"].to_dict() == {
        ("all", "all"): False,
        ("offence", "drugs"): False,
        ("offence", "violence"): True,
        ("time", "by day"): False,
        ("time", "by night"): True,
    }
    assert table["displaced"].loc["offence"].sum() == table["displaced"].loc[("all", "all")]


def test_reports_without_an_hour_are_in_no_part_of_the_day() -> None:
    table = measure_parts(planted((4, 1), (2, 5), (3, 3), (1, 1), daypart=None))
    assert table["split"].tolist() == ["all", "offence"]


def test_controls_are_the_places_whose_past_ran_most_like_the_markets() -> None:
    """Ten places at many levels, and the past alone tells which are near; what came in the days compared does not."""
    past = {f"p{n:02}": n * 4 for n in range(10)} | {"m1": 20}
    rows = [
        (site, f"{site}{block}{n}", START - pd.Timedelta(days=28 + 28 * block + 1 + n % 27), "dealing", True, 1.0)
        for site, count in past.items()
        for block in range(3)
        for n in range(count)
    ]
    history = pd.DataFrame([(*row, "drugs", None) for row in rows], columns=COLUMNS)
    ids = sorted(past)
    chosen = measure(pd.concat([history, planted((20, 20), (0, 0), (9, 9), (1, 1))]), cells=cells_of(*ids)).iloc[0]
    assert chosen["control_ids"][0] == "p05"
    assert sorted(chosen["control_ids"]) == ["p03", "p04", "p05", "p06", "p07"]
    lifted = frame(events("p00", is_core=True, before=20, after=20))
    again = measure(pd.concat([history, lifted, planted((20, 20), (0, 0), (9, 9), (1, 1))]), cells=cells_of(*ids))
    assert again.iloc[0]["control_ids"] == chosen["control_ids"]
    shuffled = history.sample(frac=1, random_state=1)
    pd.testing.assert_series_equal(
        measure(pd.concat([shuffled, planted((20, 20), (0, 0), (9, 9), (1, 1))]), cells=cells_of(*reversed(ids))).iloc[
            0
        ],
        chosen,
    )


def test_no_control_stands_on_the_ground_of_the_market_of_another_operation_or_of_a_nearer_control() -> None:
    site_events = planted((40, 10), (20, 26), (30, 28), (10, 11))
    ids = [*SITES, "p1", "p2", "p3", "busy"]
    cells = cells_of(*ids, p1="m1", p2="busy", p3="m2")
    row = measure(site_events, operation("busy"), cells=cells).set_index("market_id").loc["m1"]
    assert row["control_ids"] == ["m2", "m3"]


class Town:
    """Thirty places at levels of their own over a year, and a market where an operation starts; a share of it moves."""

    def __init__(self, seed: int) -> None:
        draw = np.random.default_rng(seed)
        self.ids = ["m1", *(f"p{n:02}" for n in range(30))]
        level = np.concatenate([[1.0], draw.gamma(2.0, 0.4, 30)])  # reports a day at the core; half as many around it
        rows = []
        for site, per_day in zip(self.ids, level, strict=True):
            for is_core, rate in ((True, per_day), (False, per_day / 2)):
                days = draw.uniform(0, 365, draw.poisson(rate * 365))
                rows += [
                    (site, day, is_core, offence) for day, offence in zip(days, draw.random(len(days)), strict=True)
                ]
        self.events = pd.DataFrame(rows, columns=["market_id", "ago", "is_core", "offence"])
        self.moves = draw.random(len(rows))

    def measured(self, *, share_moving: float = 0.0) -> pd.DataFrame:
        is_moving = (
            self.events["market_id"].eq("m1")
            & self.events["is_core"]
            & self.events["ago"].lt(40)
            & (self.moves < share_moving)
        )
        is_grave = self.events["offence"] < 0.1
        told = self.events.assign(
            is_core=self.events["is_core"] & ~is_moving,
            occurred_at=AS_OF - pd.to_timedelta(self.events["ago"], unit="D"),
            incident_id=[f"i{n}" for n in range(len(self.events))],
            kind="dealing",
            harm_days=np.where(is_grave, 60.0, 10.0),
            category=np.where(is_grave, "violence", "drugs"),
            daypart=None,
        )
        return measure(told[COLUMNS], cells=cells_of(*self.ids))


def test_in_a_town_where_most_of_a_market_moves_next_door_it_is_found() -> None:
    """Of 28 reports in 28 days 21 move on; chance alone moves the ring by about seven, so 94 in a hundred are found."""
    rows = [Town(seed).measured(share_moving=0.75).iloc[0] for seed in range(40)]
    assert np.mean([row["is_alarm"] for row in rows]) >= 0.85
    assert np.mean([row["displaced"] for row in rows]) == pytest.approx(21, abs=3.5)


def test_in_towns_where_nothing_moves_alarms_come_as_often_as_they_say() -> None:
    """An 80% interval lies above the truth one time in ten and holds it eight times, for reports and for harm."""
    rows = pd.DataFrame([Town(seed).measured().iloc[0] for seed in range(200)])
    for name, alarm in (("displaced", "is_alarm"), ("harm_displaced", "is_harm_alarm")):
        assert rows[alarm].mean() == pytest.approx(0.1, abs=0.055)
        assert ((rows[f"{name}_lo"] <= 0) & (rows[f"{name}_hi"] >= 0)).mean() == pytest.approx(0.8, abs=0.075)
        assert abs(rows[name].mean()) < 3 * rows[name].std() / np.sqrt(len(rows))


def test_a_market_with_an_operation_of_its_own_is_no_control_and_without_controls_nothing_is_said() -> None:
    site_events = planted((40, 10), (20, 50), (30, 30), (20, 20))
    one = measure(site_events, operation("m2", START + pd.Timedelta(days=3))).set_index("market_id")
    assert one.loc["m1", "control_ids"] == ["m3"]
    before = operation("m2", START - pd.Timedelta(days=90), START - pd.Timedelta(days=60))
    assert measure(site_events, before).set_index("market_id").loc["m1", "control_count"] == 2
    none = measure(site_events, operation("m2"), operation("m3")).set_index("market_id").loc["m1"]
    assert pd.isna(none["displaced"]) and not none["is_alarm"]
    assert "no place without an operation" in none["why"]


def test_a_market_that_was_told_of_an_operation_is_no_control_whether_or_not_it_began() -> None:
    site_events = planted((40, 10), (20, 50), (30, 30), (20, 20))
    after_window, within = START + pd.Timedelta(days=29), START + pd.Timedelta(days=9)
    for started_at in (after_window, pd.NaT):
        told = measure(site_events, operation("m2", started_at, announced_at=within)).set_index("market_id")
        assert told.loc["m1", "control_count"] == 1
        later = measure(site_events, operation("m2", started_at, announced_at=after_window)).set_index("market_id")
        assert later.loc["m1", "control_count"] == 2
        assert ("m2" in later.index) == (started_at is not pd.NaT), "what has not begun is not measured"


@pytest.mark.parametrize(
    ("days_since", "why"),
    [
        (6, "fewer than 7 days have passed since it began"),
        (360, "it began too long ago: only 5 days before it are on record"),
        (400, "it began too long ago: only 0 days before it are on record"),
    ],
)
def test_too_few_days_are_not_compared(days_since: int, why: str) -> None:
    begun = operations(operation(started_at=AS_OF - pd.Timedelta(days=days_since)))
    row = measure_displacement(cells_of(*SITES), begun, frame(), as_of=AS_OF, longest_days=28).iloc[0]
    assert pd.isna(row["wdd"]) and row["why"] == why


COUNTS = st.tuples(st.integers(0, 25), st.integers(0, 25))


@pytest.mark.sampled
@settings(max_examples=sample(30, whole=100))
@given(COUNTS, COUNTS, COUNTS, COUNTS, st.integers(0, 20))
def test_each_report_around_the_market_since_the_start_raises_displacement_by_one(
    target: tuple[int, int], ring: tuple[int, int], control: tuple[int, int], control_ring: tuple[int, int], more: int
) -> None:
    less = measure(planted(target, ring, control, control_ring)).iloc[0]
    after = measure(planted(target, (ring[0], ring[1] + more), control, control_ring)).iloc[0]
    assert after["displaced"] - less["displaced"] == more
    assert after["target_change"] == less["target_change"]
    assert after["displaced_lo"] <= after["displaced"] <= after["displaced_hi"]


@pytest.mark.sampled
@settings(max_examples=sample(30, whole=100))
@given(COUNTS, st.integers(0, 20))
def test_overdoses_and_events_outside_the_window_move_nothing(ring: tuple[int, int], more: int) -> None:
    site_events = planted((9, 3), ring, (8, 8), (4, 4))
    overdoses = frame(events("m1", is_core=False, before=more, after=more, kind="overdose"))
    outside = frame(events("m1", is_core=False, before=0, after=more))
    outside = outside.assign(occurred_at=START + pd.Timedelta(days=28), incident_id="late" + outside["incident_id"])
    both = pd.concat([site_events, overdoses, outside], ignore_index=True)
    pd.testing.assert_frame_equal(measure_parts(both), measure_parts(site_events))


def test_without_an_operation_there_is_nothing_to_measure() -> None:
    nothing = measure_displacement(cells_of(*SITES), operations(), frame(), as_of=AS_OF, longest_days=28)
    assert nothing.empty and list(nothing.columns) == list(DISPLACEMENT_COLUMNS)
