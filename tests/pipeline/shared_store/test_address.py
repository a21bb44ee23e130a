"""An address is a database's, holds no password, and reaches no other machine without a verified certificate."""

from pathlib import Path

import pytest

from pipeline.errors import KeyFileError, SettingsError, StoreBusyError, StoreError
from pipeline.privacy.keys import derive_key
from pipeline.shared_store.opening import open_store
from pipeline.shared_store.server import Database, literal
from tests.postgresql import PostgresServer

KEY = derive_key(b"\x5e" * 32)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("mysql://db.example/harmspot", "expected an address"),
        ("postgresql://db.example/", "expected an address"),
        ("postgresql://harmspot:secret@db.example/harmspot", "password_file"),
        ("postgresql://db.example/harmspot?password=secret", "password_file"),
        ("postgresql://db.example/harmspot?sslmode=require", "sslmode=require"),
        ("postgresql://db.example/harmspot?sslmode=disable", "sslmode=disable"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(address: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        Database(address, tmp_path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "mode"),
    [
        ("postgresql://db.example/harmspot", "sslmode=verify-full"),
        ("postgresql://db.example/harmspot?sslmode=verify-ca&sslrootcert=/ca.pem", "sslmode=verify-ca"),
        ("postgresql://127.0.0.1/harmspot", None),
        ("postgresql:///harmspot?host=/run/postgresql", None),
        ("postgresql://localhost:5433/harmspot", None),
    ],
)
def test_only_this_machine_is_reached_without_a_verified_certificate(
    address: str, mode: str | None, tmp_path: Path
) -> None:
    uri = Database(address, tmp_path).uri()
    assert uri.count("sslmode=") == (mode is not None)
    assert mode is None or mode in uri


def test_the_password_comes_from_its_file_and_is_never_shown(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("a b&c=d/e\n")
    database = Database("postgresql://harmspot@127.0.0.1/home", tmp_path, secret)
    assert "password=a%20b%26c%3Dd%2Fe" in database.uri()
    assert "a b" not in f"{database} {database!r}"
    with pytest.raises(SettingsError, match=r"store\.password_file"):
        Database("postgresql://127.0.0.1/home", tmp_path, tmp_path / "missing").uri()


def test_a_server_that_is_down_is_waited_for_and_named(tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(StoreBusyError, match="does not answer"):
        open_store(Database("postgresql://me@127.0.0.1:9/home", tmp_path), KEY, wait_s=0.3, progress=said.append)
    assert "waiting up to 0.3 s" in said[0]


def test_a_database_keeps_the_store_of_one_home(postgresql: PostgresServer, tmp_path: Path) -> None:
    database = Database(postgresql.database(), tmp_path)
    assert not database.exists()
    with open_store(database, KEY, wait_s=5):
        pass
    assert database.exists()
    with pytest.raises(KeyFileError, match="a database of its own"):
        open_store(database, derive_key(b"\x5f" * 32), wait_s=5)
    rotated = derive_key(b"\x5e" * 32, b"\x60" * 32)
    with pytest.raises(KeyFileError, match="another key"):
        open_store(database, rotated, wait_s=5)


def test_who_opens_it_second_waits_and_names_the_first(postgresql: PostgresServer, tmp_path: Path) -> None:
    database = Database(postgresql.database(), tmp_path)
    with open_store(database, KEY, wait_s=5), pytest.raises(StoreBusyError, match=r"held by process \d+ on"):
        open_store(database, KEY, wait_s=0.2)
    open_store(database, KEY, wait_s=0.2).close()


def test_a_newer_store_is_refused(postgresql: PostgresServer, tmp_path: Path) -> None:
    address = postgresql.database()
    database = Database(address, tmp_path)
    open_store(database, KEY, wait_s=5).close()
    postgresql.psql(address.rpartition("/")[2], "INSERT INTO store.migration VALUES ('0999_later', '9.9')")
    with pytest.raises(StoreError, match=r"harmspot 9\.9 wrote the store"):
        open_store(database, KEY, wait_s=5)


def test_a_literal_is_one_value() -> None:
    assert literal("it's") == "'it''s'"
    assert literal(["a'b", "c"]) == "ARRAY['a''b', 'c']::text[]"
    assert literal(7) == "7"
