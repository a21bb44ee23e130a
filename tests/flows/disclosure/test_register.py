"""The safeguard register: every function, test and mutant that it names is there, and the page says what it says."""

import ast
import importlib
from functools import cache, reduce
from pathlib import Path

import pytest

from flows.disclosure.register import Safeguard, read_register, register_page
from tests.mutants.guards import GUARDS

ROOT = Path(__file__).parents[3]
RULE_BOOK = "rule book"
GUARD_WORDS = {guard.guard: guard for guard in GUARDS}


@cache
def names_in(file: str) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }


def missing(safeguard: Safeguard) -> list[str]:
    """Return what the entry lacks or names in vain."""
    found = [name for name in ("because", "enforced", "proven", "kills") if not getattr(safeguard, name)]
    for place in safeguard.enforced:
        module, _, name = place.partition(":")
        if not name:
            found += [] if (ROOT / place).is_file() else [place]
            continue
        try:
            reduce(getattr, name.split("."), importlib.import_module(module))
        except (ImportError, AttributeError):
            found.append(place)
    for test in safeguard.proven:
        file, _, name = test.partition("::")
        if not (ROOT / file).is_file() or name not in names_in(file):
            found.append(test)
    return found + [mutant for mutant in safeguard.kills if mutant != RULE_BOOK and mutant not in GUARD_WORDS]


@pytest.mark.parametrize("safeguard", read_register(), ids=lambda each: each.promise[:60])
def test_where_it_is_enforced_what_proves_it_and_what_it_kills_is_there(safeguard: Safeguard) -> None:
    assert not missing(safeguard)


def test_an_entry_that_names_something_in_vain_is_found() -> None:
    gone = ("models.people_lists.rules:NO_SUCH", "pipeline/sql/no_such.sql", "no.such.module:name")
    entry = Safeguard("p", "g", (), gone, ("tests/test_docs.py::test_no_such", "tests/no.py::test_x"), ("no guard",))
    assert missing(entry) == ["because", *gone, *entry.proven, "no guard"]


def test_every_guard_among_the_mutants_keeps_a_promise_of_the_register() -> None:
    kept = {mutant for safeguard in read_register() for mutant in safeguard.kills}
    assert not GUARD_WORDS.keys() - kept


def test_every_promise_is_another() -> None:
    promises = [safeguard.promise for safeguard in read_register()]
    assert len(set(promises)) == len(promises) > 30


def test_the_page_is_made_from_the_register() -> None:
    page = (ROOT / "docs" / "safeguards.md").read_text(encoding="utf-8")
    assert page == register_page(read_register()), "run: python -m flows.disclosure.register > docs/safeguards.md"
