"""Priors are fitted on people with evidence; other people in the records have no influence."""

import numpy as np
import pytest

from models.people_scores.offending import COLUMNS, MINIMUM_REPEATERS, fit_priors
from models.statistics.empirical_bayes import GammaPrior

ALIKE = np.ones(len(COLUMNS))


def offenders(repeaters: int) -> np.ndarray:
    """Return incidents of `repeaters` people with two or three, in one or two columns, and of 100 people with one."""
    whole = np.zeros((repeaters + 100, len(COLUMNS)))
    whole[:, 0] = 1
    whole[:repeaters, 2] = 1 + np.arange(repeaters) % 2
    return whole


def fitted(whole: np.ndarray, bystanders: int) -> list[GammaPrior]:
    whole = np.vstack([whole, np.zeros((bystanders, len(COLUMNS)))])
    return fit_priors(whole, ALIKE, np.full(len(whole), 1825.0))


def test_people_with_nothing_against_them_move_no_prior() -> None:
    whole = offenders(MINIMUM_REPEATERS)
    alone, among_many = fitted(whole, 0), fitted(whole, 5_000)
    assert [alone[0], alone[2]] == [among_many[0], among_many[2]]


def test_who_offends_in_one_way_is_not_held_to_be_free_of_the_others() -> None:
    whole = offenders(MINIMUM_REPEATERS)
    everybody_at_risk = fitted(offenders(MINIMUM_REPEATERS - 1), 5_000)
    assert fitted(whole, 5_000)[2].mean > 3 * everybody_at_risk[2].mean


def test_with_few_repeaters_everybody_at_risk_is_fitted() -> None:
    few = offenders(MINIMUM_REPEATERS - 1)
    assert fitted(few, 5_000)[0].mean == pytest.approx(len(few) / (len(few) + 5_000) / 1825, rel=1e-6)


def test_evidence_that_counts_in_part_makes_the_prior_rate_smaller() -> None:
    whole = offenders(MINIMUM_REPEATERS)
    days = np.full(len(whole), 1825.0)
    halved = fit_priors(whole, ALIKE / 2, days)
    assert [each.mean for each in halved] == pytest.approx([each.mean / 2 for each in fit_priors(whole, ALIKE, days)])
