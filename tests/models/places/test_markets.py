import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from models.places.markets import (
    WEIGHTS,
    LiveMarkets,
    Markets,
    MarketsConfig,
    rank_markets,
    relevant_reports,
)
from models.simulate import SimulatedTown, simulate
from tests.models.places.market_towns import missed_and_false, planted_town
from tests.soak import sample

ROOT = Path(__file__).parents[3]
DEFAULTS = yaml.safe_load((ROOT / "configs/default.yaml").read_text(encoding="utf-8"))["markets"]
CONFIG = MarketsConfig(**DEFAULTS)
SIDE = 18
ADDED_BY_THE_RUN = {"geometry_wkb", "rank_before", "rank_change", "place", "lat", "lon"}
ADDED_BY_THE_RUN |= {"rank_announced", "figure_announced", "announced_on"}
CELLS = pd.DataFrame(
    [(ix, iy, "a@1" if ix < 10 else "b@1", ix % 5 == 0) for ix in range(SIDE) for iy in range(SIDE)],
    columns=["cell_ix", "cell_iy", "area_id", "is_visible"],
)
COLUMNS = ["cell_ix", "cell_iy", "kind", "channel", "reporter_ref", "age_days", "is_daylight"]
Row = tuple[int, int, str, str | None, str | None, int, bool]


def reports(rows: list[Row]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=COLUMNS).astype(
        {"age_days": int, "is_daylight": bool, "channel": object, "reporter_ref": object}
    )
    return frame.assign(incident_id=[f"i{i:04d}" for i in range(len(frame))], area_id="a@1")


def market_rows(ix: int, iy: int, *, callers: int = 12, weeks: int = 12, channel: str | None = "call") -> list[Row]:
    """A busy corner: dealing over cells in a row, fear, disorder and violence about it."""
    dealing: list[Row] = [
        (ix + (i % 3 == 0), iy, "dealing", channel, f"r{ix}_{i % callers}", 7 * (i % weeks) + 1, True)
        for i in range(36)
    ]
    trouble: list[Row] = [
        (ix, iy + i % 2, kind, "call", None, 2 * i, False)
        for kind in ("disorder", "violence", "fear")
        for i in range(12)
    ]
    return dealing + trouble


def background(seed: int, n: int = 300) -> list[Row]:
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["disorder", "violence", "fear", "dealing"], n, p=[0.55, 0.3, 0.1, 0.05])
    at = rng.integers(0, SIDE, (n, 2))
    ages = rng.integers(0, 84, n)
    return [
        (int(x), int(y), str(kind), "call", f"b{i}", int(age), bool(i % 2))
        for i, ((x, y), kind, age) in enumerate(zip(at, kinds, ages, strict=True))
    ]


def by_id(found: Markets) -> pd.DataFrame:
    return found.markets.set_index("market_id")


def test_a_planted_corner_is_one_flagrant_market() -> None:
    found = rank_markets(reports(market_rows(5, 5)), CELLS, config=CONFIG)
    assert found.markets["market_id"].tolist() == ["market_5_5"]
    market = found.markets.iloc[0]
    assert (market["grade"], market["rank"], market["area_id"], market["is_provisional"]) == (
        "flagrant",
        1,
        "a@1",
        False,
    )
    assert (market["dealing_report_count"], market["caller_count"], market["active_week_count"]) == (36, 12, 12)
    assert market["source_count"] == 2  # calls, and trouble nearby
    assert market["score"] == pytest.approx(sum(w * market[f"{part}_part"] for part, w in WEIGHTS.items()))
    assert found.cells.to_numpy().tolist() == [["market_5_5", 5, 5], ["market_5_5", 6, 5]]
    assert set(found.evidence["kind"]) == {"dealing", "disorder", "fear", "violence"}


def test_columns_are_the_published_ones() -> None:
    published = yaml.safe_load((ROOT / "pipeline/publication/tables.yml").read_text(encoding="utf-8"))["published"][
        "market"
    ]
    for found in (
        rank_markets(reports(market_rows(5, 5)), CELLS, config=CONFIG),
        rank_markets(reports([]), CELLS, config=CONFIG),
    ):
        assert list(found.markets.columns) == [name for name in published["columns"] if name not in ADDED_BY_THE_RUN]
        assert list(found.cells.columns) == ["market_id", "cell_ix", "cell_iy"]


