"""Columns are found by their names and by their values, in the headers of the portals and in others."""

import pandas as pd
import pytest

from flows.new_city.columns import find_columns
from flows.new_city.names import name_strength, read_names, words_of_name
from tests.flows.new_city.portal_rows import EXPECTED, known_words, portal_rows, table_from

KNOWN = known_words()


def found_in(rows: pd.DataFrame, **chosen: str) -> dict[str, str]:
    with table_from(rows) as table:
        return {ours: " + ".join(theirs) for ours, theirs in find_columns(table, KNOWN, chosen).columns.items()}


@pytest.mark.parametrize("portal", EXPECTED)
def test_the_columns_of_a_portal_are_found(portal: str) -> None:
    assert found_in(portal_rows(portal)) == EXPECTED[portal]


def plain(rows: int = 60, **columns: object) -> pd.DataFrame:
    """Return a small file; columns are added or, with None, left out."""
    words = ["THEFT", "ROBBERY", "ARSON"]
    known = {
        "case_number": [f"A{i}" for i in range(rows)],
        "date": [f"2024-03-{1 + i % 28:02d} 10:{i % 60:02d}:00" for i in range(rows)],
        "offense": [words[i % 3] for i in range(rows)],
        "longitude": [f"{-87.6 + i / 1000:.4f}" for i in range(rows)],
        "latitude": [f"{41.8 + i / 1000:.4f}" for i in range(rows)],
    }
    return pd.DataFrame({name: values for name, values in {**known, **columns}.items() if values is not None})


PLAIN = {
    "incident_id": "case_number",
    "occurred_at": "date",
    "offence": "offense",
    "x": "longitude",
    "y": "latitude",
}


def test_a_plain_file_is_read_by_its_names() -> None:
    assert found_in(plain()) == PLAIN


def test_values_decide_against_a_name() -> None:
    """A column called latitude that holds words is none, and an offence without letters neither."""
    rows = 60
    assert "x" not in found_in(plain(latitude=["north"] * rows))
    codes = plain(offense=[str(100 + i % 3) for i in range(rows)], crime_type=["THEFT", "RAPE"] * 30)
    assert found_in(codes)["offence"] == "crime_type"
    repeated = plain(case_number=["A", "B"] * 30, id=[str(i) for i in range(rows)])
    assert found_in(repeated)["incident_id"] == "id"


def test_known_words_find_the_offence_under_a_name_that_says_nothing() -> None:
    frame = plain().rename(columns={"offense": "what_type"}).assign(street_type=["RD", "AVE", "BLVD"] * 20)
    assert found_in(frame)["offence"] == "what_type"


@pytest.mark.parametrize("text", ["POINT (-87.6 41.8{})", "(41.8{}, -87.6)"])
def test_a_column_with_both_coordinates_is_found(text: str) -> None:
    points = plain(longitude=None, latitude=None, location=[text.format(i) for i in range(60)])
    assert found_in(points) == {**{k: v for k, v in PLAIN.items() if k not in "xy"}, "point": "location"}


def test_no_id_no_column() -> None:
    assert "incident_id" not in found_in(plain(case_number=None))


@pytest.mark.parametrize(
    "name",
    ["INC_NO", "INCNUM", "CASE_NO", "CR_NUMBER", "REPORT_NO", "EVENT_NO", "OCC_NO", "RPT_NBR", "CCRNumber", "CAD_ID"],
)
def test_short_names_of_ids_are_known_though_numbers_repeat(name: str) -> None:
    rows = plain(case_number=None, OBJECTID=[str(i) for i in range(60)])
    assert found_in(rows.assign(**{name: [f"23-{i // 2}" for i in range(60)]}))["incident_id"] == name


@pytest.mark.parametrize("name", ["KEY_NO", "DISTNUM", "PD_FILE_NBR_TXT", "station_ref"])
def test_a_numbered_column_whose_values_differ_is_the_id(name: str) -> None:
    numbers = [f"23-{i}" for i in range(60)]
    assert found_in(plain(case_number=None, OBJECTID=numbers).assign(**{name: numbers}))["incident_id"] == name
    assert "incident_id" not in found_in(plain(case_number=None).assign(**{name: [*numbers[:50], *numbers[:10]]}))
    assert "incident_id" not in found_in(plain(case_number=None).assign(**{name: [*numbers[:50], *[None] * 10]}))


@pytest.mark.parametrize("name", ["VICTIM_ID", "SUSP_NO", "officer badge number", "house_no", "LICENSE_PLATE_NUM"])
def test_numbers_of_people_and_things_are_no_ids_of_incidents(name: str) -> None:
    assert "incident_id" not in found_in(plain(case_number=None).assign(**{name: [f"23-{i}" for i in range(60)]}))


def test_a_person_s_word_decides() -> None:
    frame = plain(entered=[f"2024-04-{1 + i % 28:02d} 10:00:00" for i in range(60)])
    assert found_in(frame, occurred_at="entered")["occurred_at"] == "entered"
    assert "incident_id" not in found_in(frame, incident_id="")


def test_names_are_compared_as_words() -> None:
    assert words_of_name("CMPLNT_FR_DT") == "cmplnt fr dt"
    assert words_of_name("incidentId") == "incident id"
    assert name_strength("incident_id", "DR_NO") == 1.0
    assert name_strength("x", "latitude") == 0.0
    for patterns in read_names().values():
        strengths = [strength for _, strength in patterns]
        assert strengths == sorted(strengths, reverse=True)


@pytest.mark.parametrize(
    ("date", "clock"),
    [
        ("Date of Offence", "Time of Offence"),
        ("Date of Incident", "Time of Incident"),
        ("Date_Of_Crime", "Time_Of_Crime"),
        ("Committed On", "Committed At"),
        ("Incident Date", "Incident Time"),
        ("Date", "Time"),
    ],
)
@pytest.mark.parametrize("is_number", [True, False])
def test_date_and_time_apart_are_joined_under_any_name(date: str, clock: str, is_number: bool) -> None:
    days = [f"{1 + i % 28:02d}/09/2024" for i in range(60)]
    clocks = [str(100 * (i % 24) + 5) if is_number else f"{i % 24:02d}:{i % 60:02d}" for i in range(60)]
    rows = plain(date=None).assign(**{date: days, clock: clocks})
    if is_number and clock == "Committed At":
        return  # numbers under a name that says nothing of time are no times
    assert found_in(rows)["occurred_at"] == f"{date} + {clock}"


@pytest.mark.parametrize("name", ["Ref", "URN", "Dossier", "Our Ref", "Police Ref No"])
def test_a_reference_is_an_id(name: str) -> None:
    assert found_in(plain().rename(columns={"case_number": name}))["incident_id"] == name
