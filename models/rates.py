"""Empirical-Bayes rates of counts over time at risk: the gamma–Poisson model.

A count is Poisson with mean rate × exposure, and rates vary over entities as a gamma distribution. Its two
parameters are found by maximising the negative-binomial marginal likelihood of all counts (Robbins 1956;
Clayton and Kaldor 1987, Biometrics 43:671), so that an entity seen for a short while is drawn towards the rest.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy  # its slow parts, optimize and interpolate, are imported with their first use
from scipy.special import digamma, gammaln

Floats = npt.NDArray[np.float64]

# Counts without over-dispersion push the shape to infinity, counts of one kind push it to nothing. Between these
# bounds a prior is finite and proper: 1,000 lets rates differ by 3%, 0.001 is as good as "nearly everybody never".
SHAPE_BOUNDS = (1e-3, 1e3)


@dataclass(frozen=True, slots=True)
class GammaPrior:
    """How rates vary over entities: gamma with `shape` and `rate` (unit: exposure), mean shape / rate."""

    shape: float
    rate: float

    def __post_init__(self) -> None:
        for name in ("shape", "rate"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name}={value!r}: expected a finite number above zero")

    @property
    def mean(self) -> float:
        return self.shape / self.rate


def fit_gamma_prior(count: npt.ArrayLike, exposure: npt.ArrayLike, *, zero_truncated: bool = False) -> GammaPrior:
    """Fit how rates vary over entities by maximum marginal likelihood.

    Parameters
    ----------
    count : events per entity, ≥ 0. Evidence counted in part makes them fractions; the likelihood is then a
        quasi-likelihood, exact where all counts are whole.
    exposure : time at risk of each entity, ≥ 0. Entities without any carry no information and are left out.
    zero_truncated : True where entities are present only because they have an event. Entities without one are then
        left out, and each remaining likelihood is divided by its chance of not being zero.

    Returns
    -------
    GammaPrior in events per unit of exposure. Where the data cannot tell how rates vary, a stated prior stands in:
    no event at all, Gamma(½, Σ exposure), half an event in all time seen; a single entity,
    Gamma(count + ½, exposure), which weighs as much as that entity; no over-dispersion, the greatest shape allowed.

    Raises
    ------
    ValueError : lengths differ, a value is negative or not finite, or no entity has exposure.
    """
    count, exposure = _checked(count, exposure)
    informative = (exposure > 0) & ((count > 0) | (not zero_truncated))
    seen_exposure = float(exposure.sum())
    count, exposure = count[informative], exposure[informative]
    if not count.any():
        return GammaPrior(0.5, seen_exposure)
    if count.size == 1:
        return GammaPrior(float(count[0]) + 0.5, float(exposure[0]))
    unit = float(exposure.mean())  # exposures near one keep the search well scaled, whatever their unit
    shape, rate = _maximise(count, exposure / unit, zero_truncated)
    return GammaPrior(shape, rate * unit)


def posterior(prior: GammaPrior, count: npt.ArrayLike, exposure: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Shape and rate of each entity's gamma posterior: (shape + count, rate + exposure)."""
    count, exposure = _checked(count, exposure)
    return prior.shape + count, prior.rate + exposure


def negative_log_likelihood(
    log_shape_mean: Floats, count: Floats, exposure: Floats, zero_truncated: bool
) -> tuple[float, Floats]:
    """Minus the mean negative-binomial log-likelihood at (log shape, log mean), without constants, and its gradient."""
    shape, mean = np.exp(log_shape_mean)
    rate = shape / mean
    some = count[count > 0]  # for the rest the gamma functions cancel
    log_zero = -shape * np.log1p(exposure / rate)  # log-chance of no event
    value = (gammaln(shape + some) - gammaln(shape)).sum() + (
        log_zero + count * np.log(exposure / (rate + exposure))
    ).sum()
    by_rate = shape / rate - (shape + count) / (rate + exposure)
    by_shape = (digamma(shape + some) - digamma(shape)).sum() + (log_zero / shape).sum()
    if zero_truncated:
        some_chance = -np.expm1(log_zero)
        value -= np.log(some_chance).sum()
        odds = np.exp(log_zero) / some_chance  # chance of none over chance of some
        by_rate = by_rate + odds * shape * exposure / (rate * (rate + exposure))
        by_shape += (odds * log_zero / shape).sum()
    # The rate is shape / mean: it moves with both logarithms.
    by_log_rate = by_rate.sum() * rate
    gradient = np.array([by_shape * shape + by_log_rate, -by_log_rate])
    return -value / count.size, -gradient / count.size


def _maximise(count: Floats, exposure: Floats, zero_truncated: bool) -> tuple[float, float]:
    start_mean = count.sum() / exposure.sum()
    spread = ((count - start_mean * exposure) ** 2 - start_mean * exposure).sum() / (start_mean * exposure).dot(
        start_mean * exposure
    )
    start_shape = np.clip(1 / max(spread, 1e-2), 0.05, 100)
    mean_bounds = (np.log(start_mean) - 12, np.log(start_mean) + 3)
    found = scipy.optimize.minimize(
        negative_log_likelihood,
        np.log([start_shape, start_mean]),
        args=(count, exposure, zero_truncated),
        jac=True,
        method="L-BFGS-B",
        bounds=[tuple(np.log(SHAPE_BOUNDS)), mean_bounds],
        options={"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500},
    )
    shape, mean = np.exp(found.x)
    return float(shape), float(shape / mean)


def _checked(count: npt.ArrayLike, exposure: npt.ArrayLike) -> tuple[Floats, Floats]:
    count, exposure = np.asarray(count, dtype=np.float64), np.asarray(exposure, dtype=np.float64)
    if count.ndim != 1 or count.shape != exposure.shape:
        raise ValueError(
            f"count has shape {count.shape} and exposure {exposure.shape}: expected two lists of one length"
        )
    for name, values in (("count", count), ("exposure", exposure)):
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise ValueError(f"{name} holds a negative or missing value: expected finite numbers from zero up")
    if not exposure.any():
        raise ValueError("exposure is zero for every entity: expected at least one with time at risk")
    return count, exposure
