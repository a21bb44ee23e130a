"""Who answers for an act: a named person, one whatever the capitals and spaces, in words that say something."""

MACHINE = "harmspot"  # the actor of what a run does by itself, such as to withdraw a notice


def name_of(actor: str) -> str:
    """Return the name by which two spellings are one person.

    >>> name_of(" a.  REYES") == name_of("A. Reyes")
    True
    """
    return " ".join(actor.casefold().split())


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
