"""PAI and PEI* on Portland under the rules of the NIJ challenge, three months held back.

`make bench` prints what docs/benchmarks.md reports; only that the rules are kept is asserted.
"""

from datetime import date
from pathlib import Path

import pytest

from flows.evaluation.nij import evaluate_nij, read_crimes
from geo.vector_file import read_vector_file
from models.forecast.forecast import ForecastConfig

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
CRIMES = DATA / "portland_nij_burglary_mvt_train_2012_2017.parquet"
DISTRICTS = DATA / "portland_police_districts.geojson"
MONTHS = [date(2016, 12, 1), date(2017, 1, 1), date(2017, 2, 1)]
COLUMNS = ["crime", "month", "method", "cell_size_ft", "square_miles", "n", "n_all", "n_best", "pai", "pei"]

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not CRIMES.exists(), reason="the Portland crimes are not beside the project"),
]


@pytest.mark.parametrize("maximise", ["pai", "pei"])
def test_held_back_months(maximise: str) -> None:
    trial = evaluate_nij(
        read_crimes(CRIMES),
        read_vector_file(DISTRICTS, columns=[]),
        MONTHS,
        maximise=maximise,
        config=ForecastConfig(horizon_days=31, history_days=1095, draws=1),
        seed=20261123,
        progress=lambda text: None,
    )
    print(f"\nNIJ rules, Portland, cells chosen for {maximise} on the year before")
    for choice in trial.choices:
        print(choice.text())
    print(trial.scores[COLUMNS].round(3).to_string(index=False))
    assert trial.scores["square_miles"].between(0.25, 0.75).all()
