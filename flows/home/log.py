"""What harmspot says while it works: plain text on a terminal, JSON lines elsewhere and in a file.

Every line goes through the logger `harmspot`; `Home.progress` writes to it. A JSON line has `time` (UTC), `level`,
`message`, and the fields that `logged` binds: of a run its `as_of`, `run_id`, `stage` and the `seconds` since it began.
A line names files, topics, offsets and counts; it holds no record, no person and no text of a library's error, which
may quote a value.
"""

import fcntl
import json
import logging
import os
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import click

from pipeline.errors import HarmspotError, SettingsError
from pipeline.terminal_text import inert, inert_in_json

FORMATS = ("auto", "text", "json")
FORMAT_VARIABLE = "HARMSPOT__LOG__FORMAT"  # the setting's own variable, which counts also before settings are read
MOST_BYTES, EARLIER_FILES = 10_000_000, 5
LOG = logging.getLogger("harmspot")
OURS = ("flows", "geo", "models", "pipeline", "web")
_COLOURS = {logging.WARNING: "yellow", logging.ERROR: "red"}
_FIELDS: ContextVar[dict[str, Any]] = ContextVar("fields", default={})  # noqa: B039 # replaced, never changed


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How lines are written on standard error, and the file that gets them as well."""

    format: str
    file: Path | None

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise SettingsError(f"log.format={self.format!r}: expected one of {', '.join(FORMATS)}")


@contextmanager
def logged(**fields: Any) -> Iterator[None]:
    """Bind fields to every line that the block writes in this thread; `level` sets the level of its messages."""
    token = _FIELDS.set(_FIELDS.get() | fields)
    try:
        yield
    finally:
        _FIELDS.reset(token)


def add_fields(**fields: Any) -> None:
    """Bind more fields until the end of the innermost `logged`."""
    _FIELDS.set(_FIELDS.get() | fields)


def write(text: str, level: int = logging.INFO) -> None:
    """Write a line at a level, or at the one that is bound."""
    LOG.log(_FIELDS.get().get("level", level), "%s", text)


def write_error(error: BaseException, *, is_traced: bool = False) -> None:
    """Write an error: its message, and with `is_traced` where it was raised, on a terminal with the whole traceback."""
    LOG.error("%s", error, extra={"failure": error, "is_traced": is_traced})


def said(error: BaseException) -> str:
    """Return the message of an error of our own; of any other only its type, because it may quote a value.

    Our own are those of `pipeline.errors`, those that name a file, and those that a `raise` of our code made.
    """
    frames = traceback.extract_tb(error.__traceback__)
    is_own = isinstance(error, HarmspotError | OSError) or (bool(frames) and _is_raised_here(frames[-1]))
    return str(error) if is_own else type(error).__name__


def _is_raised_here(frame: traceback.FrameSummary) -> bool:
    """Return whether a frame is a `raise` of ours; an error of compiled code ends in the frame that called it."""
    parts, root = Path(frame.filename).parts, Path(__file__).parents[2].parts
    return parts[: len(root)] == root and parts[len(root)] in OURS and (frame.line or "").startswith("raise ")


class _Terminal(logging.Handler):
    """Writes messages to standard error as they are, errors in red."""

    def emit(self, record: logging.LogRecord) -> None:
        from pipeline.privacy.pii_guard import without_people

        failure = getattr(record, "failure", None)
        if failure is not None and record.is_traced:  # type: ignore[attr-defined]
            click.echo(without_people("".join(traceback.format_exception(failure))), err=True, nl=False)
        text = f"harmspot: {record.getMessage()}" if failure is not None else record.getMessage()
        click.secho(inert(without_people(text)), fg=_COLOURS.get(record.levelno), err=True)


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        from pipeline.privacy.pii_guard import without_people

        failure = getattr(record, "failure", None)
        text = said(failure) if failure is not None else record.getMessage()
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": without_people(text).strip(),
            **_bound(getattr(record, "fields", {})),
        }
        if failure is not None:
            line["error"] = type(failure).__name__
            if record.is_traced:  # type: ignore[attr-defined]
                frames = traceback.extract_tb(failure.__traceback__)
                line["raised_at"] = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
        return inert_in_json(json.dumps(line, ensure_ascii=False, default=str))


def _bound(more: dict[str, Any]) -> dict[str, Any]:
    fields = _FIELDS.get() | more
    began = fields.pop("began", None)  # of the run, on the monotonic clock
    fields.pop("level", None)
    return fields | ({} if began is None else {"seconds": round(time.perf_counter() - began, 3)})


class _JsonStream(logging.Handler):
    """Writes JSON lines to standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(self.format(record), err=True)


def _write_warning(message: Warning | str, category: type[Warning], filename: str, number: int, *_: object) -> None:
    """Write a warning of Python as a line: its type and its place, as its text may quote a value."""
    LOG.warning("%s at %s:%d", category.__name__, Path(filename).name, number)


class SharedFile(RotatingFileHandler):
    """A rotating file that several processes write, one line at a time."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("ab").close()
        except OSError as error:
            raise SettingsError(f"log.file: {path} cannot be written ({error.strerror}); name another file") from None
        super().__init__(path, maxBytes=MOST_BYTES, backupCount=EARLIER_FILES, encoding="utf-8", delay=True)
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line while no other process does, to the file that has the name now."""
        try:
            with open(f"{self.baseFilename}.lock", "ab") as turn:  # noqa: PTH123 # as the base class names it
                fcntl.flock(turn, fcntl.LOCK_EX)
                if self.stream and self._is_moved(self.stream.fileno()):
                    self.close()
                super().emit(record)
        except OSError:  # a full disk must not end a run
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 # the base class's name
        """Leave the line out; standard error has it."""

    def close(self) -> None:
        """Close the file, whether or not its last lines could be written."""
        with suppress(OSError):
            super().close()

    def _is_moved(self, number: int) -> bool:
        try:
            return os.stat(self.baseFilename).st_ino != os.fstat(number).st_ino  # noqa: PTH116
        except FileNotFoundError:
            return True


def start(form: str = "auto") -> None:
    """Begin to write lines on standard error: in `text`, in `json`, or by whether it is a terminal."""
    form = os.environ.get(FORMAT_VARIABLE, form) if form == "auto" else form
    is_json = form == "json" or (form != "text" and not sys.stderr.isatty())
    if is_json:
        warnings.showwarning = _write_warning  # type: ignore[assignment] # it takes what it needs
    handler = _JsonStream() if is_json else _Terminal(logging.INFO)
    handler.setFormatter(JsonLines() if is_json else None)
    _use(handler, *(kept for kept in LOG.handlers if isinstance(kept, SharedFile)))


def follow(settings: LogSettings) -> None:
    """Write as the settings say from now on; raises SettingsError if the file cannot be written."""
    if settings.format != "auto":
        start(settings.format)
    path = settings.file and str(settings.file.resolve())
    if path not in [kept.baseFilename for kept in LOG.handlers if isinstance(kept, SharedFile)]:
        files = [SharedFile(Path(path))] if path else []
        _use(*(kept for kept in LOG.handlers if not isinstance(kept, SharedFile)), *files)


def form() -> str:
    """Return the form of the lines on standard error: text or json."""
    return "json" if any(isinstance(kept, _JsonStream) for kept in LOG.handlers) else "text"


def _use(*handlers: logging.Handler) -> None:
    for handler in LOG.handlers:
        if handler not in handlers:
            handler.close()
    LOG.handlers[:] = handlers


LOG.propagate = False
LOG.setLevel(logging.DEBUG)
_use(_Terminal(logging.INFO))  # until `start`, as in a test or a notebook
