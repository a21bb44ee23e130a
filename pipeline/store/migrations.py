"""Numbered SQL files that bring a store to the schema of this code, each in a transaction of its own."""

from importlib import resources

import duckdb

from pipeline.database import query, transaction
from pipeline.errors import StoreError


def migration_names() -> list[str]:
    """Names of the migrations in order: `0001_events`, …"""
    folder = resources.files("pipeline") / "sql" / "migrations"
    return sorted(file.name.removesuffix(".sql") for file in folder.iterdir() if file.name.endswith(".sql"))


def migrate(connection: duckdb.DuckDBPyConnection) -> None:
    """Apply to `store` what it lacks; refuse a store that a newer harmspot wrote."""
    connection.execute("CREATE TABLE IF NOT EXISTS store.migration (name VARCHAR PRIMARY KEY)")
    for name in _missing(connection):
        with transaction(connection):
            connection.execute(query(f"migrations/{name}"))
            connection.execute("INSERT INTO store.migration VALUES ($name)", {"name": name})


def check_migrated(connection: duckdb.DuckDBPyConnection) -> None:
    """Refuse a store opened for reading whose schema is not this code's."""
    if _missing(connection):
        raise StoreError("the store has an older schema; open it once for writing: harmspot init")


def _missing(connection: duckdb.DuckDBPyConnection) -> list[str]:
    try:
        applied = [row[0] for row in connection.execute("SELECT name FROM store.migration ORDER BY name").fetchall()]
    except duckdb.CatalogException:
        raise StoreError("the store is empty: an interrupted start; open it once for writing: harmspot init") from None
    known = migration_names()
    unknown = sorted(set(applied) - set(known))
    if unknown:
        raise StoreError(
            f"a newer harmspot wrote this store (migration {unknown[-1]}); install that version to open it"
        )
    return known[len(applied) :]
