"""What processes of the tests share, in one test run or in all: made by the first that asks, read by the others."""

import fcntl
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

Made = TypeVar("Made")


def made_once(folder: Path, make: Callable[[Path], Made]) -> Made:
    """Return what `make(folder)` returned to the first process of this test run that asked; the others wait for it."""
    result = folder.with_name(f"{folder.name}.result")
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not result.exists():
            shutil.rmtree(folder, ignore_errors=True)  # left by a process that failed
            folder.mkdir()
            result.write_bytes(pickle.dumps(make(folder)))
        return pickle.loads(result.read_bytes())


def fetched(name: str, fetch: Callable[[Path], None]) -> Path:
    """Return a folder of the cache of this machine, which outlives test runs; `fetch` fills it, once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "harmspot"
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "lock"):
        if not (cache / name / ".complete").exists():
            fetch(cache / name)
            (cache / name / ".complete").touch()
    return cache / name


def forget(folder: Path) -> None:
    """Let the next process that asks make it anew."""
    folder.with_name(f"{folder.name}.result").unlink()


@contextmanager
def locked(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold a lock on a file during the block; whoever dies lets go of it."""
    with path.open("a") as file:
        fcntl.flock(file, how)
        yield
