"""A harmspot command in a process of its own, to be killed at any moment, or killed or frozen at a step of a batch.

The processes are forked from one server that has imported everything, so that they start at once; each is a whole
process that runs the command as its user would, and dies by signal 9 like any other.
"""

import importlib
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

PATIENCE_S = 600  # no more than a bound: what is waited for comes in a second on a quiet machine
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["flows.ingest.stream", "flows.ingest.replay", "flows.command.ingest", "kafka", "pipeline.shared_store.store"]
)


@dataclass(frozen=True)
class Step:
    """A place in a batch: before or after the given call of a method."""

    module: str
    owner: str
    method: str
    is_after: bool = True


# In the order in which a batch goes through them.
STEPS: dict[str, Step] = {
    "before decoding": Step("pipeline.events.decoder", "Decoder", "decode", is_after=False),
    "decoded": Step("pipeline.events.decoder", "Decoder", "decode"),
    "rows kept": Step("pipeline.store.store", "DuckDBStore", "_keep_decoded"),
    "offsets kept": Step("pipeline.store.store", "DuckDBStore", "_keep_offsets"),
    "about to commit": Step("pipeline.store.store", "DuckDBStore", "_keep_counts"),
    "committed": Step("pipeline.store.store", "DuckDBStore", "commit"),
}
# Of a store in a database, in which offsets are claimed before the rows are kept.
SHARED_STEPS: dict[str, Step] = {
    **{name: STEPS[name] for name in ("before decoding", "decoded")},
    "offset claimed": Step("pipeline.shared_store.store", "PostgresStore", "_claim"),
    "stamped": Step("pipeline.shared_store.store", "PostgresStore", "_new_batch"),
    "rows kept": Step("pipeline.shared_store.store", "PostgresStore", "_put_rows"),
    "about to commit": Step("pipeline.shared_store.store", "PostgresStore", "_ready_messages"),
    "committed": Step("pipeline.shared_store.store", "PostgresStore", "commit"),
}
STREAM_STEPS: dict[str, Step] = {
    "before announcing": Step("flows.ingest.change_publisher", "ChangePublisher", "deliver", is_after=False),
    "announced, not noted": Step("flows.ingest.change_publisher", "ChangePublisher", "deliver"),
    "announcements noted": Step("pipeline.store.store", "DuckDBStore", "mark_delivered"),
    "before acknowledging": Step("pipeline.sources.kafka_group", "GroupReader", "acknowledge", is_after=False),
    "acknowledged": Step("pipeline.sources.kafka_group", "GroupReader", "acknowledge"),
}


