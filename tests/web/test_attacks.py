"""Attacks on the board: each is refused and logged without what it named, and no request makes the board fail."""

import logging
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.home.home import Home
from models.users.roles import may
from pipeline.publication.publish import read_published, runs
from tests.soak import sample
from tests.town import TownRun
from tests.users import PASSWORD, name_in
from tests.web.conftest import BELL, ITO, LEE, Browser, browser_of, serving, visiting
from tests.web.test_acts import acts_of, form_token
from tests.web.test_pages import HOSTILE
from web.acts import embargoes, lists, notices, operations, people, users
from web.app import create_app
from web.entrance import connections, security
from web.entrance.board import COOKIE
from web.entrance.visitors import INVENTED
from web.record import ACTS, CHECKS

PERSON = f"p_{'0' * 32}"
SUBJECTS = {
    "/notices": notices.ACTS, "/all-notices": notices.ACTS_ON_ALL, "/lists": lists.ACTS, "/effects": lists.EFFECT_ACTS,
    "/operations": operations.ACTS, "/embargoes": embargoes.ACTS, "/people": people.ACTS, "/users": users.ACTS,
    "/audits": ACTS, "/checks": CHECKS,
}  # fmt: skip
EVERY = [(path, act) for path, acts in SUBJECTS.items() for act in acts.values()]


