"""`explain person` explains people on a list and on none, and reports unknown ids."""

import json
import shutil
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from flows.command import cli
from flows.home.home import Home
from flows.outputs.explain import LIST_TABLES, PERSON_TABLES, PersonRows, _hours_doubt, person_lines
from flows.run.prioritise import people_of_run
from models.people_lists.assess import PeopleLists
from models.people_lists.explain import explain_person
from models.people_lists.lists import decision
from models.people_lists.rules import RULES
from pipeline.errors import PublicationError
from pipeline.publication.publish import runs
from tests.town import CLOCK, TownRun, read_people


@pytest.fixture(scope="module")
def home(town_run: TownRun, new_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A copy of the town's home for reading."""
    folder = tmp_path_factory.mktemp("explain") / "home"
    shutil.copytree(town_run.home.path, folder)
    return new_home(folder)


def explain(home: Home, person: str, *more: str) -> Result:
    reading = ["--purpose", "answer a question", "--reader", "Insp. J. Reyes", *more]
    settings = ["--home", str(home.path), "--config", str(home.config_file), "--clock", CLOCK.isoformat()]
    return CliRunner().invoke(cli, [*settings, "explain", "person", person, *reading])


@pytest.mark.parametrize("wrong", ["NOSUCH", "", " {}", "{} ", "p_" + "0f" * 16])
def test_an_id_that_nobody_has_is_an_error_and_the_asking_is_logged(home: Home, town_run: TownRun, wrong: str) -> None:
    person = wrong.format(town_run.truth("people")["person_id"].iloc[0])
    before = sum(1 for _ in home.access_log.entries())
    done = explain(home, person)
    assert isinstance(done.exception, PublicationError)
    assert str(done.exception).startswith("no person with that id")
    assert not person.strip() or person not in str(done.exception) + done.output
    assert sum(1 for _ in home.access_log.entries()) > before


@pytest.fixture(scope="module")
def people(home: Home) -> PeopleLists:
    """The run's decision on every person."""
    return people_of_run(home, runs(home.path).iloc[-1])


@pytest.fixture(scope="module")
def unlisted(home: Home, people: PeopleLists) -> pd.Series:
    """The deciding rule, by person on no list."""
    listed = {person for name in LIST_TABLES for person in read_people(home, name, latest(home))["person_id"]}
    rest = people.decisions[~people.decisions.index.isin(listed)]
    return rest["gate_rule"].where(rest["gate"].ne("passed"), rest["tier_rule"])


def latest(home: Home) -> str:
    return str(runs(home.path)["run_id"].iloc[-1])


def test_of_each_kind_of_unlisted_person_the_rule_is_told(home: Home, people: PeopleLists, unlisted: pd.Series) -> None:
    assert {"nothing_held_against", "away", "below_every_tier"} <= set(unlisted)
    for rule in sorted(set(unlisted)):
        person = str(unlisted.index[unlisted.eq(rule)][0])
        row = decision(person, people.decisions, people.evidence, home.settings.people)
        words = " ".join(explain_person(person, {"decision": row}))
        assert "On no list in this run." in words
        assert f"What decided: {RULES[rule].words} (rule {rule})" in words
        scored = bool(people.decisions.loc[person, "gate"] == "passed" and people.decisions.loc[person, "p_top_k"] >= 0)
        assert ("likely between" in words, "violence makes" in words) == (scored, scored)
        assert bool(row["evidence_ids"].iloc[0]) >= scored


def test_the_verb_tells_of_the_unlisted_and_of_other_settings(
    home: Home, unlisted: pd.Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = str(unlisted.index[unlisted.eq("below_every_tier")][0])
    done = explain(home, person)
    assert (done.exit_code, "today's" in done.stderr) == (0, False)
    assert "(rule below_every_tier)" in " ".join(done.stdout.split())
    monkeypatch.setenv("HARMSPOT__SEED", "99")
    told = explain(home, person, "--json")
    assert "settings or version have changed since the run" in told.stderr
    assert json.loads(told.stdout)["decision"][0]["rule"] == "below_every_tier"


def test_a_decision_made_again_is_the_runs_own(home: Home, people: PeopleLists) -> None:
    tiers = read_people(home, "person_tier", latest(home))
    same = ["person_id", "tier", "rule", "p_top_k", "rank", "rank_lo", "rank_hi", "harm_per_year", "violence_share"]
    for row in tiers.head(5).to_dict("records"):
        [again] = decision(row["person_id"], people.decisions, people.evidence, home.settings.people).to_dict("records")
        assert {name: again[name] for name in same} == {name: row[name] for name in same}
        assert list(again["evidence_ids"]) == list(row["evidence_ids"])


def test_days_are_those_of_the_forces_own_clock() -> None:
    """Midnight in UTC is the evening before in New York, and the same day in London."""
    midnight = pd.Timestamp("2026-01-10", tz="UTC")
    term = pd.DataFrame(
        {
            "person_id": ["p_a"],
            "is_listed": [False],
            "term_from": [midnight],
            "expires_at": [midnight + pd.Timedelta(days=90)],
            "counted_until": [midnight - pd.Timedelta(days=5)],
        }
    )
    nobody = pd.DataFrame({"person_id": []})
    rows = PersonRows("p_a", dict.fromkeys(PERSON_TABLES, nobody) | {"tier_term": term})
    said = {zone: "\n".join(person_lines(rows, ZoneInfo(zone))) for zone in ("Europe/London", "America/New_York")}
    told = "Was listed since {}. After {} only an incident later than {} could bring the person back."
    assert told.format("2026-01-10", "2026-04-10", "2026-01-05") in said["Europe/London"]
    assert told.format("2026-01-09", "2026-04-09", "2026-01-04") in said["America/New_York"]


@pytest.mark.parametrize(
    ("assumed", "partial", "days", "force_days", "told"),
    [
        (False, True, 4, 28, " (reported on 4 of 28 days, none on the others)"),
        (False, True, 4, 4, " (the force reports on 4 days alone, its average is over these)"),
        (True, False, None, None, " (ASSUMED)"),
        (False, False, 28, 28, ""),
    ],
)
def test_doubtful_hours_say_why(
    assumed: bool, partial: bool, days: int | None, force_days: int | None, told: str
) -> None:
    row = {"is_staffing_assumed": assumed, "is_staffing_partial": partial}
    assert _hours_doubt({**row, "staffing_days": days, "staffing_force_days": force_days}) == told
