"""Counterfactuals: the chance of a listed person of being in the top K if one thing were different.

All other people stay fixed, and the person's own random stream is reused, so the difference is due to the change alone.
"""

import numpy as np
import pandas as pd

from models.arrays import Floats
from models.people_scores.config import PeopleConfig
from models.people_scores.exposure import decayed_days
from models.people_scores.offending import count_offending
from models.people_scores.ranking import Rates, draw_scores
from models.people_scores.scoring import Scoring

MONTHS_AHEAD = (1, 3, 6, 9, 12, 18, 24, 36)
DAYS_PER_MONTH = 365.25 / 12


def moves_out(
    listed: pd.DataFrame,
    heaviest: pd.DataFrame,
    evidence: pd.DataFrame,
    scoring: Scoring,
    config: PeopleConfig,
    seed: int,
) -> list[str]:
    """Return, per listed person, a text: the chance below which they leave, and what would lower it that far.

    Parameters
    ----------
    listed : DataFrame
        Index person_id: p_top_k, exposure_days.
    heaviest : DataFrame
        person_id, place (0 first), incident_id.
    evidence : DataFrame
        As models.people_scores.evidence.counted returns.
    scoring : Scoring
        Rates, scale and ranking of this run.
    config : PeopleConfig
        Half-life, entry probability and leave margin.
    seed : int
        Seed of the run; the draws are keyed by (seed, person).

    Returns
    -------
    list of str
        One text per row of `listed`; empty where nobody is listed or scored.
    """
    if listed.empty or scoring.ranking is None or scoring.scale is None:
        return []
    ranking, scale, ids = scoring.ranking, scoring.scale, listed.index.tolist()
    rates = scoring.rates.rows(scoring.scored.get_indexer(listed.index))
    scores = draw_scores(seed, ids, rates, scale).scores

    def chance(changed: Rates) -> Floats:
        return ranking.chance(scores, draw_scores(seed, ids, changed, scale).scores)

    first = heaviest[heaviest["place"].eq(0)]
    without = chance(_rates_without(first, listed.index, rates, evidence, scoring, config.half_life_days))
    exposure = listed["exposure_days"].to_numpy(dtype=np.float64)
    ahead = [chance(_rates_after(months, exposure, rates, scoring, config.half_life_days)) for months in MONTHS_AHEAD]
    leaves_below = config.warn_probability - config.leave_margin
    arguments = zip(
        listed["p_top_k"],
        first.set_index("person_id")["incident_id"].reindex(listed.index),
        without,
        _first_below(np.column_stack(ahead), leaves_below),
        strict=True,
    )
    return [counterfactual_text(scoring.top_k, leaves_below, *values) for values in arguments]


def _rates_without(
    incidents: pd.DataFrame, people: pd.Index, rates: Rates, evidence: pd.DataFrame, scoring: Scoring, half_life: float
) -> Rates:
    """Return the rates of `people` with `incidents` removed from the evidence."""
    removed = evidence.merge(incidents[["person_id", "incident_id"]], on=["person_id", "incident_id"])
    weight = count_offending(removed, people, half_life).weighted[:, scoring.used]
    return Rates(rates.shape - weight, rates.rate, rates.harm_days, rates.axis)


def _rates_after(months: int, exposure: Floats, rates: Rates, scoring: Scoring, half_life: float) -> Rates:
    """Return the rates after so many months at liberty without a new counted incident."""
    days = months * DAYS_PER_MONTH
    kept = 2.0 ** (-days / half_life)
    prior_shape = scoring.prior_shape
    gained = exposure * (kept - 1) + decayed_days(days, 0.0, half_life)
    shape = prior_shape + (rates.shape - prior_shape) * kept
    return Rates(shape, rates.rate + gained[:, None], rates.harm_days, rates.axis)


def _first_below(chances: Floats, level: float) -> list[int | None]:
    """Return the months until the chance is below the level; None where it takes longer than MONTHS_AHEAD."""
    is_below = chances < level
    months = np.asarray(MONTHS_AHEAD)[is_below.argmax(axis=1)]
    return [
        int(month) if reached else None
        for month, reached in zip(months, np.any(is_below, axis=1).tolist(), strict=True)
    ]


def counterfactual_text(
    top_k: int, leaves_below: float, chance: float, incident_id: str, chance_without: float, months: int | None
) -> str:
    """Return two or three sentences on what would take a listed person off the list."""
    quiet = (
        f"without a new counted incident that takes about {months} months at liberty"
        if months
        else "without a new counted incident that takes more than three years at liberty"
    )
    effect = "off the list" if chance_without < leaves_below else "not enough by itself"
    return (
        f"Leaves when the chance of being among the worst {top_k} falls below {leaves_below:.0%} (now {chance:.0%}); "
        f"{quiet}. "
        f"If {incident_id} did not count, the chance would be {chance_without:.0%}: {effect}."
    )
