import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.people_scores.evidence import bands, counted, offences
from models.people_scores.person_status import make_register

TIME = pd.Timestamp("2025-06-01", tz="UTC")
CODEBOOK = pd.DataFrame(
    {
        "category": ["violence", "drugs", "drugs", "drugs", "exploitation", "health", "contact", "drugs"],
        "axis": ["violence", "none", "none", "none", "minors", "none", "none", "disorder"],
        "harm_days": [365.0, 5.0, 3.0, 3.0, 400.0, 0.0, 0.0, 900.0],
        "band": ["high", "low", "low", "low", "high", "low", "low", "high"],
    },
    index=[
        "robbery",
        "drug_supply",
        "drug_possession",
        "drug_unspecified",
        "exploit",
        "overdose",
        "contact_stop",
        "odd",
    ],
)
ADULT_DAYS = pd.Series([9000, 10], index=["a", "young"])  # an incident 10 days ago was on the day before the birthday


def events(*rows: dict[str, object]) -> pd.DataFrame:
    blank = {
        "person_id": "a",
        "role": "charged",
        "offence_code": "robbery",
        "occurred_at": TIME,
        "age_days": 10,
        "discovery": "public",
        "drug_activity": None,
        "is_minor_used_by_adult": False,
        "in_flagrant_market": False,
    }
    return pd.DataFrame([blank | {"incident_id": f"i{i}"} | row for i, row in enumerate(rows)])


@pytest.mark.parametrize(
    ("role", "discovery", "factor"),
    [
        ("convicted", "public", 1.0),
        ("charged", "partner", 0.6),
        ("suspect", "sensor", 0.3),
        ("convicted", "police", 0.0),
        ("suspect", "police", 0.0),
    ],
)
def test_factor_by_role_and_discovery(role: str, discovery: str, factor: float) -> None:
    offences_held = offences(events({"role": role, "discovery": discovery}), CODEBOOK)
    assert offences_held["factor"].tolist() == [factor]


@pytest.mark.parametrize("role", ["no_further_action", "victim", "witness"])
def test_other_roles_are_no_offence(role: str) -> None:
    assert offences(events({"role": role}), CODEBOOK).empty


def test_the_strongest_role_of_an_incident_counts_once() -> None:
    rows = [{"incident_id": "x", "role": role} for role in ("charged", "convicted", "suspect", "victim")]
    offences_held = offences(events(*rows), CODEBOOK)
    assert offences_held[["incident_id", "role", "factor"]].to_numpy().tolist() == [["x", "convicted", 1.0]]


def test_use_and_supply() -> None:
    offences_held = offences(
        events(
            {"offence_code": "drug_possession"},
            {"offence_code": "drug_possession", "drug_activity": "supply"},  # of two meanings the lesser
            {"offence_code": "drug_unspecified"},
            {"offence_code": "drug_unspecified", "drug_activity": "supply"},
            {"offence_code": "drug_supply"},
            {"offence_code": "robbery", "drug_activity": "possession"},
            {"offence_code": "overdose"},
            {"offence_code": "contact_stop"},
        ),
        CODEBOOK,
    )
    assert offences_held["is_use"].tolist() == [True, True, True, False, False, False]
    assert offences_held["is_supply"].tolist() == [False, False, False, True, True, False]


def test_what_counts_on_which_axis() -> None:
    offences_held = offences(
        events(
            {},
            {"offence_code": "drug_supply"},
            {"offence_code": "drug_supply", "is_minor_used_by_adult": True},
            {"is_minor_used_by_adult": True},
            {"offence_code": "exploit", "is_minor_used_by_adult": True},
            {"offence_code": "odd"},  # drugs weigh nothing even if a codebook gives them weight
            {"discovery": "police"},
        ),
        CODEBOOK,
    )
    rows = (
        counted(offences_held, ADULT_DAYS, CODEBOOK)[["incident_id", "axis", "harm_days", "band"]].to_numpy().tolist()
    )
    assert rows == [
        ["i0", "violence", 365.0, "high"],
        ["i2", "minors", 400.0, "high"],
        ["i3", "minors", 400.0, "high"],
        ["i3", "violence", 365.0, "high"],
        ["i4", "minors", 400.0, "high"],
    ]


def test_only_somebody_of_age_can_have_used_a_minor() -> None:
    offences_held = offences(
        events(
            {"person_id": "young", "is_minor_used_by_adult": True},
            {"person_id": "young", "offence_code": "exploit"},
            {"person_id": "nobody_knows", "offence_code": "exploit"},
        ),
        CODEBOOK,
    )
    assert counted(offences_held, ADULT_DAYS, CODEBOOK)["axis"].tolist() == ["violence"]


@given(
    zone=st.sampled_from(["America/New_York", "Europe/Berlin", "Pacific/Auckland"]),
    hours=st.integers(-72, 72),
    days_ago=st.integers(0, 800),
)
def test_of_age_on_the_eighteenth_birthday_by_the_local_calendar(zone: str, hours: int, days_ago: int) -> None:
    as_of = pd.Timestamp("2026-01-01", tz=zone)
    birthday = as_of.tz_localize(None) - pd.Timedelta(days=days_ago)
    local = birthday + pd.Timedelta(hours=hours)  # some hours before or after the local midnight that begins it
    at = local.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
    born_on = (birthday - pd.DateOffset(years=18)).date()
    blank = {"birth_year": pd.array([pd.NA], "Int32"), "deceased_at": pd.NaT}
    treatment = {"is_treatment_consented": False, "is_treatment_engaged": False}
    adult_days = make_register(pd.DataFrame({"person_id": ["a"], "birth_date": [born_on], **blank, **treatment}), as_of)
    age_days = (as_of.date() - local.date()).days - 1
    offences_held = offences(
        events({"offence_code": "exploit", "occurred_at": at.tz_convert("UTC"), "age_days": age_days}), CODEBOOK
    )
    is_leap_birthday = (birthday.month, birthday.day) == (2, 29)
    assert is_leap_birthday or len(counted(offences_held, adult_days["adult_days"], CODEBOOK)) == (local >= birthday)


def test_bands_by_harm() -> None:
    assert bands(pd.Series([365.0, 364.9, 30.0, 29.9])).tolist() == ["high", "mid", "mid", "low"]
