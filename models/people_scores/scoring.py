"""Scores of people: from evidence and time at liberty to rates, and from rates to ranks."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.arrays import Floats
from models.people_scores.config import PeopleConfig
from models.people_scores.evidence import AXES
from models.people_scores.exposure import liberty_days
from models.people_scores.offending import Offending, count_offending, fit_priors, mean_factors, posterior_rates
from models.people_scores.ranking import PeopleRanking, Rates, ScoreScale, rank_people
from models.statistics.empirical_bayes import GammaPrior
from models.statistics.intervals import hold_points
from models.statistics.pareto import is_on_front
from models.statistics.rank_draws import total_ranks


@dataclass(frozen=True, slots=True)
class Scoring:
    """Inputs and results of scoring: of those scored and, in `people`, of everybody at risk.

    `people` by person_id: exposure_days, liberty_days (without decay), has_harm, has_exposure, and, where scored, the
    columns of the ranking. `top_k` is the K that was used.
    """

    people: pd.DataFrame
    mean_harm_per_day: float
    scored: pd.Index
    top_k: int
    offending: Offending
    priors: list[GammaPrior]
    rates: Rates
    scale: ScoreScale | None
    ranking: PeopleRanking | None

    @property
    def tested(self) -> pd.DataFrame:
        """What the rules test: has_harm, has_exposure, p_top_k, is_above_average, by person_id."""
        is_above_average = self.people["harm_per_day_lo"] > self.mean_harm_per_day
        return self.people[["has_harm", "has_exposure", "p_top_k"]].assign(is_above_average=is_above_average)

    @property
    def used(self) -> np.ndarray:
        """Columns with any counted incident [9], in the order of models.people_scores.offending.COLUMNS."""
        return self.offending.harm_days > 0

    @property
    def prior_shape(self) -> Floats:
        """Shape of the prior of each used column."""
        return np.array([prior.shape for prior in self.priors])[self.used]


def score_people(
    status: pd.DataFrame,
    evidence: pd.DataFrame,
    custody: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    config: PeopleConfig,
    seed: int,
) -> Scoring:
    """Score every adult with evidence and enough time at liberty; fit the priors on those with evidence."""
    people, offending = at_risk_people(status, evidence, custody, as_of=as_of, config=config)
    at_risk_evidence = evidence[evidence["person_id"].isin(people.index)]
    exposure, days = people["exposure_days"], people["liberty_days"]
    priors = fit_priors(offending.whole, mean_factors(at_risk_evidence), days.to_numpy()) if days.any() else []
    is_scored = (people["has_harm"] & people["has_exposure"]).to_numpy()
    if not is_scored.any():
        return Scoring(people.assign(**UNSCORED), 0.0, people.index[:0], 0, offending, priors, _NO_RATES, None, None)
    rates = posterior_rates(offending, priors, exposure.to_numpy())
    harm = rates.shape / rates.rate @ rates.by_axis(len(AXES))
    scored = rates.rows(is_scored)
    top_k = places(config, int(is_scored.sum()))
    scale = ScoreScale.fit(
        harm[is_scored],
        offending.has_evidence[is_scored],
        config.axis_weights,
        top_k=top_k,
        concentration=config.concentration,
        draws=config.draws,
        seed=seed,
    )
    ids = people.index[is_scored]
    ranking = rank_people(seed, ids.tolist(), scored, scale, top_k)
    table = ranking.table
    table = table.assign(
        rank=total_ranks(table["p_top_k"], table["score"], ids=ids),
        # Without evidence on an axis the rate is the prior's, which is greater with less time at liberty: use zero.
        is_pareto=is_on_front(np.where(offending.has_evidence, harm, 0.0)[is_scored]),
    )
    people = people.join(hold_points(table))
    return Scoring(people, float(harm.sum(axis=1).mean()), ids, top_k, offending, priors, scored, scale, ranking)


def at_risk_people(
    status: pd.DataFrame, evidence: pd.DataFrame, custody: pd.DataFrame, *, as_of: pd.Timestamp, config: PeopleConfig
) -> tuple[pd.DataFrame, Offending]:
    """Return exposure_days, liberty_days, has_harm, has_exposure of every living adult, and their offending."""
    at_risk = status[~(status["is_deceased"] | status["is_under_18"] | status["is_age_unknown"])]

    def days_at_liberty(half_life_days: float) -> pd.Series:
        window = config.window_days
        return liberty_days(at_risk, custody, as_of=as_of, window_days=window, half_life_days=half_life_days)

    days, exposure = days_at_liberty(np.inf), days_at_liberty(config.half_life_days)
    own = evidence[evidence["person_id"].isin(at_risk.index)]
    offending = count_offending(own, at_risk.index, config.half_life_days)
    has_harm, has_exposure = offending.has_evidence.any(axis=1), exposure >= config.minimum_exposure_days
    people = {"exposure_days": exposure, "liberty_days": days, "has_harm": has_harm, "has_exposure": has_exposure}
    return pd.DataFrame(people), offending


def places(config: PeopleConfig, scored: int) -> int:
    """Return K: the force's capacity, at most a share of those scored; zero where too few are scored."""
    return min(config.top_k, int(round(config.top_share * scored, 9)))


_NO_RATES = Rates(np.empty((0, 0)), np.empty((0, 0)), np.empty(0), np.empty(0, dtype=int))
UNSCORED = {
    **dict.fromkeys(("p_top_k", "p_top_k_fixed_weights", "score", "rank", "rank_lo", "rank_hi"), np.nan),
    **dict.fromkeys(("harm_per_day", "harm_per_day_lo", "harm_per_day_hi", "events_per_day"), np.nan),
    **dict.fromkeys((*(f"share_{i}" for i in range(len(AXES))), "is_pareto"), np.nan),
}
