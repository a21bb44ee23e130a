"""Filters: CQL2 as text and JSON selects what pandas selects, with a missing value unknown as in SQL."""

import json
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings

from tests.web.gis.conftest import EPSG, Client
from web.gis.collection import Collection
from web.gis.crs import CRS84, offered
from web.gis.filters import LANGUAGES, matching, parsed

DEGREES = offered("EPSG:32631")[CRS84]
Rows = pd.DataFrame


def ids(shown: Collection, text: str, language: str = "cql2-text") -> list[str]:
    return [shown.ids[place] for place in np.flatnonzero(matching(shown, text, language, DEGREES))]


CASES: list[tuple[str, Callable[[Rows], Any]]] = [
    ("rank <= 3", lambda t: t["rank"] <= 3),
    ("rank <> 3 AND rank < 6", lambda t: t["rank"].ne(3) & (t["rank"] < 6)),
    ("rank = 1 OR rank = 2 AND area_id = 'none'", lambda t: t["rank"] == 1),
    ("NOT (rank > 2)", lambda t: t["rank"] <= 2),
    ("rank BETWEEN 2 AND 4", lambda t: t["rank"].between(2, 4)),
    ("rank NOT BETWEEN 2 AND 4", lambda t: ~t["rank"].between(2, 4)),
    ("rank IN (1, 3)", lambda t: t["rank"].isin([1, 3])),
    ("area_id NOT IN ('A07@1')", lambda t: t["area_id"] != "A07@1"),
    ("area_id LIKE 'A0%'", lambda t: t["area_id"].str.startswith("A0")),
    ("area_id LIKE '%1_@%'", lambda t: t["area_id"].str.contains("1.@", regex=True)),
    ("area_name NOT LIKE '%a%'", lambda t: ~t["area_name"].str.contains("a")),
    ("CASEI(area_name) LIKE CASEI('%QUARRY%')", lambda t: t["area_name"].str.lower().str.contains("quarry")),
    ("ACCENTI(area_name) = ACCENTI('Cástle')", lambda t: t["area_name"] == "Castle"),
    ("is_listed", lambda t: t["is_listed"]),
    ("is_listed = false", lambda t: ~t["is_listed"]),
    ("rank_before IS NULL", lambda t: t["rank_before"].isna()),
    ("rank_before IS NOT NULL", lambda t: t["rank_before"].notna()),
    ("NOT (rank_before = 1)", lambda t: t["rank_before"].notna() & t["rank_before"].ne(1)),
    ("rank_before = 1 OR rank = 1", lambda t: t["rank"] == 1),
    ("rank_hi - rank_lo > 3 * 2", lambda t: t["rank_hi"] - t["rank_lo"] > 6),
    ("rank % 2 = 0 AND rank div 4 = 1", lambda t: (t["rank"] % 2 == 0) & (t["rank"] // 4 == 1)),
    ("rank ^ 2 > 10 AND rank / 0 = 1", lambda t: t["rank"] < 0),
    ("rank_lo = rank", lambda t: t["rank_lo"] == t["rank"]),
    ("as_of >= DATE('2020-01-01')", lambda t: t["rank"] > 0),
    ("T_AFTER(as_of, TIMESTAMP('2020-01-01T00:00:00Z'))", lambda t: t["rank"] > 0),
    ("T_DURING(as_of, INTERVAL('2020-01-01', '..'))", lambda t: t["rank"] > 0),
    ("T_INTERSECTS(INTERVAL(as_of, valid_to), INTERVAL('..', '2020-01-01'))", lambda t: t["rank"] < 0),
    ("S_INTERSECTS(geometry, BBOX(-180, -90, 180, 90))", lambda t: t["rank"] > 0),
    ("S_DISJOINT(geometry, POINT(0 0))", lambda t: t["rank"] > 0),
    ("S_WITHIN(geometry, POLYGON((0 50, 2 50, 2 55, 0 55, 0 50)))", lambda t: t["rank"] > 0),
    ("1 = 1", lambda t: t["rank"] > 0),
    ("TRUE AND FALSE", lambda t: t["rank"] < 0),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_a_condition_selects_what_pandas_selects(
    text: str, expected: Callable[[Rows], Any], shown: dict[str, Collection]
) -> None:
    table = shown["areas"].table
    wanted = [name for name, is_in in zip(shown["areas"].ids, expected(table), strict=True) if is_in]
    assert ids(shown["areas"], text) == wanted
    assert ids(shown["areas"], json.dumps(parsed(text, LANGUAGES[0])), "cql2-json") == wanted


JUNE = ("06-10", "06-20")
ALLEN = {
    "T_AFTER": ("06-01", "06-05"), "T_BEFORE": ("06-25", "06-28"), "T_CONTAINS": ("06-12", "06-18"),
    "T_DURING": ("06-01", "06-28"), "T_EQUALS": JUNE, "T_FINISHEDBY": ("06-15", "06-20"),
    "T_FINISHES": ("06-01", "06-20"), "T_MEETS": ("06-20", "06-28"), "T_METBY": ("06-01", "06-10"),
    "T_OVERLAPPEDBY": ("06-05", "06-15"), "T_OVERLAPS": ("06-15", "06-25"), "T_STARTEDBY": ("06-10", "06-15"),
    "T_STARTS": ("06-10", "06-28"),
}  # fmt: skip


@pytest.mark.parametrize("holds", list(ALLEN))
def test_of_the_thirteen_relations_of_two_intervals_one_holds(holds: str, shown: dict[str, Collection]) -> None:
    first, second = (
        "INTERVAL({})".format(", ".join(f"'2026-{day}T00:00:00Z'" for day in span)) for span in (JUNE, ALLEN[holds])
    )
    found = [name for name in ALLEN if ids(shown["areas"], f"{name}({first}, {second})")]
    assert found == [holds]
    is_apart = holds in ("T_AFTER", "T_BEFORE")
    assert bool(ids(shown["areas"], f"T_DISJOINT({first}, {second})")) == is_apart
    assert bool(ids(shown["areas"], f"T_INTERSECTS({first}, {second})")) != is_apart


NUMBERS = st.sampled_from(["rank", "rank_before", "expected_harm", "naive_count"])


def conditions() -> st.SearchStrategy[tuple[str, Callable[[Rows], Any]]]:
    """Conditions as text, and as pandas with Kleene's logic."""

    def compares(name: str, op: str, value: float) -> tuple[str, Callable[[Rows], Any]]:
        ways: dict[str, Callable[[Any], Any]] = {
            "<": lambda column: column < value,
            ">=": lambda column: column >= value,
            "=": lambda column: column == value,
            "<>": lambda column: column != value,
        }
        return f"{name} {op} {value!r}", lambda table: ways[op](table[name].astype("Float64"))

    leaves = st.builds(compares, NUMBERS, st.sampled_from(["<", ">=", "=", "<>"]), st.integers(0, 400).map(float))

    def further(inner: Any) -> Any:
        joined = st.tuples(inner, inner, st.booleans()).map(
            lambda each: (
                f"({each[0][0]} {'AND' if each[2] else 'OR'} {each[1][0]})",
                lambda t: each[0][1](t) & each[1][1](t) if each[2] else each[0][1](t) | each[1][1](t),
            )
        )
        return joined | inner.map(lambda each: (f"NOT ({each[0]})", lambda t: ~each[1](t)))

    return st.recursive(leaves, further, max_leaves=5)


@settings(max_examples=60)
@given(condition=conditions())
def test_any_condition_is_that_of_pandas(
    condition: tuple[str, Callable[[Rows], Any]], shown: dict[str, Collection]
) -> None:
    text, expected = condition
    tree = json.dumps(parsed(text, "cql2-text")) if text.count("(") < 6 else None
    if tree is None:
        return
    wanted = expected(shown["cells"].table).fillna(False).to_numpy(dtype=bool)
    assert (matching(shown["cells"], text, "cql2-text", DEGREES) == wanted).all()
    assert (matching(shown["cells"], tree, "cql2-json", DEGREES) == wanted).all()


@settings(max_examples=30)
@given(
    op=st.sampled_from(["intersects", "within", "disjoint", "contains", "touches", "overlaps", "crosses", "equals"]),
    corner=st.tuples(st.floats(0, 0.8), st.floats(0, 0.8)),
    size=st.floats(0.001, 0.5),
    uri=st.sampled_from([CRS84, f"{EPSG}4326", f"{EPSG}3857", f"{EPSG}32631"]),
)
def test_any_shape_in_any_system_finds_what_shapely_finds(
    op: str, corner: tuple[float, float], size: float, uri: str, shown: dict[str, Collection]
) -> None:
    system = offered("EPSG:32631")[uri]
    shapes = shown["cells"].shapes(system)
    west, south, east, north = shapely.total_bounds(shapes)
    at = west + corner[0] * (east - west), south + corner[1] * (north - south)
    triangle = shapely.Polygon([at, (at[0] + size * (east - west), at[1]), (at[0], at[1] + size * (north - south))])
    written = shapely.to_wkt(system.as_written(triangle), rounding_precision=-1)
    found = matching(shown["cells"], f"S_{op.upper()}(geometry, {written})", "cql2-text", system)
    assert (found == getattr(shapely, op)(shapes, triangle)).all()


def test_a_filter_is_asked_by_address_in_both_languages(client: Client) -> None:
    text = {"filter": "rank <= 2", "limit": 5}
    tree = {"op": "<=", "args": [{"property": "rank"}, 2]}
    first = client.json("/collections/cells/items", **text)
    second = client.json("/collections/cells/items", **{"filter": json.dumps(tree), "filter-lang": "cql2-json"})
    assert [each["id"] for each in first["features"]] == [each["id"] for each in second["features"]]
    assert first["numberMatched"] == 2
