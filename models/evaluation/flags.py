"""Flag forecasts that are off, by the evidence of their outcomes one after the other.

Each way of being off is a rival distribution of the same counts, and its evidence in one forecast is the logarithm of
its likelihood over the forecast's own. Under a right forecast the mean of the likelihood ratios over the rivals,
multiplied over forecasts with separate days, passes 1/α with a chance of at most α, whenever one looks (Ville 1939;
Ramdas, Grünwald, Vovk and Shafer 2023, Statistical Science 38:576). Rivals are far from the forecast, so that a
forecast off by a tenth is not flagged even in a large city.
"""

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import gammaln, logsumexp

from models.arrays import Floats
from models.statistics.stated_counts import log_chance

FACTORS = (0.2, 0.5, 2.0, 5.0)
SPREADS = (0.5, 2.0)
# A rival that holds places for other than the forecast does: this share of its incidents lies evenly over the cells.
EVEN_SHARE = 0.2
# At most this many forecasts in a row, with separate days, count towards a flag.
FORECASTS = 4
# A right forecast that is scored every day is flagged with at most this chance within a year.
CHANCE_PER_YEAR = 0.05
THRESHOLD = np.log(365 / CHANCE_PER_YEAR)
# The level of a city moves from week to week by about this much, whoever forecasts it.
LEVEL_MOVES = 0.1
# Harm below this share of what was expected counts as this much, as a gamma distribution has no mass at zero.
LEAST_HARM = 0.05
FLAG_COLUMNS = ["is_off", "off_because"]


def count_evidence(count: Floats, mean: Floats, excess: Floats, naive_count: Floats) -> dict[str, float]:
    """Return the evidence for each rival of the stated counts.

    Parameters
    ----------
    count, mean, excess, naive_count : Floats
        [cells], events, expected events, their variance over the mean less one, and last year's count.
    """
    stated = log_chance(count, mean, excess)
    total = mean.sum()
    rivals = {f"incidents ×{factor:g}": (factor * mean, excess) for factor in FACTORS}
    rivals |= {f"spread ×{by:g}": (mean, np.maximum(by * (1 + excess) - 1, 0.0)) for by in SPREADS}
    by_count = naive_count / naive_count.sum() if naive_count.any() else np.full(len(mean), 1 / len(mean))
    rivals["places by count"] = total * ((1 - EVEN_SHARE) * by_count + EVEN_SHARE / len(mean)), excess
    root = np.sqrt(mean)
    rivals["places evener"] = total * root / max(root.sum(), 1e-300), excess
    return {name: float((log_chance(count, *rival) - stated).sum()) for name, rival in rivals.items()}


def harm_evidence(harm: float, mean: float, sd: float) -> dict[str, float]:
    """Return the evidence for other levels of harm than the stated one; the total is taken as gamma distributed."""
    if not (mean > 0 and sd > 0):
        return {f"harm ×{factor:g}": 0.0 for factor in FACTORS}
    scale = (sd**2 + (LEVEL_MOVES * mean) ** 2) / mean
    shape, x = mean / scale, max(harm, LEAST_HARM * mean) / scale
    return {
        f"harm ×{factor:g}": float((factor - 1) * shape * np.log(x) - gammaln(factor * shape) + gammaln(shape))
        for factor in FACTORS
    }


def flag_forecasts(record: pd.DataFrame) -> pd.DataFrame:
    """Return is_off and off_because of each scored forecast, on the record's index.

    Parameters
    ----------
    record : pd.DataFrame
        forecast_as_of, horizon_days, evidence (JSON of `count_evidence` and `harm_evidence`), event_count,
        expected_events, harm_days, expected_harm. A forecast is judged with up to three before it; of forecasts whose
        days overlap only one counts. Rows that already have is_off keep it and off_because.
    """
    rows = record.reset_index(drop=True)
    begin = pd.DatetimeIndex(pd.to_datetime(rows["forecast_as_of"], utc=True))
    # Clocks change: a week of local days may be an hour longer or shorter.
    horizon = pd.to_timedelta(rows["horizon_days"].astype(np.int64), unit="D") - pd.Timedelta(hours=2)
    end = pd.DatetimeIndex(begin + horizon)
    evidence = [json.loads(text) if isinstance(text, str) else {} for text in rows["evidence"]]
    known = rows.reindex(columns=FLAG_COLUMNS)
    flags = [
        _flag(rows, evidence, _chain(begin, end, last)) if pd.isna(is_off) else (is_off, because)
        for last, (is_off, because) in enumerate(known.itertuples(index=False))
    ]
    return pd.DataFrame(flags, columns=FLAG_COLUMNS, index=record.index).astype({"is_off": "bool"})


def _chain(begin: pd.DatetimeIndex, end: pd.DatetimeIndex, last: int) -> list[int]:
    """Return positions of the forecast and the latest ones before it with separate days, the latest first."""
    chain = [last]
    while len(chain) < FORECASTS:
        earlier = np.flatnonzero(end <= begin[chain[-1]])
        if not len(earlier):
            break
        chain.append(int(earlier[np.argmax(end[earlier])]))
    return chain


def _flag(rows: pd.DataFrame, evidence: list[Mapping[str, float]], chain: list[int]) -> tuple[bool, str | None]:
    names = list(evidence[chain[0]])
    if not names:
        return False, None
    logs = np.array([[evidence[row].get(name, 0.0) for name in names] for row in chain])
    sums = np.cumsum(logs, axis=0)
    together = logsumexp(sums, axis=1) - np.log(len(names))
    best = int(np.argmax(together))
    if together[best] < THRESHOLD:
        return False, None
    of_these = rows.iloc[chain[: best + 1]]
    return True, _because(names[int(np.argmax(sums[best]))], of_these)


def _because(rival: str, rows: pd.DataFrame) -> str:
    kind, _, by = rival.partition(" ")
    if kind == "incidents":
        return _level("", rows["event_count"].sum(), rows["expected_events"].sum())
    if kind == "harm":
        return _level("harm ", rows["harm_days"].sum(), rows["expected_harm"].sum())
    if kind == "spread":
        return f"counts vary {'more' if by == '×2' else 'less'} than forecast"
    if by == "by count":
        return "places are off: last year's count foretells them better"
    return "places are too far apart: incidents lie more evenly than forecast"


def _level(what: str, came: float, expected: float) -> str:
    if not expected > 0:
        return f"{what}too low: nothing was expected"
    ratio = came / expected
    if ratio >= 1:
        return f"{what}too low by about {ratio:.2g}×"
    return f"{what}too high by about {1 / ratio:.2g}×" if ratio > 0 else f"{what}too high: nothing came"
