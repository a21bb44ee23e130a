"""YAML that a force writes: settings, mappings, checklists, proposals. A key given twice is an error, not the last one.

Readers of harmspot's own files need nothing of this.
"""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml


class OnceLoader(yaml.CSafeLoader):
    """YAML 1.1 as `yaml.safe_load` reads it, in C, less keys that a mapping has twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return the mapping; raise ConstructorError at the second of two equal keys."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else id(key_node)
            if (key_node.tag, key) in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, "this key stands twice; keep one", key_node.start_mark
                )
            seen.add((key_node.tag, key))
        return super().construct_mapping(node, deep)


def read_given_yaml(path: Path, loader: type[OnceLoader] = OnceLoader) -> Any:
    """Return the content of a YAML file in UTF-8, with a byte-order mark or without.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is not YAML, or a key stands twice; the text says where, and repeats nothing of the file, which may hold
        passwords.
    """
    text = path.read_bytes()
    try:
        return yaml.load(text.decode("utf-8-sig"), loader)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        raise ValueError(
            _place_of(error) or "it holds a value that cannot be, such as a date that does not exist"
        ) from None


def _place_of(error: Exception) -> str | None:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return None
    problem = re.split("['\"]", getattr(error, "problem", None) or "")[0].strip()  # quoted text comes from the file
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
