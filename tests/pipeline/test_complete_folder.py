"""A folder holds the files of one making, whatever interrupts its maker at whichever step."""

import errno
import os
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import complete_folder
from pipeline.complete_file import unfinished
from pipeline.complete_folder import (
    FILES_OF_A_BARE_NOTE,
    NOTE,
    completed_folder,
    is_made,
    making_of,
    remove_unfinished_folder,
)

FILES = {"A": ("map.gpkg", "areas.json", "markets.json"), "B": ("map.gpkg", "areas.json", "cells.json")}


def make(path: Path, making: str) -> None:
    """Write the files of a making, each with its name in it, and the page beside the folder."""
    page = path.parent / "page.html"
    with completed_folder(path, making, beside=page) as fresh:
        for name in FILES[making]:
            (fresh / name).write_text(making)
        unfinished(page).write_text(making)


def found(path: Path) -> dict[str, str]:
    """What the files of the folder and the page say they are of; nobody opens one with a name of the maker's own."""
    files = [file for file in path.iterdir() if file.suffixes[-2:] != [".harmspot", ".new"]]
    return {file.name: file.read_text().split()[0] for file in [*files, path.parent / "page.html"] if file.is_file()}


@pytest.fixture(params=["exchange", "moving away", "in a mounted folder"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the folders change places: in one step, in two, or file by file."""

    def busy(*_: Path) -> bool:
        raise OSError(errno.EBUSY, "Device or resource busy")

    if request.param != "exchange":
        monkeypatch.setattr(complete_folder, "_exchanged", busy if "mounted" in request.param else lambda *_: False)
    return str(request.param)


def test_the_files_of_a_making_replace_those_of_another(tmp_path: Path, way: str) -> None:
    path = tmp_path / "layers"
    assert making_of(path) is None
    for making in ("A", "B"):
        make(path, making)
        assert found(path) == dict.fromkeys([*FILES[making], NOTE, "page.html"], making)
        assert making_of(path) == making
    assert sorted(file.name for file in tmp_path.iterdir()) == ["layers", "page.html"]
    (path / "cells.json").unlink()
    assert making_of(path) is None


def test_a_block_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "layers"
    make(path, "A")
    with pytest.raises(ZeroDivisionError), completed_folder(path, "B") as fresh:
        (fresh / "map.gpkg").write_text("B")
        raise ZeroDivisionError
    assert set(found(path).values()) == {"A"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["layers", "page.html"]


def test_what_others_keep_there_stays_and_the_logs_of_old_files_go(tmp_path: Path, way: str) -> None:
    path = tmp_path / "layers"
    make(path, "A")
    (path / "our.qgz").write_text("project")
    (path / "notes" / "deep").mkdir(parents=True)
    (path / "notes" / "deep" / "why.txt").write_text("because")
    (path / "map.gpkg-wal").write_text("of the old package")
    (path / "markets.json.aux.xml").write_text("of the old markets")
    make(path, "B")
    assert (path / "our.qgz").read_text() == "project"
    assert (path / "notes" / "deep" / "why.txt").read_text() == "because"
    assert sorted(file.name for file in path.iterdir()) == sorted([*FILES["B"], NOTE, "our.qgz", "notes"])


def test_folders_and_files_of_similar_names_are_somebody_elses(tmp_path: Path, way: str) -> None:
    path = tmp_path / "layers"
    theirs = [tmp_path / name for name in ("layers.new", "layers.old.new", "layers.old")]
    for folder in theirs:
        folder.mkdir()
        (folder / "thesis.txt").write_text("years of work")
    remove_unfinished_folder(path)
    assert not path.exists()
    for making in ("A", "B"):
        make(path, making)
        (path / "map.gpkg.new").write_text("theirs")
    assert (path / "map.gpkg.new").read_text() == "theirs"
    assert all((folder / "thesis.txt").read_text() == "years of work" for folder in theirs)


def test_files_of_a_note_that_names_none_are_those_of_the_version_that_wrote_it(tmp_path: Path, way: str) -> None:
    path = tmp_path / "layers"
    path.mkdir()
    for name in FILES_OF_A_BARE_NOTE:
        (path / name).write_text("old")
    (path / "our.qgz").write_text("ours")
    (path / NOTE).write_text("old")  # without an end of line
    assert making_of(path) == "old"
    make(path, "B")
    assert sorted(file.name for file in path.iterdir()) == sorted([*FILES["B"], NOTE, "our.qgz"])


def test_an_empty_note_is_none(tmp_path: Path, way: str) -> None:
    path = tmp_path / "layers"
    path.mkdir()
    (path / NOTE).touch()
    assert making_of(path) is None
    assert not is_made(path)
    make(path, "A")
    assert is_made(path)
    assert making_of(path) == "A"


def test_folders_that_cannot_change_places_leave_everything_as_it_was(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "layers"
    make(path, "A")
    (path / "map.gpkg-wal").write_text("A")
    before = found(path)
    real = {"exchange": complete_folder._exchanged, "moving away": os.rename, "in a mounted folder": shutil.copyfile}
    copied = []

    def full(source: Path, target: Path) -> None:
        copied.append(source)
        is_first_copy = way == "in a mounted folder" and len(copied) == 1
        is_old_folder = way == "moving away" and not source.name.endswith(".new")
        if not (is_first_copy or is_old_folder):
            raise OSError(errno.ENOSPC, "No space left on device")
        real[way](source, target)

    owner, name = {"exchange": (complete_folder, "_exchanged"), "moving away": (os, "rename")}.get(
        way, (shutil, "copyfile")
    )
    with monkeypatch.context() as broken:
        broken.setattr(owner, name, full)
        with pytest.raises(OSError, match="No space"):
            make(path, "B")
    remove_unfinished_folder(path)
    assert copied
    assert found(path) == before
    assert making_of(path) == "A"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["layers", "page.html"]


def test_a_link_to_the_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "share" / "layers").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "layers").symlink_to(tmp_path / "share" / "layers")
    for making in ("A", "B"):
        make(tmp_path / "home" / "layers", making)
    assert (tmp_path / "home" / "layers").is_symlink()
    assert making_of(tmp_path / "share" / "layers") == "B"


def dies_at_step(step: int, work: Callable[[], None]) -> bool:
    """Do the work in a process that dies before its `step`th change of a file; return whether it got there."""
    with warnings.catch_warnings(action="ignore"):  # that pytest has threads: the child needs none of them
        child = os.fork()
    if child == 0:
        left = [step]

        def count(event: str, arguments: tuple[object, ...]) -> None:
            if event in (
                "os.rename",
                "os.remove",
                "os.rmdir",
                "os.mkdir",
                "os.link",
                "shutil.copyfile",
                "ctypes.dlsym",
            ):
                left[0] -= 1
                if left[0] == 0:
                    os._exit(9)

        try:
            sys.addaudithook(count)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9


def test_a_maker_that_dies_at_any_step_leaves_files_of_one_making(tmp_path: Path, way: str) -> None:
    step, seen = 1, set()
    while True:
        path = tmp_path / str(step) / "layers"
        make(path, "A")
        (path / "our.qgz").write_text("ours")
        if not dies_at_step(step, lambda path=path: make(path, "B")):
            break
        left = found(path) if path.exists() else {}
        assert left.pop("our.qgz", "ours") == "ours"
        assert len(set(left.values())) <= 1, (step, left)
        if way == "exchange":
            makings = set(left.values())
            assert set(FILES[makings.pop()]) <= set(left), (step, left)  # and never less than all of them
        seen.add(frozenset(left))
        remove_unfinished_folder(path)
        assert (path / "our.qgz").read_text() == "ours"
        make(path, "B")
        assert found(path) == {**dict.fromkeys([*FILES["B"], NOTE, "page.html"], "B"), "our.qgz": "ours"}
        assert sorted(file.name for file in path.parent.iterdir()) == ["layers", "page.html"]
        step += 1
    assert step > 5
    assert len(seen) >= 3
