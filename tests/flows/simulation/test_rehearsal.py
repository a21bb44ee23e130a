"""The town under the plan: a market passes through every phase and tips; with hours spread evenly, none tips."""

from datetime import date

import pytest

from flows.simulation.rehearsal import Rehearsal, rehearse

START, DAYS = date(2025, 10, 1), 63


@pytest.fixture(scope="module")
def concentrated(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    return rehearse(tmp_path_factory.mktemp("c"), seed=7, start=START, days=DAYS, policy="concentrate")


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    return rehearse(tmp_path_factory.mktemp("s"), seed=7, start=START, days=DAYS, policy="spread")


def test_a_market_goes_through_every_phase_and_tips(concentrated: Rehearsal) -> None:
    first = concentrated.looks["area_id"].iloc[0]
    of_first = concentrated.looks[concentrated.looks["area_id"] == first]
    assert of_first["next_step"].drop_duplicates().tolist() == [
        "register", "announce", "wait", "go_on", "move", "hold_it",
    ]  # fmt: skip
    assert of_first["dealing_share"].tolist()[0] == 1
    assert of_first["dealing_share"].tolist()[-1] == 0
    assert concentrated.plans[0].set_index("area_id").loc[first, "refused_because"] == []


def test_the_next_one_is_prepared_when_the_first_is_moved_on_from(concentrated: Rehearsal) -> None:
    last = concentrated.looks[concentrated.looks["day"] == DAYS]
    assert sorted(last["phase"]) == ["announce", "hold", "maintain"]


def test_the_promises_are_told_and_were_kept(concentrated: Rehearsal) -> None:
    settled = concentrated.promises.promises
    assert settled.set_index("promise_kind")["status"].to_dict() == {
        "start": "kept", "hours": "kept", "response": "kept",
    }  # fmt: skip
    assert settled["notice_id"].str.startswith("n_").all()  # of a notice that two people let go out
    assert concentrated.promises.certainty >= 0.9
    assert concentrated.promises.swiftness_h <= 72


def test_more_hours_spread_evenly_tip_none(concentrated: Rehearsal, spread: Rehearsal) -> None:
    assert spread.hours_spent >= concentrated.hours_spent
    assert set(spread.least_share.values()) == {1.0}
    assert set(spread.looks["phase"]) <= {"announce", "hold", "concentrate"}
    assert min(concentrated.least_share.values()) == 0
