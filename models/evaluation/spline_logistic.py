"""Spline logistic regression of an outcome, and forecasts in which nobody is fitted on the own outcome.

Every input enters through a cubic spline (Eilers and Marx 1996, Statistical Science 11:89). A forecast is fitted on
nine tenths of the people and judged on the last tenth, each tenth in turn (Stone 1974, J. R. Stat. Soc. B 36:111).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from models.arrays import Floats

Mask = npt.NDArray[np.bool_]
FOLDS = 10
KNOTS = 6
PENALTY = 0.01  # of squared coefficients; it decides where an outcome is separated exactly, and little elsewhere


def cross_fit(foretell: Callable[[Mask], Floats], came: Floats) -> Floats:
    """Return what `foretell` says of each person when that person's fold is not fitted.

    Parameters
    ----------
    foretell : Callable[[Mask], Floats]
        fits on the people of a mask [n] and returns [n, ...] for everybody.
    came : Floats
        [n] 1 with the outcome, 0 without. Rows are in random order: the fold is the position among those of the same
        outcome.

    Raises
    ------
    ValueError
        Fewer than two people have the outcome or lack it.
    """
    if min(came.sum(), (1 - came).sum()) < 2:
        raise ValueError("fewer than two people with or without the outcome: nothing can be fitted")
    fold = np.where(came > 0, np.cumsum(came), np.cumsum(1 - came)) % FOLDS
    told = {part: foretell(fold != part) for part in np.unique(fold)}
    return np.array([told[part][person] for person, part in enumerate(fold)])


def spline_logistic(inputs: Floats, came: Floats, is_fitted: Mask) -> Floats:
    """Return the probability of the outcome [n] from inputs [n, k], fitted on the people of the mask.

    Raises
    ------
    ValueError
        All people have the same inputs.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer

    least, greatest = inputs.min(axis=0), inputs.max(axis=0)
    varies = greatest > least
    if not varies.any():
        raise ValueError("all people have the same priors and years at risk: nothing tells them apart")
    inputs, knots = inputs[:, varies], np.linspace(least[varies], greatest[varies], KNOTS)
    model = make_pipeline(SplineTransformer(knots=knots), LogisticRegression(C=1 / PENALTY, max_iter=1000))
    model.fit(inputs[is_fitted], came[is_fitted])
    return model.predict_proba(inputs)[:, 1]
