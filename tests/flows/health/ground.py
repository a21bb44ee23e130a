"""Ground for faults: a home that something is broken in, and five questions asked of it.

What does the command log, how does it end, which figures does `/metrics` give, which alerts of deploy/alerts.yml fire
on these figures, and what does `doctor` say? Prometheus itself evaluates the alerts, on what was really scraped.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from flows.health.home_metrics import HomeMetrics
from flows.home.home import Home
from tests.flows.command.test_command import harmspot
from tests.flows.health.test_metrics import scraped

RULES = Path(__file__).resolve().parents[3] / "deploy" / "alerts.yml"
STEP_S = 600  # between two scrapes, as Prometheus is told; no alert waits for less than one
OF_RUN = "harmspot_last_run_"  # times of these are by the system's clock, all others by the home's
INSTANCES = ("schedule", "stream")  # both give the figures of the home, and an alert fires once all the same
NEEDED = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed: apt-get install --no-install-recommends prometheus",
)


Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]  # value by name and labels


@dataclass(frozen=True)
class Look:
    """What whoever watches sees at one moment: the figures by name and labels, and what `doctor` says by check."""

    figures: Figures
    checks: dict[str, tuple[str, str]]
    exit_code: int
    home_s: float  # the clock of the home, seconds since 1970
    run_s: float  # the clock that dates runs
    is_up: bool = True  # whether the schedule answers

    def told(self, name: str, *labels: str) -> float | None:
        """Return a figure, None if it is not given."""
        found = {(each, *(value for _, value in of)): figure for (each, of), figure in self.figures.items()}
        return found.get((f"harmspot_{name}", *labels))


@dataclass
class Ground:
    """A copy of a home with a run, in which something is broken and mended."""

    home: Home
    folder: Path
    patch: pytest.MonkeyPatch
    kept: dict[str, Any] = field(default_factory=dict)  # what the breaking keeps for the mending

    right_now: datetime | None = None  # the clock of whoever watches, if that of the home is wrong

    def __post_init__(self) -> None:
        self.clock = self.home.now()
        self.enter(self.home.path)

    def enter(self, path: Path) -> None:
        """Go on with the home in a folder, there or not."""
        self.home = Home(path, self.home.config_file, self.home.clock, self.home.progress)
        self.metrics = HomeMetrics(self.home)

    def do(self, *words: str | Path) -> "subprocess.CompletedProcess[str]":
        """Do a command on the home as an operator does."""
        config = ["--config", self.home.config_file] if self.home.config_file else []
        clock = ["--clock", self.home.clock.isoformat()] if self.home.clock else []
        return harmspot("--home", self.home.path, *config, *clock, *words)

    def done(self, *words: str | Path) -> str:
        """Do a command that succeeds, and return what it printed."""
        done = self.do(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Do the daily run of the day of the clock."""
        return self.do("run", "--without-prefect", *words)

    def go_on_to(self, clock: datetime) -> None:
        """Let time pass until a moment."""
        self.home.clock = clock

    def forget_settings(self) -> None:
        """Let those who watch begin anew with the settings of now, as after a restart."""
        self.home.__dict__.pop("settings", None)

    def waiting(self) -> float:
        """Return how many dead letters wait."""
        return sum(value for (name, _), value in self.look().figures.items() if name == "harmspot_dead_letters")

    def look(self, *, is_up: bool = True) -> Look:
        """Scrape the metrics and ask the doctor, after any command."""
        said = self.do("doctor", "--json")
        found = json.loads(said.stdout)
        self.metrics.take_checks(found)
        self.metrics._read_at = None  # the store is read at each scrape
        checks = {each["check"]: (each["state"], each["detail"]) for each in found}
        now = self.right_now or self.home.now()
        return Look(
            figures_in(scraped(self.metrics)),
            checks,
            said.returncode,
            now.timestamp(),
            (datetime.now(UTC) + (now - self.clock)).timestamp(),
            is_up,
        )


def figures_in(text: str) -> Figures:
    """Return the figures of an answer of `/metrics`."""
    found = text_string_to_metric_families(text)
    return {(each.name, tuple(each.labels.items())): each.value for family in found for each in family.samples}


def log_lines(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    """Return the lines of the log that a command wrote."""
    return [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]


def assert_fires(folder: Path, stands: list[tuple[Look, timedelta, Mapping[str, int]]]) -> None:
    """Ask Prometheus which alerts fire while each look stands for its time, and how many of each.

    Each figure comes from two processes. A key `HarmspotCheckFault/store` names the check that the alert is about.
    """
    starts, cases, at_s = [], [], 0
    for _, lasts, expected in stands:
        starts.append(at_s)
        at_s += int(lasts.total_seconds())
        told = [{"labels": _labels(*alert.split("/")), "value": count} for alert, count in expected.items()]
        window_s = int(lasts.total_seconds()) - 1
        asked = f'count by (alertname, check) (max_over_time(ALERTS{{alertstate="firing"}}[{window_s}s]))'
        cases.append({"expr": asked, "eval_time": f"{at_s - STEP_S}s", "exp_samples": told})
    looks = [(look, int(lasts.total_seconds()) // STEP_S) for look, lasts, _ in stands]
    test = {"interval": f"{STEP_S}s", "input_series": [*_series(looks)], "promql_expr_test": cases}
    file = folder / "alerts.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": f"{STEP_S}s", "tests": [test]}))
    done = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _labels(alert: str, check: str | None = None) -> str:
    return f'{{alertname="{alert}"' + (f', check="{check}"' if check else "") + "}"


def _series(looks: list[tuple[Look, int]]) -> Iterator[dict[str, str]]:
    """Yield the series of looks that stand for so many scrapes each, as promtool reads them."""
    figures = sorted({figure for look, _ in looks for figure in look.figures})
    for instance in INSTANCES:
        own = f'job="harmspot",home="city",instance="{instance}"'
        is_up = [look.is_up or instance != "schedule" for look, _ in looks]
        values = (f"{int(up)}x{count - 1}" for up, (_, count) in zip(is_up, looks, strict=True))
        yield {"series": f"up{{{own}}}", "values": " ".join(values)}
        for name, labels in figures:
            if name == "harmspot_check_state" and instance != "schedule":
                continue  # the doctor looks for the schedule alone
            parts, at_s = [], 0
            for (look, count), up in zip(looks, is_up, strict=True):
                value = look.figures.get((name, labels)) if up else None
                if value is not None and name.endswith("_timestamp_seconds"):  # Prometheus begins in 1970
                    value += at_s - (look.run_s if name.startswith(OF_RUN) else look.home_s)
                parts.append(f"_x{count}" if value is None else f"{value:f}x{count - 1}")
                at_s += count * STEP_S
            more = "".join(f',{label}="{value}"' for label, value in labels)
            yield {"series": f"{name}{{{own}{more}}}", "values": " ".join(parts)}
