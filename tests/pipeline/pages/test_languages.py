"""Every page is in the language of the force: its own words stand in the catalogue, and its root says which it is."""

import re
from collections.abc import Callable
from datetime import date

import pandas as pd
import pytest

from pipeline.pages.area_evaluation import render_area_evaluation
from pipeline.pages.audit import render_audit, render_fairness
from pipeline.pages.evaluation import render_evaluation
from pipeline.pages.people_validation import render_people_evaluation
from pipeline.pages.plans import _equilibria
from pipeline.wording.catalogue import Catalogue, read_catalogue
from tests.pipeline.pages.test_area_evaluation import tables as tables_of_areas
from tests.pipeline.pages.test_evaluation import tables as tables_of_forecast
from tests.pipeline.pages.test_fairness_page import page_of

PEOPLE = {
    "scores": pd.DataFrame({"outcome": "arrest", "method": ["score", "count"], "measure": "auc", "value": [0.7, 0.6],
                            "lo": 0.5, "hi": 0.8}),
    "differences": pd.DataFrame({"outcome": "arrest", "against": ["count"], "measure": "auc", "difference": 0.1,
                                 "lo": 0.0, "hi": 0.2}),
    "calibration": pd.DataFrame({"outcome": "arrest", "tenth": [1], "people": 1234, "forecast": 0.1, "came": 0.2,
                                 "lo": 0.0, "hi": 0.3, "is_within": True}),
    "gaps": pd.DataFrame(columns=["outcome"]),
    "groups": pd.DataFrame(columns=["outcome"]),
    "summary": pd.DataFrame(columns=["outcome", "value", "measure"]),
}  # fmt: skip
AUDIT = pd.DataFrame({"market_id": ["m1"], "is_alarm": [True]})
OF_DATA = {"Testford", "score", "count", "by harm", "by score", "harm per day", "rank by score"}
PAGES: dict[str, Callable[[Catalogue], str]] = {
    "areas": lambda catalogue: render_area_evaluation("Testford", [], tables_of_areas(), catalogue),
    "forecast": lambda catalogue: render_evaluation("Testford", [], tables_of_forecast(), catalogue),
    "people": lambda catalogue: render_people_evaluation("Testford", PEOPLE, catalogue),
    "audit": lambda catalogue: render_audit("displacement", "Testford", "", AUDIT, date(2026, 3, 1), (), catalogue),
    "fairness": lambda catalogue: render_fairness(page_of("score"), catalogue),
}


def told(html: str) -> set[str]:
    """The headings, introductions and heads of a page."""
    texts = re.findall(r"<(?:h1|h2|h3|p|th)\b[^>]*>(.*?)</", html, re.DOTALL)
    return {text.strip() for text in texts if re.search("[A-Za-z]{4}", text)}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_text_of_its_own_outside_the_catalogue(page: str) -> None:
    english, spanish = (PAGES[page](read_catalogue(language)) for language in ("en", "es"))
    assert '<html lang="en">' in english and '<html lang="es">' in spanish
    assert {text for text in told(english) & told(spanish) if not text.startswith("<code")} <= OF_DATA


def test_the_drawing_of_the_model_is_in_the_language_of_the_page() -> None:
    drawn = str(_equilibria(read_catalogue("es")))
    assert 'aria-label="Parte de todos los que infringen, según cómo se usan las sanciones"' in drawn
    assert "repartidas con un refuerzo" in drawn and "periodo 60" in drawn
    assert not re.search(r"[> ](spread|concentrated|period|sanctions)\b", drawn)
    assert "spread with a surge" in str(_equilibria(Catalogue()))
