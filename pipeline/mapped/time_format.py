"""How a time column is written, as a mapping states it: a strptime pattern, or `epoch_s`, `epoch_ms` or `excel`."""

import re
from dataclasses import dataclass

NUMBERS = ("epoch_s", "epoch_ms", "excel")
_EXPECTED = f"expected a strptime pattern such as %Y-%m-%d %H:%M:%S, or one of {', '.join(NUMBERS)}"
_SHORT = {
    **{"F": "%Y-%m-%d", "T": "%H:%M:%S", "D": "%m/%d/%y", "R": "%H:%M", "r": "%I:%M:%S %p"},
    **{"e": "%d", "k": "%H", "l": "%I", "h": "%b", "P": "%p", "n": " ", "t": " "},
}
_KNOWN = frozenset("aAbBdfHIjmMpSyYzZ%")
_SAME = {"y": "Y", "b": "m", "B": "m", "I": "H", "Z": "z", "A": "a"}  # directives that give the same part of a time
_DIGITS = {"Y": r"\d{4}", "y": r"\d{2}", "j": r"\d{3}", **dict.fromkeys("dmHIMS", r"\d{2}")}
# Words for a zone that people write into a pattern as they stand in the text.
_ZONES = (
    r"Z|UTC|UT|GMT|[ECMP][SD]?T|AK[SD]T|HST|BST|IST|MSK|CES?T|WES?T|EES?T|A[ECW][SD]T|NZ[SD]T|SAST|WAT|CAT|EAT|JST|KST"
)
_ZONE = re.compile(rf"\s*\(?(?:(?<=[SMfpH0-9\s(])(?:{_ZONES})|(?<!%)%[zZ]|[+-]\d\d(?::?\d\d)?(?=\)?$))\)?$")
_ZONE_WITHIN = re.compile(rf"%[zZ]|\b(?:{_ZONES})\b|%[SMHfp]\s*[+-]\d\d")
_JAVA = re.compile(r"'[^']*'|AM/PM|am/pm|y+|Y+|M+|D+|d+|H+|h+|m+|s+|S+|a+|X+|x+|Z+|z+|E+")


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """A checked format: what DuckDB's strptime is given, and what the text then says."""

    pattern: str  # of the text without its zone
    precision: str  # instant, day or month
    date: str | None = None  # the pattern of the date alone, where the time of day comes last
    has_time: bool = False
    digits: str | None = None  # what the text must match where digits adjoin, as strptime would split 123 as 12 and 3
    ends_in: int = 0  # digits of a time of day that ends the pattern after a mark, such as 4 for ` %H%M`
    falls_back: bool = True  # whether a text of another form may be ISO 8601


def check_format(name: str, text: str) -> None:
    """Raise ValueError, which says the way out, if `text` is no format of times."""
    read_format(name, text)


def read_format(name: str, text: str) -> TimeFormat | str:
    """Return the format, or one of `NUMBERS` (`%s` is epoch_s).

    Parameters
    ----------
    name : str
        The key, for errors.
    text : str
        What the mapping states.

    Raises
    ------
    ValueError
        A directive is unknown, missing or given twice; the message says the way out.
    """
    text = text.strip()
    if text in NUMBERS or text == "%s":
        return "epoch_s" if text == "%s" else text
    where = f"{name}={text!r}"
    if "%" not in text:
        raise ValueError(f"{where}: {_strptime_of(text) or _EXPECTED}")
    pattern = re.sub(r"%(.)", lambda found: _SHORT.get(found[1], found[0]), text.replace("%-", "%"))
    unzoned = _ZONE.sub("", pattern)
    if _ZONE_WITHIN.search(unzoned):
        raise ValueError(f"{where}: expected the zone (%z, UTC …) at the end")
    directives = re.findall(r"%(.|$)", pattern)
    _check_directives(where, [word for word in directives if word != "%"])
    return _described(unzoned)


