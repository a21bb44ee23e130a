"""Log lines: JSON where nobody sits at a terminal, run and stage on each line of a run, and no person in any."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.command import main
from flows.health.home_metrics import _seconds
from flows.home import log
from flows.home.home import Home
from flows.home.last_run import read_last_run
from flows.home.log import LogSettings, SharedFile, logged
from flows.ingest.ingest import load_file
from flows.schedule.backfill import backfill
from flows.schedule.daily import daily_run
from pipeline.errors import QualityError, SettingsError
from tests.flows.command.test_command import harmspot
from tests.flows.ingest.test_record_files import AS_OF, City
from tests.flows.ingest.test_source_ids import INCIDENTS, RAW, ROLES, WARRANTS
from tests.town import AS_OF as TOWN_DAY
from tests.town import TownRun, naming

PSEUDONYM = "p_" + "0123456789abcdef" * 2


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave the process's log as it was."""
    before = list(log.LOG.handlers)
    yield
    log._use(*before)


@pytest.fixture
def lines(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """What a log file of this test holds, which every line of harmspot goes to."""
    log.follow(LogSettings("text", tmp_path / "log" / "harmspot.jsonl"))
    return lambda: [json.loads(line) for line in (tmp_path / "log" / "harmspot.jsonl").read_text().splitlines()]


def test_lines_are_json_where_no_terminal_reads_them_and_text_where_asked(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flows.command", "--home", str(tmp_path / "none"), "run"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}, check=False)
    line = json.loads(done.stderr)
    assert line["message"].startswith("there is no home in")
    assert (line["level"], line["error"]) == ("error", "StoreError")
    text = harmspot("--home", tmp_path / "none", "run").stderr  # with the variable that tests set
    assert text.startswith("harmspot: there is no home in")


def test_the_form_and_the_file_are_settings_of_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(log.FORMAT_VARIABLE)
    config = tmp_path / "force.yaml"
    config.write_text("force: {name: Ours}\nlog: {format: json, file: logs/all.jsonl}\n")
    monkeypatch.setattr(sys, "argv", ["harmspot", "--home", str(tmp_path / "home"), "--config", str(config), "doctor"])
    with pytest.raises(SystemExit):
        main()
    assert log.form() == "json"
    log.write("here")
    assert json.loads(capsys.readouterr().err.splitlines()[-1])["message"] == "here"
    assert json.loads((tmp_path / "logs" / "all.jsonl").read_text().splitlines()[-1])["message"] == "here"
    with pytest.raises(SettingsError, match=r"log\.format='xml': expected one of auto, text, json"):
        LogSettings("xml", None)
    with pytest.raises(SettingsError, match=r"log\.file: .* cannot be written \(Is a directory\); name another file"):
        log.follow(LogSettings("text", tmp_path))


@given(text=st.text(), value=st.text() | st.integers() | st.none())
def test_any_text_is_one_line_of_json_that_steers_no_terminal(text: str, value: object) -> None:
    record = logging.LogRecord("harmspot", logging.INFO, "", 0, "%s", (f"{text} {PSEUDONYM}",), None)
    with logged(run_id="r1", value=value):
        line = log.JsonLines().format(record)
    assert len(line.splitlines()) == 1
    assert json.loads(line)["run_id"] == "r1"
    assert PSEUDONYM not in line
    assert line.isprintable()


def planted(folder: Path) -> City:
    """A city in whose every file the id of a person stands, also where it does not belong; its log is written."""
    city = City(folder)
    city.home.progress = log.write
    city.load("persons", [f"{RAW},06/15/1990"], name="persons")
    city.load("incidents", [*INCIDENTS, f"x1,2025-12-01 12:00,AFFRAY BY {RAW},-75.15,39.95"], name="incidents")
    city.load("involvements", [*ROLES, f"nowhere,{RAW},CHG"], name="roles")
    city.load("warrants", WARRANTS, name="warrants")
    return city


def about_people(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines that hold a planted person, birth year or text of a record."""
    return [line for line in said if any(each in json.dumps(line) for each in (RAW, PSEUDONYM, "1990", "AFFRAY"))]


def test_each_line_of_a_run_has_day_stage_seconds_and_run_id_and_none_a_person(town_run: TownRun, shared: Path) -> None:
    written = (shared / "run.jsonl").read_text()
    said = [json.loads(line) for line in written.splitlines()]
    assert len(said) > 80
    assert all(line["as_of"] == TOWN_DAY.isoformat() and line["stage"] and line["seconds"] >= 0 for line in said)
    seconds = [line["seconds"] for line in said]
    assert seconds == sorted(seconds)
    known = [line for line in said if line["stage"] not in ("read_map", "identify_run")]
    assert {line["run_id"] for line in known} == {town_run.summary.run_id}
    took = {line["stage"]: line["stage_seconds"] for line in said if line["level"] == "debug"}
    last = read_last_run(town_run.home.path)
    assert last is not None and last.stage_seconds.keys() == took.keys()
    assert (last.outcome, last.run_id, last.as_of) == ("published", town_run.summary.run_id, TOWN_DAY.isoformat())
    assert sum(last.stage_seconds.values()) <= (last.seconds or 0) == pytest.approx(town_run.summary.seconds, abs=0.5)
    people = [*town_run.truth("people")["person_id"], *town_run.people()["person_id"]]
    assert not naming([person.encode() for person in people], [("the log", written.encode())])


def test_the_fields_of_a_run_end_with_it(lines: Callable[[], list[dict[str, Any]]]) -> None:
    with logged(as_of="2026-01-01", began=0.0):
        log.add_fields(run_id="r1")
        with logged(stage="one"):
            log.write("within")
        log.write("between")
    log.write("after")
    found = [line.keys() - {"time", "level", "message"} for line in lines()]
    assert found == [{"as_of", "run_id", "stage", "seconds"}, {"as_of", "run_id", "seconds"}, set()]


def test_no_line_of_a_run_that_is_refused_or_fails_holds_a_person(
    lines: Callable[[], list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARMSPOT__QUALITY__NEWEST_DAYS", "1")
    city = planted(tmp_path)
    outcomes = []
    for ended in (QualityError, KeyError):
        with pytest.raises(ended) as caught:
            daily_run(city.home, AS_OF)
        log.write_error(caught.value, is_traced=True)
        outcomes.append(read_last_run(city.home.path))
        monkeypatch.setattr("flows.schedule.daily.prioritise", lambda *a, **k: {}[f"{RAW} {PSEUDONYM}"])
    assert [last and last.outcome for last in outcomes] == ["refused", "failed"]
    said = lines()
    assert not about_people(said)
    assert "newest incidents are" in next(line for line in said if line["level"] == "error")["message"]
    assert (said[-1]["message"], said[-1]["error"]) == ("KeyError", "KeyError")
    assert any("daily.py" in frame for frame in said[-1]["raised_at"])


def test_errors_of_our_own_say_what_they_are_and_those_of_libraries_only_their_type() -> None:
    def said_of(act: Callable[[], object]) -> str:
        try:
            act()
        except Exception as error:
            return log.said(error)
        raise AssertionError

    assert said_of(lambda: {}[RAW]) == "KeyError"
    assert said_of(lambda: _seconds(RAW)) == "ValueError", "a conversion in our code, which quotes the value"
    assert said_of(lambda: backfill(Home(Path("none")), date(2026, 1, 2), date(2026, 1, 1))).startswith("backfill from")
    assert said_of(lambda: json.loads(f"{{{RAW}")) == "JSONDecodeError"
    assert said_of(lambda: Home(Path("none")).require()).startswith("there is no home")
    assert log.said(QualityError("too little")) == "too little"


def test_a_warning_has_its_level_and_ends_with_itself(lines: Callable[[], list[dict[str, Any]]]) -> None:
    home = Home(Path("none"))
    home.warn("look")
    home.progress("go on")
    assert [(line["message"], line["level"]) for line in lines()] == [("look", "warning"), ("go on", "info")]


WRITER = """
import sys
from pathlib import Path
from flows.home import log
log.MOST_BYTES, log.EARLIER_FILES = 20_000, 60
log.follow(log.LogSettings("text", Path(sys.argv[1])))
for number in range(400):
    log.LOG.info("%s-%s", sys.argv[2], number)
"""


def test_processes_that_share_a_file_lose_and_tear_no_line_when_it_rotates(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(file), name], stderr=subprocess.DEVNULL) for name in "abc"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    files = [path for path in tmp_path.glob("log.jsonl*") if path.suffix != ".lock"]
    assert len(files) > 3
    found = [json.loads(line)["message"] for path in files for line in path.read_text().splitlines()]
    assert sorted(found) == sorted(f"{name}-{number}" for name in "abc" for number in range(400))


def test_files_are_bounded_and_a_full_disk_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MOST_BYTES", 2_000)
    monkeypatch.setattr(log, "EARLIER_FILES", 2)
    log.follow(LogSettings("text", tmp_path / "log.jsonl"))
    for _ in range(200):
        log.LOG.debug("a line")
    assert sum(path.stat().st_size for path in tmp_path.glob("log.jsonl*")) <= 6_000
    assert len(list(tmp_path.glob("log.jsonl*"))) == 4, "three files and the lock"
    (file,) = [handler for handler in log.LOG.handlers if isinstance(handler, SharedFile)]
    monkeypatch.setattr(file, "_open", lambda: open("/dev/full", "w"))  # noqa: PTH123, SIM115
    file.close()
    log.LOG.debug("not written")


def test_what_a_load_says_goes_the_same_way(
    lines: Callable[[], list[dict[str, Any]]], new_home: Callable[..., Home], tmp_path: Path
) -> None:
    events = tmp_path / "incidents.jsonl"
    events.write_text('{"specversion": "1.0"}\n')
    load_file(new_home(tmp_path / "home", progress=log.write), events, None)
    assert [line["message"] for line in lines()] == [f"jsonl:{events}: 1 rows, 0 stored, 1 dead"]


UNAWAITED = """
from flows.home import log
log.start("json")
async def answered(): pass
answered()
"""


def test_a_warning_of_python_is_a_line_as_all_others_without_its_text() -> None:
    """Such as Prefect's, of what it had not awaited when a signal ended it."""
    done = subprocess.run([sys.executable, "-c", UNAWAITED], capture_output=True, text=True, check=True)
    (line,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert (line["level"], line["message"]) == ("warning", "RuntimeWarning at <string>:5")
