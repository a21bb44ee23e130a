"""Folders whose files are all of one making: made beside the old folder, then put in its place at once.

A reader that opens a path sees the old files or the new ones. Linux exchanges two folders in one step; elsewhere the
old one is moved away first, and for a moment there is none. A folder that cannot be moved, such as a mounted one, loses
its old files before it gets the new ones. A process that is killed thus leaves files of one making, never of two.
"""

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.complete_file import finish, flush, only_writer, remove_unfinished, unfinished

NOTE = "run_id"  # names the making in its first line, and below it the files of the making
SIDE_FILES = ("-wal", "-shm", "-journal", ".aux.xml")  # what SQLite and GDAL put beside a file, and belongs to it alone
_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)
_HERE = -100  # AT_FDCWD
_IMMOVABLE = (errno.EBUSY, errno.EXDEV)


@contextmanager
def completed_folder(path: Path, making: str, *, beside: Path | None = None) -> Iterator[Path]:
    """Yield an empty folder in which the block writes the files of `making`; then put it in the place of `path`.

    What others keep in `path`, such as a project of QGIS, is taken over. If the block raises, `path` stays as it is.
    The writers of a folder take turns.

    Parameters
    ----------
    path : Path
        The folder; links are followed.
    making : str
        What the files are made for, one line of text.
    beside : Path or None
        A file outside of the folder that is of the same making: the block writes it as `unfinished(beside)`. While the
        folders change places there is none.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    with only_writer(path.parent):
        _remove_unfinished(path)
        fresh = unfinished(path)
        fresh.mkdir()
        try:
            yield fresh
            made = sorted(file.name for file in fresh.iterdir())
            (fresh / NOTE).write_text("\n".join([making, *made]) + "\n", encoding="utf-8")
            for name in (*made, NOTE):
                flush(fresh / name)
            _take_over(path, fresh)
            flush(fresh)
            if beside:
                flush(unfinished(beside))
                beside.unlink(missing_ok=True)
            _put_in_place(fresh, path)
            if beside:
                finish(unfinished(beside), beside)
        finally:
            _remove_unfinished(path)
            if beside:
                remove_unfinished(beside)


def making_of(path: Path) -> str | None:
    """Return what the files of the folder were made for; None if it is missing or some of its files are."""
    note = path / NOTE
    if not note.is_file():
        return None
    making, *names = note.read_text(encoding="utf-8").splitlines()
    return making if all((path / name).exists() for name in names) else None


def remove_unfinished_folder(path: Path) -> None:
    """Remove what an interrupted maker of the folder left; a folder that it had moved away comes back."""
    path = path.resolve()
    if path.parent.is_dir():
        with only_writer(path.parent):
            _remove_unfinished(path)


def _remove_unfinished(path: Path) -> None:
    if _away(path).exists() and not path.exists():
        os.rename(_away(path), path)  # noqa: PTH104
    for left in (unfinished(path), _away(path)):
        if left.exists():
            shutil.rmtree(left)


def _away(path: Path) -> Path:
    return path.with_name(f"{path.name}.old.new")


def _own_names(path: Path) -> list[str]:
    """Return the names of the files that were made, which is none if the folder has no note."""
    note = path / NOTE
    return [NOTE, *note.read_text(encoding="utf-8").splitlines()[1:]] if note.is_file() else []


def _take_over(path: Path, fresh: Path) -> None:
    """Link into `fresh` what others keep in `path`; the logs and side files of made files go with those."""
    made = {*_own_names(path), *(file.name for file in fresh.iterdir())}
    not_kept = made | {f"{name}{suffix}" for name in made for suffix in SIDE_FILES}
    for kept in sorted(path.iterdir()) if path.is_dir() else ():
        if kept.name not in not_kept:
            if kept.is_dir() and not kept.is_symlink():
                shutil.copytree(kept, fresh / kept.name, symlinks=True, copy_function=_link)
            else:
                _link(kept, fresh / kept.name)


def _link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _put_in_place(fresh: Path, path: Path) -> None:
    try:
        if not path.exists():
            os.rename(fresh, path)  # noqa: PTH104
        elif not _exchanged(fresh, path):
            os.rename(path, _away(path))  # noqa: PTH104
            os.rename(fresh, path)  # noqa: PTH104
        flush(path.parent)
    except OSError as error:
        if error.errno not in _IMMOVABLE or not path.is_dir():
            raise
        _replace_files(fresh, path)


def _exchanged(fresh: Path, path: Path) -> bool:
    """Exchange the two folders in one step; return False where the system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if rename is None:
        return False
    if rename(_HERE, os.fsencode(fresh), _HERE, os.fsencode(path), _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _IMMOVABLE:
        raise OSError(code, os.strerror(code), str(path))
    return False


def _replace_files(fresh: Path, path: Path) -> None:
    """Remove the files that were made before, then put in the new ones.

    The note is removed last and written first, so that at any moment it names every file that is there.
    """
    names = _own_names(fresh)
    for old in [*reversed(_own_names(path)), *reversed(names)]:
        (path / old).unlink(missing_ok=True)
    for name in names:
        shutil.copyfile(fresh / name, unfinished(path / name))
        finish(unfinished(path / name), path / name)
