"""A run counts what was recorded: planted actions come out in its published tables, exactly, and money apart."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pandas as pd
import pytest
import yaml

from flows.home.home import Home
from flows.home.settings import Settings, load_settings
from flows.ingest.ingest import load_file
from flows.inputs.assembly import PeopleFrames
from flows.measures.done import read_done, shifts_of
from flows.schedule.daily import daily_run
from models.operations.history import operations_of
from pipeline.errors import SettingsError
from pipeline.publication.publish import read_published
from tests.town import AS_OF, TownRun, event

CUSTODY_DAY = {"cost": 400.0, "currency": "GBP", "year": 2025, "source": "a published figure, invented here"}


def action(number: int, kind: str, at: str, **rest: object) -> str:
    data = {"action_id": f"L{number}", "version": 1, "kind": kind, "at": at, **rest}
    return event("action.recorded", f"L{number}", data)


def priced(folder: Path, town_run: TownRun, **unit_costs: object) -> Path:
    """Settings of the town with unit costs."""
    settings = yaml.safe_load(town_run.files.config_file.read_text(encoding="utf-8"))
    force = settings["force"]
    force["areas"]["path"], force["points_of_interest"] = (
        str(town_run.files.folder / name) for name in (force["areas"]["path"], force["points_of_interest"])
    )
    force["unit_costs"] = unit_costs
    file = folder / "priced.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def counted(
    town_run: TownRun, tmp_path_factory: pytest.TempPathFactory, loaded_home: Callable[..., Home]
) -> Callable[[str], pd.DataFrame]:
    """The tables of a run of the town with planted actions and a unit cost."""
    folder = tmp_path_factory.mktemp("costs")
    people = town_run.truth("people")["person_id"].tolist()[:12]
    lines = [
        *(
            action(n, "arrest", "2025-11-05T23:30:00Z", subject=who, area="A01", offence_code="drug_possession")
            for n, who in enumerate(people)
        ),
        action(20, "arrest", "2025-11-06T10:00:00Z", area="A02", offence_code="robbery"),
        action(21, "complaint", "2025-11-06T10:00:00Z", area="A01@1", count=2),
        action(22, "death", "2025-12-24T10:00:00Z", area="A01", party="public"),
        action(23, "injury", "2025-12-24T10:00:00Z", area="elsewhere", party="officer"),
    ]
    held = {"from": "2025-11-06T00:00:00Z", "to": "2025-11-06T12:00:00Z"}
    stays = [
        event("custody.changed", f"L{n}", {"person_id": who, "version": 1, **held}) for n, who in enumerate(people)
    ]
    home = loaded_home(folder / "home")
    for name, rows in (("actions", lines), ("custody", stays)):
        (folder / f"{name}.jsonl").write_text("".join(rows), encoding="utf-8")
        load_file(home, folder / f"{name}.jsonl", None)
    config = priced(folder, town_run, custody_day=CUSTODY_DAY)
    daily_run(Home(home.path, config, home.clock, lambda text: None), AS_OF)

    def read(table: str) -> pd.DataFrame:
        rows = read_published(home.path, table)
        return rows.assign(month=rows["from_on"].astype(str).str[:7]) if "from_on" in rows else rows

    return read


def test_planted_actions_are_in_the_published_ledger(counted: Callable[[str], pd.DataFrame]) -> None:
    ledger = counted("enforcement_ledger").set_index(["scope_id", "span", "month"])
    november = ledger.loc["A01@1", "month", "2025-11"]
    assert november[["arrests", "named_arrests", "possession_arrests", "complaints"]].tolist() == [12, 12, 12, 2]
    assert november["custody_days"] == pytest.approx(6.0)
    assert ledger.loc["A02@1", "month", "2025-11"][["arrests", "possession_arrests"]].tolist() == [1, 0]
    year = ledger.loc["force", "year", "2025-01"]
    assert year[["arrests", "deaths", "dead_public", "injured_officers"]].tolist() == [13, 1, 1, 1]
    assert ledger.loc["no area", "month", "2025-12"]["injured_officers"] == 1
    assert pd.isna(ledger.loc["A01@1", "month", "2025-10"]["arrests"])  # before the force sent arrests
    assert ledger.loc["A01@1", "month", "2025-12"]["arrests"] == 0
    assert any("no seizure" in why for why in ledger.loc["force", "year", "2025-01"]["not_recorded"])


def test_the_share_against_the_policy_is_told_by_area_and_shift(counted: Callable[[str], pd.DataFrame]) -> None:
    policy = counted("arrest_policy").set_index(["scope_id", "shift"])
    assert policy.loc["A01@1", "night"][["arrests", "share_against_policy"]].tolist() == [12, 1.0]
    assert policy.loc["A02@1", "early"][["arrests", "share_against_policy"]].tolist() == [1, 0.0]
    assert policy.loc["force", "all"]["share_against_policy"] == pytest.approx(12 / 13)


def test_money_only_from_unit_costs_and_apart(counted: Callable[[str], pd.DataFrame], town_run: TownRun) -> None:
    cost = counted("enforcement_cost")
    assert set(cost["item"]) == {"custody_day"}
    of_area = cost[(cost["scope_id"] == "A01@1") & (cost["month"] == "2025-11")].iloc[0]
    assert of_area[["quantity", "cost", "currency", "year", "source"]].tolist() == [
        pytest.approx(6.0), pytest.approx(2400.0), "GBP", 2025, CUSTODY_DAY["source"],
    ]  # fmt: skip
    assert town_run.published("enforcement_cost").empty


def test_the_scoreboard_counts_the_incidents_that_can_raise_a_score(town_run: TownRun) -> None:
    """The months of 2025 are the 365 days before the run, in which table feedback counts those incidents."""
    board = town_run.published("scoreboard")
    years = board[(board["span"] == "year") & (board["scope"] == "area")].set_index("scope_id")["incidents"]
    counted = town_run.published("feedback").set_index("area_id")["public_count"]
    assert years.to_dict() == counted.to_dict()


@pytest.mark.parametrize(
    ("unit_costs", "told"),
    [
        ({"custody_days": CUSTODY_DAY}, "force.unit_costs.custody_days: nothing is counted of which this is the cost"),
        ({"custody_day": {**CUSTODY_DAY, "cost": -1.0}}, "cost=-1.0: expected money per unit"),
        (
            {"custody_day": {**CUSTODY_DAY, "currency": "pounds"}},
            "currency='pounds': expected a code of three capitals",
        ),
        ({"custody_day": {**CUSTODY_DAY, "source": " "}}, "source is blank"),
        ({"custody_day": {"cost": 1.0, "currency": "GBP", "year": 2025}}, "source"),
        ({"custody_day": {**CUSTODY_DAY, "year": "last"}}, "force.unit_costs.custody_day.year='last'"),
    ],
)
def test_a_wrong_unit_cost_is_refused_with_key_and_way_out(
    tmp_path: Path, town_run: TownRun, unit_costs: dict[str, Any], told: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(priced(tmp_path, town_run, **unit_costs))
    assert told in str(refused.value)


def test_what_was_done_at_a_hidden_operation_is_left_out_and_each_arrest_has_its_shift() -> None:
    kinds = [("registration", "A"), ("crackdown_start", "A"), ("arrest", "A"), ("arrest", "B")]
    moments = pd.to_datetime([f"2026-01-0{n}T03:00:00Z" for n in range(1, 5)], utc=True)
    actions = pd.DataFrame(kinds, columns=["kind", "area_id"]).assign(
        action_id=[f"N{n}" for n in range(4)], at=moments, hours=5.0, detail="market_id=market_1_1",
        actor="a named officer", notice_id=None, subject_person_id=None, offence_code="robbery", party=None, count=None,
    )  # fmt: skip
    settings: Settings = load_settings(None, {})
    identity: Any = SimpleNamespace(settings=settings, as_of=pd.Timestamp("2026-02-01", tz="UTC"))
    geography: Any = SimpleNamespace(areas=pd.DataFrame({"raw_area_id": ["A", "B"], "area_id": ["A@1", "B@1"]}))
    operations = operations_of(actions.assign(area_id=actions["area_id"] + "@1"))
    codebook = pd.DataFrame(
        {"category": ["violence"], "band": ["high"]}, index=pd.Index(["robbery"], name="offence_code")
    )
    nobody = pd.DataFrame({name: [] for name in ("person_id", "role", "kind", "incident_id")})
    moment = pd.to_datetime(pd.Series([], dtype=object), utc=True)
    people = PeopleFrames(
        nobody.assign(occurred_at=moment),
        nobody,
        nobody.assign(custody_from=moment, custody_to=moment),
        nobody,
        actions,
    )
    connection = duckdb.connect()
    connection.execute('CREATE TABLE treatment_snapshot (person_id VARCHAR, "at" TIMESTAMPTZ, is_engaged BOOLEAN)')
    for is_hidden, areas in ((False, {"A@1", "B@1"}), (True, {"B@1"})):
        done = read_done(connection, identity, geography, operations.assign(is_hidden=is_hidden), people, codebook)
        assert set(done.arrests["area_id"]) == areas
        assert ("operation" in set(done.periods["scope"])) is not is_hidden
    assert shifts_of(done.arrests, identity).tolist() == ["night"]
