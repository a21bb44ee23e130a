"""Names of the people who decide: comparison of names, the machine's own name, and the rules every life cycle shares.

Users are authenticated by `flows.users`, which passes their ids as names. Names are typed only on rehearsal homes; two
that look alike are one person there.
"""

import unicodedata
from functools import cache, lru_cache
from typing import Any

from models.governance.life_cycle import Event, Rule
from models.users.look_alikes import name_problem, says_something, skeleton

MACHINE = "harmspot"  # the actor of what a run does by itself, such as to withdraw a notice


TITLES = (
    "Mr Mrs Ms Mx Miss Dr Prof Sir Dame Officer Constable PC WPC DC Sergeant Sgt DS Inspector Insp DI "
    "Chief Ch DCI CI Superintendent Supt DSU DCS Det Detective Capt Captain Cpt Lt Lieutenant Commander Cmdr Acting"
)
# Kinds of event that take enforcement back: no stricter rule undoes one that was recorded before the rule was there.
PROTECTIVE = (
    "revoked", "withdrawn", "expired", "erased", "overridden", "represented", "contested", "embargoed"
)  # fmt: skip


# Kinds of action at a place that people record by themselves.
RECORDED = (
    "partners_told", "outreach", "announcement", "crackdown_start", "crackdown_end", "visit", "sanction",
    "representation", "contest", "arrest", "seizure",
)  # fmt: skip


@lru_cache(maxsize=4096)
def name_of(actor: str) -> str:
    """Return the normalised name: two spellings of one name have the same, and two names that look alike.

    Case, spaces, punctuation, letter width, the encoding of accents and unprintable characters are ignored; titles and
    accents are not. Letters that look alike are one letter (`models.users.look_alikes.skeleton`).

    >>> name_of(" a.  REYES") == name_of("A Reyes")
    True
    """
    folded = "".join(map(_folded_letter, unicodedata.normalize("NFKC", actor)))
    found = " ".join(skeleton(folded).split())
    return found if found == actor else name_of(found)


def _folded_letter(letter: str) -> str:
    """Return a space for a separator or symbol, nothing for an unprintable character, else the letter itself."""
    kind = unicodedata.category(letter)[0]
    if letter.isspace() or kind in "ZPS":
        return " "
    return "" if kind == "C" else letter


@cache
def _titles() -> frozenset[str]:
    return frozenset(name_of(title) for title in TITLES.split())


def words_of(actor: str) -> frozenset[str]:
    """Return the words of a name in no order, titles of rank and courtesy left out; all of them where it has no other.

    >>> words_of("Insp. J. Reyes") == words_of("Reyes, J")
    True
    """
    words = frozenset(name_of(actor).split())
    return words - _titles() or words


def same_person(one: str, other: str) -> bool:
    """Return whether two names are the same after normalisation."""
    return name_of(one) == name_of(other)


def is_machine(actor: str) -> bool:
    """Return whether the actor is harmspot itself, however it is spaced; words after its name are ignored."""
    return name_of(actor).replace(" ", "").startswith(name_of(MACHINE))


def is_thin(text: str) -> bool:
    """Return whether a text says too little to be a reason: its words are fewer than two, the same or letters.

    >>> is_thin("fine Fine"), is_thin("a b"), is_thin("evidence read")
    (True, True, False)
    """
    return not says_something(text)


def _is_nameless(event: Event) -> bool:
    return not event.actor.strip() or (event.kind not in PROTECTIVE and name_problem(event.actor) is not None)


def _is_unexplained(event: Event) -> bool:
    reason = event.detail.get("reason", "")
    return len(set(reason.casefold().split())) < 2 or (event.kind not in PROTECTIVE and is_thin(reason))


NAMED: Rule[Any] = Rule(
    "nobody",
    (),
    lambda state, event: _is_nameless(event),
    lambda state, event: (
        f"the name of the actor {name_problem(event.actor)}"
        if event.actor.strip()
        else "actor is missing; give the name of the person"
    ),
)


def by_people(*kinds: str) -> Rule[Any]:
    """Return the rule that people decide, not harmspot, on these kinds of event, or on all if none is given."""
    message = "a named person must do it, not harmspot"
    return Rule("by_machine", kinds, lambda state, event: is_machine(event.actor), message)


def with_reason(*kinds: str) -> Rule[Any]:
    """Return the rule that these kinds of event have a reason, or all if none is given."""
    message = "reason too short: give at least two different words"
    return Rule("thin_reason", kinds, lambda state, event: _is_unexplained(event), message)
