"""A score of priors and years at risk in which a short history alone says little.

Priors do not grow in proportion to the years: people offend most in their first years, so that priors per year make
everybody young extreme. The score therefore compares each count with that of people of the same years, and learns from
the outcomes what the years themselves add (Dressel and Farid 2018, Science Advances 4:eaao5580: two such figures tell
people apart as well as a score of 137). Of what the years add, a part is left out: the prior on exposure. The three
constants were chosen on the records of Broward County and Georgia, by AUC and by the audited gaps (method-people.md).
"""

import numpy as np

from models.arrays import Floats
from models.evaluation.spline_logistic import Mask

POWER, FIRST_YEARS = 0.85, 3.0  # priors enter as a power, years as ln(years + 3): nobody's history is shorter than that
KEPT = 0.85  # of the effect of the years; below 1, fewer of the young are flagged than the outcomes alone would have
PENALTY = 1e-4


def score_priors(priors: Floats, years: Floats, came: Floats, is_fitted: Mask) -> Floats:
    """Return the score [n], in units of priors^0.85: (priors^0.85 − expected) + 0.85 (γ / β) ln(years + 3).

    The expected value is linear in ln(years + 3) and fitted without outcomes. γ and β are the effects of the years and
    of the first term on the log-odds of the outcome, by logistic regression; where β is not above zero, the priors
    alone count. More priors never lower a score.

    Parameters
    ----------
    priors, years : Floats
        [n] events before, and years at risk, ≥ 0.
    came : Floats
        [n] 1 with the outcome, 0 without.
    is_fitted : Mask
        [n] the people whose outcomes are used.
    """
    from sklearn.linear_model import LogisticRegression

    count, length = priors**POWER, np.log(years + FIRST_YEARS)
    count, length = count - count.mean(), length - length.mean()
    spread = (length**2).sum()
    beyond = count - length * ((count * length).sum() / spread if spread else 0.0)
    terms = np.column_stack([beyond, length])
    model = LogisticRegression(C=1 / PENALTY, max_iter=1000).fit(terms[is_fitted], came[is_fitted])
    by_count, by_length = model.coef_[0]
    return beyond + KEPT * (by_length / by_count if by_count > 0 else 0.0) * length
