"""Age at which a reader can follow an English text.

Flesch–Kincaid grade (Kincaid, Fishburne, Rogers and Chissom 1975, Derivation of new readability formulas, Naval
Technical Training Command, Research Branch Report 8-75): 0.39 words per sentence + 11.8 syllables per word − 15.59, a
school year in the United States. A pupil of grade g is about g + 5 years old.
"""

import re

YEARS_BEFORE_SCHOOL = 5
LANGUAGE = "en"  # the formula's constants hold for English only


def reading_age(text: str) -> float:
    """Return the age in years at which an English text can be followed.

    A sentence ends with a full stop, a question or exclamation mark, a colon, or the line; a day or number in digits is
    not a word. A syllable is a run of vowels; a silent final e does not count.

    >>> round(reading_age("The cat sat. It was on the mat."), 2)
    2.77
    """
    sentences = [part for part in re.split(r"[.!?:](?:\s|$)|\n", text) if re.search("[a-zA-Z]", part)]
    words = re.findall(r"[a-z]+(?:['’][a-z]+)?", text.lower())
    if not words:
        raise ValueError("the text has no words, so it has no reading age")
    syllables = sum(_syllables(word) for word in words)
    grade = 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59
    return grade + YEARS_BEFORE_SCHOOL


def _syllables(word: str) -> int:
    return max(1, len(re.findall("[aeiouy]+", re.sub("(?<!l)e$", "", word))))
