"""How often each person offends, per axis and severity band: posteriors from evidence and time at liberty.

Priors are fitted on people with evidence and time at liberty, by a likelihood conditional on at least one incident:
only they are scored, so other people in the records (victims, people once stopped) have no influence. The fit uses
whole incidents without decay, because only they are counts; the posterior then applies evidence factors and decay to
both events and time.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.arrays import Floats
from models.people_scores.evidence import AXES, BANDS
from models.people_scores.ranking import Rates
from models.statistics.empirical_bayes import GammaPrior, fit_gamma_priors

COLUMNS = [(axis, band) for axis in AXES for band in BANDS]
# The variance of rates among people with evidence is estimated from those with more than one incident. With fewer
# repeaters than this, the plain likelihood of everybody at risk is fitted.
MINIMUM_REPEATERS = 30


@dataclass(frozen=True, slots=True)
class Offending:
    """Counts per person [n, 9] over COLUMNS, whole and weighted, and the mean harm of an incident per column [9]."""

    person_ids: pd.Index
    whole: Floats
    weighted: Floats
    harm_days: Floats

    @property
    def has_evidence(self) -> np.ndarray:
        """True where the axis has counted evidence [n, axes]."""
        return np.any(self.weighted.reshape(len(self.weighted), len(AXES), len(BANDS)) > 0, axis=2)


def count_offending(counted: pd.DataFrame, person_ids: pd.Index, half_life_days: float) -> Offending:
    """Count evidence per person and column; an incident of age t weighs factor × ½^(t / half-life).

    Parameters
    ----------
    counted : DataFrame
        As models.people_scores.evidence.counted returns; people outside `person_ids` are left out.
    person_ids : Index
        The people to count for, in the order of the rows returned.
    half_life_days : float
        Half-life of an incident's weight.

    Returns
    -------
    Offending
        Counts, weights and mean harm per column.
    """
    person = person_ids.get_indexer(pd.Index(counted["person_id"]))
    rows, person = counted[person >= 0], person[person >= 0]
    # Sums of floats depend on their order. Sort by the values added, so that incident ids cannot change the result.
    order = np.lexsort((rows["harm_days"], rows["factor"], rows["age_days"], person))
    rows, person = rows.iloc[order], person[order]
    column = pd.MultiIndex.from_tuples(COLUMNS).get_indexer(pd.MultiIndex.from_frame(rows[["axis", "band"]]))
    factor = rows["factor"].to_numpy(np.float64)
    weight = factor * np.exp2(-rows["age_days"].to_numpy(np.float64) / half_life_days)
    n, k = len(person_ids), len(COLUMNS)

    def total(weights: Floats | None) -> Floats:
        return np.bincount(person * k + column, weights, minlength=n * k).reshape(n, k).astype(np.float64)

    factors, harm = np.bincount(column, factor, k), np.bincount(column, factor * rows["harm_days"].to_numpy(), k)
    return Offending(person_ids, total(None), total(weight), harm / np.where(factors > 0, factors, 1.0))


def fit_priors(whole: Floats, weighted_share: Floats, days: Floats) -> list[GammaPrior]:
    """Fit a prior per column, in evidence-weighted events per day at liberty.

    Parameters
    ----------
    whole : Floats
        Incidents per person and column [n, k], without decay.
    weighted_share : Floats
        Mean evidence factor of an incident per column [k]; it converts incidents into weighted ones.
    days : Floats
        Days at liberty in the window per person [n], without decay.

    Returns
    -------
    list of GammaPrior
        One prior per column.
    """
    repeaters = int((whole[days > 0].sum(axis=1) > 1).sum())
    priors = fit_gamma_priors(whole, days, zero_truncated=repeaters >= MINIMUM_REPEATERS)
    return [GammaPrior(prior.shape, prior.rate / share) for prior, share in zip(priors, weighted_share, strict=True)]


def mean_factors(counted: pd.DataFrame) -> Floats:
    """Return the mean evidence factor per column; one where a column has no incident."""
    means = counted.sort_values("factor").groupby(["axis", "band"])["factor"].mean()
    return means.reindex(pd.MultiIndex.from_tuples(COLUMNS)).fillna(1.0).to_numpy()


def posterior_rates(offending: Offending, priors: list[GammaPrior], exposure_days: Floats) -> Rates:
    """Return posterior rates over the columns with any counted incident; the others separate nobody."""
    used = offending.harm_days > 0
    prior_shape = np.array([prior.shape for prior in priors])[used]
    prior_rate = np.array([prior.rate for prior in priors])[used]
    axis = np.repeat(np.arange(len(AXES)), len(BANDS))[used]
    shape = prior_shape + offending.weighted[:, used]
    return Rates(shape, prior_rate + exposure_days[:, None], offending.harm_days[used], axis)
