"""Isotonic recalibration of chances, fitted on earlier origins and judged on later ones.

Method: Zadrozny and Elkan 2002, KDD, 694.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from models.arrays import Floats
from models.evaluation.isotonic import fit_isotonic, log_score

if TYPE_CHECKING:
    from sklearn.isotonic import IsotonicRegression

# Chances are held off 0 and 1 by this much: a finite number of draws does not show that a thing never happens.
LEAST_CHANCE = 1e-4
# A step of the isotonic curve rests on at least this many cells of a horizon.
LEAST_CASES = 200


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
