"""The store of a home moved to a database that many streams write at once, or back to a file."""

import pandas as pd

from flows.home.home import Home
from models.governance.actors import MACHINE
from pipeline.errors import StoreError
from pipeline.publication.publish import publication_lock
from pipeline.shared_store import moving
from pipeline.shared_store.server import Database
from pipeline.store.store_file import moved_to

LONGEST_S = 60.0  # that a publication takes


def move_store(home: Home, engine: str, address: str | None) -> pd.DataFrame:
    """Move the store of a home; return table, rows and hash before, rows_after and hash_after; logged.

    Raises
    ------
    SettingsError
        The address is none.
    StoreError
        The store is there already, an address is missing or too much, or as the moves of `pipeline.shared_store`.
    """
    wait_s = home.settings.store.wait_s
    database = _database(home, engine, address, is_file=moved_to(home.store_file) is None)
    reader = home.session.user_id if home.session else MACHINE
    home.log_access("move_store", {"to": str(database)}, reader=reader, purpose=f"to keep the store in {engine}")
    move = moving.move_to_database if engine == "postgresql" else moving.move_to_file
    with publication_lock(home.path, wait_s + LONGEST_S):
        return move(home.store_file, database, home.key, wait_s=wait_s, progress=home.progress)


def _database(home: Home, engine: str, address: str | None, *, is_file: bool) -> Database:
    """Return the database that the store goes to or comes from."""
    if is_file != (engine == "postgresql"):
        raise StoreError(f"the store of {home.path} is in {'its file' if is_file else home.store} already")
    if engine == "postgresql":
        if address is None:
            raise StoreError("name the database: harmspot store move --to postgresql postgresql://ROLE@HOST/DATABASE")
        return Database(address, home.path, home.settings.store.password_file)
    if address is not None:
        raise StoreError("the file has its place in the home: leave the address out")
    place = home.store
    assert isinstance(place, Database)
    return place
