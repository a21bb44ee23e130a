"""The score on records of Broward County and Georgia: as good as the simple rate, right by tenths, no less fair.

The records stand outside this repository (`../shared/data`).
"""

import functools
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.evaluation.people_validation import RecordsTrial, evaluate_records
from models.evaluation.people_validation import FIXED_RATE, PRIORS, PUBLISHED, SCORE, SPLINE

DATA = Path(__file__).parents[4] / "shared" / "data"
MAPPINGS = Path(__file__).parents[3] / "configs" / "records"
FILES = {
    "broward": "compas_two_years.parquet",
    "broward_violent": "compas_two_years_violent.parquet",
    "georgia": "nij_georgia_parole_recidivism.parquet",
}


@functools.cache
def tried(name: str) -> RecordsTrial:
    path = DATA / FILES[name]
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the repository under shared/data")
    return evaluate_records(path, MAPPINGS / f"{name}.yaml", flagged_shares=(0.05, 0.2), resamples=200, seed=20261123)


ROWS = [("broward", "any"), ("broward_violent", "violent"), ("georgia", "any")]


@pytest.mark.parametrize(
    ("name", "outcome", "least"), [(*row, auc) for row, auc in zip(ROWS, (0.73, 0.74, 0.70), strict=True)]
)
def test_the_score_tells_people_apart_as_well_as_the_simple_rate_and_better_than_the_published_score(
    name: str, outcome: str, least: float
) -> None:
    trial = tried(name).trials[outcome]
    values = trial.scores.set_index(["method", "measure"])["value"]
    ahead = trial.differences.set_index(["against", "measure"])
    assert trial.scores["method"].iloc[0] == SCORE
    assert values[SCORE, "auc"] > least
    assert ahead.loc[(FIXED_RATE, "auc"), "hi"] > 0
    assert ahead.loc[(FIXED_RATE, "auc"), "difference"] > -0.004
    assert abs(values[SPLINE, "auc"] - values[SCORE, "auc"]) < 0.005
    assert ahead.loc[(PUBLISHED, "auc"), "lo"] > 0
    assert ahead.loc[(PRIORS, "auc"), "lo"] > 0


@pytest.mark.parametrize(("name", "outcome"), ROWS)
def test_tenths_lie_in_their_intervals_on_people_who_were_not_fitted(name: str, outcome: str) -> None:
    assert tried(name).trials[outcome].calibration["is_within"].all()


# Few gaps are wider than the published score's: nobody of 43 to 47, and few of 33 to 37, are in Georgia's top 5%.
# Those of women and men in Broward are at the border: wider with some seeds, level with others.
WIDER = {
    "broward": {(0.2, "25 - 45"), (0.2, "Female"), (0.2, "Male")},
    "broward_violent": set(),
    "georgia": {(0.05, "33-37"), (0.05, "43-47")},
}


@pytest.mark.parametrize(("name", "outcome"), ROWS)
def test_gaps_of_groups_are_no_wider_than_those_of_the_published_score_but_for_few(name: str, outcome: str) -> None:
    gaps = tried(name).trials[outcome].gaps
    wider = gaps[gaps["verdict"] == "wider"]
    assert set(zip(wider["flagged_share"], wider["group"], strict=True)) <= WIDER[name]


def test_in_georgia_the_youngest_are_not_flagged_for_short_histories() -> None:
    gaps = tried("georgia").trials["any"].gaps
    youngest = gaps[gaps["group"] == "18-22"].set_index("flagged_share")
    assert (youngest["verdict"] == "level").all()
    assert youngest.loc[0.05, "score_gap"] < 0.08  # .206 by the rate that the score replaced
    assert youngest.loc[0.2, "score_gap"] < 0.25  # .366


def test_the_command_prints_tables_json_and_a_page(tmp_path: Path) -> None:
    rows = "priors,age,again,score,sex\n" + "".join(
        f"{n % 7},{20 + n % 30},{int(n % 7 > n % 5)},{n % 10},{'mf'[n % 2]}\n" for n in range(200)
    )
    (tmp_path / "people.csv").write_text(rows)
    (tmp_path / "town.yaml").write_text(
        "name: town\nabout: A town\nhorizon_years: 2\nindex_events: 0\npriors: {column: priors}\n"
        "years_at_risk: {column: age, add: -17}\noutcomes: {any: {column: again, published_score: score}}\n"
        "groups: [sex]\n"
    )
    arguments = [
        "evaluate",
        "people",
        "--records",
        str(tmp_path / "people.csv"),
        "--mapping",
        str(tmp_path / "town.yaml"),
    ]
    arguments += ["--resamples", "20"]
    done = CliRunner().invoke(cli, [*arguments, "--out", str(tmp_path / "page.html")], catch_exceptions=False)
    assert "published score" in done.output
    page = (tmp_path / "page.html").read_text()
    assert page.count("<svg") == 3
    assert "http" not in page.split("</style>")[1]
    said = json.loads(CliRunner().invoke(cli, [*arguments, "--json"], catch_exceptions=False).stdout)
    assert said["horizon_years"] == 2
    assert {row["method"] for row in said["scores"]} > {SCORE, FIXED_RATE, SPLINE}
    assert {"lo", "hi", "is_within"} <= said["calibration"][0].keys()
    assert {"scores", "differences", "calibration", "gaps", "groups", "summary", "left_out"} <= set(said)
