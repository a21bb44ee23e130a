"""Self-contained page about a backtest of the forecast: plots and tables, no network needed."""

from collections.abc import Mapping, Sequence

import pandas as pd
from markupsafe import Markup

from pipeline.pages.area_evaluation import coverage_plot
from pipeline.pages.base import page_environment, page_rows
from pipeline.pages.svg_plots import Interval, calibration_plot, decile_plot, interval_plot, line_plot
from pipeline.wording.catalogue import Catalogue

OURS = "harmspot"
OURS_BY_HARM = "harmspot, by harm"
CEILING = "no method"
COUNT = "count"
BAND = (0.08, 0.12)  # expected share of outcomes in each tenth


def render_evaluation(
    title: str, verdicts: Sequence[str], tables: Mapping[str, pd.DataFrame], catalogue: Catalogue | None = None
) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    title : str
        What was evaluated.
    verdicts : sequence of str
        What was found, as sentences.
    tables : mapping of str to pandas.DataFrame
        scores, by_origin, transform, calibration, coverage, reliability, stability, with the columns of `harmspot
        evaluate forecast --json`; differences with measure, against, difference, lo, hi, ratio.
    catalogue : Catalogue, optional
        Language of the page; by default English.

    Returns
    -------
    str
        The page.
    """
    catalogue = catalogue or Catalogue()
    scores = tables["scores"]
    plots = {
        "harm_1": _intervals(scores, "harm_share", 0.01, catalogue.text("Share of harm in 1% of squares, by method")),
        "harm_5": _intervals(scores, "harm_share", 0.05, catalogue.text("Share of harm in 5% of squares, by method")),
        "pai_1": _intervals(
            scores, "pai", 0.01, catalogue.text("Predictive accuracy index at 1% of squares, by method")
        ),
        "by_origin": _by_origin(tables["by_origin"], catalogue),
        "transform": decile_plot(
            tables["transform"]["share"].tolist(),
            title=catalogue.text("Share of outcomes in each tenth of the forecast"),
            band=BAND,
        ),
        "calibration": _calibrations(tables["calibration"], catalogue),
        "coverage": coverage_plot(tables["coverage"], catalogue),
    }
    return page_environment(catalogue=catalogue).get_template("evaluation.html.jinja").render(
        title=title,
        verdicts=verdicts,
        plots=plots,
        **{name: page_rows(tables[name]) for name in ("differences", "reliability", "stability")},
    )  # fmt: skip


def _intervals(scores: pd.DataFrame, metric: str, share: float, title: str) -> Markup:
    rows = scores[(scores["metric"] == metric) & (scores["share"] == share)]
    columns = [rows[name].tolist() for name in ("method", "value", "lo", "hi")]
    intervals = [Interval(name, value, lo, hi, _kind(name)) for name, value, lo, hi in zip(*columns, strict=True)]
    return interval_plot(intervals, title=title, is_share=metric != "pai")


def _kind(method: str) -> str:
    if method.startswith(OURS):
        return "ours"
    return "ceiling" if CEILING in method else "theirs"


def _by_origin(by_origin: pd.DataFrame, catalogue: Catalogue) -> Markup:
    """Plot the harm forecast and the plain count by origin."""
    rows = by_origin[(by_origin["metric"] == "harm_share") & (by_origin["share"] == 0.05)]
    wide = rows.pivot(index="origin_day", columns="method", values="value")  # noqa: PD010 - one value each
    shown = [name for start in (OURS_BY_HARM, COUNT) for name in wide.columns if name.startswith(start)]
    days = pd.to_datetime(wide.index.to_numpy(), unit="D").strftime("%Y-%m-%d").tolist()
    series = {name: wide[name].tolist() for name in shown}
    return line_plot(days, series, title=catalogue.text("Share of harm in 5% of squares over time"))


def _calibrations(calibration: pd.DataFrame, catalogue: Catalogue) -> dict[float, Markup]:
    """Plot forecast against observed frequencies, by top share."""
    plots = {}
    for share in calibration["share"].unique().tolist():
        rows = calibration.loc[calibration["share"] == share, ["forecast", "observed", "cell_horizons"]]
        points = [(forecast, observed, count) for forecast, observed, count in rows.to_numpy(dtype=float).tolist()]
        title = catalogue.text(
            "Chance of being in the worst {share}: forecast and observed", share=catalogue.formats.percent(share)
        )
        plots[share] = calibration_plot(points, title=title)
    return plots
