"""Isotonic calibration of chances on past origins, and whether it would have made the chances published better.

Isotonic regression (Zadrozny and Elkan 2002, KDD, 694) finds the increasing curve from chances to how often they came
true. At each origin it is fitted to the origins whose days were over by then, and judged on the days that followed.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from models.arrays import Floats, Ints

if TYPE_CHECKING:
    from sklearn.isotonic import IsotonicRegression

MINIMUM_CASES, MINIMUM_ORIGINS = 200, 6  # to fit a curve to
LEAST = 1 / 4000  # half a draw of 2,000
# Chances are held off 0 and 1 by this much: a finite number of draws does not show that a thing never happens.
LEAST_CHANCE = 1e-4
# A step of the isotonic curve rests on at least this many cells of a horizon.
LEAST_CASES = 200


def judge_calibration(origin_day: Ints, chance: Floats, came: Floats, *, horizon_days: int) -> pd.DataFrame:
    """Return the scores of chances as published and as calibrated on the past, at origins with enough of a past.

    Parameters
    ----------
    origin_day, chance, came : array
        [cases] first day of the horizon, chance, and outcome: 0, 1, or a share where ties were split.

    Returns
    -------
    pd.DataFrame
        chances (`as published`, `calibrated on the past`), origins, cases, log_score, brier (both means, lower is
        better; null without an origin).
    """
    judged = [np.empty((3, 0)), *_by_origin(origin_day, chance, came, horizon_days)]
    published, calibrated, outcome = np.concatenate(judged, axis=1)
    rows = [
        (name, len(judged) - 1, len(outcome), log_score(said, outcome), brier_score(said, outcome))
        for name, said in (("as published", published), ("calibrated on the past", calibrated))
    ]
    return pd.DataFrame(rows, columns=["chances", "origins", "cases", "log_score", "brier"])


def isotonic_curve(chance: Floats, came: Floats) -> pd.DataFrame:
    """Return the corners of the isotonic curve through all cases: forecast, calibrated."""
    fitted = fit_isotonic(chance, came)
    return pd.DataFrame({"forecast": fitted.X_thresholds_, "calibrated": fitted.y_thresholds_})


def log_score(chance: Floats, came: Floats, least: float = LEAST) -> float:
    """Return the mean of minus the log-probability of the outcome, NaN for no case; no chance is below `least`."""
    held = np.clip(chance, least, 1 - least)
    surprise = came * np.log(held) + (1 - came) * np.log(1 - held)
    return float(-surprise.sum() / (len(surprise) or np.nan))


def brier_score(chance: Floats, came: Floats) -> float:
    """Return the mean squared difference of chance and outcome (Brier 1950), NaN for no case."""
    return float(((chance - came) ** 2).sum() / (len(chance) or np.nan))


def fit_pooled(forecast: Floats, observed: Floats) -> "IsotonicRegression":
    """Fit the isotonic curve through groups of LEAST_CASES, by decreasing chance."""
    order = np.argsort(forecast, kind="stable")[::-1]
    groups = max(1, len(order) // LEAST_CASES)
    group = np.minimum(np.arange(len(order)) // LEAST_CASES, groups - 1)
    n = np.bincount(group).astype(np.float64)
    said, came = (np.bincount(group, values[order]) / n for values in (forecast, observed))
    return fit_isotonic(said, came, n)


def recalibration(judged: pd.DataFrame, shares: tuple[float, ...], bins: int) -> pd.DataFrame:
    """Return what recalibration does to the chances of being in the top share of cells.

    Parameters
    ----------
    judged : pd.DataFrame
        origin (increasing), and p_top_{share} and in_top_{share} of each share, one row per cell and origin.

    Returns
    -------
    pd.DataFrame
        By share and bin of the forecast chance, of the later half of the origins: bin_from, cell_horizons, forecast,
        recalibrated and observed, means; log_score and log_score_recalibrated of the whole share, the lower the better.
        Empty with fewer than two origins.
    """
    is_later = judged["origin"] > judged["origin"].median()
    tables = [_of_share(judged[~is_later], judged[is_later], share, bins) for share in shares if is_later.any()]
    columns = ["share", "bin_from", "cell_horizons", "forecast", "recalibrated", "observed"]
    columns += ["log_score", "log_score_recalibrated"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def _of_share(earlier: pd.DataFrame, later: pd.DataFrame, share: float, bins: int) -> pd.DataFrame:
    names = f"p_top_{share}", f"in_top_{share}"
    said, came = (later[name].to_numpy(np.float64) for name in names)
    better = fit_pooled(*(earlier[name].to_numpy(np.float64) for name in names)).predict(said)
    bin_from = np.minimum((said * bins).astype(np.int64), bins - 1) / bins
    cells = pd.DataFrame({"bin_from": bin_from, "forecast": said, "recalibrated": better, "observed": came})
    means = cells.groupby("bin_from").agg(
        cell_horizons=("observed", "size"),
        **{name: (name, "mean") for name in ("forecast", "recalibrated", "observed")},
    )
    scores = {
        "log_score": log_score(said, came, LEAST_CHANCE),
        "log_score_recalibrated": log_score(better, came, LEAST_CHANCE),
    }
    return means.reset_index().assign(share=share, **scores)


def _by_origin(origin_day: Ints, chance: Floats, came: Floats, horizon_days: int) -> Iterator[Floats]:
    """Yield [3, cases] chance as published, as calibrated, and the outcome at each origin."""
    for origin in np.unique(origin_day):
        past, now = origin_day + horizon_days <= origin, origin_day == origin
        if past.sum() >= MINIMUM_CASES and len(np.unique(origin_day[past])) >= MINIMUM_ORIGINS:
            yield np.stack([chance[now], fit_isotonic(chance[past], came[past]).predict(chance[now]), came[now]])


def fit_isotonic(chance: Floats, came: Floats, cases: Floats | None = None) -> "IsotonicRegression":
    """Fit the curve to chances and how often each came true, over `cases` each (one where None)."""
    from sklearn.isotonic import IsotonicRegression  # takes a second to import

    return IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(chance, came, sample_weight=cases)
