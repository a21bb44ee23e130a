"""The tables of the shared store are those of the file, and what names people is encrypted in them."""

import pytest

from pipeline.errors import KeyFileError
from pipeline.privacy.keys import derive_key
from pipeline.shared_store.column_cipher import ENCRYPTED, ColumnCipher
from pipeline.shared_store.copies import forms
from pipeline.shared_store.opening import open_store
from pipeline.shared_store.schema import FOLDER, statements
from pipeline.shared_store.server import Database
from pipeline.shared_store.store import CHANGES, READS, PostgresStore
from pipeline.store.interface import Store
from pipeline.store.migrations import migration_names
from pipeline.store.store import DuckDBStore
from tests.postgresql import PostgresServer

KINDS = {
    "VARCHAR": "text",
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "BOOLEAN": "boolean",
    "DOUBLE": "double precision",
    "DATE": "date",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "BLOB": "bytea",
    "UHUGEINT": "bytea",
    'STRUCT(person_id VARCHAR, "role" VARCHAR)[]': "text",
}
KEY = derive_key(b"\x5e" * 32)


def test_the_tables_are_those_of_the_file_column_for_column(postgresql: PostgresServer, tmp_path) -> None:
    address = postgresql.database()
    with open_store(Database(address, tmp_path), KEY, wait_s=5):
        pass
    rows = postgresql.psql(
        address.rpartition("/")[2],
        "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns "
        "WHERE table_schema = 'store' AND column_name <> 'row_id' ORDER BY table_name, ordinal_position",
    )
    held: dict[str, list] = {}
    for table, name, kind, _ in (row.split("|") for row in rows.splitlines()):
        held.setdefault(table, []).append((name, kind))
    of_itself = {"migration", "home"}
    assert held.keys() - of_itself == forms().keys()
    for table, form in forms().items():
        expected = [
            (column.name, "bytea" if column.name in ENCRYPTED.get(table, ()) else KINDS[column.kind])
            for column in form.columns
        ]
        assert held[table] == expected, table


def test_every_method_says_what_it_copies() -> None:
    methods = {name for name in vars(Store) if not name.startswith("_")}
    own = {name for name, value in vars(PostgresStore).items() if callable(value)}
    assert methods <= own, "name its tables in READS or CHANGES, or write it"
    assert not {*READS} & {*CHANGES}
    assert all(hasattr(DuckDBStore, name) for name in (*READS, *CHANGES))


def test_a_file_of_migrations_falls_into_its_statements() -> None:
    table, function = (
        "-- a; b\nCREATE TABLE a (\n    b text -- c;\n);",
        "CREATE FUNCTION f() AS $$\nBEGIN\n    x;\nEND\n$$;",
    )
    text = f"{table}\n{function}\nSELECT 1;\n"
    assert [part.split()[-1] for part in statements(text)] == [");", "$$;", "1;"]
    assert migration_names(FOLDER)[0] == "0001_store"


def test_a_value_opens_with_its_own_key_in_its_own_column_alone() -> None:
    cipher, other = ColumnCipher(KEY), ColumnCipher(derive_key(b"\x5f" * 32))
    sealed = cipher.seal(b"P-1234567", "identity.raw_person_id")
    assert b"P-1234567" not in sealed
    assert sealed != cipher.seal(b"P-1234567", "identity.raw_person_id")
    assert cipher.open(sealed, "identity.raw_person_id") == b"P-1234567"
    for one, column in ((other, "identity.raw_person_id"), (cipher, "outbox.payload")):
        with pytest.raises(KeyFileError):
            one.open(sealed, column)
    with pytest.raises(KeyFileError):
        cipher.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), "identity.raw_person_id")
