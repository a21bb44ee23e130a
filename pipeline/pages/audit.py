"""One self-contained page with what a run knows on displacement or feedback, for a person to read and sign."""

from datetime import date

import pandas as pd

from pipeline.pages.base import page_environment, page_rows, read_asset
from pipeline.privacy.pii_guard import refuse_people_in_text


def render_audit(about: str, title: str, intro: str, table: pd.DataFrame, made_on: date) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    about : what is audited.
    title : whose, as of when.
    intro : what the columns say, and when a row raises an alarm.
    table : shown whole, is_alarm among its columns.
    made_on : as old as the report is; the page says it to whoever reads it by machine.

    Raises
    ------
    PublicationError
        Where the page would hold a pseudonym.
    """
    html = page_environment().get_template("audit.html.jinja").render(
        about=about,
        title=title,
        intro=intro,
        made_on=made_on,
        css=read_asset("report.css"),
        columns=list(table.columns),
        rows=page_rows(table),
        alarm_count=int(table.filter(regex="^is_.*alarm$").any(axis=1).sum()),
    )  # fmt: skip
    refuse_people_in_text("the page of an audit", html)
    return html
