"""Every time that a verb prints for people is local and says its zone; JSON keeps the offset."""

import json
import re
import shutil
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.command.show import TABLES
from flows.home.home import Home
from tests.town import CLOCK, TownRun

READER = ["--purpose", "look at the times", "--reader", "Insp. J. Reyes"]
OF_MACHINES = re.compile(r"\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)\b|\dT\d\d:\d\d")


@pytest.fixture(scope="module")
def summer(town_run: TownRun, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The town's home, read by people whose clock is never that of UTC."""
    config = town_run.home.config_file
    assert config is not None
    folder = shutil.copytree(town_run.home.path, tmp_path_factory.mktemp("summer") / "home")  # reads are logged
    elsewhere = config.with_name(f"elsewhere-{tmp_path_factory.getbasetemp().name}.yaml")
    text = config.read_text(encoding="utf-8")
    elsewhere.write_text(re.sub(r"time_zone: \S+", "time_zone: America/Sao_Paulo", text), encoding="utf-8")
    assert elsewhere.read_text(encoding="utf-8") != text
    return Home(folder, elsewhere, CLOCK)


def show(home: Home, table: str, *more: str) -> str:
    clock = ["--home", str(home.path), "--config", str(Path(str(home.config_file))), "--clock", CLOCK.isoformat()]
    done = CliRunner().invoke(cli, [*clock, "show", table, *READER, *more])
    assert done.exit_code == 0, done.output + str(done.exception)
    return done.stdout


@pytest.mark.parametrize("table", sorted(TABLES))
def test_no_table_prints_the_time_of_a_machine(table: str, summer: Home) -> None:
    printed = show(summer, table)
    assert OF_MACHINES.findall(printed) == []


def test_the_same_moment_is_printed_local_and_kept_in_json(summer: Home) -> None:
    row = json.loads(show(summer, "runs", "--json"))[0]
    moment = datetime.fromisoformat(row["as_of"]).astimezone(summer.settings.force.zone)
    printed = " ".join(show(summer, "runs").split())
    assert f"{moment:%Y-%m-%d}" in printed and f"{moment:%H:%M}" in printed
    assert moment.utcoffset() and f"{moment:%H:%M}" != row["as_of"][11:16]
