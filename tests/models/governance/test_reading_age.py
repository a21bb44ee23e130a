"""The reading age: values computed by hand, and their order."""

import pytest

from models.governance.reading_age import reading_age


def test_the_formula_by_hand() -> None:
    assert reading_age("The cat sat. It was on the mat.") == pytest.approx(0.39 * 4 + 11.8 - 15.59 + 5)


def test_long_words_and_long_sentences_need_an_older_reader() -> None:
    plain = reading_age("Stop it now. We will help you.")
    assert plain < reading_age(
        "Stop it now and we will help you and then we will go and see what else we can do for you."
    )
    assert plain < reading_age("Discontinue immediately. Organisations communicate.")


def test_a_line_ends_a_sentence_and_a_number_is_no_word() -> None:
    assert reading_age("The cat sat\nIt was on the mat") == reading_age("The cat sat. It was on the mat 1999.")


def test_no_words_have_no_age() -> None:
    with pytest.raises(ValueError, match="the text has no words"):
        reading_age("12. 13!")
