"""A file that says something of people: new, and from its first moment readable by its owner alone."""

import os
from pathlib import Path

from pipeline.errors import ExportError


def write_new(path: Path, content: bytes) -> None:
    """Write a new file, readable by its owner alone, to the disk.

    Raises
    ------
    ExportError
        When something stands at `path` already, a link included: what was written once is never overwritten.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ExportError(f"{path} exists; an export or a letter is never overwritten: name another file") from None
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
