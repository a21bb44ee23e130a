"""The list of long tests names tests that there are, and is read from what was measured."""

import re
from pathlib import Path

from tests.long_tests import is_long, measured_as_long, read_names

ROOT = Path(__file__).parent.parent


def test_every_name_is_a_test_or_a_file_of_tests() -> None:
    names = sorted(read_names())
    assert names
    for name in names:
        file, _, test = name.partition("::")
        source = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"\b{re.escape(test.partition('::')[0])}\b", source), name


def test_a_file_is_long_by_what_is_made_first_and_a_test_by_its_cases() -> None:
    lines = [
        "setup 2.0 tests/a.py::test_one",
        "call 0.1 tests/a.py::test_one",
        "setup 2.1 tests/a.py::test_two",
        "call 9.0 tests/a.py::test_two",
        "setup 3.9 tests/b.py::test_one[x]",
        *[f"call 0.6 tests/b.py::test_one[{case}]" for case in range(9)],
        "call 1.6 tests/b.py::test_two[an id]",
        "call 1.4 tests/b.py::test_three",
    ]
    names = measured_as_long(lines)
    assert names == ["tests/a.py", "tests/b.py::test_one", "tests/b.py::test_two"]
    assert [is_long(line.split(maxsplit=2)[2], frozenset(names)) for line in lines] == [True] * 15 + [False]
