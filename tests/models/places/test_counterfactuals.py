"""What would move an area out of the list: sentences by hand, for areas listed by score, by chance, or from before."""

import numpy as np
import pandas as pd
import pytest

from models.places.axes import AXES
from models.places.counterfactuals import moves_out_if

WEIGHTS = [0.4, 0.2, 0.2, 0.2]


def said(
    shares: dict[str, list[float]], rates: dict[str, list[float]], p_top_k: tuple[float, ...] = (0.9, 0.1, 0.0),
    listed: tuple[int, ...] = (0,), top_k: int = 1,
) -> list[str | None]:  # fmt: skip
    """Sentences of three areas in rank order; axes that are not named are zero everywhere."""
    table = pd.DataFrame({"rank": [1, 2, 3], "p_top_k": p_top_k, "is_listed": [area in listed for area in range(3)]})
    for name, axis in AXES.items():
        table[axis.rate] = rates.get(name, [0.0] * 3)
    parts = {name: np.array(shares.get(name, [0.0] * 3)) for name in AXES}
    return moves_out_if(table, parts, WEIGHTS, top_k=top_k, list_enter=0.6)


def test_an_area_that_its_chance_lists_is_not_told_of_a_fall_of_its_score() -> None:
    found = said({"violence": [0.3, 0.4, 0.3]}, {"violence": [30.0, 40.0, 30.0]})
    assert found == ["It is on the list because of its chance of being among the 1 worst: on average over the days "
                     "ahead it is no worse than the area ranked 2.", None, None]  # fmt: skip


def test_below_the_list_only_one_listed_before_stays_for_that() -> None:
    shares, rates = {"violence": [0.4, 0.35, 0.25]}, {"violence": [40.0, 35.0, 25.0]}
    stays = said(shares, rates, p_top_k=(0.9, 0.5, 0.1), listed=(0, 1))[1]
    assert (stays or "").startswith("It is still on the list because it was on it before")
    enters = said(shares, rates, p_top_k=(0.7, 0.65, 0.1), listed=(0, 1))[1]
    assert enters == "It is on the list because of its chance of being among the 1 worst, 65%, although its rank is 2."


def test_without_hours_of_its_own_no_list_of_falls_is_empty() -> None:
    shares, rates = {"ratio": [1 / 3, 0.2, 7 / 15]}, {"ratio": [np.nan, 1.0, 2.0]}
    assert (said(shares, rates)[0] or "").startswith(
        "No fall of its own crime would take it off the list: it has no officer hours"
    )


def test_an_area_ranked_by_its_rate_per_size_falls_to_the_share_of_the_other() -> None:
    """A small area has less in total than the one at place K + 1, and more per resident."""
    shares = {"violence": [0.5, 0.1, 0.4], "disorder": [0.5, 0.1, 0.4]}
    found = said(shares, {"violence": [5.0, 50.0, 9.0], "disorder": [1.0, 10.0, 2.0]})[0] or ""
    assert (
        "fell by" in found or "violence fell by about four fifths, disorder by about four fifths, all together" in found
    )


@pytest.mark.parametrize("seed", range(200))
def test_every_listed_area_has_a_whole_sentence(seed: int) -> None:
    random = np.random.default_rng(seed)
    shares = {name: random.dirichlet([0.5] * 3).tolist() for name in AXES}
    rates = {name: (100 * random.random(3)).tolist() for name in AXES}
    rates["ratio"][0] = [np.nan, 1.0][seed % 2]
    found = said(shares, rates)[0] or ""
    assert found.endswith(".")
    assert not found.endswith((": .", "nan."))
    if found.startswith("No fall of one measure"):
        assert " by " in found.split("worst if ")[1]


def test_a_fall_is_told_as_a_rough_part_and_not_in_points() -> None:
    """It was "If violence fell by 20 harm-days a day (from 100 now to 80), other areas unchanged, …"."""
    found = said({"violence": [0.5, 0.4, 0.1]}, {"violence": [100.0, 80.0, 20.0]})[0]
    assert found == "It would leave the 1 worst if violence fell by about a fifth and nothing else changed."
