"""Displacement: counts by the points of reports, planted moves seen or out of reach, chance as often as it says."""

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.cells import Grid
from geo.market_shapes import Ground
from models.places.displacement import DISPLACEMENT_COLUMNS, _rise, are_any_due, measure_displacement
from models.places.placebos import Reports, days_of
from tests.soak import sample

AS_OF = pd.Timestamp("2026-06-01", tz="UTC")
DAYS, WINDOW = 540, 56
START = AS_OF - pd.Timedelta(days=WINDOW)
WIDE_M, SPACING_M = 13_000, 800
ORIGIN = np.array([480_000.0, 4_400_000.0])


class Town:
    """Street corners at levels of their own that drift by the week, on 13 km by 13 km, with the hottest one chosen."""

    def __init__(self, seed: int, size_m: float = 150) -> None:
        draw = np.random.default_rng(seed)
        steps = np.arange(SPACING_M / 2, WIDE_M, SPACING_M)
        corners = (
            ORIGIN + np.array([(x, y) for x in steps for y in steps]) + draw.uniform(-200, 200, (len(steps) ** 2, 2))
        )
        offsets = draw.normal(0, 120, (len(corners), 12, 2))
        places = np.round((corners[:, None, :] + offsets).reshape(-1, 2), 1)
        weekly = draw.gamma(1.5, 1.2, len(corners))[:, None] * draw.gamma(12, 1 / 12, (len(corners), DAYS // 7 + 1))
        counts = draw.poisson(weekly)
        corner, week = np.repeat(np.indices(counts.shape).reshape(2, -1), counts.ravel(), axis=1)
        day = 7 * week + draw.uniform(0, 7, len(week))
        xy = places[12 * corner + draw.integers(12, size=len(corner))]
        is_grave, is_night = draw.random(len(day)) < 0.05, draw.random(len(day)) < 0.4
        self.reports = pd.DataFrame(
            {
                "x_m": xy[:, 0],
                "y_m": xy[:, 1],
                "occurred_at": AS_OF - pd.to_timedelta((DAYS - day) * 86_400_000, unit="ms"),
                "category": np.where(is_grave, "violence", "disorder"),
                "kind": np.where(is_grave, "violence", "disorder"),
                "harm_days": np.where(is_grave, 365.0, 10.0),
                "daypart": np.where(is_night, "by night", "by day"),
            }
        )
        self.reports = self.reports[day < DAYS].sort_values("occurred_at", ignore_index=True)
        self.grid = Grid("EPSG:32618", size_m)
        west, south = self.grid.index(ORIGIN[:1] - 500, ORIGIN[1:] - 500)
        count = int((WIDE_M + 1000) / size_m)
        ix, iy = np.divmod(np.arange(count**2), count)
        self.cells = pd.DataFrame({"cell_ix": west[0] + ix, "cell_iy": south[0] + iy})

    def ground(self, reports: pd.DataFrame) -> tuple[Ground, pd.DataFrame]:
        points, point = np.unique(reports[["x_m", "y_m"]].to_numpy(), axis=0, return_inverse=True)
        history = reports.assign(point=point.reshape(-1)).sort_values("occurred_at", ignore_index=True)
        return Ground(self.grid, self.cells, pd.DataFrame(points, columns=["x_m", "y_m"])), history

    def hottest(self, rank: int = 0) -> tuple[int, int]:
        """The middle of a place that the last 84 days before the start choose."""
        ground, history = self.ground(self.reports)
        recent = history[history["occurred_at"].between(START - pd.Timedelta(days=84), START)]
        weights = ground.weights(np.bincount(recent["point"], minlength=len(ground.points)).astype(float))
        ix, iy = self.cells.to_numpy()[ground.heaviest(weights)[rank]].tolist()
        return ix, iy

    def offset(self, middle: tuple[int, int]) -> np.ndarray:
        return self.reports[["x_m", "y_m"]].to_numpy() - (np.array(middle) + 0.5) * self.grid.size_m

    def inside(self, middle: tuple[int, int]) -> np.ndarray:
        """Which reports lie in the patrolled cells, well inside the outline."""
        return (np.abs(self.offset(middle)) < 1.5 * self.grid.size_m).all(axis=1)

    def moved(self, middle: tuple[int, int], to: np.ndarray, share: float = 0.5) -> tuple[pd.DataFrame, int]:
        """The reports when this share of the market's since the start comes from another point instead."""
        moves = self.inside(middle) & (self.reports["occurred_at"] >= START).to_numpy()
        moves &= np.cumsum(moves) % 100 < 100 * share
        return self.reports.assign(
            x_m=self.reports["x_m"].mask(moves, to[0]), y_m=self.reports["y_m"].mask(moves, to[1])
        ), int(moves.sum())

    def measured(
        self, reports: pd.DataFrame, *rows: dict[str, Any], as_of: pd.Timestamp = AS_OF, withheld: Any = None
    ) -> pd.DataFrame:
        ground, history = self.ground(reports)
        history = history[history["occurred_at"] < as_of].reset_index(drop=True)
        return measure_displacement(operations(*rows), history, ground, as_of=as_of, longest_days=84, withheld=withheld)


def operation(
    middle: Any, started_at: Any = START, ended_at: Any = pd.NaT, announced_at: Any = pd.NaT
) -> dict[str, Any]:
    name = middle if isinstance(middle, str) else f"market_{middle[0]}_{middle[1]}"
    moments = {"announced_at": announced_at, "started_at": started_at, "ended_at": ended_at}
    return {"market_id": name, "area_id": f"area of {name}", **moments}


def operations(*rows: dict[str, Any]) -> pd.DataFrame:
    moments = ["announced_at", "started_at", "ended_at"]
    frame = pd.DataFrame(list(rows), columns=["market_id", "area_id", *moments])
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in moments})


