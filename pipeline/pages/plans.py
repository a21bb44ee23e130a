"""Self-contained page for planners: sequence of crackdowns, hours, commitments; no network needed."""

import re
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import pandas as pd
from markupsafe import Markup

from pipeline.pages.base import page_environment, page_rows, read_asset
from pipeline.pages.svg_plots import line_plot
from pipeline.privacy.pii_guard import refuse_people_in_text
from pipeline.wording.catalogue import Catalogue, message

PLANS = {
    "averted_marginal": message("most harm prevented"),
    "averted_minimax": message("even workload"),
    "averted_today": message("as today"),
}
DOSES = {
    1.0: message("if an hour does as assumed"),
    0.5: message("if it does half as much"),
    2.0: message("if it does twice as much"),
}
NEXT_STEPS = {
    "register": message("register it"),
    "tell_partners": message("tell health partners"),
    "announce": message("announce it"),
    "wait": message("wait for the day"),
    "start": message("start"),
    "go_on": message("go on"),
    "move": message("move to the next market"),
    "hold_it": message("hold it with few hours"),
    "evaluate": message("evaluate it"),
    "nothing": message("nothing"),
}
LIMITS = {
    "hours": message("hours altogether"),
    "floor": message("least hours of an area"),
    "ceiling": message("most hours of an area"),
}
CODES = [
    *(message("hold"), message("concentrate"), message("maintain")),  # phases; announce and move are next steps, too
    *(message("announce"), message("move")),
    *(message("open"), message("kept"), message("broken")),
]


def render_plans(
    title: str,
    tables: Mapping[str, pd.DataFrame],
    promise_words: str,
    zone: ZoneInfo,
    catalogue: Catalogue | None = None,
) -> str:
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
    catalogue : Catalogue or None
        The texts in the force's language; by default English.

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
    html = page_environment(zone, catalogue).get_template("plans.html.jinja").render(
        title=title,
        equilibria=_equilibria(catalogue),
        by_plan=_by_plan(tables["allocation_curve"], catalogue),
        by_dose=_by_dose(tables["allocation_curve"], catalogue),
        gains=[
            (catalogue.text(words), share)
            for words, share in _gains(
                tables["allocation_curve"], float(tables["officer_allocation"]["harm_per_day"].sum())
            )
        ],
        next_steps=NEXT_STEPS,
        limits=LIMITS,
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


def _by_plan(curve: pd.DataFrame, catalogue: Catalogue) -> Markup:
    rows = curve[curve["kappa_multiple"] == 1.0].sort_values("hours_share")
    series = {catalogue.text(words): _shares(rows, name) for name, words in PLANS.items()}
    title = catalogue.text("Share of harm prevented by hours, for three plans")
    return line_plot(_moments(rows, catalogue), series, title=title)


def _by_dose(curve: pd.DataFrame, catalogue: Catalogue) -> Markup:
    by_dose = {
        words: curve[curve["kappa_multiple"] == dose].sort_values("hours_share") for dose, words in DOSES.items()
    }
    series = {catalogue.text(words): _shares(rows, "averted_marginal") for words, rows in by_dose.items()}
    title = catalogue.text("Share of harm prevented, by what an hour does")
    return line_plot(_moments(next(iter(by_dose.values())), catalogue), series, title=title)


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


def _moments(rows: pd.DataFrame, catalogue: Catalogue) -> list[str]:
    percent = catalogue.formats.percent
    return [catalogue.text("{share} of today's hours", share=percent(share)) for share in rows["hours_share"]]


def _equilibria(catalogue: Catalogue) -> Markup:
    """Return the drawing of the model, its words in the language of the page."""
    words = re.compile(r"(?<=>)\s*[^<>]*[A-Za-z][^<>]*(?=<)|(?<=aria-label=\")[^\"]+")
    drawn = str(read_asset("equilibria.html"))
    return Markup(words.sub(lambda text: re.sub(r"\S.*\S", lambda said: catalogue.sentence(said[0]), text[0]), drawn))
