"""Who may read the map service: what a request says of itself, and the answer to whoever may not."""

import base64
import binascii

from starlette.responses import Response

from web.gis.service import problem

WORDS = (
    "the map service needs a token: send it as `Authorization: Bearer TOKEN`, or as the password of any user name; an "
    "administrator gives a service one with `harmspot users add NAME --token-only` and `harmspot users token NAME`"
)


def token_of(authorization: str) -> str | None:
    """Return the token in the header Authorization: a bearer's, or the password of Basic; None without one."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip() or None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).decode("ascii").partition(":")[2] or None
        except (binascii.Error, ValueError):
            return None
    return None


def needs_token() -> Response:
    """Return the answer to whoever comes without a token that is known."""
    answer = problem(401, WORDS)
    answer.headers["www-authenticate"] = 'Basic realm="harmspot map service", charset="UTF-8"'
    return answer
