"""A rate that knows time at risk, on real people's records: it must stay better than the published score.

Records: ProPublica's Broward County data, outside this repository. Group attributes play no part.
"""

from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from models.rates import GammaPrior, posterior

DATA = Path(__file__).parents[3] / "shared" / "data"
RESPONSIBLE_FROM = 17  # years; priors are counted from about here
PRIOR = GammaPrior(shape=1.0, rate=2.0)  # one prior in two years


@pytest.mark.parametrize(
    ("file", "outcome", "published", "least"),
    [
        ("compas_two_years.parquet", "two_year_recid", "decile_score", 0.725),
        ("compas_two_years_violent.parquet", "two_year_recid", "v_decile_score", 0.735),
    ],
)
def test_rate_separates_better_than_the_published_score(file: str, outcome: str, published: str, least: float) -> None:
    if not (DATA / file).exists():
        pytest.skip(f"{file} is not beside the repository under shared/data")
    people = pd.read_parquet(DATA / file)
    shape, rate = posterior(PRIOR, people["priors_count"], (people["age"] - RESPONSIBLE_FROM).clip(lower=0))
    by_rate = roc_auc_score(people[outcome], shape / rate)
    by_priors = roc_auc_score(people[outcome], people["priors_count"])
    by_published = roc_auc_score(people[outcome], people[published])
    assert by_rate > least
    assert by_rate > by_published > by_priors
