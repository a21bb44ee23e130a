"""Log of who read what about people, when and why: JSON lines, each with the hash of the previous line.

A changed, dropped or moved line breaks the hash chain at its place. Each line has a hash keyed with the home's key, so
that nobody without the key can write the chain anew; lines of a harmspot before that have none. Truncation is detected
by a mark of the log's length and last hash that is stored elsewhere: the store saves one with every human event and
after every read of people (`AccessLog.mark`), and `harmspot audit anchor` writes one outside the home.

A power cut can leave a part of an entry at the end of the file. Nothing was shown for it, because an entry is on the
disk, whole, before anything is shown. The next entry sets it aside in a file beside the log and says so; a mark of the
store that lies beyond it would still be missed.
"""

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.clock import SKEW, is_leap, refuse_earlier, refuse_leap
from pipeline.complete_file import flush, give_to_owner
from pipeline.errors import PurposeError
from pipeline.local_time import local_text
from pipeline.privacy.pii_scan import refuse_pseudonyms

GENESIS = "0" * 64
SET_ASIDE = "unfinished_entry_set_aside"
CLOCK_ACCEPTED = "clock_accepted"
UNREADABLE = "unreadable"
MACHINE = "harmspot"  # how the name of a reader begins who is no person


class LogMark(NamedTuple):
    """Position in a log: its size in bytes and the hash of the entry that ends there."""

    size_bytes: int
    entry_hash: str


NO_MARK = LogMark(0, GENESIS)