@pytest.mark.parametrize("seed", range(3))
def test_three_planted_markets_are_found_among_noise_and_no_false_flagrant_one(seed: int) -> None:
    planted = [(3, 3), (15, 4), (8, 15)]
    rows = [row for at in planted for row in market_rows(*at)] + background(seed)
    found = rank_markets(reports(rows), CELLS, config=CONFIG).markets
    assert set(found.loc[found["grade"] == "flagrant", "market_id"]) == {f"market_{x}_{y}" for x, y in planted}
    quiet = rank_markets(reports(background(seed)), CELLS, config=CONFIG).markets
    assert not (quiet["grade"] == "flagrant").any()


TOWN_END = date(2026, 1, 1)
DEGREES_PER_CELL = np.array([150 / 65_578, 150 / 111_317])  # at the simulated town's latitude
TROUBLE = {
    "antisocial_behaviour": "disorder",
    "public_order": "disorder",
    "criminal_damage": "disorder",
    "robbery": "violence",
    "violence_with_injury": "violence",
    "violence_without_injury": "violence",
    "drug_dealing_report": "dealing",
    "overdose": "overdose",
}


def reports_of(town: SimulatedTown) -> pd.DataFrame:
    """The latest version of every well-formed public report of a simulated town, on a grid of degrees."""
    latest: dict[str, tuple[int, Row]] = {}
    for _, raw in town.records["incidents"]:
        try:
            data = json.loads(raw)["data"]
            at = pd.Timestamp(data["occurred_at"])
            place = np.array([data["location"]["lon"], data["location"]["lat"]], float)
            version, code, discovery = int(data["version"]), data["offence_code"], data["discovery"]
            age_days = (pd.Timestamp(TOWN_END, tz="UTC") - at).days
        except (ValueError, KeyError, TypeError):
            continue
        report = data.get("report", {})
        kind = report.get("subject") or TROUBLE.get(code)
        if discovery == "police" or kind is None or not abs(place - [1.35, 54.02]).max() < 0.5:
            continue
        ix, iy = np.floor(place / DEGREES_PER_CELL).astype(int).tolist()
        row: Row = (ix, iy, kind, report.get("channel"), report.get("reporter_ref"), age_days, 7 <= at.hour <= 18)
        if version >= latest.get(data["incident_id"], (0, row))[0]:
            latest[data["incident_id"]] = (version, row)
    found = reports([row for _, row in latest.values()])
    return found[found["age_days"] >= 0]


@pytest.mark.parametrize("with_markets", [True, False])
def test_a_simulated_towns_markets_are_found_and_no_false_flagrant_one(with_markets: bool) -> None:
    town = simulate(seed=11, days=100, end=TOWN_END, with_markets=with_markets)
    seen = reports_of(town)
    sides = [np.arange(seen[name].min(), seen[name].max() + 1) for name in ("cell_ix", "cell_iy")]
    cells = pd.MultiIndex.from_product(sides, names=["cell_ix", "cell_iy"]).to_frame(index=False)
    found = rank_markets(seen, cells.assign(area_id="a@1", is_visible=False), config=CONFIG).markets
    flagrant = found.loc[found["grade"] == "flagrant", "market_id"].str.extract(r"market_(\d+)_(\d+)").astype(int)
    truth = town.truth["markets"]
    planted = np.floor(truth.loc[truth["is_flagrant"], ["lon", "lat"]].to_numpy(float) / DEGREES_PER_CELL)
    apart = np.abs(flagrant.to_numpy()[:, None, :] - planted[None, :, :]).max(axis=2)
    assert len(planted) == (3 if with_markets else 0)
    assert len(flagrant) == len(planted)
    assert (apart <= 1).any(axis=0).all()


