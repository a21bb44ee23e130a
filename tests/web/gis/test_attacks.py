"""What is refused, with 400 and words: SQL, strange names, deep nesting, numbers that are none, unknown systems."""

import time

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tests.web.gis.conftest import CRS84, Client
from web.gis.collection import Collection
from web.gis.crs import offered
from web.gis.filters import LANGUAGES, matching
from web.gis.refusal import RefusalError

ITEMS = "/collections/cells/items"
NOT = '{"op":"not","args":['
REFUSED = [
    ("filter", "1=1; DROP TABLE run", "cql2-text"),
    ("filter", "rank = 1 UNION SELECT * FROM run", "cql2-text"),
    ("filter", "read_csv('/etc/passwd') = 1", "no function"),
    ("filter", '"rank""; --" = 1', "no property"),
    ("filter", "class = 1", "no property"),
    ("filter", "person_id = 'p'", "no property"),
    ("filter", "rank", "condition"),
    ("filter", "rank = 'a'", "one kind"),
    ("filter", "CASEI(rank) = 1", "text"),
    ("filter", "rank LIKE 'a'", "LIKE"),
    ("filter", "S_INTERSECTS(rank, POINT(1 1))", "geometries"),
    ("filter", "S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 1 0, 0 1, 0 0)))", "not valid"),
    ("filter", "S_DWITHIN(geometry, POINT(1 1), 5)", "no function"),
    ("filter", "T_AFTER(rank, DATE('2020-01-01'))", "times"),
    ("filter", "as_of > DATE('2020-02-31')", "no time"),
    ("filter", "rank + place > 1", "numbers"),
    ("filter", "(" * 20, "brackets"),
    ("filter", "'(' = '" + "a" * 2100 + "'", "characters"),
    ("filter", "NOT " * 800 + "TRUE", "filter"),
    ("filter", "rank = 1" + " + 1" * 400, "deep"),
    ("filter", "", "cql2-text"),
    ("filter-lang", "sql", "cql2-text"),
    ("filter-crs", "EPSG:1", "not offered"),
    ("bbox", "nan,0,1,1", "four numbers"),
    ("bbox", "0,0,inf,1", "four numbers"),
    ("bbox", "0,0,1", "four numbers"),
    ("bbox", "0,5,1,1", "south"),
    ("bbox", "1e999,0,1,1", "four numbers"),
    ("bbox-crs", "'; --", "not offered"),
    ("crs", "http://www.opengis.net/def/crs/EPSG/0/999999", "not offered"),
    ("limit", "0", "whole number"),
    ("limit", "-1", "whole number"),
    ("limit", "1e3", "whole number"),
    ("limit", "٣", "whole number"),
    ("offset", "-1", "whole number"),
    ("datetime", "yesterday", "no time"),
    ("datetime", "2020-01-02/2020-01-01", "ends before"),
    ("datetime", "99999-01-01", "no time"),
    ("sortby", "nothing", "no property"),
    ("rank", "one", "expected"),
    ("f", "xml", "expected one of"),
    ("nothing", "1", "unknown"),
    ("geometry", "1", "unknown"),
    ("__proto__", "1", "unknown"),
]


@pytest.mark.parametrize(("name", "value", "words"), REFUSED, ids=[f"{n}={v[:30]}" for n, v, _ in REFUSED])
def test_it_is_refused_in_words(name: str, value: str, words: str, client: Client) -> None:
    before = time.monotonic()
    said = client.json(ITEMS, 400, **{name: value})
    assert said["code"] == "InvalidParameterValue" and words in said["description"], said
    assert time.monotonic() - before < 5


def test_deep_json_and_odd_json_are_refused(client: Client) -> None:
    for text in (NOT * 60 + "true" + "]}" * 60, "[" * 900, "{}", "null", '"x"', '{"op":"and","args":[]}', "NaN"):
        said = client.json(ITEMS, 400, **{"filter": text, "filter-lang": "cql2-json"})
        assert "filter" in said["description"]


def test_a_parameter_given_twice_is_refused_and_a_huge_limit_is_the_most(client: Client) -> None:
    assert client.get(f"/gis{ITEMS}?limit=1&limit=2").status_code == 400
    assert client.json(ITEMS, limit="9" * 400)["numberReturned"] <= 10_000
    assert client.json(ITEMS, offset="9" * 400)["features"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/collections/nothing",
        "/collections/..%2f..%2fkey/items",
        "/collections/people/items",
        f"{ITEMS}/nothing",
        f"{ITEMS}/..%2f..%2f..%2fkey",
        "/collections/cells/tiles/WebMercatorQuad/8/0/0",
        "/collections/cells/tiles/WebMercatorQuad/9/0/99999999999999999999",
        "/collections/cells/tiles/WebMercatorQuad/9/-1/x",
        "/nothing",
    ],
)
def test_what_is_not_there_is_told_so(path: str, client: Client) -> None:
    assert client.json(path, 404)["code"] == "NotFound"
    assert client.json("/collections/cells/items", 404, run="' OR 1=1")["code"] == "NotFound"


def test_an_error_repeats_no_person(client: Client) -> None:
    person = f"p_{'0' * 32}"
    for asked in ({"filter": f"rank = '{person}'"}, {"filter": f"{person} = 1"}, {"run": person}, {person: "1"}):
        assert person not in client.get(f"/gis{ITEMS}", params=asked).text


def test_nothing_is_written(client: Client) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert client.request(method, f"/gis{ITEMS}").status_code == 405


def test_wildcards_are_matched_in_no_more_than_a_moment(shown: dict[str, Collection]) -> None:
    before = time.monotonic()
    text = f"place LIKE '{'%a_' * 300}'"
    assert not matching(shown["cells"], text, "cql2-text", offered("EPSG:32631")[CRS84]).any()
    assert time.monotonic() - before < 2


WORDS = [
    "rank",
    "place",
    "geometry",
    "as_of",
    "AND",
    "OR",
    "NOT",
    "(",
    ")",
    "=",
    "<",
    "'a'",
    "1",
    "IN",
    "LIKE",
    "BETWEEN",
]
WORDS += [
    "IS NULL",
    "CASEI(",
    "S_INTERSECTS(",
    "POINT(1 1)",
    "T_AFTER(",
    "DATE('2020-01-01')",
    ",",
    "+",
    "-",
    "TRUE",
    "%",
    "é",
]


@settings(max_examples=150)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=40), st.sampled_from(LANGUAGES))
def test_any_text_is_answered_or_refused(shown: dict[str, Collection], text: str, language: str) -> None:
    try:
        found = matching(shown["cells"], text, language, offered("EPSG:32631")[CRS84])
    except RefusalError as error:
        assert error.words
    else:
        assert len(found) == len(shown["cells"].ids)
