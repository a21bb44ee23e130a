"""Two people decide, on a home that is no rehearsal: who is logged in counts, and what a disabled user left is void."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.command import cli
from flows.home.home import Home
from flows.human_log.ledger import read_ledger
from flows.human_log.list_runs import shown_lists
from flows.users.accounts import add_user, give_token
from flows.users.login import log_in
from models.governance.list_lifecycle import list_id_of
from pipeline.errors import AccessError, ExportError, PublicationError
from tests.town import CLOCK, TownRun
from tests.users import PASSWORD

ADMIN, PLANNER, FIRST, SECOND, SERVICE = "A. Admin", "P. Lund", "S. Bell", "S. Reyes", "Nightly export"
WHY = ("--reason", "evidence read and found sound")
PURPOSE = ("--purpose", "approve the list")


@pytest.fixture(scope="module")
def template(town_run: TownRun, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The town's home as one of real people: without the mark of a rehearsal, and with users."""
    path = shutil.copytree(town_run.home.path, tmp_path_factory.mktemp("real") / "home")
    home = Home(path, town_run.home.config_file, CLOCK, lambda text: None)
    roles = {ADMIN: "administrator", PLANNER: "planner", FIRST: "supervisor", SECOND: "supervisor"}
    for name, role in roles.items():
        add_user(home, name, role, PASSWORD)
    tokens = {name: log_in(home, name, PASSWORD, "morning tasking") for name in roles}
    add_user(home, SERVICE, "supervisor", None)
    tokens[SERVICE] = give_token(home, SERVICE, 3)[0]
    (path / "rehearsal").unlink()
    return path, tokens


@pytest.fixture
def home(template: tuple[Path, dict[str, str]], town_run: TownRun, tmp_path: Path) -> Home:
    return Home(shutil.copytree(template[0], tmp_path / "home"), town_run.home.config_file, None, lambda text: None)


