import pandas as pd

from models.people_lists.explain import ABSENT, CONTEST, NOT_GROUNDS, NOTHING_HELD, explain_person
from models.people_scores.counterfactuals import counterfactual_text

DAY = pd.Timestamp("2026-01-01", tz="UTC")
TIER = pd.DataFrame(
    [
        {
            "person_id": "p_a",
            "tier": "target",
            "rank": 1,
            "rank_lo": 1,
            "rank_hi": 6,
            "rank_without_violence": 12,
            "rank_without_disorder": 3,
            "rank_without_minors": 1,
            "is_pareto": True,
            "p_top_k": 0.91,
            "p_top_k_fixed_weights": 0.94,
            "harm_per_year": 300.0,
            "harm_per_year_lo": 200.0,
            "harm_per_year_hi": 420.0,
            "violence_share": 0.7,
            "disorder_share": 0.1,
            "minors_share": 0.2,
            "high_event_count": 3,
            "recency_days": 12,
            "frequency_per_year": 2.4,
            "exposure_days": 450.0,
            "evidence_ids": ["i1", "i2"],
            "moves_out_if": "Leaves when it is time.",
            "rule": "target_high_rate_serious",
            "rule_evidence_ids": ["i7", "i8"],
            "expires_at": DAY + pd.Timedelta(days=90),
        }
    ]
)


def test_a_listed_person_hears_why_how_sure_until_when_and_how_to_contest() -> None:
    words = "\n".join(explain_person("p_a", {"person_tier": TIER}))
    for part in (
        "target_high_rate_serious",
        "decided: i7, i8",
        "between 1 and 6",
        "91%",
        "94%",
        "violence makes 70%",
        "would stand 12th without violence, 3rd without disorder, 1st without use of minors. Nobody scored is",
        "Heaviest evidence: i1, i2",
        "Leaves when",
        "ends on 2026-04-01 unless a new incident",
    ):
        assert part in words
    assert words.endswith(f"{NOT_GROUNDS}\n{CONTEST}")


def test_what_cannot_be_said_of_one_axis_left_out_is_not_said() -> None:
    """Without violence no axis was left to rank by; an older run did not compute these ranks."""
    columns = ["rank_without_violence", "rank_without_disorder", "rank_without_minors"]
    none = pd.array([None], dtype="Int32")
    row = TIER.assign(rank_without_violence=none, is_pareto=False)
    words = "\n".join(explain_person("p_a", {"person_tier": row}))
    assert "would stand 3rd without disorder, 1st without use of minors. Somebody is as bad" in words
    older = TIER.assign(**dict.fromkeys(columns, none), is_pareto=None)
    for table in (older, TIER.drop(columns=[*columns, "is_pareto"])):
        assert "would stand" not in "\n".join(explain_person("p_a", {"person_tier": table}))


def test_a_listed_person_hears_every_question_that_was_asked() -> None:
    words = "\n".join(explain_person("p_a", {"person_tier": TIER}))
    asked = (
        "Has the person died? No. Is nothing held against the person? No. Is the person under 18? No.",
        "Is the person in custody, in hospital or away? No.",
        "with at least two independent grave incidents? Yes.",
    )
    assert [part in words for part in asked] == [True, True, True]


def test_somebody_on_no_list_hears_that_and_nobody_elses_lines() -> None:
    assert explain_person("p_b", {"person_tier": TIER}) == [ABSENT, NOT_GROUNDS, CONTEST]


def test_somebody_about_whom_nothing_had_to_be_decided_hears_that_nothing_is_held() -> None:
    assert explain_person("p_b", {"decision": TIER}) == [ABSENT, NOTHING_HELD, NOT_GROUNDS, CONTEST]


def test_somebody_formerly_listed_hears_what_could_list_the_person_again() -> None:
    term = {"person_id": "p_b", "term_from": DAY, "counted_until": DAY, "expires_at": DAY, "is_listed": False}
    words = explain_person("p_b", {"tier_term": pd.DataFrame([term])})
    assert words[0] == ABSENT
    assert words[1].startswith("Was listed since 2026-01-01.")
    assert len(explain_person("p_b", {"tier_term": pd.DataFrame([term | {"is_listed": True}])})) == 3


def test_other_lists_are_explained_too() -> None:
    tables = {
        "referral": pd.DataFrame(
            [
                {
                    "person_id": "p_a",
                    "route": "treatment_information",
                    "offered_at": pd.NaT,
                    "started_at": pd.NaT,
                    "rule": "possession_only",
                    "evidence_ids": ["i3"],
                },
            ]
        ),
        "safeguarding": pd.DataFrame([{"person_id": "p_a", "rule": "under_18", "evidence_ids": None}]),
        "warrant_queue": pd.DataFrame(
            [
                {
                    "person_id": "p_a",
                    "warrant_id": "w1",
                    "position": 2,
                    "age_days": 9,
                    "underlying_offence_code": "robbery",
                    "rule": "bench_warrant_first",
                }
            ]
        ),
        "dealer_ranking": TIER.assign(rule="seller_outside_flagrant_market"),
        "call_in": pd.DataFrame(
            [
                {
                    "person_id": "p_a",
                    "position": 1,
                    "linked_count": 4,
                    "rule": "invited_next_level",
                    "rule_evidence_ids": ["i5"],
                }
            ]
        ),
    }
    words = "\n".join(explain_person("p_a", tables))
    for part in (
        "not yet offered",
        "decided by i3",
        "child protection",
        "decided by nothing on record",
        "Warrant w1, position 2",
        "What or how much is sold adds nothing",
        "On record with 4 other adults over i5",
        "raises no score",
    ):
        assert part in words


def test_help_that_was_offered_and_taken_says_when() -> None:
    row = {"person_id": "p_a", "route": "diversion", "rule": "diversion", "evidence_ids": ["i1"]}
    table = pd.DataFrame([row | {"offered_at": DAY, "started_at": DAY + pd.Timedelta(days=2)}])
    assert "offered 2026-01-01, started 2026-01-03" in explain_person("p_a", {"referral": table})[0]


def test_what_moves_a_person_out() -> None:
    words = counterfactual_text(20, 0.4, 0.83, "i9", 0.31, 6)
    assert "below 40% (now 83%)" in words
    assert "about 6 months" in words
    assert "If i9 did not count, the chance would be 31%: off the list." in words
    assert "more than three years" in counterfactual_text(20, 0.4, 0.83, "i9", 0.5, None)
    assert "not enough by itself" in counterfactual_text(20, 0.4, 0.83, "i9", 0.5, None)
