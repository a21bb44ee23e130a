"""A report that somebody answers for: where it lies, the hash by which it is known again, the day it says of itself."""

import hashlib
import re
from datetime import date
from pathlib import Path

from pipeline.errors import PublicationError


def sealed_report(path: Path) -> dict[str, str]:
    """Return report and report_sha256 of a file; PublicationError where there is none, or nothing in it."""
    content = path.read_bytes() if path.is_file() else b""
    if not content.strip():
        raise PublicationError(f"report {path}: no such file, or an empty one; name the file that the report stands in")
    return {"report": str(path), "report_sha256": hashlib.sha256(content).hexdigest()}


def stated_day(path: Path) -> date | None:
    """Return the day on which a report says it was made, as pages of `audit draft` do; None where it does not say."""
    said = re.search(rb'<meta name="harmspot-made-on" content="([0-9]{4}-[0-9]{2}-[0-9]{2})">', path.read_bytes())
    return date.fromisoformat(said[1].decode()) if said else None
