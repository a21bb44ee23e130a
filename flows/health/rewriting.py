"""The databases of a home written anew, each complete or as it was: to their least size, or under a new key."""

from pathlib import Path

import pandas as pd

from flows.decisions.desk import at_desk
from flows.home.home import Home
from models.governance.actors import MACHINE
from pipeline.complete_file import write_first
from pipeline.database import attach, connect
from pipeline.errors import StoreError
from pipeline.privacy.keys import begin_rotation, end_rotation, is_rotating, refuse_key_elsewhere
from pipeline.publication.compaction import rewrite_publications
from pipeline.store.migrations import remove_copies

FILES = ("store.duckdb", "restricted.duckdb", "published.duckdb", "users.duckdb")
ENCRYPTED = ("store.duckdb", "restricted.duckdb", "users.duckdb")


def compact(home: Home) -> pd.DataFrame:
    """Write the databases of a home anew, with the same rows; return file, before and after (bytes).

    Streams and readers go on; writers wait meanwhile.

    Raises
    ------
    StoreBusyError
        Another process holds the store for longer than `store.wait_s`.
    """
    before = _sizes(home)
    with at_desk(home) as desk:
        desk.store.rewrite(home.store_file, home.key, wait_s=home.settings.store.wait_s)
        rewrite_publications(home.path, home.key)
        if home.users.path.exists():
            home.users.rewrite()
    return pd.DataFrame({"file": list(before), "before": before.values(), "after": _sizes(home).values()})


def rotate_key(home: Home, keep: Path | None = None) -> list[Path]:
    """Encrypt the databases of a home under a new key and forget the one of before; return the copies deleted.

    Pseudonyms, signatures and the home's name stay, as lists and copies name people by them. During the rotation the
    key file has both keys, and every file opens by one of them: whoever is killed repeats it, and it is completed.

    Parameters
    ----------
    home : Home
        The home.
    keep : Path or None
        New file for the key of before, which backups made before it need.

    Raises
    ------
    KeyFileError
        The key comes from HARMSPOT_KEY.
    StoreError
        A database cannot be opened by the new key alone; both keys stay in the key file.
    """
    refuse_key_elsewhere(home.path)
    if home.store != home.store_file:
        raise StoreError(
            f"the key cannot be rotated while the store is in {home.store}: move it to a file (harmspot store move "
            "--to duckdb), rotate the key, and move it back"
        )
    if keep is not None and not is_rotating(home.key):  # who repeats a rotation has kept it
        write_first(keep, (home.path / "key").read_bytes())
    reader = home.session.user_id if home.session else MACHINE
    home.log_access("rotate_key", {}, reader=reader, purpose="to encrypt under a new key")
    home.key = begin_rotation(home.path)  # whoever goes on with this home opens what is written from here on
    compact(home)
    copies = remove_copies(home.store_file)
    _refuse_other_keys(home)
    home.key = end_rotation(home.path)
    return copies


def _refuse_other_keys(home: Home) -> None:
    """Raise StoreError if an encrypted database does not open by the first of the keys."""
    newest = home.key.encryption.split(" ")[0]
    with connect() as connection:
        for path in (home.path / name for name in ENCRYPTED):
            if path.exists():
                attach(connection, path, newest, alias="tried", read_only=True, wait_s=home.settings.store.wait_s)
                connection.execute("DETACH tried")


def _sizes(home: Home) -> dict[str, int]:
    return {name: (home.path / name).stat().st_size for name in FILES if (home.path / name).exists()}
