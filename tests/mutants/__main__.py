"""`make mutants`: do the tests of people notice when a rule is wrong or a guard is gone?

Each mutant runs in a fork of one process that has imported everything: on a wrong rule book its own tests, then those
of whole generated towns; without a guard the test that is named beside it. Nothing is random: the same tests, the same
examples, the same mutants every time.
"""

import importlib
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import hypothesis  # noqa: F401 - imported once here instead of in every fork
import pytest

import models.people  # noqa: F401 - and with it whatever the forks change
from tests.mutants.guards import GUARDS, Guard
from tests.mutants.mutator import mutants

ROOT = Path(__file__).parents[2]
RULE_TESTS = (("test_rules.py", "test_rule_properties.py"), ("test_callin.py", "test_people.py"))
LEAST_KILLED = 0.9
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Trial:
    """A module of models, a wrong version of it, and what is wrong, in words."""

    module: str
    source: str
    what: str
    tests: tuple[tuple[str, ...], ...] = RULE_TESTS


def main() -> int:
    """Print the survivors and the share killed; 0 where it is large enough and no guard can be taken away."""
    began = time.perf_counter()
    of_rules = [Trial("rules", m.source, f"rules.py:{m.line}: {m.what}") for m in mutants(_source("rules"))]
    of_guards = [_without_guard(guard) for guard in GUARDS]
    if any(is_killed for _, is_killed in _run([Trial("rules", _source("rules"), "rules.py as it stands")])):
        raise SystemExit("the tests fail on the rule book as it stands, and can tell nothing from something")
    survived = [trial for trial, is_killed in _run([*of_rules, *of_guards]) if not is_killed]
    for trial in survived:
        print("survived:", trial.what)
    rules_left = sum(trial in survived for trial in of_rules)
    guards_left = len(survived) - rules_left
    share = 1 - rules_left / len(of_rules)
    print(
        f"{len(of_rules) - rules_left} of {len(of_rules)} mutants of the rule book killed ({share:.1%}); "
        f"{len(of_guards) - guards_left} of {len(of_guards)} guards noticed; {time.perf_counter() - began:.0f} s"
    )
    return int(share < LEAST_KILLED or guards_left > 0)


def _source(module: str) -> str:
    return (ROOT / "models" / f"{module}.py").read_text(encoding="utf-8")


def _without_guard(guard: Guard) -> Trial:
    source = _source(guard.module)
    if guard.old not in source:
        raise SystemExit(f"{guard.module}.py no longer holds {guard.old!r}: mend tests/mutants/guards.py")
    wrong = source.replace(guard.old, guard.new)
    return Trial(guard.module, wrong, f"{guard.module}.py without: {guard.guard}", ((guard.test,),))


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
    trial = running.pop(process)
    print("noticed " if status else "SURVIVED", trial.what, file=sys.stderr, flush=True)
    return trial, status != 0


def _try(trial: Trial) -> int:
    """Run the tests on the wrong version; 0 where none of them fails."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    try:
        _put_in_place(trial)
        for files in trial.tests:
            paths = [str(ROOT / "tests" / "models" / name) for name in files]
            if pytest.main(["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", *paths]) != 0:
                return 1
    except BaseException:
        return 1  # what cannot even be imported is noticed
    return 0


def _put_in_place(trial: Trial) -> None:
    """Replace the module's content, and what other modules took from it by name."""
    module = importlib.import_module(f"models.{trial.module}")
    before = dict(vars(module))
    exec(compile(trial.source, str(module.__file__), "exec"), vars(module))
    for other in [each for name, each in sys.modules.items() if name.startswith("models.")]:
        for name, value in list(vars(other).items()):
            if name in before and value is before[name] and other is not module:
                setattr(other, name, vars(module).get(name))


if __name__ == "__main__":
    raise SystemExit(main())
