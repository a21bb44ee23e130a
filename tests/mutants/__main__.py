"""`make mutants`: do the tests of people notice when a rule is wrong or a guard is gone?

Each mutant runs in a fork of one process that has imported everything: on a wrong rule book its own tests, then those
of whole generated towns; without a guard the test that is named beside it. Every such test runs once on the source as
it stands, where it must pass: only then does a failure say anything. Nothing is random: the same tests, the same
examples, the same mutants every time.
"""

import importlib
import linecache
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import hypothesis  # noqa: F401 - imported once here instead of in every fork
import pytest

import models.people_lists.assess  # noqa: F401 - and with it whatever the forks change
from tests.mutants.guards import GUARDS, Guard, in_package
from tests.mutants.mutator import mutants

ROOT = Path(__file__).parents[2]
RULES = "models/people_lists/rules.py"
RULE_TESTS = (
    ("people_lists/test_rules.py", "people_lists/test_rule_properties.py"),
    ("people_lists/test_call_in.py", "people_lists/test_assess.py"),
)
LEAST_KILLED = 0.95
WORKERS = 2
PARTS = ("rules", "guards")

# What a fork ends with: two of pytest's own codes, and one for a wrong version that does not even load.
SURVIVED, KILLED, UNLOADABLE = 0, 1, 99


@dataclass(frozen=True, slots=True)
class Trial:
    """A version of a file, in words, and how what fails to load counts."""

    path: str
    source: str
    what: str
    tests: tuple[tuple[str, ...], ...] = RULE_TESTS
    unloadable: int = UNLOADABLE


def main(parts: Sequence[str] = PARTS) -> int:
    """Print the survivors and the share killed; 0 where it is large enough and no guard can be taken away.

    Raises SystemExit where a test fails on the source as it stands, or a trial ends otherwise than by passing or
    failing tests: neither says anything of a guard.
    """
    began = time.perf_counter()
    # Whoever starts a rule book that does not load notices it; a guard that does not load was taken away wrongly.
    rules = [Trial(RULES, m.source, f"rules.py:{m.line}: {m.what}", unloadable=KILLED) for m in mutants(_source(RULES))]
    of_rules = rules if "rules" in parts else []
    of_guards = [_without_guard(guard) for guard in GUARDS] if "guards" in parts else []
    _check_as_it_stands(of_rules, of_guards)
    survived = [trial for trial, is_killed in _run([*of_rules, *of_guards]) if not is_killed]
    for trial in survived:
        print("survived:", trial.what)
    rules_left = sum(trial in survived for trial in of_rules)
    guards_left = len(survived) - rules_left
    share = 1 - rules_left / max(len(of_rules), 1)
    print(
        f"{len(of_rules) - rules_left} of {len(of_rules)} mutants of the rule book killed ({share:.1%}); "
        f"{len(of_guards) - guards_left} of {len(of_guards)} guards noticed; {time.perf_counter() - began:.0f} s"
    )
    return int(share < LEAST_KILLED or guards_left > 0)


def _check_as_it_stands(*groups: list[Trial]) -> None:
    """Run the tests of every trial once on the source as it stands."""
    tests = dict.fromkeys((trial.path, trial.tests) for group in groups for trial in group)
    unchanged = [Trial(path, _source(path), f"{path} as it stands: {named}", named) for path, named in tests]
    if failing := [trial.what for trial, is_killed in _run(unchanged) if is_killed]:
        raise SystemExit("fail on the source as it stands, and can tell nothing from something: " + "; ".join(failing))


def _source(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def _without_guard(guard: Guard) -> Trial:
    source = _source(guard.path)
    if source.count(guard.old) != 1:
        raise SystemExit(f"{guard.path} does not hold {guard.old!r} once: mend tests/mutants/guards.py")
    wrong = source.replace(guard.old, guard.new)
    return Trial(guard.path, wrong, f"{guard.path} without: {guard.guard}", ((guard.test,),))


def _run(trials: list[Trial]) -> Iterable[tuple[Trial, bool]]:
    """Yield each trial with whether a test failed, WORKERS of them at a time."""
    running: dict[int, Trial] = {}
    for trial in trials:
        if len(running) == WORKERS:
            yield _finished(running)
        if not (process := os.fork()):
            os._exit(_try(trial))
        running[process] = trial
    while running:
        yield _finished(running)


def _finished(running: dict[int, Trial]) -> tuple[Trial, bool]:
    process, status = os.wait()
    trial, code = running.pop(process), os.waitstatus_to_exitcode(status)
    if code not in (SURVIVED, KILLED):
        raise SystemExit(
            f"{trial.what}: ended with {code}, which is no verdict of {trial.tests}; see `pytest` exit codes"
        )
    print("noticed " if code == KILLED else "passed  ", trial.what, file=sys.stderr, flush=True)
    return trial, code == KILLED


def _try(trial: Trial) -> int:
    """Run the tests on the version; return SURVIVED where none fails, KILLED where one does, or what else happened."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    try:
        _put_in_place(trial)
    except Exception:
        return trial.unloadable
    for files in trial.tests:
        paths = [str(ROOT / test_path(name)) for name in files]
        if code := pytest.main(["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", *paths]):
            return int(code)
    return SURVIVED


def test_path(name: str) -> str:
    """Return the path of a test from the root of the project, with the names inside the file."""
    return name if name.startswith("tests/") else f"tests/{in_package(name)}"


def _put_in_place(trial: Trial) -> None:
    """Replace the content of a module, its source, and what others took from it by name; or that of a file of SQL."""
    if trial.path.endswith(".sql"):
        _put_sql_in_place(trial)
        return
    module = importlib.import_module(trial.path.removesuffix(".py").replace("/", "."))
    before = dict(vars(module))
    file = str(module.__file__)
    exec(compile(trial.source, file, "exec"), vars(module))
    linecache.cache[file] = (len(trial.source), None, trial.source.splitlines(keepends=True), file)
    for other in [
        each for name, each in sys.modules.items() if name.startswith(("models.", "flows.", "pipeline.", "geo."))
    ]:
        for name, value in list(vars(other).items()):
            if name in before and value is before[name] and other is not module:
                setattr(other, name, vars(module).get(name))


def _put_sql_in_place(trial: Trial) -> None:
    """Let queries be read from a copy in which one file is another."""
    package, _, file = trial.path.partition("/sql/")
    copy = Path(tempfile.mkdtemp())
    shutil.copytree(ROOT / package / "sql", copy / "sql")
    (copy / "sql" / file).write_text(trial.source, encoding="utf-8")
    if package == "pipeline":
        vars(importlib.import_module("pipeline.database"))["resources"] = SimpleNamespace(files=lambda _: copy)
    else:
        vars(importlib.import_module("flows.inputs.assembly"))["SQL"] = copy / "sql"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:] or PARTS))
