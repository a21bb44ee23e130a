"""Who answers for an act: a named person, one however the name is typed, in words that say something.

harmspot authenticates nobody. It tells the names apart that are given to it; who may type which is for the system that
it runs on.
"""

import unicodedata

MACHINE = "harmspot"  # the actor of what a run does by itself, such as to withdraw a notice


def name_of(actor: str) -> str:
    """Return the name by which two spellings are one person.

    Capitals, spaces, punctuation, the width of letters, how an accent is made and what is not printed are no part of a
    name; titles and accents are.

    >>> name_of(" a.  REYES") == name_of("A Reyes")
    True
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", actor).casefold())
    return " ".join("".join(map(_folded, folded)).split())


def _folded(notice: str) -> str:
    """A space for what parts words, nothing for what is not printed, or the letter itself."""
    kind = unicodedata.category(notice)
    if notice.isspace() or kind[0] in "ZP":
        return " "
    return "" if kind in ("Cc", "Cf") else notice


def same_person(one: str, other: str) -> bool:
    """Return whether two names are one person's."""
    return name_of(one) == name_of(other)


def is_machine(actor: str) -> bool:
    """Return whether harmspot itself acts, under whatever further words."""
    return name_of(actor).startswith(MACHINE)


def is_thin(words: str) -> bool:
    """Return whether words are too few to be a reason: one, or one repeated.

    >>> is_thin("fine Fine"), is_thin("evidence read")
    (True, False)
    """
    return len(set(words.casefold().split())) < 2