@pytest.mark.parametrize(
    ("changes", "column", "value"),
    [({"callers": 9}, "caller_count", 9), ({"weeks": 7}, "active_week_count", 7)],
)
def test_too_few_callers_or_weeks_leave_it_suspected(changes: dict[str, int], column: str, value: int) -> None:
    market = rank_markets(reports(market_rows(5, 5, **changes)), CELLS, config=CONFIG).markets.iloc[0]
    assert market["grade"] == "suspected"
    assert market[column] == value


@pytest.mark.parametrize("youngest", [8, 90])
def test_reports_of_the_hour_that_a_change_of_clocks_repeats_are_of_the_youngest_week(youngest: int) -> None:
    """Their age is -1 day. With 90, all reports of dealing have it."""
    frame = reports([*market_rows(5, 5), *background(2)])
    moves = frame["kind"].eq("dealing") & frame["age_days"].lt(youngest)
    early, today = (frame.assign(age_days=frame["age_days"].mask(moves, age)) for age in (-1, 0))
    found = [rank_markets(rows, CELLS, config=CONFIG).markets for rows in (early, today)]
    pd.testing.assert_frame_equal(*found, check_exact=True)
    live = LiveMarkets(relevant_reports(early, CONFIG), CELLS, config=CONFIG)
    assert live.rank()["market_id"].tolist() == found[1]["market_id"].tolist()


def test_one_source_is_no_market_and_two_are() -> None:
    calls: list[Row] = [(5, 5, "dealing", "call", f"r{i}", 7 * (i % 12), True) for i in range(24)]
    assert rank_markets(reports(calls), CELLS, config=CONFIG).markets.empty
    for second in [(5, 5, "dealing", "tip", None, 3, False), (6, 6, "paraphernalia", "call", None, 3, False)]:
        found = rank_markets(reports([*calls, second]), CELLS, config=CONFIG).markets
        assert found["source_count"].tolist() == [2]
        assert found["grade"].tolist() == ["suspected"]  # without trouble nearby the score stays low


def test_what_officers_report_is_no_source() -> None:
    rows: list[Row] = [(5, 5, "dealing", "officer", f"r{i}", 7 * (i % 12), True) for i in range(24)]
    assert rank_markets(reports(rows), CELLS, config=CONFIG).markets.empty


def test_two_corners_three_blocks_apart_are_two_markets() -> None:
    found = rank_markets(reports(market_rows(5, 5) + market_rows(9, 5)), CELLS, config=CONFIG)
    assert set(found.markets["market_id"]) == {"market_5_5", "market_9_5"}
    assert found.cells.groupby("market_id").size().to_dict() == {"market_5_5": 2, "market_9_5": 2}


def test_without_reporters_the_heaviest_places_are_suspected_and_provisional() -> None:
    rows = [(*row[:4], None, *row[5:]) for row in market_rows(5, 5, channel=None)]
    rows += [(2, 2 * i, "dealing", None, None, 3, True) for i in range(10)]
    found = rank_markets(reports(rows), CELLS, config=CONFIG).markets
    assert found["market_id"].iloc[0] == "market_5_5"
    assert len(found) == 10
    assert set(found["grade"]) == {"suspected"}
    assert found["is_provisional"].all()


def test_without_dealing_reports_there_is_no_market() -> None:
    rows = [row for row in market_rows(5, 5) if row[2] != "dealing"]
    found = rank_markets(reports(rows), CELLS, config=CONFIG)
    assert found.markets.empty
    assert found.cells.empty
    assert found.evidence.empty


def test_a_report_outside_the_known_cells_adds_its_cell() -> None:
    found = rank_markets(reports(market_rows(SIDE + 4, 5)), CELLS, config=CONFIG)
    assert found.markets[["market_id", "area_id"]].to_numpy().tolist() == [[f"market_{SIDE + 4}_5", "a@1"]]


