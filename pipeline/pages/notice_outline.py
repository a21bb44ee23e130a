"""The visible text of a notice page as blocks, for the PDF and the reading age."""

from dataclasses import dataclass
from html.parser import HTMLParser

BLOCKS = ("h1", "h2", "p", "li")


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph or list item: its text, and whether it is only on the file copy."""

    tag: str
    style: str
    text: str
    is_on_file_only: bool


def outline(body_html: str) -> list[Block]:
    """Return the blocks of a page that `pipeline.pages.notice` rendered, in order; `<br>` becomes a line break."""
    parser = _Outline()
    parser.feed(body_html)
    parser.close()
    return parser.blocks


def notice_text(body_html: str) -> str:
    """Return the text that the recipient reads, one block per line, without the file copy."""
    return "\n".join(block.text for block in outline(body_html) if not block.is_on_file_only)


class _Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[Block] = []
        self._tag: str | None = None
        self._style = ""
        self._text = ""
        self._is_on_file_only = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            self._is_on_file_only = True
        elif tag == "br":
            self._text += "\n"
        elif tag in BLOCKS:
            self._tag, self._style, self._text = tag, dict(attrs).get("class") or "", ""

    def handle_endtag(self, tag: str) -> None:
        if tag == self._tag:
            lines = [" ".join(line.split()) for line in self._text.split("\n")]
            self.blocks.append(Block(tag, self._style, "\n".join(lines), self._is_on_file_only))
            self._tag = None

    def handle_data(self, data: str) -> None:
        if self._tag:
            self._text += data.replace("\n", " ")
