"""What the rate is worth on real people's records, how long finding out takes, and what other forms would give."""

import itertools
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.evaluation.people_validation import evaluate_records
from models.statistics.paired_bootstrap import Floats, Ranking, rank_score
from pipeline.sources.validation_people import Records, read_record_mapping, read_records, select_records

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


# Forms (priors + a) / (years + b) ** p; a, b and p of 1, 2 and 1 are the rate, near enough.
FORMS = list(itertools.product((1, 1.5, 2, 3, 4), (0.25, 0.5, 1, 2, 5), (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25)))
CLEARLY_ABOVE = {"any": 0.015, "violent": 0.024}  # of the published AUC: about the half width of the paired interval


def wrong_flags(ranking: Ranking, share: float, people: Records, attribute: str) -> Floats:
    """How far each group's false-positive rate lies from that of everybody else; groups of at least 100 without the
    outcome."""
    flags = ranking.flags(np.ones(len(people.came)), share)[people.came.to_numpy() == 0]
    groups = people.attributes[attribute][people.came == 0]
    large = groups.value_counts().loc[lambda count: count >= 100].index.sort_values()
    return np.array([abs(flags[groups == group].mean() - flags[groups != group].mean()) for group in large])


def excess(score: Floats, people: Records, attribute: str) -> float:
    """By how much the widest gap lies above that of the published score, at 5% or 20% flagged."""
    ours, theirs = rank_score(score), rank_score(people.published)
    return max(
        (wrong_flags(ours, share, people, attribute) - wrong_flags(theirs, share, people, attribute)).max()
        for share in (0.05, 0.2)
    )


@pytest.mark.bench
def test_no_other_form_of_the_rate_has_every_gap_narrower(capsys: pytest.CaptureFixture[str]) -> None:
    rows = []
    for name, outcome, file in (
        ("broward", "any", "compas_two_years.parquet"),
        ("broward_violent", "violent", "compas_two_years_violent.parquet"),
    ):
        if not (DATA / file).exists():
            pytest.skip(f"{file} is not beside the repository under shared/data")
        people = select_records(read_records(DATA / file), read_record_mapping(MAPPINGS / f"{name}.yaml"), outcome)
        everybody, came = np.ones(len(people.came)), people.came.to_numpy(np.float64)
        published = rank_score(people.published).auc(everybody, came)
        priors, years = (people.known[column].to_numpy(np.float64) for column in ("priors", "years_at_risk"))
        for a, b, p in FORMS:
            score = (priors + a) / (years + b) ** p
            ahead = rank_score(score).auc(everybody, came) - published
            gaps = {attribute: excess(score, people, attribute) for attribute in ("race", "sex", "age_cat")}
            rows.append({"a": a, "b": b, "p": p, "outcome": outcome, "auc_ahead": ahead, **gaps})
    forms = pd.DataFrame(rows)
    forms["is_ahead"] = forms["auc_ahead"] > forms["outcome"].map(CLEARLY_ABOVE)
    both = forms.groupby(["a", "b", "p"]).agg(
        {"is_ahead": "all", "auc_ahead": "min", "race": "max", "sex": "max", "age_cat": "max"}
    )
    ahead = both[both.pop("is_ahead")].sort_values("age_cat")
    with capsys.disabled():
        print(
            f"\n{len(both)} forms, {len(ahead)} clearly ahead of the published score on both outcomes; least age gaps:"
        )
        print(ahead.head(3).round(3).to_string())
        print("the rate:", both.loc[(1, 2, 1)].round(3).to_dict())
    assert (ahead["age_cat"] > 0).all()
