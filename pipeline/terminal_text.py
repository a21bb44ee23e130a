"""Texts from outside: nothing in them steers a terminal, a page or a document."""

import re

# Control characters but tab and line breaks, marks that turn the direction of what follows, and what is no character.
_STEERING = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
# Also the links that some readers of Markdown make by themselves.
_ACTIVE_IN_MARKDOWN = re.compile(r"[\\`*_\[\]<>&!|~$#@]|(?<=www)\.|:(?=//)", re.IGNORECASE)
_BEGINS_BLOCK = re.compile(r"^(\d*)([-+=.)])")  # a list or a heading


def inert(text: str) -> str:
    r"""Return a text in which what would steer a terminal is spelt out, as `\x1b` is; lines stay lines."""
    return "".join(sign if sign.isprintable() or sign == "\n" else ascii(sign)[1:-1] for sign in text)


def inert_in_page(text: str) -> str:
    r"""Return a text in which what would steer a page or document is replaced; tabs and lines stay.

    >>> inert_in_page("a\u202eb\x1b\tc")
    'a�b�\tc'
    """
    return _STEERING.sub("�", text)


def inert_in_markdown(text: str) -> str:
    """Return a text as one line of Markdown that is shown as it is: no link, image, tag, table or emphasis.

    >>> inert_in_markdown("[x](http://y) *z*")
    '\\\\[x\\\\](http\\\\://y) \\\\*z\\\\*'
    """
    line = _ACTIVE_IN_MARKDOWN.sub(r"\\\g<0>", " ".join(inert_in_page(text).split()))
    return _BEGINS_BLOCK.sub(r"\1\\\2", line)


def inert_in_json(text: str) -> str:
    """Return JSON in which characters that are not printed are escaped; it says the same."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign == "\n" else _escaped(sign) for sign in text)


def _escaped(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
