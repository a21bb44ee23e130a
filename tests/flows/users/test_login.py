"""Login, tokens and accounts: what is wrong, expired, revoked, guessed, lost or disabled is refused and logged."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher

from flows.home.home import Home
from flows.users import accounts, login
from flows.users.accounts import (
    HOLDER,
    add_user,
    change_password,
    disable,
    give_token,
    reset_password,
    revoke_tokens,
    set_role,
)
from flows.users.admission import let_in
from flows.users.login import SESSION, log_in, log_out, session_of
from models.users.roles import ROLES
from pipeline.errors import AccessError, PurposeError
from pipeline.users import credentials
from pipeline.users.session import PASSWORD as BY_PASSWORD
from pipeline.users.session import TOKEN, Session
from pipeline.users.users import FREE_GUESSES, LONGEST_LOCK, User
from tests.users import PASSWORD, name_in

NOW = datetime.now(UTC)
WHY = "morning tasking"


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Guesses wait, but not in tests; the waits."""
    waits: list[float] = []
    monkeypatch.setattr(login.time, "sleep", waits.append)
    return waits


def last(home: Home) -> dict[str, object]:
    return list(home.access_log.entries())[-1]


def is_refused(home: Home, said: str, do: Callable[[], object]) -> dict[str, object]:
    """Whoever does it is refused, and that is logged; the entry."""
    before = sum(1 for _ in home.access_log.entries())
    with pytest.raises(AccessError, match=said):
        do()
    entry = last(home)
    assert sum(1 for _ in home.access_log.entries()) == before + 1
    assert entry["action"] == "refused"
    return entry


def test_whoever_logs_in_is_who_reads(real_home: Home) -> None:
    token = log_in(real_home, "reader, a lee", PASSWORD, WHY)
    assert last(real_home) | {"reader": name_in("reader"), "authenticated": BY_PASSWORD, "purpose": WHY} == last(
        real_home
    )
    real_home.session = None
    assert session_of(real_home, token) == Session(name_in("reader"), "reader", BY_PASSWORD, WHY)


@pytest.mark.parametrize("name", ["nobody of that name", name_in("reader"), "Rеader, A. Lee?"])
def test_a_wrong_password_and_an_unknown_name_are_told_alike(real_home: Home, name: str) -> None:
    entry = is_refused(
        real_home, "the name or the password is wrong", lambda: log_in(real_home, name, f"{PASSWORD}?", WHY)
    )
    assert "authenticated" not in entry


@pytest.mark.parametrize("password", ["", " ", PASSWORD.upper(), f" {PASSWORD}", f"{PASSWORD}\n", PASSWORD[:-1]])
def test_nearly_the_password_is_wrong(real_home: Home, password: str) -> None:
    is_refused(real_home, "is wrong", lambda: log_in(real_home, name_in("planner"), password, WHY))


def test_guessing_passwords_locks_for_longer_and_longer(real_home: Home) -> None:
    name, now = name_in("reader"), NOW
    for _ in range(FREE_GUESSES):
        is_refused(real_home, "is wrong", lambda: log_in(real_home, name, "a wrong password", WHY, now))
    is_refused(real_home, "is wrong, or too many", lambda: log_in(real_home, name, PASSWORD, WHY, now))
    now += timedelta(minutes=1)
    is_refused(real_home, "is wrong", lambda: log_in(real_home, name, "a wrong password", WHY, now))
    is_refused(
        real_home, "is wrong, or too many", lambda: log_in(real_home, name, PASSWORD, WHY, now + timedelta(minutes=1))
    )
    log_in(real_home, name_in("planner"), PASSWORD, WHY, now)  # nobody else is locked out
    assert log_in(real_home, name, PASSWORD, WHY, now + timedelta(minutes=2))
    is_refused(real_home, "is wrong", lambda: log_in(real_home, name, "a wrong password", WHY, now))  # counted anew
    assert log_in(real_home, name, PASSWORD, WHY, now)


def test_a_lock_has_an_end(real_home: Home) -> None:
    user = accounts.find_user(real_home, name_in("reader"))
    now = NOW - timedelta(days=30)
    for _ in range(40):
        real_home.users.count_guess(user.look, now)
        now += LONGEST_LOCK
    is_refused(real_home, "is wrong", lambda: log_in(real_home, user.user_id, "a wrong password", WHY, NOW))
    assert log_in(real_home, user.user_id, PASSWORD, WHY, NOW + LONGEST_LOCK)


