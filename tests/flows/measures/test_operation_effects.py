"""Effects and register of operations from a home's store: measured, hidden, and apart from every score."""

from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta

import duckdb
import pandas as pd
import pytest

from flows.decisions.place_actions import record_action
from flows.home.home import Home
from flows.home.settings import Settings
from flows.inputs.assembly import Map, place_incidents, query, read_map, read_run_codebook
from flows.inputs.report_history import read_reports
from flows.measures.operation_effects import operation_effects
from models.operations.history import operations_of
from models.places.displacement import DISPLACEMENT_COLUMNS
from pipeline.database import connect
from pipeline.publication.tables import conform
from pipeline.store.snapshot import open_snapshot
from tests.town import CLOCK, TownRun

STARTED = CLOCK - timedelta(days=28)
NO_DISPLACEMENT = pd.DataFrame(columns=[*DISPLACEMENT_COLUMNS])


def effects_of(home: Home, hidden: set[str]) -> dict[str, pd.DataFrame]:
    """The tables of what is recorded today, with the operations at some markets hidden."""
    as_of, settings = home.midnight(CLOCK.date()), home.settings
    chart = read_map(settings)
    with open_snapshot(home.store, home.key, as_of=as_of, wait_s=1) as known:
        place_incidents(known.connection, chart, read_run_codebook(settings, as_of), as_of, settings)
        operations = operations_of(query(known.connection, "place_action"))
        operations = operations.assign(is_hidden=operations["market_id"].isin(hidden))
        return measured(known.connection, operations, chart, as_of, settings)


def measured(
    connection: duckdb.DuckDBPyConnection, operations: pd.DataFrame, chart: Map, as_of: datetime, settings: Settings
) -> dict[str, pd.DataFrame]:
    reports = read_reports(connection, operations, chart, as_of, settings)
    return operation_effects(reports, operations, NO_DISPLACEMENT, as_of, settings)


@pytest.fixture(scope="module")
def policed(
    town_run: TownRun, loaded_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Home, list[str]]:
    """A home with operations at its first two markets since four weeks, and their ids."""
    home = loaded_home(tmp_path_factory.mktemp("policed") / "home")
    markets = town_run.published("market").drop_duplicates("area_id").iloc[:2]
    for market_id, area_id in markets[["market_id", "area_id"]].itertuples(index=False):
        said = {"area_id": area_id, "actor": "Insp. J. Reyes"}
        detail = f"market_id={market_id}; outcome=public reports; comparison=other markets; stop_on=2026-02-01"
        record_action(home, kind="registration", at=STARTED - timedelta(days=9), detail=detail, **said)
        record_action(home, kind="crackdown_start", at=STARTED, hours=40.0, **said)
    return home, markets["market_id"].tolist()


def stamped(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    run = {"run_id": "r", "as_of": pd.Timestamp(CLOCK), "valid_to": pd.Timestamp(CLOCK)}
    return {name: table.assign(**run) for name, table in tables.items()}


@pytest.fixture(scope="module")
def whole(policed: tuple[Home, list[str]]) -> dict[str, pd.DataFrame]:
    return effects_of(policed[0], set())


def test_operations_that_are_due_are_measured_and_registered(
    policed: tuple[Home, list[str]], whole: dict[str, pd.DataFrame]
) -> None:
    effects, register, markets = whole["operation_effect"], whole["operation_register"], policed[1]
    assert effects["market_id"].tolist() == sorted(3 * markets)
    assert all(len(conform(name, table)) == len(table) for name, table in stamped(whole).items())
    assert (effects["window_days"] == 21).all() or (effects["window_days"] == 28).all()
    assert effects["why"].notna().all()
    assert set(register["market_id"]) == set(markets)
    assert register["state"].tolist() == ["running"] * 2
    answers = register.set_index("market_id")["answer"]
    assert set(answers) <= {"better", "worse", "cannot_tell", "too_early"}
    assert (effects["answer"] == effects["market_id"].map(answers)).all()  # the same wherever it is read
    assert not register.astype(str).apply(lambda column: column.str.contains("Reyes")).any(axis=None)


def test_nothing_names_an_operation_that_is_hidden_and_the_others_stand_as_they_were(
    policed: tuple[Home, list[str]], whole: dict[str, pd.DataFrame]
) -> None:
    home, markets = policed
    shown = effects_of(home, {markets[0]})
    for name, table in shown.items():
        assert markets[0] not in table.astype(str).to_csv()
        left = whole[name][whole[name]["market_id"] == markets[1]].reset_index(drop=True)
        pd.testing.assert_frame_equal(
            table.drop(columns="position", errors="ignore"), left.drop(columns="position", errors="ignore")
        )


def test_where_every_operation_is_hidden_the_tables_are_empty_and_fit(policed: tuple[Home, list[str]]) -> None:
    home, markets = policed
    shown = effects_of(home, set(markets))
    assert all(len(conform(name, table)) == 0 for name, table in stamped(shown).items())


def test_without_an_operation_that_is_due_no_report_is_read(town_run: TownRun) -> None:
    """The connection has no tables: a query fails."""
    home = town_run.home
    operations = operations_of(
        pd.DataFrame(columns=["action_id", "kind", "area_id", "notice_id", "at", "hours", "detail", "actor"])
    )
    with closing(connect(is_encrypting=False)) as connection:
        settings, chart = home.settings, read_map(home.settings)
        nothing = measured(connection, operations.assign(is_hidden=False), chart, CLOCK, settings)
        assert all(table.empty for table in nothing.values())
        assert all(conform(name, table).num_rows == 0 for name, table in stamped(nothing).items())
        begun = pd.DataFrame({"market_id": ["market_1_1"], "area_id": "A", "started_at": pd.Timestamp(STARTED)})
        begun = begun.assign(**dict.fromkeys(["announced_at", "ended_at"], pd.NaT), is_hidden=False)
        with pytest.raises(duckdb.CatalogException, match="point_placed"):
            measured(connection, begun, chart, CLOCK, settings)
