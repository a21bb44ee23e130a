"""Figures of a home for Prometheus: its last run, publication, store, audits, files, and what the doctor finds.

They are read from the files of the home, so every process of it gives the same. Times are given as such, in seconds
since 1970 by the system clock; an age is `time()` less one of them. A label is a word of harmspot's own or the name of
a topic; none is an area, a person or a text from outside.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Lock
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from flows.home.home import Home
from flows.home.last_run import OUTCOMES, read_last_run
from flows.human_log.audit_events import audit_events
from flows.human_log.ledger import ledger_of
from models.governance.audits import halted_because, report_statuses
from pipeline.database import DatabaseError
from pipeline.errors import HarmspotError
from pipeline.publication.publish import runs
from pipeline.shared_store.opening import open_store
from pipeline.store.interface import Store, StoreHealth

REFRESH_S = 15.0  # how often the store is read
CHECK_S = 300.0  # how often the doctor looks
CHECK_TIMEOUT_S = 900.0
STATES = {"ok": 0, "warning": 1, "fault": 2}
FILES = ("store.duckdb", "published.duckdb", "restricted.duckdb", "access.log")


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """What a store says at one moment: its health, and until when each report of the audits is fresh."""

    health: StoreHealth
    audits_due: dict[str, datetime]
    is_halted: bool


def store_figures(home: Home, store: Store) -> StoreFigures:
    """Read the figures of an open store."""
    ledger, now = ledger_of(home, store), home.now()
    reports = report_statuses(audit_events(ledger), now, home.settings.audits)
    due = {report.about: report.fresh_until for report in reports if report.fresh_until}
    return StoreFigures(store.health(), due, halted_because(reports, now, ledger.zone) is not None)


class HomeMetrics(Collector):
    """Collects the figures of a home.

    Parameters
    ----------
    home : Home
        The home.
    is_reading : bool
        Whether the store is opened for a scrape, at most every REFRESH_S; a stream has it open anyway and calls `take`.
    """

    def __init__(self, home: Home, *, is_reading: bool = True) -> None:
        self._home, self._is_reading = home, is_reading
        self._store: StoreFigures | None = None
        self._read_at: float | None = None  # monotonic clock, s
        self._checks: dict[str, int] = {}
        self._lag: dict[str, int] = {}
        self._lock = Lock()

    @property
    def is_due(self) -> bool:
        """Whether the figures of the store are old."""
        return self._read_at is None or time.monotonic() - self._read_at >= REFRESH_S

    def take(self, store: Store) -> None:
        """Read the figures of a store that is open, if they are due."""
        if self.is_due:
            self._store, self._read_at = store_figures(self._home, store), time.monotonic()

    def take_checks(self, findings: list[dict[str, Any]]) -> None:
        """Take what the doctor found: the worst state of each kind of check, and the lag of each topic."""
        states: dict[str, int] = {}
        lag: dict[str, int] = {}
        for found in findings:
            kind, _, rest = found["check"].partition(": ")
            states[kind] = max(states.get(kind, 0), STATES[found["state"]])
            if kind == "lag":
                topic = rest.partition("[")[0]
                lag[topic] = lag.get(topic, 0) + int(found["value"] or 0)
        self._checks, self._lag = states, lag

    def collect(self) -> Iterator[Metric]:
        """Yield every figure that is known."""
        with self._lock:
            self._refresh()
            yield from self._of_run()
            yield from self._of_publication()
            yield from self._of_store()
            yield from self._of_folder()
            yield _labelled(
                "harmspot_check_state",
                "State of a check of the doctor: 0 ok, 1 warning, 2 fault",
                "check",
                self._checks,
            )
            if self._lag:
                yield _labelled(
                    "harmspot_store_lag_records", "Records that the store is behind a topic", "topic", self._lag
                )

    def _refresh(self) -> None:
        """Read the store; where another process holds it, or it cannot be opened, the earlier figures stay."""
        if self._is_reading and self.is_due and self._home.store.exists():
            with (
                suppress(HarmspotError, DatabaseError, OSError),
                open_store(self._home.store, self._home.key, wait_s=0.0, progress=lambda text: None) as store,
            ):
                self.take(store)

    def _of_run(self) -> Iterator[Metric]:
        if (last := read_last_run(self._home.path)) is None:
            return
        yield _labelled(
            "harmspot_last_run_outcome",
            "1 for the outcome of the last daily run",
            "outcome",
            {name: int(name == last.outcome) for name in OUTCOMES},
        )
        yield _single("harmspot_last_run_start_timestamp_seconds", "When the last run began", _seconds(last.began_at))
        if last.ended_at and last.seconds is not None:
            yield _single("harmspot_last_run_end_timestamp_seconds", "When the last run ended", _seconds(last.ended_at))
            yield _single("harmspot_last_run_seconds", "How long the last run took", last.seconds)
        yield _labelled(
            "harmspot_last_run_stage_seconds", "How long a stage of the last run took", "stage", last.stage_seconds
        )

    def _of_publication(self) -> Iterator[Metric]:
        with suppress(HarmspotError, DatabaseError, OSError):
            kept = runs(self._home.path)
            yield _single("harmspot_kept_runs", "Runs kept in the publication", len(kept))
            usable = kept[kept["is_usable"].astype(bool)]
            if not usable.empty:
                for name, column, what in (
                    ("as_of", "as_of", "The day that the latest usable run is as of"),
                    ("valid_until", "valid_to", "When the latest usable run expires"),
                ):
                    yield _single(
                        f"harmspot_publication_{name}_timestamp_seconds", what, usable[column].iloc[-1].timestamp()
                    )

    def _of_store(self) -> Iterator[Metric]:
        if (figures := self._store) is None:
            return
        health = figures.health
        rows = CounterMetricFamily("harmspot_rows", "Rows that came in, by outcome", labels=["outcome"])
        for outcome, count in health.rows.items():
            rows.add_metric([outcome], count)
        yield rows
        dead = "Rows that cannot be used and wait, by reason"
        yield _labelled("harmspot_dead_letters", dead, "reason", health.dead_letters)
        waiting = {topic: count for topic, (count, _) in health.undelivered.items()}
        yield _labelled("harmspot_undelivered_messages", "Messages that wait for their delivery", "topic", waiting)
        for name, what, at in (
            ("newest_incident", "When the newest incident happened", health.newest_incident_at),
            ("last_batch", "When the last rows were stored", health.last_ingested_at),
        ):
            if at is not None:
                yield _single(f"harmspot_{name}_timestamp_seconds", what, at.timestamp())
        due = {report: at.timestamp() for report, at in figures.audits_due.items()}
        yield _labelled("harmspot_audit_due_timestamp_seconds", "When a report of the audits is due", "report", due)
        yield _single("harmspot_halted", "1 while lists that choose people are halted", int(figures.is_halted))

    def _of_folder(self) -> Iterator[Metric]:
        with suppress(OSError):
            paths = {name: self._home.path / name for name in FILES}
            sizes = {name: path.stat().st_size for name, path in paths.items() if path.exists()}
            yield _labelled("harmspot_home_file_bytes", "Size of a file of the home", "file", sizes)
            free = shutil.disk_usage(self._home.path).free
            yield _single("harmspot_home_free_bytes", "Free bytes on the disk of the home", free)


def watch_checks(home: Home, metrics: HomeMetrics, until: Event) -> None:
    """Let the doctor look every CHECK_S in a process of its own, whose memory ends with it, until `until` is set.

    A doctor that cannot look is a fault of check `doctor`.
    """
    config = ["--config", str(home.config_file)] if home.config_file else []
    clock = ["--clock", home.clock.isoformat()] if home.clock else []
    command = [sys.executable, "-m", "flows.command", "--home", str(home.path), *config, *clock, "doctor", "--json"]
    while not until.is_set():
        try:
            done = subprocess.run(command, capture_output=True, timeout=CHECK_TIMEOUT_S, check=False)
            metrics.take_checks(json.loads(done.stdout))
        except (OSError, ValueError, subprocess.SubprocessError):
            metrics.take_checks([{"check": "doctor", "state": "fault", "value": None}])
        until.wait(CHECK_S)


def _single(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)


def _labelled(name: str, what: str, label: str, values: "dict[str, Any]") -> Metric:
    family = GaugeMetricFamily(name, what, labels=[label])
    for of, value in values.items():
        family.add_metric([of], value)
    return family


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
