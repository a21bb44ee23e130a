"""Notices as printable A4 pages: one template for each kind, with a file of texts for each language.

A kind is a file `notice_<kind>.html.jinja`; its texts are `notice_<kind>.<language>.yml`.

Values are escaped and missing values are errors, so a hostile place name cannot break a page and no page is incomplete.
Pages use only a few tags, which `pipeline.pages.notice_pdf` supports.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, UndefinedError
from markupsafe import Markup

from pipeline.errors import PublicationError
from pipeline.pages.base import inert_value

TEMPLATES = Path(__file__).parent / "templates"
MONTHS = {
    "en": "January February March April May June July August September October November December",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
}


@dataclass(frozen=True, slots=True)
class NoticePage:
    """A rendered notice: its headline as plain text and the whole page as HTML."""

    title: str
    body_html: str


def render_notices(drafts: pd.DataFrame) -> pd.DataFrame:
    """Render drafted notices.

    Parameters
    ----------
    drafts : pandas.DataFrame
        One row per notice: kind, language, and the fields that the texts of the kind use
        (`models.governance.notice_drafts` creates them all).

    Returns
    -------
    pandas.DataFrame
        title, body_html, on the same index.
    """
    pages = [render_notice(fields) for fields in drafts.to_dict("records")]
    columns = {"title": [page.title for page in pages], "body_html": [page.body_html for page in pages]}
    return pd.DataFrame(columns, index=drafts.index, dtype="str")


def render_notice(fields: Mapping[Any, Any]) -> NoticePage:
    """Render one notice from its fields with `notice_<kind>.html.jinja` and the texts of its language.

    Raises
    ------
    PublicationError
        When the kind has no texts in the language, or a field that they use is missing.
    """
    language = str(fields["language"])
    environment, texts = _environment(language), _texts(str(fields["kind"]), language)

    def say(name: str, **more: Any) -> Markup:
        return Markup(_phrase(language, _text(texts, name)).render({**fields, **more}))

    named = {
        "say": say,
        "one_of": lambda name, key, **more: say(f"{name}.{key}", **more),
    }
    try:
        title = say("title")
        page = environment.get_template(f"notice_{fields['kind']}.html.jinja").render(
            {**fields, **named, "title": title}
        )
    except UndefinedError as error:
        raise PublicationError(
            f"notice {fields.get('notice_id')}: {error.message}; draft it with that field"
        ) from error
    return NoticePage(str(title.unescape()).strip(), page.strip() + "\n")


def languages() -> list[str]:
    """Return the languages in which every kind of notice has texts."""
    kinds = [path.name.removesuffix(".html.jinja") for path in TEMPLATES.glob("notice_*.html.jinja")]
    return sorted(
        set.intersection(*({path.name.split(".")[1] for path in TEMPLATES.glob(f"{k}.*.yml")} for k in kinds))
    )


@cache
def _texts(kind: str, language: str) -> Mapping[str, Any]:
    path = TEMPLATES / f"notice_{kind}.{language}.yml"
    if language not in languages() or not path.exists():
        raise PublicationError(
            f"language {language!r}: no file of texts {path.name}; available: {', '.join(languages())}; "
            "add the file or change notices.languages"
        )
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)


def _text(texts: Mapping[str, Any], name: str) -> str:
    found: Any = texts
    for part in name.split("."):
        if part not in found:
            raise PublicationError(f"no text {name!r} for a notice; add it to the files in templates/")
        found = found[part]
    return found


@cache
def _phrase(language: str, text: str) -> Template:
    """Return a text compiled: the notices of a run share a few dozen texts."""
    return _environment(language).from_string(text)


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=inert_value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def in_words(day: date) -> str:
        month = MONTHS[language].split()[day.month - 1]
        return f"{day.day} de {month} de {day.year}" if language == "es" else f"{day.day} {month} {day.year}"

    environment.filters["in_words"] = in_words
    return environment
