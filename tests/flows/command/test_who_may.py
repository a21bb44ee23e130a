"""Who is let in: every verb in every role, typed names, clocks, words that say nothing; what is refused is logged."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from flows.command import cli
from flows.command.who_may import admit
from flows.home.home import Home
from flows.home.store_access import mark_reads
from flows.users import login
from flows.users.accounts import disable, set_role
from models.users.roles import ANYONE, MAY, OWN_PURPOSE, ROLES, may
from pipeline.errors import AccessError, StoreError
from pipeline.users.session import Session
from tests.town import CLOCK
from tests.users import PASSWORD, name_in

WHY = "evidence read and found sound"


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login.time, "sleep", lambda _: None)
    monkeypatch.delenv("HARMSPOT_TOKEN", raising=False)


@contextmanager
def calling(row: str) -> Iterator[dict[str, Any]]:
    """The context of a call of a row of the table, and its options as click passes them."""
    command: click.Command = cli
    context = click.Context(cli, info_name="harmspot")
    words = row.split()
    while isinstance(command, click.Group):
        command = command.get_command(context, words[0])  # type: ignore[assignment]
        context = click.Context(command, info_name=words.pop(0), parent=context)
    options: dict[str, Any] = {str(param.name): None for param in command.params}
    for part in words:
        flagged = [param.name for param in command.params if part in param.opts]
        arguments = [param.name for param in command.params if isinstance(param, click.Argument)]
        options[(flagged or arguments)[0] or ""] = True if flagged else part
    with context:
        yield options


def refusals(home: Home) -> list[dict[str, Any]]:
    return [entry for entry in home.access_log.entries() if entry["action"] == "refused"]


@pytest.mark.parametrize("row", sorted(MAY))
def test_every_role_on_every_verb(
    row: str, real_home: Home, token_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each cell of the matrix: let in as that user, or refused and logged."""
    for role in (None, *ROLES):
        if role:
            monkeypatch.setenv("HARMSPOT_TOKEN", token_of(role))
        before, real_home.session = len(refusals(real_home)), None
        with calling(row) as options:
            verbs = [row, *(verb for verb in MAY if verb != row and row.startswith(f"{verb} "))]
            if may(role, verbs):
                admitted = admit(real_home, options)
                named = {admitted[name] for name in ("by", "actor", "reader") if name in admitted}
                assert named <= {None if MAY[row] is ANYONE else name_in(str(role))}
                assert len(refusals(real_home)) == before
            else:
                with pytest.raises(AccessError):
                    admit(real_home, options)
                assert len(refusals(real_home)) == before + 1
                assert refusals(real_home)[-1]["reader"] == (name_in(role) if role else login.UNKNOWN)


@pytest.mark.parametrize("row", sorted(row for row in MAY if MAY[row] is ANYONE))
@pytest.mark.parametrize("days", [-36500, 36500])
def test_no_clock_and_no_configuration_of_ones_own_dates_the_log(row: str, days: int, real_home: Home) -> None:
    """Of any verb that needs no user: what is logged on its way has the time of the system's clock."""
    other = real_home.path.parent / "mine.yaml"
    other.write_text("force: {name: Mine}\n")
    home = Home(real_home.path, other, CLOCK + timedelta(days=days), lambda text: None)
    begin = datetime.now(UTC)
    with calling(row) as options:
        if "logout" in row or "login" in row:
            with pytest.raises(AccessError, match="--clock"):
                admit(home, options)
        else:
            admit(home, options)
            assert home.session is None
    home.log_access("read", {}, reader="harmspot run", purpose="compare this run with its predecessor")
    at = [datetime.fromisoformat(entry["at"]) for entry in home.access_log.entries()][-1]
    assert begin <= at <= datetime.now(UTC)


def call(home: Home, *arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home.path), *arguments], **more)


