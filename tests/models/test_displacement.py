"""Displacement: by hand on few counts, planted moves found, chance as often as it says, and what moves nothing."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.displacement import DISPLACEMENT_COLUMNS, Z80, measure_displacement

AS_OF = pd.Timestamp("2026-06-01", tz="UTC")
START = AS_OF - pd.Timedelta(days=40)
SITES = pd.DataFrame({"market_id": ["m1", "m2", "m3"], "area_id": ["a", "b", "c"]})


def operation(
    market_id: str = "m1", started_at: Any = START, ended_at: Any = pd.NaT, announced_at: Any = pd.NaT
) -> dict[str, Any]:
    area_id = SITES.set_index("market_id").loc[market_id, "area_id"]
    moments = {"announced_at": announced_at, "started_at": started_at, "ended_at": ended_at}
    return {"market_id": market_id, "area_id": area_id, **moments}


def operations(*rows: dict[str, Any]) -> pd.DataFrame:
    moments = ["announced_at", "started_at", "ended_at"]
    frame = pd.DataFrame(list(rows), columns=["market_id", "area_id", *moments])
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in moments})


def events(market_id: str, *, is_core: bool, before: int, after: int, kind: str = "dealing") -> list[tuple[Any, ...]]:
    days = [START - pd.Timedelta(days=1 + n % 25) for n in range(before)]
    days += [START + pd.Timedelta(days=n % 25) for n in range(after)]
    return [(market_id, f"{market_id}{is_core}{kind}{n}", day, kind, is_core) for n, day in enumerate(days)]


def frame(*parts: list[tuple[Any, ...]]) -> pd.DataFrame:
    rows = [row for part in parts for row in part]
    return pd.DataFrame(rows, columns=["market_id", "incident_id", "occurred_at", "kind", "is_core"])


def measure(site_events: pd.DataFrame, *more: dict[str, Any]) -> pd.DataFrame:
    begun = operations(operation(), *more)
    return measure_displacement(SITES, begun, site_events, as_of=AS_OF, longest_days=28)


def planted(target: tuple[int, int], ring: tuple[int, int], control: tuple[int, int], control_ring: tuple[int, int]):  # type: ignore[no-untyped-def]
    own = [
        events("m1", is_core=True, before=target[0], after=target[1]),
        events("m1", is_core=False, before=ring[0], after=ring[1]),
    ]
    for market_id in ("m2", "m3"):
        own += [
            events(market_id, is_core=True, before=control[0], after=control[1]),
            events(market_id, is_core=False, before=control_ring[0], after=control_ring[1]),
        ]
    return frame(*own)


def test_a_difference_worked_out_by_hand() -> None:
    row = measure(planted((40, 10), (20, 26), (30, 28), (10, 11))).iloc[0]
    assert list(row.index) == list(DISPLACEMENT_COLUMNS)
    assert (row["window_days"], row["control_count"]) == (28, 2)
    assert (row["control_before"], row["control_ring_after"]) == (60, 22)
    assert row["target_change"] == -30 - (-2)
    assert row["displaced"] == 6 - 1
    assert row["wdd"] == -23
    half = Z80 * np.sqrt(46 + (20 + 22) / 4)
    assert row["displaced_lo"] == pytest.approx(5 - half)
    assert row["wdd_hi"] == pytest.approx(-23 + Z80 * np.sqrt(50 + 46 + (60 + 56 + 42) / 4))
    assert not row["is_alarm"]


def test_what_moved_into_the_ring_is_found() -> None:
    row = measure(planted((40, 10), (20, 50), (30, 30), (20, 20))).iloc[0]
    assert row["is_alarm"]
    assert row["displaced"] == 30
    assert "rose around the market" in row["why"]


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Planted rates: 40 to 20 at the market, 30 to 36 around it, controls as they were; 200 draws."""
    draw = np.random.default_rng(7)
    hits = {"displaced": 0, "wdd": 0}
    for _ in range(200):
        count = draw.poisson([40, 20, 30, 36, 25, 25, 15, 15])
        row = measure(planted(*[tuple(count[i : i + 2].tolist()) for i in range(0, 8, 2)])).iloc[0]  # type: ignore[arg-type]
        for name, truth in (("displaced", 6), ("wdd", -14)):
            hits[name] += row[f"{name}_lo"] <= truth <= row[f"{name}_hi"]
    # Both controls hold the same draw here, so they vary together: a little less than 80% is right.
    assert all(0.7 <= hit / 200 <= 0.9 for hit in hits.values())


def test_a_market_with_an_operation_of_its_own_is_no_control_and_without_controls_nothing_is_said() -> None:
    site_events = planted((40, 10), (20, 50), (30, 30), (20, 20))
    one = measure(site_events, operation("m2", START + pd.Timedelta(days=3))).set_index("market_id")
    assert one.loc["m1", "control_count"] == 1
    before = operation("m2", START - pd.Timedelta(days=90), START - pd.Timedelta(days=60))
    assert measure(site_events, before).set_index("market_id").loc["m1", "control_count"] == 2
    none = measure(site_events, operation("m2"), operation("m3")).set_index("market_id").loc["m1"]
    assert pd.isna(none["displaced"]) and not none["is_alarm"]
    assert "no market without an operation" in none["why"]


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
    row = measure_displacement(SITES, begun, frame(), as_of=AS_OF, longest_days=28).iloc[0]
    assert pd.isna(row["wdd"]) and row["why"] == why


def test_what_lies_near_both_markets_counts_on_one_side_alone() -> None:
    site_events = planted((40, 10), (20, 26), (30, 28), (10, 11))
    shared = site_events[(site_events["market_id"] == "m1") & ~site_events["is_core"]].assign(market_id="m2")
    pd.testing.assert_frame_equal(measure(pd.concat([site_events, shared])), measure(site_events))


COUNTS = st.tuples(st.integers(0, 25), st.integers(0, 25))


@given(COUNTS, COUNTS, COUNTS, COUNTS, st.integers(0, 20))
def test_each_report_around_the_market_since_the_start_raises_displacement_by_one(
    target: tuple[int, int], ring: tuple[int, int], control: tuple[int, int], control_ring: tuple[int, int], more: int
) -> None:
    less = measure(planted(target, ring, control, control_ring)).iloc[0]
    after = measure(planted(target, (ring[0], ring[1] + more), control, control_ring)).iloc[0]
    assert after["displaced"] - less["displaced"] == more
    assert after["target_change"] == less["target_change"]
    assert after["displaced_lo"] <= after["displaced"] <= after["displaced_hi"]


@given(COUNTS, st.integers(0, 20))
def test_overdoses_and_events_outside_the_window_move_nothing(ring: tuple[int, int], more: int) -> None:
    site_events = planted((9, 3), ring, (8, 8), (4, 4))
    overdoses = frame(events("m1", is_core=False, before=more, after=more, kind="overdose"))
    outside = frame(events("m1", is_core=False, before=0, after=more))
    outside = outside.assign(occurred_at=START + pd.Timedelta(days=28), incident_id="late" + outside["incident_id"])
    both = pd.concat([site_events, overdoses, outside], ignore_index=True)
    pd.testing.assert_frame_equal(measure(both), measure(site_events))


def test_without_an_operation_there_is_nothing_to_measure() -> None:
    nothing = measure_displacement(SITES, operations(), frame(), as_of=AS_OF, longest_days=28)
    assert nothing.empty and list(nothing.columns) == list(DISPLACEMENT_COLUMNS)
