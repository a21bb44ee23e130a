"""The rate on records of Broward County and Georgia: it must stay better than the published score, and no less fair.

The records stand outside this repository (`../shared/data`).
"""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.evaluation.people_validation import RecordsTrial, evaluate_records

DATA = Path(__file__).parents[4] / "shared" / "data"
MAPPINGS = Path(__file__).parents[3] / "configs" / "records"
FILES = {
    "broward": "compas_two_years.parquet",
    "broward_violent": "compas_two_years_violent.parquet",
    "georgia": "nij_georgia_parole_recidivism.parquet",
}


def tried(name: str) -> RecordsTrial:
    path = DATA / FILES[name]
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the repository under shared/data")
    return evaluate_records(path, MAPPINGS / f"{name}.yaml", flagged_shares=(0.05, 0.2), resamples=300, seed=1)


@pytest.mark.parametrize(
    ("name", "outcome", "least"),
    [("broward", "any", 0.73), ("broward_violent", "violent", 0.74), ("georgia", "any", 0.69)],
)
def test_the_rate_tells_people_apart_better_than_the_published_score(name: str, outcome: str, least: float) -> None:
    trial = tried(name).trials[outcome]
    values = trial.scores.set_index(["method", "measure"])["value"]
    ahead = trial.differences.set_index(["against", "measure"])
    assert values["rate", "auc"] > least
    assert values["(priors + 1) / (years + 2)", "auc"] > least
    assert ahead.loc[("published score", "auc"), "lo"] > 0
    assert ahead.loc[("count of priors", "auc"), "lo"] > 0
    assert ahead.loc[("published score", "top_share"), "difference"] > 0


@pytest.mark.parametrize(("name", "outcome"), [("broward", "any"), ("broward_violent", "violent")])
def test_no_gap_between_races_or_sexes_is_wider_than_that_of_the_published_score(name: str, outcome: str) -> None:
    gaps = tried(name).trials[outcome].gaps
    assert not gaps.loc[gaps["attribute"].isin(["race", "sex"]), "verdict"].eq("wider").any()
    largest = gaps[gaps["group"] == "African-American"]
    assert (largest["excess"] < 0).all()


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
    assert {"scores", "differences", "calibration", "gaps", "groups", "summary", "left_out"} <= set(said)
