"""OpenID Connect: an identity provider vouches for whoever signs in (authorization code with PKCE, RFC 7636).

What the provider says is believed if its ID token is signed with a key that it publishes, for this client, in answer
to this attempt, and in time (OpenID Connect Core 1.0, 3.1.3.7). Nothing else of it is read, and no token is kept.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipeline.errors import AccessError, SettingsError
from pipeline.given_secret import secret_of
from pipeline.loopback import LOOPBACK

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
LEEWAY_S = 60  # by which the clocks of the provider and of this machine may differ


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """The identity provider, and the claim that holds the name of a user of the home; without an issuer, none.

    Where `role_claim` is set, it holds the role of the user, too, as a value or values among `roles`.
    """

    issuer: str | None
    client_id: str | None
    client_secret: str | None = field(repr=False)
    client_secret_file: Path | None
    claim: str
    role_claim: str | None
    roles: Mapping[str, str]

    def __post_init__(self) -> None:
        if self.issuer is None:
            return
        address = urlsplit(self.issuer)
        if not _is_safe(self.issuer) or address.query or address.fragment:
            raise SettingsError(f"web.oidc.issuer={self.issuer!r}: expected an address with https")
        if not self.client_id:
            raise SettingsError("web.oidc.issuer is set: expected web.oidc.client_id, too")
        if bool(self.role_claim) != bool(self.roles):
            raise SettingsError("web.oidc.role_claim and web.oidc.roles: expected both, or none")

    def secret(self) -> str | None:
        """Return the secret of the client: as set, else from its file; None for a client without one."""
        return secret_of(self.client_secret, self.client_secret_file, "web.oidc.client_secret_file", SettingsError)


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a provider says of whoever signed in there: a name, and the roles by `web.oidc.roles`, None without them."""

    issuer: str
    name: str
    roles: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is known of a sign-in until the provider answers: secrets of this attempt, and where the answer goes."""

    state: str
    nonce: str
    verifier: str
    back_to: str


def begin(settings: OidcSettings, back_to: str) -> tuple[Attempt, str]:
    """Return a new attempt to sign in, and the address of the provider to go to.

    Parameters
    ----------
    settings : OidcSettings
        Those of a provider.
    back_to : str
        Address to which the provider sends the browser back.

    Raises
    ------
    AccessError
        The provider does not answer, or its description is not that of the issuer.
    """
    state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
    attempt = Attempt(state, nonce, verifier, back_to)
    with _client(settings, back_to) as client:
        address = _described(client, settings)["authorization_endpoint"]
        url, _ = client.create_authorization_url(
            address, state=attempt.state, nonce=attempt.nonce, code_verifier=attempt.verifier
        )
    return attempt, str(url)


def finish(settings: OidcSettings, attempt: Attempt, code: str) -> Vouched:
    """Return what the provider vouches for, in answer to an attempt.

    Raises
    ------
    AccessError
        The provider does not give a token for the code, or the token is not its own, not for this client, not for this
        attempt, expired, or without the claim. The message quotes nothing of it.
    """
    with _client(settings, attempt.back_to) as client:
        described = _described(client, settings)
        token = _asked(
            lambda: client.fetch_token(
                described["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=attempt.verifier
            )
        )
        keys = _asked(lambda: _json(client, described["jwks_uri"]))
    claims = _claims(settings, attempt, token.get("id_token"), keys)
    name = claims.get(settings.claim)
    if not isinstance(name, str) or not name:
        raise AccessError(
            f"the provider's ID token has no claim {settings.claim}: correct web.oidc.claim, or have the provider put "
            "that claim into ID tokens"
        )
    return Vouched(str(settings.issuer), name, _roles(settings, claims))


def _roles(settings: OidcSettings, claims: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the roles of a text, or of the texts of a list; other values, and those not in `roles`, give none."""
    if not settings.role_claim:
        return None
    given = claims.get(settings.role_claim)
    values = given if isinstance(given, list) else [given]
    return frozenset(settings.roles[value] for value in values if isinstance(value, str) and value in settings.roles)


def _claims(settings: OidcSettings, attempt: Attempt, id_token: Any, keys: Any) -> dict[str, Any]:
    from joserfc import jwt
    from joserfc.errors import InvalidClaimError, JoseError
    from joserfc.jwk import KeySet

    asked = jwt.JWTClaimsRegistry(
        leeway=LEEWAY_S,
        iss={"essential": True, "value": str(settings.issuer)},
        aud={"essential": True, "value": str(settings.client_id)},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
        nonce={"essential": True, "value": attempt.nonce},
    )
    try:
        claims = jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=ALGORITHMS).claims
        asked.validate(claims)
        is_for_several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (is_for_several or "azp" in claims) and claims.get("azp") != settings.client_id:
            raise InvalidClaimError("azp")
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise AccessError(f"the provider's token does not hold ({type(error).__name__}): sign in again") from None
    return claims


def _client(settings: OidcSettings, back_to: str) -> Any:
    from authlib.integrations.requests_client import OAuth2Session

    from pipeline.users.provider_answers import LONGEST_S, LimitedAnswers

    secret = settings.secret()
    client = OAuth2Session(
        settings.client_id,
        secret,
        scope="openid profile email",
        redirect_uri=back_to,
        code_challenge_method="S256",
        token_endpoint_auth_method="client_secret_basic" if secret else "none",
        default_timeout=LONGEST_S,
    )
    for scheme in ("https://", "http://"):
        client.mount(scheme, LimitedAnswers())
    return client


def _described(client: Any, settings: OidcSettings) -> dict[str, str]:
    """Return the description that the issuer publishes (OpenID Connect Discovery 1.0)."""
    address = f"{str(settings.issuer).rstrip('/')}/.well-known/openid-configuration"
    found = _asked(lambda: _json(client, address))
    wanted = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    if not isinstance(found, dict) or found.get("issuer") != settings.issuer:
        raise AccessError(f"{address} does not describe the issuer of web.oidc.issuer: correct it, with or without a /")
    if not all(_is_safe(found.get(name)) for name in wanted):
        raise AccessError(f"{address} lacks {', '.join(wanted)} with https")
    return {name: str(found[name]) for name in wanted}


def _json(client: Any, address: str) -> Any:
    answer = client.request("GET", address, withhold_token=True)
    answer.raise_for_status()
    return answer.json()


def _asked(ask: Any) -> Any:
    """Return what the provider answers; AccessError, which quotes nothing of it, where it answers nothing of use."""
    from authlib.common.errors import AuthlibBaseError
    from requests import RequestException

    try:
        return ask()
    except (RequestException, AuthlibBaseError, ValueError) as error:
        why = type(error).__name__
        raise AccessError(f"the identity provider of web.oidc does not answer as it should ({why})") from None


def _is_safe(address: object) -> bool:
    parts = urlsplit(address) if isinstance(address, str) else None
    return bool(parts and parts.hostname and (parts.scheme == "https" or parts.hostname in LOOPBACK))
