"""Live figures: a batch changes only the places it concerns; each change is announced once, and never of a person."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from jsonschema import Draft202012Validator

from flows.home.home import Home
from flows.ingest.ingest import new_decoder
from flows.ingest.live import WORDS, Live, start_live, write_live
from flows.simulation.town import TownFiles
from pipeline.events.batch import Record
from pipeline.messages.outbox import OutboxMessage
from pipeline.publication.publish import read_published
from pipeline.store.session import StoreSession
from tests.town import CLOCK, TownRun

SCHEMA = Draft202012Validator(json.loads(Path("docs/changes.schema.json").read_text()))
EXAMPLES = re.findall(r"```json\n(.*?)```", Path("docs/streaming.md").read_text(), re.DOTALL)


@pytest.fixture
def home(town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path) -> Home:
    """A copy of the home with a run, an hour later."""
    shutil.copytree(town_run.home.path, tmp_path / "home")
    return new_home(tmp_path / "home", clock=CLOCK + timedelta(hours=1))


@pytest.fixture
def session(home: Home) -> Iterator[StoreSession]:
    with StoreSession(home.store, home.key, wait_s=5) as opened:
        yield opened


@pytest.fixture
def live(home: Home) -> Iterator[Live]:
    started = start_live(home)
    assert started is not None
    yield started
    started.close()


def commit(home: Home, session: StoreSession, live: Live, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """Store the events as one batch and return its messages."""
    records = [Record("incidents", 0, number, json.dumps(event).encode()) for number, event in enumerate(events)]
    decoded = new_decoder(home).decode(records)
    assert decoded.dead_letters.num_rows == 0
    with session.opened() as store:
        before = {message.message_id for message in store.undelivered(10_000)}
        store.commit(decoded, source="test", ingested_at=home.now(), next_offsets={}, tell=live.tell)
        return [said(message) for message in store.undelivered(10_000) if message.message_id not in before]


def said(message: OutboxMessage) -> dict[str, Any]:
    assert message.topic == "changes"
    event: dict[str, Any] = json.loads(message.payload)
    assert list(SCHEMA.iter_errors(event)) == []
    return event["data"] | {"id": event["id"]}


def incident(incident_id: str, version: int = 1, **data: Any) -> dict[str, Any]:
    content = {
        "incident_id": incident_id,
        "version": version,
        "status": "recorded",
        "occurred_at": "2026-01-01T11:00:00Z",
        "offence_code": "robbery",
        "discovery": "public",
    }
    return {
        "specversion": "1.0",
        "type": "harmspot.incident.recorded.v1",
        "source": "test",
        "id": f"{incident_id}@{version}",
        "data": content | data,
    }


def wave(area_id: str, status: str, version: int) -> list[dict[str, Any]]:
    """Return enough high-harm incidents to put any area at the top."""
    return [
        incident(f"w{number}", version, location={"area_id": area_id}, status=status, offence_code=code)
        for number, code in enumerate(["robbery", "homicide", "antisocial_behaviour"] * 200)
    ]


def test_an_area_enters_once_and_leaves_when_its_events_are_cancelled(
    home: Home, session: StoreSession, live: Live
) -> None:
    ranking = read_published(home.path, "area_ranking")
    last = ranking.sort_values("rank").iloc[-1]["area_id"]
    entered = commit(home, session, live, *wave(last, "recorded", 1))
    assert (last, "entered_top_k") in {(change["place_id"], change["change"]) for change in entered}
    assert all(change["is_provisional"] and change["run_id"] == live.run_id for change in entered)
    assert commit(home, session, live, *wave(last, "recorded", 1)) == []  # repeats announce nothing
    restarted = start_live(home)
    assert restarted is not None
    assert commit(home, session, restarted, incident("x", location={"area_id": last})) == []  # nor does a restart
    left = commit(home, session, restarted, *wave(last, "cancelled", 2))
    restarted.close()
    assert (last, "left_top_k") in {(change["place_id"], change["change"]) for change in left}
    assert len({change["id"] for change in entered + left}) == len(entered + left)


def test_only_what_a_batch_touched_moves(home: Home, session: StoreSession, live: Live) -> None:
    """With the run's priors, events of other areas do not change an area's rate, to the bit."""
    before = read_published(home.path, "area_ranking").set_index("area_id")["harm_per_day"]
    touched = before.index[0]
    commit(home, session, live, incident("n", location={"area_id": touched}))
    assert live.table is not None
    table = live.table.to_pandas()
    areas = table[table["place_kind"] == "area"].set_index("place_id")["harm_per_day"]
    others = before.index.drop(touched)
    assert areas[touched] > before[touched]
    pd.testing.assert_series_equal(areas[others].astype(float), before[others], check_names=False, check_exact=True)


def test_batch_by_batch_the_figures_are_those_of_everything_at_once(
    home: Home, session: StoreSession, live: Live
) -> None:
    """Only changed areas are redrawn: incidents are added, moved to another area, reweighted and cancelled."""
    here, there, *_ = read_published(home.path, "area_ranking")["area_id"]
    commit(
        home, session, live, incident("moves", location={"area_id": here}), incident("goes", location={"area_id": here})
    )
    commit(home, session, live, incident("moves", 2, location={"area_id": there}, status="amended"))
    commit(home, session, live, incident("goes", 2, location={"area_id": here}, status="cancelled"))
    commit(home, session, live, incident("nowhere", location={"lon": 1.0, "lat": 2.0}))
    commit(home, session, live, incident("moves", 3, location={"area_id": there}, offence_code="homicide"))
    at_once = start_live(home)
    assert at_once is not None
    with closing(at_once), session.opened() as store:
        assert at_once.tell(store) == []
    assert live.table is not None
    assert at_once.table is not None
    assert live.table.equals(at_once.table)


def test_evidence_that_is_cancelled_is_told_to_its_notice(home: Home, session: StoreSession, live: Live) -> None:
    notices = read_published(home.path, "area_notice")
    evidence = notices["evidence_ids"].iloc[0][0]
    cancelled = incident(evidence, 99, status="cancelled", location={"area_id": notices["area_id"].iloc[0]})
    changes = [change for change in commit(home, session, live, cancelled) if change["place_kind"] == "notice"]
    behind = {row.notice_id for row in notices.itertuples() if evidence in row.evidence_ids}
    assert [(change["change"], set(change["notice_ids"])) for change in changes] == [("notice_evidence_gone", behind)]


def test_a_market_is_flagrant_no_more_without_its_reports_and_turns_flagrant_as_they_come_back(
    town: TownFiles, home: Home, session: StoreSession, live: Live
) -> None:
    market = read_published(home.path, "market")
    flagrant = set(market.loc[market["grade"] == "flagrant", "market_id"])
    assert flagrant
    lines = (town.events / "incidents.jsonl").read_bytes().splitlines()
    records = [Record("incidents", 0, n, line) for n, line in enumerate(lines) if b'"subject":"dealing"' in line]
    dead = new_decoder(home).decode(records).dead_letters["source_offset"].to_pylist()
    events = [json.loads(record.value or b"") for record in records if record.offset not in dead]
    reports = list({event["data"]["incident_id"]: event for event in events}.values())

    def told(version: int, status: str) -> list[tuple[str, str]]:
        """Return the messages about markets after their reports have this version and status."""
        turned = [
            event | {"id": f"{number}@{version}", "data": event["data"] | {"version": version, "status": status}}
            for number, event in enumerate(reports)
        ]
        changes = commit(home, session, live, *turned)
        return sorted((c["change"], c["place_id"]) for c in changes if c["place_kind"] == "market")

    assert told(98, "cancelled") == sorted(("market_not_flagrant", each) for each in flagrant)
    assert told(99, "amended") == sorted(("market_flagrant", each) for each in flagrant)


def test_the_file_holds_places_alone_and_says_that_it_is_provisional(
    home: Home, session: StoreSession, live: Live
) -> None:
    involved = [{"person_id": "P-secret", "role": "suspect"}]
    cell = read_published(home.path, "cell_forecast").iloc[0]
    areas = read_published(home.path, "area_ranking")
    commit(home, session, live, incident("n", location={"area_id": areas["area_id"].iloc[0]}, involvements=involved))
    table = pd.read_parquet(write_live(home, live))
    assert home.live_figures.exists()
    assert table["is_provisional"].all()
    assert set(table["run_id"]) == {live.run_id}
    assert set(table.loc[table["place_kind"] == "area", "place_id"]) == set(areas["area_id"])
    assert cell["cell_id"] not in set(table["place_id"])  # no incident with a point was stored
    assert "P-secret" not in table.to_csv()


def test_without_a_run_or_with_an_expired_one_there_are_no_live_figures(
    home: Home, new_home: Callable[..., Home], tmp_path: Path
) -> None:
    assert start_live(new_home(tmp_path / "empty")) is None
    assert start_live(new_home(home.path, clock=CLOCK + timedelta(days=400))) is None


def test_the_docs_show_messages_that_hold_to_the_schema_and_every_change() -> None:
    assert len(EXAMPLES) == 2
    assert [list(SCHEMA.iter_errors(json.loads(example))) for example in EXAMPLES] == [[], []]
    named = SCHEMA.schema["properties"]["data"]["properties"]["change"]["enum"]
    assert sorted(named) == sorted(WORDS.values())
    assert all(f"`{change}`" in Path("docs/streaming.md").read_text() for change in named)
