"""Sign-in through an identity provider: whoever it vouches for and the home knows, once, in the browser that asked."""

import base64
import gzip
import html
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from joserfc import jwe, jws, jwt
from joserfc.jwe import JWERegistry
from joserfc.jwk import KeySet, OctKey, RSAKey
from urllib3.connection import HTTPConnection

from flows.home.home import Home
from flows.users import login
from flows.users.accounts import HOLDER, add_user, disable
from flows.users.login import UNKNOWN
from pipeline.errors import SettingsError
from pipeline.users.oidc import LEEWAY_S, OidcSettings
from pipeline.users.provider_answers import MOST_BYTES
from tests.users import name_in
from tests.web.conftest import Browser, browser_of, serving, visiting
from tests.web.provider import CLIENT, SECRET, Provider, provider_on_loopback
from web.app import create_app
from web.entrance.board import COOKIE
from web.entrance.sign_in import ATTEMPT, BACK, PROVIDER

PURPOSE = "morning tasking"
JWE = ["RSA-OAEP", "A128GCM"]


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with provider_on_loopback() as provider:
        yield provider


@pytest.fixture
def provider(running: Provider, monkeypatch: pytest.MonkeyPatch) -> Provider:
    monkeypatch.setattr(login.time, "sleep", lambda _: None)
    for name, value in {"who": name_in("planner"), "claims": {}, "instead": {}, "key": running.keys.keys[0]}.items():
        monkeypatch.setattr(running, name, value)
    monkeypatch.setattr(running, "algorithm", "RS256")
    monkeypatch.setattr(running, "write", running.signed)
    monkeypatch.setattr(running, "keys", running.keys)
    return running


@pytest.fixture
def home(real_home: Home, provider: Provider) -> Home:
    with_provider(real_home, provider)
    return real_home


def with_provider(home: Home, provider: Provider, **more: Any) -> None:
    oidc = OidcSettings(**{"issuer": provider.issuer, "client_id": CLIENT, "client_secret": SECRET,
                           "client_secret_file": None, "claim": "preferred_username", "role_claim": None,
                           "roles": {}} | more)  # fmt: skip
    settings = home.settings
    home.__dict__["settings"] = replace(settings, web=replace(settings.web, oidc=oidc))


def begun(browser: Browser, purpose: str = PURPOSE, then: str = "/record") -> str:
    """Begin at the board, sign in at the provider, and return the address to which it sends the browser back."""
    token = browser.token("/sign-in", PROVIDER)
    page = browser.post(PROVIDER, data={"token": token, "purpose": purpose, "then": then})
    assert page.status_code == 200, page.text
    there = re.search(r'content="0; url=([^"]+)"', page.text)
    assert there
    return httpx.get(html.unescape(there[1])).headers["location"].removeprefix("http://localhost")


def refusals(home: Home) -> list[dict[str, Any]]:
    return [entry for entry in home.access_log.entries() if entry["action"] == "refused"]


def test_a_user_for_whom_the_provider_vouches_comes_in_with_the_role_of_the_home(home: Home) -> None:
    browser = browser_of(home)
    page = browser.get(begun(browser))
    assert page.status_code == 200 and 'url=/record"' in page.text
    assert "SameSite=strict" in page.headers["set-cookie"]
    assert name_in("planner") in browser.get("/nothing-here").text and "planner" in browser.get("/nothing-here").text
    entry = [entry for entry in home.access_log.entries() if entry["action"] == "login"][-1]
    assert (entry["reader"], entry["purpose"], entry["detail"]) == (name_in("planner"), PURPOSE, {"role": "planner"})
    assert browser.post("/sign-out", data={"token": browser.token("/nothing-here", "/sign-out")}).status_code == 303