@pytest.fixture
def refusals(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The refusals that the board has logged since this was asked last."""
    caplog.set_level(logging.INFO, logger="harmspot")

    def since() -> list[str]:
        found = [record.getMessage() for record in caplog.records if record.getMessage().startswith("refused")]
        assert PERSON not in caplog.text
        caplog.clear()
        return found

    return since


def test_each_refused_request_is_logged_without_what_it_named(
    looked_at: Browser, refusals: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "MOST_BYTES", 2000)
    stranger = visiting(looked_at.app)
    path = f"/notices/{PERSON}"
    attacks = {
        "no token": (stranger, "GET", path, {}, 401),
        "forged session": (stranger, "GET", path, {"headers": {"cookie": f"{COOKIE}=hs_{'x' * 43}"}}, 401),
        "another host": (looked_at, "GET", path, {"headers": {"host": "evil.example"}}, 400),
        "no form of the session": (looked_at, "POST", f"{path}/open", {"data": {"token": PERSON}}, 403),
        "a role that may not": (
            looked_at, "POST", "/lists/x/approve",
            {"data": {"token": form_token(looked_at, "/lists/x/approve"), "reason": "read and found sound"}}, 403,
        ),
        "path traversal": (looked_at, "GET", f"/static/..%2f..%2f{PERSON}", {}, 404),
        "path traversal of a report": (looked_at, "GET", "/audits/..%2f..%2fkey/draft.html", {}, 404),
        "an id that is guessed": (looked_at, "GET", f"/operations/{PERSON}", {}, 404),
        "a body too large": (looked_at, "POST", f"{path}/open", {"content": b"x" * 2001}, 413),
        "an address too long": (looked_at, "GET", f"{path}?{'x' * 5000}", {}, 414),
        "an act by a link": (looked_at, "GET", f"{path}/open", {}, 405),
    }  # fmt: skip
    for attack, (browser, method, address, how, status) in attacks.items():
        answer = browser.request(method, address, **how)
        assert answer.status_code == (303 if status == 401 else status), attack
        assert any(f"refused with {status}: a {method}" in line for line in refusals()), attack


def test_ids_that_are_guessed_record_nothing(copy_of_run: Callable[[str], Home]) -> None:
    home = copy_of_run("home")
    before, app = acts_of(home), create_app(home)
    said = {"reason": "read and found sound", "purpose": "read what it says", "outcome": "harm a year on",
            "comparison": "those below", "found": "no less harm", "stop_on": "2026-02-20", "manner": "displayed",
            "speaker": "resident", "made_on": "2025-12-30", "recipient": "Unit", "agreement_id": "ISA-7",
            "until": "2026-02-01", "person": PERSON, "market": "market_0_0", "kind": "visit"}  # fmt: skip
    key = {"/notices": "n_000000000000000000000000", "/lists": f"person_tier-{'0' * 16}", "/effects": "warrant_queue",
           "/operations": "market_0_0", "/audits": "other"}  # fmt: skip
    browsers = {role: visiting(app) for role in ("planner", "supervisor", "auditor")}
    for role, browser in browsers.items():
        browser.sign_in(next(name for name, held in INVENTED.items() if held == role))
    for path, act in EVERY:
        if path in key:
            browser = next(browser for role, browser in browsers.items() if may(role, [act.verb]))
            action = f"{path}/{key[path]}/{act.name}"
            files = {"report": ("r.html", b"<p>sound</p>")} if path in ("/effects", "/audits") else None
            answer = browser.post(action, data={"token": form_token(browser, action), **said}, files=files)
            assert answer.status_code in (404, 409), (action, answer.status_code, answer.text)
    assert acts_of(home) == before


WORDS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=60))


@pytest.mark.sampled
@settings(max_examples=sample(40, whole=3000))
@given(data=st.data())
def test_no_field_of_a_form_makes_the_board_fail_or_comes_back_as_script(forms: Any, data: st.DataObject) -> None:
    browsers, keys = forms
    path, act = data.draw(st.sampled_from(EVERY))
    key = data.draw(st.one_of(st.sampled_from(keys.get(path, ["all"])), WORDS.filter(bool)))
    fields = {field.name: data.draw(_entered(field)) for field in act.fields}
    browser = data.draw(st.sampled_from(browsers))
    action = f"{path}/{key}/{act.name}"
    files = {name: ("r.html", text.encode()) for name, text in fields.items() if name in ("report", "copy")}
    sent = {name: text for name, text in fields.items() if name not in files}
    token = form_token(browser, action)
    answer = browser.post(
        f"{path}/{quote(key, safe='')}/{act.name}", data={"token": token, **sent}, files=files or None
    )
    assert answer.status_code in (200, 403, 404, 405, 409, 422), (action, fields, answer.status_code)
    if answer.headers["content-type"].startswith("text/html"):
        assert "<script>alert" not in answer.text and "<img src=x" not in answer.text


def _entered(field: Any) -> st.SearchStrategy[str]:
    plain = {
        "day": ["2026-01-20", "0001-01-01", "9999-12-31"],
        "time": ["2026-01-01T09:00", "0001-01-01T00:00", "9999-12-31T23:59+00:00"],
        "number": ["1", "1e300", "nan"],
        "choice": [*field.options],
    }.get(field.kind, ["read and found sound"])
    return st.one_of(st.sampled_from(plain), WORDS)


@pytest.fixture(scope="module")
def forms(
    shared: Any, town_run: TownRun, new_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Browser], dict[str, list[str]]]:
    """Browsers of a planner, a supervisor and an auditor on one board to damage, and keys that exist."""
    import shutil

    home = new_home(shutil.copytree(shared / "run", tmp_path_factory.mktemp("attacked") / "home"))
    run_id, app = str(runs(home.path)["run_id"].iloc[-1]), create_app(home)
    browsers = [visiting(app) for _ in range(3)]
    for browser, who in zip(browsers, (BELL, LEE, ITO), strict=True):
        assert browser.sign_in(who).status_code == 303
    return browsers, {
        "/notices": [str(read_published(home.path, "area_notice")["notice_id"].iloc[0])],
        "/lists": [f"person_tier-{run_id}"],
        "/effects": ["person_tier"],
        "/operations": [str(read_published(home.path, "crackdown_plan")["market_id"].iloc[0])],
        "/audits": ["fairness"],
    }


@pytest.mark.sampled
def test_schemathesis_finds_no_request_that_makes_the_board_fail(looked_at: Browser) -> None:
    description = looked_at.app._app._app._app.openapi()
    del description["paths"]["/live"]  # it answers for as long as somebody listens
    operations = [result.ok() for result in schemathesis.openapi.from_dict(description).get_all_operations()]
    assert len(operations) > 30
    cookie = {"cookie": f"{COOKIE}={looked_at.cookies[COOKIE]}"}

    @settings(max_examples=sample(80, whole=5000))
    @given(case=st.one_of([operation.as_strategy() for operation in operations]), is_known=st.booleans())
    def ask(case: Any, is_known: bool) -> None:
        answer = case.call(
            base_url="http://localhost", app=looked_at.app, headers=cookie if is_known else {}, allow_redirects=False
        )
        assert answer.status_code < 500 or case.path == "/readyz", (case.method, case.path, answer.status_code)

    ask()


@pytest.fixture
def served(real_home: Home) -> Iterator[int]:
    """The port of a board that answers on loopback as `harmspot web` does."""
    with serving(create_app(real_home)) as port:
        yield port


def test_slow_clients_are_cut_off_and_nobody_waits_for_them(
    served: int, monkeypatch: pytest.MonkeyPatch, refusals: Callable[[], list[str]]
) -> None:
    monkeypatch.setattr(connections, "HEADERS_S", 0.5)
    slow = [socket.create_connection(("127.0.0.1", served)) for _ in range(40)]
    for each in slow[1:]:  # the first says nothing at all
        each.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    with socket.create_connection(("127.0.0.1", served)) as prompt:
        for _ in range(2):
            prompt.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while not answer.endswith(b"alive\n"):  # which may come after the headers
                answer += prompt.recv(4096)
            assert b"200 OK" in answer
    until = time.monotonic() + 60
    for each in slow:
        each.settimeout(until - time.monotonic())
        assert each.recv(1) == b""  # the board ended the connection
        each.close()
    assert len(refusals()) == len(slow)


def test_a_form_with_a_thousand_fields_is_no_form(real_home: Home) -> None:
    browser = browser_of(real_home)
    body = "&".join(f"f{n}=1" for n in range(1000))
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert browser.post("/sign-in", content=body, headers=headers).status_code == 403
    browser.sign_in(name_in("planner"), PASSWORD)
    assert browser.post("/sign-out", content=body, headers=headers).status_code == 403
    assert browser.post("/notices/n_1/open", content=body, headers=headers).status_code in (400, 403)
    parts = {"content-type": "multipart/form-data; boundary=x"}
    assert browser.post("/notices/n_1/open", content=b"--x\r\nbroken", headers=parts).status_code in (400, 403)
