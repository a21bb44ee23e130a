"""Self-contained page about the validation of scores on real people's records: plots and tables."""

from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from pipeline.pages.base import page_environment, page_rows
from pipeline.pages.svg_plots import Interval, calibration_plot, interval_plot
from pipeline.wording.catalogue import Catalogue, message

MEASURES = {
    "auc": message("Chance of telling two people apart (AUC)"),
    "top_share": message("Share of outcomes in the first 5% of people"),
}


def render_people_evaluation(title: str, tables: Mapping[str, pd.DataFrame], catalogue: Catalogue | None = None) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    title : str
        What was validated.
    tables : mapping of str to pandas.DataFrame
        scores, differences, calibration, gaps, groups, summary, as in `harmspot evaluate people --json`.
    catalogue : Catalogue, optional
        Language of the page; by default English.

    Returns
    -------
    str
        The page.
    """
    catalogue = catalogue or Catalogue()
    outcomes = [_section(outcome, tables, catalogue) for outcome in tables["scores"]["outcome"].unique().tolist()]
    template = page_environment(catalogue=catalogue).get_template("people_evaluation.html.jinja")
    return template.render(title=title, outcomes=outcomes)


def _section(outcome: str, tables: Mapping[str, pd.DataFrame], catalogue: Catalogue) -> dict[str, object]:
    of = {name: table[table["outcome"] == outcome] for name, table in tables.items()}
    return {
        "name": outcome,
        "plots": {
            catalogue.text(words): _intervals(of["scores"], measure, catalogue.text(words))
            for measure, words in MEASURES.items()
        },
        "calibration_plot": _calibration(of["calibration"], catalogue),
        **{name: page_rows(of[name]) for name in ("differences", "calibration", "gaps", "groups", "summary")},
    }


def _intervals(scores: pd.DataFrame, measure: str, title: str) -> Markup:
    ours = scores["method"].iloc[0]
    rows = scores.loc[scores["measure"] == measure, ["method", "value", "lo", "hi"]]
    intervals = [
        Interval(method, value, lo, hi, "ours" if method == ours else "theirs")
        for method, value, lo, hi in rows.itertuples(index=False)
    ]
    return interval_plot(intervals, title=title, is_share=True)


def _calibration(tenths: pd.DataFrame, catalogue: Catalogue) -> Markup:
    points = [
        (float(forecast), float(came), float(people))
        for forecast, came, people in tenths[["forecast", "came", "people"]].to_numpy().tolist()
    ]
    return calibration_plot(points, title=catalogue.text("Forecast and observed, tenth by tenth"))
