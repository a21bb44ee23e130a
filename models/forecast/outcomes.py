"""Score an earlier forecast after its horizon, against the naive count from the same past.

Hit rate and predictive accuracy index are those of Chainey, Tompson and Uhlig (2008, Security Journal 21:4): the share
of events inside the chosen cells, and that share over the share of cells chosen.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.arrays import Floats, Ints
from models.statistics.rank_draws import total_order

TOP_SHARES = {"top1": 0.01, "top5": 0.05}

# Columns by which each method ranks cells, for incidents and for harm; the naive count uses one for both.
METHODS = {"": ("expected_events", "expected_harm"), "naive_": ("naive_count", "naive_count")}

TIE_KEY = "harmspot ties 01"  # 16 characters, as the hash requires

# Draws and sums add the same weights in different orders; tolerance of the comparison with an interval's end.
ROUNDING = 1e-9

SCORES = [
    f"{prefix}{measure}_{top}"
    for prefix in METHODS
    for measure in ("hit_rate", "pai", "harm_share")
    for top in TOP_SHARES
]
OUTCOME_COLUMNS = [
    "cell_count",
    "event_count",
    "harm_days",
    "expected_events",
    "expected_harm",
    "interval_coverage",
    *SCORES,
]


def score_forecast(forecast: pd.DataFrame, realised: pd.DataFrame) -> pd.DataFrame:
    """Score the forecast of one run against the events in its cells.

    Parameters
    ----------
    forecast : pd.DataFrame
        cell_id (distinct), expected_events, expected_harm, expected_harm_lo, expected_harm_hi, naive_count.
    realised : pd.DataFrame
        cell_id (distinct), n (incidents), harm (days) over the forecast's horizon; cells without incidents may be left
        out; cells outside the forecast are ignored.

    Returns
    -------
    pd.DataFrame
        One row of OUTCOME_COLUMNS: hit_rate (share of the incidents), pai (hit rate over share of cells) and harm_share
        (share of the harm) inside the top 1% and 5% of cells, at least one cell; `naive_` the same with cells ranked by
        the naive count. Shares of a zero total are missing. interval_coverage is the share of cells whose harm is
        within their interval. Ties are broken by one fixed order, which depends only on the ids and is the same for
        both methods.

    Raises
    ------
    ValueError
        The forecast has no cells, or repeats a cell.
    """
    if forecast.empty or forecast["cell_id"].duplicated().any():
        raise ValueError(f"forecast: {len(forecast)} rows; expected at least one, and each cell once")
    by_cell = realised.set_index("cell_id")[["n", "harm"]]
    observed = by_cell.reindex(forecast["cell_id"].to_numpy()).fillna(0.0)
    events, harm = observed["n"].to_numpy(np.float64), observed["harm"].to_numpy(np.float64)
    return pd.DataFrame(
        [
            {
                "cell_count": len(forecast),
                "event_count": int(events.sum()),
                "harm_days": harm.sum(),
                "expected_events": forecast["expected_events"].sum(),
                "expected_harm": forecast["expected_harm"].sum(),
                "interval_coverage": _is_within(forecast, harm).mean(),
                **_scores(forecast, events, harm),
            }
        ]
    )[OUTCOME_COLUMNS]


def fixed_order(cell_ids: pd.Series) -> Ints:
    """Return each cell's position in a fixed permutation of the ids, which breaks ties."""
    ids = cell_ids.to_numpy(dtype=object)
    hashed = pd.util.hash_array(ids, hash_key=TIE_KEY)
    place = np.empty(len(ids), dtype=np.int64)
    place[np.lexsort((pd.factorize(ids, sort=True)[0], hashed))] = np.arange(len(ids))
    return place


def _scores(forecast: pd.DataFrame, events: Floats, harm: Floats) -> dict[str, float]:
    tie = fixed_order(forecast["cell_id"])
    scores = {}
    for prefix, (by_events, by_harm) in METHODS.items():
        first_by_events = total_order(forecast[by_events], ids=tie)
        first_by_harm = total_order(forecast[by_harm], ids=tie)
        for top, share in TOP_SHARES.items():
            count = max(1, round(share * len(forecast)))
            hit_rate = _share(events, first_by_events[:count])
            scores[f"{prefix}hit_rate_{top}"] = hit_rate
            scores[f"{prefix}pai_{top}"] = hit_rate * len(forecast) / count
            scores[f"{prefix}harm_share_{top}"] = _share(harm, first_by_harm[:count])
    return scores


def _share(values: Floats, chosen: Ints) -> float:
    total = values.sum()
    return float(values[chosen].sum() / total) if total > 0 else np.nan


def _is_within(forecast: pd.DataFrame, harm: Floats) -> npt.NDArray[np.bool_]:
    slack = ROUNDING * np.maximum(harm, 1.0)
    lo, hi = (forecast[f"expected_harm_{end}"].to_numpy(np.float64) for end in ("lo", "hi"))
    within: npt.NDArray[np.bool_] = (harm >= lo - slack) & (harm <= hi + slack)
    return within