@pytest.fixture
def call(home: Home, template: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call a verb as a user, at the time of the run."""
    monkeypatch.setattr(Home, "now", lambda self: CLOCK)

    def as_user(name: str, *arguments: str) -> Result:
        common = ["--home", str(home.path), "--config", str(home.config_file)]
        return CliRunner(env={"HARMSPOT_TOKEN": template[1][name]}).invoke(cli, [*common, *arguments])

    return as_user


def refusals(home: Home) -> list[dict[str, object]]:
    return [entry for entry in home.access_log.entries() if entry["action"] == "refused"]


def state(home: Home, list_id: str) -> str:
    return str(shown_lists(home, read_ledger(home), None).set_index("list_id").loc[list_id, "status"])


@pytest.fixture
def queue(town_run: TownRun) -> str:
    return list_id_of("warrant_queue", town_run.summary.run_id)


def test_a_list_needs_two_users_and_each_is_logged_by_id(
    home: Home, call: Callable[..., Result], queue: str, tmp_path: Path
) -> None:
    assert call(FIRST, "lists", "open", queue, *PURPOSE).exit_code == 0
    alone = call(FIRST, "lists", "approve", queue, *WHY)
    assert isinstance(alone.exception, PublicationError) and "two people decide on a list" in str(alone.exception)
    assert refusals(home)[-1]["reader"] == FIRST and refusals(home)[-1]["detail"]["verb"] == "lists approve"  # type: ignore[index]
    assert call(PLANNER, "lists", "open", queue, *PURPOSE).exit_code == 0
    assert call(PLANNER, "lists", "approve", queue, *WHY).exit_code == 1  # the role does not go as far
    assert call(FIRST, "lists", "approve", queue, *WHY).exit_code == 0
    assert state(home, queue) == "active"
    opened, approved = (read_ledger(home).about("list", kinds=[kind]) for kind in ("opened", "approved"))
    assert [event.actor for event in (*opened, *approved)] == [FIRST, PLANNER, FIRST]
    read = [entry for entry in home.access_log.entries() if entry["action"] == "read" and entry["reader"] == PLANNER]
    assert {entry["authenticated"] for entry in read} == {"password session"}


def test_a_list_asks_for_a_purpose_of_its_own(call: Callable[..., Result], queue: str) -> None:
    assert "missing: purpose" in str(call(FIRST, "lists", "open", queue).exception)
    assert "says too little" in str(call(FIRST, "lists", "open", queue, "--purpose", "a b").exception)


def test_what_a_disabled_user_opened_is_no_second_person(home: Home, call: Callable[..., Result], queue: str) -> None:
    for name in (PLANNER, FIRST):
        assert call(name, "lists", "open", queue, *PURPOSE).exit_code == 0
    assert "1 decisions" in call(ADMIN, "users", "disable", PLANNER).output
    done = call(FIRST, "lists", "approve", queue, *WHY)
    assert isinstance(done.exception, PublicationError) and "another person must open it" in str(done.exception)
    assert refusals(home)[-1]["reader"] == FIRST
    assert call(SECOND, "lists", "open", queue, *PURPOSE).exit_code == 0
    assert call(FIRST, "lists", "approve", queue, *WHY).exit_code == 0


def test_what_a_disabled_supervisor_approved_and_nobody_used_is_void(
    home: Home, call: Callable[..., Result], queue: str, tmp_path: Path
) -> None:
    for name in (FIRST, SECOND, PLANNER):
        assert call(name, "lists", "open", queue, *PURPOSE).exit_code == 0
    assert call(FIRST, "lists", "approve", queue, *WHY).exit_code == 0
    assert state(home, queue) == "active"
    assert call(ADMIN, "users", "disable", FIRST).exit_code == 0
    assert state(home, queue) == "draft"
    sharing = ("--recipient", "Warrant unit", "--agreement", "ISA-7", "--purpose", "serve the warrants")
    done = call(SECOND, "lists", "export", queue, *sharing, "--out", str(tmp_path / "copy.json"))
    assert isinstance(done.exception, ExportError) and "is draft" in str(done.exception)
    assert refusals(home)[-1]["reader"] == SECOND
    assert call(FIRST, "lists", "approve", queue, *WHY).exit_code == 1
    assert "is disabled" in refusals(home)[-1]["detail"]["why"]  # type: ignore[index]
    assert call(SECOND, "lists", "approve", queue, *WHY).exit_code == 0  # and another one may approve it
    assert state(home, queue) == "active"


def test_a_notice_that_a_disabled_user_reviewed_is_a_draft_again(home: Home, call: Callable[..., Result]) -> None:
    import json

    notice = json.loads(call(FIRST, "notices", "list", "--json").output)[0]["notice_id"]
    for name in (FIRST, SECOND, PLANNER):
        assert call(name, "notices", "show", notice, "--purpose", "review the notice").exit_code == 0
    assert call(FIRST, "notices", "review", notice, *WHY).exit_code == 0
    assert "reviewer may not approve" in str(call(FIRST, "notices", "approve", notice, *WHY).exception)
    assert call(ADMIN, "users", "disable", FIRST).exit_code == 0
    assert "cannot be approved while it is draft" in str(call(SECOND, "notices", "approve", notice, *WHY).exception)
    assert call(PLANNER, "notices", "review", notice, *WHY).exit_code == 0
    assert call(SECOND, "notices", "approve", notice, *WHY).exit_code == 0


def test_a_token_is_none_of_the_two_people(home: Home, call: Callable[..., Result], queue: str, tmp_path: Path) -> None:
    assert call(FIRST, "lists", "open", queue, *PURPOSE).exit_code == 0
    opened = call(SERVICE, "lists", "open", queue, *PURPOSE)
    assert isinstance(opened.exception, AccessError) and "needs a person" in str(opened.exception)
    assert refusals(home)[-1]["reader"] == SERVICE
    assert call(FIRST, "lists", "approve", queue, *WHY).exit_code == 1
    assert call(SERVICE, "lists", "approve", queue, *WHY).exit_code == 1
    assert call(SECOND, "lists", "open", queue, *PURPOSE).exit_code == 0
    assert call(FIRST, "lists", "approve", queue, *WHY).exit_code == 0
    copy = ("--recipient", "Unit", "--agreement", "ISA-7", "--out", str(tmp_path / "copy.json"), *PURPOSE)
    exported = call(SERVICE, "lists", "export", queue, *copy)
    assert exported.exit_code == 0, exported.output
