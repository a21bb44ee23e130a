"""Every verb refuses a home that is not there and makes nothing; only the verbs that make one make one, and say so."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from flows.command import VERBS, cli
from tests.flows.command.test_command import harmspot

# Verbs that make a home, or that need none and answer without one. Every other verb must refuse, a new one too.
MAKERS = {("init",), ("demo",), ("new-city",), ("load",), ("restore",)}
WITHOUT_HOME = {
    *(("simulate",), ("forecast",), ("doctor",)),  # doctor: a fault that names `init`
    *(("evaluate", "nij"), ("evaluate", "people"), ("plan", "benefit"), ("plan", "rehearse")),
}


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


LEAVES = dict(leaves(cli))
REFUSING = [*sorted(path for path in LEAVES if path not in MAKERS | WITHOUT_HOME), ("load",)]


def value_of(parameter: click.Parameter) -> str:
    kind = parameter.type
    if isinstance(kind, click.Choice):
        return str(kind.choices[0])
    return {"DATE": "2026-01-01", "ISO8601": "2026-01-01T00:00:00Z"}.get(
        kind.name, "1" if "integer" in kind.name or "float" in kind.name else "something"
    )


def filled(path: tuple[str, ...]) -> list[str]:
    """Return a verb with a value for each parameter that it requires."""
    words = list(path)
    for parameter in LEAVES[path].params:
        if parameter.required:
            words += [value_of(parameter)] if isinstance(parameter, click.Argument) else []
            words += [parameter.opts[0], value_of(parameter)] if isinstance(parameter, click.Option) else []
    return words


def test_the_exceptions_are_verbs() -> None:
    assert LEAVES.keys() >= MAKERS | WITHOUT_HOME
    assert {path[0] for path in LEAVES} == set(VERBS)


@pytest.mark.parametrize("is_folder", [False, True])
@pytest.mark.parametrize("path", REFUSING, ids=" ".join)
def test_a_home_that_is_not_there_is_refused_and_nothing_is_made(
    path: tuple[str, ...], is_folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does an empty folder make a home."""
    monkeypatch.chdir(tmp_path)
    if is_folder:
        Path("nowhere").mkdir()
    before = sorted(tmp_path.rglob("*"))
    done = harmspot("--home", "nowhere", *filled(path))
    assert done.returncode == 1, done.stderr
    assert "harmspot --home nowhere init" in done.stderr
    assert done.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("path", sorted(WITHOUT_HOME), ids=" ".join)
def test_a_verb_that_needs_no_home_makes_none(
    path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if path == ("plan", "rehearse"):
        pytest.skip("takes minutes; tests/flows/simulation does it")
    monkeypatch.chdir(tmp_path)
    short = ["--days", "30"] if path == ("simulate",) else []
    done = harmspot("--home", "nowhere", *filled(path), *short)
    assert not Path("nowhere").exists()
    if path == ("doctor",):
        assert done.returncode == 1
        assert "harmspot --home nowhere init" in done.stdout


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    corners = [[-75.2, 39.9], [-75.0, 39.9], [-75.0, 40.0], [-75.2, 40.0], [-75.2, 39.9]]
    area = {"type": "Feature", "properties": {"id": "1"}, "geometry": {"type": "Polygon", "coordinates": [corners]}}
    Path("areas.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [area]}))
    path = Path("force.yaml")
    path.write_text("force: {name: Here, areas: {path: areas.geojson, id_column: id}}\n")
    return path


def test_load_makes_the_home_of_a_named_configuration_and_says_so(config: Path) -> None:
    Path("none.jsonl").write_text("{}\n")
    done = harmspot("--home", "home", "--config", config, "load", "none.jsonl")
    assert done.returncode == 0, done.stderr
    assert "new home home" in done.stderr
    assert sorted(path.name for path in Path("home").iterdir()) == ["config-path", "force.json", "key", "store.duckdb"]


def test_a_file_that_is_missing_makes_no_home(config: Path) -> None:
    done = harmspot("--home", "home", "--config", config, "load", "absent.jsonl")
    assert (done.returncode, "absent.jsonl: no such file" in done.stderr) == (1, True)
    assert not Path("home").exists()


def test_a_first_load_that_fails_says_what_it_left_and_makes_no_configuration_permanent(config: Path) -> None:
    Path("in.parquet").write_bytes(b"PAR1 no more")
    done = harmspot("--home", "home", "--config", config, "load", "in.parquet")
    assert done.returncode == 1
    assert "home home was made before this failed, and stays; it remembers no configuration" in done.stderr
    assert not Path("home/config-path").exists() and not Path("home/force.json").exists()


def test_a_first_run_that_fails_makes_no_configuration_permanent(config: Path) -> None:
    assert harmspot("--home", "home", "init").returncode == 0
    assert not Path("home/config-path").exists()
    Path("broken.yaml").write_text("force: {name: Here, areas: {path: areas.geojson, id_column: nothing}}\n")
    run = ("run", "--as-of", "2026-01-01", "--without-prefect")
    failed = harmspot("--home", "home", "--config", "broken.yaml", *run)
    assert (failed.returncode, "no column 'nothing'" in failed.stderr) == (1, True)
    assert sorted(path.name for path in Path("home").iterdir()) == ["key", "last-run.json", "store.duckdb"]
