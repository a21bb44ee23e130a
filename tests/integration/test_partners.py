"""A process killed between state and topic: when it comes back each notice has been delivered, and once by its id."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from flows.decisions.notice_decisions import all_notices
from flows.decisions.partners import deliver_to_partners
from flows.home.home import Home
from flows.home.store_access import open_home_store
from pipeline.sources.kafka import KafkaSource
from tests.town import TownRun

pytestmark = pytest.mark.integration

PARTNERS = [
    {"name": "health", "agreement_id": "ISA-7", "topics": {"notices": ["state", "area_id"], "watches": ["cause"]}}
]
TOPICS = ("notices.health", "watches.health")

# Approves and serves every notice given; dies at the point named: `commit`, before anything is published, or `mark`,
# after all was published and before that is noted.
OFFICE = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from flows.home.home import Home
from flows.decisions.notice_decisions import Decision, do, open_notice
import flows.decisions.partners as partners
from pipeline.store.store import DuckDBStore as Store

home, config, clock, point, *notices = sys.argv[1:]
home = Home(Path(home), Path(config), datetime.fromisoformat(clock), lambda text: None)
die = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
why = {"reason": "Read every record; they hold."}
for number, notice in enumerate(notices):
    for kind, actor in (("reviewed", "Bell"), ("approved", "Reyes")):
        open_notice(home, notice, reader=actor, purpose="to decide")
        do(home, notice, Decision(kind, actor, why))
    if number == len(notices) - 1:
        if point == "commit":
            partners._Publishers.publish = die
        else:
            Store.mark_delivered = die
    do(home, notice, Decision("served", "Lund", {"served_at": home.now(), "manner": "displayed"}))
"""


def home_of(
    town_run: TownRun, new_home: Callable[..., Home], folder: Path, monkeypatch: pytest.MonkeyPatch, to: list[str]
) -> Home:
    monkeypatch.setenv("HARMSPOT__PARTNERS__RECIPIENTS", json.dumps(PARTNERS))
    monkeypatch.setenv("HARMSPOT__PARTNERS__TO", json.dumps(to))
    shutil.copytree(town_run.home.path, folder / "home")
    return new_home(folder / "home")


def serve_and_die(home: Home, point: str) -> list[str]:
    """Serve two notices to places in a process that is killed at `point` of the last one, and return their ids."""
    notices = [notice.notice_id for notice in all_notices(home, ["area"])[:2]]
    arguments = [home.path, home.config_file, home.now().isoformat(), point, *notices]
    done = subprocess.run([sys.executable, "-c", OFFICE, *map(str, arguments)], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    return notices


def states(home: Home, notices: list[str]) -> set[str]:
    found = {notice.notice_id: notice.status.state for notice in all_notices(home, ["area"])}
    return {found[notice_id] for notice_id in notices}


def events_in_files(home: Home) -> list[dict]:
    files = [home.path / "partners" / f"{topic}.jsonl" for topic in TOPICS]
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


@pytest.mark.parametrize("point", ["commit", "mark"])
def test_files_hold_each_notice_once_by_id(
    town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    home = home_of(town_run, new_home, tmp_path, monkeypatch, ["files"])
    notices = serve_and_die(home, point)
    assert states(home, notices) == {"served"}, "what was committed stays"
    before = len(events_in_files(home))
    assert before == 2 * (len(notices) - 1) + (point == "mark")
    deliver_to_partners(home)
    events = events_in_files(home)
    ids = {event["id"] for event in events}
    assert len(ids) == 2 * len(notices)
    assert len(events) - len(ids) == (point == "mark"), "delivered again, and told apart by id"
    assert len({event["data"]["case_id"] for event in events if "state" in event["data"]}) == len(notices)
    with open_home_store(home) as store:
        assert store.undelivered(1) == []


@pytest.mark.parametrize("point", ["commit", "mark"])
def test_topics_hold_each_notice_once_by_id(
    town_run: TownRun,
    new_home: Callable[..., Home],
    kafka_broker: str,
    topic_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_broker)
    monkeypatch.setenv("HARMSPOT__KAFKA__TOPIC_PREFIX", topic_prefix)
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker)
    admin.create_topics({topic_prefix + topic: {"num_partitions": 2} for topic in TOPICS})
    admin.close()
    home = home_of(town_run, new_home, tmp_path, monkeypatch, ["kafka"])
    notices = serve_and_die(home, point)
    deliver_to_partners(home)
    source = KafkaSource(kafka_broker, [topic_prefix + topic for topic in TOPICS])
    records = [record for batch in source.batches({}, 1000) for record in batch.records]
    ids = [json.loads(record.value or b"")["id"] for record in records]
    assert len(set(ids)) == 2 * len(notices)
    assert len(ids) - len(set(ids)) == (point == "mark")
