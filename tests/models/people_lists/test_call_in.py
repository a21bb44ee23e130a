"""The call-in against all possible choices, and on literal cases."""

from itertools import combinations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from models.people_lists.call_in import COLUMNS, call_in, choose, evidenced_links

PEOPLE = [f"p{i}" for i in range(8)]


def decided(warned: int = 4, **changes: dict[str, object]) -> pd.DataFrame:
    people = pd.DataFrame(
        {"gate": "passed", "tier": ["warn"] * warned + ["unlisted"] * (8 - warned), "is_withheld": False},
        index=pd.Index(PEOPLE, name="person_id"),
    ).assign(rank=np.arange(1.0, 9.0))
    for person, values in changes.items():
        for name, value in values.items():
            people.loc[person, name] = value
    return people


def offences_held(*incidents: str, **fixed: object) -> pd.DataFrame:
    """Incidents as words: "046" is one over which p0, p4 and p6 are charged."""
    rows = [(f"p{digit}", f"i{word}") for word in incidents for digit in word]
    frame = pd.DataFrame(rows, columns=["person_id", "incident_id"])
    return frame.assign(**{"role": "charged", "factor": 0.6, "is_use": False, "age_days": 5} | fixed)


def test_by_hand() -> None:
    plan = call_in(decided(), offences_held("0456", "14", "27", "3"), size=2, attendance=0.6)
    assert list(plan.columns) == COLUMNS
    assert plan["person_id"].tolist() == ["p0", "p2"]  # p1 reaches as many as p2, but p4 is reached already
    assert plan["linked_count"].tolist() == [3, 1]
    assert plan["added_reach"].round(9).tolist() == [2.4, 1.2]
    assert plan["plan_reach"].round(9).tolist() == [3.6, 3.6]
    assert plan["plan_gap"].round(9).tolist() == [0, 0]
    assert plan["rule_evidence_ids"].tolist() == [["i0456"], ["i27"]]


def test_equals_go_to_whoever_stands_higher() -> None:
    plan = call_in(decided(), offences_held("3", "2", "1", "0"), size=2, attendance=0.6)
    assert plan["person_id"].tolist() == ["p0", "p1"]


def test_only_the_next_level_is_invited_and_only_eligible_adults_are_counted() -> None:
    people = decided(
        p0={"tier": "target"},
        p4={"gate": "safeguarding"},
        p5={"gate": "treatment_information"},
        p6={"is_withheld": True},
        p7={"gate": "unscorable"},
    )
    plan = call_in(people, offences_held("1234567", "04"), size=3, attendance=0.5)
    assert plan["person_id"].tolist() == ["p1", "p2", "p3"]
    assert plan["linked_count"].tolist() == [2, 2, 2]


def test_what_is_no_link() -> None:
    ids = pd.Index(PEOPLE)
    assert len(evidenced_links(offences_held("01"), ids, ids)) == 2
    assert evidenced_links(offences_held("01", is_use=True), ids, ids).empty
    assert evidenced_links(
        offences_held("01", role="suspect", factor=0.0), ids, ids
    ).empty  # suspicion by the police only
    assert evidenced_links(offences_held("01"), ids, ids[1:]).empty


def test_nobody_to_warn() -> None:
    assert call_in(decided(warned=0), offences_held("01"), size=3, attendance=0.6).empty


@settings(max_examples=40, derandomize=True)
@given(
    links=st.lists(st.sets(st.integers(0, 7), min_size=1, max_size=4), max_size=10),
    size=st.integers(1, 5),
    attendance=st.sampled_from([0.3, 0.6, 1.0]),
    seed=st.integers(0, 3),
)
def test_no_choice_reaches_further_and_the_order_of_rows_decides_nothing(
    links: list[set[int]], size: int, attendance: float, seed: int
) -> None:
    people, rows = decided(warned=6), offences_held(*["".join(map(str, sorted(link))) for link in links])
    plan = call_in(people, rows, size=size, attendance=attendance)
    chance = np.zeros((8, 6))
    chance[np.arange(6), np.arange(6)] = attendance
    for link in links:
        for one in link:
            for other in link:
                if one < 6:
                    chance[other, one] = attendance
    best = max(np.minimum(chance[:, list(c)].sum(axis=1), 1).sum() for c in combinations(range(6), min(size, 6)))
    assert abs(plan["plan_reach"].iloc[0] - best) < 1e-5
    assert plan["plan_gap"].iloc[0] < 1e-5
    assert len(plan) == size
    shuffled = call_in(people, rows.sample(frac=1, random_state=seed), size=size, attendance=attendance)
    pd.testing.assert_frame_equal(plan, shuffled)


def test_a_large_plan_is_proven_best() -> None:
    rng = np.random.default_rng(3)
    chance = sparse.csc_array((rng.random((400, 80)) < 0.03) * 0.6)
    chosen, bound = choose(chance, 10)
    assert len(chosen) == 10
    assert np.minimum(chance[:, chosen].sum(axis=1), 1).sum() > 0.999 * bound
