"""Near repeats planted are near repeats found."""

import numpy as np
import pandas as pd
import pytest

from geo.near_repeat import knox_table

CRS = "EPSG:32618"


def scattered(seed: int, count: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"x_m": rng.uniform(0, 4000, count), "y_m": rng.uniform(0, 4000, count), "day": rng.integers(0, 365, count)}
    )


def with_repeats(seed: int, count: int = 60) -> pd.DataFrame:
    points, rng = scattered(seed), np.random.default_rng(seed + 1000)
    near = points.head(count) + np.column_stack(
        [rng.uniform(-60, 60, count), rng.uniform(-60, 60, count), rng.integers(1, 7, count)]
    )
    return pd.concat([points, near.astype({"day": "int64"})], ignore_index=True)


def test_pairs_are_counted_by_band() -> None:
    points = pd.DataFrame({"x_m": [0.0, 0, 100, 1000], "y_m": [0.0, 0, 0, 0], "day": [0, 7, 8, 9]})
    table = knox_table(points, crs=CRS, distance_bands_m=(0, 100), day_bands=(0, 7, 14), permutations=9, seed=1)
    # (0,1): 0 m, 7 days. (0,2): 100 m, 8 days. (1,2): 100 m, 1 day. The last point is too far from all.
    assert table["pairs"].tolist() == [0, 1, 0, 0, 1, 1]
    assert table["distance_from_m"].tolist() == [0, 0, 0, 0, 0, 0]
    assert table["distance_to_m"].tolist() == [0, 0, 0, 100, 100, 100]
    assert table["day_from"].tolist() == [0, 1, 8, 0, 1, 8]
    assert table["day_to"].tolist() == [0, 7, 14, 0, 7, 14]


def test_expected_pairs_are_those_of_all_orders_of_the_days() -> None:
    # Three places, two of them near: each of the three pairs of days falls on the near pair equally often.
    points = pd.DataFrame({"x_m": [0.0, 50, 9000], "y_m": [0.0, 0, 0], "day": [0, 3, 30]})
    table = knox_table(points, crs=CRS, distance_bands_m=(100,), day_bands=(7, 28), permutations=6000, seed=1)
    assert table["expected_pairs"].tolist() == pytest.approx([1 / 3, 1 / 3], abs=0.02)
    assert table["ratio"].tolist() == pytest.approx([3, 0], abs=0.2)
    assert table["p_value"].tolist() == pytest.approx([1 / 3, 1], abs=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_planted_near_repeats_are_found_where_they_were_planted(seed: int) -> None:
    table = knox_table(with_repeats(seed), crs=CRS, permutations=199, seed=1)
    assert table["ratio"].idxmax() == 0
    assert table["ratio"][0] > 3
    assert table["p_value"][0] == pytest.approx(1 / 200)
    assert (table["p_value"][4:] > 0.01).all()


def test_no_near_repeats_where_none_are_planted() -> None:
    p_values = [knox_table(scattered(seed), crs=CRS, permutations=99, seed=1)["p_value"][0] for seed in range(20)]
    assert sum(p <= 0.05 for p in p_values) <= 4


def test_piles_in_place_and_waves_in_time_alone_are_no_near_repeats() -> None:
    rng = np.random.default_rng(5)
    pile = scattered(5).assign(x_m=lambda p: p["x_m"] // 1000 * 1000, y_m=lambda p: p["y_m"] // 1000 * 1000)
    wave = pile.assign(day=rng.choice([10, 11, 200], len(pile)))
    assert knox_table(wave, crs=CRS, permutations=99, seed=1)["p_value"][0] > 0.05


def test_the_same_seed_gives_the_same_table() -> None:
    points = with_repeats(1)
    first = knox_table(points, crs=CRS, permutations=19, seed=4)
    pd.testing.assert_frame_equal(first, knox_table(points, crs=CRS, permutations=19, seed=4))
    assert not first.equals(knox_table(points, crs=CRS, permutations=19, seed=5))


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_points_make_an_empty_case_and_no_error(count: int) -> None:
    table = knox_table(scattered(0).head(count), crs=CRS, permutations=9, seed=1)
    assert table["pairs"].sum() == 0
    assert table["ratio"].isna().all()
    assert (table["p_value"] == 1).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"crs": "EPSG:4326"}, "EPSG:4326 is in degree"),
        ({"crs": None}, "no coordinate system"),
        ({"distance_bands_m": (200, 100)}, "distance_bands_m=.200, 100.: expected increasing"),
        ({"day_bands": ()}, "day_bands=.*expected increasing"),
        ({"permutations": 0}, "permutations=0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        knox_table(scattered(0), **({"crs": CRS, "permutations": 9, "seed": 1} | change))


def test_missing_values_and_parts_of_days_are_refused() -> None:
    with pytest.raises(ValueError, match="2 of 400 lack"):
        knox_table(scattered(0).assign(x_m=lambda p: p["x_m"].where(p.index > 1)), crs=CRS, seed=1)
    with pytest.raises(ValueError, match="not a whole number"):
        knox_table(scattered(0).assign(day=0.5), crs=CRS, seed=1)
