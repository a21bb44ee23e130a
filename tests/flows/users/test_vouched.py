"""Roles out of claims, in any order of sign-ins: the last that was accepted holds, and the log tells each change."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.home.home import Home
from flows.users.accounts import HOLDER, set_role
from flows.users.login import session_of
from flows.users.vouched import PROVIDER, log_in_vouched
from models.users.roles import ROLES
from pipeline.errors import AccessError
from pipeline.users.oidc import Vouched
from tests.soak import sample
from tests.users import name_in

ISSUER = "https://login.example.org"
PEOPLE = [name_in(role) for role in ROLES]
BUSY = [name_in(role) for role in ("planner", "administrator")]
# Roles of a claim, and whether somebody signs in with it; else whoever holds the key gives the first of them.
CLAIMS = st.sampled_from(
    [frozenset(roles.split()) for roles in ("", "planner", "supervisor", "administrator", "planner supervisor")]
)
STEPS = st.lists(st.tuples(st.sampled_from(BUSY), CLAIMS, st.booleans()), min_size=4, max_size=12)
STRANGER = ("Nobody, N.", frozenset({"planner"}), True)


def keeps_one(roles: dict[str, str]) -> bool:
    """Return whether an administrator is left."""
    return "administrator" in roles.values()


def is_live(home: Home, token: str) -> bool:
    try:
        return bool(session_of(home, token))
    except AccessError:
        return False


@settings(max_examples=sample(15, whole=200), deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_the_role_in_force_is_that_of_the_last_claim_that_was_accepted(
    template: tuple[Path, dict[str, str]], steps: list[tuple[str, frozenset[str], bool]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(shutil.copytree(template[0], Path(folder) / "home"), progress=lambda text: None)
        told, roles = len(list(home.access_log.entries())), dict(zip(PEOPLE, ROLES, strict=True))
        live = {who: {template[1][role]} for who, role in roles.items()}  # the tokens of sessions
        tokens = set[str]().union(*live.values())
        expected: list[tuple[str, str, str]] = []  # who changed the role, whose, to which
        for who, claim, is_vouched in (*steps, STRANGER):
            role = min(claim, default="")
            is_good = who in roles and (len(claim) == 1 or not is_vouched) and role and keeps_one(roles | {who: role})
            home.session = None if is_vouched else HOLDER
            try:
                if is_vouched:
                    token = log_in_vouched(home, Vouched(ISSUER, who, claim), "morning tasking")
                    tokens.add(token)
                else:
                    set_role(home, who, role)
                assert is_good
            except AccessError:
                assert not is_good
                continue
            if is_vouched:
                live[who] = {token, *(live[who] if roles[who] == role else ())}
            if not is_vouched or roles[who] != role:
                expected.append((PROVIDER if is_vouched else HOLDER.user_id, who, role))
            roles[who] = role
        assert {user.user_id: user.role for user in home.users.all()} == roles
        entries = list(home.access_log.entries())[told:]
        changed = [entry for entry in entries if entry["action"] == "set_role"]
        told_of = [(entry["reader"], entry["detail"]["user"], entry["detail"]["role"]) for entry in changed]
        assert told_of == expected
        how = {PROVIDER: f"identity provider {ISSUER}", HOLDER.user_id: HOLDER.how}
        assert all(entry["authenticated"] == how[entry["reader"]] for entry in changed)
        said = [entry["action"] for entry in entries]
        assert said.count("refused") + said.count("login") == 1 + sum(is_vouched for *_, is_vouched in steps)
        assert {token for token in tokens if is_live(home, token)} == set[str]().union(*live.values())
