import numpy as np
import pandas as pd
import pytest

from models.evaluation.isotonic import fit_pooled, recalibration


def judged(truth, origins=6, cells=4000, seed=0):
    """Cells whose true chance is `truth` of the forecast one."""
    random = np.random.default_rng(seed)
    said = random.beta(0.5, 3, origins * cells)
    came = (random.random(len(said)) < truth(said)).astype(float)
    return pd.DataFrame({"origin": np.repeat(np.arange(origins), cells), "p_top_0.01": said, "in_top_0.01": came})


def test_a_planted_bend_is_straightened_on_later_origins():
    table = recalibration(judged(lambda p: p**2), (0.01,), bins=10)
    full = table[table["cell_horizons"] >= 300]
    assert (full["forecast"] - full["observed"]).abs().max() > 0.15
    assert (full["recalibrated"] - full["observed"]).abs().max() < 0.05
    assert (table["log_score_recalibrated"] < table["log_score"] - 0.01).all()
    assert table["cell_horizons"].sum() == 3 * 4000


def test_right_chances_lose_hardly_anything():
    table = recalibration(judged(lambda p: p), (0.01,), bins=10)
    assert table["log_score_recalibrated"].iloc[0] == pytest.approx(table["log_score"].iloc[0], abs=0.003)


def test_the_curve_rises_and_one_origin_gives_none():
    curve = fit_pooled(*judged(lambda p: p**2)[["p_top_0.01", "in_top_0.01"]].to_numpy().T)
    assert (np.diff(curve.predict(np.linspace(0, 1, 200))) >= 0).all()
    assert recalibration(judged(lambda p: p, origins=1), (0.01,), bins=10).empty
