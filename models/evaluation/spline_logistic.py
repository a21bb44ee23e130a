"""Spline logistic regression of an outcome, in which nobody's forecast is fitted on that person's own outcome.

Every input enters through a cubic spline (Eilers and Marx 1996, Statistical Science 11:89); the coefficients are fitted
on nine tenths of the people and judged on the last tenth, each tenth in turn (Stone 1974, J. R. Stat. Soc. B 36:111).
"""

import numpy as np

from models.arrays import Floats

FOLDS = 10
KNOTS = 6
PENALTY = 0.01  # of squared coefficients; it decides where an outcome is separated exactly, and little elsewhere


def cross_fit(inputs: Floats, came: Floats) -> Floats:
    """Return the probability of the outcome per person, fitted on the other folds.

    Parameters
    ----------
    inputs : Floats
        [n, k] finite predictors. Rows are in random order: the fold is the position among those of the same outcome.
    came : Floats
        [n] 1 with the outcome, 0 without.

    Raises
    ------
    ValueError
        Fewer than two people have the outcome or lack it, or all people have the same inputs.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer

    if min(came.sum(), (1 - came).sum()) < 2:
        raise ValueError("fewer than two people with or without the outcome: nothing can be fitted")
    least, greatest = inputs.min(axis=0), inputs.max(axis=0)
    varies = greatest > least
    if not varies.any():
        raise ValueError("all people have the same priors and years at risk: nothing tells them apart")
    inputs, knots = inputs[:, varies], np.linspace(least[varies], greatest[varies], KNOTS)
    fold = np.where(came > 0, np.cumsum(came), np.cumsum(1 - came)) % FOLDS
    probability = np.empty(len(came))
    for part in np.unique(fold):
        model = make_pipeline(SplineTransformer(knots=knots), LogisticRegression(C=1 / PENALTY, max_iter=1000))
        model.fit(inputs[fold != part], came[fold != part])
        probability[fold == part] = model.predict_proba(inputs[fold == part])[:, 1]
    return probability
