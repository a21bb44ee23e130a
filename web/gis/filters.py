"""Filters in CQL2 (OGC 21-065r2): text or JSON to the features that match, computed on the columns of the layer.

No SQL is made: an expression can only name the properties of its collection and the functions below. Comparisons with
a missing value are unknown, as in SQL, and an unknown feature does not match.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cql2
import numpy as np
import pandas as pd
import shapely

from web.gis.collection import Collection
from web.gis.crs import Coordinates
from web.gis.refusal import RefusalError
from web.gis.values import Array, Value, attribute, seconds

LONGEST_TEXT, DEEPEST_BRACKETS = 2000, 6  # the parser takes three times as long for each further bracket
DEEPEST = 40  # of an expression in another
GEOMETRY = "geometry"
LANGUAGES = ("cql2-text", "cql2-json")
COMPARES: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": np.equal, "<>": np.not_equal, "<": np.less, ">": np.greater, "<=": np.less_equal, ">=": np.greater_equal,
}  # fmt: skip
ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "%": np.fmod, "div": np.floor_divide,
    "^": np.float_power,
}  # fmt: skip
SPATIAL: Mapping[str, Callable[[Any, Any], Any]] = {
    f"s_{name}": getattr(shapely, name)
    for name in ("intersects", "equals", "disjoint", "touches", "within", "overlaps", "crosses", "contains")
}
# Of two intervals from a to b and from c to d; Allen, Communications of the ACM 26 (1983), 832-843.
TEMPORAL: Mapping[str, Callable[[Any, Any, Any, Any], Any]] = {
    "t_after": lambda a, b, c, d: a > d,
    "t_before": lambda a, b, c, d: b < c,
    "t_contains": lambda a, b, c, d: (a < c) & (b > d),
    "t_disjoint": lambda a, b, c, d: (b < c) | (a > d),
    "t_during": lambda a, b, c, d: (a > c) & (b < d),
    "t_equals": lambda a, b, c, d: (a == c) & (b == d),
    "t_finishedby": lambda a, b, c, d: (a < c) & (b == d),
    "t_finishes": lambda a, b, c, d: (a > c) & (b == d),
    "t_intersects": lambda a, b, c, d: (a <= d) & (b >= c),
    "t_meets": lambda a, b, c, d: b == c,
    "t_metby": lambda a, b, c, d: a == d,
    "t_overlappedby": lambda a, b, c, d: (a > c) & (a < d) & (b > d),
    "t_overlaps": lambda a, b, c, d: (a < c) & (b > c) & (b < d),
    "t_startedby": lambda a, b, c, d: (a == c) & (b > d),
    "t_starts": lambda a, b, c, d: (a == c) & (b < d),
}
FOLDS: Mapping[str, Callable[[str], str]] = {
    "casei": str.casefold,
    "accenti": lambda text: "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)),
}
OF_TWO = {"like", *COMPARES, *ARITHMETIC, *SPATIAL, *TEMPORAL}


def matching(collection: Collection, text: str, language: str, system: Coordinates) -> "np.ndarray[Any, Any]":
    """Return which features match a filter whose coordinates are of `system`; RefusalError if it cannot be read."""
    try:
        found = Reading(collection, system).value(parsed(text, language), 0)
    except RecursionError:
        raise RefusalError("filter: too deep an expression; write it with fewer brackets") from None
    except shapely.errors.ShapelyError as error:
        raise RefusalError(f"filter: a geometry cannot be used: {str(error)[:120]}") from None
    return truth(found, "filter", len(collection.table)).fillna(False).to_numpy(dtype=bool)


def parsed(text: str, language: str) -> Any:
    """Return a filter as CQL2 JSON has it; RefusalError if it is none, or would take the parser long."""
    if language == "cql2-text":
        _refuse_brackets(text)
    try:
        found = cql2.parse_text(text) if language == "cql2-text" else cql2.parse_json(text)
        return found.to_json()
    except (cql2.ParseError, cql2.ValidationError, ValueError, TypeError) as error:
        raise RefusalError(f"filter is no {language}: {' '.join(str(error).split())[:300]}") from None


def _refuse_brackets(text: str) -> None:
    """Refuse a text that would take the parser, which tries each bracket in several ways, more than a moment."""
    bare, depth, deepest = re.sub(r"'(?:[^']|'')*'", "''", text), 0, 0
    for sign in bare:
        depth += (sign == "(") - (sign == ")")
        deepest = max(deepest, depth)
    if len(text) > LONGEST_TEXT or deepest > DEEPEST_BRACKETS:
        raise RefusalError(
            f"filter: {len(text)} characters with brackets {deepest} deep; expected at most {LONGEST_TEXT} and "
            f"{DEEPEST_BRACKETS}: ask for more with filter-lang=cql2-json"
        )


def truth(value: Value, name: str, count: int) -> "pd.Series[Any]":
    """Return true, false or unknown for each of `count` features; RefusalError if the value is no truth."""
    if value.kind != "boolean":
        raise RefusalError(f"{name}: expected a condition, found a {value.kind}")
    return pd.Series(np.broadcast_to(np.asarray(value.data, dtype=object), (count,)), dtype="boolean")


def compared(op: str, left: Value, right: Value) -> Value:
    """Return a comparison, unknown where a side is missing; RefusalError if the sides are of different kinds."""
    left, right = _as_time(left, right), _as_time(right, left)
    if left.kind != right.kind or left.kind not in ("string", "number", "time", "boolean"):
        raise RefusalError(f"filter: {op} compares a {left.kind} with a {right.kind}; both must be of one kind")
    blank: Any = {"string": "", "boolean": False}.get(left.kind, 0.0)
    unknown = left.is_missing | right.is_missing
    sides = [np.where(each.is_missing, blank, np.asarray(each.data, dtype=object)) for each in (left, right)]
    if left.kind in ("number", "time"):
        sides = [side.astype(float) for side in sides]
    return _known(COMPARES[op](*sides), unknown)


def _as_time(value: Value, other: Value) -> Value:
    is_text = value.kind == "string" and value.is_literal and other.kind == "time"
    return Value("time", seconds(value.data), is_literal=True) if is_text else value


def _known(found: Array, unknown: Array) -> Value:
    known = np.array(np.broadcast_to(found, np.shape(unknown)), dtype=object)
    known[unknown] = None
    return Value("boolean", known)


@dataclass(frozen=True, slots=True)
class Reading:
    """A filter being read: the collection that it is asked of, and the system of its coordinates."""

    collection: Collection
    system: Coordinates

    def value(self, node: Any, depth: int) -> Value:
        """Return what a part of a filter amounts to."""
        if depth > DEEPEST:
            raise RecursionError
        if isinstance(node, bool):
            return Value("boolean", node, is_literal=True)
        if isinstance(node, (int, float)):
            return Value("number", float(node), is_literal=True)
        if isinstance(node, str):
            return Value("string", node, is_literal=True)
        if not isinstance(node, dict):
            raise RefusalError(f"filter: {str(node)[:60]!r} has no place here")
        if "op" in node:
            return self._operation(str(node["op"]), node.get("args", []), depth + 1)
        return self._stated(node, depth)

    def _stated(self, node: Mapping[str, Any], depth: int) -> Value:
        """Return a property, a time, an interval or a geometry."""
        if "property" in node:
            name = node["property"]
            if name == GEOMETRY:
                return Value("shape", self.collection.shapes(self.system))
            return attribute(self.collection, str(name))
        if "date" in node or "timestamp" in node:
            return Value("time", seconds(str(node.get("date", node.get("timestamp")))), is_literal=True)
        if "interval" in node and len(node["interval"]) == 2:
            return self._interval(node["interval"], depth)
        if "bbox" in node:
            return Value("shape", self.system.box(",".join(map(str, node["bbox"])), "filter: BBOX"), is_literal=True)
        if "coordinates" in node or "geometries" in node:
            return Value("shape", self._shape(node), is_literal=True)
        raise RefusalError(f"filter: {str(dict(node))[:80]!r} has no place here")

    def _interval(self, ends: Sequence[Any], depth: int) -> Value:
        found = []
        for end, opened in zip(ends, (-np.inf, np.inf), strict=True):
            value = Value("time", opened) if end == ".." else self.value(end, depth + 1)
            value = _as_time(value, Value("time", 0.0))
            if value.kind != "time":
                raise RefusalError(f"filter: an INTERVAL has times, not a {value.kind}")
            found.append(value.data)
        return Value("interval", found)

    def _shape(self, node: Mapping[str, Any]) -> shapely.Geometry:
        try:
            found = shapely.force_2d(shapely.from_geojson(json.dumps(node)))
        except (shapely.errors.ShapelyError, ValueError):
            found = None
        if found is None or not np.isfinite(shapely.get_coordinates(found)).all():
            raise RefusalError(f"filter: {str(dict(node))[:80]!r} is no geometry")
        if not shapely.is_valid(found):
            raise RefusalError(f"filter: a geometry is not valid: {shapely.is_valid_reason(found)[:120]}")
        shape = self.system.as_written(found)
        shapely.prepare(shape)
        return shape

    def _operation(self, op: str, args: Sequence[Any], depth: int) -> Value:
        name = op.lower()
        if name in ("and", "or"):
            return self._joined(name, args, depth)
        if name == "in":
            item, listed = _args(op, args, 2)
            return self._is_in(item, listed, depth)
        values = [self.value(arg, depth) for arg in args]
        if name == "not":
            (value,) = _args(op, values, 1)
            return Value("boolean", (~truth(value, "NOT", self._count)).to_numpy(dtype=object))
        if name == "isnull":
            (value,) = _args(op, values, 1)
            return Value("boolean", value.is_missing if value.kind != "interval" else False)
        if name in FOLDS:
            (value,) = _args(op, values, 1)
            return _folded(op, value)
        if name == "between":
            value, low, high = _args(op, values, 3)
            parts = (compared(">=", value, low), compared("<=", value, high))
            return self._all(parts, is_and=True)
        if name not in OF_TWO:
            known = ", ".join(["CASEI", "ACCENTI", *(each.upper() for each in (*SPATIAL, *TEMPORAL))])
            raise RefusalError(f"filter: {op[:60]!r} is no function of the service; it has {known}")
        left, right = _args(op, values, 2)
        return self._of_two(op, name, left, right)

    def _of_two(self, op: str, name: str, left: Value, right: Value) -> Value:
        if name in COMPARES:
            return compared(name, left, right)
        if name == "like":
            return _like(left, right)
        if name in ARITHMETIC:
            return _reckoned(op, left, right)
        if name in SPATIAL:
            if {left.kind, right.kind} != {"shape"}:
                raise RefusalError(f"filter: {op} takes two geometries, not a {left.kind} and a {right.kind}")
            return Value("boolean", SPATIAL[name](left.data, right.data))
        return _timed(op, left, right)

    @property
    def _count(self) -> int:
        return len(self.collection.table)

    def _joined(self, name: str, args: Sequence[Any], depth: int) -> Value:
        if len(args) < 2:
            raise RefusalError(f"filter: {name} joins two conditions or more, not {len(args)}")
        return self._all([self.value(arg, depth) for arg in args], is_and=name == "and")

    def _all(self, parts: Sequence[Value], *, is_and: bool) -> Value:
        found = truth(parts[0], "filter", self._count)
        for part in parts[1:]:
            other = truth(part, "filter", self._count)
            found = found & other if is_and else found | other
        return Value("boolean", found.to_numpy(dtype=object))

    def _is_in(self, item: Any, listed: Any, depth: int) -> Value:
        if not isinstance(listed, list) or not listed:
            raise RefusalError("filter: IN takes a list of values in brackets")
        value = self.value(item, depth)
        parts = [compared("=", value, self.value(each, depth)) for each in listed]
        return self._all(parts, is_and=False)


def _args(op: str, args: Sequence[Any], count: int) -> Sequence[Any]:
    if len(args) != count:
        raise RefusalError(f"filter: {op[:60]!r} takes {count} arguments, not {len(args)}")
    return args


def _folded(op: str, value: Value) -> Value:
    if value.kind != "string":
        raise RefusalError(f"filter: {op} takes a text, not a {value.kind}")
    fold = FOLDS[op.lower()]
    if isinstance(value.data, str):
        return Value("string", fold(value.data), value.is_literal)
    texts = [None if pd.isna(text) else fold(text) for text in value.data]
    return Value("string", np.array(texts, dtype=object))


def _like(value: Value, pattern: Value) -> Value:
    if value.kind != "string" or not isinstance(pattern.data, str):
        raise RefusalError("filter: LIKE compares a text with a pattern, such as area_name LIKE 'Old%'")
    texts, matches = np.atleast_1d(np.asarray(value.data, dtype=object)), _pattern(pattern.data)
    found = [None if pd.isna(text) else matches.fullmatch(text) is not None for text in texts]
    return Value("boolean", np.array(found, dtype=object) if np.ndim(value.data) else found[0])


def _pattern(text: str) -> "re.Pattern[str]":
    """Return a pattern of LIKE; atomic groups keep a text with many wildcards from being tried in all ways."""
    parts = [""]
    for sign in re.findall(r"\\.|.", text, re.DOTALL):
        if sign == "%":
            parts.append("")
        else:
            parts[-1] += "." if sign == "_" else re.escape(sign[-1])
    first, *others = parts
    if not others:
        return re.compile(first, re.DOTALL)
    *middle, last = others
    between = "".join(f"(?>.*?{part})" for part in middle if part)
    return re.compile(f"{first}{between}.*{last}", re.DOTALL)


def _reckoned(op: str, left: Value, right: Value) -> Value:
    if (left.kind, right.kind) != ("number", "number"):
        raise RefusalError(f"filter: {op} takes two numbers, not a {left.kind} and a {right.kind}")
    with np.errstate(all="ignore"):
        found = np.asarray(ARITHMETIC[op.lower()](left.data, right.data), dtype=float)
    return Value("number", np.where(np.isfinite(found), found, np.nan))


def _timed(op: str, left: Value, right: Value) -> Value:
    ends = []
    for value in (_as_time(left, Value("time", 0.0)), _as_time(right, Value("time", 0.0))):
        if value.kind not in ("time", "interval"):
            raise RefusalError(f"filter: {op} takes times and intervals, not a {value.kind}")
        ends += [*value.data] if value.kind == "interval" else [value.data, value.data]
    unknown = np.logical_or.reduce([np.isnan(np.asarray(end, dtype=float)) for end in np.broadcast_arrays(*ends)])
    return _known(TEMPORAL[op.lower()](*ends), unknown)
