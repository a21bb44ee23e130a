"""Columns of the shared store that name people or hold what was sent: encrypted before they leave the process.

AES-256-GCM (NIST SP 800-38D) under a key derived from the home's, with a random nonce before each value. The name of
the column is authenticated, so that a value fits no other.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Collection

import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pipeline.errors import KeyFileError
from pipeline.privacy.keys import Key, is_rotating

ENCRYPTED = {
    "identity": ("raw_person_id",),
    "dead_letter": ("detail", "payload", "value"),
    "human_event": ("detail",),
    "outbox": ("payload",),
}
_NONCE = 12


class ColumnCipher:
    """Encrypts and decrypts the values of those columns; raises KeyFileError while a rotation is not finished."""

    def __init__(self, key: Key) -> None:
        if is_rotating(key):
            raise KeyFileError("the key is being rotated: finish it first (harmspot rotate-key)")
        own = hmac.new(bytes.fromhex(key.encryption), b"harmspot shared store\x01", hashlib.sha256).digest()
        self._cipher = AESGCM(own)

    def seal(self, value: bytes, column: str) -> bytes:
        """Return a value encrypted."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, value, column.encode())

    def open(self, value: bytes, column: str) -> bytes:
        """Return a value as it was; raises KeyFileError under another key."""
        try:
            return self._cipher.decrypt(value[:_NONCE], value[_NONCE:], column.encode())
        except (InvalidTag, ValueError):
            raise KeyFileError(
                f"{column} of the shared store was written with another key, or changed; restore the original key"
            ) from None

    def sealed(self, table: str, rows: pa.Table) -> pa.Table:
        """Return rows of a table with those columns encrypted."""
        return _with_each(table, rows, self.seal, ENCRYPTED.get(table, ()))

    def opened(self, table: str, rows: pa.Table, *, but: Collection[str] = ()) -> pa.Table:
        """Return rows of a table with those columns as they were, texts as bytes; `but` are left alone."""
        return _with_each(table, rows, self.open, [name for name in ENCRYPTED.get(table, ()) if name not in but])


def _with_each(table: str, rows: pa.Table, change: Callable[[bytes, str], bytes], names: Collection[str]) -> pa.Table:
    for name in names:
        column = f"{table}.{name}"
        given = (value.encode() if isinstance(value, str) else value for value in rows[name].to_pylist())
        values = [None if value is None else change(value, column) for value in given]
        rows = rows.set_column(rows.schema.get_field_index(name), name, pa.array(values, pa.binary()))
    return rows
