"""Files that are complete or absent: made under a temporary name in the same folder, flushed, then renamed.

A process that is killed leaves at most `NAME.new`, for the databases and pages of a home, or `.NAME.harmspot.new`
where others may have a `NAME.new` of their own. No reader opens it and the next writer of the file removes it. The
writers of a folder take turns, so that of two processes that make the same file the second finds it complete. Files
that users name themselves must replace nothing: `write_first` makes those.
"""

import errno
import fcntl
import glob
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

TOKEN_BYTES = 8  # of the name of a process's own


@contextmanager
def completed(path: Path) -> Iterator[Path]:
    """Yield `NAME.new`, under which the block makes a file of the home; then flush it and rename it to `path`.

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


def write_complete(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write a file, in place of an earlier one, complete or not at all; `mode` less the process's mask."""
    fresh = hidden(path)
    with only_writer(path.parent):
        try:
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(content)
            finish(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)


def write_first(path: Path, content: bytes) -> None:
    """Write a file for its owner alone, complete or not at all, unless something exists at `path`, a link included.

    The temporary name is the process's own, and the file takes its name by a hard link, which replaces nothing even
    where folders cannot be locked. A file system without hard links gets the file written in place.

    Raises
    ------
    FileExistsError
        Something exists at `path`.
    """
    remove_interrupted(path)
    with only_writer(path.parent):
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(TOKEN_BYTES)}.new")
        try:
            _write_exclusively(fresh, content)
            give_to_owner(fresh, path)
            try:
                os.link(fresh, path, follow_symlinks=False)
            except OSError as error:
                if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                    raise
                _write_exclusively(path, content)
            flush(path.parent)
        finally:
            fresh.unlink(missing_ok=True)


def remove_interrupted(path: Path) -> None:
    """Remove what killed processes left of `write_first`, unless the folder cannot be locked."""
    with only_writer(path.parent) as is_alone:
        own = f".{glob.escape(path.name)}.{'[0-9a-f]' * 2 * TOKEN_BYTES}.new"
        for left in path.parent.glob(own) if is_alone else ():
            left.unlink()


def _write_exclusively(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def finish(fresh: Path, path: Path) -> None:
    """Flush the file `fresh`, rename it to `path` in the same folder, and flush the folder."""
    give_to_owner(fresh, path)
    flush(fresh)
    os.replace(fresh, path)  # noqa: PTH105 - tests interrupt this step
    flush(path.parent)


def give_to_owner(made: Path, of: Path) -> None:
    """Give what root made to the owner of the file or folder `of`, or, if that is not there, of the folder it is in.

    Root may work in the home of another user, whose processes must be able to go on. Others can only make what is
    theirs. Where root may not either, as on a share of another machine, the owner stays.
    """
    if os.geteuid() == 0:
        owner = (of if of.exists() else of.parent).stat()
        for path in (made, *made.rglob("*")) if made.is_dir() else (made,):
            with suppress(PermissionError):
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def unfinished(path: Path) -> Path:
    """Return the name under which a file of the home is made."""
    return path.with_name(f"{path.name}.new")


def hidden(path: Path) -> Path:
    """Return the name under which a file or folder is made where others keep theirs, too: one that is nobody's."""
    return path.with_name(f".{path.name}.harmspot.new")


def remove_unfinished(path: Path) -> list[Path]:
    """Remove and return what an interrupted writer of `path` left: the unfinished file, and its logs if a database."""
    fresh = unfinished(path)
    left = [*filter(os.path.lexists, [fresh]), *path.parent.glob(f"{glob.escape(fresh.name)}.wal*")]
    for file in left:
        file.unlink()
    return left


@contextmanager
def only_writer(folder: Path) -> Iterator[bool]:
    """Run the block while no other process is in such a block for the folder, which must exist.

    The operating system releases the lock of a process that dies. A folder that cannot be locked (on NFS) or opened
    (not readable) goes without the lock; the block then gets False.
    """
    with ExitStack() as stack:
        is_locked = False
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            is_locked = True
        yield is_locked


def flush(path: Path) -> None:
    """Flush a file, or the entries of a folder that can be opened, to the disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:
        if path.is_dir():
            return
        raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
