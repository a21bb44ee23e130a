"""A catalogue of messages: English texts of pages and sheets and their translation (gettext, read with Babel)."""

from functools import cache
from importlib import resources
from io import BytesIO

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from markupsafe import Markup, escape

ENGLISH = "en"


class Catalogue:
    """Texts in one language; a text without translation stands in English."""

    def __init__(self, language: str = ENGLISH, translations: NullTranslations | None = None) -> None:
        self.language = language
        self._translations = translations or NullTranslations()

    def text(self, message: str, **fields: object) -> str:
        """Return a message in the language, with `{name}` replaced by the field of that name."""
        return self._translations.gettext(message).format(**fields) if fields else self._translations.gettext(message)

    def plural(self, one: str, many: str, count: int, **fields: object) -> str:
        """Return the form of a message that goes with `count`, which is also the field `{count}`."""
        return self._translations.ngettext(one, many, count).format(count=count, **fields)

    def html(self, message: str, **fields: object) -> Markup:
        """Return `text` for a page: the message may contain HTML, its fields are escaped."""
        return Markup(self._translations.gettext(message)).format(**{k: escape(v) for k, v in fields.items()})


@cache
def read_catalogue(language: str) -> Catalogue:
    """Return the shipped catalogue of a language.

    Raises
    ------
    FileNotFoundError
        There is no catalogue of the language.
    """
    if language == ENGLISH:
        return Catalogue()
    source = resources.files("pipeline.wording") / "locale" / f"{language}.po"
    with source.open("rb") as file:
        return Catalogue(language, _compiled(read_po(file, locale=language)))


def _compiled(messages: Catalog) -> Translations:
    binary = BytesIO()
    write_mo(binary, messages)
    binary.seek(0)
    return Translations(fp=binary)
