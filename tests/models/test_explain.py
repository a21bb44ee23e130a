import pandas as pd

from models.explain import ABSENT, CONTEST, NOT_GROUNDS, explain_person, leaving_words

TIER = pd.DataFrame(
    [
        {
            "person_id": "p_a",
            "tier": "target",
            "rank": 1,
            "rank_lo": 1,
            "rank_hi": 6,
            "p_top_k": 0.91,
            "harm_per_year": 300.0,
            "harm_per_year_lo": 200.0,
            "harm_per_year_hi": 420.0,
            "violence_share": 0.7,
            "disorder_share": 0.1,
            "minors_share": 0.2,
            "high_event_count": 3,
            "recency_days": 12,
            "exposure_days": 450.0,
            "evidence_ids": ["i1", "i2"],
            "moves_out_if": "Leaves when it is time.",
            "rule": "target_high_rate_serious",
        }
    ]
)


def test_a_listed_person_hears_why_how_sure_and_how_to_contest() -> None:
    words = "\n".join(explain_person("p_a", {"person_tier": TIER}))
    for part in ("target_high_rate_serious", "between 1 and 6", "0.91", "violence makes 70%", "i1, i2", "Leaves when"):
        assert part in words
    assert words.endswith(f"{NOT_GROUNDS}\n{CONTEST}")


def test_somebody_on_no_list_hears_that_and_nobody_elses_lines() -> None:
    assert explain_person("p_b", {"person_tier": TIER}) == [ABSENT, NOT_GROUNDS, CONTEST]


def test_other_lists_are_explained_too() -> None:
    tables = {
        "referral": pd.DataFrame(
            [{"person_id": "p_a", "route": "treatment_information", "offered_at": pd.NaT, "rule": "possession_only"}]
        ),
        "safeguarding": pd.DataFrame([{"person_id": "p_a", "rule": "under_18"}]),
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
        "dealer_ranking": TIER,
    }
    words = "\n".join(explain_person("p_a", tables))
    for part in (
        "not yet offered",
        "child protection",
        "Warrant w1, position 2",
        "What or how much is sold adds nothing",
    ):
        assert part in words


def test_what_moves_a_person_out() -> None:
    words = leaving_words(20, 0.4, 0.83, "i9", 0.31, 6)
    assert "below 0.40 (now 0.83)" in words
    assert "about 6 months" in words
    assert "If i9 did not count, the chance would be 0.31: off the list." in words
    assert "more than three years" in leaving_words(20, 0.4, 0.83, "i9", 0.5, None)
    assert "not enough by itself" in leaving_words(20, 0.4, 0.83, "i9", 0.5, None)
