"""Answers as HTTP and the standard have them: addresses without redirects, methods, weights of Accept, ids in links."""

from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from owslib.ogcapi.features import Features

from flows.home.home import Home
from tests.town import TownRun
from tests.web.gis.conftest import Client, client_of
from tests.web.gis.test_access import service
from web.day import Day, Days
from web.gis.collection import Collection, collections_of
from web.gis.service import MapService

ITEMS = "/gis/collections/cells/items"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def paths_of(client: Client) -> list[str]:
    """Every path of the description, with a feature and a tile that are there."""
    found = []
    for path in client.json("/api")["paths"]:
        if "{featureId}" in path:
            features = client.json(path.replace("/{featureId}", ""), limit=1)["features"]
            path = path.replace("{featureId}", quote(features[0]["id"], safe="") if features else "none")
        found.append(path.format(tileMatrix=9, tileRow=164, tileCol=257))
    return found


def self_of(answer: Any) -> list[str]:
    document = answer.json() if "json" in answer.headers.get("content-type", "") else {}
    return [link["href"] for link in document.get("links", ()) if link["rel"] == "self"]


def test_no_address_is_redirected_and_links_agree_with_the_one_that_was_asked(client: Client) -> None:
    addresses = [f"/gis{path}".rstrip("/") + slash for path in paths_of(client) for slash in ("", "/")]
    assert {"/gis", "/gis/"} <= set(addresses)
    for address in addresses:
        answer = client.get(address)
        assert not 300 <= answer.status_code < 400, address
        if "/items" not in address:  # the slash may be of an id there
            assert answer.status_code in (200, 204), address
            assert all(link == f"http://localhost{address}" for link in self_of(answer))
    assert len(self_of(client.get("/gis"))) == 1


def test_without_a_slash_it_answers_with_a_token_and_behind_a_proxy(real_home: Home, town_run: TownRun) -> None:
    headers = {"authorization": f"Bearer {service(real_home)}"}
    assert client_of(real_home).get("/gis", headers=headers).json()["code"] == "NotFound"  # no run is published yet
    proxied = client_of(town_run.home, address="https://board.example.org")
    for path in ("/gis", "/gis/", "/gis/collections/"):
        answer = proxied.get(path)
        assert self_of(answer) == [f"https://board.example.org{path}"]


def test_every_path_answers_head_as_get_and_says_its_methods(client: Client) -> None:
    for path in paths_of(client):
        got, head, asked = (client.request(method, f"/gis{path}") for method in ("GET", "HEAD", "OPTIONS"))
        assert (head.status_code, head.content) == (got.status_code, b"")
        for name in ("content-type", "content-length", "harmspot-run-id"):
            assert head.headers.get(name) == got.headers.get(name)
        assert (asked.status_code, asked.headers["allow"], asked.content) == (204, "GET, HEAD, OPTIONS", b"")
        refused = client.request("POST", f"/gis{path}")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        assert "GET or HEAD" in refused.json()["description"]


def test_a_page_of_another_site_is_let_in_by_no_answer(client: Client) -> None:
    """As docs/gis.md says: such a page is served through one proxy with the board, or not at all."""
    asks = {"origin": "https://maps.example.org", "access-control-request-method": "GET"}
    for method in ("OPTIONS", "GET"):
        answer = client.request(method, ITEMS, headers=asks)
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        ("", False), ("*/*", False), (BROWSER, True), ("text/html", True), ("text/*", True), ("image/png", False),
        ("text/html;q=0.1, application/json", False), ("application/json;q=0.1, text/html", True),
        ("application/geo+json;q=0.5, text/html;q=0.9", True), ("text/html;q=0, */*", False),
        ("application/*;q=0.2, text/*;q=0.3", True), ("application/json, text/html", False), ("TEXT/HTML ; Q=1", True),
        (";;;,", False), ("text/html;q=much", True), ("text/html;level=1;q=0.3, application/json;q=0.2", True),
    ],
)  # fmt: skip
def test_the_form_that_accept_weighs_most_is_given_and_json_where_both_weigh_the_same(
    accept: str, is_page: bool, client: Client
) -> None:
    for path in ("/gis", ITEMS, "/gis/api", "/gis/collections/cells/queryables"):
        found = client.get(path, headers={"accept": accept}).headers["content-type"]
        assert found.startswith("text/html") == is_page, path
        assert not client.get(path, params={"f": "json"}, headers={"accept": accept}).text.startswith("<")


@pytest.mark.parametrize("duration", ["2024-01-01T00:00:00Z/P1D", "P1D/2024-01-01T00:00:00Z", "P1D", "../P1M"])
def test_a_duration_is_refused_with_what_is_accepted(duration: str, client: Client) -> None:
    said = client.json("/collections/cells/items", 400, datetime=duration)["description"]
    assert all(word in said for word in (duration, "2019-12-01T06:00:00Z", "..", "durations"))


def test_the_link_of_every_feature_gives_that_feature(client: Client, shown: dict[str, Collection]) -> None:
    for name, collection in shown.items():
        for feature in client.whole(f"/collections/{name}/items", limit=1000):
            one = client.get(f"/gis/collections/{name}/items/{quote(feature['id'], safe='')}")
            (link,) = self_of(one)
            again = client.get(link).json()
            assert link.isascii() and " " not in link and again == one.json()
            assert {key: again[key] for key in feature} == feature
        assert len(collection.ids) == len(set(collection.ids))


# All that an id may hold but dots alone, which addresses resolve: an area's ends in `@1`.
IDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30).filter(
    lambda text: text.strip(".")
)


@pytest.fixture(scope="module")
def other_day(town_run: TownRun) -> Day:
    """The town's run once more, whose ids a test may change."""
    return Days(town_run.home).get()


@settings(max_examples=40)
@given(ids=st.lists(IDS, min_size=3, max_size=3, unique=True))
def test_any_id_is_found_by_its_link(town_run: TownRun, other_day: Day, ids: list[str]) -> None:
    areas = collections_of(other_day)["areas"]
    areas.__dict__["ids"] = [*ids, *(f"area {place}" for place in range(3, len(areas.table)))]
    areas.__dict__.pop("places", None)
    app = MapService(
        town_run.home,
        lambda run_id: other_day,  # type: ignore[arg-type,return-value]
        lambda *given, **values: None,  # type: ignore[arg-type,return-value]
        lambda request: "http://localhost",
    ).app()
    client = Client(app, base_url="http://localhost", follow_redirects=False)
    for place, name in enumerate(ids):
        one = client.get(f"/gis/collections/areas/items/{quote(name, safe='')}")
        assert one.status_code == 200, (name, one.text)
        (link,) = self_of(one)
        assert client.get(link).json()["id"] == name == areas.ids[place]


def test_owslib_and_a_plain_client_follow_ids_and_links(address: str, shown: dict[str, Collection]) -> None:
    reader = Features(address)
    for name, collection in shown.items():
        for feature in collection.ids[:20]:
            found = reader.collection_item(name, feature)
            (link,) = [each["href"] for each in found["links"] if each["rel"] == "self"]
            with urlopen(link) as answer:  # which refuses an address with a space
                assert feature.encode() in answer.read()
    assert any(" " in feature for feature in shown["visits"].ids)
