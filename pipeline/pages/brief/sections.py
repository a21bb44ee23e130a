"""The building blocks of a brief: sections of sentences, points and small tables, drawn alike on page and PDF."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST_LETTERS = 70  # of a name


@dataclass(frozen=True, slots=True)
class Item:
    """A point of a list: what it is about, and what is said of it."""

    lead: str
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """A heading of its own, a text, a list of points, or a table: whichever is not empty."""

    title: str = ""
    text: str = ""
    points: tuple[Item, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def headed(cls, title: str) -> "Part":
        """Return a heading."""
        return cls(title=title)

    @classmethod
    def said(cls, text: str) -> "Part":
        """Return a text."""
        return cls(text=text)

    @classmethod
    def items(cls, points: Iterable[Item]) -> tuple["Part", ...]:
        """Return the points as one part; no part without any."""
        found = tuple(points)
        return (cls(points=found),) if found else ()

    @classmethod
    def table(cls, head: Sequence[str], rows: Iterable[Sequence[str]]) -> tuple["Part", ...]:
        """Return the rows as one part, whose first column names them; no part without any."""
        found = tuple(tuple(row) for row in rows)
        return (cls(head=tuple(head), rows=found),) if found else ()


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    parts: tuple[Part, ...]


def short(name: str, most: int = MOST_LETTERS) -> str:
    """Return a name, cut where it is longer than `most` letters.

    >>> short("Mill Lane"), short("a" * 80, 10)
    ('Mill Lane', 'aaaaaaaaa…')
    """
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"
