"""Keyed short ids in place of a source's own ids of incidents and warrants, where these may hold the id of a person.

A short id is "k_" and 24 hexadecimal digits of HMAC-SHA256 (RFC 2104) of the id in Unicode normalisation form C, with a
key of the home. The same id always gives the same short id, and a short id stays as it is.
"""

import hmac
import re
import unicodedata

from pipeline.database import Connection, query

SOURCE_IDS = ("as_given", "keyed")  # what a mapping or the settings say of a source's ids
KEYED = {"incident": "incident_id", "warrant": "warrant_id"}  # entity → its id, if that comes from a source
_SHORT_ID = re.compile("k_[0-9a-f]{24}")
_BLOCK = 64  # bytes that SHA-256 takes at a time


def short_id(source_id: str, key: bytes) -> str:
    """Return the short id of a source's id.

    >>> short_id("INC-P4711-3", b"key") == short_id(short_id("INC-P4711-3", b"key"), b"key")
    True
    """
    if _SHORT_ID.fullmatch(source_id):
        return source_id
    return f"k_{hmac.digest(key, unicodedata.normalize('NFC', source_id).encode(), 'sha256')[:12].hex()}"


def know_short_ids(connection: Connection, key: bytes) -> None:
    """Create the macro `short_id` of a connection, which returns what the function does."""
    padded = key.ljust(_BLOCK, b"\0")
    for name, byte in (("inner_pad", 0x36), ("outer_pad", 0x5C)):
        connection.execute(f"SET VARIABLE {name} = $pad", {"pad": bytes(each ^ byte for each in padded)})
    connection.execute(query("store/short_ids#macro"))