@cache
def town_of(seed: int, size_m: float = 150) -> Town:
    return Town(seed, size_m)


@cache
def still(seed: int, size_m: float = 150, rank: int = 0) -> pd.DataFrame:
    """The table of a town in which nothing moves."""
    town = town_of(seed, size_m)
    return town.measured(town.reports, operation(town.hottest(rank)))


def row_of(table: pd.DataFrame, part: str) -> Any:
    return table.set_index("part").loc[part]


def test_the_table_counts_reports_by_their_distance_from_the_outline() -> None:
    town, table = town_of(1), still(1)
    middle = town.hottest()
    assert list(table.columns) == list(DISPLACEMENT_COLUMNS)
    away = np.maximum(np.abs(town.offset(middle)) - 225, 0)
    outside = np.maximum(np.hypot(away[:, 0], away[:, 1]) - 75, 0)
    is_after = (town.reports["occurred_at"] >= START).to_numpy()
    for part, low, high in (("0-250 m", 0, 250), ("250-500 m", 250, 500), ("all", 0, 500)):
        row = row_of(table, part)
        assert row["ring_after"] == (is_after & (outside > low) & (outside <= high)).sum()
        assert row["target_after"] == (is_after & (outside == 0)).sum()
    whole = row_of(table, "all")
    assert whole["ring_after"] == row_of(table, "0-250 m")["ring_after"] + row_of(table, "250-500 m")["ring_after"]
    assert whole["target_change"] == pytest.approx(whole["target_after"] - whole["target_expected"])
    assert whole["displaced"] == pytest.approx(whole["ring_after"] - whole["ring_expected"])
    assert table["split"].tolist() == ["all", "zone", "zone", "zone", "offence", "offence", "time", "time"]


