"""Acts on the board: the same events as by command, refused as there, and by nobody whose form is not the board's."""

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.home.home import Home
from flows.human_log.ledger import read_ledger
from models.users.roles import MAY
from pipeline.publication.publish import read_published
from tests.town import CLOCK
from tests.users import PASSWORD, name_in
from tests.web.conftest import BELL, LEE, REYES, WOOD, Browser, browser_of
from web.notices import ACTS

WHY = "Read all five records; they hold."
Copies = Callable[[str], Home]


def command(home: Home, *words: str) -> None:
    arguments = ["--home", str(home.path), "--clock", CLOCK.isoformat(), *words]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False)
    assert done.exit_code == 0


def acts_of(home: Home) -> list[tuple[Any, ...]]:
    """Every decision but for who and when."""
    events = [event for event in read_ledger(home).events if event.kind != "began"]
    return [(event.kind, event.subject_kind, event.subject, dict(event.detail)) for event in events]


def notice_of(home: Home) -> str:
    return str(read_published(home.path, "area_notice")["notice_id"].iloc[0])


def test_a_notice_is_served_by_two_users_as_by_command(copy_of_run: Copies) -> None:
    by_command, by_board = copy_of_run("command"), copy_of_run("board")
    notice = notice_of(by_board)
    path, served = f"/notices/{notice}", "2026-01-01T11:30"
    for who, words in (
        (BELL, ["show", notice, "--purpose", "review the notice"]),
        (BELL, ["review", notice, "--reason", WHY]),
        (REYES, ["show", notice, "--purpose", "approve the notice"]),
        (REYES, ["approve", notice, "--reason", WHY]),
        (BELL, ["represent", notice, "--reason", "The stall has moved away.", "--speaker", "resident"]),
        (BELL, ["review", notice, "--reason", WHY]),
    ):
        as_whom = "--reader" if words[0] == "show" else "--by"
        if words == ["review", notice, "--reason", WHY] and len(acts_of(by_command)) > 4:
            command(by_command, "notices", "show", notice, "--purpose", "review it again", "--reader", who)
        command(by_command, "notices", *words, as_whom, who)
    bell, reyes = browser_of(by_board), browser_of(by_board)
    bell.sign_in(BELL)
    reyes.sign_in(REYES)
    assert bell.act(f"{path}/open", purpose="review the notice").status_code == 200
    assert "The notice is reviewed." in bell.act(f"{path}/review", reason=WHY).text
    assert reyes.act(f"{path}/open", purpose="approve the notice").status_code == 200
    assert "The notice is approved." in reyes.act(f"{path}/approve", reason=WHY).text
    said = bell.act(f"{path}/represent", reason="The stall has moved away.", speaker="resident")
    assert "The notice is draft." in said.text
    bell.act(f"{path}/open", purpose="review it again")
    bell.act(f"{path}/review", reason=WHY)
    assert acts_of(by_board) == acts_of(by_command)
    assert len(acts_of(by_board)) == 8
    reyes.act(f"{path}/open")
    reyes.act(f"{path}/approve", reason=WHY)
    assert "The notice is served." in bell.act(f"{path}/serve", manner="displayed").text
    assert "The notice is withdrawn." in reyes.act(f"{path}/withdraw", reason="The market has closed.").text
    assert served and read_ledger(by_board).events[-1].actor == REYES


def test_one_user_alone_serves_nothing_and_reads_why_beside_the_button(copy_of_run: Copies) -> None:
    home = copy_of_run("home")
    path, lee = f"/notices/{notice_of(home)}", browser_of(home)
    lee.sign_in(LEE)
    answer = lee.act(f"{path}/review", reason=WHY)
    assert answer.status_code == 409
    assert "the actor must open the notice first" in answer.text
    assert WHY in answer.text  # what was entered is not lost
    lee.act(f"{path}/open")
    lee.act(f"{path}/review", reason=WHY)
    answer = lee.act(f"{path}/approve", reason=WHY)
    assert answer.status_code == 409
    form = answer.text[answer.text.index(f'action="{path}/approve"') :]
    assert "the reviewer may not approve the notice" in form[: form.index("</form>")]
    for fields, said in (
        ({"manner": "displayed"}, "it cannot be served while it is reviewed"),
        ({"manner": "shouted"}, "choose one of"),
        ({}, "is missing"),
        ({"manner": "displayed", "served_at": "yesterday"}, "cannot be read"),
    ):
        answer = lee.act(f"{path}/serve", **fields)
        assert answer.status_code in (409, 422)
        assert said in answer.text
    assert lee.act(f"{path}/approve", reason="fine fine").status_code == 403  # says too little
    assert lee.act(f"{path}/approve", reason="").status_code == 422
    assert [kind for kind, *_ in acts_of(home)] == ["drafted", "opened", "reviewed"]


