"""The brief as one HTML file that asks for nothing: no script, no address, no font from elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from pipeline.pages.base import page_environment
from pipeline.pages.brief.brief import Brief
from pipeline.privacy.pii_guard import refuse_people_in_text
from pipeline.wording.catalogue import Catalogue


def brief_page(
    brief: Brief, svg: Markup, svg_words: str, key: Sequence[Mapping[str, Any]], catalogue: Catalogue
) -> bytes:
    """Return the page: `svg` is its map, `svg_words` what that shows, `key` what its colours mean.

    Raises
    ------
    PublicationError
        When the page would contain a pseudonym.
    """
    template = page_environment(catalogue=catalogue).get_template("brief.html.jinja")
    html = template.render(brief=brief, svg=svg, svg_words=svg_words, key=key)
    refuse_people_in_text("the brief", html)
    return html.encode()
