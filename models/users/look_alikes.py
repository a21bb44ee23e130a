"""Names that look alike: skeletons, and what a name may contain (Unicode Technical Standard 39, version 15).

Two names look alike if their skeletons are equal. The tables of confusable characters are those of the library
confusable-homoglyphs; the classes of characters are those of regex.
"""

import unicodedata
from functools import cache

import regex

_ALLOWED = r"\p{L}\p{M}\p{Nd} .,'’()&/_\-"
_INVISIBLE = r"\p{Default_Ignorable_Code_Point}"
# Scripts that one name may have beside each other ("highly restrictive", UTS 39, section 5.2).
_WRITTEN_TOGETHER = {"Latin", "Han", "Hiragana", "Katakana", "Hangul", "Bopomofo"}
_BIDI_MARK = "\u200e"  # around the right-to-left characters of the table


def skeleton(text: str) -> str:
    """Return the skeleton of a text: the same for all texts that look alike, in capitals or not.

    >>> skeleton("hаrmspot") == skeleton("harmspot")  # the first has a Cyrillic а
    True
    """
    small = regex.sub(_INVISIBLE, "", unicodedata.normalize("NFKC", text)).casefold()
    # Capitals tell more scripts from one another than small letters do; a Latin small letter may have a capital that
    # looks like nothing else, and is looked up before.
    latin = "".join(_plain_latin(letter) for letter in small)
    found = _prototypes(_prototypes(latin.upper()).casefold())
    return found if found == text else skeleton(found)


def name_problem(name: str) -> str | None:
    """Return why a text cannot be the name of a person; None if it can.

    >>> name_problem("Insp. J. Reyes")
    >>> name_problem("—.")
    "has U+2014 EM DASH, which no name has; use letters, digits, spaces and . , ' - _ ( ) & /"
    """
    name = unicodedata.normalize("NFC", name.strip())
    if strange := regex.search(rf"{_INVISIBLE}|[^{_ALLOWED}]", name):
        return f"has {_shown(strange[0])}, which no name has; use letters, digits, spaces and . , ' - _ ( ) & /"
    if len(regex.findall(r"\p{L}", name)) < 2:
        return "has fewer than two letters"
    scripts = _scripts(name)
    if len(scripts) > 1 and not scripts <= _WRITTEN_TOGETHER:
        return f"mixes letters of {' and '.join(sorted(scripts))}; write it in one script"
    return None


def is_seen(text: str) -> bool:
    """Return whether a text has a letter or digit that is seen: an id, or the name of an organisation, has one.

    >>> is_seen("ISA-7"), is_seen(" "), is_seen("\u200b"), is_seen("\u3164"), is_seen("--")
    (True, False, False, False, False)
    """
    return regex.search(r"[\p{L}\p{N}]", regex.sub(_INVISIBLE, "", text)) is not None


def says_something(text: str) -> bool:
    """Return whether a text has two different words, one of them of three letters, and four different letters.

    Where no spaces stand between words, four letters are enough.

    >>> says_something("evidence read"), says_something("a b"), says_something("fine Fine"), says_something("- ..")
    (True, False, False, False)
    """
    seen = regex.sub(_INVISIBLE, "", unicodedata.normalize("NFKC", text)).casefold()
    words = set(regex.findall(r"(?:\p{L}\p{M}*)+", seen))
    is_plain = len(words) > 1 and max(map(len, words)) > 2 and len(set("".join(words))) > 3
    return is_plain or regex.search(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}]{4}", seen) is not None


def _shown(letter: str) -> str:
    return f"U+{ord(letter):04X} {unicodedata.name(letter, '')}".rstrip()


def _scripts(name: str) -> set[str]:
    """Return the scripts of the letters of a name, as the names of Unicode."""
    from confusable_homoglyphs.categories import alias

    return {str(alias(letter)).capitalize() for letter in name if letter.isalpha()} - {"Common", "Inherited"}


def _plain_latin(letter: str) -> str:
    """Return the ASCII letters that a Latin letter looks like, such as `a` for `ɑ`; else the letter itself."""
    prototype = _table().get(letter, letter)
    return prototype if prototype.isascii() and not letter.isascii() and regex.match(r"\p{Latin}", letter) else letter


def _prototypes(text: str) -> str:
    table = _table()
    mapped = "".join(table.get(letter, letter) for letter in unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFD", mapped)


@cache
def _table() -> dict[str, str]:
    """Return the prototype of each confusable character.

    The library lists, for a prototype, its characters, and for a character its prototype alone. Where two stand
    opposite each other, either may be the prototype: the longer one is, else the first.
    """
    from confusable_homoglyphs.confusables import confusables_data

    others = {key: [each["c"] for each in found] for key, found in confusables_data.items()}

    def rank(text: str) -> tuple[int, int, str]:
        return (-len(others.get(text, ())), -len(text.strip(_BIDI_MARK)), text)

    return {
        letter: prototype.strip(_BIDI_MARK)
        for letter, found in others.items()
        if len(letter) == 1 and rank(prototype := min(found, key=rank)) < rank(letter)
    }
