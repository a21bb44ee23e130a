"""What followed an arrest: each stay, charge and lost treatment is of one arrest, and days count once."""

import pandas as pd
import pytest

from models.outcomes.after_arrest import follow_arrests
from tests.models.outcomes.rows import AS_OF, actions, charges, stays, treatment


def arrests(*days: str, person: str | None = "p") -> pd.DataFrame:
    return actions(*({"kind": "arrest", "person_id": person, "at": day} for day in days))


def days_of(of: pd.DataFrame, custody: pd.DataFrame) -> list[list[float]]:
    found = follow_arrests(of, custody, charges(), treatment(), as_of=AS_OF)
    return found[["custody_days", "prison_days"]].to_numpy(dtype=float).tolist()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("p", "2026-02-03", "2026-02-05", "custody")], [[2, 0]]),
        ([("p", "2026-02-04", "2026-02-05", "custody")], [[1, 0]]),  # three days after the arrest
        ([("p", "2026-02-04 00:01", "2026-02-05", "custody")], [[0, 0]]),
        ([("p", "2026-01-31 12:00", "2026-02-01 12:00", "custody")], [[1, 0]]),  # booked after it began
        ([("p", "2026-01-30", "2026-02-05", "custody")], [[0, 0]]),  # in custody already
        ([("q", "2026-02-01", "2026-02-05", "custody")], [[0, 0]]),
        ([("p", "2026-02-01", "2026-02-05", "hospital")], [[0, 0]]),
        ([("p", "2026-02-01", "2026-02-03", "custody"), ("p", "2026-02-05", "2026-03-05", "prison")], [[2, 28]]),
        ([("p", "2026-02-01", "2026-02-03", "custody"), ("p", "2026-02-10", "2026-03-05", "prison")], [[2, 0]]),
        ([("p", "2026-02-01", "2026-02-05", "custody"), ("p", "2026-02-03", "2026-02-07", "custody")], [[6, 0]]),
        ([("p", "2026-02-02", None, "prison")], [[0, 72.9583333]]),  # until the clock; summer time began
    ],
)
def test_days_imposed_are_those_of_stays_that_an_arrest_led_to(
    rows: list[tuple[str, str, str | None, str]], expected: list[list[float]]
) -> None:
    assert days_of(arrests("2026-02-01"), stays(*rows)) == [pytest.approx(row) for row in expected]


def test_a_stay_is_of_the_last_arrest_before_it() -> None:
    twice = arrests("2026-02-01", "2026-02-03")
    assert days_of(twice, stays(("p", "2026-02-03 06:00", "2026-02-04 06:00", "custody"))) == [[0, 0], [1, 0]]


def test_nothing_is_known_of_an_arrest_that_names_nobody() -> None:
    found = follow_arrests(arrests("2026-02-01", person=None), stays(), charges(), treatment(), as_of=AS_OF)
    columns = ["custody_days", "prison_days", "court_cases", "was_in_treatment", "has_left_treatment"]
    assert found[columns].isna().all(axis=None)


def test_a_charge_is_of_the_first_arrest_after_its_incident() -> None:
    charged = charges(
        *(("p", "I1", "2026-02-01"), ("p", "I1", "2026-02-01"), ("p", "I2", "2025-12-01"), ("p", "I3", "2026-03-02"))
    )
    found = follow_arrests(arrests("2026-02-10", "2026-02-20"), stays(), charged, treatment(), as_of=AS_OF)
    assert found["court_cases"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ([("p", "2026-01-01", True), ("p", "2026-02-20", False)], (True, True)),
        ([("p", "2026-01-01", True), ("p", "2026-05-20", False)], (True, False)),  # after 90 days
        ([("p", "2026-01-01", True), ("p", "2026-01-20", False)], (False, False)),  # left before
        ([("p", "2026-02-02", True), ("p", "2026-02-20", False)], (False, False)),  # began after
        ([], (False, False)),
    ],
)
def test_treatment_is_lost_where_it_is_left_within_ninety_days(
    known: list[tuple[str, str, bool]], expected: tuple[bool, bool]
) -> None:
    later = pd.Timestamp("2026-08-01", tz="UTC")
    found = follow_arrests(arrests("2026-02-01"), stays(), charges(), treatment(*known), as_of=later)
    assert found[["was_in_treatment", "has_left_treatment"]].iloc[0].tolist() == list(expected)


def test_treatment_is_lost_once_to_the_last_arrest_before() -> None:
    known = treatment(("p", "2026-01-01", True), ("p", "2026-02-20", False))
    found = follow_arrests(arrests("2026-02-01", "2026-02-10"), stays(), charges(), known, as_of=AS_OF)
    assert found["has_left_treatment"].tolist() == [False, True]
