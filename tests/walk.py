"""Count the functions and files of harmspot that one act passes: the size of what a reader has to hold in mind.

A tool, not a test. From a shell, `python tests/walk.py --home town lists approve …` walks one command in a new process;
from Python, `walked(act)` walks a call. PYTHONPATH chooses the code.
"""

import inspect
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

PACKAGES = ("pipeline", "geo", "models", "flows")


@dataclass(frozen=True)
class Walk:
    """The named functions that were entered, as file and qualified name, with the number of calls."""

    calls: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def files(self) -> list[str]:
        """The files of those functions."""
        return sorted({file for file, _ in self.calls})

    def text(self) -> str:
        """Return a line a function, by file, and the totals."""
        lines = [f"{file}: {name} ({count})" for (file, name), count in sorted(self.calls.items())]
        return "\n".join([*lines, f"{len(self.calls)} functions in {len(self.files)} files"])


def walked(act: Callable[[], object]) -> Walk:
    """Run an act and return the functions of harmspot that it entered: no lambdas, no class bodies, no imports."""
    import flows

    root = Path(str(flows.__file__)).parent.parent
    prefixes = tuple(f"{root / package}/" for package in PACKAGES)
    walk, imports = Walk(), 0

    def note(frame: FrameType, event: str, _: Any) -> None:
        nonlocal imports
        code = frame.f_code
        if code.co_name == "<module>":
            imports += {"call": 1, "return": -1}.get(event, 0)
        elif event == "call" and not imports and code.co_filename.startswith(prefixes) and _is_named(code):
            walk.calls[str(Path(code.co_filename).relative_to(root)), code.co_qualname] += 1

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return walk


def _is_named(code: CodeType) -> bool:
    """Return whether it is the code of a function with a name; a class body is not optimised."""
    return bool(code.co_flags & inspect.CO_OPTIMIZED) and not code.co_name.startswith("<")


def main() -> None:
    """Walk one command of harmspot and print its functions to standard error."""
    from flows.command import cli

    done = walked(lambda: cli(sys.argv[1:], standalone_mode=False))
    print(done.text(), file=sys.stderr)


if __name__ == "__main__":
    main()