@pytest.mark.parametrize("purpose", ["", "-", "a b", "tasking", "\u2800 \u2800"])
def test_a_session_has_a_purpose(real_home: Home, purpose: str) -> None:
    with pytest.raises(PurposeError):
        log_in(real_home, name_in("reader"), PASSWORD, purpose)


def test_a_guessed_token_waits_and_is_refused(real_home: Home, no_wait: list[float]) -> None:
    for guess in ("", "hs_", "hs_" + "A" * 43, "' OR 1=1 --"):
        is_refused(real_home, "no such token", lambda guess=guess: let_in(real_home, guess, ["show"]))
    assert no_wait == [login.GUESS_S] * 4


def test_the_table_holds_no_token_and_no_password(real_home: Home, token_of: Callable[[str], str]) -> None:
    token = token_of("reader")
    held = repr(real_home.users.all()) + repr(real_home.users.read().tokens[login.token_hash(token)])
    assert token not in held and token[3:] not in held and PASSWORD not in held
    assert "argon2id" in held
    assert real_home.users.path.stat().st_mode & 0o77 == 0
    for path in real_home.path.iterdir():
        content = path.read_bytes() if path.is_file() else b""
        assert token.encode() not in content and PASSWORD.encode() not in content
        assert path.name != "users.duckdb" or name_in("reader").encode() not in content


def test_an_expired_token_is_refused(real_home: Home) -> None:
    token = log_in(real_home, name_in("reader"), PASSWORD, WHY, NOW)
    assert session_of(real_home, token, NOW + SESSION - timedelta(seconds=1))
    is_refused(real_home, "expired at", lambda: session_of(real_home, token, NOW + SESSION))
    real_home.clock = NOW - timedelta(days=1)  # no clock makes it valid again
    entry = is_refused(real_home, "expired at", lambda: session_of(real_home, token, NOW + SESSION))
    assert entry["reader"] == name_in("reader")


def test_a_revoked_token_is_refused_and_a_session_ends_with_logout(
    real_home: Home, token_of: Callable[[str], str]
) -> None:
    token = log_in(real_home, name_in("reader"), PASSWORD, WHY)
    log_out(real_home, token)
    is_refused(real_home, "was revoked", lambda: session_of(real_home, token))
    assert session_of(real_home, token_of("reader"))  # another one of the user stays
    revoke_tokens(real_home, name_in("reader"))
    is_refused(real_home, "was revoked", lambda: session_of(real_home, token_of("reader")))


def test_a_disabled_user_has_nothing_left(real_home: Home, token_of: Callable[[str], str]) -> None:
    real_home.session = Session(name_in("administrator"), "administrator", BY_PASSWORD, WHY)
    disable(real_home, name_in("supervisor"))
    assert last(real_home) | {"action": "disable_user", "reader": name_in("administrator")} == last(real_home)
    is_refused(real_home, "is disabled", lambda: session_of(real_home, token_of("supervisor")))
    is_refused(real_home, "is disabled", lambda: log_in(real_home, name_in("supervisor"), PASSWORD, WHY))
    with pytest.raises(AccessError, match="is disabled, for good"):
        give_token(real_home, name_in("supervisor"), 1)
    with pytest.raises(AccessError, match="looks like"):  # nor does anybody take the name
        add_user(real_home, name_in("supervisor"), "reader", PASSWORD)


def test_another_role_counts_at_once(real_home: Home, token_of: Callable[[str], str]) -> None:
    set_role(real_home, name_in("supervisor"), "reader")
    assert session_of(real_home, token_of("supervisor")).role == "reader"


def test_a_lost_password_is_reset_by_another_administrator_or_with_the_key(
    real_home: Home, token_of: Callable[[str], str]
) -> None:
    admin = name_in("administrator")
    real_home.session = Session(admin, "administrator", BY_PASSWORD, WHY)
    with pytest.raises(AccessError, match="another administrator resets your password"):
        reset_password(real_home, admin, "another long one")
    reset_password(real_home, name_in("reader"), "another long one")
    assert last(real_home) | {"action": "reset_password", "authenticated": BY_PASSWORD} == last(real_home)
    is_refused(real_home, "is wrong", lambda: log_in(real_home, name_in("reader"), PASSWORD, WHY))
    is_refused(real_home, "was revoked", lambda: session_of(real_home, token_of("reader")))
    assert log_in(real_home, name_in("reader"), "another long one", WHY)
    real_home.session = HOLDER
    reset_password(real_home, admin, "another long one")
    assert last(real_home) | {"reader": HOLDER.user_id, "authenticated": "home key"} == last(real_home)
    assert log_in(real_home, admin, "another long one", WHY)


