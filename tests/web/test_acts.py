"""Acts on the board: the same events as by command, refused as there, and by nobody whose form is not the board's."""

import html
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.brief.morning import redraw
from flows.command import cli
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.ledger import read_ledger
from models.users.roles import MAY
from pipeline.errors import HarmspotError
from pipeline.publication.publish import read_published, runs
from tests.town import CLOCK, read_people
from tests.users import PASSWORD, name_in
from tests.web.conftest import BELL, ITO, LEE, REYES, WOOD, Browser, browser_of, visiting
from web.acts.lists import ACTS as LIST_ACTS
from web.acts.lists import EFFECT_ACTS
from web.acts.notices import ACTS
from web.acts.operations import ACTS as OPERATION_ACTS
from web.app import create_app
from web.record import ACTS as AUDIT_ACTS

WHY = "Read all five records; they hold."
Copies = Callable[[str], Home]


def acts_of(home: Home) -> list[tuple[Any, ...]]:
    """Every decision but for who and when."""
    events = [event for event in read_ledger(home).events if event.kind != "began"]
    of_no_folder = {"report": lambda path: Path(path).name, "valid_to": str}
    return [
        (event.kind, event.subject_kind, event.subject,
         {name: of_no_folder.get(name, lambda value: value)(value) for name, value in event.detail.items()})
        for event in events
    ]  # fmt: skip


def notice_of(home: Home) -> str:
    return str(read_published(home.path, "area_notice")["notice_id"].iloc[0])


def form_token(browser: Any, path: str) -> str:
    """The token of a form that is not shown to whoever has signed in."""
    return str(browser.app._app._board.forms.token(browser.cookies["harmspot"], path))


def tried(home: Home, who: str, words: list[str]) -> str:
    """Call a verb as somebody; return why it was refused, or nothing."""
    named = "--actor" if words[:2] in (["plan", "register"], ["plan", "record"]) else "--by"
    named = "--reader" if words[1] in ("show", "open", "export", "embargoes", "person", "list") else named
    named_who = [] if words[:2] in NAMELESS else [named, who]
    chosen = ["--home", str(home.path), "--config", str(home.config_file), "--clock", CLOCK.isoformat()]
    try:
        CliRunner().invoke(cli, [*chosen, *words, *named_who], catch_exceptions=False, standalone_mode=False)
    except HarmspotError as error:
        return str(error)
    return ""


NAMELESS = (["notices", "deliver"], ["audit", "verify"], ["audit", "export"])
Step = tuple[str, list[str], str, dict[str, str]]
STOP = "2026-02-20"


def notice_steps(home: Home, report: Path) -> list[Step]:
    del report
    notice = str(read_published(home.path, "area_notice")["notice_id"].iloc[0])
    page, because = f"/notices/{notice}", {"reason": WHY}

    def opened(who: str) -> Step:
        why = f"{who.split()[-1]} reads the notice"
        return (who, ["notices", "show", notice, "--purpose", why], f"{page}/open", {"purpose": why})

    def decided(who: str, verb: str) -> Step:
        return (who, ["notices", verb, notice, "--reason", WHY], f"{page}/{verb}", because)

    said, resident = "The stall has moved away.", {"speaker": "resident"}
    objected = ["notices", "represent", notice, "--reason", said, "--speaker", "resident"]
    return [
        decided(BELL, "review"), opened(BELL), decided(BELL, "review"), opened(REYES), decided(REYES, "approve"),
        (BELL, objected, f"{page}/represent", {"reason": said, **resident}),
        (BELL, ["notices", "serve", notice, "--manner", "displayed"], f"{page}/serve", {"manner": "displayed"}),
        opened(LEE), decided(LEE, "review"), decided(LEE, "approve"), opened(REYES), decided(REYES, "approve"),
        (BELL, ["notices", "serve", notice, "--manner", "in_person"], f"{page}/serve", {"manner": "in_person"}),
        (BELL, ["notices", "serve", notice, "--manner", "displayed"], f"{page}/serve", {"manner": "displayed"}),
        decided(BELL, "keep"), decided(LEE, "withdraw"),
    ]  # fmt: skip


def contested_steps(home: Home, report: Path) -> list[Step]:
    del report
    notice = str(read_published(home.path, "area_notice")["notice_id"].iloc[0])
    page, said = f"/notices/{notice}", {"reason": "The stall has moved away."}
    contest = ["notices", "contest", notice, "--reason", said["reason"], "--speaker", "partner"]
    broken = (BELL, ["notices", "fail", notice, "--reason", WHY], f"{page}/fail", {"reason": WHY})
    people, why = (
        ["notices", "list", "--people", "--purpose", "prepare the letters"],
        {"purpose": "prepare the letters"},
    )
    return [
        broken,
        (BELL, ["notices", "show", notice, "--purpose", "read it"], f"{page}/open", {"purpose": "read it"}),
        (BELL, contest, f"{page}/contest", {**said, "speaker": "partner"}),
        broken,
        (WOOD, people, "/all-notices/all/read", why),
    ]  # fmt: skip


