"""Every verb that acts on notices, lists, operations, audits or users is on the board, or a reason says why not."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.home.home import Home
from flows.users.accounts import user_rows
from models.users.roles import MAY
from pipeline.errors import HarmspotError
from tests.town import TownRun
from tests.users import PASSWORD, name_in
from tests.web.conftest import BELL, Browser, browser_of
from tests.web.test_acts import TWINS, Copies, form_token, log_of
from web.acts import embargoes, lists, notices, operations, people, users
from web.acts.act import Act
from web.entrance.board import COOKIE
from web.record import ACTS, CHECKS

ON_PAGES = {  # by page: what it shows without an act
    "/": {"plan focus"},
    "/notices": {"notices list"},
    "/lists": {"lists show", "lists effects"},
    "/operations": {"plan crackdowns"},
    "/visits": {"plan visits", "plan sheet"},
    "/audits": {"audit status", "audit draft"},
    "/record": {"plan areas"},
    "/users": {"users list"},
}
WITH_THE_COMMAND = {
    "audit anchor": "writes outside of the home, to a file that whoever serves the board could alter",
    "audit clock": "a board under a wrong clock is mended where its machine is",
    "audit draft fairness": "joins a file of groups of people, which nothing else may keep",
    "audit erase": "is asked back before it is done, and done where the copies and backups are",
    "audit register": "a page about the system, for the force to complete in an editor",
    "audit subject": "all that is held about a person goes into a new file that its owner alone can read",
    "plan benefit": "weighs a file of proposals, of no home",
    "plan rehearse": "writes a home of its own",
}


def every_act() -> list[Act]:
    kinds = [notices.ACTS, notices.ACTS_ON_ALL, lists.ACTS, lists.EFFECT_ACTS, operations.ACTS, embargoes.ACTS,
             people.ACTS, users.ACTS, ACTS, CHECKS]  # fmt: skip
    return [act for acts in kinds for act in acts.values()]


def test_every_verb_is_on_the_board_or_stays_with_the_command_for_a_reason() -> None:
    wanted = {verb for verb in MAY if verb.split()[0] in ("notices", "lists", "plan", "audit", "users")}
    acted = {act.verb for act in every_act()}
    shown = set().union(*ON_PAGES.values())
    assert acted | shown | set(WITH_THE_COMMAND) >= wanted
    assert acted | shown | set(WITH_THE_COMMAND) <= set(MAY)
    assert not (acted | shown) & set(WITH_THE_COMMAND)


def test_every_act_is_done_on_two_copies_of_one_home(copy_of_run: Copies, tmp_path: Path) -> None:
    """Those of users are below."""
    home = copy_of_run("asked")
    done = {" ".join(words[:3]) for steps in TWINS for _, words, _, _ in steps(home, tmp_path / "report.html")}
    acts = {act.verb for act in every_act() if not act.verb.startswith("users ")}
    assert {verb for verb in acts if not any(words.startswith(verb) for words in done)} == set()


def test_each_page_of_the_verbs_is_there(looked_at: Browser) -> None:
    for page in ON_PAGES:
        assert looked_at.get(page).status_code == 200, page


def test_the_visits_of_the_day_their_sheet_and_what_was_recorded(looked_at: Browser, town_run: TownRun) -> None:
    planned = town_run.published("visit_plan")
    page = looked_at.get("/visits").text
    assert page.count("/?open=cell:") == len(planned)
    sheet = re.search(r'href="(/visits/sheet.pdf[^"]+)"', page)
    assert sheet
    answer = looked_at.get(sheet[1].replace("&amp;", "&"))
    assert answer.headers["content-type"] == "application/pdf" or "over at" in answer.text
    assert looked_at.get("/visits/sheet.pdf?area=nowhere&shift=late").status_code == 404
    assert "Share of the minutes" in looked_at.get("/visits?delivered=1").text


@pytest.fixture
def administered(real_home: Home, monkeypatch: pytest.MonkeyPatch) -> tuple[Home, Browser]:
    monkeypatch.setattr("flows.users.login.time.sleep", lambda _: None)
    browser = browser_of(real_home)
    assert browser.sign_in(name_in("administrator"), PASSWORD).status_code == 303
    return real_home, browser


def rows_of(home: Home) -> list[tuple[Any, ...]]:
    rows = user_rows(home)
    return list(zip(rows["user_id"], rows["role"], rows["disabled_at"].isna(), rows["has_password"], strict=True))


def act_on_users(browser: Browser, name: str, **fields: str) -> Any:
    path = f"/users/all/{name}"
    return browser.post(path, data={"token": form_token(browser, path), **fields})


def test_users_are_administered_as_by_command(
    administered: tuple[Home, Browser], tmp_path: Any, template: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, browser = administered
    twin = Home(shutil.copytree(template[0], tmp_path / "twin"), progress=lambda text: None)
    monkeypatch.setenv("HARMSPOT_TOKEN", template[1]["administrator"])
    entered, planner, new = len(log_of(home)), name_in("planner"), "another long password"

    def as_told(name: str, words: list[str], typed: str = "", **fields: str) -> str:
        page = act_on_users(browser, name, **fields)
        try:
            CliRunner().invoke(
                cli, ["--home", str(twin.path), "users", *words], input=typed, catch_exceptions=False,
                standalone_mode=False,
            )  # fmt: skip
        except HarmspotError:
            assert page.status_code == 403, page.text
        else:
            assert page.status_code == 200, page.text
        assert log_of(home)[entered:] == log_of(twin)[entered - 1 :]  # the sign-in is of the board alone
        assert rows_of(home) == rows_of(twin)
        assert new not in page.text
        return str(page.text)

    typed = ["--password-stdin"]
    as_told("add", ["add", "B. Ng", "--role", "reader", *typed], f"{new}\n", user="B. Ng", role="reader", new=new)
    as_told("add", ["add", "b ng", "--role", "reader", *typed], f"{new}\n", user="b ng", role="reader", new=new)
    as_told("add", ["add", "C. Io", "--role", "reader", *typed], "x\n", user="C. Io", role="reader", new="x")
    as_told("add", ["add", "Export", "--role", "reader", "--token-only"], user="Export", role="reader")
    page = as_told("token", ["token", "Export", "--days", "30"], user="Export", days="30")
    assert re.search(r"hs_[\w-]{43}", page)
    as_told("revoke", ["token", "Export", "--revoke"], user="Export")
    as_told("role", ["role", planner, "--role", "reader"], user=planner, role="reader")
    as_told("reset", ["reset", planner, *typed], f"{new}\n", user=planner, new=new)
    as_told("disable", ["disable", planner], user=planner)
    as_told("disable", ["disable", name_in("administrator")], user=name_in("administrator"))  # the last one
    assert "disabled" in browser.get("/users").text


def test_a_user_changes_the_own_password_and_the_sessions_end(administered: tuple[Home, Browser]) -> None:
    home, _ = administered
    browser = browser_of(home)
    browser.sign_in(name_in("planner"), PASSWORD)
    page = browser.get("/users").text
    assert name_in("auditor") not in page and 'action="/users/all/add"' not in page
    session, new = browser.cookies[COOKIE], "another long password"
    assert act_on_users(browser, "password", old="a wrong one", new=new).status_code == 403
    assert act_on_users(browser, "password", old=PASSWORD, new=new).status_code == 200
    browser.cookies.set(COOKIE, session)
    assert browser.get("/users").status_code == 303
    assert browser_of(home).sign_in(name_in("planner"), PASSWORD).status_code == 403
    assert browser_of(home).sign_in(name_in("planner"), new).status_code == 303


def test_a_rehearsal_has_no_users_to_administer(looked_at: Browser) -> None:
    assert "has no users" in looked_at.get("/users").text
    assert act_on_users(looked_at, "password", old="a", new="b").status_code == 403
    assert looked_at.get("/users").text.count(BELL) == 1
