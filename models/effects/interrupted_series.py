"""Interrupted time series: a place's own weeks before the start, continued past it.

Negative binomial regression log E[y] = β₀ + β₁t, and one yearly harmonic where the record holds a year and a half
(Bernal, Cummins and Gasparrini 2017, Int. J. Epidemiology 46:348; statsmodels). Fitted on the weeks before alone: a
level and a slope that are free after the start leave the fit before it as it is. The dispersion is that of the
residuals of a Poisson fit (Cameron and Trivedi 1990, J. Econometrics 46:347).
"""

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
SCATTERED = 3.0  # times the variance of counting: reports that come in clusters, of which few speak for the weeks since
YEAR_WEEKS = 365.25 / 7
_FAR = 30.0  # of a logarithm, where a fit has not settled
_ROUNDS, _SETTLED, _RIDGE, _LEAST_ALPHA = 30, 1e-9, 1e-9, 1e-6


def continue_series(series: Series) -> Floats:
    """Return what each place's own trend and season let expect of the weeks since the start (as `Expect`)."""
    weeks, further = series.before.shape[1], series.after.shape[1]
    design = _design(weeks, further)
    expected = np.repeat(series.before.mean(axis=1, keepdims=True), further, axis=1)
    is_enough = series.before.sum(axis=1) >= FEWEST_REPORTS
    counts = series.before[is_enough]
    continued = np.exp(np.minimum(fit_places(counts, design[:weeks]) @ design[weeks:].T, _FAR))
    of_four = np.lib.stride_tricks.sliding_window_view(counts, 4, axis=1).mean(axis=2).max(axis=1, keepdims=True)
    expected[is_enough] = np.minimum(continued, MOST * of_four)
    return expected


def fit_places(counts: Floats, design: Floats) -> Floats:
    """Return β of a negative binomial regression of each place (places, columns of the design).

    All places at once by iteratively reweighted least squares: an operation has hundreds of placebos, of which
    statsmodels fits one at a time; a test holds both to the same numbers.

    Parameters
    ----------
    counts : Floats
        (places, weeks).
    design : Floats
        (weeks, columns), the first of ones.
    """
    poisson = _reweighted(counts, design, np.zeros(len(counts)))
    mean = np.exp(np.minimum(poisson @ design.T, _FAR))
    return _reweighted(counts, design, dispersion(counts, mean))


def dispersion(counts: Floats, mean: Floats) -> Floats:
    """Return α of each row, from what its counts vary around a Poisson mean beyond chance of counting."""
    found: Floats = np.maximum(((counts - mean) ** 2 - counts).sum(axis=-1) / (mean**2).sum(axis=-1), _LEAST_ALPHA)
    return found


def _reweighted(counts: Floats, design: Floats, alpha: Floats) -> Floats:
    beta = np.zeros((len(counts), design.shape[1]))
    beta[:, 0] = np.log(counts.mean(axis=1))
    for _ in range(_ROUNDS):
        log_mean = np.clip(beta @ design.T, -_FAR, _FAR)
        mean = np.exp(log_mean)
        weight = mean / (1 + alpha[:, None] * mean)
        squares = np.einsum("wp,nw,wq->npq", design, weight, design) + _RIDGE * np.eye(design.shape[1])
        products = np.einsum("wp,nw->np", design, weight * (log_mean + (counts - mean) / mean))
        last, beta = beta, np.linalg.solve(squares, products[..., None])[..., 0]
        if np.abs(beta - last).max(initial=0) < _SETTLED:
            break
    return beta


def lacking(series: Series) -> str | None:
    """Return why a date cannot be compared by it; None if it can."""
    weeks = series.before.shape[1]
    return None if weeks >= WEEKS_BEFORE else f"{weeks} weeks before are on record, a trend needs {WEEKS_BEFORE}"


def check(series: Series) -> tuple[str, bool]:
    """Return what was checked of row 0 in words, and whether it speaks against the method."""
    found, weeks = residuals(series.before[0]), series.before.shape[1]
    if not found:
        return "too few reports before to check", True
    doubts = {
        f"a season needs {SEASON_WEEKS} weeks": weeks < SEASON_WEEKS,
        "its weeks hang together": found.p_independent <= DOUBT,
        f"they vary {SCATTERED:.0f} times as much as by chance or more": found.dispersion >= SCATTERED,
    }
    named = " and ".join(doubt for doubt, holds in doubts.items() if holds)
    return found.words(weeks) + (f"; in doubt: {named}" if named else ""), bool(named)


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
    from statsmodels.genmod.families import NegativeBinomial, Poisson
    from statsmodels.genmod.generalized_linear_model import GLM
    from statsmodels.stats.diagnostic import acorr_ljungbox

    if len(before) < WEEKS_BEFORE or before.sum() < FEWEST_REPORTS:
        return None
    design = _design(len(before), 0)
    poisson = GLM(before, design, family=Poisson()).fit()
    alpha = float(dispersion(before, poisson.fittedvalues))
    around = GLM(before, design, family=NegativeBinomial(alpha=alpha)).fit().resid_pearson
    return Residuals(
        float(poisson.pearson_chi2 / poisson.df_resid),
        float(acorr_ljungbox(around, lags=[LAGS])["lb_pvalue"].iloc[0]),
    )


def _design(weeks: int, further: int) -> Floats:
    week = np.arange(weeks + further) - weeks + 0.5  # the start is 0
    columns = [np.ones(len(week)), week / YEAR_WEEKS]
    if weeks >= SEASON_WEEKS:
        angle = 2 * np.pi * week / YEAR_WEEKS
        columns += [np.sin(angle), np.cos(angle)]
    return np.stack(columns, axis=1)
