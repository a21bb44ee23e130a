"""Every verb has fast help with an example; errors are one sentence with the remedy."""

import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import click
import pytest

from flows.command import VERBS, cli, main

HARMSPOT = Path(sys.executable).parent / "harmspot"


def harmspot(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, as its script does."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        patch.setattr(sys, "argv", ["harmspot", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    assert command.help
    assert re.search(r"Examples?:", command.help)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from flows.command import cli, VERBS; import click\n"
        "for verb in VERBS: cli.get_command(click.Context(cli), verb).get_help(click.Context(cli))\n"
        "print(sorted({'pandas', 'duckdb', 'prefect', 'geopandas', 'sklearn', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "flows.command", "--help"], capture_output=True, text=True, check=True)
    assert "new-city" in done.stdout


def test_an_unknown_verb_is_refused() -> None:
    done = subprocess.run([HARMSPOT, "rnu"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no verb 'rnu'; verbs are: demo, " in done.stderr


def test_a_day_that_is_none_is_refused(tmp_path: Path) -> None:
    done = harmspot("--home", tmp_path, "run", "--as-of", "yesterday")
    assert done.returncode == 2
    assert "'yesterday' is not a date" in done.stderr


def test_a_clock_without_zone_is_refused() -> None:
    done = harmspot("--clock", "2026-01-01T00:00", "doctor")
    assert done.returncode == 2
    assert "has no time zone" in done.stderr


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert harmspot("--home", tmp_path / "home", "init").returncode == 0
    done = harmspot("--home", tmp_path / "home", "load", tmp_path / "absent.jsonl")
    assert done.returncode == 1
    assert "absent.jsonl: no such file or folder" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (["--config", "absent.yaml", "late"], "absent.yaml: No such file"),
        (["--config", "absent.yaml", "run"], "absent.yaml: No such file"),
        (["--config", "absent.yaml", "backfill", "--from", "2026-01-01", "--to", "2026-01-02"], "No such file"),
    ],
)
def test_no_server_starts_and_nothing_is_made_where_nothing_can_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    assert harmspot("--home", home, "init").returncode == 0
    before = sorted(tmp_path.rglob("*"))
    done = harmspot("--home", home, *verb)
    assert done.returncode == 1
    assert words in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_an_unknown_mapping_names_the_shipped_ones(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a\n1\n")
    assert harmspot("--home", tmp_path / "home", "init").returncode == 0
    done = harmspot("--home", tmp_path / "home", "load", "--mapping", "gotham", file)
    assert done.returncode == 1
    assert "shipped are baltimore, baltimore_part1, boston, chicago" in done.stderr


def test_people_are_not_read_without_purpose_and_reader(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert harmspot("--home", home, "init", "--rehearsal").returncode == 0
    done = harmspot("--home", home, "show", "people")
    assert done.returncode == 1
    assert "--purpose" in done.stderr and "--reader" in done.stderr


def test_a_traceback_names_nobody(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    person_id = "p_" + "0a" * 16

    def slip(**_: object) -> None:
        raise KeyError(person_id)

    monkeypatch.setattr("flows.command.cli", slip)
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr().err
    assert "[person]" in said
    assert "Traceback" in said
    assert person_id not in said
