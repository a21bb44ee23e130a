"""Fit the parameters of the forecast on past windows of days.

The fit has three steps; the first two are concave and shrink to fixed defaults if data are sparse. First, the rate of
each offence is a mixture of its rates at all scales of time and space, with maximum-likelihood weights (as for
self-exciting point processes: Mohler et al. 2011, Journal of the American Statistical Association 106:100). Second,
offences share information: a Poisson regression multiplies powers of the own rate, of the rates of the graver and the
lesser offences, and of all these at several scales. Third, rates are shrunk towards a cell's own count, more strongly
the longer the cell was observed (gamma–Poisson; Clayton and Kaldor 1987, Biometrics 43:671).
"""

from collections.abc import Sequence

import numpy as np

from models.arrays import Floats
from models.forecast.windows import Window

# Weight of the defaults: this many events for a mixture, and a ridge penalty of this size for powers.
MIXTURE_EVENTS = 3.0
POWER_RIDGE = 10.0
# The level is shrunk towards the long-run rate with the weight of half an event.
LEVEL_RIDGE = 0.5
# Logarithms are of rates relative to the city's mean, plus this share of the mean to avoid log(0).
FLOOR = 0.02
# Candidate prior strengths in events, against which a cell's own count is weighed; infinity ignores the count.
ANCHOR_STRENGTHS = (np.inf, 1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3)
MIXTURE_STEPS = 40
NEWTON_STEPS = 25


def fit_mixture(windows: Sequence[Window], offence: int, scales: int) -> Floats:
    """Return weights [scales] of an offence's rates, by expectation–maximisation of the Poisson likelihood.

    The default has equal weights and counts as MIXTURE_EVENTS events.
    """
    default = np.full(scales, 1 / scales)
    has_event = [window.events[:, offence] > 0 for window in windows]
    events = np.concatenate([[0.0], *(w.events[rows, offence] for w, rows in zip(windows, has_event, strict=True))])
    rates = np.concatenate(
        [np.zeros((1, scales)), *(w.rates[offence, rows] * w.days for w, rows in zip(windows, has_event, strict=True))]
    )
    exposure = sum((w.days * (w.weight @ w.rates[offence]) for w in windows), start=np.zeros(scales))
    if not (exposure > 0).all() or not events.any():
        return default
    scale = events.sum() / (default @ exposure)
    pseudo = MIXTURE_EVENTS * default
    pseudo_exposure = MIXTURE_EVENTS * exposure / (exposure @ default) / scale
    weights = default * scale
    for _ in range(MIXTURE_STEPS):
        expected = rates @ weights
        share = np.divide(events, expected, out=np.zeros_like(events), where=expected > 0) @ rates
        weights = (weights * share + pseudo) / (exposure + pseudo_exposure)
    return weights


def relative_log(rate: Floats, mean: Floats | float) -> Floats:
    """Return log(rate / mean + FLOOR); where the mean is zero, the ratio counts as one."""
    ratio = np.divide(rate, mean, out=np.ones_like(rate), where=np.broadcast_to(np.asarray(mean) > 0, rate.shape))
    return np.log(ratio + FLOOR)


def fit_powers(x: Floats, events: Floats, weight: Floats, days: Floats, start: Floats) -> Floats:
    """Fit coefficients [columns] of log expected events per day by Newton steps on the penalised Poisson likelihood.

    Parameters
    ----------
    x : Floats
        [rows, columns], the first column constant.
    events : Floats
        [rows], events of each row.
    weight : Floats
        [rows], number of cells that each row represents.
    days : Floats
        [rows], observed days of each row.
    start : Floats
        [columns], coefficients without evidence; the penalty shrinks towards them.
    """
    ridge = np.full(len(start), POWER_RIDGE)
    ridge[0] = LEVEL_RIDGE
    beta = start.copy()
    for _ in range(NEWTON_STEPS):
        expected = weight * days * np.exp(np.clip(x @ beta, -40, 20))
        slope = x.T @ (weight * events - expected) - ridge * (beta - start)
        step = np.linalg.solve((x.T * expected) @ x + np.diag(ridge), slope)
        # Long steps overshoot the exponential.
        beta = beta + step * min(1.0, 1.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-5:
            break
    return beta


def anchored(rate: Floats, own: Floats, seen_days: Floats | float, strength: Floats | float) -> Floats:
    """Shrink rates towards a cell's own by its observed days: gamma–Poisson with a prior of `strength` events."""
    trust = seen_days / np.asarray(strength, dtype=np.float64)
    return rate * (1 + trust * own) / (1 + trust * rate)


def fit_anchor(
    rate: Floats, own: Floats, events: Floats, weight: Floats, days: Floats, seen_days: Floats
) -> tuple[float, float]:
    """Return the maximum-likelihood strength, and the level at which expected events match their number.

    Parameters
    ----------
    rate, own : Floats
        [rows], learned rate and the cell's own, per day.
    events : Floats
        [rows], events of each row.
    weight : Floats
        [rows], number of cells that each row represents.
    days, seen_days : Floats
        [rows], days of the window and observed days before it.
    """
    total = float(events @ weight)
    if not total:
        return np.inf, 1.0
    fits = []
    for strength in ANCHOR_STRENGTHS:
        drawn = anchored(rate, own, seen_days, strength)
        expected = float(drawn @ (weight * days))
        likelihood = float((weight * events) @ np.log(np.maximum(drawn, 1e-300))) - total * np.log(expected)
        fits.append((likelihood, strength, total / expected))
    return max(fits)[1:]


def fit_excess(expected: Floats, count: Floats, weight: Floats) -> tuple[float, float]:
    """Fit (c, d) ≥ 0 of variance = mean × (1 + c + d × mean) by weighted least squares on squared errors.

    c is clustering (near repeats), which no forecast of the mean removes; d is the uncertainty of the rates.
    """
    surplus = (count - expected) ** 2 - expected
    trust = weight / (expected + 2 * expected**2 + 1e-12)
    x = np.column_stack([expected, expected**2])
    normal, right = (x.T * trust) @ x, x.T @ (trust * surplus)
    both = np.linalg.lstsq(normal, right, rcond=None)[0]
    if (both >= 0).all():
        return float(both[0]), float(both[1])
    alone = np.maximum(np.divide(right, np.diag(normal), out=np.zeros(2), where=np.diag(normal) > 0), 0)
    gain = right * alone
    return (float(alone[0]), 0.0) if gain[0] >= gain[1] else (0.0, float(alone[1]))
