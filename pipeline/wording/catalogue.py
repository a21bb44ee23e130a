"""A catalogue of messages: English texts of pages and sheets and their translation (gettext, read with Babel)."""

import re
from datetime import date
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from babel.support import NullTranslations, Translations
from markupsafe import Markup, escape

from pipeline.wording.formats import Formats, formats_of
from pipeline.wording.po_file import compiled, read_messages
from pipeline.wording.sentences import translated

ENGLISH = "en"
ISO_DAY = re.compile(r"(?<![\w-])\d{4}-\d\d-\d\d(?![\w-])")


class Sentence(NamedTuple):
    """A sentence of a published table as a page shows it, and whether it is in the catalogue's language."""

    text: str
    is_translated: bool


MOST_SENTENCES = 16384  # remembered of a catalogue: a process that lives for weeks meets new figures every day


class Catalogue:
    """Texts in one language; a text without translation stands in English."""

    def __init__(self, language: str = ENGLISH, translations: NullTranslations | None = None) -> None:
        self.language = language
        self.formats: Formats = formats_of(language)
        self._translations = translations or NullTranslations()
        self._sentence = lru_cache(maxsize=MOST_SENTENCES)(self._find_sentence)

    def text(self, message: str, **fields: object) -> str:
        """Return a message in the language, with `{name}` replaced by the field of that name."""
        if not message:
            return ""
        return self._translations.gettext(message).format(**fields) if fields else self._translations.gettext(message)

    def plural(self, one: str, many: str, count: int, **fields: object) -> str:
        """Return the form of a message that goes with `count`, which is also the field `{count}`."""
        said = self._translations.ngettext(one, many, count)
        return said.format(count=self.formats.number(count), **fields)

    def html(self, message: str, **fields: object) -> Markup:
        """Return `text` for a page: the message may contain HTML, its fields are escaped."""
        if not message:
            return Markup("")
        return Markup(self._translations.gettext(message)).format(**{k: escape(v) for k, v in fields.items()})

    def sentence(self, english: str) -> str:
        """Return a sentence of a published table, which is English by contract, in the language where it is known."""
        return self._sentence(english).text

    def sentence_html(self, english: str | None) -> Markup:
        """Return `sentence` for a page; what is not known is marked as English."""
        if not english:
            return Markup("")
        text, is_translated = self._sentence(english)
        return escape(text) if is_translated else Markup('<span lang="en">{}</span>').format(text)

    def _find_sentence(self, english: str) -> Sentence:
        text, is_translated = self._translate(english)
        return Sentence(ISO_DAY.sub(self._day, text), is_translated)

    def _day(self, written: re.Match[str]) -> str:
        try:
            return self.formats.day(date.fromisoformat(written[0]))
        except ValueError:  # figures that look like a day
            return written[0]

    def _translate(self, english: str) -> Sentence:
        if isinstance(self._translations, Translations):
            said = translated(english, self._translations.gettext, self.formats)
            return Sentence(said or english, said is not None or self.language == ENGLISH)
        return Sentence(english, is_translated=True)


def message(english: str) -> str:
    """Mark a text that stands apart from its use, so that it is extracted; it is looked up where it is used."""
    return english


def shipped_languages() -> list[str]:
    """Return the languages of harmspot's own catalogues."""
    files = (resources.files("pipeline.wording") / "locale").iterdir()
    return sorted({ENGLISH, *(file.name.removesuffix(".po") for file in files if file.name.endswith(".po"))})


@cache
def read_catalogue(language: str, own: Path | None = None) -> Catalogue:
    """Return the catalogue of a language: that of harmspot, with the messages of a force's own file before it.

    Raises
    ------
    SettingsError
        The force's own file cannot be used.
    """
    found: NullTranslations | None = None
    if language != ENGLISH and language in shipped_languages():
        with resources.as_file(resources.files("pipeline.wording") / "locale" / f"{language}.po") as path:
            found = compiled(read_messages(path, language))
    if own is not None:
        messages = compiled(read_messages(own, language))
        if found is not None:
            messages.add_fallback(found)
        found = messages
    return Catalogue(language, found)