@pytest.mark.parametrize("size_m", [100, 150, 200, 250, 300])
@pytest.mark.parametrize("away_m", [0, 300, 700, 1500, 2500])
def test_half_of_a_market_that_moves_is_seen_or_said_to_be_out_of_reach(size_m: float, away_m: float) -> None:
    """East of the outline by so many metres; beyond the rings only next places are watched, and the row says so."""
    town = town_of(2, size_m)
    middle, before = town.hottest(), still(2, size_m)
    to = (np.array(middle) + 0.5) * size_m + [2 * size_m + away_m + 1, 0.0]
    reports, moved = town.moved(middle, to)
    table = town.measured(reports, operation(middle))
    assert moved > 20
    assert row_of(before, "all")["target_after"] - row_of(table, "all")["target_after"] == moved
    zone = {0: "0-250 m", 300: "250-500 m"}.get(int(away_m), "next places")
    row, risen = row_of(table, zone), row_of(table, zone)["ring_after"] - row_of(before, zone)["ring_after"]
    cell = np.floor(to / size_m)
    nexts = (
        [np.array(name.split("_")[1:], dtype=int) for name in row["why"].split(": ")[-1].split(", ")]
        if away_m > 500
        else []
    )
    is_watched = away_m <= 500 or any(np.abs(cell - place).max() <= 1 for place in nexts)
    assert risen == (moved if is_watched else 0)
    assert pd.notna(row["least_rise"]) and row["least_rise"] > 0 and np.isfinite(row["least_rise"])
    if is_watched:
        assert row["is_alarm"] or moved < 1.5 * row["least_rise"]
    else:
        assert not table["is_alarm"].any()
        assert "what moves further is seen at the next places alone" in row_of(table, "all")["why"]


@pytest.mark.parametrize("size_m", [100, 150, 200, 250, 300])
def test_no_ring_is_empty_at_any_cell_size(size_m: float) -> None:
    table = still(2, size_m)
    for part in ("0-250 m", "250-500 m"):
        row = row_of(table, part)
        assert row["ring_before"] > 0 and row["ring_expected"] > 0
        assert row["displaced_lo"] < row["displaced"] < row["displaced_hi"]


def test_what_moves_to_the_next_place_is_found_there() -> None:
    town = town_of(3)
    middle, before = town.hottest(), still(3)
    first = row_of(before, "next places")["why"].split("next places: ")[1].split(", ")[0]
    to = (np.array(first.split("_")[1:], dtype=int) + 0.5) * 150
    table = town.measured(town.moved(middle, to, share=0.9)[0], operation(middle))
    row = row_of(table, "next places")
    assert row["is_alarm"] and not row_of(before, "next places")["is_alarm"]
    assert first not in row_of(table, "all")["control_ids"]
    assert "rose beyond chance, by the operation or by something else; next places: " in row["why"]


def test_a_fall_is_found_and_is_no_displacement() -> None:
    town = town_of(4)
    middle = town.hottest()
    gone = town.inside(middle) & (town.reports["occurred_at"] >= START).to_numpy()
    gone &= np.cumsum(gone) % 10 < 7
    row = row_of(town.measured(town.reports[~gone], operation(middle)), "all")
    assert row["target_change_hi"] < 0
    assert not row["is_alarm"]
    assert row["target_change"] == pytest.approx(row_of(still(4), "all")["target_change"] - gone.sum(), abs=1)


def test_a_market_chosen_by_chance_heights_shows_no_effect_where_there_is_none() -> None:
    """Against the days before, the same places fall by more than a tenth."""
    rows = [row_of(still(seed, rank=rank), "all") for seed in range(1, sample(7, whole=13)) for rank in (0, 2, 4)]
    expected = sum(row["target_expected"] for row in rows)
    change = [row["target_change"] for row in rows]
    error = np.std(change) * np.sqrt(len(change)) / expected
    assert abs(sum(change) / expected) < 2 * error
    assert sum(row["target_after"] for row in rows) / sum(row["target_before"] for row in rows) < 0.9


