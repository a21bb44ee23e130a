"""Exported list of people: a signed file with its recipient, agreement and expiry.

The signature is an HMAC-SHA256 (RFC 2104) over the canonical JSON of everything else, with a key of the home: a changed
file cannot be signed again without the key. Every entry states which actions it does not justify.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import ExportError
from pipeline.privacy.keys import Key
from pipeline.privacy.private_file import write_new

NOT_GROUNDS = "Not grounds for stop, arrest or eviction."
KIND = "harmspot.list.export.v1"


def write_export(path: Path, body: Mapping[str, Any], key: Key) -> str:
    """Write an export to a new file, readable only by its owner, and return its signature.

    Raises
    ------
    ExportError
        The file exists already; an export is never overwritten.
    """
    signed = {"kind": KIND, **body}
    signed["signature"] = _signature(signed, key)
    write_new(path, f"{json.dumps(signed, indent=2, ensure_ascii=False)}\n".encode())
    return str(signed["signature"])


def read_export(path: Path, key: Key) -> dict[str, Any]:
    """Return the content of an export after checking its signature.

    Raises
    ------
    ExportError
        The file cannot be read, is not an export, or was altered (or signed by another home).
    """
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise ExportError(f"{path} cannot be read as an export: {reason}") from None
    if not (isinstance(body, dict) and body.get("kind") == KIND and isinstance(body.get("signature"), str)):
        raise ExportError(f"{path} is not an export of a list of people; expected kind {KIND} and a signature")
    stated = body.pop("signature")
    if not hmac.compare_digest(stated.encode(), _signature(body, key).encode()):
        raise ExportError(f"{path} was altered, or another home signed it: do not use it")
    return body


def entry_token(person_id: str, key: Key) -> str:
    """Return the token of a person in an export, with which only this home can later identify the person."""
    return hmac.new(key.signing, f"entry {person_id}".encode(), hashlib.sha256).hexdigest()[:32]


def _signature(body: Mapping[str, Any], key: Key) -> str:
    canonical = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(key.signing, canonical, hashlib.sha256).hexdigest()
