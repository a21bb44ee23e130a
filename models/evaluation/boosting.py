"""Gradient-boosted Poisson trees as a comparator: counts of a cell and its surroundings at several ages.

Trained anew at each origin on windows of the past, each as long as the horizon, from what was known before it.
"""

import numpy as np

from models.arrays import Floats
from models.evaluation.baselines import CellEvents
from models.forecast.scales import Pyramid

COUNT_DAYS = (14, 30, 90, 365, 36500)
HARM_LIVES = (60.0, 500.0)
WINDOWS = 8
# Cells sampled of each window; with weights for a sample of quiet cells, trees would have their bins where nothing is.
WINDOW_CELLS = 12_000
ITERATIONS = 100


def boosted(past: CellEvents, pyramid: Pyramid, horizon_days: int, seed: int) -> tuple[Floats, Floats]:
    """Return scores [cells] for events and for harm over the horizon; zero without a past long enough to learn from."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    span = int(past.age.max()) + 1 if len(past.age) else 0
    windows = min(WINDOWS, span // (2 * horizon_days))
    if not windows:
        return np.zeros(past.cells), np.zeros(past.cells)
    random = np.random.default_rng(seed)
    parts = [_window(past, pyramid, n * horizon_days, horizon_days, random) for n in range(windows)]
    x, events, harm = (np.concatenate(column) for column in zip(*parts, strict=True))
    now, scores = _features(past, pyramid, 0), []
    for target in (events, harm / max(float(harm.mean()), 1e-12)):
        trees = HistGradientBoostingRegressor(
            loss="poisson", max_iter=ITERATIONS, learning_rate=0.06, max_leaf_nodes=12, min_samples_leaf=200,
            l2_regularization=5.0, early_stopping=False, random_state=seed,
        )  # fmt: skip
        is_flat = not target.any()
        scores.append(np.zeros(past.cells) if is_flat else trees.fit(x, target).predict(now))
    return scores[0], scores[1]


def _window(
    past: CellEvents, pyramid: Pyramid, upto: int, days: int, random: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Return features, events and harm of the sampled cells of the window of ages `upto` to `upto + days`."""
    inside = (past.age >= upto) & (past.age < upto + days)
    rows = np.sort(random.choice(past.cells, min(WINDOW_CELLS, past.cells), replace=False))
    events, harm = past.count(inside), past.count(inside * past.harm_days[past.code])
    return _features(past, pyramid, upto + days)[rows], events[rows], harm[rows]


def _features(past: CellEvents, pyramid: Pyramid, since: int) -> Floats:
    """Return [cells, columns] of what was known `since` days ago, in the cell and over its nearest neighbours."""
    age, known = past.age - since, past.age >= since
    harm = past.harm_days[past.code]
    own = [past.count(known & (age < days)) for days in COUNT_DAYS]
    own += [past.count(known * harm * np.exp(-np.maximum(age, 0) / life)) for life in HARM_LIVES]
    wide = pyramid.spread(np.stack(own[-3:]))
    return np.column_stack([*own, *(pyramid.around(column) for column in own), *wide])
