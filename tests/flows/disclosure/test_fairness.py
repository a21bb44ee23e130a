"""The fairness audit of a home: planted groups are found, few people are not shown, and nothing else sees a group."""

import hashlib
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.disclosure import fairness
from flows.disclosure.fairness import GivenFiles, write_fairness_page
from flows.disclosure.group_files import MOST_GROUPS, in_one, read_groups
from flows.evaluation.people_validation import forecasts_of_records
from flows.home.home import Home
from flows.home.store_access import open_home_snapshot, open_home_store
from flows.human_log.audit_events import audit_report
from flows.human_log.ledger import read_ledger
from pipeline.errors import PersonMentionedError, PurposeError, SettingsError
from pipeline.publication.publish import runs
from pipeline.store.same_people import SamePeople
from tests.town import AS_OF, CLOCK, TownRun, naming

READING = {"reader": "Auditor, J. Sol", "purpose": "monthly fairness audit"}
DATA = Path(__file__).parents[4] / "shared" / "data"
BROWARD = Path(__file__).parents[3] / "configs" / "records" / "broward.yaml"


@pytest.fixture(scope="module")
def home(town_run: TownRun, new_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A copy of the town's home: audits log what they read."""
    return new_home(shutil.copytree(town_run.home.path, tmp_path_factory.mktemp("audited") / "home"))


@pytest.fixture(scope="module")
def groups(home: Home, town_run: TownRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three groupings of everybody in the town's store.

    `quarter` is drawn apart from all that they did, and not known of one in ten; of `side` most who sell are in one
    group, though half of everybody is; in `tongue` few are in one group.
    """
    with open_home_store(home) as store:
        people, same = pd.Series(store.pseudonyms()), store.same_people()
    random = np.random.default_rng(3)
    is_seller = people.isin(town_run.restricted("dealer_ranking")["person_id"])
    table = pd.DataFrame(
        {
            "person_id": people,
            "quarter": random.choice(["east", "west", ""], len(people), p=[0.5, 0.4, 0.1]),
            "side": np.where(random.random(len(people)) < np.where(is_seller, 0.9, 0.5), "left", "right"),
            "tongue": random.choice(["first", "second", "third"], len(people), p=[0.7, 0.295, 0.005]),
        }
    )
    table = table.set_index("person_id").loc[people.map(same.one_id)].set_axis(pd.Index(people, name="person_id"))
    path = tmp_path_factory.mktemp("groups") / "groups.csv"
    table.to_csv(path)
    return path


@pytest.fixture(scope="module")
def page(home: Home, groups: Path) -> Path:
    """The page, written by the command."""
    path = groups.with_name("fairness.html")
    said = ["--groups", str(groups), "--out", str(path), "--reader", READING["reader"], "--purpose", READING["purpose"]]
    done = audit(home, "draft", "fairness", *said)
    assert done[0] == 0, done[1]
    return path


def audit(home: Home, *arguments: str) -> tuple[int, str]:
    clock = ["--clock", home.now().isoformat()]
    done = CliRunner().invoke(
        cli, ["--home", str(home.path), "--config", str(home.config_file), *clock, "audit", *arguments]
    )
    return done.exit_code, f"{done.output}{done.exception or ''}"


def test_a_planted_group_is_found_where_it_was_planted_and_nowhere_else(page: Path) -> None:
    html = page.read_text()
    found = html.split('<ul class="words">')[1].split("</ul>")[0].split("<li>")[1:]
    assert found and all(row.startswith("side: ") and "On the list of sellers" in row for row in found)
    # Fewer than ten sellers are on the right, so that no figure of theirs is shown, and none of the left.
    assert any("right" in row and "below" in row for row in found)


def test_every_figure_has_its_denominator_and_what_is_missing_is_said(page: Path, town_run: TownRun) -> None:
    html = page.read_text()
    for text in ("people at risk is not stated", "Nothing is said of groups of residents", "figures are withheld"):
        assert text in html
    everybody = f"{len(town_run.restricted('dealer_ranking')):,}"
    assert f'<td class="n">{everybody}</td>' in html
    assert "1,8" in html  # the window that a record of 500 days does not fill


def test_who_is_at_risk_and_what_came_of_the_lists_of_a_year_ago(home: Home, town_run: TownRun) -> None:
    """Of the people planted in the town; nobody under age, nobody who is only a victim, and no year but the last."""
    notes: fairness.Notes = []
    people = fairness._people(home, runs(home.path).iloc[-1], notes, **READING)
    for name in fairness.LISTS:
        listed = set(town_run.restricted(name)["person_id"])
        assert set(people.index[people[name]]) == listed
        assert people.loc[sorted(listed), "is_at_risk"].all()
    planted = town_run.people().set_index("person_id")
    kinds = planted["kind"].reindex(people.index)
    assert not kinds[people["is_at_risk"]].isin(["victim", "witness"]).any()
    assert people.loc[people["is_suspect"], "is_at_risk"].all() and people.loc[people["is_false"], "was_listed"].all()
    assert set(kinds[people["was_listed"]]) == {"target"}  # the nine who stood out by then, and went on
    assert not people["is_false"].any()
    with open_home_snapshot(home, home.midnight(AS_OF)) as snapshot:
        held = snapshot.connection.sql(
            "SELECT person_id, count(*) FROM involvement_snapshot JOIN incident_snapshot USING (incident_id) "
            "WHERE occurred_at >= TIMESTAMPTZ '2025-01-01 00:00:00+00' AND role IN ('suspect', 'charged', 'convicted') "
            "GROUP BY person_id"
        ).df()
    assert set(people.index[people["observed"].gt(0)]) <= set(held["person_id"])
    assert people.loc[people["expected"].notna(), "expected"].between(0, 365 * 5).all()
    assert [text for text, _ in notes] == [fairness.YOUNG_RECORD]


def test_the_page_holds_nobody(page: Path, town_run: TownRun) -> None:
    people = town_run.people()
    ids = [*people["person_id"], *town_run.truth("people")["person_id"]]
    assert not naming([each.encode() for each in ids], [("page", page.read_bytes())])


def test_the_read_is_logged_with_its_purpose_and_without_anybody(page: Path, home: Home) -> None:
    entries = [entry for entry in home.access_log.entries() if entry["purpose"] == READING["purpose"]]
    assert entries[0]["action"] == "fairness_audit"
    assert {entry["detail"].get("table") for entry in entries[1:]} >= {"person_tier", "dealer_ranking", "warrant_queue"}
    assert {entry["reader"] for entry in entries} == {READING["reader"]}


def test_without_a_purpose_nobody_is_read(home: Home, groups: Path, tmp_path: Path) -> None:
    before = sum(1 for _ in home.access_log.entries())
    with pytest.raises(PurposeError):
        write_fairness_page(home, None, GivenFiles(groups), tmp_path / "a.html", reader="Auditor, J. Sol", purpose=None)
    assert sum(1 for _ in home.access_log.entries()) == before
    assert not (tmp_path / "a.html").exists()


def test_written_again_it_is_the_same_page_and_nothing_of_the_groups_stays_in_the_home(
    page: Path, home: Home, groups: Path, tmp_path: Path
) -> None:
    def held() -> dict[str, str]:
        files = [path for path in home.path.rglob("*") if path.is_file() and path.name not in LOGGED]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before, again = held(), tmp_path / "again.html"
    assert write_fairness_page(home, None, GivenFiles(groups), again, **READING) == AS_OF
    assert again.read_bytes() == page.read_bytes()
    assert held() == before


LOGGED = ("access.log", "store.duckdb")  # the second keeps how far the first went


def test_the_page_is_accepted_as_the_signed_report(page: Path, home: Home) -> None:
    signed = ["--report", str(page), "--found", "sellers on the right are listed less", "--by", "Analyst, M. Ito"]
    code, said = audit(home, "record", "fairness", *signed)
    assert (code, "signed by Analyst, M. Ito" in said) == (0, True), said
    assert audit_report(home, read_ledger(home)).set_index("report").loc["fairness", "state"] == "fresh"


def test_the_command_to_sign_is_said(home: Home, tmp_path: Path) -> None:
    """Without groups nobody is read, and no purpose is asked."""
    said = audit(home, "draft", "fairness", "--out", str(tmp_path / "places.html"))[1]
    asked = shlex.split(said.splitlines()[-1].partition("harmspot ")[2])
    assert asked[:3] == ["audit", "record", "fairness"]
    assert "no file of groups was given" in (tmp_path / "places.html").read_text()


def test_census_shares_give_the_burden_of_groups_of_residents(
    home: Home, town_run: TownRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranking = town_run.published("area_ranking").sort_values("area_id", ignore_index=True).assign(residents=1000.0)
    rows = [f"{area},{group},{share}" for area in ranking["area_id"] for group, share in GROUPS.items()]
    census = tmp_path / "census.csv"
    census.write_text("\n".join(["area_id,group,share", *rows[:-1]]))  # of one area one share is missing
    read = fairness.read_places
    monkeypatch.setattr(fairness, "read_places", lambda *given: {**read(*given), "area_ranking": ranking})
    write_fairness_page(home, None, GivenFiles(census=census), tmp_path / "c.html", reader=None, purpose=None)
    html = (tmp_path / "c.html").read_text()
    assert "The groups of 1,000 residents are not known: 1 of" in html
    assert "1,100 of 11,000 residents are in none of the groups" in html
    assert '<th scope="row">tenants</th><td class="n">3,300</td>' in html


GROUPS = {"tenants": 0.3, "owners": 0.6}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("P000123,east\nP000124,west\n", "no column 'person_id' in its first row"),
        ("P000123,P000123\nP000124,west\n", "a column occurs twice"),
        ("person_id,quarter\nP000123,east\nP000123,west\n", "row 3, column person_id: expected each person once"),
        ("person_id,quarter\n,east\n", "row 2, column person_id: expected a person's id"),
        ("person_id\nP000123\n", "no column beside person_id"),
        ("person_id,quarter\nP000123,east,P000124\n", "row 2: 3 fields"),
        ("person_id,quarter\nP000123,everybody\n", "call it otherwise"),
        ("person_id,quarter\n" + "".join(f"P{n},g{n}\n" for n in range(21)), f"expected {MOST_GROUPS} at most"),
    ],
)
def test_a_file_of_groups_that_cannot_be_read_is_refused_without_anybodys_id(
    home: Home, tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "groups.csv"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_groups(home, path)
    assert message in str(caught.value)
    assert "P0001" not in str(caught.value).upper()


def test_a_group_that_is_somebodys_id_is_refused(home: Home, town_run: TownRun, tmp_path: Path) -> None:
    ids = town_run.truth("people")["person_id"].tolist()
    path = tmp_path / "groups.csv"
    path.write_text(f"person_id,friend\n{ids[0]},{ids[1]}\n{ids[2]},{ids[1]}\n")
    with pytest.raises(PersonMentionedError) as caught:
        read_groups(home, path)
    assert ids[1] not in str(caught.value)


def test_pseudonyms_and_own_ids_are_the_same_people(home: Home, town_run: TownRun, tmp_path: Path) -> None:
    own, pseudonyms = town_run.truth("people")["person_id"].tolist(), town_run.people()["person_id"].tolist()
    path = tmp_path / "groups.csv"
    path.write_text(f"person_id,quarter\n{own[0]},east\n{pseudonyms[1]},\n")
    found = read_groups(home, path)
    assert found.index.tolist() == pseudonyms[:2]
    assert found["quarter"].isna().tolist() == [False, True]


def test_ids_of_one_person_have_one_group() -> None:
    same = SamePeople.of([("p_a", "p_b", CLOCK)])
    given = pd.DataFrame({"quarter": ["east", None, "west"]}, index=pd.Index(["p_b", "p_a", "p_c"], name="person_id"))
    assert in_one(given, same, Path("g.csv"))["quarter"].to_dict() == {"p_a": "east", "p_c": "west"}
    given.loc["p_a"] = "north"
    with pytest.raises(SettingsError, match="1 people stand in it under several ids with different groups"):
        in_one(given, same, Path("g.csv"))


def test_other_drafts_take_no_groups(home: Home, groups: Path, tmp_path: Path) -> None:
    said = audit(home, "draft", "feedback", "--groups", str(groups), "--out", str(tmp_path / "f.html"))
    assert said[0] == 2 and "--groups is for `audit draft fairness`" in said[1]


def test_forecasts_on_other_records_are_shown_by_their_groups(home: Home, tmp_path: Path) -> None:
    """COMPAS, where it is: every group with ten people and more on both sides has its denominator."""
    records = DATA / "compas_two_years.parquet"
    if not records.exists():
        pytest.skip(f"{records.name} is not beside the repository under shared/data")
    about, forecasts = forecasts_of_records(records, BROWARD, seed=1)
    given = GivenFiles(records=forecasts, about_records=about)
    write_fairness_page(home, None, given, tmp_path / "c.html", reader=None, purpose=None)
    html = (tmp_path / "c.html").read_text()
    assert "any: race" in html and "African-American" in html
    assert '<th scope="row">Native American</th><td class="n">10</td><td class="n">' in html
    assert html.count('<span class="muted">withheld</span>') > 0
