"""Sign-in on a board that is served, through a real OpenID provider: oidc-provider of npm, over HTTP on loopback."""

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey, KeySet, RSAKey

from flows.home.home import Home
from flows.users import login
from flows.users.login import UNKNOWN
from tests.users import name_in
from tests.web.conftest import serving
from tests.web.npm_provider import NpmProvider, ProviderUnavailableError, is_required, npm_provider, signed_in_there
from tests.web.provider import CLIENT, SECRET
from tests.web.test_sign_in_through_provider import PURPOSE, refusals, with_provider
from web.app import create_app
from web.entrance.board import COOKIE
from web.entrance.sign_in import BACK, PROVIDER

WHO = name_in("planner")
PEOPLE = {
    "lee": {"preferred_username": WHO, "groups": ["offline", "crime-analysts"]},
    "sgt": {"preferred_username": WHO, "groups": ["shift-sergeants"]},
    "both": {"preferred_username": WHO, "groups": ["shift-sergeants", "crime-analysts"]},
    "none": {"preferred_username": WHO, "groups": ["offline"]},
    "unsaid": {"preferred_username": WHO},
    "stranger": {"preferred_username": "Nobody, N.", "groups": ["shift-sergeants"]},
}
OWN = RSAKey.generate_key(2048, {"kid": "own", "use": "enc"}).as_dict(private=False)
ROLES = {"role_claim": "groups", "roles": {"crime-analysts": "planner", "shift-sergeants": "supervisor"}}


@pytest.fixture(scope="module")
def running() -> Iterator[NpmProvider]:
    try:
        with npm_provider() as provider:
            yield provider
    except ProviderUnavailableError as error:
        (pytest.fail if is_required() else pytest.skip)(f"no OpenID provider can be had here: {error}")


@dataclass(frozen=True)
class Served:
    """A board on a port, and the provider that it sends people to."""

    home: Home
    address: str
    provider: NpmProvider

    @contextmanager
    def browser(self) -> Iterator[httpx.Client]:
        with httpx.Client(base_url=self.address, timeout=60) as browser:
            yield browser

    def sent(self, browser: httpx.Client) -> str:
        """Begin at the board, and return the address of the provider to which it sends the browser."""
        form = re.search(rf'action="{PROVIDER}".*?name="token" value="(\w+)"', browser.get("/sign-in").text, re.DOTALL)
        assert form
        data = {"token": form[1], "purpose": PURPOSE, "then": "/users"}
        there = re.search(r'content="0; url=([^"]+)"', browser.post(PROVIDER, data=data).text)
        assert there
        return html.unescape(there[1])

    def back(self, browser: httpx.Client, name: str = "lee") -> str:
        """Begin at the board, sign in at the provider, and return the address to which that sends the browser."""
        return signed_in_there(self.sent(browser), name).headers["location"]

    def signed_in(self, name: str = "lee") -> httpx.Response:
        """Sign in with a browser of its own, and return the last answer of the board."""
        with self.browser() as browser:
            return browser.get(self.back(browser, name))

    def why(self) -> list[str]:
        return [entry["detail"]["why"] for entry in refusals(self.home)]


@pytest.fixture
def served(real_home: Home, running: NpmProvider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(login.time, "sleep", lambda _: None)
    keys = KeySet([RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})])
    running.set_up(
        clients=[], people=PEOPLE, conformIdTokenClaims=False, jwks=keys.as_dict(private=True),
        claims={"openid": ["sub"], "profile": ["preferred_username", "groups"], "email": ["email"]},
    )  # fmt: skip
    with_provider(real_home, running, **ROLES)
    with serving(create_app(real_home)) as port:
        address = f"http://localhost:{port}"
        running.set_up(clients=[client(address)])
        yield Served(real_home, address, running)


def client(address: str, **more: Any) -> dict[str, Any]:
    return {"client_id": CLIENT, "client_secret": SECRET, "redirect_uris": [f"{address}{BACK}"]} | more


def test_a_user_comes_in_with_the_role_of_the_claim(served: Served) -> None:
    for name, role in (("lee", "planner"), ("sgt", "supervisor"), ("sgt", "supervisor"), ("lee", "planner")):
        with served.browser() as browser:
            assert browser.get(served.back(browser, name)).status_code == 200
            header = re.search(r"<header.*?</header>", browser.get("/users").text, re.DOTALL)
            assert header and WHO in header[0] and role in header[0]
    changed = [entry for entry in served.home.access_log.entries() if entry["action"] == "set_role"]
    assert [entry["detail"]["role"] for entry in changed] == ["supervisor", "planner"]
    assert {entry["authenticated"] for entry in changed} == {f"identity provider {served.provider.issuer}"}


