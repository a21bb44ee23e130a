"""The tables of the shared store: made by the first who may, migrated by numbered SQL, and of one home alone."""

from collections.abc import Iterator
from importlib import resources
from importlib.metadata import version

from pipeline.database import query
from pipeline.errors import KeyFileError, StoreError
from pipeline.privacy.keys import Key
from pipeline.shared_store.column_cipher import ColumnCipher
from pipeline.shared_store.server import Server

_PROOF = "home.proof"
_MAKING = 72650004  # held by whoever makes or migrates the tables


def migration_names() -> list[str]:
    """Return the names of the migrations of the shared store in order, such as `0001_store`."""
    folder = resources.files("pipeline") / "sql" / "shared_store"
    return sorted(file.name.removesuffix(".sql") for file in folder.iterdir() if file.name[:4].isdigit())


def missing_migrations(server: Server) -> list[str]:
    """Return the migrations that the database lacks, in order; raises StoreError if a newer harmspot wrote it."""
    names = migration_names()
    [(table,)] = server.rows("SELECT to_regclass('store.migration')::text")
    if table is None:
        return names
    applied = server.rows("SELECT name, applied_by FROM store.migration ORDER BY name")
    unknown = [row for row in applied if row[0] not in names]
    if unknown:
        name, newer = unknown[-1]
        raise StoreError(
            f"harmspot {newer} wrote the store in {server.database} (migration {name}), and this is harmspot "
            f"{version('harmspot')}; install that version to open it"
        )
    return [name for name in names if name not in {row[0] for row in applied}]


def prepare(server: Server, key: Key) -> ColumnCipher:
    """Make or migrate the tables if something is missing, and return the cipher of the home's columns.

    Raises
    ------
    KeyFileError
        The database holds the store of another home, or one written with another key.
    StoreError
        A newer harmspot wrote it, or the role may not make what is missing.
    """
    cipher = ColumnCipher(key)
    if missing_migrations(server):
        server.lock(_MAKING)
        try:
            with server.transaction():
                _migrate(server, key, cipher)
        finally:
            server.unlock(_MAKING)
    [(home_name, proof)] = server.rows("SELECT home_name, proof FROM store.home")
    if home_name != key.home_name:
        raise KeyFileError(
            f"{server.database} holds the store of home {home_name}, and this is home {key.home_name}: restore that "
            "home's key, or give this home a database of its own"
        )
    cipher.open(bytes(proof), _PROOF)
    return cipher


def _migrate(server: Server, key: Key, cipher: ColumnCipher) -> None:
    missing = missing_migrations(server)
    for name in missing:
        for statement in statements(query(f"shared_store/{name}")):
            server.run(statement)
        server.run("INSERT INTO store.migration VALUES ($1, $2)", [name, version("harmspot")])
    if missing == migration_names():
        server.run("INSERT INTO store.home VALUES ($1, $2)", [key.home_name, cipher.seal(b"harmspot", _PROOF)])


def statements(text: str) -> Iterator[str]:
    """Yield the statements of a file; each ends with the line that ends in `;`, outside the body of a function."""
    lines: list[str] = []
    is_body = False
    for line in text.splitlines():
        lines.append(line)
        is_body ^= line.count("$$") % 2 == 1
        if line.partition("--")[0].rstrip().endswith(";") and not is_body:
            yield "\n".join(lines)
            lines = []
