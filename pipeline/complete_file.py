"""Files that are complete or absent: made under a temporary name in the same folder, flushed, then renamed.

A process that is killed leaves at most `NAME.new`, which no reader opens and the next writer of the file removes. The
writers of a folder take turns, so that of two processes that make the same file the second finds it complete.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def completed(path: Path) -> Iterator[Path]:
    """Yield `NAME.new`, under which the block makes the file; then flush it and rename it to `path`.

    If the block makes no file, or raises, `path` stays as it is. Blocks of one folder must not be nested.
    """
    with only_writer(path.parent):
        remove_unfinished(path)
        fresh = unfinished(path)
        try:
            yield fresh
            if fresh.exists():
                finish(fresh, path)
        finally:
            remove_unfinished(path)


def write_complete(path: Path, content: bytes, *, mode: int = 0o666, replaces: bool = True) -> None:
    """Write a file of the given mode (less the umask), complete or not at all.

    Raises
    ------
    FileExistsError
        Something exists at `path`, a link included, and `replaces` is False.
    """
    with completed(path) as fresh:
        if not replaces and os.path.lexists(path):
            raise FileExistsError(path)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)


def finish(fresh: Path, path: Path) -> None:
    """Flush the file `fresh`, rename it to `path` in the same folder, and flush the folder."""
    _flush(fresh)
    os.replace(fresh, path)  # noqa: PTH105 - tests interrupt this step
    _flush(path.parent)


def unfinished(path: Path) -> Path:
    """Return the name under which the file at `path` is made."""
    return path.with_name(f"{path.name}.new")


def remove_unfinished(path: Path) -> list[Path]:
    """Remove and return what an interrupted writer of `path` left: the unfinished file, and its log if a database."""
    fresh = unfinished(path)
    left = [file for file in (fresh, fresh.with_name(f"{fresh.name}.wal")) if file.exists()]
    for file in left:
        file.unlink()
    return left


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Run the block while no other process is in such a block for the folder, which must exist.

    The operating system releases the lock of a process that dies. A file system that cannot lock folders (NFS) does
    without the lock.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
