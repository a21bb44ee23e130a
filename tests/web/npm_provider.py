"""A real OpenID provider, oidc-provider of npm, on loopback: installed once into the cache of this machine."""

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import KeySet

from tests.sharing import fetched

PACKAGE, VERSION = "oidc-provider", "9.13.3"
SCRIPT = Path(__file__).with_name("oidc_provider.mjs")
FETCH_TIMEOUT_S = 600


class ProviderUnavailableError(Exception):
    """No provider can be had here; the message says what is missing and how to get it."""


class NpmProvider:
    """The provider: `set_up` gives it clients, keys and people; whoever knows a name there signs in."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._settings: dict[str, Any] = {}
        self.issuer = ""

    def set_up(self, **settings: Any) -> None:
        """Change some of its settings, those of oidc-provider itself and `people`: claims by name."""
        self._settings |= settings
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(self._settings) + "\n")
        self._process.stdin.flush()
        self.issuer = self._process.stdout.readline().strip()
        assert self.issuer, "the provider ended: see its words on standard error"

    def publish(self, keys: KeySet) -> None:
        """Let it sign with the first of some keys, and publish them all."""
        self.set_up(jwks=keys.as_dict(private=True))


@contextmanager
def npm_provider() -> Iterator[NpmProvider]:
    """Start a provider, which ends with the block or with this process."""
    folder = _installed()
    with subprocess.Popen(
        ["node", SCRIPT, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield NpmProvider(process)
        finally:
            assert process.stdin
            process.stdin.close()


def signed_in_there(address: str, name: str) -> httpx.Response:
    """Sign in at the address to which the board sends a browser, consent, and return the answer that sends it back."""
    with httpx.Client(timeout=60) as browser:
        answer = browser.get(address)
        for _ in range(10):
            if answer.is_redirect:
                there = answer.headers["location"]
                if "/sign-in/back" in there:
                    return answer
                answer = browser.get(httpx.URL(address).join(there))
            elif form := re.search(
                r'<form[^>]* action="([^"]+)".*?name="prompt" value="(\w+)"', answer.text, re.DOTALL
            ):
                given = {"prompt": form[2], "login": name, "password": "any"}
                answer = browser.post(html.unescape(form[1]), data=given)
            else:
                return answer
    raise AssertionError(f"the provider sends the browser in a circle: {answer.status_code}")


def _installed() -> Path:
    name = f"{PACKAGE}@{VERSION}"
    if missing := [program for program in ("node", "npm") if shutil.which(program) is None]:
        raise ProviderUnavailableError(
            f"no {' and no '.join(missing)} on the path: install Node.js 20 or newer with npm, which fetches {name}"
        )
    return fetched(f"{PACKAGE}-{VERSION}", lambda folder: _install(name, folder))


def _install(name: str, folder: Path) -> None:
    options = ["--package-lock=false", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    command = ["npm", "install", "--prefix", str(folder), *options, name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise ProviderUnavailableError(f"npm fetched nothing in {FETCH_TIMEOUT_S} s: {' '.join(command)}") from None
    if done.returncode:
        raise ProviderUnavailableError(f"npm could not fetch it, with {' '.join(command)}: {done.stderr[-500:]}")


def is_required() -> bool:
    """Return whether a test fails, and does not skip, where npm is there and fetches nothing, as in CI."""
    return os.environ.get("HARMSPOT_REQUIRE_SERVERS") == "1" and shutil.which("npm") is not None
