"""Features: every collection whole by paging, the same rows as the layers, of the run that is asked for."""

from typing import Any

import geopandas as gpd
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings

from flows.home.home import Home
from pipeline.errors import PublicationError
from tests.web.gis.conftest import CRS84, EPSG, Client, client_of
from web import day
from web.day import Day
from web.gis.asked import asked_of
from web.gis.collection import Collection

COLLECTIONS = ["areas", "cells", "hotspots", "markets", "changes", "visits", "points"]
SYSTEMS = {CRS84: "EPSG:4326", f"{EPSG}4326": "EPSG:4326", f"{EPSG}3857": "EPSG:3857", f"{EPSG}32631": "EPSG:32631"}


def shapes_of(features: list[Any], *, is_northing_first: bool = False) -> Any:
    found = shapely.from_geojson([str(feature["geometry"]).replace("'", '"') for feature in features])
    return shapely.transform(found, lambda at: at[:, ::-1]) if is_northing_first else found


@pytest.mark.parametrize("name", COLLECTIONS)
def test_every_collection_is_read_whole_by_paging(name: str, client: Client, shown: dict[str, Collection]) -> None:
    features = client.whole(f"/collections/{name}/items", limit=max(1, len(shown[name].ids) // 3))
    assert [feature["id"] for feature in features] == shown[name].ids
    assert len(set(shown[name].ids)) == len(shown[name].ids)
    assert [feature["properties"] for feature in features] == shown[name].rows(range(len(features)))


def test_the_collections_are_the_layers_of_the_run(client: Client, frames: dict[str, gpd.GeoDataFrame]) -> None:
    listed = client.json("/collections")["collections"]
    assert [each["id"] for each in listed] == [name for name in COLLECTIONS if name in frames]
    for each in listed:
        assert client.json(f"/collections/{each['id']}")["id"] == each["id"]


@pytest.mark.parametrize("name", ["areas", "cells", "points"])
def test_values_are_those_of_the_published_rows(name: str, client: Client, frames: dict[str, gpd.GeoDataFrame]) -> None:
    rows = [feature["properties"] for feature in client.whole(f"/collections/{name}/items", limit=1000)]
    for column in set(frames[name].columns) - {"geometry", "evidence_ids", "moves_out_if", "moves_in_if"}:
        expected = frames[name][column]
        found = pd.Series([row[column] for row in rows])
        if pd.api.types.is_numeric_dtype(expected):
            np.testing.assert_array_equal(found.astype(float), expected.to_numpy(dtype=float, na_value=np.nan))
        elif pd.api.types.is_string_dtype(expected):
            assert found.fillna("").tolist() == expected.fillna("").tolist()


@pytest.mark.parametrize("uri", list(SYSTEMS))
@pytest.mark.parametrize("name", ["areas", "cells", "points"])
def test_coordinates_are_those_of_geopandas(
    name: str, uri: str, client: Client, frames: dict[str, gpd.GeoDataFrame]
) -> None:
    answer = client.get(f"/gis/collections/{name}/items", params={"crs": uri, "limit": 10_000})
    assert answer.headers["content-crs"] == f"<{uri}>"
    found = shapes_of(answer.json()["features"], is_northing_first=uri == f"{EPSG}4326")
    expected = frames[name].geometry.to_crs(SYSTEMS[uri]).to_numpy()
    near = 2e-7 if SYSTEMS[uri] == "EPSG:4326" else 2e-3
    assert shapely.hausdorff_distance(found, expected).max() < near
    one = client.get(f"/gis/collections/{name}/items/{answer.json()['features'][0]['id']}", params={"crs": uri})
    assert one.json()["geometry"] == answer.json()["features"][0]["geometry"]


@settings(max_examples=25)
@given(data=st.data())
@pytest.mark.parametrize("uri", list(SYSTEMS))
def test_boxes_find_what_geopandas_finds(
    uri: str, shown: dict[str, Collection], frames: dict[str, gpd.GeoDataFrame], data: st.DataObject
) -> None:
    cells = frames["cells"].to_crs(SYSTEMS[uri])
    west, south, east, north = map(float, cells.total_bounds)
    share = st.floats(-0.1, 1.1)
    (x1, x2), (y1, y2) = (sorted(data.draw(st.tuples(share, share))) for _ in range(2))
    low = (west + x1 * (east - west), south + y1 * (north - south))
    high = (west + x2 * (east - west), south + y2 * (north - south))
    sides = [*low[::-1], *high[::-1]] if uri == f"{EPSG}4326" else [*low, *high]
    asked = asked_of(shown["cells"], {"bbox": ",".join(map(repr, sides)), "bbox-crs": uri, "limit": "10000"})
    near = 2e-7 if SYSTEMS[uri] == "EPSG:4326" else 2e-3  # to which coordinates are rounded
    inner, outer = (shapely.box(low[0] - by, low[1] - by, high[0] + by, high[1] + by) for by in (-near, near))
    found = {shown["cells"].ids[place] for place in asked.places}
    if high[0] - low[0] > 2 * near and high[1] - low[1] > 2 * near:
        assert set(cells.loc[cells.intersects(inner), "cell_id"]) <= found
    assert found <= set(cells.loc[cells.intersects(outer), "cell_id"])


def test_a_box_round_the_globe_is_cut_at_the_180th_meridian(client: Client, shown: dict[str, Collection]) -> None:
    inside = client.json("/collections/cells/items", bbox="-179,50,179,60")["numberMatched"]
    across = client.json("/collections/cells/items", bbox="179,50,-179,60")["numberMatched"]
    assert (inside, across) == (len(shown["cells"].ids), 0)
    assert client.json("/collections/cells/items", bbox="-179,50,0,179,60,9")["numberMatched"] == inside


def test_properties_are_parameters_and_sort(client: Client, frames: dict[str, gpd.GeoDataFrame]) -> None:
    cells = frames["cells"]
    area = cells["area_id"].iloc[0]
    found = client.json("/collections/cells/items", area_id=area, sortby="-expected_harm,cell_id", limit=10_000)
    expected = cells[cells["area_id"] == area].sort_values(["expected_harm", "cell_id"], ascending=[False, True])
    assert [feature["id"] for feature in found["features"]] == expected["cell_id"].tolist()
    assert client.json("/collections/cells/items", rank=1)["numberMatched"] == 1
    assert (
        client.json("/collections/areas/items", is_listed="true")["numberMatched"] == frames["areas"]["is_listed"].sum()
    )


def test_a_time_asks_for_the_run_that_held_then(two_days: tuple[Home, str, str]) -> None:
    home, first, second = two_days
    client = client_of(home)
    spans = {run: client.json("/", run=run)["run"] for run in (first, second)}
    asked = {
        spans[first]["as_of"]: first,
        spans[second]["as_of"]: second,
        f"{spans[first]['as_of']}/..": second,
        f"../{spans[first]['valid_to']}": first,
        spans[first]["as_of"][:10]: first,
        "../..": second,
    }
    for moment, run in asked.items():
        answer = client.get("/gis/collections/areas/items", params={"datetime": moment, "limit": 5})
        page = answer.json()
        assert page["run"]["run_id"] == answer.headers["harmspot-run-id"] == run
        assert {feature["properties"]["run_id"] for feature in page["features"]} == {run}
    none = client.json("/collections/areas/items", datetime="1999-01-01T00:00:00Z")
    assert (none["numberMatched"], none["features"]) == (0, [])
    temporal = client.json("/collections/areas")["extent"]["temporal"]["interval"]
    assert temporal == [[spans[first]["as_of"], spans[second]["valid_to"]]]


def test_the_next_page_is_of_the_same_run(two_days: tuple[Home, str, str]) -> None:
    home, first, _ = two_days
    page = client_of(home).json("/collections/areas/items", run=first, limit=2, offset=2)
    after = {link["rel"]: link["href"] for link in page["links"]}
    assert all(f"run={first}" in after[rel] for rel in ("next", "prev"))


def test_a_stale_run_says_so_in_every_answer(two_days: tuple[Home, str, str]) -> None:
    home, first, second = two_days
    client = client_of(home)
    for run, state in ((first, "expired"), (second, "current")):
        for path in ("/", "/collections", "/collections/areas", "/collections/areas/items"):
            answer = client.get(f"/gis{path}", params={"run": run})
            said = answer.json()["run"]
            assert (answer.headers["harmspot-state"], said["state"]) == (state, state)
            assert bool(said["warnings"]) == (state == "expired")
        assert (
            client.get("/gis/collections/areas/tiles/WebMercatorQuad/9/164/257", params={"run": run}).headers[
                "harmspot-state"
            ]
            == state
        )
    assert "expired" in client.json("/collections/areas", run=first)["description"]
    assert "expired" in client.get("/gis/?f=html", params={"run": first}).text


def test_links_are_right_behind_a_proxy(client: Client, town_run: Any) -> None:
    assert client.json("/")["links"][0]["href"].startswith("http://localhost/gis/")
    proxied = client_of(town_run.home, address="https://board.example.org:8443/")
    for headers in (
        {"host": "board.example.org"},
        {"x-forwarded-host": "evil.example", "x-forwarded-proto": "gopher"},
        {},
    ):
        found = proxied.get("/gis/collections", headers=headers).json()["links"]
        assert found[0]["href"] == "https://board.example.org:8443/gis/collections"


def test_no_column_of_a_person_is_served(client: Client) -> None:
    for name in COLLECTIONS:
        columns = client.json(f"/collections/{name}/queryables")["properties"]
        assert not [column for column in columns if "person" in column]


def test_what_can_be_asked_is_that_of_the_run_that_is_asked_for(
    two_days: tuple[Home, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latest run has no hotspots and calls a column differently; the first has both as they were."""
    home, first, second = two_days
    drawn = Day._drawn

    def other(day: Day) -> dict[str, gpd.GeoDataFrame]:
        found = drawn(day)
        found["areas"] = found["areas"].rename(columns={"area_name": "new" if day.run_id == second else "old"})
        return {name: frame for name, frame in found.items() if (name, day.run_id) != ("hotspots", second)}

    monkeypatch.setattr(Day, "_drawn", other)
    client = client_of(home)
    assert client.json("/collections/hotspots/items", run=first)["run"]["run_id"] == first
    assert client.json("/collections/hotspots/items", 404, run=second)["code"] == "NotFound"
    assert client.json("/collections/areas/items", run=first, old="Castle")["numberMatched"] <= 1
    assert "'new' is unknown" in client.json("/collections/areas/items", 400, run=first, new="Castle")["description"]
    assert client.json("/collections/areas/items", datetime="1999-01-01", new="Castle")["features"] == []
    assert "twice" in client.get(f"/gis/collections/areas/items?run={first}&run={second}").text


@pytest.mark.parametrize("port", ["1@evil.example", "evil.example", "99999999", ""])
def test_a_host_with_more_than_a_port_is_in_no_link(port: str, town_run: Any) -> None:
    direct = client_of(town_run.home, host_names=("board.example.org",))
    assert direct.get("/gis/", headers={"host": f"board.example.org:{port}"}).status_code == 400
    assert "http://localhost/gis" in direct.get("/gis/", headers={"x-forwarded-host": "board.example.org"}).text


@pytest.mark.parametrize("accepted", ["identity", "", "gzip;q=0, *", "br"])
def test_nothing_is_packed_for_whoever_cannot_unpack(accepted: str, client: Client) -> None:
    for path in ("cells/tiles/WebMercatorQuad/9/164/257", "cells/items"):
        address = f"/gis/collections/{path}"
        plain = client.get(address, headers={"accept-encoding": accepted})
        packed = client.get(address, headers={"accept-encoding": "br;q=1.0, gzip;q=0.8"})
        assert "content-encoding" not in plain.headers and packed.headers["content-encoding"] == "gzip"
        assert plain.status_code == packed.status_code == 200 and plain.content == packed.content
        assert packed.headers["vary"].lower() == "accept-encoding"


def test_a_run_that_cannot_be_read_is_told_in_fixed_words(
    town_run: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any) -> None:
        raise PublicationError("/srv/secret/published.duckdb: rows differ")

    client = client_of(town_run.home)
    monkeypatch.setattr(day, "read_places", fails)
    for path in ("/", "/collections/areas/items", "/collections/cells/tiles/WebMercatorQuad/9/164/257"):
        told = client.json(path, 503)
        assert told["code"] == "NotReady" and "secret" not in told["description"]
    assert "rows differ" in caplog.text
