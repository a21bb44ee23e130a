"""The tables of the shared store: made by the first who may, migrated by numbered SQL, and of one home alone."""

from collections.abc import Iterator
from importlib.metadata import version

from pipeline.database import query
from pipeline.errors import KeyFileError
from pipeline.privacy.keys import Key
from pipeline.shared_store.column_cipher import ColumnCipher
from pipeline.shared_store.server import Server
from pipeline.store.migrations import migration_names, not_applied

FOLDER = "shared_store"  # of the migrations, in `pipeline/sql`
_PROOF = "home.proof"
_MAKING = 72650004  # held by whoever makes or migrates the tables


def missing_migrations(server: Server) -> list[str]:
    """Return the migrations that the database lacks, in order; raises StoreError as those of a file."""
    [(table,)] = server.rows("SELECT to_regclass('store.migration')::text")
    if table is None:
        return migration_names(FOLDER)
    applied = server.rows("SELECT name, applied_by FROM store.migration ORDER BY name")
    return not_applied(migration_names(FOLDER), applied, f"the store in {server.database}")


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
        for statement in statements(query(f"{FOLDER}/{name}")):
            server.run(statement)
        server.run("INSERT INTO store.migration VALUES ($1, $2)", [name, version("harmspot")])
    if missing == migration_names(FOLDER):
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
