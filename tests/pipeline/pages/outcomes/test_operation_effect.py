"""The page of operations: figures, plots, words, and what could not be measured."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from models.effects.agreement import CANNOT_TELL
from pipeline.errors import HarmspotError
from pipeline.pages.outcomes.operation_effect import render_operation_effects
from pipeline.wording.catalogue import read_catalogue
from pipeline.wording.sentences import patterns

EFFECTS = pd.DataFrame(
    {
        "method": ["interrupted_time_series", "difference_in_differences", "synthetic_control"],
        "observed": 30, "expected": [52.0, 45.0, np.nan], "change": [-22.0, -15.0, np.nan],
        "change_lo": [-40.0, -31.0, np.nan], "change_hi": [-4.0, 2.0, np.nan], "net_change": [-3.0, np.nan, np.nan],
        "net_change_lo": [-30.0, np.nan, np.nan], "net_change_hi": [21.0, np.nan, np.nan],
        "finding": ["fall", "undecided", None], "power_of_fall": [0.41, 0.62, np.nan],
        "least_fall": [0.45, np.nan, np.nan], "is_doubtful": [True, False, False],
        "assumptions": ["trend without season", "it moved as its placebos did", None],
        "why": ["", "", "not measured: 8 donors & 20 weeks"], "weeks_before": 3,
        "observed_by_week": [np.array([9, 11, 10, 14, 16])] * 3,
        "expected_by_week": [np.array([26.0, 26.0]), np.array([22.0, 23.0]), None],
    }
)  # fmt: skip
OPERATION = {
    "title": "market_3_4 in A03@1", "together": "No method could measure it: nothing can be said.",
    "started_on": date(2026, 3, 2), "effects": EFFECTS,
    "verdict": "too early to say: 28 days are needed, 14 have passed",
}  # fmt: skip


def page(language: str = "en", **changed: object) -> str:
    return render_operation_effects(
        "Testford", [{**OPERATION, **changed}], CANNOT_TELL, catalogue=read_catalogue(language)
    )


def test_the_page_shows_figures_plots_and_what_could_not_be_measured() -> None:
    html = page()
    assert html.count("<svg") == 2 and "2026-02-09" in html and "2026-03-09" in html
    for text in (
        "-22",
        "-40 to -4",
        "41%",
        "45%",
        "a fall",
        "undecided",
        "(in doubt)",
        "too early to say",
        "8 donors &amp; 20 weeks",
    ):
        assert text in html, text
    assert html == page()
    assert "http" not in html.replace("http-equiv", "")


def test_the_page_without_operations_or_figures_says_so() -> None:
    assert "No operation has started" in render_operation_effects("Testford", [], CANNOT_TELL)
    nothing = page(effects=EFFECTS.iloc[2:])
    assert "<svg" not in nothing and "8 donors" in nothing


def test_what_none_can_tell_is_in_the_language_of_the_page() -> None:
    assert set(CANNOT_TELL) <= set(patterns())
    spanish = page("es")
    assert "demasiado pronto" in spanish.lower()
    assert '<html lang="es">' in spanish and "Ningún método pudo medirla" in spanish
    assert not any(sentence in spanish for sentence in CANNOT_TELL)


def test_no_person_reaches_the_page() -> None:
    with pytest.raises(HarmspotError):
        page(title="p_" + "0" * 32)
