"""The two equilibria: a declared order tips what the same sanctions by chance do not; a short surge lasts."""

import numpy as np
import pytest

from tests.models.operations.equilibria import DRAWING, POLICIES, Equilibria, drawing, play


@pytest.fixture(scope="module")
def ends() -> dict[str, dict[str, float]]:
    last = play(Equilibria(), seed=3).groupby("policy").tail(1).set_index("policy")
    return last.to_dict("index")


def test_a_declared_order_tips_what_chance_never_does(ends: dict[str, dict[str, float]]) -> None:
    concentrated, spread, surge = (ends[policy] for policy in POLICIES)
    assert concentrated["hi"] == 0
    assert spread["lo"] > 0.5
    assert surge["hi"] == 0
    assert concentrated["sanctions_used"] < 0.2 * spread["sanctions_used"]
    assert surge["sanctions_used"] < 0.5 * spread["sanctions_used"]


def test_enough_for_the_weakest_point_tips_by_chance_too() -> None:
    ends = play(Equilibria(sanctions=40), seed=3).groupby("policy").tail(1).set_index("policy")
    assert ends.loc["spread", "hi"] == 0


def test_a_surge_too_weak_or_too_short_leaves_nothing() -> None:
    for change in ({"surge_sanctions": 12}, {"surge_periods": 1}):
        ends = play(Equilibria(**change), seed=3).groupby("policy").tail(1).set_index("policy")
        assert ends.loc["spread with a surge", "lo"] > 0.5


def test_same_seed_same_play() -> None:
    model = Equilibria(periods=20)
    assert play(model, seed=1).equals(play(model, seed=1))
    assert not np.array_equal(play(model, seed=1)["violator_share"], play(model, seed=2)["violator_share"])


def test_the_page_of_plans_shows_the_drawing_of_this_simulation() -> None:
    assert DRAWING.read_text(encoding="utf-8") == drawing()
