"""Ranks under other choices: planted towns in which one choice decides."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.area_review.sensitivity import Sensitivity, for_review, rank_variants
from models.area_review.sizes import sized_hours
from models.places.ranking import PlacesConfig, rank_areas
from tests.models.places.test_ranking import CODEBOOK, NO_EVIDENCE, config, events, hours

CONFIG = config(top_k=2, draws=500)
ELSE = {"b": 1200, "c": 1100, "d": 1000, "e": 900, "f": 800}  # robberies in areas of one square kilometre


def town(cut: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Events, officer hours and sizes; the worst area, with 1,600 robberies, cut into equal parts."""
    robberies = {**{f"a{i}": 1600 // cut for i in range(cut)}, **ELSE}
    sizes = pd.Series({area: 1 / cut if area[0] == "a" else 1.0 for area in robberies})
    area_events = events(*((area, "robbery", count) for area, count in robberies.items()))
    of_area = pd.DataFrame({"area_id": sizes.index, "residents": np.nan, "street_km": np.nan})
    return area_events, hours(**(10 * sizes).to_dict()), of_area.assign(area_km2=sizes.to_numpy())


def ranked(cut: int, per: str) -> pd.DataFrame:
    area_events, staffing, sizes = town(cut)
    settings = replace(CONFIG, per=per, top_k=cut)
    table = rank_areas(area_events, NO_EVIDENCE, CODEBOOK, sized_hours(staffing, sizes, per), config=settings, seed=7)
    return table.set_index("area_id")


def varied(*frames: pd.DataFrame, codebook: pd.DataFrame = CODEBOOK, settings: PlacesConfig = CONFIG) -> Sensitivity:
    area_events, staffing, sizes = frames
    ranking = rank_areas(area_events, NO_EVIDENCE, codebook, staffing, config=settings, seed=7)
    return rank_variants(ranking, area_events, codebook, staffing, sizes, config=settings, seed=7)


def sizes_of(**residents: float) -> pd.DataFrame:
    columns = {"area_id": list(residents), "residents": list(residents.values())}
    return pd.DataFrame(columns).assign(street_km=np.nan, area_km2=1.0)


def ranks(result: Sensitivity, variant: str) -> dict[str, int]:
    of_variant = result.areas[result.areas["variant"] == variant]
    return of_variant.set_index("area_id")["rank"].to_dict()


@pytest.mark.parametrize("cut", [2, 4])
def test_the_worst_area_cut_into_equal_parts_stays_where_it_was_by_ground(cut: int) -> None:
    parts = [f"a{i}" for i in range(cut)]
    assert ranked(1, "area_km2").loc["a0", ["rank", "is_listed"]].tolist() == [1, True]
    by_ground = ranked(cut, "area_km2").loc[parts]
    assert sorted(by_ground["rank"]) == list(range(1, cut + 1))
    assert by_ground["is_listed"].all()
    by_total = ranked(cut, "total").loc[parts]
    assert (by_total["rank"] > cut).all()
    assert not by_total["is_listed"].any()


def test_the_table_says_that_a_rank_hangs_on_where_the_boundary_was_drawn() -> None:
    cut = varied(*town(2))
    moved = cut.areas[(cut.areas["variant"] == "per_area_km2") & cut.areas["area_id"].isin(["a0", "a1"])]
    assert (moved["rank_change"] > 0).all()
    said = cut.summary.set_index("variant").loc["per_area_km2"]
    assert sorted(said["into_top_k"]) == ["a0", "a1"]
    assert said["out_of_top_k"] == ["b", "c"]
    assert said["top_k_kept"] == 0
    assert said["rank_correlation"] < 0.8
    whole = varied(*town(1)).summary.set_index("variant").loc["per_area_km2"]
    assert (whole["rank_correlation"], whole["largest_rank_change"]) == (1.0, 0)


def test_small_areas_are_drawn_to_the_mean_rate_per_resident() -> None:
    """Two areas with 40 robberies per 1,000 residents: the one with 25 residents has one robbery, which says little."""
    area_events = events(("big", "robbery", 400), ("small", "robbery", 1), ("c", "robbery", 100), ("d", "robbery", 90))
    sizes = sizes_of(big=10_000, small=25, c=10_000, d=10_000)
    staffing = sized_hours(hours(big=1.0, small=1.0, c=1.0, d=1.0), sizes, "residents")
    settings = config(top_k=1, per="residents")
    table = rank_areas(area_events, NO_EVIDENCE, CODEBOOK, staffing, config=settings, seed=7).set_index("area_id")
    per_resident = table["violence_per_day"] / sizes.set_index("area_id")["residents"]
    assert table.loc["big", "rank"] == 1
    assert per_resident["small"] < 0.8 * per_resident["big"]


def test_an_area_without_residents_ranks_last_whatever_happens_there() -> None:
    area_events = events(("a", "robbery", 5), ("b", "robbery", 4), ("park", "robbery", 500))
    staffing = sized_hours(hours(a=1.0, b=1.0, park=1.0), sizes_of(a=100, b=100, park=0), "residents")
    settings = config(top_k=1, per="residents")
    table = rank_areas(area_events, NO_EVIDENCE, CODEBOOK, staffing, config=settings, seed=7).set_index("area_id")
    assert table.loc["park", ["rank", "p_top_k", "is_listed"]].tolist() == [3, 0.0, False]
    assert table.loc["park", "harm_per_day"] > table.loc["a", "harm_per_day"]
    result = varied(area_events, hours(a=1.0, b=1.0, park=1.0), sizes_of(a=100, b=100, park=0))
    assert ranks(result, "per_residents")["park"] == 3


def test_half_lives_weights_and_severity_scores_move_what_hangs_on_them() -> None:
    old = events(("old", "robbery", 60)).assign(age_days=300)
    area_events = pd.concat([old, events(("new", "robbery", 45), ("mess", "antisocial_behaviour", 500))])
    more = events(*((area, "theft", 5) for area in ("old", "new", "mess", "x", "y")))
    frames = (
        pd.concat([area_events, more]),
        hours(old=9.0, new=9.0, mess=9.0, x=9.0, y=9.0),
        sizes_of(old=1, new=1, mess=1, x=1, y=1),
    )
    scored = CODEBOOK.assign(severity_score=CODEBOOK["harm_days"], severity_band=CODEBOOK["band"])
    scored.loc["theft", ["severity_score", "severity_band"]] = [2.0, "low"]
    scored.loc["robbery", ["severity_score", "severity_band"]] = [1.0, "low"]
    settings = replace(CONFIG, top_k=1)
    result = varied(*frames, codebook=scored, settings=settings)
    assert ranks(result, "half_life_halved")["new"] < ranks(result, "half_life_halved")["old"]
    assert ranks(result, "disorder_doubled")["mess"] <= ranks(result, "violence_doubled")["mess"]
    assert set(result.summary["variant"]) == {
        *("published", "half_life_halved", "half_life_doubled", "severity_scores", "weights_equal", "per_residents"),
        *("per_area_km2", "violence_doubled", "disorder_doubled", "ratio_doubled"),
    }
    assert len(result.areas) == 5 * (len(result.summary) - 1)


def test_the_order_of_rows_changes_no_bit() -> None:
    area_events, staffing, sizes = town(2)
    straight, other = varied(area_events, staffing, sizes), varied(area_events[::-1], staffing[::-1], sizes[::-1])
    pd.testing.assert_frame_equal(straight.areas, other.areas, check_exact=True)
    pd.testing.assert_frame_equal(straight.summary, other.summary, check_exact=True)


def test_the_row_of_the_ranking_itself_is_what_is_published() -> None:
    close = events(*zip("abcdef", ["robbery"] * 6, [130, 125, 120, 115, 20, 5], strict=True))
    staffing, settings = hours(**dict.fromkeys("abcdef", 10.0)), config(top_k=2, draws=1999, list_enter=0.5)
    table = rank_areas(close, NO_EVIDENCE, CODEBOOK, staffing, config=settings, seed=3)
    result = rank_variants(
        table, close, CODEBOOK, staffing, sizes_of(**dict.fromkeys("abcdef", 1)), config=settings, seed=3
    )
    row = result.summary.iloc[0]
    assert (row["variant"], row["rank_correlation"], row["largest_rank_change"]) == ("published", 1.0, 0)
    assert (row["listed_count"], row["largest_p_top_k"]) == (table["is_listed"].sum(), table["p_top_k"].max())
    assert row["largest_p_top_k"] * 500 % 1  # of more draws than the variants have


def test_a_review_takes_few_draws() -> None:
    assert [for_review(config(draws=draws)).draws for draws in (2000, 200)] == [500, 200]
