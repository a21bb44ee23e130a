"""Whether a key stands twice in one object of a JSON record: readers disagree on which value counts, so neither does.

To look at every key takes longer than to decode the event. Decoded and written again, a record has each key once: fewer
`":` than before say that one stood twice, and only then, or where the record is written unusually, is every key read.
"""

import json
from typing import Any

import msgspec

_tree = msgspec.json.Decoder()
# What hides a `":` from the count: other white space than one blank before the colon, an escaped quotation mark.
_UNUSUAL = (b'"\t', b'"\n', b'"\r', b'"  ', b"\\u0022")


def repeated_key(value: bytes) -> str | None:
    """Return a key that stands twice in one object of a JSON record, at any depth; None if none does.

    >>> repeated_key(b'{"id": "a", "data": {"version": 1, "version": 2}}')
    'version'
    >>> repeated_key(b'{"id": "a", "data": {"id": "b"}}')
    """
    if not any(mark in value for mark in _UNUSUAL):
        try:
            once = msgspec.json.encode(_tree.decode(value)).count(b'":')
        except (ValueError, RecursionError):  # a number beyond 64 bits, in a key that is not read
            once = -1
        if value.count(b'":') + value.count(b'" :') == once:
            return None
    return _find(value)


def _find(value: bytes) -> str | None:
    found: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        found.extend(name for at, name in enumerate(names) if name in names[:at])

    json.loads(value, object_pairs_hook=once, parse_int=str)
    return found[0] if found else None
