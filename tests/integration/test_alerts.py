"""Alerts that a broker causes, on what was scraped: a backlog that nobody has taken, messages that wait, silence."""

import re
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from flows.home.home import Home
from flows.ingest.stream import StreamLimits, stream
from pipeline.messages.outbox import make_message
from pipeline.store.store import open_store
from tests import poison
from tests.flows.health.ground import NEEDED, Ground, Look, assert_fires, figures_in
from tests.flows.health.test_metrics import fetched
from tests.integration.broker import BrokerUnavailableError
from tests.integration.chaos import STREAM, Site, battlefield
from tests.integration.conftest import skip_or_fail
from tests.integration.victim import PATIENCE_S
from tests.town import CLOCK

pytestmark = [pytest.mark.integration, NEEDED]
HOUR = timedelta(hours=1)
BACKLOG = 10_001


def test_a_backlog_and_messages_that_wait_are_told_until_a_stream_takes_them(
    kafka_home: Home, kafka_broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A topic gains a partition, in which records wait that no consumer knows of yet."""
    monkeypatch.setenv("HARMSPOT__INGEST__SOURCES", "[kafka]")
    ground = Ground(Home(kafka_home.path, kafka_home.config_file, CLOCK, lambda text: None), tmp_path, monkeypatch)
    healthy, topic = ground.look(), f"{topic_prefix}incidents"
    with closing(KafkaAdminClient(bootstrap_servers=kafka_broker)) as admin:
        admin.create_partitions({topic: 4})
    day = (CLOCK - timedelta(days=1)).isoformat()
    with closing(KafkaProducer(bootstrap_servers=kafka_broker)) as producer:
        for number in range(BACKLOG):
            producer.send(topic, poison.encode(poison.incident(number, occurred_at=day)), partition=3)
        producer.flush()
    with open_store(ground.home.store, ground.home.key, wait_s=0) as store:
        store.add_messages([make_message("changes", "a", "harmspot.place.changed.v1", {"n": 1}, time=CLOCK)], CLOCK)
    waiting = ground.look()
    assert waiting.told("store_lag_records", topic) == BACKLOG
    assert waiting.told("undelivered_messages", "changes") == 1
    assert waiting.exit_code == 0
    state, said = waiting.checks[f"lag: {topic}[3]"]
    assert state == "warning" and "10,001 behind, not taken yet" in said
    assert waiting.checks["outbox: changes"][0] == "warning"
    assert stream(ground.home, StreamLimits(max_seconds=PATIENCE_S, until_caught_up=True)).announced == 1
    taken = ground.look()
    assert taken.told("store_lag_records", topic) == 0
    assert taken.told("rows_total", "stored") == BACKLOG
    assert taken.checks["outbox"] == ("ok", "all messages are delivered")
    alerts = {"HarmspotBehind": 1, "HarmspotUndelivered": 1}
    assert_fires(tmp_path, [(healthy, HOUR, {}), (waiting, HOUR, alerts), (taken, HOUR, {})])


@pytest.mark.soak  # it waits for more than a minute
def test_a_broker_that_falls_silent_alarms_until_it_answers_again(tmp_path: Path) -> None:
    try:
        with battlefield() as (broker, proxy):
            site = Site(tmp_path, broker, proxy, STREAM, seed=7)
            victim = site.start("stream", "--metrics-port", "0")
            deadline = time.monotonic() + PATIENCE_S

            def looked(is_so: Callable[[Look], bool]) -> Look:
                while time.monotonic() < deadline:
                    address = re.search(r"metrics at (http://[\d.:]+)/metrics", victim.said())
                    now = time.time()
                    if address:
                        look = Look(figures_in(fetched(f"{address[1]}/metrics")[1]), {}, 0, now, now)
                        if is_so(look):
                            return look
                    time.sleep(0.5)
                raise AssertionError(victim.said()[-2000:])

            def silent_s(look: Look) -> float:
                return look.told("broker_silent_seconds") or 0.0

            answered = looked(lambda look: bool(look.told("partitions")) and silent_s(look) < 5)
            proxy.hold()
            silent = looked(lambda look: silent_s(look) > 60)
            assert "no word from the broker for " in victim.said()
            proxy.let_go()
            again = looked(lambda look: silent_s(look) < 5)
            victim.terminate()
            assert victim.wait() == 0, victim.said()
    except BrokerUnavailableError as error:
        skip_or_fail(error)
    stands = [(answered, HOUR, {}), (silent, HOUR, {"HarmspotBrokerSilent": 1}), (again, HOUR, {})]
    assert_fires(tmp_path, stands)
