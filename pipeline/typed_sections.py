"""Sections of YAML files as dataclasses: keys, paths and types are checked against the annotations of their fields."""

import dataclasses
import difflib
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pipeline.errors import SettingsError


def checked_keys(kind: Any, value: Any, folder: Path, where: str, at: str = "") -> Any:
    """Return what a file gives for a field or section of type `kind`, with absolute paths.

    The keys of `Mapping` fields, such as `weights` and `security`, are free; their consumers check them.

    Parameters
    ----------
    kind : type
        Dataclass of a section, or type of a field; `Annotated` with a function of value and folder that locates a file.
    value : Any
        Value as YAML reads it.
    folder : Path
        Folder from which relative paths count.
    where : str
        Name of the file or variable.
    at : str
        Path of keys to the value.

    Raises
    ------
    SettingsError
        A key is unknown, or a section is none.
    """
    if dataclasses.is_dataclass(kind):
        kinds = get_type_hints(kind, include_extras=True)
        if not isinstance(value, dict):
            raise SettingsError(
                f"{where}: {at} is of type {type(value).__name__}: expected a section with {', '.join(kinds)}"
            )
        path = f"{at}." if at else ""
        for key in value:
            if key not in kinds:
                raise SettingsError(f"{where}: unknown key {path + str(key)!r}; {_nearest(str(key), kinds)}")
        return {key: checked_keys(kinds[key], item, folder, where, path + key) for key, item in value.items()}
    if get_origin(kind) is tuple and isinstance(value, list):
        return [checked_keys(get_args(kind)[0], item, folder, where, at) for item in value]
    if get_origin(kind) is Annotated and isinstance(value, str | dict):
        try:
            return kind.__metadata__[0](value, folder)
        except ValueError as error:
            raise SettingsError(f"{where}: {error}") from None
    if Path in (kind, *get_args(kind)) and isinstance(value, str):
        return (folder / value).resolve()
    return value


def _nearest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"


_TYPE_NAMES: dict[Any, str] = {
    int: "a whole number", float: "a number", bool: "true or false", str: "text", date: "a date", Path: "a path",
    NoneType: "null", tuple: "a list",
}  # fmt: skip


def build_typed(kind: Any, value: Any, at: str = "") -> Any:
    """Return a value with checked keys as its type, a dataclass for a section.

    Numbers are kept as they are written: 180 in a field of type float stays 180, because hashes of settings hold it.

    Raises
    ------
    SettingsError
        The value is of another type; the message names it by the path `at`.
    TypeError
        A section lacks a key.
    ValueError
        A section refuses its values.
    """
    if dataclasses.is_dataclass(kind):
        kinds = get_type_hints(kind)
        fields = {key: build_typed(kinds[key], item, f"{at}.{key}" if at else key) for key, item in value.items()}
        return kind(**fields)  # type: ignore[operator]
    if get_origin(kind) is tuple and isinstance(value, list):
        return tuple(build_typed(get_args(kind)[0], item, at) for item in value)
    allowed = get_args(kind) if isinstance(kind, UnionType) else (get_origin(kind) or kind,)
    is_checked = _TYPE_NAMES.keys() >= set(allowed)  # others, such as mappings, are checked by their section
    if is_checked and not any(_is_of_type(value, one) for one in allowed):
        raise SettingsError(f"{at}={value!r}: expected {' or '.join(_TYPE_NAMES[one] for one in allowed)}")
    return value


def _is_of_type(value: Any, kind: type) -> bool:
    if isinstance(value, bool) or kind is bool:
        return kind is bool and value in (True, False)  # 0 and 1 are equal to them
    return isinstance(value, (int, float) if kind is float else kind)
