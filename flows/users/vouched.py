"""Sign-in of users for whom an identity provider vouches; where the settings say so, with the role that it gives.

A role out of a claim is given by `flows.users.accounts.set_role`, as an administrator gives one: with its rules, and
with its entry in the access log, which names the provider.
"""

from datetime import UTC, datetime

from flows.home.home import Home
from flows.users.accounts import ADMINISTRATOR, set_role
from flows.users.login import UNKNOWN, begin_session, refuse_disabled, refused
from pipeline.errors import AccessError
from pipeline.users.oidc import Vouched
from pipeline.users.session import Session
from pipeline.users.users import User

PROVIDER = "the identity provider"
NO_ROLE = (
    "the identity provider gives {name} no role: none of the values of claim {claim} stands in web.oidc.roles, or the "
    "ID token lacks that claim"
)
SEVERAL = "the identity provider gives {name} several roles ({roles}): have it give one, or correct web.oidc.roles"


def log_in_vouched(home: Home, vouched: Vouched, purpose: str, now: datetime | None = None) -> str:
    """Begin a session of a user for whom an identity provider vouches, and return its token; logged.

    Where the provider gives another role than the home, the user has that role from then on, and the sessions with the
    former one end.

    Raises
    ------
    AccessError
        The home has no such user, letter for letter, or a service that has tokens alone; the user is disabled; or the
        provider should give one role, and gives none, several, or one that `set_role` refuses.
    PurposeError
        The purpose says too little.
    """
    now, user = now or datetime.now(UTC), home.users.by_id(vouched.name)
    if user is None or not user.password_hash:
        raise refused(home, UNKNOWN, "the identity provider vouches for nobody who is a user of this home")
    refuse_disabled(home, user)
    if vouched.roles is not None:
        user = _in_role(home, user, vouched, now)
    return begin_session(home, user, purpose, now)


def _in_role(home: Home, user: User, vouched: Vouched, now: datetime) -> User:
    """Return the user in the role that the provider gives."""
    roles = sorted(vouched.roles or ())
    if len(roles) != 1:
        said = SEVERAL if roles else NO_ROLE
        claim = home.settings.web.oidc.role_claim
        raise refused(home, user.user_id, said.format(name=user.user_id, roles=", ".join(roles), claim=claim))
    if roles == [user.role]:
        return user
    home.session = Session(PROVIDER, ADMINISTRATOR, f"identity provider {vouched.issuer}")
    try:
        user = set_role(home, user.user_id, roles[0])
    except AccessError as error:
        home.session = None
        raise refused(home, user.user_id, f"the identity provider gives the role {roles[0]}, but {error}") from None
    home.users.revoke(user.user_id, now)
    return user
