"""Names that look alike are one name; a name has letters; a reason has words."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.governance.actors import is_machine, name_of, same_person
from models.users.look_alikes import is_seen, name_problem, says_something, skeleton


@pytest.mark.parametrize("text", ["", " ", "--", "\u200b", "\u3164", "\u2800", "\u00ad\ufe0f", "\U000e0041"])
def test_what_shows_no_letter_or_digit_names_nothing(text: str) -> None:
    assert not is_seen(text)
    assert is_seen(f"{text}7") and is_seen(f"é{text}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Insp. J. Reyes", "Insp. J. Rеyes"),  # Cyrillic е
        ("Insp. J. Reyes", "lnsp. J. Reyes"),  # small L for capital I
        ("Insp. J. Reyes", "1nsp. J. Reyes"),
        ("Insp. J. Reyes", "ＩＮＳＰ　Ｊ　ＲＥＹＥＳ"),
        ("Insp. J. Reyes", "Insp. J. Re\u200byes"),
        ("Insp. J. Reyes", "Insp. J. Rey\u3164es"),  # Hangul filler, a letter to Unicode
        ("Insp. J. Reyes", "Insp\u2024 J\u2024 Reyes"),
        ("Sgt. Arnold", "Sgt. Amold"),
        ("Olga Romanova", "0lga Romanova"),
        ("COCO", "СОСО"),  # all Cyrillic
        ("Müller", "Mu\u0308ller"),
        ("PC 4411 Lund", "PC 44ll Lund"),
    ],
)
def test_look_alikes_are_one_person(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other) or same_person(one, other)
    assert same_person(one, other)


@pytest.mark.parametrize(
    ("one", "other"), [("A. Reyes", "B. Reyes"), ("José Luz", "Jose Luz"), ("Мария", "Марина"), ("Li Wei", "Li Wen")]
)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert not same_person(one, other)


@pytest.mark.parametrize(
    "name",
    ["hаrmspot", "HARМSPOT", "harrnspot", "ｈａｒｍｓｐｏｔ run", "har\u200bmspot", "h a r m s p o t", "ℎarmspot",
     "hａrｍspot"],
)  # fmt: skip
def test_nothing_that_looks_like_harmspot_is_a_person(name: str) -> None:
    assert is_machine(name)


@pytest.mark.parametrize(
    "name",
    [
        "", " ", ".", "-", "—", "\u200b\u200b", "\u2800\u2800", "\u3164\u3164", "\u115f\u1160", "A", "4411", "A\u200bB",
        "J. Reyes\u202e", "Jo\u00adhn Lee", "Ali\ufe0f B", "\U000e0041\U000e0042", "J. Rеyes", "Αli B", "ab\u0378",
        "J. Reyes\nSupt. Lee", "<b>Lee", "=Lee", "Lee|Fox", "\ue000\ue001", "\ud800ab",
    ],
)  # fmt: skip
def test_what_is_no_name(name: str) -> None:
    assert name_problem(name)


@pytest.mark.parametrize(
    "name",
    ["Insp. J. Reyes", "PC 4411 Lund", "O’Brien, M.", "Øystein Ås", "Мария Иванова", "山田 太郎", "田中 Tanaka",
     "김민수", "Nguyễn Văn An", "محمد علي", "Supt. A. Lee (night)", "Jean-Luc B."],
)  # fmt: skip
def test_names_of_all_scripts_are_names(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    "text",
    ["", "a b", "fine", "fine Fine", "- -", "... ...", "1 2 3", "\u200b\u200b \u2800", "x y z", "a. b.",
     "a b c d e", "aa aaa", "xx yyy", "ok OK ok",
     "？！ ？！", "evidence\u200b ev\u200bidence", "case 12", "\u3164\u3164 \u115f\u115f"],
)  # fmt: skip
def test_what_says_nothing(text: str) -> None:
    assert not says_something(text)


@pytest.mark.parametrize(
    "text", ["evidence read", "morning tasking", "court order 7", "orden judicial", "证据已核实", "проверено дважды"]
)
def test_what_says_something(text: str) -> None:
    assert says_something(text)


@given(st.text())
def test_skeletons_and_names_are_stable(text: str) -> None:
    assert skeleton(skeleton(text)) == skeleton(text)
    assert name_of(name_of(text)) == name_of(text)


@given(st.text(st.characters(categories=["Lu", "Ll"]), min_size=2, max_size=12))
def test_case_never_makes_another_person(name: str) -> None:
    assume(name.upper().lower() == name.lower())
    assert same_person(name, name.upper())


@given(st.text(st.characters(categories=["Cf", "Cc", "Mn", "Zs", "Po", "Pd", "Nd"])))
def test_without_letters_there_is_no_name_and_no_reason(text: str) -> None:
    assert name_problem(text)
    assert not says_something(text)
