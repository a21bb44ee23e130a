"""Who comes in: with users and their passwords, as somebody invented in rehearsals, and nobody else."""

import asyncio
import re
from threading import Thread
from typing import Any

import pytest

from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.users import login
from flows.users.accounts import HOLDER, add_user, disable, give_token, set_role
from pipeline.errors import AccessError
from pipeline.users.users import FREE_GUESSES, Users
from tests.users import PASSWORD, name_in
from tests.web.conftest import BELL, LEE, Browser, browser_of, visiting
from web.app import create_app
from web.entrance import security
from web.entrance.board import COOKIE

PAGES = ["/", "/detail", "/compare", "/notices", "/notices/n_1", "/notices/n_1/print.pdf", "/map/r/v/areas.json"]
FORGED = f"hs_{'x' * 43}"


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login.time, "sleep", lambda _: None)


def refusals(home: Home) -> list[dict[str, Any]]:
    return [entry for entry in home.access_log.entries() if entry["action"] == "refused"]


@pytest.mark.parametrize("page", PAGES)
def test_whoever_has_not_signed_in_is_sent_to_do_so(page: str, real_home: Home) -> None:
    browser = browser_of(real_home)
    for answer in (browser.get(page), browser.post(page)):
        assert (answer.status_code, answer.text) == (303, "")
        assert answer.headers["location"].startswith("/sign-in")


