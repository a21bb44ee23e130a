"""Score an earlier forecast after its horizon, against the naive count from the same past.

Hit rate and predictive accuracy index are those of Chainey, Tompson and Uhlig (2008, Security Journal 21:4): the share
of events inside the chosen cells, and that share over the share of cells chosen. Whether the forecast was right is
judged only where something was expected: in cells that were likely to have an event, and in groups of the others.
"""

import json

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.arrays import Floats, Ints
from models.evaluation.flags import count_evidence, harm_evidence
from models.forecast.learn import DEFAULT_EXCESS
from models.statistics.rank_draws import total_order
from models.statistics.stated_counts import log_chance_of_none, transform

TOP_SHARES = {"top1": 0.01, "top5": 0.05}

# Columns by which each method ranks cells, for incidents and for harm; the naive count uses one for both.
METHODS = {"": ("expected_events", "expected_harm"), "naive_": ("naive_count", "naive_count")}

TIE_KEY = "harmspot ties 01"  # 16 characters, as the hash requires

# Draws and sums add the same weights in different orders; tolerance of the comparison with an interval's end.
ROUNDING = 1e-9

# A cell is busy if its probability of no event is below this.
BUSY_NO_EVENT = 0.8
# Other cells are pooled until this many events are expected together.
GROUP_EVENTS = 2.0

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
    "busy_count",
    "interval_coverage_busy",
    "pit_count",
    "pit_mean",
    "pit_ends",
    "evidence",
    *SCORES,
]


def score_forecast(forecast: pd.DataFrame, realised: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Score the forecast of one run against the events in its cells.

    Parameters
    ----------
    forecast : pd.DataFrame
        cell_id (distinct), expected_events, expected_harm, expected_harm_lo, expected_harm_hi, naive_count; and, if it
        has them, events_dispersion (variance of the count over its mean) and harm_sd.
    realised : pd.DataFrame
        cell_id (distinct), n (incidents), harm (days) over the forecast's horizon; cells without incidents may be left
        out; cells outside the forecast are ignored.
    seed : int
        of the randomised transform, whose draws are keyed by seed and cell.

    Returns
    -------
    pd.DataFrame
        One row of OUTCOME_COLUMNS: hit_rate (share of the incidents), pai (hit rate over share of cells) and harm_share
        (share of the harm) inside the top 1% and 5% of cells, at least one cell; `naive_` the same with cells ranked by
        the naive count. Shares of a zero total are missing. Ties are broken by one fixed order, which depends only on
        the ids and is the same for both methods.

        interval_coverage is the share of all cells whose harm is within their interval, and interval_coverage_busy that
        of the busy_count cells with P(no event) below BUSY_NO_EVENT. pit_mean and pit_ends describe the randomised
        transform of the counts of pit_count busy cells and groups of other cells, pooled in the order of naive_count
        until GROUP_EVENTS are expected: 0.5 and 0.2 if the forecast is right, with pit_ends the share in the outer two
        tenths. evidence is JSON of `models.evaluation.flags`.

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
                **_calibration(forecast, events, harm, seed),
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


def _calibration(forecast: pd.DataFrame, events: Floats, harm: Floats, seed: int) -> dict[str, object]:
    # Sums of floats depend on the order of the rows, so the order is fixed.
    order = np.argsort(forecast["cell_id"].to_numpy(dtype=object), kind="stable")
    forecast, events, harm = forecast.iloc[order], events[order], harm[order]
    mean, naive = (forecast[name].to_numpy(np.float64) for name in ("expected_events", "naive_count"))
    excess = _excess(forecast, mean)
    is_within, is_busy = _is_within(forecast, harm), log_chance_of_none(mean, excess) < np.log(BUSY_NO_EVENT)
    group = _groups(is_busy, mean, naive, fixed_order(forecast["cell_id"]))
    sums = [np.bincount(group, values) for values in (events, mean, mean * excess)]
    enough = sums[1] > 0
    n, expected, surplus = (values[enough] for values in sums)
    first = np.unique(group, return_index=True)[1][enough]
    even = _uniform(forecast["cell_id"].iloc[first], seed)
    pit = transform(n, expected, surplus / expected, even)
    sd = np.sqrt(np.square(forecast["harm_sd"].to_numpy(np.float64)).sum()) if "harm_sd" in forecast else np.nan
    evidence = count_evidence(events, mean, excess, naive)
    evidence |= harm_evidence(harm.sum(), forecast["expected_harm"].sum(), sd)
    return {
        "interval_coverage": is_within.mean(),
        "busy_count": int(is_busy.sum()),
        "interval_coverage_busy": is_within[is_busy].mean() if is_busy.any() else np.nan,
        "pit_count": len(pit),
        "pit_mean": pit.mean() if len(pit) else np.nan,
        "pit_ends": (np.abs(pit - 0.5) > 0.4).mean() if len(pit) else np.nan,
        "evidence": json.dumps({name: round(value, 3) for name, value in evidence.items()}, ensure_ascii=False),
    }


def _excess(forecast: pd.DataFrame, mean: Floats) -> Floats:
    """Return variance over mean less one; forecasts of earlier versions did not state it."""
    usual = DEFAULT_EXCESS[0] + DEFAULT_EXCESS[1] * mean
    if "events_dispersion" not in forecast:
        return usual
    stated = forecast["events_dispersion"].to_numpy(np.float64) - 1
    return np.where(np.isnan(stated), usual, np.maximum(stated, 0.0))


def _groups(is_busy: npt.NDArray[np.bool_], mean: Floats, naive: Floats, tie: Ints) -> Ints:
    """Return the group of each cell: busy cells are alone, others pooled by naive count; a last part group may stay."""
    group = np.empty(len(mean), dtype=np.int64)
    busy, quiet = np.flatnonzero(is_busy), np.flatnonzero(~is_busy)
    group[busy] = np.arange(len(busy))
    quiet = quiet[np.lexsort((tie[quiet], -naive[quiet]))]
    upto = np.cumsum(mean[quiet])
    count = max(1, int(upto[-1] / GROUP_EVENTS)) if len(quiet) else 0
    group[quiet] = len(busy) + np.minimum((upto / GROUP_EVENTS).astype(np.int64), count - 1)
    return np.unique(group, return_inverse=True)[1].astype(np.int64)


def _uniform(cell_ids: pd.Series, seed: int) -> Floats:
    hashed = pd.util.hash_array(cell_ids.to_numpy(dtype=object), hash_key=f"pit {seed % 10**12:012d}")
    return (hashed >> np.uint64(11)).astype(np.float64) / 2.0**53


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