def list_steps(home: Home, report: Path) -> list[Step]:
    run_id = str(runs(home.path)["run_id"].iloc[-1])
    tiers = f"person_tier-{run_id}"
    person = read_people(home, "person_tier", run_id)["person_id"].iloc[0]
    said = {"outcome": "harm reported a year on", "comparison": "those just below the list"}
    register = [word for name, text in said.items() for word in (f"--{name}", text)]
    because, why = {"reason": WHY}, {"purpose": "approve the list"}
    until = {"person": person, "until": "2026-02-01", "reason": "incident 7 names his brother"}
    sharing = {"recipient": "Warrant unit", "agreement_id": "ISA-7", "purpose": "serve the warrants"}
    export = ["--recipient", "Warrant unit", "--agreement", "ISA-7", "--purpose", "serve the warrants"]
    forged = report.with_name("forged.json")
    forged.write_text("{}")
    checked = (ITO, ["audit", "export", str(forged)], "/checks/all/copy", {})
    own_ids = [*export, "--out", str(report.with_name("own.json")), "--resolve"]
    return [
        (LEE, ["lists", "register", "person_tier", *register, "--stop-on", STOP], "/effects/person_tier/register",
         {**said, "stop_on": STOP}),
        (LEE, ["lists", "approve", tiers, "--reason", WHY], f"/lists/{tiers}/approve", because),
        (LEE, ["lists", "open", tiers, "--purpose", "approve the list"], f"/lists/{tiers}/open", why),
        (LEE, ["lists", "approve", tiers, "--reason", WHY], f"/lists/{tiers}/approve", because),
        (LEE, ["lists", "export", tiers, *export, "--out", str(report.with_name("out.json"))],
         f"/lists/{tiers}/export", sharing),
        (LEE, ["lists", "export", tiers, *own_ids], f"/lists/{tiers}/export", {**sharing, "ids": "own_ids"}),
        checked,
        (LEE, ["lists", "override", tiers, person, "--until", "2026-02-01", "--reason", until["reason"]],
         f"/lists/{tiers}/override", until),
        (REYES, ["lists", "revoke", tiers, "--reason", WHY], f"/lists/{tiers}/revoke", because),
        (REYES, ["lists", "evaluate", "person_tier", "--found", "no less harm than below", "--report", str(report)],
         "/effects/person_tier/evaluate", {"found": "no less harm than below"}),
        checked,
    ]  # fmt: skip


def operation_steps(home: Home, report: Path) -> list[Step]:
    market = str(read_published(home.path, "crackdown_plan").sort_values("position")["market_id"].iloc[0])
    page, said = f"/operations/{market}", {"outcome": "public reports", "comparison": "the other markets"}
    register = [word for name, text in said.items() for word in (f"--{name}", text)]
    found = {"found": "reports fell as elsewhere"}
    evaluate = ["plan", "evaluate", market, "--found", found["found"], "--report", str(report)]
    return [
        (BELL, evaluate, f"{page}/evaluate", found),
        (BELL, ["plan", "register", market, *register, "--stop-on", STOP], f"{page}/register",
         {**said, "stop_on": STOP}),
        (BELL, ["plan", "register", market, *register, "--stop-on", STOP], f"{page}/register",
         {**said, "stop_on": STOP}),
        (BELL, ["plan", "record", "partners_told", market, "--at", "2026-01-01T09:00:00+00:00"], f"{page}/record",
         {"kind": "partners_told", "at": "2026-01-01T09:00"}),
        (BELL, ["plan", "record", "announcement", market, "--hours", "52", "--notice", "n_1"], f"{page}/record",
         {"kind": "announcement", "hours": "52", "notice_id": "n_1"}),
        (BELL, evaluate, f"{page}/evaluate", found),
    ]  # fmt: skip


def audit_steps(home: Home, report: Path) -> list[Step]:
    del home
    found = "no group is listed more often than it is suspected"
    recorded = ["audit", "record", "fairness", "--report", str(report), "--found", found]
    return [
        (ITO, recorded, "/audits/fairness/sign", {"found": found}),
        (ITO, [*recorded, "--made-on", "2025-12-30"], "/audits/fairness/sign",
         {"found": found, "made_on": "2025-12-30"}),
    ]  # fmt: skip


