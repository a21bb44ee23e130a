"""An A4 page in the typeface Lato, for notices and sheets as PDF: Latin, Greek and Cyrillic.

The same content gives the same bytes: nothing depends on the clock or the machine.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import fontpkg_lato
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

from pipeline.errors import PublicationError
from pipeline.terminal_text import inert_in_page

FONTS = Path(fontpkg_lato.__file__).parent / "files"
INK, QUIET, RULE = (17, 17, 17), (85, 85, 85), (150, 150, 150)


class LatoPage(FPDF):
    """The first page of a document, to be drawn on; close it when it is done.

    Parameters
    ----------
    title, language : str
        Of the document's metadata.
    made_at : datetime
        Its creation date, with a time zone.
    margin_mm, top_mm : float
        Margins at the sides and on top.
    """

    def __init__(self, title: str, language: str, made_at: datetime, *, margin_mm: float, top_mm: float) -> None:
        super().__init__(format="A4", unit="mm")
        self.set_margins(margin_mm, top_mm, margin_mm)
        for style, file in (("", "Lato-Regular.ttf"), ("B", "Lato-Bold.ttf")):
            self.add_font("lato", style, FONTS / file)
        self.set_creation_date(made_at)
        self.set_title(title)
        self.set_lang(language)
        self.set_producer("harmspot")
        self.str_alias_nb_pages = ""  # else fpdf2 writes the number of pages for "{nb}" in any text
        self.add_page()

    def close(self) -> None:
        """Close the font files, which fpdf2 keeps open."""
        for typeface in self.fonts.values():
            if isinstance(typeface, TTFFont):
                typeface.close()

    def refuse_missing_glyphs(self, texts: Iterable[str], what: str, way_out: str) -> None:
        """Raise PublicationError for characters of the texts that the typeface lacks; it names `what` holds them.

        Characters that steer a document, such as one that turns the direction of the text, are refused as well.
        """
        typeface = self.fonts["lato"]
        assert isinstance(typeface, TTFFont)  # add_font added it as one
        drawn = {ord(character) for text in texts for character in text} - {ord("\n")}
        steering = {code for code in drawn if inert_in_page(chr(code)) != chr(code)}
        if missing := sorted(drawn - set(typeface.cmap) | steering):
            named = ", ".join(f"U+{code:04X}" for code in missing[:5])
            raise PublicationError(f"{what} contains {named}, which the typeface Lato lacks; {way_out}")

    def write_text(
        self,
        text: str,
        size: float,
        line_mm: float,
        *,
        style: str = "",
        colour: tuple[int, int, int] = INK,
        align: str = "L",
        width: float = 0,
        link: str = "",
    ) -> None:
        """Write a text of `size` points from here on, with `line_mm` from line to line, and go below it."""
        self.set_font("lato", style, size)
        self.set_text_color(*colour)
        self.multi_cell(width, line_mm, text, align=align, link=link, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def draw_rule(self, start: float, end: float, y: float) -> None:
        """Draw a thin line from `start` to `end`."""
        self.set_draw_color(*RULE)
        self.line(start, y, end, y)
