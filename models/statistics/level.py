"""Expected level of a city's counts over the coming days: a damped trend, a yearly and a weekly season.

A decayed mean lags a trend and knows no season. Here Poisson regressions of the weekly counts (log link, the past
fading) compete with decayed means at rolling origins in the city's own past (Tashman 2000, International Journal of
Forecasting 16:437), and are used only where their out-of-sample deviance is lower by more than noise, and where they
fit the latest weeks: what is stated may know of a sudden step already. A trend is damped (Gardner and McKenzie 1985,
Management Science 31:1237).
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from models.arrays import Floats

WEEK, YEAR = 7, 365.25
# Mean lives in days of the levels without a drift, the best of which has to be beaten.
STEADY_LIVES = (150.0, 500.0)
# Mean life of a level that follows the latest weeks.
RECENT_LIFE = 60.0
# Mean lives in days of the past of a trend, and of a season with a trend.
TREND_LIVES = (120.0, 250.0)
SEASON_LIFE = 600.0
SEASON_DAYS = 2 * YEAR
# Rolling origins: at most and at least this many; the oldest has this share of the past before it.
MOST_ORIGINS, LEAST_ORIGINS = 26, 8
PAST_SHARE = 0.5
# A gain is proven if it exceeds this many standard errors; one that follows all groups together, the second number.
PROOF, PROOF_OF_ALL = 2.5, 2.0
# The judged weeks need this many events, and `LEAST_ORIGINS` with one.
LEAST_EVENTS = 30
# A level with a drift is not used if it misses the events of the latest weeks by more than so many standard deviations.
LATEST_WEEKS, MISS = 8, 2.0
# A trend loses this share of its slope a day.
DAMPING = 0.01
# No factor goes beyond these.
LEAST_FACTOR, MOST_FACTOR = 1 / 3, 3.0
RIDGE = 1.0
NEWTON_STEPS = 8

Candidate = Callable[[Floats, float], tuple[float, float]]


def level_factor(daily: Floats, horizon_days: int, stated: Floats) -> Floats:
    """Return the factor [groups] that takes the stated events to the expected ones; exactly 1 where none is proven.

    Parameters
    ----------
    daily : Floats
        [groups, days], counts by age in days: column 0 is the day before the horizon.
    horizon_days : int
        days ahead.
    stated : Floats
        [groups], events that are expected over the horizon without a drift or a season.
    """
    of_all = _drift(daily.sum(axis=0), horizon_days)[1] if len(daily) > 1 else None
    expected = np.array([_drift(counts, horizon_days, of_all)[0] for counts in daily])
    factor = np.divide(expected, stated, out=np.full(len(daily), np.nan), where=stated > 0)
    drift = np.where(np.isnan(factor), 1.0, np.clip(factor, LEAST_FACTOR, MOST_FACTOR))
    return drift * np.array([_week_factor(counts, horizon_days) for counts in daily])


def _drift(counts: Floats, horizon_days: int, of_all: Floats | None = None) -> tuple[float, Floats | None]:
    """Return expected events over the horizon, missing if no drift is proven; and the drift.

    A drift is the ratio to the steady level: at each origin, in the latest weeks and over the horizon. `of_all` is that
    of all groups together: a group that proves none of its own follows it where that serves it.
    """
    weeks = counts[: len(counts) // WEEK * WEEK].reshape(-1, WEEK).sum(axis=1)
    ahead = horizon_days / WEEK
    step = int(np.ceil(ahead))
    origins = min(MOST_ORIGINS, int(len(weeks) * (1 - PAST_SHARE)) // step)
    came = np.array([weeks[n * step : (n + 1) * step].sum() for n in range(origins)])
    if (came > 0).sum() < LEAST_ORIGINS or came.sum() < LEAST_EVENTS:
        return np.nan, None
    pasts = [weeks[(n + 1) * step :] for n in range(origins)]
    levels = np.array([[_decayed(past, life) * step for past in pasts] for life in STEADY_LIVES])
    best = int(np.argmin([_deviance(came, level).sum() for level in levels]))
    steady, now = levels[best], _decayed(weeks, STEADY_LIVES[best]) * np.array([LATEST_WEEKS, ahead])
    proven: list[tuple[float, Floats]] = []
    for least_days, candidate in CANDIDATES:
        usable = sum(len(past) * WEEK >= least_days for past in pasts)
        said = steady.copy()
        said[:usable] = [candidate(past, step)[0] for past in pasts[:usable]]
        if usable >= LEAST_ORIGINS and (gain := _gain(came, said, steady, usable, PROOF)):
            expected, latest = candidate(weeks, ahead)
            proven.append((gain, np.append(said / np.maximum(steady, 1e-9), np.array([latest, expected]) / now)))
    if not proven and of_all is not None and (gain := _gain(came, steady * of_all[:-2], steady, origins, PROOF_OF_ALL)):
        proven.append((gain, of_all))
    fitting = [each for each in proven if _fits(weeks, now[0] * each[1][-2])]
    if not fitting:
        return np.nan, None
    _, drift = max(fitting, key=lambda each: each[0])
    return float(now[1] * drift[-1]), drift


def _gain(came: Floats, said: Floats, steady: Floats, usable: int, proof: float) -> float:
    """Return the mean gain in deviance over the usable origins, zero if it is not above so many standard errors.

    The standard error is at least that of Poisson counts: where nothing comes, all gains are alike.
    """
    gain = (_deviance(came, steady) - _deviance(came, said))[:usable]
    by_chance = 4 * (steady * np.log(np.maximum(said, 1e-9) / np.maximum(steady, 1e-9)) ** 2)[:usable].mean()
    return float(gain.mean()) if gain.mean() > proof * np.sqrt(max(gain.var(ddof=1), by_chance) / usable) else 0.0


def _fits(weeks: Floats, latest: float) -> bool:
    """Return whether the events of the latest weeks are those of a level, within their noise from week to week."""
    dispersion = max(0.5 * (np.diff(weeks) ** 2).mean() / weeks.mean(), 1.0)
    return bool(abs(weeks[:LATEST_WEEKS].sum() - latest) <= MISS * np.sqrt(dispersion * latest))


def _decayed(past: Floats, life_days: float) -> float:
    weight = np.exp(-WEEK * np.arange(len(past)) / life_days)
    return float(weight @ past / weight.sum())


def _recent(past: Floats, ahead: float) -> tuple[float, float]:
    """Return expected events over the weeks ahead, and over the latest ones, by the latest weeks' level."""
    level = _decayed(past, RECENT_LIFE)
    return level * ahead, level * LATEST_WEEKS