def test_whoever_is_logged_in_changes_the_own_password_with_the_old_one(
    real_home: Home, token_of: Callable[[str], str]
) -> None:
    token = token_of("reader")
    real_home.session = session_of(real_home, token)
    is_refused(real_home, "is wrong", lambda: change_password(real_home, "not the old one", "another long one"))
    with pytest.raises(AccessError, match="12 characters"):
        change_password(real_home, PASSWORD, "short")
    with pytest.raises(AccessError, match="is the old one"):
        change_password(real_home, PASSWORD, PASSWORD)
    change_password(real_home, PASSWORD, "another long one")
    assert last(real_home) | {"action": "change_password", "reader": name_in("reader")} == last(real_home)
    is_refused(real_home, "was revoked", lambda: session_of(real_home, token))
    is_refused(real_home, "is wrong", lambda: log_in(real_home, name_in("reader"), PASSWORD, WHY))
    assert log_in(real_home, name_in("reader"), "another long one", WHY)


def test_the_old_password_cannot_be_guessed_from_a_session(real_home: Home, token_of: Callable[[str], str]) -> None:
    real_home.session = session_of(real_home, token_of("reader"))
    for _ in range(FREE_GUESSES):
        with suppress(AccessError):
            change_password(real_home, "not the old one", "another long one")
    is_refused(real_home, "is wrong", lambda: change_password(real_home, PASSWORD, "another long one"))


def test_a_reset_unlocks_and_does_not_enable(real_home: Home) -> None:
    user = accounts.find_user(real_home, name_in("reader"))
    for _ in range(FREE_GUESSES):
        real_home.users.count_guess(user.look, NOW)
    real_home.users.disable(user.user_id, NOW)
    reset_password(real_home, user.user_id, "another long one")
    is_refused(real_home, "is disabled", lambda: log_in(real_home, user.user_id, "another long one", WHY))


@pytest.mark.parametrize("password", ["", "short", "eleven char", "aaaaaaaaaaaaaaaa", "abababababab"])
def test_a_password_is_long_enough(real_home: Home, password: str) -> None:
    with pytest.raises(AccessError, match="12 characters"):
        add_user(real_home, "N. New", "reader", password)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Reader A Lee", "looks like"),
        ("READER, A. LEE", "looks like"),
        ("Reаder, A. Lee", "mixes letters"),
        ("Reader, A. Iee", "looks like"),
        ("Reɑder, A. Lee", "looks like"),
        ("A. Lee, Reader", "has the words of"),
        ("Det. Insp. A. Lee (Reader)", "has the words of"),
        ("Mrs A. Reader-Lee", "has the words of"),
        ("harmspot", "looks like harmspot"),
        ("Harrnspot run", "looks like harmspot"),
        ("h.a.r.m.s.p.o.t", "looks like harmspot"),
        ("hаrmspot", "mixes letters"),
        ("\u200b\u200b", "U\\+200B"),
        ("\u2800", "U\\+2800"),
        (".", "two letters"),
        ("-", "two letters"),
        ("", "two letters"),
    ],
)
def test_no_user_looks_like_another_or_like_harmspot(real_home: Home, name: str, said: str) -> None:
    with pytest.raises(AccessError, match=said):
        add_user(real_home, name, "reader", PASSWORD)
    assert len(real_home.users.all()) == len(ROLES)


def test_the_last_administrator_stays(real_home: Home) -> None:
    for change in (lambda: disable(real_home, name_in("administrator")),
                   lambda: set_role(real_home, name_in("administrator"), "reader")):  # fmt: skip
        with pytest.raises(AccessError, match="last administrator"):
            change()
    add_user(real_home, "B. Robot", "administrator", None)  # one without a password counts for nothing
    with pytest.raises(AccessError, match="last administrator"):
        disable(real_home, name_in("administrator"))
    add_user(real_home, "B. Second", "administrator", PASSWORD)
    disable(real_home, name_in("administrator"))


def test_the_first_user_is_an_administrator(real_home: Home) -> None:
    for name in ("users.duckdb", "access.log"):  # a home that never had users
        (real_home.path / name).unlink()
    for role, password in (("reader", PASSWORD), ("administrator", None)):
        with pytest.raises(AccessError, match="first user"):
            add_user(real_home, "A. First", role, password)
    assert add_user(real_home, "A. First", "administrator", PASSWORD)
    assert last(real_home)["authenticated"] == "home key"


