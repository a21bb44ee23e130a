"""Sizes of areas, and harm per size."""

import numpy as np
import pandas as pd
import pytest

from models.area_review.sizes import sized_hours, with_sizes, without_size

SIZES = pd.DataFrame(
    {"area_id": ["a", "b", "c"], "residents": [500, 0, np.nan], "street_km": np.nan, "area_km2": [2.0, 1.0, 0.5]}
)


def test_harm_per_size_is_that_of_a_year_and_missing_without_a_size() -> None:
    ranking = pd.DataFrame({"area_id": ["c", "a", "b"], "harm_per_day": [1.0, 2.0, 3.0]}, index=[7, 8, 9])
    table = with_sizes(ranking, SIZES).set_index("area_id")
    assert table["harm_per_km2"].to_dict() == pytest.approx({"c": 730, "a": 365, "b": 1095})
    assert table.loc["a", "harm_per_1000_residents"] == pytest.approx(2 * 365 / 0.5)
    assert table.loc[["b", "c"], "harm_per_1000_residents"].isna().all()
    assert table["harm_per_street_km"].isna().all()
    assert table["residents"].to_dict() == pytest.approx({"c": np.nan, "a": 500, "b": 0}, nan_ok=True)


def test_only_areas_with_a_size_above_zero_are_ranked_by_it() -> None:
    hours = pd.DataFrame({"area_id": ["c", "a", "b"], "hours_per_day": 1.0})
    assert "size" not in sized_hours(hours, SIZES, "total")
    assert sized_hours(hours, SIZES, "area_km2")["size"].tolist() == [0.5, 2.0, 1.0]
    assert without_size(SIZES, "residents") == ["b", "c"]
    assert without_size(SIZES, "total") == without_size(SIZES, "area_km2") == []
