"""What the score is worth on real people's records, how long finding out takes, and what it is on random halves."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.evaluation.people_validation import evaluate_records
from models.evaluation.people_validation import _calibration
from models.evaluation.record_score import score_priors
from models.evaluation.spline_logistic import spline_logistic
from models.statistics.paired_bootstrap import rank_score
from pipeline.sources.validation_people import read_record_mapping, read_records, select_records

DATA = Path(__file__).parents[3] / "shared" / "data"
MAPPINGS = Path(__file__).parents[2] / "configs" / "records"


RECORDS = [
    ("broward", "any", "compas_two_years.parquet"),
    ("broward_violent", "violent", "compas_two_years_violent.parquet"),
    ("georgia", "any", "nij_georgia_parole_recidivism.parquet"),
]


def found(file: str) -> Path:
    if not (DATA / file).exists():
        pytest.skip(f"{file} is not beside the repository under shared/data")
    return DATA / file


@pytest.mark.bench
@pytest.mark.parametrize(("name", "outcome", "file"), RECORDS)
def test_score_on_records(name: str, outcome: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = found(file)
    start = time.perf_counter()
    trial = evaluate_records(path, MAPPINGS / f"{name}.yaml", flagged_shares=(0.05, 0.2), resamples=1000, seed=20261123)
    seconds = time.perf_counter() - start
    tables = trial.tables()
    with capsys.disabled():
        print(f"\n{trial.mapping.about}: {seconds:.1f} s")
        for table in ("scores", "differences", "calibration"):
            print(tables[table].round(3).to_string(index=False))
        print(tables["gaps"].groupby(["outcome", "flagged_share", "attribute"])["verdict"].value_counts().to_string())
    assert outcome in trial.trials


@pytest.mark.bench
@pytest.mark.parametrize(("name", "outcome", "file"), RECORDS)
def test_a_half_judged_by_a_score_of_the_other_half(
    name: str, outcome: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fit on a random half, judge on the other: the AUC beside that of the simple rate, and the tenths."""
    people = select_records(read_records(found(file)), read_record_mapping(MAPPINGS / f"{name}.yaml"), outcome)
    priors, years = (people.known[column].to_numpy(np.float64) for column in ("priors", "years_at_risk"))
    came, ahead, within = people.came.to_numpy(np.float64), [], []
    for seed in range(20):
        is_fitted = np.random.default_rng(seed).permutation(len(came)) % 2 == 0
        score = score_priors(priors, years, came, is_fitted)
        place = pd.Series(score).rank(pct=True).to_numpy()
        forecast = spline_logistic(place[:, None], came, is_fitted)
        half = ~is_fitted
        everybody = np.ones(half.sum())
        auc, simple = (rank_score(s[half]).auc(everybody, came[half]) for s in (score, (priors + 1) / (years + 2)))
        ahead.append(auc - simple)
        within.append(_calibration(forecast[half], came[half])["is_within"].sum())
    with capsys.disabled():
        print(
            f"\n{name}, {outcome}: 20 random halves, AUC {np.mean(ahead):+.4f} ({min(ahead):+.4f} to {max(ahead):+.4f})"
            f" beside the simple rate; {np.mean(within):.2f} of ten tenths within their interval"
        )
    assert np.mean(ahead) > -0.008
    assert np.mean(within) > 8.5
