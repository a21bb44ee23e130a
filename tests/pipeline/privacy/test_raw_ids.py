"""Raw ids of people are found in every value, alone, in lists and in JSON, and numbers that are no ids are not."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import PublicationError
from pipeline.privacy.raw_ids import refuse_raw_ids


def is_refused(value: Any, raw_id: str, column: str = "incident_id") -> bool:
    try:
        refuse_raw_ids({"area_evidence": pd.DataFrame({column: pd.Series([value], dtype=object)})}, [raw_id])
    except PublicationError as error:
        assert f"area_evidence.{column}" in str(error)
        assert raw_id not in str(error)
        return True
    return False


@pytest.mark.parametrize(
    ("value", "raw_id"),
    [
        ("INC-P4711-3", "P4711"),
        ("inc-p4711-3", "P4711"),
        ("2026/P-4711", "P 4711"),
        ("2026_P_4711", "P-4711"),
        ("2026-P7", "P7"),
        ("2026-48213-1", "48213"),
        ("2026-4711-1", "4711"),
        ("case of josé-b", "JOSÉ B"),
        ("case of jose\u0301-b", "JOSÉ-B"),
        ("2026-Ｐ４７１１", "P4711"),
        ("2026-P4\u200b711", "P4711"),
        ("STRASSE7", "straße7"),
        (["I1", "I2-P4711"], "P4711"),
        (np.array(["I1", "I2-P4711"]), "P4711"),
        ({"incident": ["P4711"]}, "P4711"),
        (json.dumps({"incident": "P4711"}), "P4711"),
        (json.dumps({"incident": "É4711"}), "É4711"),  # as an escape
        ({"P4711": 3}, "P4711"),
        ({"by": {"P4711": []}}, "P4711"),
        (4711, "4711"),
        (np.int64(4711), "4711"),
        ([4711], "4711"),
        ("2026-P4711\u20e0-1", "P4711"),
        ("2026-P47\u030111", "P4711"),
        ("2026-की4711-1", "की4711"),
        ("2026-P४७११-1", "P4711"),
        ("2026-P٤٧١١-1", "P4711"),
    ],
)
def test_an_id_of_an_incident_that_holds_the_id_of_a_person_stops_the_publication(value: Any, raw_id: str) -> None:
    assert is_refused(value, raw_id)


@pytest.mark.parametrize(
    ("value", "raw_id"),
    [
        ("INC-P47112", "P4711"),
        ("INC-XP4711", "P4711"),
        ("INC-P4711B", "P4711"),
        ("2026-01-12", "12"),
        ("2026-01-1", "1"),
        ("2026-01-1", "2026"),
        ("2026-471-1", "471"),
        ("INC-3", "INC"),
        ("AB-12-CD", "AB-CD"),
        ("k_0123456789abcdef01234567", "P4711"),
        (None, "P4711"),
        (True, "4711"),
        (b"P4711", "P4711"),
    ],
)
def test_what_is_no_whole_token_or_too_common_stops_nothing(value: Any, raw_id: str) -> None:
    assert not is_refused(value, raw_id)


@pytest.mark.parametrize(
    ("value", "raw_id", "is_found"),
    [
        ("Flat of P4711, 12 Mill Lane", "P4711", True),
        ('{"why": "reported by p-4711"}', "P 4711", True),
        ("Flat of 123456789", "123456789", True),
        ("Flat of 123 456 789", "123456789", False),
        ("Flat of 123-456-789", "123456789", False),
        ("tel. 1234567", "1234567", True),
        ('{"place": "x", "seen": 123456789}', "123456789", True),
        ("39.9523312, -75.1651234", "9523312", False),
        ("12345 Mill Lane", "12345", False),
        ("123456 Mill Lane", "123456", False),
        ("-75.16512, 39.95233", "95233", False),
        ("M25 northbound", "M25", False),
        ("Smith Street", "SMITH", False),
    ],
)
def test_in_other_texts_only_letters_and_digits_together_are_an_id(value: str, raw_id: str, is_found: bool) -> None:
    assert is_refused(value, raw_id, "place") is is_found


@pytest.mark.parametrize(("number", "is_found"), [(123456789, True), (123456, False)])
def test_a_column_of_whole_numbers_is_searched_as_texts_are(number: int, is_found: bool) -> None:
    """Counts and ranks stay short; a number that is as long as an id and equals one is one."""
    frame = pd.DataFrame({"area_number": [number, 5]})
    for each in (frame, frame.astype("Int64"), frame.astype("uint32")):
        if is_found:
            with pytest.raises(PublicationError, match=r"t\.area_number"):
                refuse_raw_ids({"t": each}, [str(number)])
        else:
            refuse_raw_ids({"t": each}, [str(number)])


def test_the_error_names_the_column_and_the_way_out() -> None:
    with pytest.raises(PublicationError, match=r"area_evidence\.incident_id .*source_ids: keyed"):
        refuse_raw_ids({"area_evidence": pd.DataFrame({"incident_id": ["P4711"]})}, ["P4711"])
    with pytest.raises(PublicationError, match=r"area_ranking\.area_name .*where it comes from"):
        refuse_raw_ids({"area_ranking": pd.DataFrame({"area_name": ["Ward of P4711"]})}, ["P4711"])


@given(
    raw_id=st.from_regex(r"[A-Z]{1,3}[- ]?[0-9]{4,8}", fullmatch=True),
    before=st.text(max_size=8),
    after=st.text(max_size=8),
    is_lower=st.booleans(),
)
def test_an_id_between_any_two_marks_is_found(raw_id: str, before: str, after: str, is_lower: bool) -> None:
    written = raw_id.lower() if is_lower else raw_id
    assert is_refused(f"{before}/{written}#{after}", raw_id, "why")


@given(
    values=st.lists(st.text("ABP-0123456789 ", max_size=12), max_size=20),
    raw_ids=st.lists(st.from_regex("[A-P][0-9]{3,6}", fullmatch=True), max_size=5),
)
def test_tables_are_searched_as_each_value_alone(values: list[str], raw_ids: list[str]) -> None:
    """The quick search over a column finds what a look at each value finds."""
    singly = any(is_refused(value, raw_id) for value in values for raw_id in raw_ids)
    frame = pd.DataFrame({"incident_id": pd.Series(values, dtype=object)})
    try:
        refuse_raw_ids({"area_evidence": frame}, raw_ids)
    except PublicationError:
        assert singly
    else:
        assert not singly
