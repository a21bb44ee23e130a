"""Metrics of a home and a stream: what they say, that they name nobody, and what a supervisor is told."""

import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from flows.health.home_metrics import REFRESH_S, HomeMetrics, watch_checks
from flows.health.metrics_server import problem_of, serving
from flows.health.stream_metrics import StreamMetrics
from flows.home.home import Home
from flows.home.last_run import OUTCOMES
from pipeline.errors import SettingsError
from pipeline.events.reasons import WORDS
from pipeline.publication.publish import runs
from pipeline.store.store import open_store
from tests.town import TownRun
from web.app import create_app

Samples = dict[tuple[str, ...], float]


def fetched(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def samples(text: str) -> Samples:
    """Value by name and labels."""
    found = text_string_to_metric_families(text)
    return {(sample.name, *sample.labels.values()): sample.value for family in found for sample in family.samples}


def scraped(*collectors: Any) -> str:
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    with serving("127.0.0.1", 0, registry) as address:
        status, text = fetched(f"{address}/metrics")
    assert status == 200
    return text


@pytest.fixture
def empty_home(new_home: Callable[..., Home], tmp_path: Path) -> Iterator[Home]:
    home = new_home(tmp_path / "home")
    with open_store(home.store, home.key, wait_s=0):
        pass
    return home


def test_the_figures_of_a_home_are_those_of_its_files(run_home: Home, town_run: TownRun) -> None:
    found = samples(scraped(HomeMetrics(run_home)))
    kept = runs(run_home.path).iloc[-1]
    assert {name: found["harmspot_last_run_outcome", name] for name in OUTCOMES} == {
        name: float(name == "published") for name in OUTCOMES
    }
    assert found["harmspot_publication_as_of_timestamp_seconds",] == kept["as_of"].timestamp()
    assert found["harmspot_publication_valid_until_timestamp_seconds",] == kept["valid_to"].timestamp()
    assert found["harmspot_last_run_seconds",] == pytest.approx(town_run.summary.seconds, abs=0.5)
    assert found["harmspot_last_run_stage_seconds", "rank_places"] > 0
    assert found["harmspot_rows_total", "stored"] == town_run.loaded.stored
    assert found["harmspot_rows_total", "dead"] == town_run.loaded.dead + 4
    with open_store(run_home.store, run_home.key, wait_s=0) as store:
        health = store.health()
    assert {key[1]: value for key, value in found.items() if key[0] == "harmspot_dead_letters"} == health.dead_letters
    assert health.dead_letters["not_json"] > 2
    newest = town_run.files.events.joinpath("incidents.jsonl").read_bytes()
    assert health.newest_incident_at is not None
    assert health.newest_incident_at.strftime("%Y-%m-%dT%H:%M:%S").encode() in newest
    assert found["harmspot_newest_incident_timestamp_seconds",] == health.newest_incident_at.timestamp()
    due = {key[1] for key in found if key[0] == "harmspot_audit_due_timestamp_seconds"}
    assert due == {"fairness", "feedback", "displacement"}
    assert found["harmspot_halted",] == 0
    assert found["harmspot_home_file_bytes", "store.duckdb"] == run_home.store.stat().st_size


def test_no_label_is_anything_but_a_word_of_our_own(run_home: Home, town_run: TownRun) -> None:
    metrics = HomeMetrics(run_home)
    metrics.take_checks([{"check": "lag: incidents[0]", "state": "warning", "value": 3.0}])
    text = scraped(metrics)
    ours = {
        *(*OUTCOMES, *WORDS, "stored", "duplicate", "merged", "dead", "lag", "incidents"),
        *(
            "fairness",
            "feedback",
            "displacement",
            "store.duckdb",
            "published.duckdb",
            "restricted.duckdb",
            "access.log",
        ),
    }
    labels = {label for key in samples(text) for label in key[1:] if key[0] != "harmspot_last_run_stage_seconds"}
    assert labels <= ours
    people = set(town_run.truth("people")["person_id"].astype(str))
    areas = set(town_run.published("area_ranking")["area_id"])
    assert people and areas and not [each for each in people | areas if f'"{each}"' in text]


def test_what_the_doctor_finds_is_the_worst_of_each_kind_and_the_lag_of_each_topic(empty_home: Home) -> None:
    metrics = HomeMetrics(empty_home)
    metrics.take_checks(
        [
            {"check": "store", "state": "ok", "value": None},
            {"check": "lag: incidents[0]", "state": "ok", "value": 0.0},
            {"check": "lag: incidents[1]", "state": "fault", "value": 40.0},
            {"check": "lag: persons[0]", "state": "warning", "value": 2.0},
        ]
    )
    found = samples(scraped(metrics))
    assert [found["harmspot_check_state", kind] for kind in ("store", "lag")] == [0, 2]
    assert [found["harmspot_store_lag_records", topic] for topic in ("incidents", "persons")] == [40, 2]


def test_a_doctor_that_cannot_look_is_a_fault(empty_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    class Once(Event):
        def wait(self, timeout: float | None = None) -> bool:
            self.set()
            return True

    metrics = HomeMetrics(empty_home)
    monkeypatch.setattr("subprocess.run", lambda command, **options: SimpleNamespace(stdout=b"harmspot: no"))
    watch_checks(empty_home, metrics, Once())
    assert samples(scraped(metrics))["harmspot_check_state", "doctor"] == 2


def test_a_store_that_another_process_holds_keeps_its_earlier_figures(
    empty_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = HomeMetrics(empty_home)
    first = samples(scraped(metrics))
    monkeypatch.setattr("flows.health.home_metrics.REFRESH_S", 0.0)
    with open_store(empty_home.store, empty_home.key, wait_s=0):
        again = samples(scraped(metrics))
    assert first["harmspot_rows_total", "stored"] == again["harmspot_rows_total", "stored"] == 0
    assert REFRESH_S > 1


def test_a_stream_tells_lag_silence_and_seconds_and_reads_the_store_that_it_has_open(empty_home: Home) -> None:
    registry = CollectorRegistry()
    metrics = StreamMetrics(empty_home, registry)
    assert metrics.problem() == "no partition was assigned yet"
    reader: Any = SimpleNamespace(
        lag_by_topic=lambda: {"incidents": 7, "persons": 0},
        placed=lambda: [("incidents", 0), ("persons", 0)],
        silent_s=lambda: 0.5,
        is_lasting=lambda: True,
    )
    metrics.polled(reader)
    metrics.kept(0.25)
    assert metrics.step(len, "four") == 4
    assert metrics.is_due()
    with (
        open_store(empty_home.store, empty_home.key, wait_s=0) as store,
        serving("127.0.0.1", 0, registry, metrics.problem) as address,
    ):
        metrics.opened(store)
        assert not metrics.is_due()
        found = samples(fetched(f"{address}/metrics")[1])
        assert fetched(f"{address}/readyz") == (200, "ready\n")
        reader.silent_s = lambda: 100.0
        metrics.polled(reader)
        assert fetched(f"{address}/readyz") == (503, "no word from the broker for 100 s\n")
    assert (found["harmspot_lag_records", "incidents"], found["harmspot_partitions",]) == (7, 2)
    assert (found["harmspot_batch_seconds_count",], found["harmspot_batch_seconds_sum",]) == (1, 0.25)
    assert found["harmspot_batch_stage_seconds_count", "len"] == 1
    assert found["harmspot_rows_total", "stored"] == 0


def test_a_supervisor_hears_what_is_missing(empty_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving("127.0.0.1", 0, CollectorRegistry(), lambda: problem_of(empty_home)) as address:
        assert fetched(f"{address}/livez") == (200, "alive\n")
        assert fetched(f"{address}/readyz") == (200, "ready\n")
        assert fetched(f"{address}/other")[0] == 404
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10_000_000))
        assert "is full: 10 MB are free" in fetched(f"{address}/readyz")[1]
        monkeypatch.undo()
        (empty_home.path / "key").rename(empty_home.path / "elsewhere")
        assert fetched(f"{address}/readyz")[0] == 503
        (empty_home.path / "elsewhere").rename(empty_home.path / "key")
        empty_home.store.unlink()
        status, why = fetched(f"{address}/readyz")
        assert (status, why.startswith("there is no home in")) == (503, True)
        assert fetched(f"{address}/livez")[0] == 200
        port = int(address.rpartition(":")[2])
        with (
            pytest.raises(SettingsError, match=r"nobody can listen there .* choose another port"),
            serving("127.0.0.1", port, CollectorRegistry()),
        ):
            pass


def test_the_board_gives_metrics_and_reasons_to_its_own_machine_alone(empty_home: Home) -> None:
    app = create_app(empty_home)
    here = TestClient(app, base_url="http://localhost", client=("127.0.0.1", 5))
    there = TestClient(app, base_url="http://localhost", client=("192.0.2.7", 5))
    assert samples(here.get("/metrics").text)["harmspot_rows_total", "stored"] == 0
    assert [there.get("/metrics").status_code, there.get("/readyz").text] == [403, "no run can be shown\n"]
    assert here.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 403
    assert here.get("/readyz").status_code == 503
    assert here.get("/readyz").text != there.get("/readyz").text
