"""Commands in processes of their own that are killed at a chosen moment, and the home that they leave."""

import os
import sys
import time
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

# Processes are forked from one that has imported the commands and opened nothing: a start takes milliseconds.
_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["flows.command", "flows.schedule.daily", "flows.ingest.ingest", "flows.command.show", "flows.health.doctor"]
)


def start(home: Path, arguments: Sequence[str]) -> BaseProcess:
    """Start `harmspot --home HOME ARGUMENTS`; its output goes to files beside the home."""
    process = _CONTEXT.Process(target=_run, args=(home, list(arguments)))
    process.start()
    return process


def finished(home: Path, *arguments: str) -> str:
    """Run a command to its end and return what it printed; it must succeed."""
    process = start(home, arguments)
    process.join()
    assert process.exitcode == 0, (arguments, process.exitcode, _output(home, "err").read_text())
    return _output(home, "out").read_text()


def killed(home: Path, arguments: Sequence[str], after_s: float, appeared: str | None = None) -> bool:
    """Kill a command `after_s` seconds after its start, or after a file of the home appears; return whether it ran."""
    process = start(home, arguments)
    while appeared and process.is_alive() and not (home / appeared).exists():
        time.sleep(0.0002)
    process.join(after_s)
    was_running = process.is_alive()
    process.kill()
    process.join()
    return was_running


def _run(home: Path, arguments: list[str]) -> None:
    from flows.command import main

    sys.argv = ["harmspot", "--home", str(home), *arguments]
    for name, descriptor in (("out", 1), ("err", 2)):
        os.dup2(os.open(_output(home, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    main()


def _output(home: Path, name: str) -> Path:
    return home.with_name(f"{home.name}.{name}")