def _described(pattern: str) -> TimeFormat:
    parts = set(re.findall(r"%(.)", pattern))
    has_time = bool(parts & {"H", "I"})
    has_day = bool(parts & {"d", "j"})
    date = re.split(r"%[HI]", pattern)[0].rstrip(" ,T-") if has_time else None
    whole = date is not None and len(set(re.findall(r"%(.)", date)) & set("YymbBdj")) == len(parts & set("YymbBdj"))
    ends = re.search(r"[^%A-Za-z](%H%M(?:%S)?)$", pattern)
    return TimeFormat(
        pattern=pattern,
        precision="instant" if has_time else "day" if has_day else "month",
        date=date if whole else None,
        has_time=has_time,
        digits=_digits(pattern),
        ends_in=len(ends[1]) if ends else 0,
        falls_back=not re.match(r"%Y\W*%d", pattern),
    )


def _digits(pattern: str) -> str | None:
    """Return a regular expression of the text where two directives of digits adjoin, or None."""
    if not re.search(rf"%[{''.join(_DIGITS)}]%[{''.join(_DIGITS)}f]", pattern):
        return None
    tokens = re.findall(r"%.|[^%]+", pattern)
    return "".join(_token(token, tokens, position) for position, token in enumerate(tokens))


def _token(token: str, tokens: list[str], position: int) -> str:
    if not token.startswith("%"):
        return re.sub(r"(?:\\ )+", r"\\s+", re.escape(token))
    beside = tokens[max(position - 1, 0) : position] + tokens[position + 1 : position + 2]
    if token[1] not in _DIGITS:
        return {"%f": r"\d+", "%%": "%"}.get(token, r"\D+")
    fixed = _DIGITS[token[1]]
    return fixed if any(other[1:] in {*_DIGITS, "f"} for other in beside) else fixed.replace("{2}", "{1,2}")


def _check_directives(where: str, found: list[str]) -> None:
    if unknown := [word for word in found if word not in _KNOWN]:
        raise ValueError(f"{where}: %{unknown[0]} is unknown; {_EXPECTED}")
    parts = [_SAME.get(word, word) for word in found]
    if twice := [word for word, part in zip(found, parts, strict=True) if parts.count(part) > 1]:
        raise ValueError(
            f"{where}: {' and '.join('%' + word for word in twice)} state the same twice (%m month, %M minute)"
        )
    if {"I", "p"} & set(found) and not {"I", "p"} <= set(found):
        missing = "%I without %p leaves the half of the day open: add %p, or use %H"
        raise ValueError(f"{where}: {missing if 'I' in found else '%p needs the hour as %I, not %H'}")
    for part, needed, words in _NEEDS:
        if part in parts and not set(needed) & set(parts):
            raise ValueError(f"{where}: {words}")
    if "Y" not in parts or not {"m", "j"} & set(parts):
        raise ValueError(f"{where}: expected at least a year (%Y) and a month (%m)")


_NEEDS = (
    ("M", "H", "%M is the minute and needs an hour; the month is %m"),
    ("S", "M", "%S needs a minute (%M)"),
    ("f", "S", "%f needs a second (%S)"),
    ("H", "dj", "an hour needs a day (%d)"),
    ("z", "H", "a zone needs an hour (%H)"),
)


def _strptime_of(text: str) -> str | None:
    """Return a sentence with the strptime spelling of a pattern in the style of Java or Excel; None if it is none."""
    if not re.search(r"yy", text, re.IGNORECASE):
        return None
    is_half_day = bool(re.search(r"\ba+\b|am/pm", text, re.IGNORECASE))
    seen: list[str] = []
    spelt = _JAVA.sub(lambda found: _strptime_token(found[0], seen, is_half_day=is_half_day), text)
    return f"expected a strptime pattern, here {spelt!r}"


def _strptime_token(word: str, seen: list[str], *, is_half_day: bool) -> str:
    if word.startswith("'"):
        return word.strip("'")
    is_minute = word[0] in "mM" and bool(seen) and seen[-1] in "Hh"
    seen.append(word[0])
    if word[0] in "mM":
        return "%M" if is_minute else {3: "%b", 4: "%B"}.get(len(word), "%m")
    if word[0] in "yY":
        return "%y" if len(word) == 2 else "%Y"
    hour = {"h": "%I" if is_half_day else "%H"}
    known = {"d": "%d", "D": "%d", "H": "%H", "s": "%S", "S": "%f", "a": "%p", "A": "%p", "E": "%a"} | hour
    return known.get(word[0], "%z")
