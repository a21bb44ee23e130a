"""The commands that README and docs print run as printed; every verb and option that they name exists."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from flows.command import cli
from flows.decisions.notice_decisions import all_notices
from flows.home.home import Home
from tests.soak import sample
from tests.town import TownRun

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
HARMSPOT = Path(sys.executable).parent / "harmspot"
PHILADELPHIA = ROOT.parent / "shared" / "data" / "philadelphia_2017_2019.parquet"
CLOCK = "2026-01-03T18:00:00+00:00"  # the run is of 1 January; its lists are approved within three days
DAYS = {
    "2026-01-04T17:30": "2026-01-03T18:00",
    "2026-01-09": "2026-01-02",
}  # the examples' days that lie after that clock
STORIES = ("notices.md", "people-lists.md")  # pages whose commands follow one another
# What needs a broker is run by tests/integration; half a year of evaluation or two years of a town by their own tests.
ELSEWHERE = ("stream", "simulate", "--home city", "--home /srv")


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


@pytest.mark.sampled
def test_the_commands_of_the_readme_run_on_real_incidents(tmp_path: Path) -> None:
    """In processes of their own, as a run sets Prefect's environment for its process."""
    if not PHILADELPHIA.exists():
        pytest.skip(f"{PHILADELPHIA.name} is not beside the checkout")
    rows = parquet.read_table(PHILADELPHIA)
    incidents = tmp_path / PHILADELPHIA.name
    parquet.write_table(rows.take(list(range(0, len(rows), sample(10, whole=1)))), incidents)
    for command in [each for each in printed(ROOT / "README.md") if "--home city" in each]:
        here = command.replace("--home city", f"--home {tmp_path / 'city'}")
        arguments = shlex.split(here.replace(f"../shared/data/{PHILADELPHIA.name}", str(incidents)))[1:]
        done = subprocess.run([str(HARMSPOT), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
