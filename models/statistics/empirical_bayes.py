"""Empirical-Bayes rates of counts over time at risk: the gamma–Poisson model.

A count is Poisson with mean rate × exposure, and rates vary over entities as a gamma distribution. The two
parameters maximise the negative-binomial marginal likelihood of all counts (Robbins 1956; Clayton and Kaldor 1987,
Biometrics 43:671). The rate of an entity with little exposure is therefore shrunk towards the mean.
"""

from dataclasses import dataclass
from math import fsum

import numpy as np
import numpy.typing as npt
import scipy  # the slow submodules optimize and interpolate are imported on first use
from scipy.special import digamma, gammaln

from models.arrays import Floats

# Counts without over-dispersion push the shape to infinity, and extreme over-dispersion pushes it to zero.
# Within these bounds a prior is finite and proper: at 1,000 rates differ by 3%; at 0.001 nearly all rates are zero.
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
        """Mean rate, in events per unit of exposure."""
        return self.shape / self.rate


def fit_gamma_prior(count: npt.ArrayLike, exposure: npt.ArrayLike, *, zero_truncated: bool = False) -> GammaPrior:
    """Fit how rates of one kind of event vary over entities: `fit_gamma_priors` for a single column."""
    return fit_gamma_priors(np.asarray(count, dtype=np.float64)[..., None], exposure, zero_truncated=zero_truncated)[0]


def fit_gamma_priors(
    counts: npt.ArrayLike, exposure: npt.ArrayLike, *, zero_truncated: bool = False
) -> list[GammaPrior]:
    """Fit how rates vary over entities, one prior for each kind of event, by maximum marginal likelihood.

    Parameters
    ----------
    counts : npt.ArrayLike
        [n, k] events per entity and kind, ≥ 0. Partially weighted evidence gives fractions; the likelihood is then a
        quasi-likelihood, which is exact for whole counts.
    exposure : npt.ArrayLike
        [n] time at risk of each entity, ≥ 0. Entities with zero exposure carry no information and are left out.
    zero_truncated : bool
        True if an entity is in the data only because it has an event of some kind. Entities without events are then
        left out, and the joint likelihood of each other entity is divided by its probability of having at least one
        event. If False, every kind is fitted separately.

    Returns
    -------
    list[GammaPrior]
        One prior per kind, in events per unit of exposure. If the data do not identify the variation of rates, a fixed
        prior is used. No event: Gamma(½, Σ exposure), half an event in the total exposure. A single entity: Gamma(count
        + ½, exposure), with the weight of that entity. No over-dispersion: the largest shape allowed.

    Raises
    ------
    ValueError
        Lengths differ, a value is negative or not finite, or no entity has exposure.
    """
    counts, exposure = _checked(counts, exposure, dimensions=2)
    informative = (exposure > 0) & (counts.any(axis=1) | (not zero_truncated))
    none_seen = GammaPrior(0.5, fsum(exposure))
    counts, exposure = counts[informative], exposure[informative]
    kinds = np.flatnonzero(counts.any(axis=0))
    if len(exposure) == 1:
        fitted = [GammaPrior(float(counts[0, kind]) + 0.5, float(exposure[0])) for kind in kinds]
    else:
        together = [kinds] if zero_truncated and len(kinds) else kinds[:, None]
        fitted = [
            prior
            for columns in together
            for prior in _maximise(Tally.of(counts[:, columns], exposure), zero_truncated=zero_truncated)
        ]
    found = dict(zip(kinds.tolist(), fitted, strict=True))
    return [found.get(kind, none_seen) for kind in range(counts.shape[1])]


