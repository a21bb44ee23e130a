"""The store's file is written anew after an erasure: nothing that was deleted stays in its free blocks."""

import os
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from pipeline.database import attach, connect
from pipeline.privacy.keys import derive_key
from pipeline.store.store import open_store
from pipeline.store.store_file import rewrite

RAW_ID = "P-98765-of-somebody"


@dataclass
class NoKey:
    """In place of a key: the probe is not encrypted, so that its bytes can be searched."""

    encryption: None = None


@pytest.fixture
def probe(tmp_path: Path) -> tuple[duckdb.DuckDBPyConnection, Path]:
    """An unencrypted file with two thousand identities, one of them replaced by a tombstone."""
    path, connection = tmp_path / "probe.duckdb", connect()
    attach(connection, path, None, alias="store")
    connection.execute("CREATE TABLE store.identity (person_id VARCHAR NOT NULL PRIMARY KEY, raw_person_id VARCHAR)")
    connection.execute("INSERT INTO store.identity SELECT 'p_' || n, 'P-' || n FROM range(2000) AS numbers(n)")
    connection.execute("INSERT INTO store.identity VALUES ('p_x', $raw)", {"raw": RAW_ID})
    connection.execute("CHECKPOINT store")
    connection.execute("UPDATE store.identity SET raw_person_id = 'erased' WHERE person_id = 'p_x'")
    connection.execute("CHECKPOINT store")
    return connection, path


def test_a_deleted_id_is_in_no_byte_of_the_new_file(probe: tuple[duckdb.DuckDBPyConnection, Path]) -> None:
    connection, path = probe
    assert RAW_ID.encode() in path.read_bytes(), "DuckDB left it in a free block: what the rewriting is for"
    held = connection.execute("SELECT * FROM store.identity ORDER BY ALL").fetchall()
    rewrite(connection, path, NoKey(), wait_s=0)  # type: ignore[arg-type]
    assert RAW_ID.encode() not in path.read_bytes()
    assert connection.execute("SELECT * FROM store.identity ORDER BY ALL").fetchall() == held
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with pytest.raises(duckdb.ConstraintException):  # keys are kept
        connection.execute("INSERT INTO store.identity VALUES ('p_x', 'again')")


def test_the_new_file_has_the_mode_and_the_owner_of_the_old_one(
    probe: tuple[duckdb.DuckDBPyConnection, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, path = probe
    path.chmod(0o640)
    owners: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "chown", lambda _, user, group, **how: owners.append((user, group)))
    rewrite(connection, path, NoKey(), wait_s=0)  # type: ignore[arg-type]
    assert path.stat().st_mode & 0o777 == 0o640
    assert set(owners) == {(path.stat().st_uid, path.stat().st_gid)}


def test_a_rewriting_that_is_cut_off_leaves_the_old_file_and_the_store_open(
    probe: tuple[duckdb.DuckDBPyConnection, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, path = probe
    before = path.read_bytes()

    def cut_off(*_: object) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", cut_off)
        with pytest.raises(OSError, match="killed"):
            rewrite(connection, path, NoKey(), wait_s=0)  # type: ignore[arg-type]
    assert path.read_bytes() == before
    assert connection.execute("SELECT count(*) FROM store.identity").fetchall() == [(2001,)]
    rewrite(connection, path, NoKey(), wait_s=0)  # type: ignore[arg-type]
    assert RAW_ID.encode() not in path.read_bytes()


def test_a_store_that_was_rewritten_is_encrypted_has_the_same_tables_and_goes_on(tmp_path: Path) -> None:
    path, key = tmp_path / "store.duckdb", derive_key(b"k" * 32)
    tables = "SELECT table_name, sql FROM duckdb_tables() WHERE database_name = 'store' ORDER BY ALL"
    with open_store(path, key, wait_s=0) as store:
        before = store._connection.execute(tables).fetchall()
        store.rewrite(path, key, wait_s=0)
        assert store._connection.execute(tables).fetchall() == before
        store.forget_offsets("incidents")  # it can be written to
    with duckdb.connect() as other, pytest.raises(duckdb.Error, match="encrypted"):
        other.execute(f"ATTACH '{path}' AS store")
    with open_store(path, key, wait_s=0) as store:
        assert store.offsets() == {}