class Victim:
    """One running command; its output goes to the end of `log`."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        struck_at: tuple[Step, int] | None = None,
        by: signal.Signals = signal.SIGKILL,
        file_limit_bytes: int | None = None,
    ) -> None:
        self.log = log
        self._begins = log.stat().st_size if log.exists() else 0
        self._process = _FORKS.Process(
            target=_become,
            args=(list(arguments), {**os.environ, **environment}, log, struck_at, by, file_limit_bytes),
            daemon=True,
        )
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def kill(self) -> bool:
        """Kill it with signal 9; return whether it was still alive."""
        self._process.kill()
        self._process.join()
        return self._process.exitcode == -signal.SIGKILL

    def terminate(self) -> None:
        self._process.terminate()

    def wait_until_frozen(self) -> None:
        """Return once signal 19 has stopped it; fail where it ends first, or is not stopped within `PATIENCE_S`."""
        deadline = time.monotonic() + PATIENCE_S
        while self._state() != "T":
            assert self.is_alive() and time.monotonic() < deadline, self.said()[-2000:]
            time.sleep(0.01)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _state(self) -> str:
        """Return the letter of its state in /proc (proc(5)); nothing once it is gone."""
        stat = Path(f"/proc/{self.pid}/stat")
        return stat.read_text().rpartition(")")[2].split()[0] if stat.exists() else ""

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        """Return its exit code, negative for a signal.

        Kill it and fail where it neither ends nor says anything for `patience_s`, or goes on for ten times as long.
        """
        began = heard = time.monotonic()
        length = self._begins
        while self._process.exitcode is None:
            self._process.join(min(1.0, patience_s))
            now = time.monotonic()
            if self.log.exists() and self.log.stat().st_size != length:
                heard, length = now, self.log.stat().st_size
            if self._process.exitcode is None and now > min(heard + patience_s, began + 10 * patience_s):
                self.kill()
                raise AssertionError(f"neither ended nor said anything for {patience_s} s; said:\n{self.said()}")
        return self._process.exitcode

    def said(self) -> str:
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(self._begins)
            return file.read().decode()

    def peak_mb(self) -> float:
        """Return the greatest resident set of a command that ended by itself."""
        return float(self.said().partition("peak_mb=")[2].split()[0])  # later commands write to the same log


def run_at_once(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> str:
    """Run a command that must succeed and return what it said."""
    victim = Victim(arguments, environment, log)
    assert victim.wait() == 0, victim.said()
    return victim.said()


def stream_until_killed(home: Path, config: Path, clock: datetime, stage: str, when: str, batches: int) -> int:
    """Stream in a process of its own that kills itself before or after a stage; return its exit code.

    It does so in the batch of that number, counted by what was decoded.
    """
    arguments = (dict(os.environ), home, config, clock, stage, when, batches)
    process = _FORKS.Process(target=_stream, args=arguments, daemon=True)
    process.start()
    process.join(10 * PATIENCE_S)
    assert process.exitcode is not None, f"{stage} was not reached"
    return process.exitcode


def _stream(
    environment: dict[str, str], home: Path, config: Path, clock: datetime, doomed: str, when: str, batches: int
) -> None:
    _take_environment(environment)
    from flows.home.home import Home
    from flows.ingest.stream import StreamLimits, stream

    seen: list[str] = []

    def step(stage: Callable[..., Any], *arguments: Any) -> Any:
        seen.append(stage.__name__)
        is_doomed = stage.__name__ == doomed and seen.count("decode_records") >= batches
        if is_doomed and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = stage(*arguments)
        if is_doomed:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    stream(Home(home, config, clock, lambda text: None), StreamLimits(max_seconds=PATIENCE_S), step)


def hold_store(path: Path, key_text: str, seconds: float, log: Path) -> Any:
    """Hold the store as its one writer in a process of its own; return the process once it does."""
    process = _FORKS.Process(target=_hold, args=(path, key_text, seconds, log), daemon=True)
    process.start()
    deadline = time.monotonic() + PATIENCE_S
    while not log.exists() and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.02)
    return process


def _become(
    arguments: list[str],
    environment: dict[str, str],
    log: Path,
    struck_at: tuple[Step, int] | None,
    by: signal.Signals,
    file_limit_bytes: int | None,
) -> None:
    _take_environment(environment)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    if struck_at:
        _plant(*struck_at, by)
    if file_limit_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit_bytes, file_limit_bytes))
    sys.argv = ["harmspot", *arguments]
    from flows.command import main

    main()
    print(f"peak_mb={resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}", flush=True)


def _take_environment(environment: Mapping[str, str]) -> None:
    """Take that of the caller: the server that forks keeps the one it was started with."""
    os.environ.clear()
    os.environ.update(environment)


def _plant(step: Step, count: int, by: signal.Signals) -> None:
    """Let the `count`-th call of the step's method send this process a signal, before or after it did its work."""
    owner = getattr(importlib.import_module(step.module), step.owner)
    whole, calls = getattr(owner, step.method), 0

    def deadly(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count and not step.is_after:
            os.kill(os.getpid(), by)
        result = whole(*arguments, **options)
        if calls == count:
            os.kill(os.getpid(), by)
        return result

    setattr(owner, step.method, deadly)


def _hold(path: Path, key_text: str, seconds: float, log: Path) -> None:
    from pipeline.privacy.keys import derive_key
    from pipeline.store.store import open_store

    with open_store(path, derive_key(bytes.fromhex(key_text)), wait_s=10):
        log.touch()
        time.sleep(seconds)
