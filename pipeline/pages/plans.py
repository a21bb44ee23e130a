"""Self-contained page for planners: sequence of crackdowns, hours, commitments; no network needed."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import pandas as pd
from markupsafe import Markup

from pipeline.pages.base import page_environment, page_rows
from pipeline.pages.svg_plots import line_plot
from pipeline.privacy.pii_guard import refuse_people_in_text

PLANS = {"averted_marginal": "averts most", "averted_minimax": "even ratio", "averted_today": "as today"}
DOSES = {1.0: "as assumed", 0.5: "half of it", 2.0: "twice"}


def render_plans(title: str, tables: Mapping[str, pd.DataFrame], promise_words: str, zone: ZoneInfo) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    title : str
        The force and the date of the plans.
    tables : mapping of str to pandas.DataFrame
        officer_allocation, allocation_curve, allocation_cost, crackdown_plan, visit_plan, promise, as published.
    promise_words : str
        A sentence about how many commitments were kept.
    zone : ZoneInfo
        Time zone of the times shown.

    Returns
    -------
    str
        The page.

    Raises
    ------
    PublicationError
        When the page would contain a pseudonym.
    """
    html = page_environment(zone).get_template("plans.html.jinja").render(
        title=title,
        by_plan=_by_plan(tables["allocation_curve"]),
        by_dose=_by_dose(tables["allocation_curve"]),
        gains=_gains(tables["allocation_curve"], float(tables["officer_allocation"]["harm_per_day"].sum())),
        costs=page_rows(tables["allocation_cost"]),
        allocation=page_rows(tables["officer_allocation"].sort_values("area_id")),
        crackdowns=page_rows(tables["crackdown_plan"].sort_values("position")),
        visit_count=len(tables["visit_plan"]),
        visited_count=tables["visit_plan"]["cell_id"].nunique(),
        promises=page_rows(tables["promise"].sort_values(["announced_at", "promise_kind"])),
        promise_words=promise_words,
    )  # fmt: skip
    refuse_people_in_text("the page of plans", html)
    return html


def _by_plan(curve: pd.DataFrame) -> Markup:
    rows = curve[curve["kappa_multiple"] == 1.0].sort_values("hours_share")
    series = {words: _shares(rows, name) for name, words in PLANS.items()}
    return line_plot(_moments(rows), series, title="Share of harm averted by hours, for three plans")


def _by_dose(curve: pd.DataFrame) -> Markup:
    by_dose = {
        words: curve[curve["kappa_multiple"] == dose].sort_values("hours_share") for dose, words in DOSES.items()
    }
    series = {words: _shares(rows, "averted_marginal") for words, rows in by_dose.items()}
    return line_plot(
        _moments(next(iter(by_dose.values()))), series, title="Share of harm averted, by what an hour does"
    )


def _shares(rows: pd.DataFrame, name: str) -> list[float]:
    """Return harm averted as a share of that without officers; zero where there is none."""
    harm = rows["harm_without_officers"]
    return (rows[name] / harm.where(harm > 0)).fillna(0.0).tolist()


def _gains(curve: pd.DataFrame, harm: float) -> list[tuple[str, float]]:
    """Return what the plan that averts most gains with today's hours, as a share of measured harm, by dose."""
    now = curve[curve["hours_share"] == 1.0].set_index("kappa_multiple")["gain_marginal"]
    return [
        (words, max(float(now[dose]), 0.0) / harm) for dose, words in DOSES.items() if dose in now.index and harm > 0
    ]


def _moments(rows: pd.DataFrame) -> list[str]:
    return [f"{share:.0%} of today's hours" for share in rows["hours_share"]]