@pytest.mark.parametrize("days", [0, 367])
def test_tokens_end(real_home: Home, days: int) -> None:
    with pytest.raises(AccessError, match="1 to 366 days"):
        give_token(real_home, add_user(real_home, "Nightly export", "reader", None).user_id, days)


def test_a_service_has_tokens_and_a_person_a_password(real_home: Home) -> None:
    with pytest.raises(AccessError, match="logs in with a password"):
        give_token(real_home, name_in("supervisor"), 1)
    service = add_user(real_home, "Nightly export", "supervisor", None).user_id
    assert session_of(real_home, give_token(real_home, service, 1)[0]).how == TOKEN
    with pytest.raises(AccessError, match="takes no password"):
        reset_password(real_home, service, PASSWORD)


def during_check(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Let something be done while the next password is checked, which takes half a second."""
    check = login.is_password

    def slow(password: str, password_hash: str | None) -> bool:
        monkeypatch.setattr(login, "is_password", check)
        do()
        return check(password, password_hash)

    monkeypatch.setattr(login, "is_password", slow)


@pytest.mark.parametrize("password", [PASSWORD, "a wrong password"])
def test_a_login_undoes_no_change_that_is_made_meanwhile(
    real_home: Home, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    name = name_in("reader")
    for change in (
        lambda: set_role(real_home, name, "auditor"),
        lambda: reset_password(real_home, name, "another long one"),
        lambda: disable(real_home, name),
    ):
        before = accounts.find_user(real_home, name)
        during_check(monkeypatch, change)
        with suppress(AccessError):
            token = log_in(real_home, name, password, WHY)
            user = accounts.find_user(real_home, name)
            assert user.password_hash == before.password_hash and not user.disabled_at
            assert session_of(real_home, token).role == "auditor"  # the change that a session outlives
        real_home.session = None
    user = accounts.find_user(real_home, name)
    assert user.disabled_at and user.role == "auditor"
    assert login.is_password("another long one", user.password_hash)


def test_guesses_at_once_are_each_counted(real_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven guess while the first one's password is checked; the lock holds, and the last one is right."""
    name, checked = name_in("reader"), []
    check = login.is_password

    def slow(password: str, password_hash: str | None) -> bool:
        checked.append(password)
        if len(checked) < 12:
            with pytest.raises(AccessError, match="is wrong"):
                log_in(real_home, name, PASSWORD if len(checked) == 11 else "a wrong password", WHY, NOW)
        return check(password, password_hash) if password == PASSWORD else False

    monkeypatch.setattr(login, "is_password", slow)
    with pytest.raises(AccessError, match="is wrong"):
        log_in(real_home, name, "a wrong password", WHY, NOW)
    user = accounts.find_user(real_home, name)
    assert (user.wrong_count, user.locked_until) == (FREE_GUESSES, NOW + timedelta(minutes=1))


def test_nobody_takes_the_place_of_a_user_added_meanwhile(real_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile(_: Home, __: object) -> None:
        real_home.users.add(User("N. New", accounts.name_of("N. New"), "auditor", None, NOW))

    monkeypatch.setattr(Home, "refuse_mentions", meanwhile)
    with pytest.raises(AccessError, match="meanwhile"):
        add_user(real_home, "N. New", "supervisor", PASSWORD)
    assert accounts.find_user(real_home, "N. New").role == "auditor"


@pytest.mark.parametrize("name", [name_in("reader"), "nobody of that name"])
def test_an_unknown_name_costs_as_much_as_a_known_one(
    real_home: Home, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """In a new process, too: one verification, of a hash with the same parameters, and no hash is made."""
    credentials._hasher.cache_clear()
    made: list[str] = []
    checked: list[str] = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, password_hash: str, password: str) -> bool:
        checked.append(password_hash)
        return bool(verify(self, password_hash, password))

    monkeypatch.setattr(PasswordHasher, "hash", lambda self, password: made.append(password))
    monkeypatch.setattr(PasswordHasher, "verify", counted)
    is_refused(real_home, "is wrong", lambda: log_in(real_home, name, "a wrong password", WHY))
    assert not made and len(checked) == 1
    assert not PasswordHasher().check_needs_rehash(checked[0])
