"""Names of the people who decide: comparison of names, the machine's own name, and the rules every life cycle shares.

harmspot authenticates nobody. It only compares the names that it is given; the system on which it runs controls who
may enter which name.
"""

import unicodedata
from typing import Any

from models.governance.life_cycle import Rule

MACHINE = "harmspot"  # the actor of what a run does by itself, such as to withdraw a notice


def name_of(actor: str) -> str:
    """Return the normalised name: two spellings of one name have the same.

    Case, spaces, punctuation, letter width, the encoding of accents and unprintable characters are ignored; titles and
    accents are not.

    >>> name_of(" a.  REYES") == name_of("A Reyes")
    True
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", actor).casefold())
    return " ".join("".join(map(_folded_letter, folded)).split())


def _folded_letter(letter: str) -> str:
    """Return a space for a separator, nothing for an unprintable character, else the letter itself."""
    category = unicodedata.category(letter)
    if letter.isspace() or category[0] in "ZP":
        return " "
    return "" if category in ("Cc", "Cf") else letter


def same_person(one: str, other: str) -> bool:
    """Return whether two names are the same after normalisation."""
    return name_of(one) == name_of(other)


def is_machine(actor: str) -> bool:
    """Return whether the actor is harmspot itself, however it is spaced; words after its name are ignored."""
    return name_of(actor).replace(" ", "").startswith(MACHINE)


def is_thin(text: str) -> bool:
    """Return whether a text is too short to be a reason: it has fewer than two different words.

    >>> is_thin("fine Fine"), is_thin("evidence read")
    (True, False)
    """
    return len(set(text.casefold().split())) < 2


NAMED: Rule[Any] = Rule(
    "nobody", (), lambda state, event: not event.actor.strip(), "actor is missing; give the name of the person"
)


def by_people(*kinds: str) -> Rule[Any]:
    """Return the rule that people decide, not harmspot, on these kinds of event, or on all if none is given."""
    message = "a named person must do it, not harmspot"
    return Rule("by_machine", kinds, lambda state, event: is_machine(event.actor), message)


def with_reason(*kinds: str) -> Rule[Any]:
    """Return the rule that these kinds of event have a reason, or all if none is given."""
    message = "reason too short: give at least two different words"
    return Rule("thin_reason", kinds, lambda state, event: is_thin(event.detail.get("reason", "")), message)
