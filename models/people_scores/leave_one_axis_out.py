"""Ranks of people with one axis left out: how much a rank depends on one kind of harm.

Each axis is left out of the score in turn and the weights of the others are rescaled to sum to one, which keeps their
ratios (the leave-one-out check of a composite index; Saisana, Saltelli and Tarantola 2005, J. Royal Statistical
Society A 168:307). All axes use the same draws of rates, so a change of rank is due to the axis alone.
"""

from collections.abc import Sequence
from functools import reduce

import numpy as np
import pandas as pd

from models.arrays import Floats
from models.people_scores.ranking import (
    Moments,
    Rates,
    ScoreScale,
    chance_of_entry,
    choose_drawn,
    count_above,
    draw_harm,
    entry_scores,
    score_moments,
)
from models.statistics.rank_draws import chance_above, total_ranks


def ranks_without(seed: int, ids: Sequence[str], rates: Rates, scale: ScoreScale, top_k: int) -> pd.DataFrame:
    """Rank everybody without each axis, by P(in the top K), then score, then id, as in the full ranking.

    Parameters
    ----------
    seed : int
        Seed of the run; the draws are keyed by (seed, person).
    ids : sequence of str
        Person ids, in the order of `rates`.
    rates : Rates
        Posterior rates of everybody scored.
    scale : ScoreScale
        Scale of the full score.
    top_k : int
        The K of the run.

    Returns
    -------
    DataFrame
        On `ids`: Int32 `without_0` … per axis, missing where the remaining axes separate nobody.
    """
    axes = range(len(scale.kappa))
    scales = {axis: reduced for axis in axes if (reduced := scale.without(axis))}
    moments = {axis: score_moments(rates, reduced) for axis, reduced in scales.items()}
    # A person who could reach the top K without some axis is drawn once, and these draws serve every axis.
    which = reduce(np.union1d, (choose_drawn(of, top_k) for of in moments.values()), np.empty(0, dtype=int))
    scores = _draw_scores(seed, [ids[i] for i in which], rates.rows(which), scale, scales)
    ranks = {axis: _ranks(ids, moments[axis], which, scores[axis], top_k) for axis in scales}
    missing = pd.array([None] * len(ids), dtype="Int32")
    columns = {f"without_{axis}": pd.array(ranks[axis], dtype="Int32") if axis in ranks else missing for axis in axes}
    return pd.DataFrame(columns, index=pd.Index(ids, name="person_id"))


def _draw_scores(
    seed: int, ids: Sequence[str], rates: Rates, scale: ScoreScale, scales: dict[int, ScoreScale]
) -> dict[int, np.ndarray]:
    """Return drawn scores [people, draws] without each axis."""
    scores = {axis: np.empty((len(ids), len(scale.drawn_weights)), dtype=np.float32) for axis in scales}
    for part, harm in draw_harm(seed, ids, rates, scale):
        positions = harm / (harm + scale.kappa)
        for axis, reduced in scales.items():
            scores[axis][part] = (positions * reduced.drawn_weights).sum(axis=2)
    return scores


def _ranks(ids: Sequence[str], moments: Moments, which: np.ndarray, scores: np.ndarray, top_k: int) -> np.ndarray:
    rest_above = count_above(moments, np.setdiff1d(np.arange(len(ids)), which))
    chance: Floats = chance_of_entry(moments, entry_scores(scores, rest_above, top_k))
    chance[which] = chance_above(scores, entry_scores(scores, rest_above, top_k + 1))
    score = moments.mean.copy()
    score[which] = scores.mean(axis=1, dtype=np.float64)
    # A chance below one draw rounds to zero, drawn or not: far from the top the score decides the order.
    return total_ranks(np.round(chance * scores.shape[1]), score, ids=ids)
