"""What is named in guards.py is there: a guard that moved, or a test that was renamed, is found in seconds."""

import ast
from pathlib import Path

import pytest

from tests.mutants import __main__ as run
from tests.mutants.guards import GUARDS, Guard

ROOT = Path(__file__).parents[2]
GUARD = Guard(
    "governance/actors",
    "a guard",
    'MACHINE = "harmspot"',
    'MACHINE = "nobody"',
    "statistics/test_rank_draws.py::test_gone",
)


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: f"{guard.module}: {guard.guard}")
def test_a_guard_stands_once_in_its_module_and_its_test_exists(guard: Guard) -> None:
    source = (ROOT / guard.path).read_text(encoding="utf-8")
    assert source.count(guard.old) == 1
    if guard.path.endswith(".py"):
        compile(source.replace(guard.old, guard.new), guard.module, "exec")
    file, *names = run.test_path(guard.test).split("::")
    scope: list[ast.stmt] = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    for name in names:
        [named] = [each for each in scope if _name(each) == name]
        scope = getattr(named, "body", [])


def _name(node: ast.stmt) -> str:
    """The name that a statement gives to a function, a class or, as `TestDesk = Desk.TestCase` does, a value."""
    return ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else getattr(node, "name", "")


def test_a_test_that_does_not_exist_notices_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "GUARDS", (GUARD,))
    with pytest.raises(SystemExit, match="ended with 4, which is no verdict"):
        run.main(["guards"])


def test_guards_are_told_apart_by_their_words() -> None:
    assert len({guard.guard for guard in GUARDS}) == len(GUARDS)


def test_a_guard_that_moved_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "GUARDS", (Guard("governance/actors", "a guard", "no such line", "", GUARD.test),))
    with pytest.raises(SystemExit, match=r"actors\.py does not hold 'no such line' once"):
        run.main(["guards"])
