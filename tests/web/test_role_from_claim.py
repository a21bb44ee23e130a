"""Sign-in with a role out of a claim: changed as an administrator changes it, logged as the provider's, or refused."""

from typing import Any

import pytest

from flows.home.home import Home
from flows.home.settings import load_settings
from flows.home.store_access import open_home_store
from flows.users.accounts import HOLDER, add_user, disable, set_role
from flows.users.login import UNKNOWN, log_in
from models.users.roles import ROLES
from pipeline.errors import SettingsError
from tests.users import PASSWORD, name_in
from tests.web.conftest import browser_of, visiting
from tests.web.provider import Provider
from tests.web.test_sign_in_through_provider import (  # noqa: F401 # fixtures
    PURPOSE,
    begun,
    home,
    provider,
    refusals,
    running,
    with_provider,
)
from web.entrance.board import COOKIE

GROUPS = {"crime-analysts": "planner", "shift-sergeants": "supervisor", "duty-sergeants": "supervisor",
          "it-services": "administrator"}  # fmt: skip
WHO = name_in("planner")


@pytest.fixture
def giving(home: Home, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: F811
    """The home with roles out of claim `groups`; call it to say what the provider's next tokens hold there."""
    with_provider(home, provider, role_claim="groups", roles=GROUPS)
    return lambda groups: monkeypatch.setattr(provider, "claims", {"groups": groups})


def role_of(home: Home, name: str = WHO) -> str:  # noqa: F811
    user = home.users.by_id(name)
    assert user is not None
    return user.role


def changes(home: Home) -> list[dict[str, Any]]:  # noqa: F811
    return [entry for entry in home.access_log.entries() if entry["action"] == "set_role"]


@pytest.mark.parametrize(
    "groups",
    ["shift-sergeants", ["shift-sergeants"], ["bowling", "shift-sergeants", "offline_access"],
     ["shift-sergeants", "duty-sergeants"], ["shift-sergeants", 5, None, ["crime-analysts"], {"a": 1}]],
)  # fmt: skip
def test_the_role_of_the_claim_is_that_of_the_user_from_then_on(
    groups: Any,
    home: Home,  # noqa: F811
    provider: Provider,  # noqa: F811
    giving: Any,
) -> None:
    giving(groups)
    browser = browser_of(home)
    before = len(list(home.access_log.entries()))
    assert browser.get(begun(browser)).status_code == 200
    assert role_of(home) == "supervisor"
    changed, login = list(home.access_log.entries())[before:]
    assert changed | {
        "action": "set_role", "reader": "the identity provider", "purpose": "to administer users",
        "authenticated": f"identity provider {provider.issuer}", "detail": {"user": WHO, "role": "supervisor"},
    } == changed  # fmt: skip
    assert (login["action"], login["reader"], login["detail"]) == ("login", WHO, {"role": "supervisor"})
    assert (login["authenticated"], login["purpose"]) == ("password session", PURPOSE)
    assert "supervisor" in browser.get("/nothing-here").text
    with open_home_store(home) as store:
        assert home.access_log.verify(store.log_mark()) == []


def test_sessions_with_the_former_role_end_and_those_with_the_same_go_on(home: Home, giving: Any) -> None:  # noqa: F811
    first = browser_of(home)
    giving("crime-analysts")
    assert first.get(begun(first)).status_code == 200
    second = visiting(first.app)
    assert second.get(begun(second)).status_code == 200
    assert first.get("/users").status_code == 200 and changes(home) == []
    token = log_in(home, WHO, PASSWORD, PURPOSE)
    home.session = None
    third = visiting(first.app)
    giving("shift-sergeants")
    assert third.get(begun(third)).status_code == 200
    for ended in (first, second):
        assert ended.get("/users").status_code == 303  # to sign in
    fourth = visiting(first.app)
    fourth.cookies.set(COOKIE, token)
    assert fourth.get("/users").status_code == 303
    assert third.get("/users").status_code == 200


@pytest.mark.parametrize(
    "groups",
    [None, "", [], "bowling", ["bowling"], "Crime-Analysts", " crime-analysts", "planner", 5, True,
     {"crime-analysts": 1}, [["crime-analysts"]], ["supervisor"], "crime-analysts shift-sergeants"],
)  # fmt: skip
def test_a_claim_that_is_missing_or_gives_no_role_lets_nobody_in(
    groups: Any,
    home: Home,  # noqa: F811
    giving: Any,
) -> None:
    giving(groups)
    browser = browser_of(home)
    page = browser.get(begun(browser))
    assert page.status_code == 403 and f"the identity provider gives {WHO} no role" in page.text
    assert COOKIE not in browser.cookies
    assert role_of(home) == "planner" and changes(home) == []
    [entry] = refusals(home)
    assert entry["reader"] == WHO and "claim groups" in entry["detail"]["why"]
    assert "bowling" not in str(entry) and "authenticated" not in entry


def test_several_roles_let_nobody_in(home: Home, giving: Any) -> None:  # noqa: F811
    giving(["crime-analysts", "shift-sergeants"])
    browser = browser_of(home)
    page = browser.get(begun(browser))
    assert page.status_code == 403 and "several roles (planner, supervisor)" in page.text
    assert role_of(home) == "planner" and changes(home) == []
    assert [entry["reader"] for entry in refusals(home)] == [WHO]


def test_the_last_administrator_stays_one(home: Home, provider: Provider, giving: Any) -> None:  # noqa: F811
    name = provider.who = name_in("administrator")
    giving("crime-analysts")
    browser = browser_of(home)
    page = browser.get(begun(browser))
    assert page.status_code == 403 and "last administrator" in page.text
    assert COOKIE not in browser.cookies and role_of(home, name) == "administrator" and changes(home) == []
    assert [entry["reader"] for entry in refusals(home)] == [name]
    assert "authenticated" not in refusals(home)[0]
    home.session = HOLDER
    set_role(home, WHO, "administrator")
    home.session = None
    assert browser.get(begun(browser)).status_code == 200  # no longer the last
    assert role_of(home, name) == "planner"


def test_a_role_makes_no_user_and_gives_back_none(home: Home, provider: Provider, giving: Any) -> None:  # noqa: F811
    home.session = HOLDER
    add_user(home, "Export", "reader", None)
    disable(home, WHO)
    home.session = None
    giving("shift-sergeants")
    before = home.users.all()
    for who in ("Nobody, N.", "Export", WHO):
        provider.who = who
        browser = browser_of(home)
        assert browser.get(begun(browser)).status_code == 403
    assert home.users.all() == before and changes(home)[1:] == []
    assert [entry["reader"] for entry in refusals(home)] == [UNKNOWN, UNKNOWN, WHO]


def test_without_the_setting_a_claim_gives_no_role(home: Home, provider: Provider, giving: Any) -> None:  # noqa: F811
    giving("shift-sergeants")
    with_provider(home, provider)
    browser = browser_of(home)
    assert browser.get(begun(browser)).status_code == 200
    assert role_of(home) == "planner" and changes(home) == []


def test_roles_of_the_settings_are_those_of_harmspot(tmp_path: Any) -> None:
    file = tmp_path / "force.yaml"
    for role, said in (("chief", "expected one of reader"), ("", "expected one of reader"), ("5", "expected text")):
        file.write_text(
            "web: {oidc: {issuer: 'https://login.example.org', client_id: board, role_claim: groups, "
            f"roles: {{Crime Analysts: {role or repr(role)}}}}}}}\n"
        )
        with pytest.raises(SettingsError, match=rf"web\.oidc\.roles\.Crime Analysts.*{said}"):
            load_settings(file, {})
    for role in ROLES:
        file.write_text(f"web: {{oidc: {{role_claim: groups, roles: {{Crime Analysts: {role}}}}}}}\n")
        assert dict(load_settings(file, {}).web.oidc.roles) == {"Crime Analysts": role}