@pytest.mark.parametrize(
    "said",
    [
        {"nonce": "another"}, {"nonce": None}, {"iss": "http://127.0.0.1:1"}, {"iss": None}, {"aud": "another client"},
        {"aud": [CLIENT, "another client"]}, {"aud": [CLIENT, "another client"], "azp": "another client"},
        {"aud": ["another client"], "azp": CLIENT}, {"aud": None}, {"aud": []}, {"aud": [CLIENT, 1], "azp": CLIENT},
        {"azp": "another client"}, {"azp": [CLIENT]}, {"exp": int(time.time()) - 3600}, {"exp": None},
        {"exp": "tomorrow"}, {"iat": int(time.time()) + 3600}, {"iat": None}, {"nbf": int(time.time()) + 3600},
        {"sub": None}, {"preferred_username": None}, {"preferred_username": ["x"]},
        {"preferred_username": "Nobody, N."}, {"preferred_username": "planner, a. lee"},
    ],
)  # fmt: skip
def test_a_token_that_is_not_for_this_attempt_or_for_no_user_lets_nobody_in(
    said: dict[str, Any], home: Home, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "claims", said)
    browser = browser_of(home)
    assert browser.get(begun(browser)).status_code == 403
    assert COOKIE not in browser.cookies
    assert [entry["reader"] for entry in refusals(home)] == [UNKNOWN]
    assert "Nobody" not in str(refusals(home))


@pytest.mark.parametrize(
    "said", [{"aud": [CLIENT]}, {"aud": [CLIENT, "another client"], "azp": CLIENT}, {"azp": CLIENT}]
)
def test_a_token_for_this_client_lets_in_however_it_says_so(
    said: dict[str, Any], home: Home, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "claims", said)
    browser = browser_of(home)
    assert browser.get(begun(browser)).status_code == 200