class AccessLog:
    """Append-only log at `path`; entries never contain a person id, neither raw nor pseudonym.

    Parameters
    ----------
    path : Path
        The file.
    key : bytes, optional
        Key of the hashes of its entries; without it, entries are written without one and not checked for one.
    authenticated : str, optional
        How those who read were authenticated.
    refuse : callable, optional
        Raises for a reader or a purpose that says nothing.
    is_any_time : bool, optional
        Whether entries may have any date: of acts that protect people, and of runs, which no clock may block. They
        move no date that binds later entries back, or far ahead.
    may_leap : bool, optional
        Whether an entry may be dated far after the last one.
    """

    def __init__(
        self,
        path: Path,
        key: bytes | None = None,
        *,
        authenticated: str | None = None,
        refuse: Callable[[str, str], None] = lambda reader, purpose: None,
        is_any_time: bool = False,
        may_leap: bool = True,
    ) -> None:
        self.path = path
        self._key = key
        self._authenticated = authenticated
        self._refuse = refuse
        self.is_any_time = is_any_time
        self.may_leap = may_leap

    def append(self, *, reader: str | None, purpose: str | None, action: str, detail: Any = None, now: datetime) -> str:
        """Write one entry to the disk before returning, and return its hash.

        Parameters
        ----------
        reader : str or None
            Name of the reader.
        purpose : str or None
            Purpose of the read.
        action : str
            What is read.
        detail : object, optional
            Any JSON value: counts, tables, run ids.
        now : datetime
            Time of the read, with a zone; within the skew of two clocks it is raised to the time of the last entry.

        Returns
        -------
        str
            Hash of the entry.

        Raises
        ------
        PurposeError
            The reader or the purpose is blank; both are required to read about people.
        PersonMentionedError
            A field of the entry contains a pseudonym.
        ClockError
            `now` is before the last entry by more than the skew, or far after it.
        """
        require_purpose(reader, purpose)
        self._refuse(str(reader), str(purpose))
        refuse_pseudonyms({"reader": reader, "purpose": purpose, "detail": json.dumps(detail)})
        if now.tzinfo is None:
            raise ValueError(f"now={now!r}: expected a time with a zone")
        entry = {
            "at": now.astimezone(UTC),
            "reader": str(reader).strip(),
            "purpose": str(purpose).strip(),
            "action": action,
            "detail": detail,
        }
        how = "machine" if entry["reader"].casefold().startswith(MACHINE) else self._authenticated
        return self._append(entry | ({"authenticated": how} if how else {}))

    def verify(self, mark: LogMark = NO_MARK) -> list[str]:
        """Return the problems, naming the first broken line; empty if the chain is intact and reaches `mark`."""
        reached, size, previous, is_keyed = mark == NO_MARK, 0, GENESIS, False
        with self.path.open("rb") if self.path.exists() else nullcontext(()) as file:
            for number, line in enumerate(file, start=1):
                if _is_unfinished(line):
                    break
                problem, previous, is_keyed = _check(line, previous, self._key, is_keyed)
                if problem:
                    return [f"{self.path}, line {number}: {problem}; entries from this line on cannot be trusted"]
                size += len(line)
                reached |= mark == (size, previous)
        if reached:
            return []
        problem = "entries were cut off or rewritten" if size else "the log is missing or empty"
        return [f"{self.path}: {problem}; the store knows of reads that it lacks; restore it from a backup"]

    def back_in_time(self) -> list[str]:
        """Return a message for each entry dated before an earlier entry by more than the skew of two clocks."""
        latest, found = datetime.min.replace(tzinfo=UTC) + SKEW, []
        for number, entry in enumerate(self.entries(), start=1):
            at = datetime.fromisoformat(entry["at"])
            if at < latest - SKEW:
                found.append(f"{self.path}, line {number}: dated {local_text(at)}, after one of {local_text(latest)}")
            latest = max(latest, datetime.fromisoformat(entry.get("binds_from", entry["at"])))
        return found

    def mark(self) -> LogMark:
        """Return the mark of the last entry; stored elsewhere, it reveals truncation and changes before it."""
        if not self.path.exists():
            return NO_MARK
        with self.path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)  # wait until no process is writing a line
            end = _end_of_entries(file)
            return LogMark(end, _last_hash(file, end))

    def unfinished_bytes(self) -> int:
        """Return how many bytes at the end are a part of an entry; 0 where the last entry is whole."""
        if not self.path.exists():
            return 0
        with self.path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return file.seek(0, os.SEEK_END) - _end_of_entries(file)

    def unfinished(self) -> str | None:
        """Return what is said of a part of an entry at the end, None where the last entry is whole."""
        if not (left := self.unfinished_bytes()):
            return None
        return (
            f"{left} bytes at the end of {self.path} are a part of an entry, as a power cut leaves: nothing was shown "
            f"for it, and the next entry sets it aside in {self.path.name}.unfinished-…"
        )

    def holds(self, mark: LogMark) -> bool:
        """Return whether an entry with the hash of the mark ends at the size of the mark."""
        if mark == NO_MARK or not self.path.exists():
            return mark == NO_MARK
        with self.path.open("rb") as file:
            is_long = file.seek(0, os.SEEK_END) >= mark.size_bytes
            return is_long and _stated_hash(_last_line(file, mark.size_bytes)) == mark.entry_hash

    def last_at(self) -> datetime | None:
        """Return the time that binds the next entry, that of the last one as a rule; None if none can be read."""
        if not self.path.exists():
            return None
        with self.path.open("rb") as file:
            return _time_of(_last_line(file, _end_of_entries(file)))

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the entries in order, unverified."""
        if self.path.exists():
            with self.path.open("rb") as file:
                yield from (json.loads(line) for line in file if not _is_unfinished(line))

    def knows(self, action: str) -> bool:
        """Return whether an action was ever logged; lines are not parsed, so that a broken one hides nothing."""
        wanted = f'"action":{json.dumps(action)}'.encode()
        with self.path.open("rb") if self.path.exists() else nullcontext(()) as file:
            return any(wanted in line for line in file)

    def _append(self, entry: dict[str, Any]) -> str:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        if is_new:
            give_to_owner(self.path, self.path.parent)
        with os.fdopen(handle, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until closed: two writers must not chain to the same line
            at, last = entry["at"], _time_of(_last_line(file, _end_of_entries(file)))
            bound = self._binding(at, last, is_accepted=entry["action"] == CLOCK_ACCEPTED)
            self._set_aside(file, bound or at)
            if not self.is_any_time:
                at = max(at, last or at)
            return self._chain(file, entry | {"at": at} | ({"binds_from": bound.isoformat()} if bound else {}))

    def _binding(self, at: datetime, last: datetime | None, *, is_accepted: bool) -> datetime | None:
        """Return the time that goes on to bind later entries, if it is not that of the entry; raises ClockError."""
        may_leap = self.may_leap or is_accepted
        if self.is_any_time:
            return last if last and (at < last or (is_leap(at, last) and not may_leap)) else None
        refuse_earlier(at, last, f"the last entry of {self.path}")
        if not may_leap:
            refuse_leap(at, last, self.path.parent)
        return None

    def _chain(self, file: FileIO, entry: dict[str, Any]) -> str:
        """Write an entry after the last one and return its hash."""
        chained = {**entry, "at": entry["at"].isoformat(), "previous": _last_hash(file)}
        if self._key is not None:
            chained["keyed_hash"] = _keyed_hash(chained, self._key)
        chained["hash"] = _hash(chained)
        self._write(file, _missing_newline(file) + _line(chained))
        return str(chained["hash"])

    def _set_aside(self, file: FileIO, now: datetime) -> None:
        """Move a part of an entry at the end to a file of its own, and log that."""
        end = _end_of_entries(file)
        file.seek(end)
        if not (left := file.read()):
            return
        beside = self.path.with_name(f"{self.path.name}.unfinished-{end}")
        beside.touch(mode=0o600)
        give_to_owner(beside, self.path)
        beside.write_bytes(left)
        flush(beside)
        file.truncate(end)
        detail = {"file": beside.name, "bytes": len(left)}
        at = max(now, _time_of(_last_line(file)) or now)
        self._chain(
            file,
            {"at": at.astimezone(UTC), "reader": MACHINE, "purpose": "to keep the log whole", "action": SET_ASIDE}
            | {"detail": detail, "authenticated": "machine"},
        )

    def _write(self, file: FileIO, line: bytes) -> None:
        """Write a line to the disk completely or not at all: half an entry would look like tampering."""
        begin, left = file.seek(0, os.SEEK_END), line
        try:
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except OSError as error:
            file.truncate(begin)
            raise OSError(
                error.errno, f"the access log cannot be written, so nothing is shown ({error.strerror})", str(self.path)
            ) from None


def require_purpose(reader: str | None, purpose: str | None) -> None:
    """Raise PurposeError if reader or purpose is blank; both are required to read about people."""
    missing = [name for name, value in (("purpose", purpose), ("reader", reader)) if not (value and value.strip())]
    if missing:
        raise PurposeError(
            f"reading about people needs a purpose and a named reader, both logged; missing: {' and '.join(missing)}. "
            'Give --purpose TEXT and --reader NAME, such as --purpose "morning tasking" --reader "Insp. J. Reyes"'
        )


def _hash(entry: dict[str, Any]) -> str:
    return hashlib.sha256(_line(entry)).hexdigest()


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _keyed_hash(entry: dict[str, Any], key: bytes) -> str:
    return hmac.new(key, _line(entry), hashlib.sha256).hexdigest()


def _check(line: bytes, previous: str, key: bytes | None, is_keyed: bool) -> tuple[str | None, str, bool]:
    """Return the problem of a line, if any, its hash, and whether it has a keyed hash, as all after it must have."""
    try:
        entry = json.loads(line)
        stated = entry.pop("hash")
    except (ValueError, KeyError, AttributeError, TypeError):
        return "not a valid entry", previous, is_keyed
    if entry.get("previous") != previous:
        return "an earlier entry is missing or was changed", previous, is_keyed
    if stated != _hash(entry) or line != _line({**entry, "hash": stated}):
        return "the entry was changed", previous, is_keyed
    keyed_hash = entry.pop("keyed_hash", None)
    if is_keyed and keyed_hash is None:
        return "the entry was written without the home's key", previous, is_keyed
    if key is not None and keyed_hash is not None and str(keyed_hash) != _keyed_hash(entry, key):
        return "the entry was written without the home's key", previous, is_keyed
    return None, stated, keyed_hash is not None


def _is_unfinished(line: bytes) -> bool:
    """Return whether a line is a part of an entry that a crash cut off: without its end, and no entry as it is."""
    return not line.endswith(b"\n") and _stated_hash(line) == UNREADABLE


def _end_of_entries(file: FileIO | Any) -> int:
    """Return the size of the file without a part of an entry at its end."""
    size: int = file.seek(0, os.SEEK_END)
    last = b"" if not _missing_newline(file) else _last_line(file, size)
    return size - len(last) if last and _is_unfinished(last) else size


def _last_hash(file: FileIO | Any, end: int | None = None) -> str:
    """Return the hash of the last line (before `end`)."""
    line = _last_line(file, end)
    return _stated_hash(line) if line else GENESIS


def _last_line(file: FileIO | Any, end: int | None = None) -> bytes:
    """Return the last line (before `end`) without reading the whole file; empty if the file is empty."""
    end, size = file.seek(0, os.SEEK_END) if end is None else end, 4096
    while True:
        start = max(0, end - size)
        file.seek(start)
        lines = file.read(end - start).rstrip(b"\n").split(b"\n")
        if len(lines) > 1 or start == 0:
            return bytes(lines[-1])
        size *= 2


def _missing_newline(file: FileIO | Any) -> bytes:
    """Return a newline if a crash cut it off the last line, else nothing; then only that line breaks the chain."""
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - 1))
    return b"" if file.read(1) in (b"", b"\n") else b"\n"


def _time_of(line: bytes) -> datetime | None:
    """Return the time of an entry; of one that was dated before or far after those before it, the time of these."""
    try:
        entry = json.loads(line)
        return datetime.fromisoformat(entry.get("binds_from", entry["at"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _stated_hash(line: bytes) -> str:
    try:
        return str(json.loads(line)["hash"])
    except (ValueError, KeyError, TypeError):
        return UNREADABLE  # the next line then breaks the chain; verify names this line
