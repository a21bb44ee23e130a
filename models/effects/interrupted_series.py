"""Interrupted time series: a place's own weeks before the start, continued past it.

Negative binomial regression log E[y] = β₀ + β₁t, and one yearly harmonic where the record holds a year and a half
(Bernal, Cummins and Gasparrini 2017, Int. J. Epidemiology 46:348; statsmodels). Fitted on the weeks before alone: a
level and a slope that are free after the start leave the fit before it as it is. The dispersion is that of the
residuals of a Poisson fit (Cameron and Trivedi 1990, J. Econometrics 46:347).
"""

import warnings
from dataclasses import dataclass

import numpy as np

from models.arrays import Floats
from models.effects.series import Series

WEEKS_BEFORE = 26  # with fewer there is no trend to continue
SEASON_WEEKS = 78  # with fewer a season cannot be told from a trend
FEWEST_REPORTS = 10  # with fewer the mean is continued
MOST = 3.0  # times the greatest mean of four weeks before: no trend is continued further
LAGS = 4  # weeks within which residuals may hang together
DOUBT = 0.1
YEAR_WEEKS = 365.25 / 7


def continue_series(series: Series) -> Floats:
    """Return what each place's own trend and season let expect of the weeks since the start (as `Expect`)."""
    weeks, further = series.before.shape[1], series.after.shape[1]
    design = _design(weeks, further)
    return np.array([_continued(counts, design, further) for counts in series.before])


def lacking(series: Series) -> str | None:
    """Return why a date cannot be compared by it; None if it can."""
    weeks = series.before.shape[1]
    return None if weeks >= WEEKS_BEFORE else f"{weeks} weeks before are on record, a trend needs {WEEKS_BEFORE}"


def check(series: Series) -> tuple[str, bool]:
    """Return what was checked of row 0 in words, and whether it speaks against the method."""
    found, weeks = residuals(series.before[0]), series.before.shape[1]
    return (found.words(weeks), weeks < SEASON_WEEKS) if found else ("too few reports before to check", True)


@dataclass(frozen=True, slots=True)
class Residuals:
    """What the weeks before say of the model."""

    dispersion: float  # variance of a Poisson fit's residuals; 1 where reports vary by chance of counting alone
    p_independent: float  # of the residuals of LAGS weeks (Ljung and Box 1978)

    def words(self, weeks_before: int) -> str:
        """Return what was checked, and what came of it."""
        season = "trend and season" if weeks_before >= SEASON_WEEKS else "trend without season, as the record is short"
        varied = f"weekly reports vary {self.dispersion:.1f} times as much as by chance of counting"
        joined = "hang together" if self.p_independent <= DOUBT else "show no sign of hanging together"
        return (
            f"{season}, from {weeks_before} weeks before; {varied}; residuals of weeks that follow each other {joined} "
            f"(Ljung-Box p = {self.p_independent:.2f})"
        )


def residuals(before: Floats) -> Residuals | None:
    """Return how a place's weeks before the start lie around the model; None where too few are on record."""
    from statsmodels.stats.diagnostic import acorr_ljungbox

    if len(before) < WEEKS_BEFORE or before.sum() < FEWEST_REPORTS:
        return None
    design = _design(len(before), 0)
    poisson, mean, alpha = _fits(before, design)
    around = (before - mean) / np.sqrt(mean + alpha * mean**2)
    dispersion = float(((before - poisson) ** 2 / poisson).sum() / (len(before) - design.shape[1]))
    return Residuals(dispersion, float(acorr_ljungbox(around, lags=[LAGS])["lb_pvalue"].iloc[0]))


def _design(weeks: int, further: int) -> Floats:
    week = np.arange(weeks + further) - weeks + 0.5  # the start is 0
    columns = [np.ones(len(week)), week / YEAR_WEEKS]
    if weeks >= SEASON_WEEKS:
        angle = 2 * np.pi * week / YEAR_WEEKS
        columns += [np.sin(angle), np.cos(angle)]
    return np.stack(columns, axis=1)


def _continued(counts: Floats, design: Floats, further: int) -> Floats:
    if len(counts) < WEEKS_BEFORE or counts.sum() < FEWEST_REPORTS:
        return np.full(further, counts.mean())
    _, mean, _ = _fits(counts, design)
    limit = MOST * np.convolve(counts, np.full(4, 0.25), mode="valid").max()
    return np.minimum(mean[len(counts) :], limit)


def _fits(counts: Floats, design: Floats) -> tuple[Floats, Floats, float]:
    """Return the means of a Poisson and of a negative binomial fit, the latter also of later weeks, and its α."""
    from statsmodels.genmod.families import NegativeBinomial, Poisson
    from statsmodels.genmod.generalized_linear_model import GLM

    own = design[: len(counts)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a fit that has not settled; placebos are fitted and judged alike
        poisson = GLM(counts, own, family=Poisson()).fit().fittedvalues
        alpha = float(max(((counts - poisson) ** 2 - counts).sum() / (poisson**2).sum(), 1e-6))
        fit = GLM(counts, own, family=NegativeBinomial(alpha=alpha)).fit()
    return poisson, np.exp(np.minimum(design @ fit.params, 50.0)), alpha
