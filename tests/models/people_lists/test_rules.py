"""The rules one by one; test_assess.py tests them over whole towns."""

import numpy as np
import pandas as pd
import pytest

from models.governance.list_lifecycle import LISTS
from models.people_lists import rules
from models.people_lists.lists import count_people

BLANK = {
    "is_deceased": False,
    "is_under_18": False,
    "is_age_unknown": False,
    "has_offence": True,
    "has_use": False,
    "is_child_concern": False,
    "is_treatment_consented": False,
    "is_treatment_engaged": False,
    "is_away": False,
    "high_event_count": 2,
    "has_harm": True,
    "has_exposure": True,
    "is_above_average": True,
    "sells_outside_market": False,
    "p_top_k": 0.9,
    "tier_before": None,
    "is_term_over": False,
    "is_sale_term_over": False,
}


def decide(**facts: object) -> pd.Series:
    frame = pd.DataFrame([BLANK | facts], index=["a"])
    return rules.decide(frame, target_probability=0.8, warn_probability=0.5, leave_margin=0.1).iloc[0]


@pytest.mark.parametrize(
    ("facts", "gate", "rule"),
    [
        ({}, "passed", ""),
        ({"is_deceased": True, "is_under_18": True}, "out", "deceased"),
        ({"has_offence": False}, "unscorable", "nothing_held_against"),
        ({"has_offence": False, "is_age_unknown": True}, "unscorable", "nothing_held_against"),
        ({"is_under_18": True}, "safeguarding", "under_18"),
        ({"has_offence": False, "is_child_concern": True, "is_under_18": True}, "safeguarding", "under_18"),
        ({"has_offence": False, "has_use": True, "is_under_18": True}, "safeguarding", "under_18"),
        ({"is_age_unknown": True}, "safeguarding", "age_unknown"),
        ({"has_offence": False, "has_use": True, "is_age_unknown": True}, "safeguarding", "age_unknown"),
        ({"has_offence": False, "has_use": True}, "treatment_information", "possession_only"),
        ({"has_offence": True, "has_use": True}, "passed", ""),
    ],
)
def test_gates(facts: dict[str, object], gate: str, rule: str) -> None:
    decided = decide(**facts)
    assert (decided["gate"], decided["gate_rule"]) == (gate, rule)
    assert (decided["tier"] == "none") == (gate != "passed")


@pytest.mark.parametrize("closed", [{"is_under_18": True}, {"is_age_unknown": True}, {"is_deceased": True}])
def test_behind_a_gate_nothing_follows(closed: dict[str, object]) -> None:
    decided = decide(**closed, is_treatment_consented=True, is_treatment_engaged=True, high_event_count=0)
    assert decided[["route", "route_rule", "tier", "tier_rule", "is_withheld"]].tolist() == [
        "none",
        "",
        "none",
        "",
        False,
    ]


@pytest.mark.parametrize(
    ("facts", "route", "tier_rule", "is_withheld"),
    [
        ({"is_treatment_consented": True}, "none", "target_high_rate_serious", False),  # grave incidents
        ({"is_treatment_consented": True, "is_treatment_engaged": True}, "none", "target_high_rate_serious", False),
        ({"is_treatment_consented": True, "high_event_count": 0}, "diversion", "warn_too_few_grave_incidents", False),
        (
            {"is_treatment_consented": True, "is_treatment_engaged": True, "high_event_count": 0},
            "diversion",
            "engaged_in_treatment",
            True,
        ),
        ({"is_treatment_engaged": True, "high_event_count": 0}, "none", "warn_too_few_grave_incidents", False),
        (
            {"is_treatment_consented": True, "is_treatment_engaged": True, "high_event_count": 1},
            "none",
            "warn_too_few_grave_incidents",
            False,
        ),
    ],
)
def test_treatment(facts: dict[str, object], route: str, tier_rule: str, is_withheld: bool) -> None:
    decided = decide(**facts)
    assert decided[["route", "tier_rule", "is_withheld"]].tolist() == [route, tier_rule, is_withheld]
    assert decided["route_rule"] == ("diversion" if route == "diversion" else "")


