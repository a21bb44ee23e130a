"""The life of a list: rules one by one, and over generated histories what no history may bring about."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.list_lifecycle import (
    ENFORCEMENT_LISTS,
    LISTS,
    NOTHING_DONE,
    ListAct,
    human_changes,
    list_id_of,
    refusal,
    split_list_id,
    standings,
    who_left,
    withheld,
    without_withheld,
)

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
LIST = list_id_of("person_tier", "abc123")
WHY = "evidence read and found sound"


def act(
    kind: str, actor: str = "A. Reyes", *, list_id: str = LIST, hours: float = 0, reason: str = WHY, **more: object
):  # type: ignore[no-untyped-def]
    return ListAct(kind, actor, list_id, START + timedelta(hours=hours), reason, **more)  # type: ignore[arg-type]


def excepted(person_id: str = "p_1", days: float = 30, **more: object) -> ListAct:
    return act("overridden", person_id=person_id, expires_at=START + timedelta(days=days), **more)  # type: ignore[arg-type]


ACTS = st.lists(
    st.builds(
        ListAct,
        st.sampled_from(["opened", "approved", "revoked", "overridden"]),
        st.sampled_from(["A. Reyes", "a.  reyes", "B. Lee", "harmspot", " "]),
        st.sampled_from([list_id_of(name, "abc123") for name in LISTS]),
        st.integers(0, 50).map(lambda hours: START + timedelta(hours=hours)),
        st.sampled_from(["", "fine", "fine fine", WHY]),
        st.sampled_from([None, "p_1", "p_2"]),
        st.one_of(st.none(), st.integers(-5, 200).map(lambda days: START + timedelta(days=days))),
    ),
    max_size=25,
)


def test_a_list_is_active_once_somebody_who_opened_it_approved_it() -> None:
    later = START + timedelta(days=90)
    one = standings([act("opened"), act("approved")])[LIST]
    assert one.status(later, START) == "active"
    assert one.status(later, later) == "expired"
    assert NOTHING_DONE.status(later, START) == "draft"
    assert standings([act("opened"), act("approved"), act("revoked")])[LIST].status(later, START) == "revoked"


@pytest.mark.parametrize(
    ("before", "asked", "said"),
    [
        ([], act("approved"), "opened the list"),
        ([act("opened", "B. Lee")], act("approved"), "opened the list"),
        ([act("opened")], act("approved", reason="fine"), "one word"),
        ([act("opened")], act("approved", reason="fine Fine"), "one word"),
        ([act("opened")], act("approved", " "), "nobody"),
        ([act("opened", "harmspot")], act("approved", "harmspot run"), "named person"),
        ([act("opened"), act("approved")], act("approved"), "before"),
        ([act("opened"), act("revoked")], act("approved"), "revoked"),
        ([], excepted(), "opened the list"),
        ([act("opened")], excepted(days=0), "expires"),
        ([act("opened")], excepted(days=91), "expires"),
        ([act("opened")], act("overridden", person_id="p_1"), "expires"),
        ([act("opened")], act("overridden", expires_at=START + timedelta(days=3)), "one person"),
        ([act("opened", list_id="safeguarding-abc")], excepted(list_id="safeguarding-abc"), "only lower enforcement"),
    ],
)
def test_what_may_not_be_done(before: list[ListAct], asked: ListAct, said: str) -> None:
    standing = standings(before).get(asked.list_id, NOTHING_DONE)
    assert said in str(refusal(standing, asked))
    assert standings([*before, asked]).get(asked.list_id, NOTHING_DONE) == standing


def test_names_are_one_whatever_their_capitals_and_spaces() -> None:
    assert standings([act("opened", "a.  REYES"), act("approved", "A. Reyes")])[LIST].approved


@settings(deadline=None)
@given(ACTS)
def test_human_gate_holds_in_every_history(acts: list[ListAct]) -> None:
    """Whoever approved is named, is not the machine, and opened the same list before."""
    for list_id, standing in standings(acts).items():
        if standing.approved:
            place = acts.index(standing.approved)
            names = [
                " ".join(a.actor.lower().split()) for a in acts[:place] if a.kind == "opened" and a.list_id == list_id
            ]
            approver = " ".join(standing.approved.actor.lower().split())
            assert approver in names
            assert approver not in ("", "harmspot")


@settings(deadline=None)
@given(ACTS, st.integers(0, 100))
def test_exceptions_only_take_off_and_always_end(acts: list[ListAct], days: int) -> None:
    now = START + timedelta(days=days)
    rows = pd.DataFrame({"person_id": ["p_1", "p_2", "p_3"], "rank": [1, 2, 3]})
    for name in LISTS:
        left = without_withheld(rows, name, withheld(acts, now))
        assert rows.merge(left).equals(left)  # nobody added, nobody changed, the order kept
        assert "p_3" in set(left["person_id"])
        if name not in ENFORCEMENT_LISTS:
            assert len(left) == 3
    assert not withheld(acts, START + timedelta(days=200))


@settings(deadline=None)
@given(ACTS)
def test_forbidden_acts_leave_no_trace(acts: list[ListAct]) -> None:
    allowed = [
        a for place, a in enumerate(acts) if refusal(standings(acts[:place]).get(a.list_id, NOTHING_DONE), a) is None
    ]
    assert standings(allowed) == standings(acts)


def test_an_exception_holds_in_later_runs_until_it_expires() -> None:
    acts = [act("opened"), excepted(days=30)]
    assert withheld(acts, START) == {("person_tier", "p_1")}
    assert withheld(acts, START + timedelta(days=29)) == {("person_tier", "p_1")}
    assert withheld(acts, START + timedelta(days=30)) == set()


def test_who_left_counts_people() -> None:
    assert who_left(pd.DataFrame({"person_id": ["a", "b", "b"]}), pd.DataFrame({"person_id": ["a", "c"]})) == 1


def decided(count: int, exceptions: int) -> pd.DataFrame:
    acts = [act("opened"), *[excepted(f"p_{n}") for n in range(exceptions)], act("approved")]
    return human_changes(standings(acts), {LIST: count})


@pytest.mark.parametrize(
    ("entries", "exceptions", "is_alarm"), [(50, 0, True), (49, 0, False), (100, 1, True), (100, 2, False)]
)
def test_an_alarm_says_that_nobody_changes_anything(entries: int, exceptions: int, is_alarm: bool) -> None:
    [row] = decided(entries, exceptions).to_dict("records")
    assert row["is_alarm"] is is_alarm
    assert row["changed_share"] == exceptions / entries


def test_a_list_that_a_person_revoked_was_changed_whole_and_one_that_the_machine_did_not() -> None:
    for actor, changed in (("B. Lee", 80), ("harmspot", 0)):
        found = human_changes(standings([act("opened"), act("approved"), act("revoked", actor)]), {LIST: 80})
        assert found["changed_entries"].tolist() == [changed]


def test_nothing_decided_is_no_alarm() -> None:
    assert human_changes(standings([act("opened")]), {LIST: 80}).empty


@pytest.mark.parametrize("list_id", ["", "person_tier", "person_tier-", "heat_list-abc"])
def test_ids_that_are_none_are_refused(list_id: str) -> None:
    with pytest.raises(ValueError, match="is no list"):
        split_list_id(list_id)