def posterior(prior: GammaPrior, count: npt.ArrayLike, exposure: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return shape and rate of each entity's gamma posterior: (shape + count, rate + exposure)."""
    count, exposure = _checked(count, exposure)
    return prior.shape + count, prior.rate + exposure


@dataclass(frozen=True, slots=True)
class Tally:
    """Sufficient statistics of counts [n, k] and exposures, grouped by distinct exposure.

    Attributes
    ----------
    unit : float
        mean exposure; the unit of `exposure`, which keeps the optimisation well scaled.
    exposure : Floats
        [u], distinct exposures.
    entities : Floats
        [u], number of entities with each exposure.
    events : Floats
        [u, k], events of those entities.
    some : list[tuple[Floats, npt.NDArray[np.int64]]]
        per kind, the distinct counts above zero and how often each occurs.
    """

    unit: float
    exposure: Floats
    entities: Floats
    events: Floats
    some: list[tuple[Floats, npt.NDArray[np.int64]]]

    @classmethod
    def of(cls, counts: Floats, exposure: Floats) -> "Tally":
        """Tally counts [n, k] and exposures [n]."""
        unit = fsum(exposure) / len(exposure)  # exact, so the order of entities does not change a bit
        distinct, at, entities = np.unique(exposure / unit, return_inverse=True, return_counts=True)
        events = np.column_stack([np.bincount(at, column, len(distinct)) for column in counts.T]).astype(np.float64)
        some = [np.unique(column[column > 0], return_counts=True) for column in counts.T]
        return cls(unit, distinct, entities.astype(np.float64), events, some)


def negative_log_likelihood(log_shapes_means: Floats, tally: Tally, zero_truncated: bool) -> tuple[float, Floats]:
    """Return minus the mean negative-binomial log-likelihood, without constants, and its gradient.

    The arguments are k log-shapes, then k log-means in events per `tally.unit`.
    """
    shape, mean = np.exp(log_shapes_means.reshape(2, -1))
    rate = shape / mean
    exposure, entities = tally.exposure[:, None], tally.entities[:, None]
    log_zero = -shape * np.log1p(exposure / rate)  # [u, k] log-probability of no event of a kind
    value = (entities * log_zero + tally.events * np.log(exposure / (rate + exposure))).sum()
    by_rate = (entities * shape / rate - (entities * shape + tally.events) / (rate + exposure)).sum(axis=0)
    by_shape = (entities * log_zero).sum(axis=0) / shape
    for kind, (count, times) in enumerate(tally.some):  # for counts of zero the gamma functions cancel
        value += (times * (gammaln(shape[kind] + count) - gammaln(shape[kind]))).sum()
        by_shape[kind] += (times * (digamma(shape[kind] + count) - digamma(shape[kind]))).sum()
    if zero_truncated:
        log_none = log_zero.sum(axis=1)  # log-probability of no event of any kind
        p_some = -np.expm1(log_none)
        value -= (tally.entities * np.log(p_some)).sum()
        odds = (tally.entities * np.exp(log_none) / p_some)[:, None]  # P(no event) / P(some event)
        by_rate += (odds * shape * exposure / (rate * (rate + exposure))).sum(axis=0)
        by_shape += (odds * log_zero).sum(axis=0) / shape
    # The rate is shape / mean, so it depends on both logarithms.
    by_log_rate = by_rate * rate
    gradient = np.concatenate([by_shape * shape + by_log_rate, -by_log_rate])
    return -value / tally.entities.sum(), -gradient / tally.entities.sum()


def _maximise(tally: Tally, *, zero_truncated: bool) -> list[GammaPrior]:
    time, squares = tally.entities * tally.exposure, np.array([(times * count**2).sum() for count, times in tally.some])
    mean = tally.events.sum(axis=0) / time.sum()
    mean_squares = mean**2 * (time * tally.exposure).sum()  # of the counts expected if all rates were equal
    over = squares - 2 * mean * (tally.exposure[:, None] * tally.events).sum(axis=0) + mean_squares - mean * time.sum()
    shape = np.clip(1 / np.maximum(over / mean_squares, 1e-2), 0.05, 100)
    mean_bounds = np.log(mean)[:, None] + np.array([-12, 3])
    found = scipy.optimize.minimize(
        negative_log_likelihood,
        np.log(np.concatenate([shape, mean])),
        args=(tally, zero_truncated),
        jac=True,
        method="L-BFGS-B",
        bounds=[*np.log([SHAPE_BOUNDS] * len(mean)), *mean_bounds],
        options={"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500},
    )
    shape, mean = np.exp(found.x.reshape(2, -1))
    return [GammaPrior(a, b) for a, b in zip(shape.tolist(), (shape / mean * tally.unit).tolist(), strict=True)]


def _checked(count: npt.ArrayLike, exposure: npt.ArrayLike, *, dimensions: int = 1) -> tuple[Floats, Floats]:
    count, exposure = np.asarray(count, dtype=np.float64), np.asarray(exposure, dtype=np.float64)
    if (count.ndim, exposure.ndim) != (dimensions, 1) or len(count) != len(exposure):
        raise ValueError(
            f"count has shape {count.shape} and exposure {exposure.shape}: "
            f"expected counts of dimension {dimensions} and a list of exposures of the same length"
        )
    for name, values in (("count", count), ("exposure", exposure)):
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise ValueError(f"{name} holds a negative or missing value: expected finite numbers from zero up")
    if not exposure.any():
        raise ValueError("exposure is zero for every entity: expected at least one with time at risk")
    return count, exposure
