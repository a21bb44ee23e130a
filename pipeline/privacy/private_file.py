"""Files with personal data: always new, complete, and readable only by their owner from creation on."""

from pathlib import Path

from pipeline.complete_file import write_first
from pipeline.errors import ExportError


def write_new(path: Path, content: bytes) -> None:
    """Write a new file, readable only by its owner, to the disk.

    Raises
    ------
    ExportError
        Something exists at `path` already, a link included; files are never overwritten.
    """
    try:
        write_first(path, content)
    except FileExistsError:
        raise ExportError(f"{path} exists; an export or a notice is never overwritten: name another file") from None
