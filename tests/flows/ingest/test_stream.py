"""A stream keeps storing events when its figures fail, a run expires or the store is locked."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from flows.health.stream_health import live_figures
from flows.home.home import Home
from flows.home.stage import direct
from flows.ingest.change_publisher import ChangePublisher
from flows.ingest.ingest import new_decoder
from flows.ingest.stream import StoreWorker, StreamBatch, StreamWatch
from pipeline.errors import StoreBusyError
from pipeline.events.batch import Record
from pipeline.store.interface import Store
from pipeline.store.session import StoreSession
from tests.flows.ingest.test_live import incident
from tests.publishers import MemoryPublisher
from tests.town import CLOCK, TownRun


@pytest.fixture
def home(town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path) -> Home:
    """A copy of the home with a run, an hour later, on a map of its own."""
    shutil.copytree(town_run.home.path, tmp_path / "home")
    for file in town_run.files.config_file.parent.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    home = new_home(tmp_path / "home", clock=CLOCK + timedelta(hours=1))
    home.config_file = tmp_path / town_run.files.config_file.name
    return home


@pytest.fixture
def said(home: Home) -> list[str]:
    lines: list[str] = []
    home.progress = lines.append
    return lines


@pytest.fixture
def keeper(home: Home, said: list[str]) -> Iterator[StoreWorker]:
    with StoreSession(home.store, home.key, wait_s=5) as session:
        keeper = StoreWorker(home, session, "test", ChangePublisher(home, MemoryPublisher()), direct)
        yield keeper
        keeper.forget_figures()


def batch(home: Home, incident_id: str) -> StreamBatch:
    record = Record("incidents", 0, 0, json.dumps(incident(incident_id, location={"lon": 0.0, "lat": 54.0})).encode())
    return StreamBatch(new_decoder(home).decode([record]), False, {}, {})


def lose_map(home: Home) -> None:
    assert home.config_file is not None
    (home.config_file.parent / "areas.geojson").unlink()


def cut_publication(home: Home) -> None:
    os.truncate(home.published, 20_000)


def block_file(home: Home) -> None:
    home.live_figures.mkdir()


@pytest.mark.parametrize("harm", [lose_map, cut_publication, block_file])
def test_figures_that_cannot_be_kept_stop_and_events_are_stored(
    home: Home, said: list[str], keeper: StoreWorker, harm: Callable[[Home], None]
) -> None:
    harm(home)
    kept = [keeper.keep(batch(home, incident_id)).stored for incident_id in ("new1", "new2")]
    assert kept == [1, 1]
    assert ["live figures stop until the next run: " in line for line in said].count(True) == 1


def test_an_error_of_duckdb_in_the_figures_is_told_without_what_it_quotes(
    home: Home, said: list[str], keeper: StoreWorker
) -> None:
    keeper.follow_run()
    assert keeper._live is not None
    keeper._live._connection.execute("DROP TABLE codebook")
    assert keeper.keep(batch(home, "new1")).stored == 1
    assert said[-1] == "live figures stop until the next run: CatalogException"


def test_an_expired_run_is_not_carried_on_though_the_process_lives(
    home: Home, said: list[str], keeper: StoreWorker
) -> None:
    assert keeper.keep(batch(home, "new1")).stored == 1
    assert live_figures(home)[0] == "ok"
    written = home.live_figures.read_bytes()
    home.clock = CLOCK + timedelta(days=400)
    assert keeper.keep(batch(home, "new2")).stored == 1
    assert "has expired" in said[-1]
    assert home.live_figures.read_bytes() == written
    state, words = live_figures(home)
    assert state == "warning"
    assert "expired" in words


def test_an_idle_stream_goes_on_where_somebody_holds_the_store_that_only_its_watch_asks_for(home: Home) -> None:
    class Watch(StreamWatch):
        seen = 0

        def is_due(self) -> bool:
            return True

        def opened(self, store: Store) -> None:
            self.seen += 1

    watch, publisher = Watch(), ChangePublisher(home, MemoryPublisher())
    with StoreSession(home.store, home.key, wait_s=0) as session:
        keeper = StoreWorker(home, session, "test", publisher, direct, watch)
        keeper.idle()  # nothing is left to announce
        assert watch.seen == 1
        with StoreSession(home.store, home.key, wait_s=5) as other, other.opened():
            keeper.idle()
        assert watch.seen == 1
        keeper.idle()
        assert watch.seen == 2
        keeper.forget_figures()


def test_whoever_is_told_to_stop_waits_for_nobodys_store(home: Home) -> None:
    told = Event()
    with (
        StoreSession(home.store, home.key, wait_s=600, progress=lambda text: told.set(), until=told) as waiting,
        StoreSession(home.store, home.key, wait_s=5) as holder,
        holder.opened(),
        pytest.raises(StoreBusyError),
        waiting.opened(),
    ):
        pass
