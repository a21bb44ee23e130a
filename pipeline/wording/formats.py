"""Numbers, shares and dates as a language writes them; the rules of each language are Babel's (Unicode CLDR)."""

import math
import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from babel import Locale
from babel.dates import format_date
from babel.numbers import get_decimal_symbol, get_group_symbol

BRITISH = {"en": "en_GB"}  # the day stands before the month
ENGLISH_NUMBER = re.compile(r"[-<>]?\d{1,3}(,?\d{3})*(\.\d+)?%?")
NONE = "–"


@dataclass(frozen=True, slots=True)
class Formats:
    """How a language writes numbers, shares and dates."""

    locale: str
    marks: dict[int, str]
    percent_sign: str

    def number(self, value: float | None, digits: int = 0) -> str:
        """Return a number with thousands separators, or a dash if it is missing.

        >>> formats_of("en").number(1234.5, 1), formats_of("es").number(1234.5, 1), formats_of("en").number(None)
        ('1,234.5', '1.234,5', '–')
        """
        return NONE if value is None or math.isnan(value) else f"{value:,.{digits}f}".translate(self.marks)

    def percent(self, value: float | None) -> str:
        """Return a share in whole percent; 0% and 100% are only used for exact values.

        >>> [formats_of("en").percent(share) for share in (0.999, 1.0, 0.004, 0.42)]
        ['>99%', '100%', '<1%', '42%']
        """
        if value is None or math.isnan(value):
            return NONE
        if 0 < value < 0.005:
            return f"<1{self.percent_sign}"
        return f">99{self.percent_sign}" if 0.995 <= value < 1 else f"{100 * value:.0f}{self.percent_sign}"

    def chance(self, value: float | None) -> str:
        """Return a share of draws in whole percent; one of none is not told from one of few, nor one of all from most.

        >>> [formats_of("en").chance(share) for share in (0.0, 0.008, 0.42, 1.0)]
        ['<1%', '<1%', '42%', '>99%']
        """
        if value is None or math.isnan(value):
            return NONE
        figure = "<1" if value < 0.01 else ">99" if value > 0.99 else f"{100 * value:.0f}"
        return figure + self.percent_sign

    def day(self, value: date) -> str:
        """Return a date in words.

        >>> formats_of("en").day(date(2019, 12, 1)), formats_of("es").day(date(2019, 12, 1))
        ('1 December 2019', '1 de diciembre de 2019')
        """
        return format_date(value, "long", locale=self.locale)

    def moment(self, local: datetime) -> str:
        """Return a local date and time in words."""
        return f"{self.day(local.date())}, {local:%H:%M}"

    def rewritten(self, text: str) -> str:
        """Return a number that was written in English as the language writes it, all other text as it is.

        >>> formats_of("es").rewritten("1,234.5"), formats_of("es").rewritten("24th District")
        ('1.234,5', '24th District')
        """
        if not ENGLISH_NUMBER.fullmatch(text):
            return text
        return text.removesuffix("%").translate(self.marks) + (self.percent_sign if text.endswith("%") else "")


@cache
def formats_of(language: str) -> Formats:
    """Return the formats of a language.

    Raises
    ------
    babel.UnknownLocaleError
        Babel knows no such language.
    """
    locale = Locale.parse(BRITISH.get(language, language), sep="-" if "-" in language else "_")
    marks = {ord(","): get_group_symbol(locale), ord("."): get_decimal_symbol(locale)}
    pattern = locale.percent_formats[None].pattern
    return Formats(str(locale), marks, pattern[pattern.rindex("0") + 1 :])