def embargo_steps(home: Home, report: Path) -> list[Step]:
    del report
    market = str(read_published(home.path, "crackdown_plan").sort_values("position")["market_id"].iloc[0])
    why, until = "a covert inquiry goes on", {"until": "2026-01-20"}
    over = "the arrests are made"

    def embargo(market: str) -> Step:
        words = ["plan", "embargo", market, "--until", until["until"], "--reason", why]
        return (LEE, words, "/embargoes/all/embargo", {"market": market, "reason": why, **until})

    read = ["--purpose", "before the briefing"]
    lift = (LEE, ["plan", "lift", market, "--reason", over], "/embargoes/all/lift", {"market": market, "reason": over})
    return [
        embargo("market_0_0"), lift, embargo(market),
        (BELL, ["plan", "embargoes", *read], "/embargoes/all/read", {"purpose": read[1]}),
        lift, lift,
        (ITO, ["audit", "embargoes", *read], "/embargoes/all/history", {"purpose": read[1]}),
    ]  # fmt: skip


def reading_steps(home: Home, report: Path) -> list[Step]:
    del report
    run_id = str(runs(home.path)["run_id"].iloc[-1])
    person = str(read_people(home, "person_tier", run_id)["person_id"].iloc[0])
    read, asked = ["--purpose", "review before the visit"], {"purpose": "review before the visit"}
    return [
        (WOOD, ["explain", "person", person, *read], "/people/one/explain", {"person": person, **asked}),
        (WOOD, ["explain", "person", "P0", *read], "/people/one/explain", {"person": "P0", **asked}),
        (BELL, ["notices", "deliver"], "/all-notices/all/deliver", {}),
        (ITO, ["audit", "verify"], "/checks/all/log", {}),
    ]


def log_of(home: Home) -> list[tuple[Any, ...]]:
    """Every entry of the access log but for who and when."""
    return [(entry["action"], entry["purpose"], entry["detail"]) for entry in home.access_log.entries()]


def actions_of(home: Home) -> list[dict[str, Any]]:
    with open_home_store(home) as store:
        actions = store.place_actions(CLOCK + timedelta(days=1))
    return actions.astype(str).replace(r"[^ ]*/(?=report)", "", regex=True).to_dict("records")


def files_of(home: Home) -> list[str]:
    """Every file of a home, but for the folder in which the board keeps what was signed."""
    found = [str(path.relative_to(home.path)) for path in home.path.rglob("*") if path.is_file()]
    return sorted(path for path in found if not path.startswith("reports/"))


def drawn_of(home: Home) -> dict[str, bytes]:
    """Layers, briefs and report by name."""
    found = [path for folder in (home.layers, home.briefs) for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(home.path)): path.read_bytes() for path in (*found, home.report)}


TWINS = (notice_steps, contested_steps, list_steps, operation_steps, audit_steps, embargo_steps, reading_steps)


@pytest.mark.parametrize("steps", TWINS)
def test_the_same_acts_by_board_and_by_command_leave_the_same_and_are_refused_alike(
    steps: Callable[[Home, Path], list[Step]], copy_of_run: Copies, tmp_path: Path
) -> None:
    by_command, by_board = copy_of_run("command"), copy_of_run("board")
    report = tmp_path / "report.html"
    report.write_text("<p>read and found sound</p>")
    board = create_app(by_board)
    browsers = {who: visiting(board) for who in (BELL, REYES, LEE, ITO, WOOD)}
    for who, browser in browsers.items():
        assert browser.sign_in(who).status_code == 303
    is_refused = []
    for who, words, action, fields in steps(copy_of_run("asked"), report):
        why = tried(by_command, who, words)
        sent = {"report": report} if str(report) in words else {"copy": Path(words[-1])} if "/copy" in action else {}
        files = {name: (path.name, path.read_bytes()) for name, path in sent.items()}
        token = form_token(browsers[who], action)
        answer = browsers[who].post(action, data={"token": token, **fields}, files=files)
        is_refused.append(bool(why))
        assert answer.status_code == (409 if why else 200), (action, answer.text)
        if why:  # the same words, but for the file's folder
            page = re.sub(r"[^ ]*/(?=report.html)", "", html.unescape(answer.text))
            assert re.sub(r"[^ ]*/(?=report.html)", "", why).replace(f"{tmp_path}/forged.json", "copy.json") in page
        assert acts_of(by_board) == acts_of(by_command)
        assert log_of(by_board) == log_of(by_command)
    assert actions_of(by_board) == actions_of(by_command)
    assert files_of(by_board) == files_of(by_command)
    assert drawn_of(by_board) == drawn_of(by_command)
    assert is_refused.count(False) and is_refused.count(True)


