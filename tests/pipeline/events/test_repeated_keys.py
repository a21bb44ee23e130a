"""A record in which a key stands twice in one object is a dead letter, however it is written."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.events.repeated_keys import repeated_key

NAMES = st.sampled_from(["id", "data", 'a": 1', "", "\n", "é", '"', "version"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | NAMES
PAIRS: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(NAMES, inner), max_size=4).map(tuple),
    max_leaves=10,
)
BLANKS = st.sampled_from(["", " ", "  ", "\t", "\n", "\r\n"])


def written(tree: Any, blank: Any, ascii_only: bool) -> tuple[str, bool]:
    """JSON text of a tree, in which a tuple is an object; whether a key stands twice in an object."""
    if isinstance(tree, tuple):
        parts = [written(value, blank, ascii_only) for _, value in tree]
        keys = [name for name, _ in tree]
        text = ",".join(
            f"{blank()}{json.dumps(key, ensure_ascii=ascii_only)}{blank()}:{blank()}{part}"
            for key, (part, _) in zip(keys, parts, strict=True)
        )
        return f"{{{text}}}", len(set(keys)) < len(keys) or any(twice for _, twice in parts)
    if isinstance(tree, list):
        parts = [written(value, blank, ascii_only) for value in tree]
        return f"[{','.join(part for part, _ in parts)}]", any(twice for _, twice in parts)
    text = json.dumps(tree, ensure_ascii=ascii_only)
    return (text.replace('\\"', "\\u0022") if ascii_only else text), False


@given(PAIRS, st.data(), st.booleans())
def test_a_key_is_found_however_the_record_is_written(tree: Any, data: st.DataObject, ascii_only: bool) -> None:
    text, is_twice = written(tree, lambda: data.draw(BLANKS), ascii_only)
    assert (repeated_key(text.encode()) is not None) == is_twice
