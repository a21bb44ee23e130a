"""Self-contained page with a run's figures on displacement or feedback, for a person to read and sign."""

from collections.abc import Sequence
from datetime import date

import pandas as pd

from pipeline.pages.base import page_environment, page_rows, words
from pipeline.privacy.pii_guard import refuse_people_in_text
from pipeline.publication.tables import read_tables
from pipeline.wording.catalogue import Catalogue, message

SUBJECTS = {"displacement": message("Displacement"), "feedback": message("Feedback")}


def render_audit(
    about: str,
    title: str,
    intro: str,
    table: pd.DataFrame,
    made_on: date,
    in_words: Sequence[str] = (),
    catalogue: Catalogue | None = None,
) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    about : str
        Subject of the audit.
    title : str
        The force and the date of the audit.
    intro : str
        Meaning of the columns, and when a row raises an alarm.
    table : pandas.DataFrame
        The table to show, with column is_alarm.
    made_on : date
        Date of the report, also in the page's machine-readable metadata.
    in_words : sequence of str
        What the table says, one sentence per row that matters; stands above it.
    catalogue : Catalogue, optional
        Language of the page; by default English.

    Returns
    -------
    str
        The page.

    Raises
    ------
    PublicationError
        When the page would contain a pseudonym.
    """
    html = page_environment(catalogue=catalogue).get_template("audit.html.jinja").render(
        about=about,
        subject=SUBJECTS.get(about, about.capitalize()),
        title=title,
        intro=intro,
        made_on=made_on,
        in_words=in_words,
        columns=_titles(about, table),
        rows=page_rows(table),
        alarm_count=int(table.filter(regex="^is_.*alarm$").any(axis=1).sum()),
    )  # fmt: skip
    refuse_people_in_text("the page of an audit", html)
    return html


def _titles(about: str, table: pd.DataFrame) -> dict[str, str]:
    """Return the title of each column, by its name."""
    published = read_tables().published
    titles = {column.name: column.title for column in published[about].columns} if about in published else {}
    return {str(name): titles.get(str(name), words(str(name))) for name in table}
