"""A file is complete or as it was, whatever interrupts its writer."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.complete_file import completed, write_complete
from pipeline.errors import ExportError
from pipeline.privacy.private_file import write_new


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_block_that_fails_or_writes_nothing_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "note"
    write_complete(path, b"old")
    with pytest.raises(ZeroDivisionError), completed(path) as fresh:
        fresh.write_bytes(b"half")
        raise ZeroDivisionError
    with completed(path):
        pass
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["note"]


def test_no_reader_ever_sees_half_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen = tmp_path / "note", []
    write_complete(path, b"old")
    replace = os.replace

    def replace_after_a_look(fresh: Path, target: Path) -> None:
        seen.append((target.read_bytes(), Path(fresh).read_bytes()))
        replace(fresh, target)

    monkeypatch.setattr(os, "replace", replace_after_a_look)
    write_complete(path, b"new")
    assert (seen, path.read_bytes()) == ([(b"old", b"new")], b"new")


def test_what_a_killed_writer_left_goes_and_other_files_stay(tmp_path: Path) -> None:
    for name in ("note.new", "note.new.wal", "notes.new", "note.newer", ".note.harmspot.new"):
        (tmp_path / name).write_bytes(b"half")
    write_complete(tmp_path / "note", b"whole")
    assert names(tmp_path) == ["note", "note.new", "note.new.wal", "note.newer", "notes.new"]  # of whoever has them
    with completed(tmp_path / "note"):
        pass
    assert names(tmp_path) == ["note", "note.newer", "notes.new"]  # in a home the first two are its own


@pytest.mark.parametrize("target", ["elsewhere", "absent"])
def test_a_private_file_replaces_nothing_not_even_a_link(tmp_path: Path, target: str) -> None:
    (tmp_path / "elsewhere").write_bytes(b"theirs")
    (tmp_path / "list.json").symlink_to(tmp_path / target)
    with pytest.raises(ExportError, match="never overwritten"):
        write_new(tmp_path / "list.json", b"ours")
    assert names(tmp_path) == ["elsewhere", "list.json"]
    assert (tmp_path / "elsewhere").read_bytes() == b"theirs"


def test_of_many_writers_at_once_one_is_first(tmp_path: Path) -> None:
    def write(number: int) -> bool:
        try:
            write_new(tmp_path / "list.json", b"%d" % number)
        except ExportError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        wrote = list(pool.map(write, range(8)))
    assert sum(wrote) == 1
    assert (tmp_path / "list.json").read_bytes() == b"%d" % wrote.index(True)
    assert (tmp_path / "list.json").stat().st_mode & 0o777 == 0o600


def test_files_of_others_stay_and_nothing_is_replaced_that_appears_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list.json.new").write_bytes(b"theirs")
    write_new(tmp_path / "list.json", b"ours")
    link = os.link

    def somebody_is_first(fresh: Path, path: Path, **how: bool) -> None:
        Path(path).write_bytes(b"first")
        link(fresh, path, **how)

    monkeypatch.setattr(os, "link", somebody_is_first)
    with pytest.raises(ExportError, match="never overwritten"):
        write_new(tmp_path / "other.json", b"ours")
    assert names(tmp_path) == ["list.json", "list.json.new", "other.json"]
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == [b"ours", b"theirs", b"first"]


def test_a_file_system_without_hard_links_gets_the_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*given: object, **how: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    write_new(tmp_path / "list.json", b"ours")
    with pytest.raises(ExportError, match="never overwritten"):
        write_new(tmp_path / "list.json", b"again")
    assert ((tmp_path / "list.json").read_bytes(), names(tmp_path)) == (b"ours", ["list.json"])


def test_every_log_of_an_unfinished_database_goes(tmp_path: Path) -> None:
    for name in ("store.duckdb.new", "store.duckdb.new.wal", "store.duckdb.new.wal.checkpoint", "store.duckdb.wal"):
        (tmp_path / name).write_bytes(b"half")
    with completed(tmp_path / "store.duckdb"):
        pass
    assert names(tmp_path) == ["store.duckdb.wal"]


def test_what_a_killed_process_left_of_a_first_file_goes_with_the_next(tmp_path: Path) -> None:
    theirs = [".list.json.new", ".list.json.of-june.new", ".other.json.0123456789abcdef.new"]
    for name in (".list.json.0123456789abcdef.new", *theirs):
        (tmp_path / name).write_bytes(b"half")
    write_new(tmp_path / "list.json", b"ours")
    assert names(tmp_path) == [*theirs, "list.json"]