@pytest.mark.parametrize(
    "arguments",
    [
        ["lists", "approve", "person_tier-1", "--by", name_in("supervisor"), "--reason", WHY],
        ["lists", "revoke", "person_tier-1", "--by", name_in("supervisor"), "--reason", WHY],
        ["show", "people", "--reader", name_in("reader"), "--purpose", WHY],
        ["show", "areas", "--reader", name_in("reader")],
        ["notices", "show", "n_1", "--reader", name_in("reader"), "--purpose", WHY],
        ["plan", "record", "visit", "A01", "--actor", name_in("planner")],
        ["audit", "erase", "P1", "--reader", name_in("auditor"), "--purpose", WHY, "--reason", WHY, "--yes"],
    ],
)
def test_a_typed_name_counts_for_nothing_outside_rehearsals(
    real_home: Home, token_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    for token in ("", token_of("supervisor")):
        monkeypatch.setenv("HARMSPOT_TOKEN", token)
        done = call(real_home, *arguments)
        assert isinstance(done.exception, AccessError)
        assert "is for rehearsals" in str(done.exception) and "login NAME" in str(done.exception)


@pytest.mark.parametrize("row", sorted(row for row in MAY if MAY[row] is not ANYONE))
@pytest.mark.parametrize("days", [-3650, 36500])
def test_no_clock_for_people(
    row: str, days: int, real_home: Home, token_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARMSPOT_TOKEN", token_of(MAY[row][0] or ""))
    real_home.clock = CLOCK + timedelta(days=days)
    with calling(row) as options, pytest.raises(AccessError, match="--clock"):
        admit(real_home, options)


@pytest.mark.parametrize("row", ["load", "run", "show", "explain area", "plan sheet", "layers", "evaluate forecast"])
def test_places_keep_their_clock(row: str, real_home: Home) -> None:
    real_home.clock = CLOCK
    with calling(row) as options:
        assert admit(real_home, options) == options


@pytest.mark.parametrize("name", ["login", "logout"])
def test_no_clock_begins_or_ends_a_session(name: str, real_home: Home) -> None:
    real_home.clock = CLOCK
    with calling(name) as options, pytest.raises(AccessError, match="--clock"):
        admit(real_home, options)


@pytest.mark.parametrize("option", ["purpose", "reason", "outcome", "comparison", "found", "breach"])
@pytest.mark.parametrize("text", ["a b", "-", ". .", "\u200b\u200b \u2800", "fine", "fine Fine", "7 8 9"])
def test_words_that_say_nothing(option: str, text: str, real_home: Home, tmp_path: Path) -> None:
    rehearsal = Home(tmp_path / "rehearsal", is_for_rehearsals=True, progress=lambda text: None).ensure()
    for home in (real_home, rehearsal):
        with calling("lists approve") as options, pytest.raises(AccessError, match="says too little"):
            admit(home, options | {option: text})


@pytest.mark.parametrize(
    "name", ["\u200b", "\u2800", ".", "-", "hаrmspot", "harmspot", "HARMSPOT run", "Harrnspot", "J"]
)
@pytest.mark.parametrize("option", ["by", "actor", "reader"])
def test_nobody_signs_a_rehearsal_under_no_name(option: str, name: str, tmp_path: Path) -> None:
    home = Home(tmp_path, is_for_rehearsals=True, progress=lambda text: None).ensure()
    with calling("lists show") as options, pytest.raises(AccessError, match=f"--{option}"):
        admit(home, options | {option: name})


def test_a_rehearsal_says_so_and_asks_for_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path, is_for_rehearsals=True, progress=lambda text: None).ensure()
    with calling("lists approve") as options:
        with pytest.raises(click.UsageError, match="Missing option '--by'"):
            admit(home, options)
        assert admit(home, options | {"by": "Insp. J. Reyes"})["by"] == "Insp. J. Reyes"
    assert "REHEARSAL" in capsys.readouterr().err
    for feed in ("load", "ingest", "stream"):
        with calling(feed) as options:
            admit(home, options)
        assert "load no real ones" in capsys.readouterr().err
    with calling("show") as options:
        admit(home, options)
    assert not capsys.readouterr().err  # places are places


def test_a_home_is_no_rehearsal_by_anothers_mark(real_home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other", is_for_rehearsals=True, progress=lambda text: None).ensure()
    assert other.is_rehearsal
    (real_home.path / "rehearsal").write_bytes((other.path / "rehearsal").read_bytes())
    assert not Home(real_home.path).is_rehearsal
    done = call(real_home, "init", "--rehearsal")
    assert "is there already" in str(done.exception)


def test_a_home_of_real_people_becomes_no_rehearsal(real_home: Home, tmp_path: Path) -> None:
    mark_reads(real_home)  # something was read: the store is not empty
    aside = real_home.store.rename(tmp_path / "aside.duckdb")
    assert "is there already" in str(call(real_home, "init", "--rehearsal").exception)
    others = ("users.duckdb", "access.log")
    for name in others:
        (real_home.path / name).rename(tmp_path / name)
    assert call(real_home, "init", "--rehearsal").exit_code == 0
    for name in others:
        (tmp_path / name).rename(real_home.path / name)
    aside.rename(real_home.store)
    home = Home(real_home.path, progress=lambda text: None)
    assert home.is_rehearsal  # by the mark, which is of its key
    with pytest.raises(StoreError, match="not made for rehearsals"):
        mark_reads(home)
    done = call(home, "lists", "show")
    assert isinstance(done.exception, StoreError)


def test_a_home_without_users_says_who_makes_the_first(real_home: Home) -> None:
    for name in ("users.duckdb", "access.log"):  # it never had any
        (real_home.path / name).unlink()
    done = call(real_home, "lists", "show")
    assert isinstance(done.exception, AccessError)
    assert "users add NAME --role administrator" in str(done.exception)
    assert call(real_home, "users", "add", "A. First", "--role", "administrator", "--password-stdin",
                input=f"{PASSWORD}\n").exit_code == 0  # fmt: skip
    assert isinstance(call(real_home, "users", "list").exception, AccessError)  # from now on, one logs in


def test_a_home_that_lost_its_users_is_refused(real_home: Home) -> None:
    """Whoever removes the file makes no first administrator, and what a disabled user approved stays void."""
    disable(real_home, name_in("supervisor"))
    mark_reads(real_home)  # as after every verb
    real_home.users.path.unlink()
    for arguments in (
        ["lists", "show"],
        ["users", "add", "A. First", "--role", "administrator", "--password-stdin"],
        ["users", "reset", name_in("administrator"), "--with-key", "--password-stdin"],
        ["login", name_in("reader"), "--purpose", "morning tasking", "--password-stdin"],
    ):
        done = call(real_home, *arguments, input=f"{PASSWORD}\n")
        assert isinstance(done.exception, StoreError) and "restore it from a backup" in str(done.exception)
    with pytest.raises(StoreError, match="restore it"):
        _ = real_home.disabled_looks
    assert not (real_home.path / "users.duckdb").exists()
    real_home.access_log.path.unlink()  # nor with the log that knows of them: the store knows of the log
    done = call(real_home, "users", "add", "A. First", "--role", "administrator", "--password-stdin", input=PASSWORD)
    assert isinstance(done.exception, AccessError) and "the access log is trusted" in str(done.exception)


def test_init_on_a_terminal_asks_for_the_first_administrator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("init", "asking"):
        monkeypatch.setattr(f"flows.command.{module}.is_terminal", lambda: True)
    home = Home(tmp_path / "home", progress=lambda text: None)
    done = call(home, "init", input=f"A. Admin\n{PASSWORD}\n{PASSWORD}\n")
    assert done.exit_code == 0, done.output
    assert [(user.user_id, user.role) for user in home.users.all()] == [("A. Admin", "administrator")]
    assert PASSWORD not in done.output
    assert "Name" not in call(home, "init").output  # once
    assert call(Home(tmp_path / "rehearsal"), "init", "--rehearsal").exit_code == 0  # has no users


def test_login_keeps_a_session_for_its_owner_alone(real_home: Home, tmp_path: Path) -> None:
    done = call(real_home, "login", "auditor a lee", "--purpose", "yearly audit", "--password-stdin", input=PASSWORD)
    assert done.exit_code == 0, done.output
    [path] = (tmp_path / "config" / "harmspot" / "sessions").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert real_home.path not in path.parents
    assert call(real_home, "users", "list").exit_code == 0
    path.chmod(0o644)
    assert "can be read by others" in str(call(real_home, "users", "list").exception)
    path.chmod(0o600)
    assert call(real_home, "logout").exit_code == 0
    assert not path.exists()
    assert "nobody is logged in" in str(call(real_home, "users", "list").exception)


def test_a_service_has_its_token_in_a_file(
    real_home: Home, token_of: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    monkeypatch.setenv("HARMSPOT_TOKEN_FILE", str(file))
    assert "is missing" in str(call(real_home, "users", "list").exception)
    file.write_text(token_of("auditor"))
    file.chmod(0o640)
    assert "chmod 600" in str(call(real_home, "users", "list").exception)
    file.chmod(0o600)
    assert call(real_home, "users", "list").exit_code == 0


@pytest.mark.parametrize("row", ["explain person", "notices show", "plan embargoes", *sorted(OWN_PURPOSE)])
def test_the_purpose_is_that_of_the_session_and_a_list_has_its_own(
    row: str, real_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARMSPOT_TOKEN", login.log_in(real_home, name_in("supervisor"), PASSWORD, "morning tasking"))
    with calling(row) as options:
        assert admit(real_home, options)["purpose"] == (None if row in OWN_PURPOSE else "morning tasking")
        assert admit(real_home, options | {"purpose": WHY})["purpose"] == WHY


def test_another_role_and_a_disabled_user_count_from_the_next_call(
    real_home: Home, token_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARMSPOT_TOKEN", token_of("supervisor"))
    with calling("lists approve") as options:
        admit(real_home, options)
        real_home.session = Session(name_in("administrator"), "administrator", "token")
        set_role(real_home, name_in("supervisor"), "planner")
        with pytest.raises(AccessError, match="is planner; `lists approve` is for supervisor"):
            admit(real_home, options)
        disable(real_home, name_in("supervisor"))
        with pytest.raises(AccessError, match="is disabled"):
            admit(real_home, options)
