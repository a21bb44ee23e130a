"""The brief as PDF, set by Typst: tagged (PDF/UA-1), with its typeface, four A4 pages at most.

The same content gives the same bytes: nothing depends on the clock, the machine or its typefaces.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache, partial
from typing import Any

import typst
from fontTools.ttLib import TTFont
from markupsafe import Markup

from pipeline.briefing.lato_page import FONTS
from pipeline.errors import PublicationError
from pipeline.pages.base import read_asset
from pipeline.pages.brief.brief import Brief
from pipeline.pages.brief.sections import short
from pipeline.terminal_text import inert_in_page

# Most pages, size of the letters in points, and how many of them a text has at most: the first in which all fits.
FITS: tuple[tuple[int, float, int | None], ...] = (
    (2, 10.0, None), (2, 9.5, None), (2, 9.0, None), (4, 10.0, None), (4, 9.5, None), (4, 9.0, None), (4, 8.5, None),
    (4, 8.0, None), (4, 7.5, None), (4, 7.0, None), (4, 7.0, 300), (4, 7.0, 150), (4, 6.5, 60),
)  # fmt: skip
WHOLE = ("alarms", "foot", "link", "svg_words")  # are never cut: what a reader must see, and what is not set in letters
TOO_LONG = "too long"  # what the template stops with
FALLBACK = "?"  # in place of a character that the typeface lacks


def brief_pdf(
    brief: Brief, svg: Markup, svg_words: str, key: Sequence[Mapping[str, Any]], *, made_at: datetime
) -> bytes:
    """Return the brief as PDF; texts that are too long for four pages are cut (not WHOLE), the page has them whole.

    Parameters
    ----------
    brief : Brief
        What it says; a character that the typeface lacks is a question mark.
    svg, svg_words, key : Markup, str, sequence of mapping
        The map, what it shows, what its colours mean.
    made_at : datetime
        In the document's metadata, with a time zone.

    Raises
    ------
    PublicationError
        Its first page, or all of it, does not fit.
    """
    content = _drawable({**asdict(brief), "svg_words": svg_words, "key": key})
    for pages, size, letters in FITS:
        shown = content if letters is None else _changed(content, partial(short, most=letters), WHOLE)
        inputs = {"brief": json.dumps(shown | {"pages": pages, "size": size}, sort_keys=True), "map": str(svg)}
        try:
            return _compiled(inputs, made_at)
        except typst.TypstError as error:
            if TOO_LONG not in str(error):
                raise PublicationError(f"the brief cannot be set as PDF: {error}") from error
    raise PublicationError(
        "the brief does not fit on four pages; shorten notices.help_contact and the names of areas and places"
    )


def _compiled(inputs: dict[str, str], made_at: datetime) -> bytes:
    compiler = typst.Compiler(
        read_asset("brief.typ").encode(), font_paths=_fonts(), sys_inputs=inputs, ignore_system_fonts=True
    )
    made = compiler.compile(format="pdf", pdf_standards=["ua-1"], timestamp=made_at)
    assert isinstance(made, bytes)  # of one document
    return made


@cache
def _fonts() -> Any:
    """Return the typeface, read once."""
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)])


@cache
def _known() -> frozenset[int]:
    """Return the characters that the typeface has."""
    with TTFont(FONTS / "Lato-Regular.ttf", lazy=True) as typeface:
        return frozenset(typeface.getBestCmap())


def _drawable(content: Mapping[str, Any]) -> Any:
    """Return the content with a question mark for every character that the typeface lacks."""
    known = _known()
    return _changed(
        content, lambda text: "".join(sign if ord(sign) in known else FALLBACK for sign in inert_in_page(text))
    )


def _changed(content: Any, change: Callable[[str], str], whole: Collection[str] = ()) -> Any:
    """Return the content with every text changed but those under the names in `whole`."""
    if isinstance(content, str):
        return change(content)
    if isinstance(content, Mapping):
        return {name: value if name in whole else _changed(value, change, whole) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_changed(value, change, whole) for value in content]
    return content
