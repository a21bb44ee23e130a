"""Texts from outside on a terminal: nothing in them steers it."""


def inert(text: str) -> str:
    r"""Return a text in which what would steer a terminal is spelt out, as `\x1b` is; lines stay lines."""
    return "".join(sign if sign.isprintable() or sign == "\n" else ascii(sign)[1:-1] for sign in text)
