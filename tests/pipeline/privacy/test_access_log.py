"""The access log: what is written chains, and what is changed is found."""

from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import ClockError, PersonMentionedError, PurposeError
from pipeline.privacy.access_log import NO_MARK, SET_ASIDE, AccessLog
from tests.disk import no_file_beyond

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


def write(path: Path, count: int) -> None:
    for number in range(count):
        AccessLog(path).append(reader="R. Eader", purpose="audit", action="show people", detail={"n": number}, now=NOW)


def test_a_written_log_is_whole(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.log")
    assert log.verify() == []
    assert log.mark() == NO_MARK
    write(log.path, 3)
    assert log.verify() == []
    assert [entry["detail"] for entry in log.entries()] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [entry["hash"] for entry in log.entries()][-1] == log.mark().entry_hash


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


@pytest.mark.parametrize("left", [0, 1, 2, None])
def test_what_was_cut_off_before_a_mark_is_found(tmp_path: Path, left: int | None) -> None:
    log = AccessLog(tmp_path / "access.log")
    write(log.path, 3)
    mark = log.mark()
    write(log.path, 1)
    assert log.verify(mark) == []
    assert log.holds(mark)
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(b"".join(lines[:3]))
    assert log.verify(mark) == []
    if left is None:
        log.path.unlink()
    else:
        log.path.write_bytes(b"".join(lines[:left]))
    assert log.verify() == []
    [problem] = log.verify(mark)
    assert ("cut off" if left else "missing") in problem
    for _ in range(9):  # grown beyond the mark again
        log.append(reader="R. Eader", purpose="other", action="show people", now=NOW)
    assert not log.holds(mark)
    assert len(log.verify(mark)) == 1


def test_no_entry_is_written_before_the_last_one(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.log")
    said = {"reader": "R. Eader", "purpose": "audit", "action": "show people"}
    log.append(**said, now=NOW)
    with pytest.raises(ClockError, match=r"reads 2026-03-01 08:54 UTC and .* is dated 2026-03-01 09:00 UTC"):
        log.append(**said, now=NOW - timedelta(minutes=5, seconds=1))
    for _ in range(3):  # the skew of two clocks does not add up
        log.append(**said, now=NOW - timedelta(minutes=5))
    assert {entry["at"] for entry in log.entries()} == {NOW.isoformat()}
    assert log.back_in_time() == []


def test_an_entry_of_before_that_is_dated_back_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AccessLog(tmp_path / "access.log")
    monkeypatch.setattr("pipeline.privacy.access_log._time_of", lambda line: None)  # as if nobody asked
    for day in (3, 1, 2, 4):
        log.append(reader="R. Eader", purpose="audit", action="show", now=NOW.replace(day=day))
    assert log.verify() == []
    assert [found.split(": ")[0].rsplit(" ", 1)[1] for found in log.back_in_time()] == ["2", "3"]


@pytest.mark.parametrize("tail", [b"", bytes(700), b"\r\x00\xff{"], ids=["cut", "zeros", "other bytes"])
@given(cut=st.integers(1, 200))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_part_of_an_entry_is_set_aside_and_the_log_goes_on(tmp_path: Path, tail: bytes, cut: int) -> None:
    """A power cut leaves half an entry, or blocks of zeros, at the end: nothing was shown for it."""
    path = tmp_path / f"{cut}.log"
    path.unlink(missing_ok=True)
    for left in tmp_path.glob(f"{path.name}.*"):
        left.unlink()
    log = AccessLog(path, b"k")
    log.append(reader="R. Eader", purpose="audit", action="show", now=NOW)
    mark, whole = log.mark(), path.read_bytes()
    log.append(reader="R. Eader", purpose="audit", action="show", now=NOW)
    beyond, torn = log.mark(), path.read_bytes()[: -1 - cut] + tail
    path.write_bytes(torn)
    assert log.unfinished_bytes() == len(torn) - len(whole)
    assert (log.verify(mark), log.mark(), log.last_at()) == ([], mark, NOW)
    assert len(list(log.entries())) == 1
    log.append(reader="R. Eader", purpose="audit", action="explain", now=NOW)
    assert [entry["action"] for entry in log.entries()] == ["show", SET_ASIDE, "explain"]
    assert (log.unfinished_bytes(), log.verify(mark)) == (0, [])
    (left,) = tmp_path.glob(f"{path.name}.*")
    assert left.read_bytes() == torn[len(whole) :] and left.stat().st_mode & 0o777 == 0o600
    assert "cut off or rewritten" in log.verify(beyond)[0]  # what was shown, and marked, is missed all the same


def test_a_last_entry_that_lacks_its_newline_alone_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    write(path, 2)
    path.write_bytes(path.read_bytes()[:-1])
    assert AccessLog(path).unfinished_bytes() == 0
    write(path, 1)
    assert AccessLog(path).verify() == [] and len(list(tmp_path.iterdir())) == 1


def test_a_broken_line_before_the_last_is_named(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    write(path, 2)
    path.write_bytes(path.read_bytes()[:-20] + b"\n")
    write(path, 1)
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
    with pytest.raises(PersonMentionedError, match=f"^{next(iter(said))}: holds the id"):
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
