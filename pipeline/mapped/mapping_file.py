"""A mapping as people write it: YAML, with a table of offences and perhaps a gazetteer (CSV) beside it."""

from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from pipeline.errors import MappingError, SettingsError
from pipeline.given_yaml import OnceLoader, read_given_yaml
from pipeline.mapped.columns import NamedColumns
from pipeline.mapped.gazetteer import read_places
from pipeline.mapped.mapping import Gazetteer, Mapping, check_one_of, suggestion
from pipeline.mapped.offence_table import empty_offences, read_offences
from pipeline.mapped.record_columns import COLUMNS_OF_KIND
from pipeline.typed_sections import build_typed

_MADE = {"columns", "offences", "formats", "gazetteer", "places", "notes"}  # fields that no key gives as it is
_SECTIONS = ("columns", "offences", "gazetteer")
_FORMAT = "_format"


class _Loader(OnceLoader):
    """YAML without truth values: no key of a mapping has one, and `on`, `yes` and `no` are words of files."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in OnceLoader.yaml_implicit_resolvers.items()
}


def read_mapping(path: Path) -> Mapping:
    """Read a mapping and the tables that it names.

    Raises
    ------
    MappingError
        When a file is missing or unreadable, or a key, value or column is invalid; the message names it.
    """
    document = {key: value for key, value in _read_document(path).items() if value is not None}
    try:
        return _build(document, path.parent)
    except (SettingsError, ValueError, OverflowError, RecursionError) as error:
        raise MappingError(f"{path}: {error}") from None


def _build(document: dict[str, Any], folder: Path) -> Mapping:
    kind = build_typed(str, document.get("kind", "incidents"), "kind")
    check_one_of("kind", kind, tuple(COLUMNS_OF_KIND))
    hints, reads = get_type_hints(Mapping), COLUMNS_OF_KIND[kind].READS
    times = [name + _FORMAT for name, read in reads.items() if read == "time"]
    _check_keys(document, {item.name for item in fields(Mapping)} - _MADE | {*times, *_SECTIONS}, "the mapping")
    columns = _columns(document.pop("columns", None), COLUMNS_OF_KIND[kind], document.get("blank_id"))
    numeric = build_typed(get_type_hints(Mapping)["numeric"], document.get("numeric", []), "numeric")
    offences, notes = _offences(document.pop("offences", None), kind, folder, numeric)
    gazetteer = _gazetteer(document.pop("gazetteer", None))
    formats = {key.removesuffix(_FORMAT): document.pop(key) for key in _formats_of(document, columns)}
    given = {key: build_typed(hints[key], value, key) for key, value in document.items()}
    given["formats"] = {ours: build_typed(str, value, ours + _FORMAT) for ours, value in formats.items()}
    if kind != "incidents":
        given.setdefault("same_id", "later_load_corrects")
    if missing := [key for key in ("name", "about", "source") if key not in given]:
        raise ValueError(f"{missing[0]} is missing: expected a text")
    places = read_places(gazetteer, folder) if gazetteer else None
    return Mapping(**given, columns=columns, offences=offences, gazetteer=gazetteer, places=places, notes=notes)


def _columns(found: Any, kind: type[NamedColumns], blank_id: Any) -> NamedColumns:
    known = _check_keys(found, {item.name for item in fields(kind)}, "columns")
    known = {key: value for key, value in known.items() if value is not None and value != []}
    # `none`: people write the word where YAML wants null.
    if str(known.get("incident_id")).lower() == "none":
        known.pop("incident_id", None)
    if "incident_id" in {item.name for item in fields(kind)} - set(known) and blank_id != "hash":
        raise ValueError("columns.incident_id is missing: name the column, or set blank_id: hash")
    if known.get("x") is not None and known.get("x") == known.get("y"):
        known["point"] = known.pop("x")
        del known["y"]
    return build_typed(kind, known, "columns")


def _offences(table: Any, kind: str, folder: Path, numeric: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
    if table is None and "offence" not in COLUMNS_OF_KIND[kind].READS:
        return empty_offences(), ()
    if not isinstance(table, str):
        raise ValueError(f"offences={table!r}: expected the name of a CSV file beside the mapping")
    return read_offences(folder / table, numeric)


def _gazetteer(found: Any) -> Gazetteer | None:
    if found is None:
        return None
    known = dict(_check_keys(found, {item.name for item in fields(Gazetteer)}, "gazetteer"))
    for key in ("match", "on"):
        known |= {key: [known[key]]} if isinstance(known.get(key), str) else {}
    return build_typed(Gazetteer, known, "gazetteer")


def _formats_of(document: dict[str, Any], columns: NamedColumns) -> list[str]:
    """Return the keys of the document that state how a time column of ours is written."""
    return [
        key
        for key in document
        if isinstance(key, str) and columns.READS.get(key.removesuffix(_FORMAT)) == "time" and key.endswith(_FORMAT)
    ]


def _read_document(path: Path) -> dict[str, Any]:
    if not path.is_file():
        beside = sorted(p.stem for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        raise MappingError(
            f"mapping {path} does not exist{suggestion(path.stem, beside)}; there are {beside or 'none'}"
        )
    try:
        document = read_given_yaml(path, _Loader)
    except ValueError as error:
        raise MappingError(f"mapping {path} is not YAML: {error}") from None
    if not isinstance(document, dict):
        raise MappingError(f"mapping {path}: expected keys and values at the top level")
    return document


def _check_keys(found: Any, known: Collection[str], place: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ValueError(f"{place}: expected keys and values, not {type(found).__name__}")
    for key in found:
        if key not in known:
            raise ValueError(f"unknown key {key!r} in {place}{suggestion(str(key), known)}; known: {sorted(known)}")
    return found
