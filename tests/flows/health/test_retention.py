"""Retention of a home: what kept lists and notices stand on stays, and a day behind the edge is refused."""

import shutil
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from flows.decisions.desk import at_desk
from flows.decisions.notice_decisions import all_notices, open_notice
from flows.health.retention import retain
from flows.home.home import Home
from flows.home.settings import load_settings
from flows.human_log.ledger import read_ledger
from flows.ingest.ingest import load_file
from flows.inputs.assembly import read_map
from flows.outputs.explain import person_lines, read_person
from flows.schedule.daily import identify_run
from pipeline.database import frame
from pipeline.errors import ClockError, PublicationError, SettingsError
from pipeline.publication.evidence import cited_by_runs
from pipeline.store.store import open_store
from tests.town import AS_OF, CLOCK, TownRun, event

SAID = {"reader": "Records, M. Ito", "purpose": "yearly review of what is kept"}
SHORT = {
    "people": {"window_days": 200, "draws": 200},
    "places": {"window_days": 28, "horizon_days": 1, "draws": 200},
    "forecast": {"history_days": 100},
    "markets": {"window_weeks": 12},
}


@pytest.fixture
def home_with(town_run: TownRun, tmp_path: Path) -> Callable[..., Home]:
    """Copies of the town's home with a run, with other settings."""

    def make(clock: datetime = CLOCK, **settings: Any) -> Home:
        path = shutil.copytree(town_run.home.path, tmp_path / "home")
        town = yaml.safe_load(town_run.files.config_file.read_text())
        force = town["force"]
        force["areas"]["path"] = str(town_run.files.folder / force["areas"]["path"])
        force["points_of_interest"] = str(town_run.files.folder / force["points_of_interest"])
        config = tmp_path / "config.yaml"
        config.write_text(yaml.safe_dump(town | settings))
        return Home(path, config, clock, lambda text: None)

    return make


def incidents(home: Home) -> pd.DataFrame:
    """When the newest version of each incident happened, and whether any version names somebody."""
    sql = """
        SELECT incident_id, max(occurred_at) AS newest, bool_or(len(involvements) > 0) IS TRUE AS is_naming
        FROM store.incident_version GROUP BY incident_id ORDER BY incident_id
    """
    with open_store(home.store, home.key, wait_s=1) as store:
        return frame(store._connection, sql).set_index("incident_id")


def column(home: Home, sql: str) -> list[Any]:
    with open_store(home.store, home.key, wait_s=1) as store:
        return [value for (value,) in store._connection.execute(sql).fetchall()]


def explained(home: Home, people: list[str]) -> list[list[str]]:
    zone = home.settings.force.zone
    return [person_lines(read_person(home, each, None, **SAID), zone) for each in people]


def test_what_a_kept_list_and_a_notice_stand_on_stays_and_the_rest_goes(home_with: Callable[..., Home]) -> None:
    days = {"people_days": 250, "incidents_days": 300, "shifts_days": 400, "dead_letters_days": 1}
    home = home_with(**SHORT, retention=days)
    cited, listed = cited_by_runs(home.path, home.key)
    letter = next(iter(all_notices(home, ["person"], **SAID)))
    open_notice(home, letter.notice_id, **SAID)
    people, before = sorted(listed)[:2], incidents(home)
    said = explained(home, people)
    tried = retain(home, **SAID, is_dry=True).table
    assert incidents(home).equals(before)  # nothing is changed
    done = retain(home, **SAID).table
    assert done.equals(tried)
    left, midnight = incidents(home), pd.Timestamp(home.midnight(AS_OF))
    is_cited, age = before.index.isin(cited), (midnight - before["newest"]) / pd.Timedelta(days=1)
    assert set(left.index) == set(before.index[(age <= 300) | is_cited])
    assert set(left.index[left["is_naming"]]) == set(before.index[before["is_naming"] & ((age <= 250) | is_cited)])
    assert (before["is_naming"] & (age > 250) & is_cited).any()  # the test has something to keep
    assert set(letter.fields["evidence_ids"]) <= set(left.index[left["is_naming"]])
    assert listed <= set(column(home, "SELECT person_id FROM store.identity"))
    assert explained(home, people) == said
    [event] = read_ledger(home).about("store", kinds=["retained"])
    assert (event.actor, event.detail["gone"]["incidents"]) == (SAID["reader"], len(before) - len(left))
    geography = read_map(home.settings)
    identify_run(home, geography, home.midnight(AS_OF), None)  # in front of the edge
    with pytest.raises(PublicationError, match=r"cannot be made.*first day that can be run is 2025-11-"):
        identify_run(home, geography, home.midnight(date(2025, 6, 1)), None)


def test_the_window_of_a_kept_run_holds_the_edge_back(home_with: Callable[..., Home]) -> None:
    later = datetime(2033, 1, 1, 12, tzinfo=CLOCK.tzinfo)
    home = home_with(later, retention={"people_days": 2190, "incidents_days": 2190})
    home.log_access("read", {}, **SAID)  # the home is in use
    table = retain(home, **SAID).table.set_index("category")
    assert table["gone"].sum() == 0
    assert table.loc["incidents", "kept"] > 10_000
    assert table.loc["incidents", "held_by"].startswith("the window of kept run")


def test_an_operation_holds_the_edge_back_until_it_is_evaluated(
    new_home: Callable[..., Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARMSPOT__RETENTION__SHIFTS_DAYS", "400")
    home = new_home(tmp_path / "home", datetime(2027, 6, 1, 12, tzinfo=CLOCK.tzinfo))
    terms = {"market_id": "m", "outcome": "fewer calls", "comparison": "like places", "stop_on": "2026-03-01"}
    found = {"market_id": "m", "found": "calls fell by half", "report": "report.pdf"}
    acts = [("visit", "2025-02-01", {}), ("registration", "2026-01-10", terms), ("evaluation", "2026-04-01", found)]

    def load(number: int) -> None:
        kind, on, detail = acts[number]
        said = {"detail": "; ".join(f"{name}={value}" for name, value in detail.items())} if detail else {}
        data = {"action_id": f"x{number}", "version": 1, "kind": kind, "actor": "Insp. J. Reyes", "area": "A01"}
        file = tmp_path / f"{kind}.jsonl"
        file.write_text(event("action.recorded", f"x{number}", {**data, "at": f"{on}T12:00:00Z", **said}))
        assert load_file(home, file, None).stored == 1

    load(0)
    load(1)
    visits = retain(home, **SAID).table.set_index("category").loc["visits"]
    assert (visits["gone"], visits["kept"]) == (0, 1)
    assert visits["held_by"].startswith("the operation begun on 2026-01-10")
    load(2)
    assert retain(home, **SAID).table.set_index("category").loc["visits", "gone"] == 1


def test_a_clock_far_ahead_drops_nothing(home_with: Callable[..., Home]) -> None:
    home = home_with(CLOCK + timedelta(days=9000), retention={"people_days": 2190})
    with pytest.raises(ClockError, match="days after the last record of home"):
        retain(home, **SAID)
    with at_desk(home) as desk:
        assert desk.ledger.about("store") == []


def test_settings_that_would_drop_what_a_run_reads_are_refused(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("retention: {people_days: 400}\n")
    with pytest.raises(SettingsError, match=r"retention.people_days=400: runs read 1826 days back.*people.window_days"):
        load_settings(config, environment={})


def test_settings_that_keep_everything_say_so(town_run: TownRun) -> None:
    with pytest.raises(PublicationError, match="keeps everything"):
        retain(town_run.home, **SAID)
