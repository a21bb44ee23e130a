"""Offence words get the code of a known word; what is not nearly exactly known is marked and waits."""

import pandas as pd
import pytest

from flows.new_city.offence_words import KnownWords, folded, offence_table
from tests.flows.new_city.portal_rows import BOOK
from tests.new_city_words import judged


def known(*words: tuple[str, str, str, str]) -> KnownWords:
    rows = [(*word, f"source {number}") for number, word in enumerate(words)]
    columns = ["offence", "offence_detail", "offence_code", "discovery", "source"]
    return KnownWords(pd.DataFrame(rows, columns=columns), BOOK)


ASSAULTS = known(
    ("Aggravated Assault", "", "violence_with_injury", "public"),
    ("Simple Assault", "", "violence_without_injury", "public"),
    ("Theft", "", "theft_other", "public"),
    ("Theft from Motor Vehicle", "", "theft_from_vehicle", "public"),
    ("Motor Vehicle Theft", "", "vehicle_theft", "public"),
    ("Homicide", "", "homicide", "public"),
    ("Narcotics", "POSS*", "drug_possession", "police"),
    ("Narcotics", "", "drug_unspecified", "police"),
)


@pytest.mark.parametrize(
    "word", ["AGGRAVATED ASSAULT", "aggravated-assaults", " Aggravated  Assault ", "Aggravated Assault Offenses"]
)
def test_the_same_words_are_known_whatever_their_case_marks_and_plural(word: str) -> None:
    guess = ASSAULTS.guess(word)
    assert (guess.offence_code, guess.sureness, guess.check) == ("violence_with_injury", "sure", "")


@pytest.mark.parametrize("word", ["ASSAULT AGGRAVATED", "AGGRAVATED ASSALT"])
def test_a_slip_or_another_order_is_nearly_exact(word: str) -> None:
    guess = ASSAULTS.guess(word)
    assert (guess.offence_code, guess.sureness, guess.check) == ("violence_with_injury", "likely", "")


@pytest.mark.parametrize(
    "word",
    [
        *(
            "ASSAULT",
            "AGGRAVATED ASSAULT ATTEMPTED",
            "HOMICIDE - NEGLIGENT",
            "THEFT OF MOTOR VEHICLE",
            "THEFT FROM VEHICLE",
        ),
        *("MOTOR VEHICLE", "NO ASSAULT", "PORCH PIRACY", "XYZ", "12", "", "Überfall"),
    ],
)
def test_anything_less_is_marked(word: str) -> None:
    guess = ASSAULTS.guess(word)
    assert guess.sureness == "check"
    assert guess.check
    assert guess.offence_code in BOOK.index


def test_words_that_others_file_differently_are_a_question_and_the_lighter_code_is_proposed() -> None:
    words = known(("Assault", "", "violence_with_injury", ""), ("ASSAULT", "", "violence_without_injury", ""))
    guess = words.guess("assault")
    assert (guess.offence_code, guess.sureness) == ("violence_without_injury", "check")
    assert "violence_with_injury" in guess.check


def test_discovery_is_what_the_word_says_or_else_its_code_s_words_and_police_on_a_tie() -> None:
    assert ASSAULTS.guess("Narcotics").discovery == "police"
    tie = known(("Fraud", "", "fraud_forgery", "public"), ("Forgery", "", "fraud_forgery", "police"))
    assert (tie.guess("Fraud").discovery, tie.guess("Forgery").discovery) == ("public", "police")
    assert tie.guess("Forgeri").discovery == "police"
    assert known(("Arson", "", "arson", "")).guess("Arson").discovery == "public"


def test_no_known_words_at_all_mark_everything() -> None:
    guess = known().guess("THEFT")
    assert (guess.offence_code, guess.sureness) == ("other_offence", "check")


def table(*rows: tuple[str, str, int]) -> pd.DataFrame:
    return offence_table(pd.DataFrame(rows, columns=["offence", "offence_detail", "count"]), ASSAULTS).set_index(
        ["offence", "offence_detail"]
    )


def test_a_detail_has_a_row_only_where_it_may_change_the_code() -> None:
    found = table(
        ("THEFT", "$500 AND UNDER", 40),
        ("THEFT", "FROM MOTOR VEHICLE", 30),
        ("NARCOTICS", "POSS: HEROIN", 20),
        ("HOMICIDE", "RECKLESS HOMICIDE", 2),
        ("HOMICIDE", "FIRST DEGREE", 3),
    )
    assert found.loc[("THEFT", ""), ["offence_code", "check", "count"]].tolist() == ["theft_other", "", 40]
    assert found.loc[("THEFT", "FROM MOTOR VEHICLE"), ["offence_code", "check"]].tolist() == ["theft_from_vehicle", ""]
    assert found.loc[("NARCOTICS", "POSS: HEROIN"), ["offence_code", "check"]].tolist() == ["drug_possession", ""]
    # Recklessness makes the gravest offence another one: it waits.
    assert found.loc[("HOMICIDE", "RECKLESS HOMICIDE"), "check"] != ""
    assert found.loc[("HOMICIDE", ""), ["check", "count"]].tolist() == ["", 3]


def test_every_row_is_counted_once_and_the_commonest_word_stands_first() -> None:
    found = table(("THEFT", "A", 1), ("ASSAULT", "", 7), ("", "", 9), ("ARSON", "POSS", 5))
    assert int(found["count"].sum()) == 13  # blank words have no row
    assert list(found["count"]) == sorted(found["count"], reverse=True)


def test_words_are_folded_for_comparison() -> None:
    assert folded("Liquor-Law Violations") == "LIQUOR"
    assert folded("THEFTS / LARCENIES") == "THEFT LARCENY"
    assert folded("Assault & Battery's") == "ASSAULT BATTERY"


@pytest.mark.parametrize("city", ["philadelphia", "chicago", "police_uk"])
def test_hardly_a_word_of_a_shipped_table_is_guessed_wrong_without_it(city: str) -> None:
    """`python -m tests.new_city_words` prints all cities."""
    counts = judged(city)["verdict"].value_counts()
    assert counts.get("wrong", 0) <= 1
    assert counts["right"] >= 0.4 * counts.sum()
