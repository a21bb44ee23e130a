"""Sentences of published tables, which are English by contract, in another language.

`sentences.txt` holds their patterns, one a line, each a message of the catalogue: `{name}` stands for what differs.
"""

import re
from collections.abc import Callable
from functools import cache
from importlib import resources

from pipeline.wording.formats import Formats

ENDS = re.compile(r"(?<=[.:;!?])\s+")  # where a text of several sentences may be cut
FEW_LETTERS = 8  # of a pattern's own
FIELD = re.compile(r"\{(\w+)\}")
FIGURE = r"(?:less than |more than )?[-+<>]?[\d,.]*\d%?"
CODE = r"\d[\w.-]*|[^\W\d_](?:[\d.-][\w.-]*)?"  # name of an area that is a bare number or letter
FIGURES = {  # fields that hold a figure, with or without a number behind the name; all others hold words
    *("all", "before", "chance", "count", "days", "delivered", "due", "harm", "hours", "incidents", "k", "least"),
    *("limit", "more", "most", "n", "other_share", "outside", "promised", "rank", "ranked", "read", "share", "some"),
    *("unknown", "usual", "waiting", "were", "window"),
}


def patterns() -> list[str]:
    """Return the patterns in the order of the file."""
    lines = (resources.files("pipeline.wording") / "sentences.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def translated(english: str, lookup: Callable[[str], str], formats: Formats) -> str | None:
    """Return a text of one or more sentences in another language; None where a part of it is not known.

    Parameters
    ----------
    english : str
        What a published table says.
    lookup : callable
        Translation of a message; the message itself where there is none.
    formats : Formats
        How the language writes numbers; numbers in the text are written so.
    """
    if (counted := re.fullmatch(r"([\d,.]+) (.+)", english)) and (said := _one(counted[2], lookup, formats)):
        return f"{formats.rewritten(counted[1])} {said}"
    whole = _one(english, lookup, formats)
    if whole is None and (said := _one(english[:1].lower() + english[1:], lookup, formats)):
        whole = said[:1].upper() + said[1:]
    if whole is None and (counted := re.fullmatch(r"(.+) \(([\d,.]+)\)", english)):
        said = translated(counted[1], lookup, formats)
        whole = f"{said} ({formats.rewritten(counted[2])})" if said else None
    if whole is not None:
        return whole
    parts = ENDS.split(english)
    for first in range(len(parts) - 1, 0, -1):  # the longest beginning that is known, then the rest
        head = _one(" ".join(parts[:first]), lookup, formats)
        rest = translated(" ".join(parts[first:]), lookup, formats) if head is not None else None
        if head is not None and rest is not None:
            return f"{head} {rest}"
    return None


def _one(english: str, lookup: Callable[[str], str], formats: Formats) -> str | None:
    is_one = ENDS.search(english) is None
    for pattern, expression in _expressions():
        # A pattern of hardly any words, such as "{name} and {name_2}", would fit any two sentences.
        found = expression.fullmatch(english) if is_one or len(FIELD.sub("", pattern)) > FEW_LETTERS else None
        if found and ((said := lookup(pattern)) != pattern or not FIELD.search(pattern)):
            fields = {name: _field(value, lookup, formats) for name, value in found.groupdict().items()}
            return said.format(**fields)
    return None


def _field(value: str, lookup: Callable[[str], str], formats: Formats) -> str:
    """Return a field's value: a figure as the language writes it, words that are a message themselves translated."""
    if not re.search("[A-Za-z]", value):
        return formats.rewritten(value)
    if (said := _one(value, lookup, formats)) is not None:
        return said
    between = next((mark for mark in ("; ", ", ") if mark in value), None)
    return between.join(_field(part, lookup, formats) for part in value.split(between)) if between else value


@cache
def _expressions() -> list[tuple[str, re.Pattern[str]]]:
    """Return the patterns as expressions, those with most text of their own first."""
    ordered = sorted(patterns(), key=lambda pattern: (-len(FIELD.sub("", pattern)), pattern))
    return [(pattern, re.compile(_expression(pattern), re.DOTALL)) for pattern in ordered]


def _expression(pattern: str) -> str:
    parts = FIELD.split(pattern)
    return "".join(re.escape(part) if at % 2 == 0 else _group(part) for at, part in enumerate(parts))


def _group(name: str) -> str:
    is_figure = re.sub(r"_\d$", "", name) in FIGURES
    return f"(?P<{name}>{CODE if name == 'code' else FIGURE if is_figure else '.+?'})"
