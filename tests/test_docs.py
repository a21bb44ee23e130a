"""The commands that README and docs print run as printed; every verb and option that they name exists."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.decisions.notice_decisions import all_notices
from flows.home.home import Home
from pipeline.mapped.mapping import Mapping
from pipeline.mapped.mapping_file import read_mapping
from pipeline.mapped.record_columns import COLUMNS_OF_KIND
from tests.town import TownRun

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
HARMSPOT = Path(sys.executable).parent / "harmspot"
MAPPINGS = ROOT / "docs" / "mappings.md"
SQL = ROOT / "pipeline" / "sql"
CLOCK = "2026-01-03T18:00:00+00:00"  # the run is of 1 January; its lists are approved within three days
DAYS = {
    "2026-01-04T17:30": "2026-01-03T18:00",
    "2026-01-09": "2026-01-02",
}  # the examples' days that lie after that clock
STORIES = ("notices.md", "people-lists.md")  # pages whose commands follow one another
# What needs a broker is run by tests/integration; half a year of evaluation or two years of a town by their own tests.
ELSEWHERE = ("stream", "simulate", "--home city", "--home /srv")
# Files for the mappings that docs/mappings.md shows, and the tables that they name.
EXPORTS = {
    "incidents.csv": "Incidents of 2025\nexported 1 August\n"
    "Number;Date;Time;End date;End time;Offence;Description;X;Y;Beat;Changed;Status;Domestic;House number;Street\n"
    "007;06/15/2025;23:45;;;Robbery;;988.000,5;205.000;4;2025-07-01 10:00;Open;Y;12;Elm Street\n",
    "offences.csv": "offence,offence_code,discovery\nRobbery,robbery,public\n",
    "places.csv": "no,street,lon,lat\n12,Elm Street,-73.99,40.73\n",
    "warrants_offences.csv": "offence,offence_code\nRobbery,robbery\n",
    "suspects.csv": "Case No,Person ID,Role\n7,P-1,SUS\n7,P-2,BYSTANDER\n",
    "merged.csv": "Kept ID,Merged ID,State\nP-1,P-7,Merged\n",
    "persons.csv": "Person ID,DOB,Date of Death,Changed\nP-1,02/03/1990,,2025-01-01 10:00\nP-2,13/13/1990,,\n",
    "warrants.csv": "Warrant,Person ID,Issued,Charge\nW-1,P-1,07/01/2025,Robbery\n",
    "custody.csv": "Person ID,Booked,Released,Facility\nP-1,2025-07-02 10:00,,Jail\n",
    "hours.csv": "District,Week of,Rostered,Deployed\n1,07/07/2025,300,250\n",
    "visits.csv": "Log number,When,What,Team,Person ID,District,Hours\n1,2025-07-07 10:00,Home visit,east,P-1,1,0.5\n",
}


def printed(page: Path) -> list[str]:
    """Return the harmspot commands of the fenced blocks in order, continued lines joined, without comments."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line.split("  #")[0].strip() for line in lines if line.startswith("harmspot ")]