def test_a_user_signs_in_is_brought_back_and_signs_out(real_home: Home) -> None:
    browser = browser_of(real_home)
    answer = browser.sign_in(name_in("planner"), PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Secure" not in cookie
    with open_home_store(real_home) as store:  # nobody can cut the entry off unseen
        assert real_home.access_log.verify(store.log_mark()) == []
        assert store.log_mark() == real_home.access_log.mark()
    token = browser.cookies[COOKIE]
    assert name_in("planner") in browser.get("/nothing-here").text
    assert browser.post("/sign-out", data={"token": browser.token("/nothing-here", "/sign-out")}).status_code == 303
    browser.cookies.set(COOKIE, token)  # a copy of the cookie is worth nothing
    assert browser.get("/compare").status_code == 303
    assert refusals(real_home)[-1]["reader"] == name_in("planner")


def test_by_https_the_cookies_go_no_other_way(real_home: Home) -> None:
    answer = browser_of(real_home, is_tls=True).get("/sign-in")
    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"]


def test_a_wrong_password_is_told_as_by_the_command_and_locks_as_there(real_home: Home) -> None:
    browser = browser_of(real_home)
    for _ in range(FREE_GUESSES):
        answer = browser.sign_in(name_in("planner"), "a wrong password")
        assert answer.status_code == 403
        assert "the name or the password is wrong" in answer.text
    assert browser.sign_in(name_in("planner"), PASSWORD).status_code == 403  # the right one, during the lock
    assert len(refusals(real_home)) == FREE_GUESSES + 1
    assert browser.sign_in("Nobody, N.", "a wrong password").status_code == 403


def test_too_many_attempts_are_refused_before_a_password_is_checked(
    real_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "ATTEMPTS", 2)
    browser = browser_of(real_home)
    answers = [browser.sign_in("Nobody, N.", "a wrong password").status_code for _ in range(4)]
    assert answers == [403, 403, 429, 429]
    assert len(refusals(real_home)) == 2


def test_a_session_that_is_guessed_or_forged_is_logged_and_ends(real_home: Home) -> None:
    browser = browser_of(real_home)
    for token in (FORGED, "hs_short", "'; DROP TABLE users; --"):
        browser.cookies.set(COOKIE, token)
        answer = browser.get("/compare")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?then=%2Fcompare")
    assert [entry["reader"] for entry in refusals(real_home)] == [login.UNKNOWN]  # the others cannot be tokens


def test_guesses_of_sessions_are_few(real_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "ATTEMPTS", 1)
    browser = browser_of(real_home)
    browser.cookies.set(COOKIE, FORGED)
    assert browser.get("/compare").status_code == 303
    browser.cookies.set(COOKIE, FORGED)
    assert browser.get("/compare").status_code == 429


@pytest.mark.parametrize("way", ["cookie", "bearer"])
def test_guesses_above_the_limit_are_neither_looked_up_nor_logged_and_nobody_waits_for_one(
    way: str, real_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = browser_of(real_home)
    stranger = visiting(visitor.app)
    is_free: list[bool] = []
    lock = visitor.app._app._board.visitors.lock

    def ask_for_lock(_: float) -> None:
        other = Thread(target=lambda: is_free.append(lock.acquire(blocking=False) and lock.release() is None))
        other.start()
        other.join()

    monkeypatch.setattr(login.time, "sleep", ask_for_lock)
    visitor.sign_in(name_in("planner"), PASSWORD)  # it counts, too
    for number in range(200):
        token = f"hs_{number:043}"
        headers = {"cookie": f"{COOKIE}={token}"} if way == "cookie" else {"authorization": f"Bearer {token}"}
        stranger.get("/gis/conformance" if way == "bearer" else "/compare", headers=headers)
    assert len(refusals(real_home)) == security.ATTEMPTS - 1
    assert is_free == [True] * (security.ATTEMPTS - 1)
    assert visitor.get("/nothing-here").status_code == 404  # a session from the same address goes on
    real_home.session = HOLDER
    add_user(real_home, "Another", "reader", None)  # so that sessions are looked up anew
    assert visitor.get("/nothing-here").status_code == 404


def test_an_office_behind_one_address_comes_in_at_once_and_the_users_are_read_once(
    real_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "ATTEMPTS", 2)
    tokens = [login.log_in(real_home, name_in(role), PASSWORD, "morning tasking") for role in ("planner", "reader")] * 8
    app, reads, answers = create_app(real_home), [], []
    read = Users.read
    monkeypatch.setattr(Users, "read", lambda users: (reads.append(users), read(users))[1])

    def look(token: str) -> None:
        answers.append(visiting(app).get("/nothing-here", headers={"cookie": f"{COOKIE}={token}"}).status_code)

    together = [Thread(target=look, args=[token]) for token in tokens]
    for each in together:
        each.start()
    for each in together:
        each.join()
    assert (answers, len(reads)) == ([404] * 16, 1)


@pytest.mark.parametrize("kind", ["ended", "service"])
def test_a_token_that_is_no_more_or_a_services_is_logged_once_and_nobody_waits_for_it(
    kind: str, real_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(login.time, "sleep", waits.append)
    if kind == "ended":
        token = login.log_in(real_home, name_in("planner"), PASSWORD, "morning tasking")
        login.log_out(real_home, token)
    else:
        real_home.session = HOLDER
        add_user(real_home, "map of the office", "reader", None)
        token = give_token(real_home, "map of the office", 1)[0]
    browser = browser_of(real_home)
    for _ in range(50):
        browser.cookies.set(COOKIE, token)
        assert browser.get("/compare").status_code == 303
    assert (len(refusals(real_home)), len(waits)) == (1, 1 if kind == "ended" else 0)


def test_who_waits_for_the_home_acts_with_the_role_of_then(real_home: Home) -> None:
    browser = browser_of(real_home)
    browser.sign_in(name_in("supervisor"), PASSWORD)
    board = browser.app._app._board
    visitor = board.visitors.visitor(browser.cookies[COOKIE])
    real_home.session = HOLDER
    with board.acting(visitor, "notices approve"):
        set_role(real_home, name_in("supervisor"), "reader")
    with pytest.raises(AccessError, match="reader"), board.acting(visitor, "notices approve"):
        pass
    disable(real_home, name_in("supervisor"))
    with pytest.raises(AccessError, match="has ended meanwhile"), board.acting(visitor, "show"):
        pass


def test_a_session_is_never_the_one_that_a_browser_brought(real_home: Home) -> None:
    browser = browser_of(real_home)
    browser.cookies.set(COOKIE, FORGED)
    browser.sign_in(name_in("planner"), PASSWORD)
    assert FORGED not in [cookie.value for cookie in browser.cookies.jar if cookie.domain]
    assert re.search(r"harmspot=hs_[\w-]{43}", str(browser.cookies))


def test_a_disabled_user_is_out_at_once(real_home: Home) -> None:
    browser = browser_of(real_home)
    browser.sign_in(name_in("planner"), PASSWORD)
    assert browser.get("/nothing-here").status_code == 404
    real_home.session = HOLDER
    disable(real_home, name_in("planner"))
    assert browser.get("/nothing-here").status_code == 303


def test_a_service_has_no_place_on_the_board(real_home: Home) -> None:
    real_home.session = HOLDER
    add_user(real_home, "Tasking export", "reader", None)
    token, _ = give_token(real_home, "Tasking export", 1)
    browser = browser_of(real_home)
    browser.cookies.set(COOKIE, token)
    assert browser.get("/compare").status_code == 303
    assert "for people" in refusals(real_home)[-1]["detail"]["why"]


def test_invented_names_are_on_rehearsal_homes_alone(real_home: Home, looked_at: Browser) -> None:
    assert BELL not in browser_of(real_home).get("/sign-in").text
    assert browser_of(real_home).sign_in(BELL, "").status_code == 403
    page = looked_at.get("/sign-in").text
    assert BELL in page and LEE in page and "REHEARSAL" in page


def test_a_purpose_that_says_nothing_lets_nobody_in(real_home: Home) -> None:
    browser = browser_of(real_home)
    for purpose in ("", "x", "work work"):
        assert browser.sign_in(name_in("planner"), PASSWORD, purpose).status_code == 403


@pytest.mark.parametrize("then", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)"])
def test_nobody_is_sent_elsewhere(then: str, real_home: Home) -> None:
    browser = browser_of(real_home)
    token = browser.token(f"/sign-in?then={then}", "/sign-in")
    data = {"token": token, "name": name_in("planner"), "password": PASSWORD, "purpose": "morning tasking"}
    assert browser.post("/sign-in", data={**data, "then": then}).headers["location"] == "/"


def test_the_form_of_another_browser_signs_nobody_in(real_home: Home) -> None:
    token = browser_of(real_home).token("/sign-in", "/sign-in")
    data = {"token": token, "name": name_in("planner"), "password": PASSWORD, "purpose": "morning tasking"}
    answer = browser_of(real_home).post("/sign-in", data=data)
    assert answer.status_code == 403
    assert COOKIE not in answer.cookies


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.1.nip.io:80"])
def test_the_board_answers_to_its_own_host_names_alone(host: str, real_home: Home) -> None:
    assert browser_of(real_home).get("/sign-in", headers={"host": host}).status_code == 400
    assert browser_of(real_home, host_names=("board.example",)).get(
        "/sign-in", headers={"host": "board.example"}
    ).status_code == 200  # fmt: skip


def test_a_body_that_is_too_large_or_an_address_too_long_is_refused(
    real_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "MOST_OPEN_BYTES", 1000)
    monkeypatch.setattr(security, "MOST_BYTES", 2000)
    browser = browser_of(real_home)
    assert browser.post("/sign-in", content=b"x" * 1001).status_code == 413
    assert browser.post("/sign-in", content=(b"x" * 600 for _ in range(2))).status_code == 413  # of no stated length
    assert browser.post("/sign-in", content=b"", headers={"content-length": "many"}).status_code == 413
    assert browser.get(f"/sign-in?then={'x' * 5000}").status_code == 414
    browser.sign_in(name_in("planner"), PASSWORD)
    assert browser.post("/audits/fairness/sign", content=b"x" * 1001).status_code == 403
    assert browser.post("/audits/fairness/sign", content=b"x" * 2001).status_code == 413


def test_a_body_that_comes_too_slowly_is_refused(real_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "BODY_S", 0.05)
    sent: list[Any] = []

    async def never() -> Any:
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/sign-in", "raw_path": b"/sign-in", "query_string": b"",
             "headers": [(b"host", b"localhost"), (b"content-length", b"10")], "client": ("127.0.0.1", 1)}  # fmt: skip
    asyncio.run(create_app(real_home)(scope, never, send))
    assert sent[0]["status"] == 408


def test_health_is_told_to_everybody(real_home: Home, looked_at: Browser) -> None:
    assert browser_of(real_home).get("/livez").text == "alive\n"
    assert browser_of(real_home).get("/readyz").status_code == 503  # nothing is published there
    assert looked_at.get("/readyz").text == "ready\n"


@pytest.mark.parametrize(
    "path", ["/static/../../key", "/static/x/..%2f..%2fkey", "/static/x/board.css", "/static/x/%2e%2e", "/../key"]
)
def test_no_file_but_the_assets_is_served(path: str, looked_at: Browser) -> None:
    answer = looked_at.get(path)
    assert answer.status_code in (303, 404)


def test_every_answer_has_the_headers(looked_at: Browser) -> None:
    for path in ("/", "/sign-in", "/nothing-here", "/livez", "/static/x/y"):
        answer = looked_at.get(path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe-inline" not in policy and "unsafe-eval" not in policy and "default-src 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
