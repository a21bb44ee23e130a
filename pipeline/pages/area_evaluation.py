"""Self-contained page about a backtest of the area ranking: verdicts, plots and tables, no network needed."""

from collections.abc import Mapping, Sequence

import pandas as pd
from markupsafe import Markup

from pipeline.pages.base import page_environment, page_rows
from pipeline.pages.svg_plots import Interval, calibration_plot, interval_plot
from pipeline.wording.catalogue import Catalogue


def render_area_evaluation(
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
        coverage, reliability, curve, chances, harm_held, with the columns of `harmspot evaluate areas --json`.
    catalogue : Catalogue, optional
        Language of the page; by default English.

    Returns
    -------
    str
        The page.
    """
    catalogue = catalogue or Catalogue()
    coverage, reliability, curve = (tables[name] for name in ("coverage", "reliability", "curve"))
    plots = {
        "coverage": coverage_plot(coverage, catalogue),
        "reliability": {
            outcome: reliability_plot(
                reliability[reliability["outcome"] == outcome], curve[curve["outcome"] == outcome], outcome, catalogue
            )
            for outcome in reliability["outcome"].unique().tolist()
        },
        "harm_held": _harm_held(tables["harm_held"], catalogue),
    }
    return page_environment(catalogue=catalogue).get_template("area_evaluation.html.jinja").render(
        title=title,
        verdicts=verdicts,
        plots=plots,
        **{name: page_rows(tables[name]) for name in ("coverage", "reliability", "chances")},
    )  # fmt: skip


def coverage_plot(coverage: pd.DataFrame, catalogue: Catalogue) -> Markup:
    """Plot the share of intervals that contained the outcome, and the share promised; columns: those of `coverage`."""
    rows = coverage[["interval", "covered", "lo", "hi"]].itertuples(index=False)
    return interval_plot(
        [Interval(catalogue.text(name), covered, lo, hi, "ours") for name, covered, lo, hi in rows],
        title=catalogue.text("Share of intervals that contained the outcome"),
        is_share=True,
        promised=float(coverage["nominal"].iloc[0]),
    )


def reliability_plot(bins: pd.DataFrame, curve: pd.DataFrame, outcome: str, catalogue: Catalogue) -> Markup:
    """Plot chances of being among the first K against how often it came true, in bins and as the isotonic curve.

    Columns are those of `reliability` and `curve`.
    """
    points = bins[["forecast", "observed", "cases"]].to_numpy(float).tolist()
    return calibration_plot(
        [(forecast, observed, cases) for forecast, observed, cases in points],
        ends=[(lo, hi) for lo, hi in bins[["lo", "hi"]].to_numpy(float).tolist()],
        curve=[
            (forecast, calibrated)
            for forecast, calibrated in curve[["forecast", "calibrated"]].to_numpy(float).tolist()
        ],
        title=catalogue.text("Chance of being among the first areas, {k}: forecast and observed", k=outcome),
    )


def _harm_held(held: pd.DataFrame, catalogue: Catalogue) -> Markup:
    rows = held[["method", "share", "lo", "hi"]].itertuples(index=False)
    intervals = [
        Interval(
            catalogue.text(method),
            share,
            lo,
            hi,
            "ours" if n == 0 else "ceiling" if "no method" in method else "theirs",
        )
        for n, (method, share, lo, hi) in enumerate(rows)
    ]
    return interval_plot(
        intervals, title=catalogue.text("Share of the observed harm in the areas ranked first"), is_share=True
    )