def test_where_nothing_moves_alarms_come_as_often_as_they_say() -> None:
    tables = [still(seed, rank=rank) for seed in range(1, sample(11, whole=41)) for rank in (0, 2, 4, 6)]
    whole = pd.DataFrame([row_of(table, "all") for table in tables])
    any_alarm = np.mean([table[["is_alarm", "is_harm_alarm"]].any(axis=None) for table in tables])
    held = [
        ((whole[f"{name}_lo"] <= 0) & (whole[f"{name}_hi"] >= 0)).mean()
        for name in ("target_change", "displaced", "wdd")
    ]
    error = np.sqrt(0.1 * 0.9 / len(tables))
    assert any_alarm < 0.1 + 3 * error
    assert min(held) > 0.8 - 3 * np.sqrt(0.8 * 0.2 / len(tables))


def test_no_placebo_stands_near_the_market_its_next_places_or_another_operation() -> None:
    town = town_of(5)
    middle, other = town.hottest(), town.hottest(3)
    table = town.measured(town.reports, operation(middle), operation(other, announced_at=START + pd.Timedelta(days=3)))
    row = table[table["market_id"] == f"market_{middle[0]}_{middle[1]}"].set_index("part").loc["all"]
    alone = row_of(still(5), "all")
    for name in row["control_ids"]:
        place = np.array(name.split("_")[1:], dtype=int)
        for taken in (middle, other):
            assert np.hypot(*np.maximum(np.abs(place - taken) - 4, 0)) * 150 > 1000
    assert row["control_count"] <= alone["control_count"]
    over = operation(other, AS_OF - pd.Timedelta(days=900), AS_OF - pd.Timedelta(days=880))
    later = town.measured(town.reports, operation(middle), over)
    own = later[later["market_id"] == f"market_{middle[0]}_{middle[1]}"]
    assert row_of(own, "all")["control_count"] == alone["control_count"]


def test_no_row_names_a_place_on_withheld_ground() -> None:
    """Neither a next place nor a placebo; withheld ground that no place touches changes nothing."""
    town = town_of(5)
    middle = town.hottest()
    alone = still(5)
    named = row_of(alone, "next places")["why"].rsplit(": ", 1)[1].split(", ")
    named += row_of(alone, "all")["control_ids"]
    assert len(named) > 2
    for name in named:
        ground = np.array(name.split("_")[1:], dtype=int) + np.array([[1, 0], [2, 1]])
        table = town.measured(town.reports, operation(middle), withheld=ground)
        assert name not in str(table[["why", "control_ids"]].to_numpy().tolist())
    far = np.array([[0, 0]])
    pd.testing.assert_frame_equal(town.measured(town.reports, operation(middle), withheld=far), alone)


def test_the_order_of_rows_changes_nothing() -> None:
    town = town_of(5)
    shuffled = town.reports.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(town.measured(shuffled, operation(town.hottest())), still(5))


@pytest.mark.parametrize(
    ("started_at", "name", "why"),
    [
        (AS_OF - pd.Timedelta(days=6), None, "fewer than 7 days have passed since it began"),
        (AS_OF - pd.Timedelta(days=400), None, "it began more than 365 days ago: runs of that time measured it"),
        (START, "the corner", "the corner names no cell in its middle, as market_IX_IY does"),
        (START, "market_500_500", "market_500_500 is not on this map: no cell of the map is its middle"),
    ],
)
def test_what_cannot_be_compared_says_why(started_at: pd.Timestamp, name: str | None, why: str) -> None:
    town = town_of(5)
    table = town.measured(town.reports, operation(name or town.hottest(), started_at))
    row = table.iloc[0]
    assert len(table) == 1 and row["why"] == why
    assert pd.isna(row["wdd"]) and pd.isna(row["displaced_lo"]) and not row["is_alarm"]


