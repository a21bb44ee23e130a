"""Files with personal data: always new, and readable only by their owner from creation on."""

import os
from pathlib import Path

from pipeline.errors import ExportError


def write_new(path: Path, content: bytes) -> None:
    """Write a new file, readable only by its owner, to the disk.

    Raises
    ------
    ExportError
        Something exists at `path` already, a link included; files are never overwritten.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ExportError(f"{path} exists; an export or a notice is never overwritten: name another file") from None
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
