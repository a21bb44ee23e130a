"""Where people would stand if one axis did not count: how much a rank hangs on one kind of harm.

Each axis is left out of the score in turn and the weights of the others are scaled to one, so that they mean among
themselves what they meant before (the leave-one-out check of a composite index; Saisana, Saltelli and Tarantola 2005,
J. Royal Statistical Society A 168:307). The same draws of rates serve all axes: what moves a rank is the axis alone.
"""

from collections.abc import Sequence
from functools import reduce

import numpy as np
import pandas as pd

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
from models.statistics.empirical_bayes import Floats
from models.statistics.rank_draws import rank_by_chance


def ranks_without(seed: int, ids: Sequence[str], rates: Rates, scale: ScoreScale, top_k: int) -> pd.DataFrame:
    """Rank everybody without each axis, by P(in the top K), then score, then id, as with all of them.

    Returns
    -------
    DataFrame on `ids`: Int32 `without_0` … per axis, missing where the axes that are left separate nobody.
    """
    axes = range(len(scale.kappa))
    left = {axis: measure for axis in axes if (measure := scale.without(axis))}
    moments = {axis: score_moments(rates, measure) for axis, measure in left.items()}
    # Whoever could reach the top without some axis is drawn once, and stands in full without each of them.
    which = reduce(np.union1d, (choose_drawn(of, top_k) for of in moments.values()), np.empty(0, dtype=int))
    scores = _draw_scores(seed, [ids[i] for i in which], rates.rows(which), scale, left)
    ranks = {axis: _ranks(ids, moments[axis], which, scores[axis], top_k) for axis in left}
    missing = pd.array([None] * len(ids), dtype="Int32")
    columns = {f"without_{axis}": pd.array(ranks[axis], dtype="Int32") if axis in ranks else missing for axis in axes}
    return pd.DataFrame(columns, index=pd.Index(ids, name="person_id"))


def _draw_scores(
    seed: int, ids: Sequence[str], rates: Rates, scale: ScoreScale, left: dict[int, ScoreScale]
) -> dict[int, np.ndarray]:
    """Drawn scores [people, draws] without each axis."""
    scores = {axis: np.empty((len(ids), len(scale.drawn_weights)), dtype=np.float32) for axis in left}
    for part, harm in draw_harm(seed, ids, rates, scale):
        positions = harm / (harm + scale.kappa)
        for axis, measure in left.items():
            scores[axis][part] = (positions * measure.drawn_weights).sum(axis=2)
    return scores


def _ranks(ids: Sequence[str], moments: Moments, which: np.ndarray, scores: np.ndarray, top_k: int) -> np.ndarray:
    rest_above = count_above(moments, np.setdiff1d(np.arange(len(ids)), which))
    chance: Floats = chance_of_entry(moments, entry_scores(scores, rest_above, top_k))
    # Above the first outside, and not merely as high as the last inside: nobody enters by a tie.
    chance[which] = (scores > entry_scores(scores, rest_above, top_k + 1)).mean(axis=1)
    score = moments.mean.copy()
    score[which] = scores.mean(axis=1, dtype=np.float64)
    # A chance below one draw is none, drawn or not: among those far from the top the score decides.
    return rank_by_chance(np.round(chance * scores.shape[1]), score, ids)
