"""Arrests against the policy are judged by the very rule for warrants, over every offence of the codebook."""

from pathlib import Path

import pandas as pd
import pytest

from models.people_lists.arrest_policy import arrests_against_policy, possession_only_at_arrest
from models.people_lists.lists import live_warrants
from tests.models.outcomes.rows import AS_OF, at

CODEBOOK = pd.read_csv(Path(__file__).parents[3] / "configs/codebooks/harm.csv").set_index("offence_code")
CODEBOOK = CODEBOOK[["category", "axis", "harm_days"]].assign(band="low")


def test_the_rule_is_that_of_warrants_for_every_offence() -> None:
    codes = CODEBOOK.index.tolist()
    said = arrests_against_policy(pd.DataFrame({"offence_code": codes}), CODEBOOK).tolist()
    warrants = pd.DataFrame({"underlying_offence_code": codes, "kind": "arrest", "status": "outstanding"})
    routes = live_warrants(warrants.assign(issued_at=at("2026-01-01")), CODEBOOK, AS_OF)["route"]
    assert said == routes.map({"summons": "possession", "return": "no_offence", "execute": "kept"}).tolist()
    assert {code for code, verdict in zip(codes, said, strict=True) if verdict == "possession"} == {
        "drug_possession", "drug_paraphernalia", "drug_unspecified",
    }  # fmt: skip


def test_an_offence_that_is_not_stated_or_not_in_the_codebook_is_not_judged() -> None:
    arrests = pd.DataFrame({"offence_code": [None, "jaywalking", "robbery"]}, index=[4, 5, 6])
    said = arrests_against_policy(arrests, CODEBOOK)
    assert said.isna().tolist() == [True, True, False]
    assert said.index.tolist() == [4, 5, 6]


def held(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    """Involvements as (person, offence, role, day)."""
    frame = pd.DataFrame(rows, columns=["person_id", "offence_code", "role", "day"])
    moments = pd.to_datetime([at(day) for day in frame["day"]], utc=True)
    return frame.assign(
        incident_id=[f"I{n}" for n in range(len(rows))], occurred_at=moments,
        age_days=1, discovery="public", drug_activity=None, is_minor_used_by_adult=False, in_flagrant_market=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("p", "drug_possession", "charged", "2026-01-01")], True),
        ([("p", "drug_possession", "charged", "2026-01-01"), ("p", "robbery", "suspect", "2026-01-02")], False),
        ([("p", "drug_possession", "charged", "2026-01-01"), ("p", "robbery", "suspect", "2026-03-02")], True),  # later
        ([("p", "drug_possession", "charged", "2026-01-01"), ("p", "robbery", "witness", "2026-01-02")], True),
        ([("p", "drug_possession", "charged", "2026-01-01"), ("p", "drug_supply", "charged", "2026-01-02")], False),
        ([("q", "drug_possession", "charged", "2026-01-01")], False),  # nothing is held against p
        ([("p", "drug_possession", "charged", "2026-03-01")], False),  # not yet
    ],
)
def test_possession_alone_is_what_was_held_by_the_arrest(rows: list[tuple[str, str, str, str]], expected: bool) -> None:
    arrests = pd.DataFrame({"person_id": ["p", None], "at": [at("2026-02-01")] * 2})
    warrants = pd.DataFrame(columns=["person_id", "issued_at", "kind", "underlying_offence_code"])
    assert possession_only_at_arrest(arrests, held(*rows), warrants, CODEBOOK).tolist() == [expected, False]


def test_a_warrant_over_another_offence_counts_against_possession_alone() -> None:
    arrests = pd.DataFrame({"person_id": ["p"], "at": [at("2026-02-01")]})
    warrants = pd.DataFrame(
        {"person_id": ["p"], "issued_at": [at("2026-01-15")], "kind": ["bench"], "underlying_offence_code": ["robbery"]}
    )
    events = held(("p", "drug_possession", "charged", "2026-01-01"))
    assert possession_only_at_arrest(arrests, events, warrants, CODEBOOK).tolist() == [False]
