"""A town with side effects carries what consequences are measured by, plants them, and changes no other draw."""

import json
from collections import Counter
from datetime import date, timedelta
from statistics import median
from typing import Any

import pytest

from models.simulate import SideEffects, SimulatedTown, new_town, simulate, step
from models.simulate.world.vocabulary import SUBSTANCES
from pipeline.events.schema import decode_event

END, DAYS, FROM = date(2025, 9, 1), 90, 45


@pytest.fixture(scope="module")
def plain() -> SimulatedTown:
    return simulate(seed=5, days=DAYS, end=END)


@pytest.fixture(scope="module")
def planted() -> SimulatedTown:
    return simulate(seed=5, days=DAYS, end=END, side_effects=SideEffects(from_day=FROM))


def data_of(town: SimulatedTown, topic: str) -> list[dict[str, Any]]:
    """The events that decode, with the side of the planted day that they lie on, each entity once."""
    found: dict[str, dict[str, Any]] = {}
    for key, value in town.records[topic]:
        try:
            decode_event(value)
        except ValueError:
            continue
        data = json.loads(value)["data"]
        at = str(data.get("occurred_at") or data["at"])
        found.setdefault(key, data | {"is_since": at >= f"{END - timedelta(days=DAYS - FROM)}"})
    return list(found.values())


def summed(town: SimulatedTown, kind: str) -> tuple[int, int]:
    sides: Counter[bool] = Counter()
    for data in data_of(town, "actions"):
        if data["kind"] == kind:
            sides[data["is_since"]] += data.get("count", 1)
    return sides[False], sides[True]


def test_without_side_effects_nothing_of_the_new_schema_is_sent(plain: SimulatedTown) -> None:
    sent = b"".join(value for records in plain.records.values() for _, value in records)
    for word in (b"price_per_gram", b"purity", b"naloxone", b"fatal", b"fentanyl", b"needle", b"complaint", b"count"):
        assert word not in sent


def test_no_other_incident_changes(plain: SimulatedTown, planted: SimulatedTown) -> None:
    before, after = (dict(town.records["incidents"]).keys() for town in (plain, planted))
    assert before <= after
    for topic in ("persons", "custody", "warrants", "staffing"):
        assert planted.records[topic] == plain.records[topic]


def test_from_the_day_on_each_effect_is_planted(planted: SimulatedTown) -> None:
    outreach = [d for d in data_of(planted, "actions") if d["kind"] == "outreach"]
    for kind in ("referral_started", "referral_retained", "naloxone_given", "needle_exchange"):
        before, since = summed(planted, kind)
        assert since < 0.75 * before, kind
    before, since = (sum(d["hours"] for d in outreach if d["is_since"] is side) for side in (False, True))
    assert since < 0.7 * before
    before, since = summed(planted, "complaint")
    assert since > 1.5 * before
    waits = [d for d in data_of(planted, "actions") if d["kind"] == "treatment_wait"]
    assert median(d["days"] for d in waits if d["is_since"]) > median(d["days"] for d in waits if not d["is_since"])
    incidents = data_of(planted, "incidents")
    named = [(d["drugs"]["substance"], d["is_since"]) for d in incidents if "drugs" in d]
    assert ("fentanyl", False) not in named
    assert named.count(("fentanyl", True)) > 5
    tested = [(d["drugs"]["purity"], d["is_since"]) for d in incidents if "purity" in d.get("drugs", {})]
    assert median(p for p, is_since in tested if is_since) < median(p for p, is_since in tested if not is_since)
    sold = [d for d in incidents if d["offence_code"] == "drug_supply" and d.get("involvements")]
    sellers = {
        side: {d["involvements"][0]["person_id"] for d in sold if d["is_since"] is side} for side in (False, True)
    }
    assert len(sellers[True] - sellers[False]) > 2 * len(sellers[False])
    overdoses = Counter(d["is_since"] for d in incidents if d["offence_code"] == "overdose")
    assert overdoses[True] > 1.8 * overdoses[False]


def test_before_the_day_the_town_is_that_without_planted_effects(planted: SimulatedTown) -> None:
    usual = simulate(seed=5, days=DAYS, end=END, side_effects=SideEffects())
    early = {d["incident_id"]: d for d in data_of(usual, "incidents") if not d["is_since"]}
    assert early == {d["incident_id"]: d for d in data_of(planted, "incidents") if not d["is_since"]}
    assert all("fentanyl" not in str(d) for d in data_of(usual, "incidents"))


def test_two_steps_are_one_long_step() -> None:
    founded = new_town(3, start=date(2025, 6, 1), side_effects=SideEffects(from_day=5))
    half, first = step(founded, (), 6)
    _, second = step(half, (), 4)
    assert first + second == step(founded, (), 10)[1]


def test_new_substances_come_last() -> None:
    """The draw of a substance is one of the first four."""
    assert SUBSTANCES[:4] == ("heroin", "crack", "cocaine", "cannabis")