@settings(max_examples=6)
@given(
    at=st.lists(st.tuples(st.integers(-3, SIDE + 3), st.integers(-3, SIDE + 3), st.integers(0, 90)), max_size=40),
    seed=st.integers(0, 3),
)
def test_overdoses_move_nothing_to_the_bit(at: list[tuple[int, int, int]], seed: int) -> None:
    rows = market_rows(4, 4) + background(seed, 80)
    overdoses: list[Row] = [(x, y, "overdose", "call", f"o{i}", age, True) for i, (x, y, age) in enumerate(at)]
    once = rank_markets(reports(rows), CELLS, config=CONFIG)
    again = rank_markets(reports(rows + overdoses), CELLS, config=CONFIG)
    pd.testing.assert_frame_equal(
        once.markets.drop(columns="overdose_count"), again.markets.drop(columns="overdose_count"), check_exact=True
    )
    pd.testing.assert_frame_equal(once.cells, again.cells)
    pd.testing.assert_frame_equal(once.evidence, again.evidence)
    near = sum(3 <= x <= 5 and 3 <= y <= 5 and age < 84 for x, y, age in at)
    assert by_id(again).loc["market_4_4", "overdose_count"] == near


EMPTY_CELLS = st.lists(
    st.tuples(st.integers(-4, SIDE + 4), st.integers(-4, SIDE + 4), st.booleans()),
    max_size=60,
    unique_by=lambda c: c[:2],
)


@settings(max_examples=sample(6, whole=300), deadline=None)
@given(empty=EMPTY_CELLS, seed=st.integers(0, 999), n=st.integers(0, 200), is_scattered=st.booleans())
def test_ground_without_reports_moves_nothing_to_the_bit(
    empty: list[tuple[int, int, bool]], seed: int, n: int, is_scattered: bool
) -> None:
    """Cells without reports, visible ones too, within the map and beyond its border; also as the map grows live."""
    rows = reports([*market_rows(4, 4), *market_rows(0, 9), *background(seed, n)])
    if is_scattered:  # markets on the border and outside of the map, reports anywhere
        rows[["cell_ix", "cell_iy"]] += np.random.default_rng(seed).integers(-3, 3, (len(rows), 2))
    at = pd.MultiIndex.from_frame(rows[["cell_ix", "cell_iy"]])
    holds_report = pd.MultiIndex.from_frame(CELLS[["cell_ix", "cell_iy"]]).isin(at)
    more = pd.DataFrame(empty, columns=["cell_ix", "cell_iy", "is_visible"]).assign(area_id="b@1")
    more[["cell_ix", "cell_iy"]] = more[["cell_ix", "cell_iy"]].astype("int64")
    more = more[~pd.MultiIndex.from_frame(more[["cell_ix", "cell_iy"]]).isin(at)].astype({"is_visible": bool})
    tight, wide = CELLS[holds_report], pd.concat([more, CELLS]).drop_duplicates(["cell_ix", "cell_iy"])
    found = vars_of(rank_markets(rows, tight, config=CONFIG))
    for cells in (wide, CELLS):
        for left, right in zip(found, vars_of(rank_markets(rows, cells, config=CONFIG)), strict=True):
            pd.testing.assert_frame_equal(left, right, check_exact=True)
    shuffled = relevant_reports(rows, CONFIG).sample(frac=1, random_state=seed)
    parts = [shuffled[part::3] for part in range(3)]
    live = []
    for cells in (tight, wide):
        one = LiveMarkets(parts[0], cells, config=CONFIG)
        one.change(parts[0].iloc[:0], parts[1])
        one.change(parts[1].sample(frac=0.5, random_state=seed), parts[2])
        live.append(one.rank())
    pd.testing.assert_frame_equal(*live, check_exact=True)


def test_the_same_reports_have_the_same_grade_on_a_tight_and_on_a_wide_map() -> None:
    """On the map of places with reports it was suspected at .55; with empty ground around, flagrant at .99."""
    dealing = [row for row in market_rows(4, 4) if row[2] == "dealing"]
    rows = reports([*dealing, (4, 4, "dealing", "tip", None, 3, False), *background(5, 900)])
    tight = CELLS.merge(rows[["cell_ix", "cell_iy"]].drop_duplicates())
    around = [(x, y, "a@1", False) for x in range(-40, 60) for y in range(-40, 60)]
    wide = pd.concat([CELLS, pd.DataFrame(around, columns=list(CELLS.columns))]).drop_duplicates(["cell_ix", "cell_iy"])
    found = [by_id(rank_markets(rows, cells, config=CONFIG)).loc["market_4_4"] for cells in (tight, CELLS, wide)]
    assert {(market["score"], market["grade"]) for market in found} == {(found[0]["score"], "suspected")}


