"""Self-contained pages with a run's figures on displacement, feedback or fairness, for a person to read and sign."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from pipeline.pages.base import page_environment, page_rows, words
from pipeline.privacy.pii_guard import refuse_people_in_text
from pipeline.publication.tables import read_tables
from pipeline.wording.catalogue import Catalogue, message

SUBJECTS = {"displacement": message("Displacement"), "feedback": message("Feedback")}

# Figures of the fairness page: title, what stands in the columns of base, part and rate, and how often the rate counts.
FIGURES = {
    "person_tier": (message("On the list of people by harm"), "list"),
    "dealer_ranking": (message("On the list of sellers"), "list"),
    "warrant_queue": (message("On the queue of warrants"), "list"),
    "referral": (message("On the list of people to be offered help"), "list"),
    "false_listing": (message("Listed a year ago, and nothing grave since"), "false"),
    "calibration": (message("Incidents expected a year ago, and observed since"), "calibration"),
    "forecast": (message("Outcomes forecast, and observed"), "calibration"),
    "hours_today": (message("Officer hours a day, today"), "hours"),
    "hours_proposed": (message("Officer hours a day, as proposed"), "hours"),
    "visit_minutes": (message("Minutes of planned visits a day"), "minutes"),
}
KINDS = {  # base, part, rate
    "list": (message("At risk"), message("On the list"), message("Share listed")),
    "false": (message("Listed then"), message("Nothing grave since"), message("Share")),
    "calibration": (message("Expected"), message("Observed"), message("Observed for one expected")),
    "hours": (message("Residents"), message("Hours"), message("Hours per 1,000 residents")),
    "minutes": (message("Residents"), message("Minutes"), message("Minutes per 1,000 residents")),
}
OF_NO_GROUP = (message("everybody"), message("not stated"))  # rows beside the groups
FINDINGS = {
    "above": message("above everybody's"),
    "below": message("below everybody's"),
    "none": message("no difference found"),
    "too few": message("too few for an interval"),
    "withheld": message("withheld"),
    "": "",
}


@dataclass(frozen=True, slots=True)
class FairnessPage:
    """What the fairness page shows; tables are those of `models.outcomes.fairness`, with column grouping.

    `shares` by grouping of people; `fifths` are the areas in fifths by officer hours per resident; `about_records` says
    of what records the figures `forecast` are; `notes` what the data cannot say, as messages and their fields.
    """

    title: str
    made_on: date
    shares: Mapping[str, pd.DataFrame]
    figures: pd.DataFrame
    fifths: pd.DataFrame
    about_records: str
    notes: Sequence[tuple[str, Mapping[str, object]]]


def render_fairness(page: FairnessPage, catalogue: Catalogue | None = None) -> str:
    """Return the page of the fairness audit as HTML; raises as `render_audit`."""
    catalogue = catalogue or Catalogue()
    figures = page.figures
    names: list[str] = list(dict.fromkeys(figures["grouping"])) if len(figures) else []
    html = page_environment(catalogue=catalogue).get_template("audit_fairness.html.jinja").render(
        subject=message("Fairness"),
        title=page.title,
        made_on=page.made_on,
        notes=[catalogue.text(text, **_written(fields, catalogue)) for text, fields in page.notes],
        found=[row for row in page_rows(figures) if row["finding"] in ("above", "below")],
        tested=int(figures["p_value"].notna().sum()) if len(figures) else 0,
        shares={name: page_rows(table) for name, table in page.shares.items()},
        figures={name: _tables(figures[figures["grouping"].eq(name)]) for name in names},
        fifths=page_rows(page.fifths),
        records=[name for name in names if name and name not in page.shares],
        about_records=page.about_records,
        titles=FIGURES,
        kinds=KINDS,
        findings=FINDINGS,
    )  # fmt: skip
    refuse_people_in_text("the page of an audit", html)
    return html


def _tables(figures: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each figure, each part also as a share of everybody's."""
    return {
        str(name): page_rows(table.assign(part_share=table["part"] / table["part"].iloc[-1]))
        for name, table in figures.groupby("figure", sort=False)
    }


def _written(fields: Mapping[str, object], catalogue: Catalogue) -> dict[str, object]:
    return {k: v if isinstance(v, str) else catalogue.formats.number(v, 0) for k, v in fields.items()}  # type: ignore[arg-type]


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
