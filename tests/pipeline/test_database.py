"""Connections to DuckDB load one extension, and it is signed."""

from pathlib import Path

import duckdb
import pytest

from pipeline.database import connect, reused


def test_no_unsigned_extension_is_loaded(tmp_path: Path) -> None:
    forged = tmp_path / "forged.duckdb_extension"
    forged.write_bytes(b"\x7fELF" + bytes(1024))
    for _ in range(2):  # the second connection skips the check of the extension that the process already has
        with connect() as connection:
            with pytest.raises(duckdb.Error, match=r"(?i)signature|sign|not a DuckDB extension|metadata"):
                connection.execute(f"LOAD '{forged}'")
            allowed = connection.execute("SELECT current_setting('allow_unsigned_extensions')").fetchall()
            assert allowed == [(False,)]
            connection.execute(f"ATTACH '{tmp_path / 'store.duckdb'}' AS store (ENCRYPTION_KEY 'a key')")
            connection.execute("CREATE OR REPLACE TABLE store.kept AS SELECT 1 AS n")


@pytest.mark.parametrize("is_encrypting", [True, False])
def test_a_connection_is_used_again_unless_its_block_failed(is_encrypting: bool) -> None:
    with reused(is_encrypting=is_encrypting) as first:
        with reused(is_encrypting=is_encrypting) as within:
            assert within is not first
        with reused(is_encrypting=not is_encrypting) as of_the_other_kind:
            assert of_the_other_kind is not within
    with reused(is_encrypting=is_encrypting) as again:
        assert again is first
    with pytest.raises(ZeroDivisionError), reused(is_encrypting=is_encrypting) as failed:
        raise ZeroDivisionError
    with pytest.raises(duckdb.ConnectionException):
        failed.execute("SELECT 1")
    with reused(is_encrypting=is_encrypting) as last:
        assert last is not failed
