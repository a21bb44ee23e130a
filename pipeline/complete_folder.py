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

from pipeline.complete_file import finish, flush, give_to_owner, hidden, only_writer, remove_unfinished, unfinished

NOTE = "run_id"  # names the making in its first line, and below it the files of the making
SIDE_FILES = ("-wal", "-shm", "-journal", ".aux.xml")  # what SQLite and GDAL put beside a file, and belongs to it alone
# A harmspot up to 0.2.0 wrote the making alone into its note, and these files.
FILES_OF_A_BARE_NOTE = (
    "harmspot.gpkg",
    *(f"{name}.{end}" for name in ("areas", "cells", "hotspots", "markets") for end in ("parquet", "geojson", "qml")),
)
_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)
_HERE = -100  # AT_FDCWD
_IMMOVABLE = (errno.EBUSY, errno.EXDEV)


@contextmanager
def completed_folder(path: Path, making: str, *, beside: Path | None = None) -> Iterator[Path]:
    """Yield an empty folder in which the block writes the files of `making`; then put it in the place of `path`.

    What others keep in `path`, such as a project of QGIS, is taken over. If the block raises, or the folders cannot
    change places, `path` and `beside` stay as they are. The writers of a folder take turns.

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
        _remove_unfinished(path, beside)
        fresh = hidden(path)
        fresh.mkdir()
        try:
            yield fresh
            made = sorted(file.name for file in fresh.iterdir())
            (fresh / NOTE).write_text("\n".join([making, *made]) + "\n", encoding="utf-8")
            for name in (*made, NOTE):
                flush(fresh / name)
            give_to_owner(fresh, path)  # before files of others come in, which keep theirs
            _take_over(path, fresh)
            flush(fresh)
            if beside:
                flush(unfinished(beside))
            with _out_of_the_way(beside, path):
                _put_in_place(fresh, path)
            flush(path.parent)
            if beside:
                finish(unfinished(beside), beside)
        finally:
            _remove_unfinished(path, beside)


def making_of(path: Path) -> str | None:
    """Return what the files of the folder were made for; None if it is missing or some of its files are."""
    lines = _note(path)
    return lines[0] if lines and all((path / name).exists() for name in lines[1:]) else None


def is_made(path: Path) -> bool:
    """Return whether the folder holds files of a making, perhaps beside those of others."""
    return bool(_note(path))


def remove_unfinished_folder(path: Path) -> None:
    """Remove what an interrupted maker of the folder left; a folder that it had moved away comes back."""
    path = path.resolve()
    if path.parent.is_dir():
        with only_writer(path.parent):
            _remove_unfinished(path)


def _remove_unfinished(path: Path, beside: Path | None = None) -> None:
    if _away(path).exists() and not path.exists():
        os.rename(_away(path), path)  # noqa: PTH104
    for left in (hidden(path), _away(path)):
        if left.exists():
            shutil.rmtree(left)
    for copied in path.glob(hidden(Path("*")).name):
        copied.unlink()
    if beside:
        remove_unfinished(beside)
        _away(beside).unlink(missing_ok=True)


def _away(path: Path) -> Path:
    """Return where a folder or file waits until another has taken its place."""
    return path.with_name(f".{path.name}.harmspot.old")


def _note(path: Path) -> list[str]:
    """Return the lines of the note: the making, then the names of its files; none if there is no note."""
    note = path / NOTE
    return note.read_text(encoding="utf-8", errors="replace").splitlines() if note.is_file() else []


def _own_names(path: Path) -> list[str]:
    """Return the names of the files that were made, the note first; none if the folder has no note."""
    _, *names = _note(path) or [""]
    if not names:
        return [NOTE, *FILES_OF_A_BARE_NOTE] if is_made(path) else []
    return [NOTE, *(name for name in names if Path(name).name == name)]


def _kept(path: Path) -> tuple[list[str], list[str]]:
    """Return the note of a folder, and which of the files that were made are there."""
    return _note(path), [name for name in _own_names(path) if (path / name).exists()]


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


@contextmanager
def _out_of_the_way(beside: Path | None, path: Path) -> Iterator[None]:
    """Move `beside` away for the block; it comes back if the block fails and has not touched the files of `path`."""
    before = _kept(path)
    is_moved = beside is not None and beside.exists()
    if beside and is_moved:
        os.replace(beside, _away(beside))  # noqa: PTH105
    try:
        yield
    except BaseException:
        if beside and is_moved and _kept(path) == before:
            os.replace(_away(beside), beside)  # noqa: PTH105
        raise


def _put_in_place(fresh: Path, path: Path) -> None:
    try:
        if not path.exists():
            os.rename(fresh, path)  # noqa: PTH104
        elif not _exchanged(fresh, path):
            _move_into(fresh, path)
    except OSError as error:
        if error.errno not in _IMMOVABLE or not path.is_dir():
            raise
        _replace_files(fresh, path)


def _move_into(fresh: Path, path: Path) -> None:
    """Move the old folder away and the new one into its place; if that fails, the old one comes back."""
    os.rename(path, _away(path))  # noqa: PTH104
    try:
        os.rename(fresh, path)  # noqa: PTH104
    except OSError:
        os.rename(_away(path), path)  # noqa: PTH104
        raise


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
    """Copy the new files beside the old ones, remove those with their logs, and give the new ones their names."""
    names = [
        name for name in _own_names(fresh) if (fresh / name).exists()
    ]  # the note comes first and so says which files are still missing
    try:
        for name in names:
            shutil.copyfile(fresh / name, hidden(path / name))
            flush(hidden(path / name))
    except OSError:
        for name in names:
            hidden(path / name).unlink(missing_ok=True)
        raise
    # The old note goes last: until then it says whose files are left.
    for old in reversed(dict.fromkeys([NOTE, *_own_names(path), *names])):
        for suffix in ("", *SIDE_FILES):
            (path / f"{old}{suffix}").unlink(missing_ok=True)
    for name in names:
        finish(hidden(path / name), path / name)
