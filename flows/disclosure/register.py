"""The safeguard register: what is promised, why, where it is enforced, which tests prove it, which mutants these kill.

`python -m flows.disclosure.register` writes it as Markdown, stored as `docs/safeguards.md`.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from pipeline.typed_sections import build_typed

HEAD = """# Safeguards

What harmspot promises about people, why, where the code enforces it, which tests prove it, and which mutants these
tests kill: each mutant is the code without the safeguard, and a test must fail on it (`make mutants`). The register is
data, `flows/disclosure/safeguards.yml`; `python -m flows.disclosure.register` makes this page of it, and a test fails
where a function, a test or a mutant is missing.

What the software cannot promise stands in the [threat model](threat-model.md) and the [checklists](checklists.md).
"""


@dataclass(frozen=True, slots=True)
class Safeguard:
    """A promise about people.

    `because` are its sources in law or audit; `enforced` are functions or values as `module:name`, or files of SQL;
    `proven` are tests by their ids; `kills` are mutants: guards by their words, or "rule book".
    """

    promise: str
    group: str
    because: tuple[str, ...]
    enforced: tuple[str, ...]
    proven: tuple[str, ...]
    kills: tuple[str, ...]


@cache
def read_register() -> tuple[Safeguard, ...]:
    """Return the safeguards in the order of the register."""
    entries = yaml.load((resources.files(__package__) / "safeguards.yml").read_text("utf-8"), yaml.CSafeLoader)
    return tuple(build_typed(Safeguard, entry, f"safeguard {number}") for number, entry in enumerate(entries, 1))


def register_page(safeguards: Iterable[Safeguard]) -> str:
    """Return the register as Markdown, a section for each group."""
    groups: dict[str, list[Safeguard]] = {}
    for safeguard in safeguards:
        groups.setdefault(safeguard.group, []).append(safeguard)
    return "\n".join([HEAD, *(_section(name, entries) for name, entries in groups.items())])


def _section(name: str, safeguards: list[Safeguard]) -> str:
    rows = [
        f"| {each.promise} | {'; '.join(each.because)} | {_code(each.enforced)} | "
        f"{_code(test.removeprefix('tests/') for test in each.proven)} | {'; '.join(each.kills)} |"
        for each in safeguards
    ]
    head = "| promise | because | enforced in | proven by | kills the mutants |\n| --- | --- | --- | --- | --- |"
    return "\n".join([f"## {name}\n", head, *rows, ""])


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.stdout.write(register_page(read_register()))