def test_a_form_of_another_act_session_or_site_does_nothing_and_is_logged(copy_of_run: Copies) -> None:
    home = copy_of_run("home")
    path = f"/notices/{notice_of(home)}"
    bell, reyes = browser_of(home), browser_of(home)
    bell.sign_in(BELL)
    reyes.sign_in(REYES)
    tokens = ["", "0" * 64, "é", bell.token(path, f"{path}/review"), reyes.token(path, f"{path}/open")]
    for token in tokens:
        assert bell.post(f"{path}/open", data={"token": token}).status_code == 403
    assert bell.post(f"{path}/open").status_code == 403
    assert acts_of(home) == []
    assert sum(entry["action"] == "refused" for entry in home.access_log.entries()) == len(tokens) + 1


def test_nobody_acts_by_following_a_link(copy_of_run: Copies) -> None:
    home = copy_of_run("home")
    bell, path = browser_of(home), f"/notices/{notice_of(home)}"
    bell.sign_in(BELL)
    for act in ACTS:
        assert bell.get(f"{path}/{act}").status_code in (404, 405)
    assert bell.get(path).status_code == 200
    assert acts_of(home) == []


@pytest.mark.parametrize("act", ACTS.values(), ids=lambda act: act.name)
def test_a_role_that_may_not_sees_no_form_and_is_refused(act: Any, real_home: Home) -> None:
    for role in ("reader", "planner", "supervisor", "auditor", "administrator"):
        if role in MAY[act.verb]:
            continue
        browser = browser_of(real_home)
        browser.sign_in(name_in(role), PASSWORD)
        path = f"/notices/n_1/{act.name}"
        secret = browser.cookies["harmspot"]
        token = browser.app._app._board.forms.token(secret, path)  # as if the form had been shown
        before = [entry["action"] for entry in real_home.access_log.entries()].count("refused")
        answer = browser.post(path, data={"token": token, "reason": WHY, "manner": "displayed", "speaker": "person",
                                          "purpose": "read the notice"})  # fmt: skip
        assert answer.status_code == 403
        entries = list(real_home.access_log.entries())
        assert [entry["action"] for entry in entries].count("refused") == before + 1
        assert f"`{act.verb}` is for" in str(entries[-1]["detail"])


def test_notices_to_people_are_read_for_a_purpose_that_is_logged(copy_of_run: Copies) -> None:
    home = copy_of_run("home")
    browser = browser_of(home)
    browser.sign_in(WOOD)
    assert "p_" not in browser.get("/notices").text
    page = browser.act("/person-notices/all/read", "/notices", purpose="prepare the letters").text
    assert "To people" in page
    entry = list(home.access_log.entries())[-1]
    assert (entry["reader"], entry["purpose"], entry["action"]) == (WOOD, "prepare the letters", "read")


def test_a_name_of_a_person_in_a_reason_is_refused(copy_of_run: Copies) -> None:
    home = copy_of_run("home")
    browser, path = browser_of(home), f"/notices/{notice_of(home)}"
    browser.sign_in(BELL)
    browser.act(f"{path}/open")
    answer = browser.act(f"{path}/review", reason=f"It is all about p_{'0' * 32} again.")
    assert answer.status_code == 409
    assert "p_0000" not in answer.text.split("<form")[0]
    assert [kind for kind, *_ in acts_of(home)] == ["drafted", "opened"]


def test_the_notice_is_printed_as_by_command(looked_at: Browser, copy_of_run: Copies) -> None:
    notice = notice_of(copy_of_run("home"))
    answer = looked_at.get(f"/notices/{notice}/print.pdf")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")
