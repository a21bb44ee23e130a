"""Learning the forecast from the past alone: on windows of days that were once ahead, how should rates have been made?

Three steps, the first two concave and drawn to stated defaults where the past is thin. First each offence's rate is
a mixture of its rates at all scales of time and space; the mixture is the one under which the events that then came
were most likely (the weights of self-exciting point processes are found in the same way: Mohler et al. 2011, Journal of
the American Statistical Association 106:100). Then offences lend to each other: a Poisson regression multiplies powers
of the own rate, of the rates of the graver and the lesser offences, and of all these at several scales. Last, a cell's
own count draws the rate to itself, the more the longer the cell was seen (gamma–Poisson; Clayton and Kaldor 1987,
Biometrics 43:671).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.forecast.windows import Window

Floats = npt.NDArray[np.float64]

# Defaults weigh as much as this many events for a mixture, and as ridge penalties of this size for powers.
MIXTURE_EVENTS = 3.0
POWER_RIDGE = 10.0
# The level itself is drawn towards the long-run rate only as half an event would draw it.
LEVEL_RIDGE = 0.5
# Rates enter logarithms relative to the city's mean, and never as nothing: this share of the mean is added.
FLOOR = 0.02
# How many events a rate may be as sure of as it is before a cell's own count speaks; infinity silences the count.
ANCHOR_STRENGTHS = (np.inf, 1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3)
MIXTURE_STEPS = 40
NEWTON_STEPS = 25


def fit_mixture(windows: Sequence[Window], offence: int, scales: int) -> Floats:
    """Weights [scales] of an offence's rates, by expectation–maximisation of the Poisson likelihood.

    The default gives each scale an equal part and counts as MIXTURE_EVENTS events.
    """
    default = np.full(scales, 1 / scales)
    came = [window.events[:, offence] > 0 for window in windows]
    events = np.concatenate([[0.0], *(w.events[rows, offence] for w, rows in zip(windows, came, strict=True))])
    rates = np.concatenate(
        [np.zeros((1, scales)), *(w.rates[offence, rows] * w.days for w, rows in zip(windows, came, strict=True))]
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
    """log(rate / mean + FLOOR), the scale on which rates multiply; nothing over nothing counts as the mean."""
    ratio = np.divide(rate, mean, out=np.ones_like(rate), where=np.broadcast_to(np.asarray(mean) > 0, rate.shape))
    return np.log(ratio + FLOOR)


def fit_powers(x: Floats, events: Floats, weight: Floats, days: Floats, start: Floats) -> Floats:
    """Coefficients [columns] of log expected events per day, by Newton steps on the penalised Poisson likelihood.

    Parameters
    ----------
    x : [rows, columns], the first column constant; each row was seen for `days` and stands for `weight` like it.
    start : the coefficients that hold without any evidence; the penalty draws towards them.
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
    """Rate drawn to a cell's own by the days it was seen: gamma–Poisson, the prior as strong as `strength` events."""
    trust = seen_days / np.asarray(strength, dtype=np.float64)
    return rate * (1 + trust * own) / (1 + trust * rate)


def fit_anchor(
    rate: Floats, own: Floats, events: Floats, weight: Floats, days: Floats, seen_days: Floats
) -> tuple[float, float]:
    """Strength under which the events that came were likeliest, and the level that then fits their number.

    Parameters
    ----------
    rate, own, events, weight, days, seen_days : [rows], rates per day; a row stands for `weight` cells.
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

    c is clustering (near repeats), which no forecast of the mean removes; d is what the rates themselves are unsure of.
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
