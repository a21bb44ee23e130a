"""A small OpenID provider on loopback: keys, codes and PKCE of its own; tests make it say what it must not."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "harmspot-board", "a secret of the client"


class Provider:
    """What a provider knows. `claims` go over those of every token, `key` signs it, `who` has signed in there.

    `write` writes the ID token of some claims.
    """

    def __init__(self) -> None:
        self.keys = KeySet([RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})])
        self.key, self.algorithm = self.keys.keys[0], "RS256"
        self.issuer, self.who = "", ""
        self.claims: dict[str, Any] = {}
        self.write: Callable[[dict[str, Any]], Any] = self.signed
        self.codes: dict[str, dict[str, str]] = {}
        self.instead: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}  # by path, what answers it

    def described(self) -> dict[str, Any]:
        return {"issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys"}  # fmt: skip

    def authorize(self, asked: dict[str, str]) -> str:
        """Return where the browser goes back to, with a code."""
        assert (asked["response_type"], asked["client_id"], asked["code_challenge_method"]) == ("code", CLIENT, "S256")
        code = secrets.token_urlsafe()
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, given: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """Return the tokens of a code, once and to its client alone."""
        asked = self.codes.pop(given.get("code", ""), None)
        challenge = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        is_good = asked and proof == asked["code_challenge"] and given["redirect_uri"] == asked["redirect_uri"]
        if not is_good or not asked or authorization != f"Basic {basic}":
            return None
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 300,
                  "nonce": asked["nonce"], "preferred_username": self.who} | self.claims  # fmt: skip
        said = {name: value for name, value in claims.items() if value is not None}
        return {"access_token": "a", "token_type": "Bearer", "id_token": self.write(said)}

    def signed(self, claims: dict[str, Any]) -> str:
        header = {"alg": self.algorithm, "kid": "one"}
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])


@contextmanager
def provider_on_loopback() -> Iterator[Provider]:
    """Serve a provider."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            if instead := provider.instead.get(address.path):
                instead(self)
            elif address.path == "/authorize":
                query = {name: values[0] for name, values in parse_qs(address.query).items()}
                self.send_response(302)
                self.send_header("location", provider.authorize(query))
                self.end_headers()
            elif address.path == "/keys":
                self.answer(provider.keys.as_dict())
            else:
                self.answer(provider.described())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            given = {name: values[0] for name, values in parse_qs(body).items()}
            if instead := provider.instead.get(self.path):
                instead(self)
                return
            found = provider.token(given, self.headers.get("authorization", ""))
            self.answer(found or {"error": "invalid_grant"}, 200 if found else 400)

        def answer(self, said: dict[str, Any], status: int = 200) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
