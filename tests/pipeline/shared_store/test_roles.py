"""The documented roles: the owner makes the tables, the writer of a stream writes rows and changes no table."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.errors import StoreError
from pipeline.shared_store.opening import open_session, open_store
from pipeline.shared_store.server import Database
from tests.pipeline.store.test_store import KEY, NOON, batch, commit
from tests.postgresql import PostgresServer

ROLES = Path(__file__).resolve().parents[3] / "deploy" / "postgresql-roles.sql"


def test_each_role_does_what_it_is_for_and_no_more(postgresql: PostgresServer, tmp_path: Path) -> None:
    address = postgresql.database()
    name = address.rpartition("/")[2]
    command = [postgresql.programs / "psql", "-v", "ON_ERROR_STOP=1", "-qX", f"--set=home={name}", "-f", ROLES, address]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    owner, writer = (Database(address.replace("owner@", f"{name}_{role}@"), tmp_path) for role in ("owner", "writer"))
    with open_session(writer, KEY, wait_s=5) as session, pytest.raises(StoreError, match="42501"), session.opened():
        pass
    open_store(owner, KEY, wait_s=5).close()
    with open_session(writer, KEY, wait_s=5) as session, session.opened() as store:
        assert commit(store, batch({}), incidents=1).stored == 1
        assert store.offsets() == {("incidents", 0): 1}
        with pytest.raises(StoreError, match="until the owner of its tables"):
            store.rewrite(tmp_path, KEY, wait_s=5)
    with open_store(owner, KEY, wait_s=5) as store:
        assert commit(store, batch({"event_id": "e2"}), NOON + timedelta(hours=1), incidents=2).stored == 1
        store.rewrite(tmp_path, KEY, wait_s=5)
