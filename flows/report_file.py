"""A report that somebody answers for: where it lies, and the hash by which it can be told later whether it is that."""

import hashlib
from pathlib import Path

from pipeline.errors import PublicationError


def sealed_report(path: Path) -> dict[str, str]:
    """Return report and report_sha256 of a file; PublicationError where there is none, or nothing in it."""
    content = path.read_bytes() if path.is_file() else b""
    if not content.strip():
        raise PublicationError(f"report {path}: no such file, or an empty one; name the file that the report stands in")
    return {"report": str(path), "report_sha256": hashlib.sha256(content).hexdigest()}
