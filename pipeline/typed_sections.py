"""Sections of YAML files as dataclasses: keys, paths and types are checked against the annotations of their fields."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pipeline.errors import SettingsError
from pipeline.near_words import did_you_mean


@dataclasses.dataclass(frozen=True, slots=True)
class Sections:
    """Mark of a field of sections by name: `type_of` returns the dataclass of a name, or raises ValueError."""

    type_of: Callable[[str], type]


def checked_keys(kind: Any, value: Any, folder: Path, where: str, at: str = "") -> Any:
    """Return what a file gives for a field or section of type `kind`, with absolute paths.

    The keys of `Mapping` fields, such as `weights` and `security`, are free; their consumers check them.

    Parameters
    ----------
    kind : type
        Dataclass of a section, or type of a field; `Annotated` with `Sections`, or with a function that takes a value
        of the field's type (text for a path) and the folder, and locates a file.
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
        A key is unknown, a section is none, or a file cannot be located.
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
                raise SettingsError(f"{where}: unknown key {path + str(key)!r}; {did_you_mean(str(key), kinds)}")
        return {key: checked_keys(kinds[key], item, folder, where, path + key) for key, item in value.items()}
    if get_origin(kind) is tuple and isinstance(value, list):
        return [checked_keys(get_args(kind)[0], item, folder, where, at) for item in value]
    locate: Callable[[Any, Path], Any] | None = None
    if get_origin(kind) is Annotated:
        kind, mark = get_args(kind)
        if isinstance(value, dict) and isinstance(mark, Sections):
            kinds = {name: _type_of(mark, name, f"{where}: {at}") for name in value}
            return {key: checked_keys(kinds[key], item, folder, where, f"{at}.{key}") for key, item in value.items()}
        locate = mark
    elif Path in (kind, *get_args(kind)):
        locate = _resolved
    if locate and isinstance(value, dict if get_origin(kind) is Mapping else str):  # build_typed refuses others
        try:
            return locate(value, folder)
        except (ValueError, OSError) as error:
            raise SettingsError(f"{where}: {at}: {error}") from None
    return value


def _type_of(sections: Sections, name: str, where: str) -> type:
    try:
        return sections.type_of(name)
    except ValueError as error:
        raise SettingsError(f"{where}.{name}: {error}") from None


def _resolved(path: str, folder: Path) -> Path:
    return (folder / path).resolve()


_TYPE_NAMES: dict[Any, str] = {
    int: "a whole number", float: "a number", bool: "true or false", str: "text", date: "a date", Path: "a path",
    NoneType: "null", tuple: "a list", Sequence: "a list", Mapping: "a section",
}  # fmt: skip


def build_typed(kind: Any, value: Any, at: str = "", *, is_secret: bool = False) -> Any:
    """Return a value with checked keys as its type, a dataclass for a section.

    Numbers are kept as they are written: 180 in a field of type float stays 180, because hashes of settings hold it.
    The value of a field with `repr=False` is in no error, and neither is what stands in place of a section.

    Raises
    ------
    SettingsError
        The value is of another type, or a section lacks a key; the message names it by the path `at`.
    TypeError, ValueError
        A section refuses its values.
    """
    if get_origin(kind) is Annotated:
        kind, mark = get_args(kind)
        if isinstance(mark, Sections) and isinstance(value, dict):
            return {name: build_typed(mark.type_of(name), item, f"{at}.{name}") for name, item in value.items()}
    if dataclasses.is_dataclass(kind):
        return _build_section(kind, value, at, is_secret=is_secret)
    # By type without its parameters: the parameters.
    allowed = {get_origin(one) or one: get_args(one) for one in (get_args(kind) if _is_union(kind) else (kind,))}
    for list_type, made in ((tuple, tuple), (Sequence, list)):
        if list_type in allowed and isinstance(value, list):
            return made(build_typed(allowed[list_type][0], item, at, is_secret=is_secret) for item in value)
    if _TYPE_NAMES.keys() >= set(allowed) and not any(_is_of_type(value, one) for one in allowed):
        secret = " (not shown: it may be a secret)" if is_secret else ""
        is_shown = not is_secret and set(allowed) != {Mapping} and not isinstance(value, dict | list)
        found = f"={value!r}" if is_shown else f" is of type {type(value).__name__}{secret}"
        raise SettingsError(f"{at}{found}: expected {' or '.join(_TYPE_NAMES[one] for one in allowed)}")
    if Mapping in allowed and isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise SettingsError(f"{at} has a key that is not text: expected names; put quotes around numbers")
        [*_, of_items] = allowed[Mapping] or (Any,)
        return {key: build_typed(of_items, item, f"{at}.{key}", is_secret=is_secret) for key, item in value.items()}
    return value


def _build_section(kind: Any, value: dict[str, Any], at: str, *, is_secret: bool) -> Any:
    kinds = get_type_hints(kind, include_extras=True)
    unset = {field.name: field for field in dataclasses.fields(kind) if field.name not in value}
    none = dataclasses.MISSING
    if missing := [name for name, field in unset.items() if field.default is none and field.default_factory is none]:
        raise SettingsError(f"{at or 'configuration'} lacks {', '.join(missing)}: expected a value for each")
    secret = {field.name for field in dataclasses.fields(kind) if is_secret or not field.repr}
    return kind(
        **{
            key: build_typed(kinds[key], item, f"{at}.{key}" if at else key, is_secret=key in secret)
            for key, item in value.items()
        }
    )


def _is_union(kind: Any) -> bool:
    return isinstance(kind, UnionType) or get_origin(kind) is Union


def _is_of_type(value: Any, kind: type) -> bool:
    if isinstance(value, bool) or kind is bool:
        return kind is bool and value in (True, False)  # 0 and 1 are equal to them
    return isinstance(value, (int, float) if kind is float else kind)
