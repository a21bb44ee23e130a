"""JSON as portals give it: lines, an array, an object around an array, GeoJSON, or an answer of an ArcGIS service."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from pipeline.errors import SourceError
from pipeline.files.cells import cell_text, point_text
from pipeline.files.encodings import encoding_of
from pipeline.files.parsed import FileFormat, Parsed, RefusedLine, UnreadableError, column_names, text_table
from pipeline.files.parts import Part, check_is_text

_LISTS = ("features", "records", "data", "results", "rows", "value", "items")  # names of the array of rows, best first
_ABOUT = ("fields", "columns", "links")  # names of arrays that say something about the rows
_TOTALS = ("total", "totalFeatures", "numberMatched")  # how many rows the service has
_DEPTH = 3
_WEB_MERCATOR = {102100: 3857, 102113: 3857}  # codes of Esri's own
_FIRST_OF_ESRI = 32_768  # EPSG's codes are below
_LINES = (".jsonl", ".ndjson", ".geojsonl", ".geojsons")
_BROKEN = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class NoPointError(ValueError):
    """A feature's geometry is no point."""


class Items(NamedTuple):
    """The rows as JSON has them, each with its number or line, and what the document says about them."""

    items: list[tuple[int, Any]]
    refused: list[RefusedLine]
    crs: str | None = None
    notes: tuple[str, ...] = ()


def read_json(part: Part, form: FileFormat) -> Parsed:
    """Read the objects of a JSON file as rows of text; nested values stay JSON, geometry becomes `POINT (x y)`.

    Raises
    ------
    SourceError
        When it is no JSON, holds no array of objects, or is the error message of a service.
    """
    content, note = _utf8(part, form)
    if not content.strip():
        raise UnreadableError(f"{part.name} is empty: expected rows in JSON")
    found = _items(content, part)
    refused, rows = list(found.refused), list[tuple[int, dict[str, Any]]]()
    for number, item in found.items:
        try:
            rows.append((number, _row(item)))
        except (NoPointError, TypeError) as error:
            refused.append(RefusedLine(number, str(error), msgspec.json.encode(item)))
    keys = list(dict.fromkeys(key for _, row in rows for key in row))
    names = column_names(keys, origin=part.name)
    table = text_table(names, ((number, [cell_text(row.get(key)) for key in keys]) for number, row in rows))
    total = len(found.items) + len(found.refused)
    is_geojson = any(isinstance(item, dict) and item.get("type") == "Feature" for _, item in found.items[:1])
    return Parsed(
        table,
        names,
        total,
        tuple(sorted(refused)),
        crs=found.crs or ("EPSG:4326" if is_geojson else None),
        notes=(*filter(None, [note]), *found.notes),
        digest=part.digest(),
    )


def _utf8(part: Part, form: FileFormat) -> tuple[bytes, str | None]:
    content = part.content()
    check_is_text(part.name, content[:64])
    odd = [] if _is_utf8(content) else [line for line in content.splitlines() if not line.isascii()]
    encoding = encoding_of(content[:4096], odd[:1000], form.encoding, part.name)
    try:
        text = content.decode(encoding.codec, "surrogateescape" if odd else "strict")
    except (UnicodeError, LookupError) as error:
        raise SourceError(f"{part.name} cannot be read as {encoding.codec}: {error}") from None
    # A byte that is not of the encoding breaks its line only.
    return text.encode("utf-8", "surrogateescape").replace(b"\x1e", b""), encoding.note


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _items(content: bytes, part: Part) -> Items:
    lines = content.splitlines()
    first = next((line for line in lines if line.strip()), b"")
    if part.suffix not in _LINES or first.strip() == b"[" or first.strip() == b"{":
        try:
            return _items_of(msgspec.json.decode(content), part.name)
        except _BROKEN as error:
            if not isinstance(_decoded(first), dict):
                raise SourceError(_broken(content, error, part.name)) from None
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    decoded = [(number, line, _decoded(line)) for number, line in numbered]
    good = [(number, item) for number, _, item in decoded if isinstance(item, dict)]
    bad = [
        RefusedLine(number, "The line is no JSON object.", line)
        for number, line, item in decoded
        if not isinstance(item, dict)
    ]
    if len(good) == 1 and not bad:
        return _items_of(good[0][1], part.name)
    if not good:
        raise SourceError(
            f"{part.name}: no line is a JSON object; expected one object on each line, or an array of them"
        )
    return Items(good, bad)


