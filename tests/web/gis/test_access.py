"""Who reads the map service: whoever has signed in, services with a token, and all where the force says so."""

import base64
from pathlib import Path
from typing import Any

import pytest

from flows.home.home import Home
from flows.users import login
from flows.users.accounts import HOLDER, add_user, disable, give_token
from tests.users import PASSWORD, name_in
from tests.web.conftest import browser_of
from tests.web.gis.conftest import client_of
from web.entrance import security

FORGED = f"hs_{'x' * 43}"


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login.time, "sleep", lambda _: None)


def service(home: Home) -> str:
    home.session = HOLDER
    add_user(home, "GIS desk", "reader", None)
    token, _ = give_token(home, "GIS desk", 1)
    return token


def basic(password: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(f'gis:{password}'.encode()).decode()}"}


def test_a_stranger_is_asked_for_a_token(real_home: Home) -> None:
    client = client_of(real_home)
    for path in ("/gis", "/gis/", "/gis/conformance", "/gis/collections/cells/items", "/gis/api"):
        for headers in ({}, basic("wrong"), {"authorization": "Basic !!"}, {"authorization": f"Bearer {FORGED}"}):
            answer = client.get(path, headers=headers)
            assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Basic")
            assert "token" in answer.json()["description"]


def test_a_service_reads_with_its_token_in_either_way_until_it_is_disabled(real_home: Home) -> None:
    token = service(real_home)
    client = client_of(real_home)
    ways: list[dict[str, str]] = [{"authorization": f"Bearer {token}"}, basic(token)]
    for headers in ways:
        assert client.get("/gis/conformance", headers=headers).status_code == 200
        assert client.get("/compare", headers=headers).status_code == 303  # no place on the board
    assert client.get("/gis/conformance").status_code == 401
    real_home.session = HOLDER
    disable(real_home, "GIS desk")
    assert all(client.get("/gis/conformance", headers=headers).status_code == 401 for headers in ways)


def test_a_services_token_in_a_cookie_opens_no_page(real_home: Home) -> None:
    token, browser = service(real_home), browser_of(real_home)
    browser.cookies.set("harmspot", token)
    assert browser.get("/gis/conformance").status_code == 200
    assert browser.get("/compare").status_code == 303


def test_whoever_has_signed_in_reads(real_home: Home) -> None:
    browser = browser_of(real_home)
    browser.sign_in(name_in("planner"), PASSWORD)
    assert browser.get("/gis/conformance").status_code == 200
    assert browser.get("/gis/").json()["code"] == "NotFound"  # signed in, but nothing is published yet


def test_guesses_are_few(real_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "ATTEMPTS", 2)
    client = client_of(real_home)
    answers = [client.get("/gis/", headers={"authorization": f"Bearer {FORGED}"}).status_code for _ in range(3)]
    assert answers == [401, 401, 429]


def test_where_the_force_says_so_nobody_is_asked(real_home: Home, tmp_path: Path) -> None:
    config = tmp_path / "open.yaml"
    config.write_text("web: {is_map_open: true}\n")
    client = client_of(Home(real_home.path, config, progress=lambda text: None))
    assert client.get("/gis/conformance").status_code == 200
    assert client.get("/compare").status_code == 303
    assert "security" not in str(client.get("/gis/conformance").json())


def test_a_rehearsal_asks_nobody(town_run: Any) -> None:
    assert client_of(town_run.home).get("/gis/").status_code == 200
