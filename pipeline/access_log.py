"""Who read what about people, when and why: JSON lines, each holding the hash of the one before.

A line that was changed, dropped or moved breaks the chain at its place. The last lines can still be cut off unseen, so
keep the hash of the last line elsewhere, too (`AccessLog.head`).
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any

from pipeline.errors import PurposeError
from pipeline.mentions import refuse_pseudonyms

GENESIS = "0" * 64


class AccessLog:
    """An append-only log at `path`; entries never hold a person id, neither raw nor pseudonym."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, *, reader: str | None, purpose: str | None, action: str, detail: Any = None, now: datetime) -> str:
        """Write one entry to the disk before returning, and return its hash.

        `detail` is anything JSON can hold: counts, tables, run ids.

        Raises
        ------
        PurposeError
            When reader or purpose is blank: people are not read without either.
        MentionError
            When something that is to be written holds a pseudonym.
        """
        require_purpose(reader, purpose)
        refuse_pseudonyms({"reader": reader, "purpose": purpose, "detail": json.dumps(detail)})
        if now.tzinfo is None:
            raise ValueError(f"now={now!r}: expected a time with a zone")
        entry = {
            "at": now.astimezone(UTC).isoformat(),
            "reader": str(reader).strip(),
            "purpose": str(purpose).strip(),
            "action": action,
            "detail": detail,
        }
        return self._append(entry)

    def verify(self) -> list[str]:
        """Return what is wrong, the first broken line named; empty where the chain is whole or nothing was read yet."""
        if not self.path.exists():
            return []
        previous = GENESIS
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                problem, previous = _check(line, previous)
                if problem:
                    return [f"{self.path}, line {number}: {problem}; entries from here on cannot be trusted"]
        return []

    def head(self) -> str:
        """Return the hash of the last entry: kept elsewhere, it shows that none was cut off."""
        if not self.path.exists():
            return GENESIS
        with self.path.open("rb") as file:
            return _head(file)

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the entries in order, unverified."""
        if self.path.exists():
            with self.path.open("rb") as file:
                yield from map(json.loads, file)

    def _append(self, entry: dict[str, Any]) -> str:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until closed: two readers must not chain to the same line
            chained = {**entry, "previous": _head(file)}
            chained["hash"] = _hash(chained)
            self._write(file, _mend(file) + _line(chained))
        return chained["hash"]

    def _write(self, file: FileIO, line: bytes) -> None:
        """Write a line to the disk, or nothing of it: half an entry would look like one tampered with."""
        begin, left = file.seek(0, os.SEEK_END), line
        try:
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except OSError as error:
            file.truncate(begin)
            raise OSError(error.errno, f"no entry, so nothing is shown ({error.strerror})", str(self.path)) from None


def require_purpose(reader: str | None, purpose: str | None) -> None:
    """Raise PurposeError where reader or purpose is blank: people are not read without either."""
    missing = [name for name, value in (("purpose", purpose), ("reader", reader)) if not (value and value.strip())]
    if missing:
        raise PurposeError(
            f"people are read for a purpose and by a named reader, both logged; missing: {' and '.join(missing)}. "
            'Say --purpose TEXT and --reader NAME, such as --purpose "morning tasking" --reader "Insp. J. Reyes"'
        )


def _hash(entry: dict[str, Any]) -> str:
    return hashlib.sha256(_line(entry)).hexdigest()


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _check(line: bytes, previous: str) -> tuple[str | None, str]:
    """Return what is wrong with a line, if anything, and its hash."""
    try:
        entry = json.loads(line)
        stated = entry.pop("hash")
    except (ValueError, KeyError, AttributeError, TypeError):
        return "it is no entry", previous
    if entry.get("previous") != previous:
        return "an entry before it is missing or was changed", previous
    if stated != _hash(entry) or line != _line({**entry, "hash": stated}):
        return "it was changed", previous
    return None, stated


def _head(file: FileIO | Any) -> str:
    """Return the hash of the last line, reading no more of the file than that."""
    end = file.seek(0, os.SEEK_END)
    if end == 0:
        return GENESIS
    size = 4096
    while True:
        start = max(0, end - size)
        file.seek(start)
        lines = file.read(end - start).rstrip(b"\n").split(b"\n")
        if len(lines) > 1 or start == 0:
            return _stated_hash(lines[-1])
        size *= 2


def _mend(file: FileIO | Any) -> bytes:
    """Return the line end that a crash kept from the last line, so that it breaks the chain alone."""
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - 1))
    return b"" if file.read(1) in (b"", b"\n") else b"\n"


def _stated_hash(line: bytes) -> str:
    try:
        return str(json.loads(line)["hash"])
    except (ValueError, KeyError, TypeError):
        return "unreadable"  # the next line then breaks the chain, and verify names this one