def test_an_embargo_by_board_and_by_command_leaves_the_same_drawings(
    copy_of_run: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARMSPOT__SCHEDULE__BRIEF", "true")
    by_command, by_board = copy_of_run("command"), copy_of_run("board")
    for home in (by_command, by_board):
        redraw(home)
    before = drawn_of(by_board)
    *_, (who, words, action, fields) = embargo_steps(by_board, Path())[:3]
    assert tried(by_command, who, words) == ""
    browser = browser_of(by_board)
    browser.sign_in(who)
    assert browser.post(action, data={"token": form_token(browser, action), **fields}).status_code == 200
    assert files_of(by_board) == files_of(by_command)
    after = drawn_of(by_board)
    assert after == drawn_of(by_command)
    assert set(after) == set(before) and {Path(name).suffix for name in after} >= {".gpkg", ".geojson", ".pdf"}
    changed = {name for name in after if after[name] != before[name]}
    assert {"report.html", "layers/markets.geojson"} <= changed and any(name.startswith("brief/") for name in changed)


def test_a_notice_to_a_place_shows_its_plan_and_how_it_was_served_and_offers_manners_of_its_kind(
    copy_of_run: Copies,
) -> None:
    home = copy_of_run("home")
    path, browsers = f"/notices/{notice_of(home)}", {BELL: browser_of(home), LEE: browser_of(home)}
    for who, browser in browsers.items():
        browser.sign_in(who)
        browser.act(f"{path}/open", purpose="")
    browsers[BELL].act(f"{path}/review", reason=WHY)
    page = browsers[LEE].act(f"{path}/approve", reason=WHY).text
    assert "The plan of today for this market:" in page and "No operation is registered for it" in page
    assert re.findall(r'<option value="(\w+)"', page.partition('name="manner"')[2].partition("</select>")[0]) == [
        "displayed",
        "posted",
    ]
    served = browsers[LEE].act(f"{path}/serve", manner="displayed", served_at="").text
    history = served.partition('<ol class="history">')[2].partition("</ol>")[0]
    assert history.count("displayed") == 1 and len(re.findall(r"\d\d:\d\d", history)) == history.count("<li>")


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


@pytest.mark.parametrize("role", ["reader", "planner", "supervisor", "auditor", "administrator"])
def test_a_role_that_may_not_is_refused_and_that_is_logged(role: str, real_home: Home) -> None:
    browser = browser_of(real_home)
    browser.sign_in(name_in(role), PASSWORD)
    every = {"/notices/n_1": ACTS, "/lists/person_tier-1": LIST_ACTS, "/effects/person_tier": EFFECT_ACTS,
             "/operations/market_1": OPERATION_ACTS, "/audits/fairness": AUDIT_ACTS}  # fmt: skip
    said = {"reason": WHY, "purpose": "read what it says", "outcome": WHY, "comparison": WHY, "found": WHY}
    refused = [(page, act) for page, acts in every.items() for act in acts.values() if role not in MAY[act.verb]]
    assert refused
    for page, act in refused:
        path = f"{page}/{act.name}"
        assert browser.post(path, data={"token": form_token(browser, path), **said}).status_code == 403
        last = list(real_home.access_log.entries())[-1]
        assert (last["action"], last["reader"]) == ("refused", name_in(role))
        assert f"`{act.verb}` is for" in str(last["detail"])


def test_notices_to_people_are_read_for_a_purpose_that_is_logged(copy_of_run: Copies) -> None:
    home = copy_of_run("home")
    browser = browser_of(home)
    browser.sign_in(WOOD)
    assert "p_" not in browser.get("/notices").text
    page = browser.act("/all-notices/all/read", "/notices", purpose="prepare the letters").text
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


def test_a_file_is_kept_of_those_alone_who_may_sign_it(copy_of_run: Copies) -> None:
    home = copy_of_run("home")
    browser, path = browser_of(home), "/audits/fairness/sign"
    browser.sign_in(WOOD)
    data = {"token": form_token(browser, path), "found": "no group stands out here", "made_on": "2025-12-30"}
    files = {"report": ("../../key", b"not a key")}
    assert browser.post(path, data=data, files=files).status_code == 403
    assert not (home.path / "reports").exists()
    auditor = browser_of(home)
    auditor.sign_in(ITO)
    answer = auditor.post(path, data={**data, "token": form_token(auditor, path)}, files=files)
    assert answer.status_code == 200
    assert [file.name for file in (home.path / "reports").iterdir()] == ["key"]
    assert (home.path / "key").read_bytes() != b"not a key"
