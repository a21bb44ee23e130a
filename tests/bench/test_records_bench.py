"""What the rate is worth on real people's records, and how long finding out takes."""

import time
from pathlib import Path

import pytest

from flows.people_evaluation import evaluate_records

DATA = Path(__file__).parents[3] / "shared" / "data"
MAPPINGS = Path(__file__).parents[2] / "configs" / "records"


@pytest.mark.bench
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("broward", "compas_two_years.parquet"),
        ("broward_violent", "compas_two_years_violent.parquet"),
        ("georgia", "nij_georgia_parole_recidivism.parquet"),
    ],
)
def test_rate_on_records(name: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not (DATA / file).exists():
        pytest.skip(f"{file} is not beside the repository under shared/data")
    start = time.perf_counter()
    trial = evaluate_records(
        DATA / file, MAPPINGS / f"{name}.yaml", flagged_shares=(0.05, 0.2), resamples=1000, seed=2026
    )
    seconds = time.perf_counter() - start
    tables = trial.tables()
    with capsys.disabled():
        print(f"\n{trial.mapping.about}: {seconds:.1f} s")
        for table in ("scores", "differences"):
            print(tables[table].round(3).to_string(index=False))
        print(tables["gaps"].groupby(["outcome", "flagged_share", "attribute"])["verdict"].value_counts().to_string())
    assert len(tables["scores"])