def _regressed(past: Floats, ahead: float, life_days: float, harmonics: int) -> tuple[float, float]:
    """Return the same by Poisson regression on time, and on the time of the year."""
    days = -WEEK * (np.arange(len(past), dtype=np.float64) + 0.5)
    weight = np.exp(days / life_days)
    mean = max(float(weight @ past / weight.sum()), 1e-9)
    x = _columns(days, harmonics)
    centre = weight @ x[:, 1] / weight.sum()
    x[:, 1] -= centre
    beta = np.zeros(x.shape[1])
    beta[0] = np.log(mean)
    ridge = np.full(len(beta), RIDGE)
    ridge[0] = 0.0
    for _ in range(NEWTON_STEPS):
        expected = weight * np.exp(np.clip(x @ beta, -30, 30))
        slope = x.T @ (weight * past - expected) - ridge * beta
        move = np.clip(np.linalg.solve((x.T * expected) @ x + np.diag(ridge + 1e-12), slope), -1, 1)
        beta = beta + move
        if np.abs(move).max() < 1e-6:
            break
    coming = WEEK * (np.arange(int(np.ceil(ahead)), dtype=np.float64) + 0.5)
    future = _columns(coming, harmonics)
    future[:, 1] = -np.expm1(-DAMPING * coming) / DAMPING / YEAR - centre
    latest = np.exp(x[:LATEST_WEEKS] @ beta).sum()
    return float(np.exp(future @ beta).mean() * ahead), float(latest)


def _columns(days: Floats, harmonics: int) -> Floats:
    turns = 2 * np.pi * days / YEAR
    waves = [wave((n + 1) * turns) for n in range(harmonics) for wave in (np.sin, np.cos)]
    return np.column_stack([np.ones(len(days)), days / YEAR, *waves])


def _week_factor(counts: Floats, horizon_days: int) -> float:
    """Return the share of the week's events on the weekdays of the horizon over their share of days, if proven."""
    odd = horizon_days % WEEK
    weeks = counts[: len(counts) // WEEK * WEEK].reshape(-1, WEEK)[:, ::-1]
    if not odd or len(weeks) < 2 * LEAST_ORIGINS or weeks[: len(weeks) // 2].sum() < LEAST_EVENTS:
        return 1.0
    tested, past = weeks[: len(weeks) // 2], weeks[len(weeks) // 2 :]
    total = tested.sum(axis=1)
    share = _of_weekdays(past, odd)
    if not _gain(tested[:, :odd].sum(axis=1), total * share, total * odd / WEEK, len(total), PROOF):
        return 1.0
    expected = (horizon_days - odd) / WEEK + _of_weekdays(weeks, odd)
    return float(expected * WEEK / horizon_days)


def _of_weekdays(weeks: Floats, odd: int) -> float:
    """Return the share of events on the first `odd` days of each week, half an event added to each day."""
    return float((weeks[:, :odd].sum() + 0.5 * odd) / (weeks.sum() + 0.5 * WEEK))


def _deviance(came: Floats, said: Floats) -> Floats:
    said = np.maximum(said, 1e-9)
    logs = np.log(np.divide(came, said, out=np.ones_like(said), where=came > 0))
    return np.asarray(2 * (came * logs - (came - said)), dtype=np.float64)


# Days of past that each level with a drift needs, and the level: from weekly counts, the latest first, and weeks ahead
# to expected events ahead and of the latest weeks.
CANDIDATES: tuple[tuple[float, Candidate], ...] = (
    (0.0, _recent),
    *((0.0, partial(_regressed, life_days=life, harmonics=0)) for life in TREND_LIVES),
    (SEASON_DAYS, partial(_regressed, life_days=SEASON_LIFE, harmonics=2)),
)
