"""Steps are pure, compose, and respond to actions without changing the draws of the rest of the town."""

from datetime import date

import numpy as np
import pytest

from models.simulate import Emitted, TownState, new_town, simulate, step

START = date(2025, 9, 1)


@pytest.fixture(scope="module")
def founded() -> TownState:
    return new_town(3, start=START, staffing_from_day=40)


@pytest.fixture(scope="module")
def lived(founded: TownState) -> tuple[TownState, list[Emitted]]:
    return step(founded, (), 60)


def test_the_same_seed_gives_the_same_bytes() -> None:
    once, again = (simulate(seed=5, days=20, end=START) for _ in range(2))
    assert once.records == again.records
    assert once.areas == again.areas
    assert all(once.truth[name].equals(again.truth[name]) for name in once.truth)


def test_another_seed_gives_another_town() -> None:
    one, other = (simulate(seed=seed, days=20, end=START) for seed in (5, 6))
    assert one.areas != other.areas
    assert not set(one.records["incidents"]) & set(other.records["incidents"])


def test_two_steps_are_one_long_step(founded: TownState, lived: tuple[TownState, list[Emitted]]) -> None:
    half, first = step(founded, (), 30)
    whole, second = step(half, (), 30)
    assert first + second == lived[1]
    assert whole.pending == lived[0].pending
    assert np.array_equal(whole.away.to_s, lived[0].away.to_s)


def test_a_step_leaves_its_state_alone(founded: TownState) -> None:
    assert step(founded, (), 3)[1] == step(founded, (), 3)[1]
    assert founded.day == 0


def test_records_arrive_within_the_step_and_in_order(lived: tuple[TownState, list[Emitted]]) -> None:
    arrivals = [record.arrives_s for record in lived[1]]
    end_s = lived[0].day_at(0).start_s
    assert arrivals == sorted(arrivals)
    assert arrivals[-1] < end_s <= min(record.arrives_s for record in lived[0].pending)


def test_staffing_begins_on_its_day(lived: tuple[TownState, list[Emitted]]) -> None:
    shifts = [record for record in lived[1] if record.topic == "staffing" and record.label == "ordinary"]
    # Twenty days of three shifts in twelve areas; the last night is still on duty.
    assert len(shifts) == 20 * 3 * 12 - 12


def test_an_action_reshuffles_nothing_else(founded: TownState, lived: tuple[TownState, list[Emitted]]) -> None:
    """With a crackdown in an area, every record still made would also have been made without it."""
    area = founded.town.area_ids[founded.sites.markets[0].area]
    crackdown = {"kind": "crackdown_start", "area": area, "at": "2025-09-05T09:00:00Z", "hours": 60.0}
    _, records = step(founded, [crackdown], 60)
    untouched = {record for record in lived[1] if record.topic != "actions"}
    changed = {record for record in records if record.topic != "actions"}
    assert changed < untouched
    assert len(untouched - changed) < 0.1 * len(untouched)


def test_actions_are_told_as_events(founded: TownState) -> None:
    action = {"kind": "announcement", "area": "A01", "at": "2025-09-02T08:00:00+01:00", "actor": "chief"}
    _, records = step(founded, [action], 3)
    told = [record for record in records if record.topic == "actions" and b"announcement" in record.value]
    assert len(told) == 1
    assert b'"at":"2025-09-02T07:00:00Z"' in told[0].value


def test_an_arrest_takes_its_subject_away(founded: TownState) -> None:
    seller = founded.people.of("outside_seller")[0]
    arrest = {"kind": "arrest", "subject": str(founded.people.ids[seller]), "at": "2025-09-02T12:00:00Z"}
    after, records = step(founded, [arrest], 2)
    assert after.away.on(after.day_at(0))[seller]
    assert any(r.topic == "custody" and r.key == founded.people.ids[seller] for r in records)


@pytest.mark.parametrize(
    "action, message",
    [
        ({"kind": "visit", "area": "A01", "at": "2025-11-02T12:00:00Z"}, "within the days"),
        ({"kind": "visit", "area": "A01", "at": "2025-09-02T12:00:00"}, "with a zone"),
        ({"kind": "visit", "area": "A99", "at": "2025-09-02T12:00:00Z"}, "area of visit: 'A99'"),
        ({"kind": "crackdown_start", "at": "2025-09-02T12:00:00Z"}, "area of crackdown_start"),
        ({"kind": "arrest", "subject": "P9", "at": "2025-09-02T12:00:00Z"}, "subject of arrest: not in this town"),
    ],
)
def test_impossible_actions_are_refused(founded: TownState, action: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        step(founded, [action], 3)


def test_impossible_towns_and_steps_are_refused(founded: TownState) -> None:
    with pytest.raises(ValueError, match="seed=-1"):
        new_town(-1, start=START)
    with pytest.raises(ValueError, match="days=0"):
        step(founded, (), 0)


def test_without_markets_the_rest_of_the_town_is_the_same(lived: tuple[TownState, list[Emitted]]) -> None:
    bare = new_town(3, start=START, with_markets=False, staffing_from_day=40)
    state, records = step(bare, (), 60)
    assert state.sites.markets == ()
    assert b'"open_air"' not in b"".join(record.value for record in records)
    kept = set(records) & set(lived[1])
    assert len(kept) > 0.5 * len(records)