def mentioned(page: Path) -> list[str]:
    """Commands named within a sentence."""
    return re.findall(r"`(harmspot (?:--\w+ \S+ )*[a-z][^`]*)`", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_verb_and_option_that_a_page_names_exists(page: Path) -> None:
    for command in [*printed(page), *mentioned(page)]:
        words = [word for word in shlex.split(command.replace("…", "")) if word]
        group, options = cli, {name for parameter in cli.params for name in parameter.opts}
        for word in words[1:]:
            verb = group.get_command(click.Context(group), word) if isinstance(group, click.Group) else None
            if verb is not None:
                group = verb
                options = options | {name for parameter in verb.params for name in parameter.opts} | {"--help"}
            elif word.startswith("--"):
                assert word in options | {"--help"}, f"{page.name}: {command}: no option {word}"
        assert group is not cli or "--help" in words or "VERB" in words, f"{page.name}: {command}: no such verb"


def as_it_is(command: str, run: TownRun, notice_id: str) -> list[str]:
    """Return a printed command's arguments with this town's ids in the place of the examples'."""
    filled = re.sub(r"n_5f0c…?", notice_id, command).replace("-RUN", f"-{run.summary.run_id}")
    for day, earlier in DAYS.items():
        filled = filled.replace(day, earlier)
    person = run.truth("people")["person_id"].iloc[0]
    return shlex.split(filled.replace("P000123", person))[1:]


@pytest.mark.parametrize("name", STORIES)
def test_the_commands_of_a_page_run_one_after_the_other(
    name: str, town_run: TownRun, new_home: Callable[..., Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(town_run.home.path, tmp_path / "town")
    home = new_home(tmp_path / "town")
    shown = all_notices(home, ["area"])
    for report in ("fairness-2026-01.pdf", "evaluation.pdf"):
        Path(report).write_bytes(b"%PDF-1.7 a report")
    monkeypatch.setenv("HARMSPOT_CONFIG", str(town_run.files.config_file))
    monkeypatch.setenv("HARMSPOT_CLOCK", CLOCK)
    commands = [each for each in printed(ROOT / "docs" / name) if not any(word in each for word in ELSEWHERE)]
    assert len(commands) > 3
    for command in commands:
        result = CliRunner().invoke(cli, as_it_is(command, town_run, shown[0].notice_id))
        assert result.exit_code == 0, f"{command}\n{result.output}\n{result.exception}"


def test_the_commands_of_the_readme_make_a_city_of_a_file(tmp_path: Path) -> None:
    """In processes of their own, as a run sets Prefect's environment for its process."""
    commands = [each for each in printed(ROOT / "README.md") if "--home city" in each]
    assert any("new-city" in each for each in commands)
    for command in commands:
        here = command.replace("--home city", f"--home {tmp_path / 'city'}")
        arguments = shlex.split(here.replace("--out city", f"--out {tmp_path / 'city'}"))[1:]
        done = subprocess.run([str(HARMSPOT), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"


def test_the_commands_of_the_page_of_users_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert CliRunner().invoke(cli, ["--home", "city", "init"]).exit_code == 0
    commands = printed(ROOT / "docs" / "users.md")
    assert len(commands) > 15
    for command in commands:
        asks = re.search(r" (login|users add|users reset) ", command) and "--token-only" not in command
        piped = [*shlex.split(command)[1:], *(["--password-stdin"] if asks else [])]
        done = CliRunner().invoke(cli, piped, input="correct horse battery")
        assert done.exit_code == 0, f"{command}\n{done.output}\n{done.exception}"


def shown_mappings() -> dict[str, str]:
    """Return the mappings that docs/mappings.md shows, by the name of the file in their first line."""
    blocks = re.findall(r"^```yaml\n(# (\w+\.yaml).*?)^```", MAPPINGS.read_text(encoding="utf-8"), re.M | re.S)
    return {name: block for block, name in blocks}


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder, the current one, with the mappings that the page shows and a file for each."""
    monkeypatch.chdir(tmp_path)
    for name, text in {**shown_mappings(), **EXPORTS}.items():
        (tmp_path / name).write_text(text, encoding="cp1252")
    return tmp_path


def test_the_page_of_mappings_shows_valid_ones_of_each_kind_and_names_every_key(exports: Path) -> None:
    mappings = [read_mapping(exports / name) for name in shown_mappings()]
    assert {mapping.kind for mapping in mappings} == set(COLUMNS_OF_KIND)
    text = MAPPINGS.read_text(encoding="utf-8")
    keys = {item.name for item in fields(Mapping)} - {"formats", "places", "notes"} | {"occurred_at_format"}
    columns = {item.name for kind in COLUMNS_OF_KIND.values() for item in fields(kind)}
    missing = [name for name in sorted(keys | columns) if f"`{name}`" not in text and f"\n{name}:" not in text]
    assert not missing, f"docs/mappings.md does not name {missing}"


def test_the_page_of_mappings_names_every_reason_and_every_shipped_mapping() -> None:
    text = MAPPINGS.read_text(encoding="utf-8")
    rules = re.findall(r"^    \('\w+', '(\w+)', '", (SQL / "mapped" / "refusal.sql").read_text(), re.M)
    assert len(rules) > 20
    named = set(re.findall(r"^\| `(\w+)` \|", text, re.M))
    assert {*rules, "unread_line", "unknown_incident"} <= named
    shipped = {path.stem for path in (ROOT / "configs" / "mappings").glob("*.yaml")}
    assert not [name for name in sorted(shipped) if f"`{name}`" not in text]


def test_the_commands_of_the_page_of_mappings_run_one_after_the_other(exports: Path) -> None:
    commands = [each for each in printed(MAPPINGS) if "--home force" in each]
    load = "harmspot --home force load --mapping incidents.yaml incidents.csv"
    assert len(commands) > 8
    for command in ["harmspot --home force init", load, *commands]:
        result = CliRunner().invoke(cli, shlex.split(command)[1:])
        assert result.exit_code == 0, f"{command}\n{result.output}\n{result.exception}"
        if " load " in command:
            assert "versions stored 1 +" in result.output, f"{command}\n{result.output}"