@pytest.mark.parametrize("size_m", [100, 150, 300])
def test_a_ring_that_the_border_cuts_says_how_much_of_it_lies_on_the_map(size_m: float) -> None:
    town = town_of(5, size_m)
    lowest = town.cells.to_numpy().min(axis=0)
    inside = town.cells.to_numpy().mean(axis=0).astype(int)
    held = {}
    for name, middle in (("corner", lowest), ("side", (inside[0], lowest[1])), ("inside", inside)):
        steps = np.arange(-20, 21)
        dx, dy = (offset.ravel() for offset in np.meshgrid(steps, steps))
        away = np.hypot(np.maximum(np.abs(dx) - 1.5, 0), np.maximum(np.abs(dy) - 1.5, 0)) * size_m - size_m / 2
        is_ring = (away > 0) & (away <= 500)
        on_map = (dy >= 0) & ((dx >= 0) | (name != "corner")) if name != "inside" else np.ones(len(dx), dtype=bool)
        held[name] = f"the map holds {(is_ring & on_map).sum() / is_ring.sum():.0%} of the 500 m around the market"
        table = town.measured(town.reports, operation(tuple(middle)))
        assert (held[name] in row_of(table, "all")["why"]) == (name != "inside")
        assert table["why"].str.contains("the map holds").sum() == (name != "inside")
    assert held["inside"].startswith("the map holds 100%")


@pytest.mark.parametrize(
    ("began", "ended", "steps", "is_said"),
    [
        (150, 120, 0, True),
        (400, 300, 0, True),
        (150, None, 0, True),  # it never ended
        (150, 120, 2, True),  # the market's middle has drifted
        (900, 500, 0, False),  # before the weeks compared with
        (150, 120, 30, False),  # elsewhere
    ],
)
def test_an_earlier_operation_in_the_weeks_compared_with_is_said(
    began: int, ended: int | None, steps: int, is_said: bool
) -> None:
    town = town_of(5)
    middle = town.hottest()
    days_ago = [AS_OF - pd.Timedelta(days=days) if days else pd.NaT for days in (began, ended)]
    earlier = operation((middle[0] + steps, middle[1]), *days_ago)
    table = town.measured(town.reports, operation(middle), earlier)
    own = table[table["market_id"] == f"market_{middle[0]}_{middle[1]}"]
    said = "; an earlier operation here lies in the weeks compared with: the effect is understated"
    assert (own["why"].str.contains(said)).tolist() == [is_said, *[False] * (len(own) - 1)]


