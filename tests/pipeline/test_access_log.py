"""The access log: what is written chains, and what is changed is found."""

from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import pytest

from pipeline.access_log import GENESIS, AccessLog
from pipeline.errors import MentionError, PurposeError
from tests.disk import no_file_beyond

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


def write(path: Path, count: int) -> None:
    for number in range(count):
        AccessLog(path).append(reader="R. Eader", purpose="audit", action="show people", detail={"n": number}, now=NOW)


def test_a_written_log_is_whole(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.log")
    assert log.verify() == []
    assert log.head() == GENESIS
    write(log.path, 3)
    assert log.verify() == []
    assert [entry["detail"] for entry in log.entries()] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [entry["hash"] for entry in log.entries()][-1] == log.head()


def test_only_the_owner_reads_the_log(tmp_path: Path) -> None:
    write(tmp_path / "access.log", 1)
    assert (tmp_path / "access.log").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_changed_byte_is_found_at_its_line(tmp_path: Path, line: int) -> None:
    path = tmp_path / "access.log"
    write(path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b"audit", b"Audit")
    path.write_bytes(b"".join(lines))
    [problem] = AccessLog(path).verify()
    assert f"line {line + 1}:" in problem


def test_a_dropped_line_is_found(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    write(path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    assert "line 2:" in AccessLog(path).verify()[0]


def test_a_torn_last_line_is_named_and_later_ones_are_not_taken_for_good(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    write(path, 2)
    path.write_bytes(path.read_bytes()[:-20])
    write(path, 1)
    assert len(path.read_bytes().splitlines()) == 3
    assert "line 2:" in AccessLog(path).verify()[0]


def test_a_long_entry_chains(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.log")
    log.append(reader="R. Eader", purpose="x" * 20_000, action="show", now=NOW)
    write(log.path, 1)
    assert log.verify() == []


@pytest.mark.parametrize(("reader", "purpose"), [("", "audit"), ("R. Eader", ""), ("R. Eader", "  ")])
def test_nobody_reads_without_name_and_purpose(tmp_path: Path, reader: str, purpose: str) -> None:
    log = AccessLog(tmp_path / "access.log")
    with pytest.raises(PurposeError):
        log.append(reader=reader, purpose=purpose, action="show people", now=NOW)
    assert not log.path.exists()


PSEUDONYM = "p_" + "0f" * 16


@pytest.mark.parametrize(
    "said", [{"reader": PSEUDONYM}, {"purpose": f"on {PSEUDONYM}"}, {"detail": {"of": [PSEUDONYM]}}]
)
def test_nobody_is_named_in_the_log(tmp_path: Path, said: dict) -> None:
    log = AccessLog(tmp_path / "access.log")
    with pytest.raises(MentionError, match=f"^{next(iter(said))}: holds the id"):
        log.append(**{"reader": "R. Eader", "purpose": "audit", "action": "show people", "now": NOW, **said})
    assert not log.path.exists()


def test_two_processes_write_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    context = get_context("spawn")
    writers = [context.Process(target=write, args=(path, 20)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert AccessLog(path).verify() == []
    assert sum(1 for _ in AccessLog(path).entries()) == 40


def test_a_full_disk_leaves_the_log_whole_and_says_that_nothing_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    write(path, 3)
    before = path.read_bytes()
    with no_file_beyond(len(before) + 40), pytest.raises(OSError, match="nothing is shown"):
        write(path, 1)
    assert path.read_bytes() == before
    write(path, 1)
    assert AccessLog(path).verify() == []
