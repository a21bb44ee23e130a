"""Which tests are long: `make test` leaves them out, `make test-all` and CI do them.

`tests/long_tests.txt` names them: a file whose tests share much that has to be made first, or one test. `make
test-times` measures all tests and writes it; whatever it does not name is not long.
"""

import resource
import sys
from collections import defaultdict
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

import pytest

NAMES = Path(__file__).with_suffix(".txt")
TIMES = "test-times"  # folder of what was measured, a file for each process
MADE_FIRST_S, CASE_S, CASES_S = 4.0, 1.5, 5.0  # processor time: all set-up of a file; one case of a test; all its cases


def is_long(node_id: str, names: frozenset[str]) -> bool:
    """Return whether a test or its file is among the names."""
    name = node_id.partition("[")[0]
    return name in names or name.partition("::")[0] in names


def read_names() -> frozenset[str]:
    """Return the names of long tests and files."""
    return frozenset(NAMES.read_text(encoding="utf-8").split())


def measured_as_long(lines: Iterable[str]) -> list[str]:
    """Return the names of what was long; a line holds the phase, the processor seconds, and the id of the test."""
    made_first, longest, all_cases = defaultdict[str, float](float), defaultdict[str, float](float), {}
    for line in lines:
        phase, seconds, node_id = line.split(maxsplit=2)
        name = node_id.partition("[")[0].rstrip()
        if phase == "setup":
            made_first[name.partition("::")[0]] += float(seconds)
        else:
            longest[name] = max(longest[name], float(seconds))
            all_cases[name] = all_cases.get(name, 0.0) + float(seconds)
    files = {file for file, seconds in made_first.items() if seconds >= MADE_FIRST_S}
    tests = {name for name in all_cases if longest[name] >= CASE_S or all_cases[name] >= CASES_S}
    return sorted(files | {name for name in tests if name.partition("::")[0] not in files})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Measure what is made for a test."""
    with _measured("setup", item):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Measure a test."""
    with _measured("call", item):
        yield


@contextmanager
def _measured(phase: str, item: pytest.Item) -> Generator[None, None, None]:
    """Write down the processor seconds of this process and of those that ended in it."""
    before = _processor_s()
    try:
        yield
    finally:
        worker = getattr(item.config, "workerinput", {"workerid": "main"})["workerid"]
        folder = item.config.rootpath / TIMES
        folder.mkdir(exist_ok=True)
        with (folder / worker).open("a", encoding="utf-8") as times:
            times.write(f"{phase} {_processor_s() - before:.3f} {item.nodeid}\n")


def _processor_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    measured = [line for times in sorted(Path(sys.argv[1]).iterdir()) for line in times.read_text().splitlines()]
    NAMES.write_text("".join(f"{name}\n" for name in measured_as_long(measured)), encoding="utf-8")