@pytest.mark.parametrize(
    ("facts", "tier", "rule"),
    [
        ({"p_top_k": 0.8}, "target", "target_high_rate_serious"),
        ({"p_top_k": 0.79}, "warn", "warn_next_level"),
        ({"p_top_k": 0.8, "high_event_count": 1}, "warn", "warn_too_few_grave_incidents"),
        ({"p_top_k": 0.5, "high_event_count": 0}, "warn", "warn_next_level"),
        ({"p_top_k": 0.49}, "unlisted", "below_every_tier"),
        ({"p_top_k": 0.7, "tier_before": "target"}, "target", "target_high_rate_serious"),
        ({"p_top_k": 0.7, "tier_before": "target", "high_event_count": 1}, "warn", "warn_too_few_grave_incidents"),
        ({"p_top_k": 0.7, "tier_before": "warn"}, "warn", "warn_next_level"),
        ({"p_top_k": 0.69, "tier_before": "target"}, "warn", "warn_next_level"),
        ({"p_top_k": 0.4, "tier_before": "target"}, "warn", "warn_next_level"),
        ({"p_top_k": 0.4, "tier_before": "warn"}, "warn", "warn_next_level"),
        ({"p_top_k": 0.39, "tier_before": "warn"}, "unlisted", "below_every_tier"),
        ({"is_above_average": False}, "unlisted", "below_every_tier"),
        ({"p_top_k": 0.5, "is_above_average": False}, "unlisted", "below_every_tier"),
        ({"has_harm": False, "p_top_k": np.nan}, "unlisted", "no_harm"),
        ({"has_exposure": False, "p_top_k": np.nan}, "unlisted", "insufficient_exposure"),
        ({"p_top_k": np.nan}, "unlisted", ""),  # nothing that nobody could score is a tier
    ],
)
def test_tiers(facts: dict[str, object], tier: str, rule: str) -> None:
    decided = decide(**facts)
    assert (decided["tier"], decided["tier_rule"]) == (tier, rule)


@pytest.mark.parametrize(
    ("kind", "is_use", "is_offence", "expected"),
    [
        ("bench", False, True, ("execute", "bench_warrant_first")),
        ("arrest", False, True, ("execute", "arrest_warrant_after")),
        ("bench", True, True, ("summons", "summons_possession_only")),
        ("arrest", True, True, ("summons", "summons_possession_only")),
        ("bench", False, False, ("return", "no_offence")),
        ("arrest", False, False, ("return", "no_offence")),
    ],
)
def test_warrants(kind: str, is_use: bool, is_offence: bool, expected: tuple[str, str]) -> None:
    warrant = pd.DataFrame({"kind": [kind], "is_use": [is_use], "is_offence": [is_offence]})
    ruled = rules.first_match(rules.WARRANT_RULES, warrant, "none")
    assert tuple(ruled.loc[0]) == expected


def test_every_rule_has_words_and_a_place() -> None:
    assert all(rule.words.endswith(".") and rule.asks.endswith("?") for rule in rules.RULES.values())
    queue = ("bench_warrant_first", "arrest_warrant_after", "summons_possession_only")
    assert ("no_offence", *queue) == rules.WARRANT_ORDER


def test_whoever_counts_people_off_the_lists_reads_why_in_these_words() -> None:
    """The words stand behind "18 people": a wrong one would give a wrong reason."""
    assert {name: rule.briefly for name, rule in rules.RULES.items() if rule.briefly} == {
        "deceased": "dead",
        "nothing_held_against": "with nothing held against them",
        "under_18": "under 18",
        "age_unknown": "of unknown age",
        "possession_only": "with possession or use of drugs alone",
        "no_harm": "without counted harm",
        "insufficient_exposure": "at liberty for too short a time",
        "engaged_in_treatment": "in treatment",
        "away": "in custody, in hospital or away",
        "term_over": "at the end of their term",
        "warn_too_few_grave_incidents": "without two independent grave incidents",
        "below_every_tier": "not likely enough among the worst",
    }


def test_a_view_and_an_invitation_lead_to_a_list_of_that_name() -> None:
    assert {rule.outcome for rule in (*rules.VIEWS, rules.INVITED)} == {"dealer_ranking", "call_in"} & set(LISTS)


def test_a_gate_is_one_entry_of_the_rule_book(monkeypatch: pytest.MonkeyPatch) -> None:
    asks, words = "Is the person abroad?", "The person is abroad."
    abroad = rules.Rule("abroad", lambda f: f["is_abroad"], "abroad", asks, words, briefly="abroad")
    monkeypatch.setattr(rules, "GATES", (*rules.GATES, abroad))
    facts = pd.DataFrame([BLANK | {"is_abroad": True}], index=["a"])
    decisions = rules.decide(facts, target_probability=0.8, warn_probability=0.5, leave_margin=0.1)
    assert decisions[["gate", "gate_rule", "tier"]].iloc[0].tolist() == ["abroad", "abroad", "none"]
    decisions = decisions.assign(p_top_k=0.9)
    counts = count_people(
        decisions, pd.DataFrame({"person_id": [], "route": []}), decisions[:0], pd.DataFrame({"person_id": []})
    )
    assert counts.set_index("outcome")["people"][["known", "abroad", "out"]].tolist() == [1, 1, 0]