def _decoded(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except _BROKEN:
        return None


def _broken(content: bytes, error: Exception, origin: str) -> str:
    found = re.search(r"byte (\d+)", str(error))
    at = int(found[1]) if found else len(content)
    line = content.count(b"\n", 0, at) + 1
    what = "it ends too early" if "truncated" in str(error) else "it is malformed or nested too deeply"
    return f"{origin} is no whole JSON: {what}, at line {line:,}, byte {at:,}; fetch the file again"


def _items_of(document: Any, origin: str) -> Items:
    if isinstance(document, list):
        return _numbered(document, origin)
    if not isinstance(document, dict):
        raise SourceError(f"{origin} holds a single value; expected an array of objects, or one object on each line")
    if isinstance(document.get("error"), dict) and "code" in document["error"]:
        raise UnreadableError(
            f"{origin} is an error message of the service (code {document['error']['code']}), no data; fetch it again"
        )
    lists = list(_lists(document, _DEPTH))
    if not lists:
        return Items([(1, document)], [])
    (holder, name), notes = _chosen(lists, origin)
    found = _numbered(holder[name], origin)
    return found._replace(crs=_crs(document), notes=(*notes, *_what_is_missing(document, holder, len(holder[name]))))


def _chosen(lists: list[tuple[dict[str, Any], str]], origin: str) -> tuple[tuple[dict[str, Any], str], list[str]]:
    """Return the array of rows, and what to say about others: the first under a usual name, else the only one.

    Raises
    ------
    SourceError
        When several arrays may be the rows. Their names may be ids and are not said.
    """
    rows = [(holder, name) for holder, name in lists if name not in _ABOUT] or lists
    usual = sorted(
        (one for one in rows if one[1] in _LISTS), key=lambda one: (not one[0][one[1]], _LISTS.index(one[1]))
    )
    rows = [(holder, name) for holder, name in rows if holder[name]] or rows
    best = usual[0] if usual else rows[0]
    if sum(name == best[1] and bool(holder[name]) for holder, name in usual) > 1 or (not usual and len(rows) > 1):
        raise SourceError(
            f"{origin} holds {len(rows)} lists of objects, and no name says which of them is the rows (expected one "
            f"called {', '.join(_LISTS)}): put all rows into one list, or each list into a file of its own"
        )
    others = [repr(name) for holder, name in rows if holder is not best[0] or name != best[1]]
    return best, [f"list {best[1]!r} is read; {', '.join(others[:3])} not"] if others else []


def _numbered(items: list[Any], origin: str) -> Items:
    good = [(number, item) for number, item in enumerate(items, 1) if isinstance(item, dict)]
    bad = [
        RefusedLine(number, "The item is no object with named values.", msgspec.json.encode(item))
        for number, item in enumerate(items, 1)
        if not isinstance(item, dict)
    ]
    if items and not good:
        raise SourceError(f"{origin}: the items of the array are no objects with named values; export it as CSV")
    return Items(good, bad)


def _lists(document: dict[str, Any], depth: int) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield where the document has arrays that may be rows: of objects, or under one of the usual names."""
    if document.get("type") == "Feature":
        return
    for name, value in document.items():
        if isinstance(value, list) and (name in _LISTS or any(isinstance(item, dict) for item in value)):
            yield document, name
    if depth > 1:
        for value in document.values():
            if isinstance(value, dict):
                yield from _lists(value, depth - 1)


def _crs(document: dict[str, Any]) -> str | None:
    """Return the system that ArcGIS or an older GeoJSON names."""
    reference = document.get("spatialReference")
    if isinstance(reference, dict):
        code = reference.get("latestWkid") or reference.get("wkid")
        if isinstance(code, int):
            code = _WEB_MERCATOR.get(code, code)
            return f"{'EPSG' if code < _FIRST_OF_ESRI else 'ESRI'}:{code}"
    named = document.get("crs")
    properties = named.get("properties") if isinstance(named, dict) else None
    name = str(properties.get("name", "")) if isinstance(properties, dict) else ""
    if name.upper().endswith("CRS84"):
        return "EPSG:4326"
    found = re.search(r"EPSG:[\d.]*:?(\d+)$", name, re.IGNORECASE)
    return f"EPSG:{found[1]}" if found else None


def _what_is_missing(document: dict[str, Any], holder: dict[str, Any], held: int) -> Iterator[str]:
    """Say where the service has cut its answer off."""
    properties = document.get("properties")
    places = [document, properties if isinstance(properties, dict) else {}]
    if any(place.get("exceededTransferLimit") is True for place in places):
        yield (
            f"the service cut its answer off after {held:,} rows (exceededTransferLimit), so rows are missing: "
            "fetch the rest, page by page"
        )
    for name in _TOTALS:
        total = holder.get(name)
        if isinstance(total, int) and not isinstance(total, bool) and total > held:
            yield f"it holds {held:,} of {total:,} rows ({name}), so rows are missing: fetch the rest, page by page"
            return


def _row(item: dict[str, Any]) -> dict[str, Any]:
    """Return an object as a row: of a feature, its properties and its point."""
    inside = item.get("attributes") if "attributes" in item else item.get("properties")
    is_feature = item.get("type") == "Feature" or ("geometry" in item and isinstance(inside, dict))
    if not is_feature and not (isinstance(inside, dict) and set(item) <= {"attributes"}):
        return item
    row = dict(inside) if isinstance(inside, dict) else {}
    if "id" in item and not isinstance(item["id"], dict):
        row.setdefault("id", item["id"])
    return {**row, "geometry": _point(item.get("geometry"))}


def _point(geometry: Any) -> str | None:
    """Return GeoJSON's or ArcGIS's point as text, None where there is none."""
    if geometry is None or geometry == {}:
        return None
    if not isinstance(geometry, dict):
        raise NoPointError("The geometry is no point.")
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind == "MultiPoint" or "points" in geometry:
        several = coordinates or geometry.get("points") or []
        kind, coordinates = "Point", several[0] if isinstance(several, list) and len(several) == 1 else None
    elif kind is None and "x" in geometry:
        kind, coordinates = "Point", [geometry["x"], geometry.get("y")]
    if kind == "Point" and coordinates in ([], [None, None], ["NaN", "NaN"], [None], ["NaN", None]):
        return None
    if kind != "Point" or not isinstance(coordinates, list) or len(coordinates) < 2:
        raise NoPointError(
            f"The geometry is {'no point' if kind == 'Point' else f'of type {str(kind)[:20]}, no point'}."
        )
    x, y = coordinates[:2]
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (x, y)):
        raise NoPointError("The geometry's coordinates are no numbers.")
    return point_text(x, y)
