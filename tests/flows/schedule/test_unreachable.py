"""A broker that does not answer at the scheduled time: the run is refused, or published with the reason on top."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.home.home import Home
from flows.home.settings import SettingsError, load_settings
from flows.ingest import ingest
from flows.schedule.daily import EDGE_STAGES, daily_run, read_sources
from pipeline.errors import BrokerError
from pipeline.publication.publish import read_published, runs
from tests.town import AS_OF, TownRun

SAID = "These sources did not answer before the run, and what they sent since they were read last is missing: kafka."


@pytest.fixture
def home(
    town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Home]:
    """A home with a run of AS_OF and no broker, by what it does then."""

    def no_answer(*_: object) -> None:
        raise BrokerError("No Kafka broker answers on broker-1:9092")

    def make(when_unreachable: str) -> Home:
        monkeypatch.setenv("HARMSPOT__INGEST__SOURCES", "[kafka]")
        monkeypatch.setenv("HARMSPOT__SEED", "8")
        monkeypatch.setenv("HARMSPOT__INGEST__WHEN_UNREACHABLE", when_unreachable)
        monkeypatch.setattr("flows.ingest.ingest.ingest_named", no_answer)
        path = tmp_path / "home"
        return new_home(path if path.exists() else shutil.copytree(town_run.home.path, path))

    return make


def test_a_run_is_refused_where_its_broker_does_not_answer(home: Callable[[str], Home]) -> None:
    refusing = home("refuse")
    with pytest.raises(BrokerError, match="No Kafka broker answers"):
        daily_run(refusing, AS_OF)
    assert len(runs(refusing.path)) == 1


def test_a_run_is_published_with_what_is_known_and_says_so_on_top(
    home: Callable[[str], Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    publishing = home("publish")
    summary = daily_run(publishing, AS_OF)
    assert summary.is_new
    checks = read_published(publishing.path, "quality_check", summary.run_id).set_index("check_name")
    assert checks.loc["sources_answer", ["outcome", "detail"]].tolist() == ["warning", SAID]
    assert any(SAID in text for text in summary.warnings)
    page = publishing.report.read_text()
    assert page.index(SAID) < page.index("<table")
    monkeypatch.undo()
    monkeypatch.setenv("HARMSPOT__SEED", "8")
    answered = daily_run(replace(publishing), AS_OF)  # a home that reads its settings anew
    assert answered.is_new and answered.run_id != summary.run_id  # the same data, and another run
    assert SAID not in publishing.report.read_text()
    again = daily_run(home("publish"), AS_OF)
    assert (again.run_id, again.is_new) == (answered.run_id, False)  # what is known stands there already, whole


def test_another_word_is_refused() -> None:
    with pytest.raises(SettingsError, match="expected refuse or publish"):
        load_settings(environment={"HARMSPOT__INGEST__WHEN_UNREACHABLE": "wait"})


@pytest.fixture
def answering(new_home: Callable[..., Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Home]:
    """A home whose broker answers from an attempt on."""

    def make(when_unreachable: str, answers_from: float) -> Home:
        attempts = iter(range(99))

        def read(*_: object) -> ingest.BatchCounts:
            if next(attempts) < answers_from:
                raise BrokerError("No Kafka broker answers on broker-1:9092")
            return ingest.BatchCounts()

        monkeypatch.setattr(ingest, "ingest_named", read)
        home = new_home(tmp_path / "home")
        settings = replace(home.settings.ingest, sources=("kafka",), when_unreachable=when_unreachable)
        home.__dict__["settings"] = replace(home.settings, ingest=settings)
        return home

    return make


def retrying(stage: Callable[..., Any], /, *arguments: Any, **options: Any) -> Any:
    """Call a stage as Prefect does: one at an edge is retried three times."""
    for _ in range(3 if stage in EDGE_STAGES else 0):
        try:
            return stage(*arguments, **options)
        except BrokerError:
            pass
    return stage(*arguments, **options)


@pytest.mark.parametrize("when_unreachable", ["refuse", "publish"])
def test_a_source_that_answers_at_a_retry_is_missing_from_no_run(
    answering: Callable[..., Home], when_unreachable: str
) -> None:
    assert read_sources(answering(when_unreachable, answers_from=3), retrying) == ()


def test_one_that_never_answers_refuses_the_run_or_is_named(answering: Callable[..., Home]) -> None:
    assert read_sources(answering("publish", answers_from=float("inf")), retrying) == ("kafka",)
    with pytest.raises(BrokerError):
        read_sources(answering("refuse", answers_from=float("inf")), retrying)