@pytest.mark.parametrize("ahead_s", [-LEEWAY_S - 30, -LEEWAY_S + 30, LEEWAY_S - 30, LEEWAY_S + 30])
@pytest.mark.parametrize("lasts_s", [0, 300])
def test_clocks_may_differ_by_a_minute(
    ahead_s: int, lasts_s: int, home: Home, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token of a provider whose clock is ahead, or behind, which lasts some seconds by that clock."""
    made_s = int(time.time()) + ahead_s
    monkeypatch.setattr(provider, "claims", {"iat": made_s, "nbf": made_s, "exp": made_s + lasts_s})
    browser = browser_of(home)
    is_in_time = ahead_s < LEEWAY_S and ahead_s + lasts_s > -LEEWAY_S
    assert browser.get(begun(browser)).status_code == (200 if is_in_time else 403)
    assert len(refusals(home)) == (not is_in_time)


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims))
    return ".".join((*parts, ""))


ANOTHER = RSAKey.generate_key(2048)
FORMS: dict[str, Callable[[Provider, dict[str, Any]], Any]] = {
    "unsigned": lambda provider, claims: unsigned({"alg": "none"}, claims),
    "unsigned, with the id of a key": lambda provider, claims: unsigned({"alg": "none", "kid": "one"}, claims),
    "said to be signed": lambda provider, claims: unsigned({"alg": "RS256", "kid": "one"}, claims),
    "without its signature": lambda provider, claims: provider.signed(claims).rpartition(".")[0],
    "encrypted": lambda provider, claims: jwt.encode(
        {"alg": "RSA-OAEP", "enc": "A128GCM"}, claims, ANOTHER, registry=JWERegistry(algorithms=JWE)
    ),
    "signed, then encrypted": lambda provider, claims: jwe.encrypt_compact(
        {"alg": "RSA-OAEP", "enc": "A128GCM", "cty": "JWT"}, provider.signed(claims), ANOTHER, algorithms=JWE
    ),
    "signed with a key of its own": lambda provider, claims: jwt.encode(
        {"alg": "RS256", "jwk": ANOTHER.as_dict(private=False)}, claims, ANOTHER
    ),
    "signed with a key from elsewhere": lambda provider, claims: jwt.encode(
        {"alg": "RS256", "kid": "one", "jku": "http://127.0.0.1:1/keys"}, claims, ANOTHER
    ),
    "of an unknown key": lambda provider, claims: jwt.encode({"alg": "RS256", "kid": "two"}, claims, provider.key),
    "no claims": lambda provider, claims: jws.serialize_compact(
        {"alg": "RS256", "kid": "one"}, b"[]", provider.key, algorithms=["RS256"]
    ),
    "no token": lambda provider, claims: None,
    "a number": lambda provider, claims: 5,
    "an object": lambda provider, claims: claims,
    "no text of a token": lambda provider, claims: "\u00e9.\ud800.\u0000",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_token_in_another_form_than_signed_by_the_provider_lets_nobody_in(
    form: str, home: Home, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "write", lambda claims: FORMS[form](provider, claims))
    browser = browser_of(home)
    page = browser.get(begun(browser))
    assert page.status_code == 403 and "token does not hold" in page.text
    assert COOKIE not in browser.cookies
    assert [entry["reader"] for entry in refusals(home)] == [UNKNOWN]


def test_a_key_counts_from_when_the_provider_publishes_it_until_it_does_no_more(
    home: Home, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = provider.key, RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})
    browser = browser_of(home)
    for published, kid, key, status in (
        ([one], "two", two, 403), ([one, two], "two", two, 200), ([one, two], "one", one, 200),
        ([two], "one", one, 403), ([two], "two", two, 200),
    ):  # fmt: skip
        monkeypatch.setattr(provider, "keys", KeySet(published))
        monkeypatch.setattr(
            provider, "write", lambda claims, kid=kid, key=key: jwt.encode({"alg": "RS256", "kid": kid}, claims, key)
        )
        browser.cookies.clear()
        assert browser.get(begun(browser)).status_code == status
    assert len(refusals(home)) == 2


@pytest.mark.parametrize("published", [None, 5, [], {}, {"keys": None}, {"keys": [5]}, {"keys": [{"kty": "RSA"}]}])
def test_keys_that_are_none_let_nobody_in(
    published: Any, home: Home, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Keys:
        def as_dict(self) -> Any:
            return published

    monkeypatch.setattr(provider, "keys", Keys())
    browser = browser_of(home)
    assert browser.get(begun(browser)).status_code == 403
    assert [entry["reader"] for entry in refusals(home)] == [UNKNOWN]


def test_a_token_signed_by_another_key_or_with_the_public_one_lets_nobody_in(
    home: Home, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = provider.keys.keys[0].as_pem(private=False)
    for key, algorithm in ((RSAKey.generate_key(2048), "RS256"), (OctKey.import_key(public.hex()), "HS256")):
        monkeypatch.setattr(provider, "key", key)
        monkeypatch.setattr(provider, "algorithm", algorithm)
        browser = browser_of(home)
        assert browser.get(begun(browser)).status_code == 403
        assert COOKIE not in browser.cookies


def test_an_answer_counts_once_and_in_the_browser_that_asked_for_it(home: Home) -> None:
    browser = browser_of(home)
    back = begun(browser)
    assert visiting(browser.app).get(back).status_code == 403  # of whoever caught the address
    assert browser.get(back).status_code == 403  # it was taken
    back, secret = begun(browser), browser.cookies[ATTEMPT]
    assert browser.get(back).status_code == 200
    other = visiting(browser.app)
    other.cookies.set(ATTEMPT, secret)
    assert other.get(back).status_code == 403  # replayed
    for given in ("", "?state=x&code=y", "?error=access_denied&state=x"):
        assert browser.get(BACK + given).status_code == 403
    assert {entry["detail"]["why"].split(":")[0] for entry in refusals(home)} == {
        "the identity provider answers no attempt of this browser, or answers it again"
    }


def test_an_answer_that_comes_too_late_or_names_another_issuer_is_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = browser_of(home)
    assert browser.get(f"{begun(browser)}&iss=http%3A%2F%2Fevil.example").status_code == 403
    monkeypatch.setattr("web.entrance.sign_in.ATTEMPT_S", -1.0)
    assert browser.get(begun(browser)).status_code == 403


def test_who_is_disabled_or_a_service_does_not_come_in(home: Home, provider: Provider) -> None:
    home.session = HOLDER
    add_user(home, "Export", "reader", None)
    disable(home, name_in("planner"))
    home.session = None
    for who in ("Export", name_in("planner")):
        provider.who = who
        browser = browser_of(home)
        assert browser.get(begun(browser)).status_code == 403


def test_a_form_of_no_browser_or_without_purpose_goes_nowhere(home: Home, provider: Provider) -> None:
    browser = browser_of(home)
    token = browser.token("/sign-in", PROVIDER)
    assert browser.post(PROVIDER, data={"token": "0" * 64, "purpose": PURPOSE}).status_code == 403
    for purpose in ("", "work work"):
        assert browser.post(PROVIDER, data={"token": token, "purpose": purpose}).status_code == 403
    with_provider(home, provider, issuer="http://127.0.0.1:1")
    broken = browser_of(home)
    token = broken.token("/sign-in", PROVIDER)
    page = broken.post(PROVIDER, data={"token": token, "purpose": PURPOSE})
    assert page.status_code == 403 and "does not answer" in page.text
    with_provider(home, provider, issuer=f"{provider.issuer}/")  # not as it calls itself
    page = browser_of(home)
    assert "does not describe the issuer" in page.post(
        PROVIDER, data={"token": page.token("/sign-in", PROVIDER), "purpose": PURPOSE}
    ).text  # fmt: skip


def large(handler: BaseHTTPRequestHandler) -> None:
    answered(handler, b'{"issuer": "' + b"x" * MOST_BYTES + b'"}')


def packed(handler: BaseHTTPRequestHandler) -> None:
    answered(handler, gzip.compress(b" " * 50 * MOST_BYTES), **{"content-encoding": "gzip"})


def page(handler: BaseHTTPRequestHandler) -> None:
    answered(handler, b"<p>Sign in to the guest network</p>", **{"content-type": "text/html"})


def elsewhere(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(307)
    handler.send_header("location", "/keys")
    handler.end_headers()


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """Answer a byte every now and then, without end, as if each were progress."""
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.end_headers()
    dripped(handler)


def dripping_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nx: ")
    dripped(handler)


def dripped(handler: BaseHTTPRequestHandler) -> None:
    with suppress(OSError):
        for _ in range(60):
            handler.wfile.write(b" ")
            Event().wait(0.1)  # `time.sleep` is none here


def answered(handler: BaseHTTPRequestHandler, body: bytes, **headers: str) -> None:
    handler.send_response(200)
    for name, value in {"content-type": "application/json", **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    with suppress(OSError):
        handler.wfile.write(body)


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (large, "answers more than 1,048,576 bytes"),
        (packed, "answers more than 1,048,576 bytes"),
        (page, "answers no JSON"),
        (elsewhere, "sends elsewhere"),
        (dripping, "takes longer than 1 s"),
        (dripping_headers, "takes longer than 1 s"),
    ],
)
def test_an_answer_beyond_the_limits_is_refused_in_words_and_in_time(
    path: str, answer: Any, said: str, home: Home, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "longer" in said:
        monkeypatch.setattr("pipeline.users.provider_answers.LONGEST_S", 1.0)
    browser, began = browser_of(home), time.monotonic()
    if path.startswith("/."):
        token = browser.token("/sign-in", PROVIDER)
        provider.instead[path] = answer
        came = browser.post(PROVIDER, data={"token": token, "purpose": PURPOSE})
    else:
        back = begun(browser)
        provider.instead[path] = answer
        came = browser.get(back)
    assert came.status_code == 403 and COOKIE not in browser.cookies
    why = re.search('role="alert">([^<]*)', came.text)
    assert why and f"at {provider.issuer}{path}, {said}" in html.unescape(why[1]), why
    assert time.monotonic() - began < 5  # the drip ends after six


def cut_off(handler: BaseHTTPRequestHandler) -> None:
    answered(handler, b'{"is', **{"content-length": "100"})


def packed_wrongly(handler: BaseHTTPRequestHandler) -> None:
    answered(handler, b"not packed", **{"content-encoding": "gzip"})


def ended(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


@pytest.mark.parametrize("answer", [cut_off, packed_wrongly, ended])
@pytest.mark.parametrize("path", ["/token", "/keys"])
def test_an_answer_that_breaks_off_lets_nobody_in_and_is_logged(
    path: str, answer: Any, home: Home, provider: Provider
) -> None:
    browser = browser_of(home)
    back = begun(browser)
    provider.instead[path] = answer
    came = browser.get(back)
    assert came.status_code == 403 and COOKIE not in browser.cookies
    assert "does not answer as it should" in came.text
    assert [entry["action"] for entry in home.access_log.entries()][-1] == "refused"


def test_the_time_in_all_counts_what_it_took_to_connect(
    home: Home, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.users.provider_answers.LONGEST_S", 0.5)
    connect = HTTPConnection.connect

    def slowly(connection: HTTPConnection) -> None:
        Event().wait(0.7)
        connect(connection)

    monkeypatch.setattr(HTTPConnection, "connect", slowly)
    browser, began = browser_of(home), time.monotonic()
    token = browser.token("/sign-in", PROVIDER)
    provider.instead["/.well-known/openid-configuration"] = dripping
    assert "takes longer than" in browser.post(PROVIDER, data={"token": token, "purpose": PURPOSE}).text
    assert time.monotonic() - began < 5  # the drip ends after six


def test_without_settings_there_is_none_and_settings_must_be_safe(real_home: Home, tmp_path: Path) -> None:
    browser = browser_of(real_home)
    assert PROVIDER not in browser.get("/sign-in").text
    assert browser.get(BACK).status_code == 404
    given: dict[str, Any] = {"client_id": "x", "client_secret": None, "client_secret_file": None, "claim": "email",
                             "role_claim": None, "roles": {}}  # fmt: skip
    for issuer in ("http://login.example.org", "login.example.org", "https://login.example.org?x=1"):
        with pytest.raises(SettingsError, match="expected an address with https"):
            OidcSettings(issuer, **given)
    with pytest.raises(SettingsError, match="client_id"):
        OidcSettings("https://login.example.org", **given | {"client_id": None})
    for half in ({"role_claim": "roles"}, {"roles": {"analysts": "planner"}}):
        with pytest.raises(SettingsError, match="expected both, or none"):
            OidcSettings("https://login.example.org", **given | half)
    (tmp_path / "secret").write_text("hush\n")
    settings = OidcSettings("https://login.example.org", **given | {"client_secret_file": tmp_path / "secret"})
    assert settings.secret() == "hush"
    assert "hush" not in repr(replace(settings, client_secret="hush"))


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on the PATH")
def test_a_browser_goes_to_the_provider_and_comes_back_signed_in(home: Home) -> None:
    """The provider is another site, whose answer must bring a session that the next page already has."""
    player = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").sync_playwright()
    with serving(create_app(home)) as port, player as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(base_url=f"http://localhost:{port}")
        page.set_default_timeout(60_000)
        said: list[str] = []
        page.on("console", lambda each: said.append(each.text) if each.type == "error" else None)
        page.goto("/users")
        form = page.locator(f"form[action='{PROVIDER}']")
        form.locator("[name=purpose]").fill(PURPOSE)
        form.locator("button").click()
        page.wait_for_url("**/users")
        assert name_in("planner") in page.locator("header").inner_text()
        assert said == []
        browser.close()