@pytest.mark.parametrize(
    ("name", "reader", "said"),
    [("stranger", UNKNOWN, "nobody who is a user"), ("none", WHO, "no role"), ("unsaid", WHO, "no role"),
     ("both", WHO, "several roles")],
)  # fmt: skip
def test_whoever_has_no_role_or_is_no_user_stays_out(served: Served, name: str, reader: str, said: str) -> None:
    page = served.signed_in(name)
    assert page.status_code == 403 and said in page.text and COOKIE not in page.cookies
    [entry] = refusals(served.home)
    assert entry["reader"] == reader and said in entry["detail"]["why"]


def test_a_provider_that_keeps_claims_out_of_id_tokens_is_told_so(served: Served) -> None:
    served.provider.set_up(conformIdTokenClaims=True)  # as OpenID Connect Core 1.0, 5.4, has it by default
    page = served.signed_in()
    assert page.status_code == 403 and "has no claim preferred_username" in page.text


def test_an_answer_counts_once_and_a_code_for_the_attempt_that_asked(served: Served) -> None:
    with served.browser() as browser:
        back = served.back(browser)
        assert browser.get(back).status_code == 200
        assert browser.get(back).status_code == 403  # the state again
        used = parse_qs(urlsplit(back).query)["code"][0]
        caught = parse_qs(urlsplit(served.back(browser)).query)["code"][0]  # of an attempt that somebody else began
        for code, said in ((used, "does not answer as it should"), (caught, "does not answer as it should")):
            browser.cookies.clear()
            state = parse_qs(urlsplit(served.back(browser)).query)["state"][0]
            page = browser.get(f"{BACK}?{urlencode({'code': code, 'state': state})}")
            assert page.status_code == 403 and said in page.text and COOKIE not in browser.cookies
    assert ["answers no attempt" in why for why in served.why()] == [True, False, False]


def test_a_client_that_was_withdrawn_lets_nobody_in(served: Served) -> None:
    with served.browser() as browser:
        there, back = served.sent(browser), served.back(browser)
        served.provider.set_up(clients=[])
        assert browser.get(back).status_code == 403
        assert COOKIE not in browser.cookies
        assert signed_in_there(there, "lee").status_code == 400
    assert len(served.why()) == 1 and "does not answer as it should" in served.why()[0]


@pytest.mark.parametrize(
    ("more", "at_the_provider"),
    [({"redirect_uris": ["http://localhost:1/sign-in/back"]}, True), ({"client_secret": "another"}, False),
     ({"id_token_encrypted_response_alg": "RSA-OAEP", "jwks": {"keys": [OWN]}}, False)],
)  # fmt: skip
def test_a_client_that_is_registered_otherwise_lets_nobody_in(
    served: Served, more: dict[str, Any], at_the_provider: bool
) -> None:
    served.provider.set_up(clients=[client(served.address, **more)], features={"encryption": {"enabled": True}})
    with served.browser() as browser:
        there = served.sent(browser)
        answer = signed_in_there(there, "lee")
        assert (answer.status_code == 400) == at_the_provider
        if not at_the_provider:
            assert browser.get(answer.headers["location"]).status_code == 403
            assert COOKIE not in browser.cookies
            assert len(served.why()) == 1


def test_whoever_declines_there_or_changes_the_address_stays_out(served: Served) -> None:
    with served.browser() as browser:
        there = served.sent(browser)
        elsewhere = there.replace(
            urlencode({"": f"{served.address}{BACK}"})[1:], urlencode({"": "http://localhost:1/"})[1:]
        )
        assert elsewhere != there and signed_in_there(elsewhere, "lee").status_code == 400
        state = parse_qs(urlsplit(there).query)["state"][0]
        asked = urlencode({"error": "access_denied", "state": state, "iss": served.provider.issuer})
        assert browser.get(f"{BACK}?{asked}").status_code == 403
    assert len(served.why()) == 1


def test_new_keys_count_at_once_also_of_another_kind(served: Served) -> None:
    one, two = (RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}) for kid in ("one", "two"))
    served.provider.publish(KeySet([one]))
    assert served.signed_in().status_code == 200
    with served.browser() as browser:
        back = served.back(browser)
        served.provider.publish(KeySet([two]))  # between the code and its token
        assert (browser.get(back).status_code, served.why()) == (200, [])
    served.provider.publish(KeySet([ECKey.generate_key("P-256", {"kid": "three", "use": "sig"}), two]))
    served.provider.set_up(clients=[client(served.address, id_token_signed_response_alg="ES256")])
    assert served.signed_in().status_code == 200
    assert served.why() == []
