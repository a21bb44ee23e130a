"""Where the board is served: on loopback, elsewhere by TLS alone, and of a rehearsal nowhere else."""

from typing import Any

import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.home.home import Home
from pipeline.errors import SettingsError
from tests.town import TownRun


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What uvicorn is asked to serve."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr("uvicorn.run", lambda app, **options: found.append({"app": app, **options}))
    return found


def web(home: Home, *options: str) -> None:
    done = CliRunner().invoke(cli, ["--home", str(home.path), "web", *options], standalone_mode=False)
    if done.exception:
        raise done.exception


def test_it_is_served_on_loopback_and_logs_no_addresses(town_run: TownRun, served: list[dict[str, Any]]) -> None:
    web(town_run.home)
    (options,) = served
    assert (options["host"], options["port"], options["access_log"]) == ("127.0.0.1", 8750, False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "TLS alone"),
        (["--address", "board.example.org"], "https://board.example.org"),
        (["--tls-cert", "cert.pem"], "belong together"),
        (["--host", "192.0.2.1", "--tls-key", "key.pem"], "belong together"),
    ],
)
def test_elsewhere_it_needs_tls(options: list[str], said: str, real_home: Home, served: list[dict[str, Any]]) -> None:
    with pytest.raises(SettingsError, match=said):
        web(real_home, *options)
    assert served == []


def test_a_rehearsal_is_served_on_loopback_alone(town_run: TownRun, served: list[dict[str, Any]]) -> None:
    with pytest.raises(SettingsError, match="rehearsals"):
        web(town_run.home, "--address", "https://board.example.org")
    assert served == []


def test_behind_a_proxy_its_cookies_go_by_https(real_home: Home, served: list[dict[str, Any]]) -> None:
    web(real_home, "--address", "https://board.example.org")
    (options,) = served
    assert {"board.example.org", "127.0.0.1"} <= options["app"]._hosts
    assert options["app"]._app._board.is_tls