def test_operations_of_one_start_are_measured_as_if_alone_and_read_the_reports_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All know of each other; only which of them are measured in one call differs."""
    town = town_of(5)
    ends = pd.Timedelta(days=40)
    rows = [operation(town.hottest(rank), START, START + ends) for rank in (0, 3, 6)]
    rows.append(operation(town.hottest(9), START - pd.Timedelta(days=30), START + ends))
    spans = []
    by_point = Reports.by_point
    monkeypatch.setattr(Reports, "by_point", lambda self, span: spans.append(span) or by_point(self, span))
    together = town.measured(town.reports, *rows)
    assert together["market_id"].is_monotonic_increasing
    reads = len(spans)
    reads_alone = []
    for row in rows:
        spans.clear()
        unmeasured = [
            other | {"started_at": pd.NaT, "announced_at": other["started_at"]} for other in rows if other != row
        ]
        alone = town.measured(town.reports, row, *unmeasured)
        own = together[together["market_id"] == row["market_id"]].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, own, check_exact=True)
        reads_alone.append(len(spans))
    assert reads == reads_alone[0] + reads_alone[-1]


@pytest.mark.parametrize("days", [-3, 0, 6, 366, 2000])
def test_operations_out_of_reach_need_no_reports(days: int) -> None:
    table = town_of(5).cells
    rows = operations(operation(tuple(table.to_numpy()[900]), AS_OF - pd.Timedelta(days=days)))
    assert not are_any_due(rows, AS_OF)
    assert are_any_due(rows, AS_OF + pd.Timedelta(days=100 - days))
    ground = Ground(town_of(5).grid, table, pd.DataFrame(columns=["x_m", "y_m"]))
    found = measure_displacement(rows, pd.DataFrame(), ground, as_of=AS_OF, longest_days=84)
    assert found["why"].str.contains("days ago: runs of that time|fewer than 7 days").tolist() == [True]


def test_a_town_too_small_to_compare_says_so_and_never_zero_to_zero() -> None:
    town = town_of(5)
    middle = town.hottest()
    is_near = (np.abs(town.offset(middle)) < 1500).all(axis=1)
    table = town.measured(town.reports[is_near], operation(middle))
    for row in table.to_dict("records"):
        assert pd.isna(row["displaced"]) and pd.isna(row["displaced_lo"]) and not row["is_alarm"]
        assert "cannot be measured" in row["why"] or "nothing can be measured" in row["why"]
    assert row_of(table, "all")["target_after"] > 0


def test_an_empty_record_is_said_and_no_operation_is_no_row() -> None:
    town = town_of(5)
    none = town.reports.iloc[:0]
    row = town.measured(none, operation(town.hottest())).iloc[0]
    assert row["why"] == "only 0 days before it are on record"
    assert town.measured(town.reports).empty


@pytest.mark.sampled
@settings(max_examples=sample(4, whole=25), deadline=None)
@given(st.integers(1, 60), st.sampled_from([10.0, 300.0]), st.floats(20, 480))
def test_each_report_around_the_market_since_the_start_raises_displacement_by_one(
    more: int, away_m: float, harm: float
) -> None:
    town = town_of(5)
    middle = town.hottest()
    x, y = (np.array(middle) + 0.5) * 150 + [300 + away_m, 0.0]
    added = town.reports.iloc[[-1] * more].assign(
        x_m=x, y_m=y, harm_days=harm, occurred_at=AS_OF - pd.Timedelta(days=3)
    )
    table, zone = (
        town.measured(pd.concat([town.reports, added]), operation(middle)),
        "0-250 m" if away_m < 250 else "250-500 m",
    )
    now, before = row_of(table, zone), row_of(still(5), zone)
    assert now["displaced"] - before["displaced"] == pytest.approx(more)
    assert now["target_change"] == pytest.approx(before["target_change"])
    assert now["displaced_lo"] <= now["displaced"] <= now["displaced_hi"]


def test_overdoses_move_nothing() -> None:
    town = town_of(5)
    overdoses = town.reports.iloc[::7].assign(kind="overdose", category="health")
    both = pd.concat([town.reports, overdoses])
    pd.testing.assert_frame_equal(town.measured(both, operation(town.hottest())), still(5))


@settings(max_examples=200)
@given(st.integers(7, 84), st.floats(0, 1200))
def test_no_two_dates_share_a_day_since_the_start_and_none_begins_before_the_record(
    window: int, on_record: float
) -> None:
    days = days_of(0.0, window, -on_record)
    spans = [days.spans(back) for back in range(days.dates)]
    assert all(later[0][0] >= earlier[0][1] for later, earlier in pairwise(spans))
    assert all(span[-1][0] >= -max(on_record, 84) for span in spans)
    assert days.step % 7 == 0


def test_the_words_tell_of_a_rise_and_say_where_nothing_could_be_seen() -> None:
    rises = {"displaced": 4.0, "displaced_lo": 1.0, "displaced_hi": 9.0, "is_alarm": False, "is_harm_alarm": False}
    row = {"target_after": 21, "target_expected": 30.0, "ring_after": 64, "ring_expected": 60.0, **rises}
    assert "a rise is noticed from 41 reports on, and 30 were expected at the market" in _rise(
        {**row, "least_rise": 41}
    )
    seen = _rise({**row, "least_rise": 20.0})
    assert "a rise, as one of so many rows has by chance; one by fewer than 20 reports could be missed" in seen
    assert "no rise beyond chance; one by" in _rise({**row, "least_rise": 20.0, "displaced_lo": -1.0})
