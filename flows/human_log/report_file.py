"""Signed report files: path, SHA-256 hash and stated day."""

import hashlib
import re
from datetime import date
from pathlib import Path

from pipeline.errors import PublicationError


def sealed_report(path: Path) -> dict[str, str]:
    """Return report and report_sha256 of a file; raise PublicationError if it is missing or empty."""
    content = path.read_bytes() if path.is_file() else b""
    if not content.strip():
        raise PublicationError(f"report {path}: no such file, or an empty one; name the file that contains the report")
    return {"report": str(path), "report_sha256": hashlib.sha256(content).hexdigest()}


def stated_day(path: Path) -> date | None:
    """Return the day of making stated in a report, as in pages of `audit draft`; None if it states none."""
    found = re.search(rb'<meta name="harmspot-made-on" content="([0-9]{4}-[0-9]{2}-[0-9]{2})">', path.read_bytes())
    return date.fromisoformat(found[1].decode()) if found else None
