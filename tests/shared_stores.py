"""Stores compared: every table, row by row, wherever each is kept."""

from pathlib import Path

import duckdb

from flows.home.home import Home
from flows.home.store_access import open_home_store
from pipeline.database import attach, connect

# What follows from the clock and the order of batches, not from the events.
OF_THE_CLOCK = {"ingested_at", "batch_id"}


def differences(
    connection: duckdb.DuckDBPyConnection, one: str, other: str, aside: frozenset[str] = frozenset()
) -> tuple[int, dict[str, tuple[int, int]]]:
    """Return how many tables two attached databases have, and of those that differ the rows that each has alone."""
    tables = connection.execute(
        "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
        "WHERE database_name = $one GROUP BY table_name ORDER BY table_name",
        {"one": one},
    ).fetchall()
    found = {}
    for table, columns in tables:
        listed = ", ".join(f'"{name}"' for name in columns if name not in aside)
        alone = [
            connection.execute(
                f"SELECT count(*) FROM (SELECT {listed} FROM {a}.{table} EXCEPT ALL SELECT {listed} FROM {b}.{table})"
            ).fetchall()[0][0]
            for a, b in ((one, other), (other, one))
        ]
        if any(alone):
            found[table] = (alone[0], alone[1])
    return len(tables), found


def same_store(one: Home, other: Home, folder: Path, aside: frozenset[str] = frozenset()) -> None:
    """Fail unless two homes hold the same rows in every table of their stores, but for `aside`."""
    with connect() as connection:
        for name, home in (("one", one), ("other", other)):
            path = folder / f"{name}.duckdb"
            with open_home_store(home) as store:
                store.copy_to(path, home.key)
            attach(connection, path, home.key.encryption, alias=name, read_only=True)
        tables, found = differences(connection, "one", "other", aside)
    assert tables > 15
    found.pop("log_mark", None)  # of each home's own log
    assert found == {}, found
