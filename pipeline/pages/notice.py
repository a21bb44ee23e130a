"""Notices as printable pages: one skeleton for each kind, its words beside it in each language, on A4.

Every value is escaped and one that is missing is an error, so a page can neither be broken by a hostile place name nor
go out with a hole in it. A page is made of few tags, which `pipeline.pages.notice_pdf` knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError
from markupsafe import Markup

from pipeline.errors import PublicationError

TEMPLATES = Path(__file__).parent / "templates"
KINDS = ("area", "person")
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
    drafts : one row per notice: kind (area or person), language, and the fields that the kind's words name
        (models.governance.notice_drafts drafts them all).

    Returns
    -------
    DataFrame on the same index: title, body_html.
    """
    pages = [render_notice(fields) for fields in drafts.to_dict("records")]
    columns = {"title": [page.title for page in pages], "body_html": [page.body_html for page in pages]}
    return pd.DataFrame(columns, index=drafts.index, dtype="str")


def render_notice(fields: Mapping[Any, Any]) -> NoticePage:
    """Render one notice from its fields with `notice_<kind>.html.jinja` and the words of its language.

    Raises
    ------
    PublicationError : there are no words for the kind in the language, or a field they name is missing.
    """
    environment, words = _environment(str(fields["language"])), _words(str(fields["kind"]), str(fields["language"]))

    def say(name: str, **more: Any) -> Markup:
        return Markup(environment.from_string(_word(words, name)).render({**fields, **more}))

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
    """Languages in which both kinds of notice have words."""
    by_kind = [{path.name.split(".")[1] for path in TEMPLATES.glob(f"notice_{kind}.*.yml")} for kind in KINDS]
    return sorted(set.intersection(*by_kind))


@cache
def _words(kind: str, language: str) -> Mapping[str, Any]:
    path = TEMPLATES / f"notice_{kind}.{language}.yml"
    if kind not in KINDS or language not in languages():
        raise PublicationError(
            f"language {language!r}: no words {path.name}; there are {', '.join(languages())}; "
            "write them or change notices.languages"
        )
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _word(words: Mapping[str, Any], name: str) -> str:
    found: Any = words
    for part in name.split("."):
        if part not in found:
            raise PublicationError(f"no words for {name!r} in a notice; add them beside the others in templates/")
        found = found[part]
    return found


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def in_words(day: date) -> str:
        month = MONTHS[language].split()[day.month - 1]
        return f"{day.day} de {month} de {day.year}" if language == "es" else f"{day.day} {month} {day.year}"

    environment.filters["in_words"] = in_words
    return environment
