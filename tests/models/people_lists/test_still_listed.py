"""The question whether a run now would still list an entry, beside the runs themselves, over generated towns."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from models.governance.list_lifecycle import LISTS
from models.people_lists.assess import PeopleLists, PreviousPeople
from models.people_lists.still_listed import OTHERWISE, Decided, decide_again, in_words, why_off
from tests.models.people_lists.test_assess import AS_OF, CODEBOOK, CONFIG, Town, town

few = settings(max_examples=8)
SCORELESS = ("warrant_queue", "dealer_ranking", "referral", "safeguarding")  # no list of these has a chance to reach
KEYS = {"warrant_queue": ["warrant_id", "route"], "person_tier": ["person_id", "tier"]}


def ask(here: Town, before: PeopleLists, people: pd.Series, **frames: pd.DataFrame) -> Decided:
    """Ask of some people as `flows.human_log.listed_now` does, with frames about them alone."""
    names = ("events", "persons", "custody", "warrants")
    given_frames = (frames.get(name, getattr(here, name)) for name in names)
    own = [frame[frame["person_id"].isin(people)] for frame in given_frames]
    listed = pd.concat([before.person_tier, before.dealer_ranking])[["person_id", "p_top_k"]]
    chances = listed.drop_duplicates("person_id").set_index("person_id")["p_top_k"]
    previous = PreviousPeople(before.person_tier, before.tier_term, before.seller_term)
    return decide_again(*own, CODEBOOK, chances, previous, as_of=AS_OF, config=CONFIG)


def keys(name: str, rows: pd.DataFrame) -> set[tuple]:
    return set(rows[KEYS.get(name, ["person_id"])].itertuples(index=False, name=None))


@few
@given(seed=st.integers(0, 12))
def test_as_long_as_nothing_changes_every_entry_stands_whoever_else_is_asked_about(seed: int) -> None:
    here, lists = town(seed)
    for name in LISTS:
        entries = getattr(lists, name)
        if len(entries):
            now = ask(here, lists, entries["person_id"])
            assert why_off(name, entries, now).eq("").all(), name
            one = entries.iloc[:1]
            assert why_off(name, one, ask(here, lists, one["person_id"])).eq("").all(), name


@few
@given(seed=st.integers(0, 12), change=st.integers(0, 10_000))
def test_whatever_changes_who_is_off_is_on_no_list_of_a_run_then_and_who_is_on_is(seed: int, change: int) -> None:
    """Births, deaths, treatment, roles, offences, custody and warrants are drawn anew for a third of everybody."""
    here, lists = town(seed)
    rng = np.random.default_rng(change)
    other = Town(change)
    who = rng.random(len(here.persons)) < 0.3
    persons = here.persons.copy()
    drawn = ["birth_date", "birth_year", "deceased_at", "is_treatment_consented", "is_treatment_engaged"]
    for column in drawn:
        persons[column] = persons[column].mask(who, other.persons[column])
    events = here.events.assign(role=here.events["role"].where(rng.random(len(here.events)) > 0.3, "victim"))
    events["offence_code"] = events["offence_code"].where(rng.random(len(events)) > 0.2, "drug_possession")
    custody = other.custody.assign(person_id=rng.choice(here.ids, len(other.custody)))
    warrants = here.warrants.assign(status=rng.choice(["outstanding", "executed"], len(here.warrants)))
    frames = {"persons": persons, "events": events, "custody": custody, "warrants": warrants}
    then = here.assess(previous=lists, **frames)
    for name in LISTS:
        entries = getattr(lists, name)
        if entries.empty:
            continue
        why = why_off(name, entries, ask(here, lists, entries["person_id"], **frames))
        on, off = (keys(name, entries[is_off]) for is_off in (why.eq(""), why.ne("")))
        listed = keys(name, getattr(then, name))
        assert not off & listed, name
        if name in SCORELESS:
            assert on <= listed, name


def test_reasons_are_counts_of_people_and_of_warrants() -> None:
    entries = pd.DataFrame({"person_id": ["a", "a", "b", "c", "d"], "warrant_id": [f"W{i}" for i in range(5)]})
    why = pd.Series(["dead", "dead", "in treatment", "executed or recalled", ""])
    known = "those on it are now known to be: 1 dead, 1 in treatment"
    assert in_words(entries, why) == f"{known}, and 1 warrant on the list was executed or recalled since"
    assert in_words(entries, pd.Series([""] * 5)) == ""
    assert set(OTHERWISE) == set(LISTS)


def test_a_target_whom_a_run_would_only_warn_is_off_and_one_to_warn_whom_it_would_target_is_on() -> None:
    columns = ["gate", "gate_rule", "tier", "tier_rule", "route", "view", "is_withheld"]
    decisions = pd.DataFrame(
        [
            ("passed", "", "warn", "warn_too_few_grave_incidents", "none", "none", False),
            ("passed", "", "target", "target_high_rate_serious", "none", "none", False),
        ],
        index=["a", "b"],
        columns=columns,
    )
    now = Decided(decisions, held=None)  # type: ignore[arg-type]
    entries = pd.DataFrame(
        {"person_id": ["a", "a", "b", "b", "c"], "tier": ["target", "warn", "target", "warn", "warn"]}
    )
    assert why_off("person_tier", entries, now).tolist() == [
        "without two independent grave incidents", "", "", "", "with nothing held against them",
    ]  # fmt: skip
    assert why_off("call_in", entries[["person_id"]], now).tolist() == [
        "", "", "to be charged, not warned", "to be charged, not warned", "with nothing held against them",
    ]  # fmt: skip


def test_a_seller_of_whom_no_harm_is_left_is_off_whatever_chance_the_run_published() -> None:
    here, lists = next(town(seed) for seed in range(5) if len(town(seed)[1].dealer_ranking))
    role = here.events["role"].where(here.events["offence_code"].eq("drug_supply"), "victim")
    events = here.events.assign(role=role, is_minor_used_by_adult=False)
    sellers = lists.dealer_ranking
    now = ask(here, lists, sellers["person_id"], events=events)
    assert set(why_off("dealer_ranking", sellers, now)) == {"without counted harm"}
