"""Exported list of people: a signed file with its recipient, agreement and expiry.

The signature is an HMAC-SHA256 (RFC 2104) over the canonical JSON (RFC 8785) of everything else, with a key of the
home: a changed file cannot be signed again without the key. The file holds the canonical form and nothing else, so that
two readers of it cannot read two things. Every entry states which actions it does not justify.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rfc8785

from pipeline.errors import ExportError
from pipeline.privacy.keys import Key
from pipeline.privacy.private_file import write_new

NOT_GROUNDS = "Not grounds for stop, arrest or eviction."
KIND = "harmspot.list.export.v2"
KIND_BEFORE = "harmspot.list.export.v1"  # copies of before 2026-12, which expire within 90 days


def write_export(path: Path, body: Mapping[str, Any], key: Key) -> str:
    """Write an export to a new file, readable only by its owner, and return its signature.

    Raises
    ------
    ExportError
        The file exists already; an export is never overwritten.
    """
    signed = {"kind": KIND, **body}
    signed["signature"] = _signature(signed, key)
    write_new(path, _file_content(signed))
    return str(signed["signature"])


def read_export(path: Path, key: Key) -> dict[str, Any]:
    """Return the content of an export after checking its signature.

    Raises
    ------
    ExportError
        The file cannot be read, is not an export, or was altered (or signed by another home).
    """
    try:
        content = path.read_bytes()
        body = json.loads(content, object_pairs_hook=_distinct)
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not JSON in which each name stands once"
        raise ExportError(f"{path} cannot be read as an export: {reason}") from None
    kinds = (KIND, KIND_BEFORE)
    if not (isinstance(body, dict) and body.get("kind") in kinds and isinstance(body.get("signature"), str)):
        raise ExportError(f"{path} is not an export of a list of people; expected kind {KIND} and a signature")
    stated = body["signature"].encode()
    unsigned = {name: value for name, value in body.items() if name != "signature"}
    if not (_is_as_written(body, content) and hmac.compare_digest(stated, _signature(unsigned, key).encode())):
        raise ExportError(f"{path} was altered, or another home signed it: do not use it")
    return unsigned


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of a JSON object; a name that stands twice could be read in two ways."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name stands twice")
    return members


def _is_as_written(body: Mapping[str, Any], content: bytes) -> bool:
    """Return True if the file holds what was read, as it was written, and nothing else."""
    try:
        return _file_content(body) == content
    except (rfc8785.CanonicalizationError, RecursionError):
        return False


def _file_content(signed: Mapping[str, Any]) -> bytes:
    if signed["kind"] == KIND_BEFORE:
        return f"{json.dumps(signed, indent=2, ensure_ascii=False)}\n".encode()
    return rfc8785.dumps(signed) + b"\n"


def entry_token(person_id: str, key: Key) -> str:
    """Return the token of a person in an export, with which only this home can later identify the person."""
    return hmac.new(key.signing, f"entry {person_id}".encode(), hashlib.sha256).hexdigest()[:32]


def _signature(body: Mapping[str, Any], key: Key) -> str:
    canonical = rfc8785.dumps(body)
    if body["kind"] == KIND_BEFORE:
        canonical = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(key.signing, canonical, hashlib.sha256).hexdigest()
