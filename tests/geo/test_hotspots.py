"""Planted clusters are found, noise is not, one can walk each hot spot, and names last."""

import random
import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from geopandas.testing import assert_geodataframe_equal
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from shapely import Polygon, box, contains_xy

from geo.cells import Grid
from geo.hotspots import COLUMNS, adjust_for_false_discovery, find_hotspots, gi_star, neighbours, winsorise

GRID = Grid("EPSG:32618", 150)
SIDE = 50
IX, IY = (axis.ravel() for axis in np.meshgrid(np.arange(SIDE), np.arange(SIDE)))
CELL_M2 = 150.0**2
# As large as it comes, and however little harm: what the tests of significance and of names are about.
WHOLE = {"max_area_m2": 3e6, "minimum_ratio": 0.0}


def cells_with(harm: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"cell_ix": IX, "cell_iy": IY, "harm": harm.astype(float)})


def noise(seed: int, mean: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean, SIDE * SIDE).astype(float)


def block(west: int, south: int, width: int = 4, height: int = 4) -> np.ndarray:
    return (west <= IX) & (west + width > IX) & (south <= IY) & (south + height > IY)


def test_gi_star_agrees_with_esda() -> None:
    from libpysal.weights import W

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # esda imports and warns as it pleases
        from esda import G_Local
    rng = np.random.default_rng(7)
    ix, iy = np.unique(rng.integers(0, 15, (150, 2)), axis=0).T  # a ragged study area
    harm = rng.lognormal(0, 1.5, ix.size)
    weights = neighbours(ix, iy, 2.0)
    rows = {i: np.flatnonzero(weights[[i], :].toarray()[0]).tolist() for i in range(ix.size)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = G_Local(harm, W(rows, silence_warnings=True), transform="B", star=True, permutations=0).Zs
    assert gi_star(harm, weights)[0] == pytest.approx(theirs)


def test_tail_p_values_are_near_those_of_shuffled_cells_where_the_normal_curve_is_not() -> None:
    rng = np.random.default_rng(3)
    ix, iy = (axis.ravel() for axis in np.meshgrid(np.arange(20), np.arange(20)))
    harm = rng.poisson(0.15, 400) * 10.0 + rng.poisson(0.03, 400) * 365  # sparse and heavy-tailed
    weights = neighbours(ix, iy, 2.0)
    z, p = gi_star(harm, weights)
    inner = np.asarray(weights.sum(axis=1)).ravel() == 13
    shuffled = np.array([rng.choice(harm, 13, replace=False).sum() for _ in range(20_000)])
    totals = weights @ harm
    shuffled_p = (shuffled >= totals[:, None]).mean(axis=1)
    tail = inner & (shuffled_p < 0.05)
    assert tail.sum() >= 5
    assert (np.abs(np.log(p[tail] / shuffled_p[tail])) < np.log(3)).all()
    assert (ndtr(-z[tail]) < shuffled_p[tail] / 5).all()


def test_neighbours_lie_within_the_band_and_include_the_cell() -> None:
    weights = neighbours(IX, IY, 2.0)
    middle = int(np.flatnonzero((IX == 30) & (IY == 30))[0])
    near = np.hypot(IX - 30, IY - 30) <= 2
    assert weights[[middle], :].toarray()[0].tolist() == near.astype(float).tolist()
    assert near.sum() == 13


def test_false_discovery_adjustment_by_hand() -> None:
    # Benjamini and Hochberg: p × n / rank, then the running minimum from the largest.
    adjusted = adjust_for_false_discovery(np.array([0.04, 0.01, 0.03, 0.5]))
    assert adjusted == pytest.approx([0.04 * 4 / 3, 0.04, 0.04 * 4 / 3, 0.5])


def test_one_extreme_cell_counts_as_much_as_the_quantile() -> None:
    harm = np.append(np.arange(1.0, 1000), 5475)
    assert winsorise(harm, 0.995).max() == pytest.approx(np.quantile(harm, 0.995))
    assert winsorise(np.append(harm, np.zeros(5000)), 0.995).max() == pytest.approx(np.quantile(harm, 0.995))
    assert winsorise(np.zeros(3), 0.995).tolist() == [0, 0, 0]


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_cluster_leads(seed: int) -> None:
    planted = block(20, 30, 3, 3)
    hotspots = find_hotspots(cells_with(noise(seed) + 8 * planted), GRID)
    assert list(hotspots.columns) == COLUMNS
    first = hotspots.iloc[0]
    truth = GRID.squares(IX[planted], IY[planted]).union_all()
    assert first["rank"] == 1
    assert first.geometry.intersection(truth).area == pytest.approx(truth.area)  # the whole of it …
    assert first.geometry.area <= box(*truth.bounds).buffer(300).area  # … and no more than the band around it
    assert first["p_adjusted_min"] < 1e-6
    assert first["area_m2"] == pytest.approx(first["cell_count"] * CELL_M2)
    assert first["harm_per_km2"] == pytest.approx(first["harm_days"] / first["area_m2"] * 1e6)
    assert hotspots.crs == GRID.crs


@pytest.mark.parametrize("mean", [0.03, 0.3, 5.0])
def test_noise_has_no_hot_spot(mean: float) -> None:
    # The rate at which any is found at all is the false-discovery rate: 5% of maps.
    found = [len(find_hotspots(cells_with(noise(seed, mean)), GRID)) > 0 for seed in range(12)]
    assert sum(found) <= 3


def test_harm_weighs_and_not_the_number_of_cells_with_any() -> None:
    light, heavy = block(10, 10), block(40, 40)
    harm = noise(1) * 10 + 30.0 * light + 365.0 * heavy
    hotspots = find_hotspots(cells_with(harm), GRID, winsor_quantile=1)
    assert hotspots.geometry[0].contains(GRID.squares([41], [41]).centroid[0])
    assert hotspots["harm_days"][0] == pytest.approx(
        harm[gpd.GeoSeries(GRID.squares(IX, IY)).centroid.within(hotspots.geometry[0])].sum()
    )


def test_ranks_follow_harm() -> None:
    hotspots = find_hotspots(cells_with(noise(2) + 30 * block(5, 5) + 15 * block(40, 40)), GRID)
    assert hotspots["rank"].tolist() == list(range(1, len(hotspots) + 1))
    assert hotspots["harm_days"].is_monotonic_decreasing
    assert hotspots.geometry[0].within(box(0, 0, 2250, 2250))


def cells_of(shape: Polygon) -> set[tuple[int, int]]:
    """The cells whose centres lie in a hot spot."""
    inside = contains_xy(shape, (IX + 0.5) * 150, (IY + 0.5) * 150)
    return set(zip(IX[inside].tolist(), IY[inside].tolist(), strict=True))


def where(chosen: np.ndarray) -> set[tuple[int, int]]:
    return set(zip(IX[chosen].tolist(), IY[chosen].tolist(), strict=True))


def test_places_that_meet_at_a_corner_are_two() -> None:
    southern, northern = block(20, 20, 3, 3), block(23, 23, 3, 3)
    hotspots = find_hotspots(cells_with(1 + 50.0 * southern + 40 * northern), GRID)
    assert [cells_of(shape) for shape in hotspots.geometry] == [where(southern), where(northern)]


def test_two_peaks_joined_by_a_ridge_are_two_and_the_ridge_is_shared_out() -> None:
    western, eastern, ridge = block(10, 20, 3, 3), block(19, 20, 3, 3), block(13, 21, 6, 1)
    hotspots = find_hotspots(cells_with(1 + 60.0 * western + 50 * eastern + 20 * ridge), GRID)
    west, east = (cells_of(shape) for shape in hotspots.geometry[:2])
    assert where(western) < west and where(eastern) < east
    assert west | east <= where(western | eastern | ridge)
    assert where(ridge) & west and where(ridge) & east
    assert len(west) == len(east) == 11


def test_one_compact_peak_stays_one() -> None:
    peak = block(30, 30, 3, 3)
    hotspots = find_hotspots(cells_with(1 + 60.0 * peak), GRID, winsor_quantile=1)
    assert [cells_of(shape) for shape in hotspots.geometry] == [where(peak)]


def test_an_even_plateau_is_cut_into_compact_pieces() -> None:
    plateau = block(15, 15, 14, 14)
    hotspots = find_hotspots(cells_with(1 + 20.0 * plateau), GRID)
    assert hotspots["area_m2"].max() == 11 * CELL_M2
    bounds = hotspots.bounds
    extent = np.maximum(bounds["maxx"] - bounds["minx"], bounds["maxy"] - bounds["miny"])
    # Eleven cells in a row would be 1,650 m; a disc of eleven is 600 m across.
    assert extent.max() <= 1050 and extent.median() <= 750
    assert hotspots["area_m2"].sum() >= 0.9 * plateau.sum() * CELL_M2


def test_the_largest_size_holds_for_any_cell_and_is_at_least_one_cell() -> None:
    harm = cells_with(1 + 60.0 * block(20, 20, 12, 12))
    for size_m, most in [(50.0, 100), (150.0, 11), (500.0, 1), (800.0, 1)]:
        found = find_hotspots(harm, Grid("EPSG:32618", size_m), band_m=2 * size_m)
        assert found["cell_count"].max() == most
    assert find_hotspots(harm, Grid("EPSG:32618", 100.0), band_m=200, max_area_m2=7 * 100.0**2)["cell_count"].max() == 7


def test_a_place_with_little_harm_is_no_hot_spot_however_significant() -> None:
    # The band around nine heavy cells is significant, with next to nothing in it.
    heavy, small = block(40, 40, 3, 3), block(10, 40, 2, 1)
    cells = cells_with(1 + 20.0 * heavy + 30 * small)
    every = find_hotspots(cells, GRID, minimum_ratio=0, winsor_quantile=1)
    assert len(every) == 8 and every["harm_days"].min() == 1
    some = find_hotspots(cells, GRID, winsor_quantile=1)
    assert [cells_of(shape) for shape in some.geometry] == [where(heavy), where(small)]
    assert some["harm_days"].min() >= 3 * cells["harm"].mean() * 11


def test_a_hot_spot_leaves_at_less_harm_than_it_enters_with() -> None:
    peak = block(20, 20, 2, 2)

    def found(excess: float, previous: gpd.GeoDataFrame | None = None) -> int:
        return len(find_hotspots(cells_with(1 + excess * peak), GRID, previous=previous, winsor_quantile=1))

    # Four cells have to hold as much as eleven with three times the mean: 8.25 times the mean each.
    before = find_hotspots(cells_with(1 + 8.0 * peak), GRID, winsor_quantile=1)
    assert len(before) == 1
    assert (found(7.0), found(7.0, before), found(4.0, before)) == (0, 1, 0)


def test_a_cell_leaves_at_less_harm_than_it_enters_with() -> None:
    def found(edge: float, previous: gpd.GeoDataFrame | None = None) -> set[tuple[int, int]]:
        harm = np.ones(SIDE**2) + 20 * block(20, 20, 3, 3) + (edge - 1) * block(23, 21, 1, 1)
        hotspots = find_hotspots(cells_with(harm), GRID, previous=previous, winsor_quantile=1)
        return cells_of(hotspots.geometry[0])

    # A cell has to have three times the mean, 3.2; what was in counts half as much again.
    strong = cells_with(np.ones(SIDE**2) + 20 * block(20, 20, 3, 3) + 4 * block(23, 21, 1, 1))
    before = find_hotspots(strong, GRID, winsor_quantile=1)
    outpost = (23, 21)
    assert outpost in cells_of(before.geometry[0])
    assert [outpost in found(edge) for edge in (3.3, 2.6)] == [True, False]
    assert [outpost in found(edge, before) for edge in (2.6, 2.0)] == [True, False]


def test_a_slightly_heavier_newcomer_takes_no_cell_from_a_hot_spot() -> None:
    # Two full blocks side by side with a column between them, which the first to grow takes.
    western, eastern, between = block(20, 20, 3, 3), block(25, 20, 3, 3), block(23, 21, 2, 1)

    def west(western_harm: float, eastern_harm: float, previous: gpd.GeoDataFrame | None = None) -> int:
        harm = np.ones(SIDE**2) + western_harm * western + eastern_harm * eastern + 10 * between
        hotspots = find_hotspots(cells_with(harm), GRID, previous=previous, winsor_quantile=1)
        (chosen,) = [cells for cells in map(cells_of, hotspots.geometry) if (21, 21) in cells]
        return len(chosen & where(between))

    first = find_hotspots(
        cells_with(np.ones(SIDE**2) + 30 * western + 28 * eastern + 10 * between), GRID, winsor_quantile=1
    )
    before = first[[(21, 21) in cells_of(shape) for shape in first.geometry]]
    assert west(30, 28) == 2 and west(28, 30) == 0
    assert west(28, 30, before) == 2
    assert west(28, 50, before) == 0


def test_what_was_found_without_a_limit_of_size_holds_no_cell() -> None:
    cells = cells_with(noise(1) + 4 * block(10, 10, 20, 20))
    wide = find_hotspots(cells, GRID, **WHOLE)
    assert wide["area_m2"].max() > 1e6
    assert_geodataframe_equal(find_hotspots(cells, GRID, previous=wide.head(1)), find_hotspots(cells, GRID))


def test_names_last_while_harm_comes_and_goes() -> None:
    # Ten places of unlike strength and size; each day a little is added and a little fades.
    rng = np.random.default_rng(20)
    places = [block(4 + 9 * (n % 5), 6 + 18 * (n // 5), 2 + n % 4, 3 + n % 3) for n in range(10)]
    harm = noise(3) + sum((6 + n) * place for n, place in enumerate(places))
    previous = first = find_hotspots(cells_with(harm), GRID)
    assert len(first) >= 10
    kept = []
    for _ in range(15):
        harm = harm * 0.99 + rng.poisson(0.01 * harm)
        now = find_hotspots(cells_with(harm), GRID, previous=previous)
        kept.append(previous["hotspot_id"].isin(now["hotspot_id"]).mean())
        previous = now
    assert np.mean(kept) >= 0.98
    assert first["hotspot_id"].isin(previous["hotspot_id"]).mean() >= 0.9


MAP_SIDE = 14
LAND = pd.DataFrame(
    [(x, y) for x in range(MAP_SIDE) for y in range(MAP_SIDE) if (x, y) != (5, 5)], columns=["cell_ix", "cell_iy"]
)


@st.composite
def maps(draw: st.DrawFn) -> pd.DataFrame:
    """A small city with a hole: a few blocks of equal cells, which makes ties, and a few cells of any harm."""
    harm = np.zeros((MAP_SIDE, MAP_SIDE))
    number = st.integers(0, MAP_SIDE - 1)
    for x, y, width, height, weight in draw(st.lists(st.tuples(number, number, *[st.integers(1, 6)] * 3), max_size=4)):
        harm[x : x + width, y : y + height] += 10 * weight
    for x, y, weight in draw(st.lists(st.tuples(number, number, st.integers(1, 400)), max_size=12)):
        harm[x, y] += weight
    return LAND.assign(harm=harm[LAND["cell_ix"], LAND["cell_iy"]])


SIZES = st.fixed_dictionaries(
    {
        "max_area_m2": st.integers(1, 15).map(lambda cells: cells * CELL_M2),
        "minimum_ratio": st.sampled_from([0.0, 0.5, 1.5, 3.0]),
    }
)


@settings(max_examples=30, deadline=None)
@given(maps(), maps(), SIZES, st.randoms(use_true_random=False))
def test_hot_spots_are_walkable_and_apart_and_do_not_depend_on_order(
    cells: pd.DataFrame, yesterday: pd.DataFrame, size: dict[str, float], order: random.Random
) -> None:
    harm = winsorise(cells["harm"].to_numpy(), 0.995)
    z, p = gi_star(harm, neighbours(cells["cell_ix"].to_numpy(), cells["cell_iy"].to_numpy(), 2.0))
    adjusted = adjust_for_false_discovery(p)
    squares = GRID.squares(cells["cell_ix"], cells["cell_iy"])
    least = size["minimum_ratio"] * harm.mean() * size["max_area_m2"] / CELL_M2
    for previous, limit, factor in [(None, 0.05, 1.0), (find_hotspots(yesterday, GRID, **size), 0.10, 1.5)]:
        found = find_hotspots(cells, GRID, previous=previous, **size)
        # One polygon whose inside hangs together: its cells share sides.
        assert (found.geom_type == "Polygon").all() and found.is_valid.all()
        assert (found["area_m2"] <= size["max_area_m2"] * (1 + 1e-9)).all()
        assert found["area_m2"].sum() == pytest.approx(found.union_all().area if len(found) else 0)
        assert (found["harm_days"] * factor >= least * (1 - 1e-9)).all() and (found["harm_days"] > 0).all()
        significant = squares[(z > 0) & (adjusted <= limit)].union_all()
        assert found.geometry.difference(significant).area.max() == 0 or found.empty
        assert found["hotspot_id"].is_unique
        assert found["rank"].tolist() == list(range(1, len(found) + 1))
        assert found["harm_days"].is_monotonic_decreasing
        shuffled = cells.iloc[order.sample(range(len(cells)), len(cells))]
        assert_geodataframe_equal(found, find_hotspots(shuffled, GRID, previous=previous, **size))


@settings(max_examples=30, deadline=None)
@given(maps(), SIZES)
def test_the_same_harm_again_gives_the_same_hot_spots(cells: pd.DataFrame, size: dict[str, float]) -> None:
    once = find_hotspots(cells, GRID, **size)
    again = find_hotspots(cells, GRID, previous=once, **size)
    assert_geodataframe_equal(once, again)
    doubled = find_hotspots(cells.assign(harm=2 * cells["harm"]), GRID, **size)  # another codebook's days
    assert once.geometry.geom_equals(doubled.geometry).all() and len(once) == len(doubled)


def test_a_new_hot_spot_is_named_after_its_heaviest_cell() -> None:
    peak = 9.0 * ((IX == 21) & (IY == 32))
    hotspots = find_hotspots(cells_with(noise(0) + 8 * block(20, 30) + peak), GRID, winsor_quantile=1)
    assert hotspots["hotspot_id"].tolist()[0] == "EPSG:32618:150:21:32"


def test_a_hot_spot_keeps_its_name_while_it_lasts_though_its_peak_moves() -> None:
    before = find_hotspots(cells_with(noise(0) + 8 * block(20, 30) + 9 * block(20, 30, 1, 1)), GRID, winsor_quantile=1)
    moved = cells_with(noise(0) + 8 * block(21, 30) + 9 * block(24, 33, 1, 1))
    assert before["hotspot_id"][0] == "EPSG:32618:150:20:30"
    assert find_hotspots(moved, GRID, winsor_quantile=1)["hotspot_id"][0] == "EPSG:32618:150:24:33"
    named = find_hotspots(moved, GRID, previous=before, winsor_quantile=1)
    assert named["hotspot_id"][0] == "EPSG:32618:150:20:30"


def test_the_greatest_overlap_gets_the_name_and_names_are_unique() -> None:
    # One wide hot spot breaks in two; the larger part carries the name on, the other may not take it again.
    whole = find_hotspots(cells_with(noise(0) + 20 * block(10, 10, 24, 4)), GRID, **WHOLE).head(1)
    broken = cells_with(noise(0) + 20 * (block(10, 10, 14, 4) | block(30, 10, 4, 4)))
    parts = find_hotspots(broken, GRID, previous=whole, **WHOLE)
    large, small = parts.geometry[0], parts.geometry[1]
    assert large.area > small.area
    assert parts["hotspot_id"][0] == whole["hotspot_id"][0]
    assert parts["hotspot_id"].is_unique


def test_a_name_carried_off_by_another_cluster_is_not_given_twice() -> None:
    harm = cells_with(noise(0) + 20 * block(10, 10) + 20 * block(40, 40))
    fresh = find_hotspots(harm, GRID).head(2)
    # The first place now continues a hot spot that bears the name which the second place would choose.
    previous = fresh.head(1).assign(hotspot_id=fresh["hotspot_id"][1])
    named = find_hotspots(harm, GRID, previous=previous)
    assert named["hotspot_id"][0] == fresh["hotspot_id"][1]
    assert named["hotspot_id"].is_unique
    assert (named["hotspot_id"][1].startswith("EPSG:32618:150:")) and named["hotspot_id"][1] != fresh["hotspot_id"][1]


def test_cells_leave_later_than_they_enter() -> None:
    planted, faint = block(10, 10), block(40, 40, 3, 3)
    strong = cells_with(noise(4) + 12 * planted + 12 * faint)
    before = find_hotspots(strong, GRID, **WHOLE)
    # Fading: below what a newcomer needs, above what loses the place.
    for excess in np.arange(3.0, 1.5, -0.25):
        fading = cells_with(noise(4) + 12 * planted + excess * faint)
        here = box(40 * 150, 40 * 150, 43 * 150, 43 * 150)
        stays = find_hotspots(fading, GRID, previous=before, **WHOLE).intersects(here).any()
        enters = find_hotspots(fading, GRID, **WHOLE).intersects(here).any()
        assert stays or not enters
        if stays and not enters:
            return
    pytest.fail("no strength of the cluster lay between entering and leaving")


def test_the_answer_does_not_depend_on_the_order_of_cells_or_of_previous() -> None:
    cells = cells_with(noise(5) + 20 * block(10, 10) + 20 * block(40, 40))
    before = find_hotspots(cells_with(noise(6) + 20 * block(11, 10) + 20 * block(40, 41)), GRID)
    once = find_hotspots(cells, GRID, previous=before)
    again = find_hotspots(cells.sample(frac=1, random_state=1), GRID, previous=before.iloc[::-1])
    assert_geodataframe_equal(once, again)


@pytest.mark.parametrize(
    "cells",
    [
        cells_with(np.zeros(SIDE * SIDE)),
        cells_with(np.full(SIDE * SIDE, 365.0)),
        cells_with(np.full(SIDE * SIDE, 0.1)),
        cells_with(np.zeros(SIDE * SIDE)).head(0),
        cells_with(np.ones(SIDE * SIDE)).head(1),
        cells_with(IX.astype(float)).head(2),
    ],
    ids=["no harm", "flat", "flat fraction", "no cells", "one cell", "two cells"],
)
def test_where_nothing_can_stand_out_the_frame_is_empty_and_whole(cells: pd.DataFrame) -> None:
    hotspots = find_hotspots(cells, GRID)
    assert hotspots.empty
    assert list(hotspots.columns) == COLUMNS
    assert hotspots.crs == GRID.crs
    full = find_hotspots(cells_with(noise(0) + 8 * block(20, 30)), GRID)
    assert hotspots.dtypes.astype(str).tolist() == full.dtypes.astype(str).tolist()
    assert find_hotspots(cells, GRID, previous=full).empty
    assert len(find_hotspots(cells_with(noise(0) + 8 * block(20, 30)), GRID, previous=hotspots)) == len(full)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"harm": [1.0, -1.0]}, "harm of 1 cells is negative"),
        ({"harm": [1.0, np.nan]}, "harm of 1 cells is negative or not finite"),
        ({"cell_ix": [1, 1]}, "occurs more than once"),
    ],
)
def test_cells_that_make_no_sense_are_refused(change: dict, said: str) -> None:
    cells = pd.DataFrame({"cell_ix": [1, 2], "cell_iy": [1, 1], "harm": [1.0, 2.0]}).assign(**change)
    with pytest.raises(ValueError, match=said):
        find_hotspots(cells, GRID)


def test_previous_hot_spots_without_metres_are_refused() -> None:
    before = find_hotspots(cells_with(noise(0) + 8 * block(20, 30)), GRID)
    with pytest.raises(ValueError, match="previous hot spots: no coordinate system"):
        find_hotspots(cells_with(noise(0)), GRID, previous=before.set_crs(None, allow_override=True))
