"""`harmspot web`: the board on which planners, supervisors and auditors look and act."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from flows.command.options import FILE, pass_home
from pipeline.loopback import LOOPBACK

if TYPE_CHECKING:
    from flows.home.home import Home


@click.command("web")
@click.option("--host", default="127.0.0.1", help="Address to listen on; elsewhere than on loopback by TLS alone.")
@click.option("--port", type=click.IntRange(0, 65535), default=8750, help="Port to listen on.")
@click.option("--address", metavar="URL", help="Address by which browsers reach it through a proxy, with https.")
@click.option("--tls-cert", type=FILE, help="Certificate (PEM) to answer by TLS.")
@click.option("--tls-key", type=FILE, help="Its private key (PEM).")
@pass_home
def command(
    home: "Home", host: str, port: int, address: str | None, tls_cert: Path | None, tls_key: Path | None
) -> None:
    """Serve the board: rankings on a map, notices and lists to decide on, the record; for the users of the home.

    On a home for rehearsals visitors choose an invented name. Others sign in as with `harmspot login`.

    \b
    Example:
      harmspot --home town web
    """
    import uvicorn

    from pipeline.errors import SettingsError
    from web.app import create_app
    from web.entrance.connections import PromptProtocol

    public = urlsplit(address or "")
    has_more = public.path.strip("/") or public.query or public.fragment or public.username is not None
    if address and (public.scheme not in ("http", "https") or not public.hostname or has_more):
        raise SettingsError(f"--address {address}: expected one such as https://board.example.org, without a path")
    if (tls_cert is None) != (tls_key is None):
        raise SettingsError("--tls-cert and --tls-key belong together; give both or none")
    if host not in LOOPBACK and tls_cert is None:
        raise SettingsError(
            f"--host {host}: elsewhere than on loopback the board answers by TLS alone: --tls-cert and --tls-key, or a "
            "proxy with TLS on this machine and --address"
        )
    if home.is_rehearsal and (host not in LOOPBACK or address):
        raise SettingsError("a home for rehearsals has no users to sign in: its board is served on loopback alone")
    app = create_app(home, host_names=(host.lower(),), is_tls=tls_cert is not None, address=address)
    is_proxied = address is not None  # by a proxy on this machine, which says for whom it asks
    address = address or f"{'https' if tls_cert else 'http'}://{host}:{port}/"
    home.progress(f"the board of {home.path}: {address} (Ctrl-C ends it)")
    uvicorn.run(
        app, host=host, port=port, http=PromptProtocol, log_level="warning", access_log=False,
        server_header=False, date_header=True, proxy_headers=is_proxied, h11_max_incomplete_event_size=16_384,
        timeout_graceful_shutdown=3, limit_concurrency=500, ssl_certfile=tls_cert, ssl_keyfile=tls_key,
    )  # fmt: skip