TOWNS: dict[str, dict[str, float]] = {
    "half": {"rate": 0.5},
    "double": {"rate": 2.0},
    "small": {"side_m": 3_000},
    "large": {"side_m": 15_000, "markets": 8},
    "cells of 100 m": {"cell_m": 100},
    "cells of 250 m": {"cell_m": 250},
    "sparse": {"side_m": 15_000, "built_share": 0.15},
    "sparse, tight map": {"side_m": 15_000, "built_share": 0.15, "map_is_tight": True},
    "busy ground": {"background": 3.0},
    "still ground": {"background": 0.2},
    "no markets": {"markets": 0},
    "village, no markets": {"side_m": 1_500, "background": 0.3, "markets": 0},
    "no markets, double": {"markets": 0, "rate": 2.0},
}


@pytest.mark.sampled
@pytest.mark.parametrize("name", TOWNS)
def test_planted_markets_are_found_in_towns_of_other_sizes_rates_and_cells(name: str) -> None:
    for seed in range(sample(1, whole=20)):
        town = planted_town(seed, **TOWNS[name])  # type: ignore[arg-type]
        assert missed_and_false(rank_markets(town.reports, town.cells, config=CONFIG), town) == (0, 0), seed


@settings(max_examples=3)
@given(order=st.permutations(range(40)))
def test_the_order_of_rows_changes_no_bit(order: list[int]) -> None:
    frame = reports(market_rows(5, 5)[:20] + background(1, 20))
    shuffled = frame.iloc[order]
    for left, right in zip(
        vars_of(rank_markets(frame, CELLS, config=CONFIG)),
        vars_of(rank_markets(shuffled, CELLS[::-1], config=CONFIG)),
        strict=True,
    ):
        pd.testing.assert_frame_equal(left, right, check_exact=True)


def vars_of(found: Markets) -> list[pd.DataFrame]:
    return [found.markets, found.cells, found.evidence]


@pytest.mark.parametrize(
    ("key", "value"), [("window_weeks", 0), ("minimum_weeks", 13), ("minimum_score", 1.1), ("minimum_callers", -1)]
)
def test_settings_that_mean_nothing_are_refused(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=key):
        MarketsConfig(**{**DEFAULTS, key: value})


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 999))
def test_change_by_change_the_markets_are_those_of_all_reports_at_once(seed: int) -> None:
    """Reports come and go, also all dealing, and in cells outside the areas, each of which is one only as long."""
    rng = np.random.default_rng(seed)
    rows = reports([*market_rows(5, 5), *background(seed), (SIDE + 2, 3, "overdose", None, None, 3, False)])
    live = LiveMarkets(relevant_reports(rows, CONFIG), CELLS, config=CONFIG)
    pool = reports([*market_rows(SIDE + 1, 4, channel="tip"), *market_rows(9, 9), *background(seed + 1)])
    pool = pool.assign(incident_id="p" + pool["incident_id"])
    for change in range(5):
        left = pool[~pool["incident_id"].isin(rows["incident_id"])]
        come = left.sample(min(60, len(left)), random_state=rng.integers(1 << 30))
        gone = rows[rows["kind"] == "dealing"] if change == 3 else rows.sample(60, random_state=rng.integers(1 << 30))
        live.change(relevant_reports(gone, CONFIG), relevant_reports(come, CONFIG))
        rows = pd.concat([rows.drop(gone.index), come], ignore_index=True)
        at_once = rank_markets(rows, CELLS, config=CONFIG).markets[["market_id", "rank", "grade"]]
        pd.testing.assert_frame_equal(live.rank(), at_once, check_exact=True, check_dtype=False)
