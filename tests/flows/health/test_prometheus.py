"""Prometheus itself reads the metrics, answers each query of the dashboard, and fires each alert once when caused."""

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from flows.health.doctor import examine
from flows.health.home_metrics import HomeMetrics
from flows.health.metrics_server import serving
from flows.health.stream_metrics import StreamMetrics
from flows.home.home import Home
from pipeline.messages.outbox import make_message
from pipeline.store.store import open_store
from tests.integration.broker import ports
from tests.town import CLOCK

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
ALERTS = {rule["alert"]: rule for rule in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"][0]["rules"]}
DASHBOARD = json.loads((DEPLOY / "dashboard.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
NEEDED = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="Prometheus is not installed: apt-get install --no-install-recommends prometheus",
)
PATIENCE_S = 600
AT_S = 45 * 60  # the moment of the tests of alerts, seconds after 1970
# A healthy home: figures of the home, which its schedule and its stream both give, and of the stream alone.
OF_HOME = {
    **{f'last_run_outcome{{outcome="{name}"}}': 0 for name in ("running", "unusable", "refused", "failed")},
    'last_run_outcome{outcome="published"}': 1,
    "last_run_start_timestamp_seconds": 0,
    "publication_valid_until_timestamp_seconds": 90_000,
    "newest_incident_timestamp_seconds": -3_600,
    'rows_total{outcome="stored"}': "0+10x60",
    'rows_total{outcome="dead"}': "0+0.1x60",
    'store_lag_records{topic="incidents"}': 9_000,
    'undelivered_messages{topic="changes"}': 0,
    'audit_due_timestamp_seconds{report="fairness"}': 20 * 86_400,
    "halted": 0,
    "home_free_bytes": 5_000_000_000,
    'home_file_bytes{file="store.duckdb"}': 1_000_000_000,
    'home_file_bytes{file="published.duckdb"}': 1_000_000_000,
    'check_state{check="store"}': 1,
}
OF_STREAM = {'lag_records{topic="incidents"}': 9_000, "broker_silent_seconds": 3}
CAUSES: dict[str, dict[str, Any]] = {
    "HarmspotDown": {"up": 0},
    "HarmspotRunFailed": {'last_run_outcome{outcome="failed"}': 1, 'last_run_outcome{outcome="published"}': 0},
    "HarmspotRunUnusable": {'last_run_outcome{outcome="unusable"}': 1, 'last_run_outcome{outcome="published"}': 0},
    "HarmspotRunUnfinished": {
        'last_run_outcome{outcome="running"}': 1,
        'last_run_outcome{outcome="published"}': 0,
        "last_run_start_timestamp_seconds": AT_S - 8_000,
    },
    "HarmspotRunMissing": {"last_run_start_timestamp_seconds": AT_S - 27 * 3_600},
    "HarmspotPublicationExpired": {"publication_valid_until_timestamp_seconds": AT_S - 1},
    "HarmspotIncidentsOld": {"newest_incident_timestamp_seconds": AT_S - 4 * 86_400},
    "HarmspotDeadLetters": {'rows_total{outcome="dead"}': "0+1x60"},
    "HarmspotBehind": {'store_lag_records{topic="incidents"}': 11_000, 'lag_records{topic="incidents"}': 11_000},
    "HarmspotBrokerSilent": {"broker_silent_seconds": 100},
    "HarmspotUndelivered": {'undelivered_messages{topic="changes"}': 3},
    "HarmspotAuditDue": {'audit_due_timestamp_seconds{report="fairness"}': AT_S + 86_400},
    "HarmspotHalted": {"halted": 1, 'audit_due_timestamp_seconds{report="fairness"}': AT_S - 1},
    "HarmspotDiskFull": {"home_free_bytes": 2_900_000_000},
    "HarmspotCheckFault": {'check_state{check="store"}': 2},
}


def series(changed: dict[str, Any]) -> Iterator[dict[str, str]]:
    """The series of a home that two processes serve, with what was changed."""
    for instance, figures in (("schedule", OF_HOME), ("stream", OF_HOME | OF_STREAM)):
        up = changed.get("up", 1) if instance == "stream" else 1
        yield {"series": f'up{{job="harmspot",home="city",instance="{instance}"}}', "values": f"{up}x60"}
        for figure, value in {name: changed.get(name, usual) for name, usual in figures.items()}.items():
            name, _, rest = figure.partition("{")
            labels = f'job="harmspot",home="city",instance="{instance}"' + (f",{rest[:-1]}" if rest else "")
            values = value if isinstance(value, str) else f"{value}x60"
            yield {"series": f"harmspot_{name}{{{labels}}}", "values": values}


def case_of(changed: dict[str, Any], fires: list[str]) -> dict[str, Any]:
    """A test for promtool: these alerts, each once, and no other, fire in the end."""
    expected = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in fires]
    count = 'count by (alertname) (ALERTS{alertstate="firing"})'
    return {
        "interval": "1m",
        "input_series": [*series(changed)],
        "promql_expr_test": [{"expr": count, "eval_time": f"{AT_S}s", "exp_samples": expected}],
    }


def test_each_alert_has_a_cause_and_is_in_the_operators_page() -> None:
    assert set(CAUSES) == set(ALERTS)
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    assert not [name for name in ALERTS if f"| `{name}` |" not in page]


@NEEDED
def test_each_alert_fires_once_when_caused_and_none_in_a_healthy_home(tmp_path: Path) -> None:
    cases = [case_of({}, []), *(case_of(changed, [name]) for name, changed in CAUSES.items())]
    file = tmp_path / "alerts_test.yml"
    told = {"rule_files": [str(DEPLOY / "alerts.yml")], "evaluation_interval": "1m", "tests": cases}
    file.write_text(yaml.safe_dump(told))
    done = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def watched(run_home: Home) -> Iterator[list[str]]:
    """The addresses of a schedule and a stream of one home, as they answer whoever watches."""
    with open_store(run_home.store, run_home.key, wait_s=0) as store:
        store.add_messages([make_message("changes", "a", "harmspot.place.changed.v1", {"n": 1}, time=CLOCK)], CLOCK)
    schedule, stream = CollectorRegistry(), CollectorRegistry()
    of_home, of_stream = HomeMetrics(run_home), StreamMetrics(run_home, stream)
    schedule.register(of_home)
    lag = {"check": "lag: incidents[0]", "state": "ok", "value": 0.0}
    of_home.take_checks([*examine(run_home).to_dict("records"), lag])
    reader: Any = SimpleNamespace(
        lag_by_topic=lambda: {"incidents": 7}, placed=lambda: [("incidents", 0)], silent_s=lambda: 0.5
    )
    of_stream.polled(reader)
    of_stream.kept(0.25)
    of_stream.step(len, "four")
    with serving("127.0.0.1", 0, schedule) as first, serving("127.0.0.1", 0, stream) as second:
        yield [first.removeprefix("http://"), second.removeprefix("http://")]


@pytest.fixture
def prometheus(watched: list[str], tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """A question to a Prometheus that scrapes both with the rules and the configuration of the repository."""
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = watched
    config["rule_files"] = [str(DEPLOY / name) for name in config["rule_files"]]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    with ports(1) as (port,):
        command = [
            *("prometheus", f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}"),
            *(f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"),
        ]
        server = subprocess.Popen(command)

        def ask(path: str) -> Any:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}", timeout=30) as answer:
                return json.load(answer)["data"]

        try:
            until(lambda: len([each for each in ask("targets")["activeTargets"] if each["health"] == "up"]) == 2)
            yield ask
        finally:
            server.terminate()
            server.wait(PATIENCE_S)


def until(is_so: Callable[[], object]) -> None:
    """Wait until something is so; a question that nobody answers yet is not."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            if is_so():
                return
        except OSError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.2)


@NEEDED
def test_prometheus_scrapes_both_answers_the_dashboard_and_fires_what_is_so(prometheus: Callable[[str], Any]) -> None:
    def answers(query: str) -> Any:
        return prometheus(f"query?query={urllib.parse.quote(query)}")["result"]

    assert len(QUERIES) > 15
    until(lambda: all(answers(query) for query in QUERIES))  # rates take two scrapes of a figure

    def fired() -> list[str]:
        found = prometheus("alerts")["alerts"]
        return sorted(each["labels"]["alertname"] for each in found if each["state"] == "firing")

    until(lambda: len(fired()) > 1)
    # The town ended long before the clock of Prometheus. Both processes say so, and each alert fires once.
    assert fired() == ["HarmspotIncidentsOld", "HarmspotPublicationExpired"]
    rules = [rule for group in prometheus("rules")["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in rules} == set(ALERTS)
    assert {rule["health"] for rule in rules} == {"ok"}


def test_queries_and_alerts_name_metrics_that_are_told(run_home: Home) -> None:
    told = {metric.name for metric in HomeMetrics(run_home).collect()}
    stream = CollectorRegistry()
    StreamMetrics(run_home, stream)
    told |= {metric.name for metric in stream.collect()}
    named = re.findall(r"harmspot_\w+", " ".join([*QUERIES, *(rule["expr"] for rule in ALERTS.values())]))
    assert (
        not {re.sub("_(total|bucket|sum|count)$", "", name) for name in named} - told - {"harmspot_store_lag_records"}
    )
