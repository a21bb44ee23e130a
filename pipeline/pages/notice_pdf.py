"""Notices as PDF, rendered from the published page."""

from contextlib import closing
from datetime import datetime
from typing import Any

from fpdf.enums import XPos, YPos

from pipeline.briefing.lato_page import INK, QUIET, LatoPage
from pipeline.pages.notice_outline import Block, outline

MARGIN_MM = 22.0
LINE_MM = 5.0
BODY_PT, H1_PT, H2_PT, FILE_PT = 11.0, 18.0, 12.5, 10.0
TO_FILL_IN = "[[recipient]]"  # models.governance.notice_drafts.RECIPIENT: filled in by hand if it is not set


def notice_pdf(body_html: str, *, title: str, language: str, written_at: datetime) -> bytes:
    """Return the page as PDF.

    Parameters
    ----------
    body_html : str
        A page that `pipeline.pages.notice` rendered.
    title : str
        Title in the document's metadata.
    language : str
        Language code in the document's metadata.
    written_at : datetime
        Creation date in the document's metadata, with a time zone.

    Returns
    -------
    bytes
        The PDF.

    Raises
    ------
    PublicationError
        When the page contains a character that the typeface lacks.
    """
    with closing(_Letter(title, language, written_at)) as letter:
        blocks = outline(body_html)
        letter.refuse_missing_glyphs((block.text for block in blocks), "a notice", "use other characters")
        is_on_file = False
        for block in blocks:
            if block.is_on_file_only and not is_on_file:
                letter.add_page()
                is_on_file = True
            letter.draw(block)
        return bytes(letter.output())


class _Letter(LatoPage):
    def __init__(self, title: str, language: str, written_at: datetime) -> None:
        super().__init__(title, language, written_at, margin_mm=MARGIN_MM, top_mm=16)
        self.set_auto_page_break(True, margin=15)

    def footer(self) -> None:
        if self.page_no() > 1:
            self.set_y(-12)
            self._write(str(self.page_no()), 8, colour=QUIET, align="C")

    def draw(self, block: Block) -> None:
        draw = {"h1": self._headline, "h2": self._heading, "li": self._item}.get(block.tag, self._paragraph)
        draw(block)

    def _headline(self, block: Block) -> None:
        self.ln(2)
        self._write(block.text, H1_PT, style="B", line_mm=8.4)
        self.ln(1)

    def _heading(self, block: Block) -> None:
        if self.will_page_break(4 * LINE_MM):  # keep a heading with the following text
            self.add_page()
        self.ln(2.2)
        self._write(block.text, H2_PT, style="B", line_mm=6.2)
        self.ln(0.5)

    def _item(self, block: Block) -> None:
        size = FILE_PT if block.is_on_file_only else BODY_PT
        top = self.y
        self.set_font("lato", "", size)
        self.set_x(MARGIN_MM + 2)
        self.cell(4, LINE_MM, "•")
        self.set_xy(MARGIN_MM + 6, top)
        self._write(block.text, size, width=self.w - 2 * MARGIN_MM - 6)
        self.ln(0.7)

    def _paragraph(self, block: Block) -> None:
        draw = {"from": self._sender, "not-proof": self._box, "void": self._box, "sign": self._signature}
        if block.style in draw:
            draw[block.style](block)
            return
        self._write(block.text, FILE_PT if block.is_on_file_only else BODY_PT)
        self.ln(1.2)

    def _sender(self, block: Block) -> None:
        self._write(block.text.replace(TO_FILL_IN, "_" * 40), BODY_PT)
        self.ln(2)
        self._rule(self.x, self.w - MARGIN_MM)
        self.ln(4)

    def _box(self, block: Block) -> None:
        """Draw the block in a frame, so that it is not overlooked."""
        self.ln(2.5)
        self.set_draw_color(*INK)
        is_void = block.style == "void"
        size, align = (14.0, "C") if is_void else (BODY_PT, "L")
        self.set_font("lato", "B", size)
        self.multi_cell(
            0, LINE_MM + 0.6, block.text, border=1, align=align, padding=3, new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
        self.ln(2)

    def _signature(self, block: Block) -> None:
        """Draw the request, the signature line with the name if given, and the text below it."""
        first_line, _, below = block.text.partition("\n")
        request, _, name = first_line.partition(":")
        if self.will_page_break(24):
            self.add_page()
        self.ln(6)
        self._write(f"{request}:", BODY_PT)
        self.ln(6)
        self._write(name.strip() or " ", BODY_PT, style="B")
        self._rule(self.x, self.x + 110)
        self.ln(2)
        self._write(below, 9, colour=QUIET)

    def _rule(self, start: float, end: float) -> None:
        self.draw_rule(start, end, self.y)

    def _write(self, text: str, size: float, *, line_mm: float = LINE_MM, **how: Any) -> None:
        self.write_text(text, size, line_mm, **how)
