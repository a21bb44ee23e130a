"""How often each person offends, per axis and severity band: posteriors from evidence and time at liberty.

Priors are fitted on whoever has evidence and time at liberty, by the likelihood of those who have at least one
incident: only they are scored, and whom else the records happen to know (victims, people once stopped) moves nothing.
Whole incidents that do not age are fitted, because only they are counts; the posterior then takes evidence factors
and age into account on both sides, events and time.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.people_scores.evidence import AXES, BANDS
from models.people_scores.ranking import Rates
from models.statistics.empirical_bayes import Floats, GammaPrior, fit_gamma_priors

COLUMNS = [(axis, band) for axis in AXES for band in BANDS]
# How rates vary among people with evidence is learnt from those who have more than one incident. With fewer of them
# than this, everybody at risk is fitted as they are.
MINIMUM_REPEATERS = 30


@dataclass(frozen=True, slots=True)
class Offending:
    """Counts per person [n, 9] over COLUMNS, whole and weighted, and the harm of a mean incident of each [9]."""

    person_ids: pd.Index
    whole: Floats
    weighted: Floats
    harm_days: Floats

    @property
    def has_evidence(self) -> np.ndarray:
        """[n, axes]: True where anything counts on the axis."""
        return np.any(self.weighted.reshape(len(self.weighted), len(AXES), len(BANDS)) > 0, axis=2)


def count_offending(counted: pd.DataFrame, person_ids: pd.Index, half_life_days: float) -> Offending:
    """Count evidence per person and column; an incident of age t weighs factor × ½^(t / half-life).

    `counted` as models.people_scores.evidence.counted returns; people outside `person_ids` are left out.
    """
    person = person_ids.get_indexer(pd.Index(counted["person_id"]))
    rows, person = counted[person >= 0], person[person >= 0]
    # Sums of floats depend on their order: by what is added, so that the name of an incident cannot decide a bit.
    order = np.lexsort((rows["harm_days"], rows["factor"], rows["age_days"], person))
    rows, person = rows.iloc[order], person[order]
    column = pd.MultiIndex.from_tuples(COLUMNS).get_indexer(pd.MultiIndex.from_frame(rows[["axis", "band"]]))
    factor = rows["factor"].to_numpy(np.float64)
    weight = factor * np.exp2(-rows["age_days"].to_numpy(np.float64) / half_life_days)
    n, k = len(person_ids), len(COLUMNS)

    def total(of: Floats | None) -> Floats:
        return np.bincount(person * k + column, of, minlength=n * k).reshape(n, k).astype(np.float64)

    known, harm = np.bincount(column, factor, k), np.bincount(column, factor * rows["harm_days"].to_numpy(), k)
    return Offending(person_ids, total(None), total(weight), harm / np.where(known > 0, known, 1.0))


def fit_priors(whole: Floats, weighted_share: Floats, days: Floats) -> list[GammaPrior]:
    """Fit a prior per column, in evidence-weighted events per day at liberty.

    Parameters
    ----------
    whole : incidents per person and column [n, k], not aged.
    weighted_share : mean evidence factor of an incident per column [k]; it turns incidents into weighted ones.
    days : days at liberty in the window, not aged.
    """
    repeaters = int((whole[days > 0].sum(axis=1) > 1).sum())
    priors = fit_gamma_priors(whole, days, zero_truncated=repeaters >= MINIMUM_REPEATERS)
    return [GammaPrior(prior.shape, prior.rate / share) for prior, share in zip(priors, weighted_share, strict=True)]


def mean_factors(counted: pd.DataFrame) -> Floats:
    """Mean evidence factor per column; one where a column has no incident."""
    means = counted.sort_values("factor").groupby(["axis", "band"])["factor"].mean()
    return means.reindex(pd.MultiIndex.from_tuples(COLUMNS)).fillna(1.0).to_numpy()


def posterior_rates(offending: Offending, priors: list[GammaPrior], exposure_days: Floats) -> Rates:
    """Posterior rates over the columns in which anything was ever counted; the others separate nobody."""
    used = offending.harm_days > 0
    prior_shape = np.array([prior.shape for prior in priors])[used]
    prior_rate = np.array([prior.rate for prior in priors])[used]
    axis = np.repeat(np.arange(len(AXES)), len(BANDS))[used]
    shape = prior_shape + offending.weighted[:, used]
    return Rates(shape, prior_rate + exposure_days[:, None], offending.harm_days[used], axis)
