"""Which incidents are told by day and area alone."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.places.coarse import FLAGS, coarse_codes, is_coarse
from pipeline.events.codebook import read_codebook

HARM = Path(__file__).parents[3] / "configs" / "codebooks" / "harm.csv"
CODEBOOK = read_codebook(HARM, date(2026, 1, 1), ("violence", "disorder", "minors", "none"))
SENSITIVE = {
    *("rape", "other_sexual", "violence_unspecified", "family_offence", "prostitution"),
    *("child_criminal_exploitation", "supply_using_minor"),
    # Violence that may be domestic, whether or not a record says so.
    *("attempted_murder", "wounding_with_intent", "violence_with_injury", "violence_without_injury"),
    *("stalking_harassment", "kidnapping"),
}


def test_which_codes_of_our_codebook_are_always_coarse() -> None:
    assert coarse_codes(CODEBOOK) == SENSITIVE


@given(code=st.sampled_from(sorted(CODEBOOK.index)), flags=st.tuples(*[st.sampled_from([True, False, None])] * 3))
def test_an_incident_is_coarse_exactly_if_its_code_or_a_flag_says_so(code: str, flags: tuple[bool | None, ...]) -> None:
    row = pd.DataFrame([{"offence_code": code, **dict(zip(FLAGS, flags, strict=True))}])
    assert is_coarse(row, CODEBOOK).tolist() == [code in SENSITIVE or any(flag is not False for flag in flags)]


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("ss", "Statutory sexual assault"),
        ("vs", "Violación"),
        ("dv", "Domestic battery"),
        ("SEX_CRIME", "No label"),
        ("vd", "Violencia doméstica"),
        ("vi", "Violencia intrafamiliar"),
        ("tm", "Trata de menores"),
    ],
)
def test_a_force_s_own_codes_are_known_by_their_words(code: str, label: str) -> None:
    own = pd.DataFrame({"label": [label, "Robbery"], "axis": "violence"}, index=pd.Index([code, "r"]))
    assert coarse_codes(own) == {code}


def test_an_offence_that_the_codebook_does_not_know_is_coarse() -> None:
    row = pd.DataFrame([{"offence_code": "unheard_of", **dict.fromkeys(FLAGS, False)}])
    assert is_coarse(row, CODEBOOK).tolist() == [True]
