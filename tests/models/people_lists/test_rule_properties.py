"""Every rule of the design for people, over randomly drawn facts."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from models.people_lists import rules

MARGINS = {"target_probability": 0.8, "warn_probability": 0.5, "leave_margin": 0.1}
RARE = ("is_deceased", "is_under_18", "is_age_unknown", "is_away", "is_term_over", "is_sale_term_over")
EVEN = (
    "has_use", "is_child_concern", "is_treatment_consented", "is_treatment_engaged", "sells_outside_market",
)  # fmt: skip
COMMON = ("has_offence", "has_harm", "has_exposure", "is_above_average")
LEVEL = {"none": 0, "unlisted": 0, "warn": 1, "target": 2}
draws = settings(max_examples=15, derandomize=True)
SEEDS = st.integers(0, 10**6)


def facts(seed: int, n: int = 400, **fixed: object) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    shares = dict.fromkeys(RARE, 0.1) | dict.fromkeys(EVEN, 0.5) | dict.fromkeys(COMMON, 0.85)
    frame = pd.DataFrame({name: rng.random(n) < share for name, share in shares.items()})
    is_scored = frame["has_harm"] & frame["has_exposure"]
    chance = rng.choice([0.39, 0.4, 0.45, 0.5, 0.69, 0.7, 0.79, 0.8, 1.0], n)
    return frame.assign(
        high_event_count=rng.integers(0, 4, n),
        p_top_k=np.where(is_scored, chance, np.nan),
        tier_before=pd.Series(rng.choice(["target", "warn", ""], n)).replace("", None),
        **fixed,
    )


def decide(frame: pd.DataFrame) -> pd.DataFrame:
    return rules.decide(frame, **MARGINS)


def is_nowhere(decided: pd.DataFrame) -> pd.Series:
    """Return True where a person has no tier, no view and no route."""
    return decided["tier"].isin(["none", "unlisted"]) & decided["view"].eq("none") & decided["route"].eq("none")


@draws
@given(seed=SEEDS)
def test_gates_end_the_matter(seed: int) -> None:
    frame = facts(seed)
    decided = decide(frame)
    is_victim_only = ~(frame["has_offence"] | frame["has_use"] | frame["is_child_concern"])
    barred = frame["is_deceased"] | is_victim_only | frame["is_under_18"] | frame["is_age_unknown"]
    barred |= ~frame["has_offence"]
    assert barred.sum() > 50
    assert is_nowhere(decided[barred]).all()
    assert decided["gate"].eq("passed").equals(~barred)
    assert decided.loc[barred, "tier"].eq("none").all()


@draws
@given(seed=SEEDS)
def test_each_gate_says_which(seed: int) -> None:
    frame = facts(seed, is_deceased=False)
    gate = decide(frame)["gate"]
    has_something = frame["has_offence"] | frame["has_use"] | frame["is_child_concern"]
    may_be_child = frame["is_under_18"] | frame["is_age_unknown"]
    assert (gate.eq("unscorable") == ~has_something).all()
    assert (gate.eq("safeguarding") == (has_something & may_be_child)).all()
    is_user_only = has_something & ~may_be_child & ~frame["has_offence"]
    assert (gate.eq("treatment_information") == is_user_only).all()


@draws
@given(seed=SEEDS)
def test_treatment_is_offered_without_a_grave_incident_and_withholds_while_it_lasts(seed: int) -> None:
    frame = facts(seed)
    decided = decide(frame)
    is_offered = frame["is_treatment_consented"] & frame["high_event_count"].eq(0) & decided["gate"].eq("passed")
    assert (decided["route"].eq("diversion") == is_offered).all()
    is_in_it = is_offered & frame["is_treatment_engaged"]
    assert decided.loc[is_in_it, "tier"].eq("unlisted").all()
    assert decided.loc[is_in_it, "view"].eq("none").all()
    assert decided["is_withheld"].equals(is_in_it)
    assert not (rules.may_be_reached(decided) & is_in_it).any()


@draws
@given(seed=SEEDS, consented=st.booleans(), engaged=st.booleans())
def test_treatment_can_only_lower_a_tier(seed: int, consented: bool, engaged: bool) -> None:
    plain = decide(facts(seed, is_treatment_consented=consented, is_treatment_engaged=engaged))
    known = decide(facts(seed, is_treatment_consented=True, is_treatment_engaged=True))
    assert (known["tier"].map(LEVEL) <= plain["tier"].map(LEVEL)).all()
    assert (known["view"].eq("dealer_ranking") <= plain["view"].eq("dealer_ranking")).all()


@draws
@given(seed=SEEDS)
def test_tiers_are_what_they_say(seed: int) -> None:
    frame = facts(seed)
    tier = decide(frame)["tier"]
    was_target, was_listed = frame["tier_before"].eq("target"), frame["tier_before"].notna()
    is_targeted, is_warned = tier.eq("target"), tier.eq("warn")
    at_top = frame["p_top_k"].ge(0.8) | (was_target & frame["p_top_k"].ge(0.7))
    is_likely = frame["p_top_k"].ge(0.5) | (was_listed & frame["p_top_k"].ge(0.4))
    may_be = (
        decide(frame)["gate"].eq("passed") & frame["has_harm"] & frame["has_exposure"] & frame["is_above_average"]
        & ~frame["is_away"] & ~frame["is_term_over"]
        & ~(frame["is_treatment_consented"] & frame["is_treatment_engaged"] & frame["high_event_count"].eq(0))
    )  # fmt: skip
    assert is_targeted.sum() > 5
    assert (is_targeted == (may_be & at_top & frame["high_event_count"].ge(2))).all()
    assert (is_warned == (may_be & is_likely & ~is_targeted)).all()


@draws
@given(seed=SEEDS)
def test_a_greater_chance_never_lowers_a_tier(seed: int) -> None:
    frame = facts(seed)
    higher = frame.assign(p_top_k=frame["p_top_k"] + 0.1)
    assert (decide(frame)["tier"].map(LEVEL) <= decide(higher)["tier"].map(LEVEL)).all()


@draws
@given(seed=SEEDS)
def test_sellers_are_shown_by_selling_outside_markets_alone_and_it_moves_no_tier(seed: int) -> None:
    frame = facts(seed)
    decided, none = decide(frame), decide(frame.assign(sells_outside_market=False))
    pd.testing.assert_frame_equal(decided.drop(columns=["view", "view_rule"]), none.drop(columns=["view", "view_rule"]))
    assert none["view"].eq("none").all()
    in_treatment = frame["is_treatment_consented"] & frame["is_treatment_engaged"] & frame["high_event_count"].eq(0)
    is_shown = (
        decided["gate"].eq("passed") & frame["sells_outside_market"] & frame["p_top_k"].notna() & ~in_treatment
        & ~frame["is_away"] & ~frame["is_sale_term_over"]
    )  # fmt: skip
    assert (decided["view"].eq("dealer_ranking") == is_shown).all()
    assert (decided["view_rule"].eq("seller_outside_flagrant_market") == is_shown).all()


@draws
@given(seed=SEEDS)
def test_only_the_next_level_is_invited_and_nobody_behind_a_gate_is_reached(seed: int) -> None:
    frame = facts(seed)
    decided = decide(frame)
    assert rules.INVITED.holds(decided).equals(decided["tier"].eq("warn"))
    assert rules.may_be_reached(decided).equals(decided["gate"].eq("passed") & ~decided["is_withheld"])
    assert (rules.INVITED.holds(decided) <= rules.may_be_reached(decided)).all()


@draws
@given(seed=SEEDS)
def test_everybody_has_the_first_rule_that_holds_and_who_else_stands_by_decides_nothing(seed: int) -> None:
    frame = facts(seed)
    decided = decide(frame)
    pd.testing.assert_frame_equal(decide(frame.iloc[::-1]).sort_index(), decided)
    pd.testing.assert_frame_equal(decide(frame.iloc[:7]), decided.iloc[:7])
    names = decided["gate_rule"].where(decided["gate"].ne("passed"), decided["tier_rule"])
    assert names.isin(rules.RULES).all()
    for name in set(names):
        *before, (last, is_held) = rules.path(name)
        assert (last.name, is_held) == (name, True)
        assert not any(was_held for _, was_held in before)
    assert [rule.name for rule, _ in rules.path("warn_next_level")] == [
        "deceased", "nothing_held_against", "under_18", "age_unknown", "possession_only", "no_harm",
        "insufficient_exposure", "engaged_in_treatment", "away", "term_over", "target_high_rate_serious",
        "warn_too_few_grave_incidents", "warn_next_level",
    ]  # fmt: skip
    asked = [rule.name for rule, _ in rules.path("seller_outside_flagrant_market")]
    assert asked == [*(rule.name for rule in rules.GATES), "seller_outside_flagrant_market"]


def test_what_kind_of_evidence_decides_each_rule() -> None:
    assert {rule.name: rule.grounds for rule in rules.RULES.values() if rule.grounds} == {
        "under_18": "child",
        "age_unknown": "held",
        "possession_only": "held",
        "diversion": "held",
        "target_high_rate_serious": "grave",
        "warn_too_few_grave_incidents": "counted",
        "warn_next_level": "counted",
        "seller_outside_flagrant_market": "sales",
        "no_offence": "warrant",
        "summons_possession_only": "warrant",
        "bench_warrant_first": "warrant",
        "arrest_warrant_after": "warrant",
        "invited_next_level": "links",
    }
