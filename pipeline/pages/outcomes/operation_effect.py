"""Self-contained page about whether operations helped: what each method expected, and what came."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pandas as pd
from markupsafe import Markup

from pipeline.pages.base import page_environment, page_rows
from pipeline.pages.svg_plots import Interval, change_plot, count_plot
from pipeline.privacy.pii_guard import refuse_people_in_text
from pipeline.wording.catalogue import Catalogue, message

WEEKS_SHOWN = 52  # before the start
METHODS = {
    "interrupted_time_series": message("interrupted time series"),
    "difference_in_differences": message("difference in differences"),
    "synthetic_control": message("synthetic control"),
}
FINDINGS = {"fall": message("a fall"), "rise": message("a rise"), "undecided": message("undecided")}


def render_operation_effects(
    title: str,
    operations: Sequence[Mapping[str, Any]],
    cannot_tell: Sequence[str],
    catalogue: Catalogue | None = None,
) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    title : str
        The force and the run.
    operations : sequence of mapping
        title, verdict, together (how far the methods agree), started_on (local day), effects (of operation_effect).
    cannot_tell : sequence of str
        What no method can tell, in sentences.
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
    catalogue = catalogue or Catalogue()
    html = page_environment(catalogue=catalogue).get_template("operation_effect.html.jinja").render(
        title=title,
        operations=[_section(each, catalogue) for each in operations],
        cannot_tell=cannot_tell,
        methods=METHODS,
        findings=FINDINGS,
    )  # fmt: skip
    refuse_people_in_text("the page of an operation", html)
    return html


def _section(operation: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    rows = page_rows(operation["effects"])
    measured = [row for row in rows if row["finding"]]
    return {
        "title": operation["title"],
        "verdict": operation["verdict"],
        "together": operation["together"],
        "rows": rows,
        "weeks": _weeks(operation, measured, catalogue) if measured else None,
        "changes": _changes(measured, catalogue) if measured else None,
    }


def _weeks(operation: Mapping[str, Any], measured: list[dict[str, Any]], catalogue: Catalogue) -> Markup:
    """Plot the reports week by week, and what each method expected since the start."""
    first = measured[0]
    shown = min(first["weeks_before"], WEEKS_SHOWN)
    observed = first["observed_by_week"][first["weeks_before"] - shown :]
    series = {catalogue.text("reports"): observed}
    series |= {
        catalogue.text(METHODS[row["method"]]): [float("nan")] * shown + row["expected_by_week"] for row in measured
    }
    days = [operation["started_on"] + timedelta(weeks=week - shown) for week in range(len(observed))]
    title = catalogue.text("Reports at the market by week, and what each method expected since the start")
    return count_plot([day.isoformat() for day in days], series, title=title, start=shown)


def _changes(measured: list[dict[str, Any]], catalogue: Catalogue) -> Markup:
    title = catalogue.text("Observed less expected, with 80% intervals")
    rows = []
    for row in measured:
        name = catalogue.text(METHODS[row["method"]])
        rows.append(Interval(name, row["change"], row["change_lo"], row["change_hi"], "ours"))
        if row["net_change"] is not None and not pd.isna(row["net_change"]):
            around = catalogue.text("with 500 m around it")
            rows.append(Interval(around, row["net_change"], row["net_change_lo"], row["net_change_hi"], "theirs"))
    return change_plot(rows, title=title)
