"""Notices as printable pages: Jinja2 templates, one per kind and language, in plain words, on A4.

Every value is escaped and a value that is missing is an error, so a page can neither be broken by a hostile place name
nor go out with a hole in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound, UndefinedError
from markupsafe import Markup

from pipeline.errors import PublicationError

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
    drafts : one row per notice: kind (area or person), language, and the fields that the kind's template names
        (models.notices drafts them all).

    Returns
    -------
    DataFrame on the same index: title, body_html.
    """
    pages = [render_notice(fields) for fields in drafts.to_dict("records")]
    columns = {"title": [page.title for page in pages], "body_html": [page.body_html for page in pages]}
    return pd.DataFrame(columns, index=drafts.index, dtype="str")


def render_notice(fields: Mapping[Any, Any]) -> NoticePage:
    """Render one notice from its fields with the template `notice_<kind>.<language>.html`.

    Raises
    ------
    PublicationError : there is no such template, or a field it needs is missing.
    """
    name = f"notice_{fields['kind']}.{fields['language']}.html"
    try:
        template = _environment(str(fields["language"])).get_template(name)
        module: Any = template.make_module({str(key): value for key, value in fields.items()})
    except TemplateNotFound as error:
        raise PublicationError(
            f"language {fields['language']!r}: no template {name}; there are {', '.join(languages())}; "
            "write the template or change notices.languages"
        ) from error
    except UndefinedError as error:
        raise PublicationError(
            f"notice {fields.get('notice_id')}: {error.message}; draft it with that field"
        ) from error
    return NoticePage(str(Markup(module.title).unescape()).strip(), str(module).strip() + "\n")


def languages() -> list[str]:
    """Languages for which both kinds of notice have a template."""
    by_kind = [
        {path.name.split(".")[1] for path in TEMPLATES.glob(f"notice_{kind}.*.html")} for kind in ("area", "person")
    ]
    return sorted(set.intersection(*by_kind))


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
