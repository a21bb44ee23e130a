"""Backups of a home: all that cannot be computed again, as it stands at one moment. The key is kept apart.

Report, layers and live figures are drawn again from the publications; the settings and the files that they name are
the force's own.
"""

import fcntl
import hashlib
import hmac
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from flows.decisions.desk import at_desk
from flows.health.rewriting import ENCRYPTED
from flows.home.home import Home
from flows.home.run_identity import code_version
from models.governance.actors import MACHINE
from pipeline.complete_file import flush, give_to_owner, hidden, write_first
from pipeline.database import attach, connect
from pipeline.errors import KeyFileError, StoreError
from pipeline.privacy.keys import Key, is_rotating

NOTE = "backup.json"
STORE, USERS, LOG = "store.duckdb", "users.duckdb", "access.log"
WHOLE = ("published.duckdb", "restricted.duckdb", "force.json", "rehearsal")  # replaced whole, never written to


def back_up(home: Home, folder: Path) -> dict[str, int]:
    """Write a backup of a home to a new folder and return the size of each file in bytes; logged.

    No decision, run or batch is recorded meanwhile; streams wait and go on. Who stops it leaves no backup.

    Raises
    ------
    StoreError
        The folder is there already, a rotation of the key is not finished, or the store is held for longer than
        `store.wait_s`.
    """
    _refuse_taken(folder)
    if is_rotating(home.key):
        raise StoreError(f"{home.path} has files under two keys: finish the rotation first (harmspot rotate-key)")
    reader = home.session.user_id if home.session else MACHINE
    home.log_access("backup", {}, reader=reader, purpose="to keep a backup")
    with _made_whole(folder) as fresh:
        with at_desk(home) as desk:
            desk.store.copy_to(fresh / STORE, home.key)
            for name in WHOLE:
                with suppress(FileNotFoundError):
                    shutil.copy(home.path / name, fresh / name)
        if home.users.path.exists():
            home.users.copy_to(fresh / USERS)
        _copy_log(home.access_log.path, fresh / LOG)  # last: it holds at least what the store knows of it
        return _write_note(home, fresh)


def restore(home: Home, folder: Path, key: Key, key_text: bytes) -> dict[str, Any]:
    """Make a home from a backup and its key, and return the backup's note.

    Parameters
    ----------
    home : Home
        The new home; its folder is missing or empty.
    folder : Path
        The backup.
    key : Key
        The key with which the home was made.
    key_text : bytes
        The content of its file.

    Raises
    ------
    StoreError
        The folder is no backup, a file of it is not what was written, the key is another one, or a home is there.
    """
    note = read_note(folder, key)
    _refuse_taken(home.path)
    with _made_whole(home.path) as fresh:
        for name in note["files"]:
            shutil.copy(folder / name, fresh / name)
            flush(fresh / name)
        for name in ENCRYPTED:
            if (fresh / name).exists():
                _refuse_other_key(fresh / name, key, folder)
        write_first(fresh / "key", key_text)
    return note


def _refuse_other_key(path: Path, key: Key, folder: Path) -> None:
    try:
        with connect() as connection:
            attach(connection, path, key.encryption, alias="tried", read_only=True)
    except KeyFileError:
        raise StoreError(
            f"{folder} was made before the key was rotated: give the key of before (rotate-key --keep-old)"
        ) from None


def read_note(folder: Path, key: Key) -> dict[str, Any]:
    """Return the note of a backup whose files are those that were written; raises as `restore`."""
    try:
        note: dict[str, Any] = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        stated, files = note.pop("signature"), note["files"]
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise StoreError(f"{folder} is no backup: {NOTE} is missing or unreadable ({type(error).__name__})") from None
    if note["home_name"] != key.home_name:
        raise StoreError(f"{folder} is a backup of another home than the key's: give the key that was kept with it")
    if not hmac.compare_digest(stated, _signature(note, key)):
        raise StoreError(f"{folder}: {NOTE} was changed; take another backup")
    for name, sha256 in files.items():
        if not (folder / name).is_file() or _sha256(folder / name) != sha256:
            raise StoreError(f"{folder}: {name} is missing or was changed; take another backup")
    return note


def _write_note(home: Home, fresh: Path) -> dict[str, int]:
    files = sorted(path for path in fresh.iterdir())
    for path in files:
        flush(path)
    note: dict[str, Any] = {
        "home_name": home.key.home_name,
        "made_at": home.acting().now().isoformat(),
        "code_version": code_version(),
        "config": str(config.resolve()) if (config := home.config_file or home.remembered_config()) else None,
        "files": {path.name: _sha256(path) for path in files},
    }
    text = json.dumps(note | {"signature": _signature(note, home.key)}, indent=1, ensure_ascii=False) + "\n"
    (fresh / NOTE).write_text(text, encoding="utf-8")
    flush(fresh / NOTE)
    return {path.name: path.stat().st_size for path in files}


def _copy_log(log: Path, copy: Path) -> None:
    if log.exists():
        with log.open("rb") as file, copy.open("wb") as fresh:
            fcntl.flock(file, fcntl.LOCK_SH)  # no entry is being written
            shutil.copyfileobj(file, fresh)
        copy.chmod(0o600)


@contextmanager
def _made_whole(folder: Path) -> Iterator[Path]:
    """Yield a folder for its owner alone; after the block it is `folder`, which is missing or empty before.

    Whoever stops the block leaves nothing.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = hidden(folder)
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    try:
        yield fresh
        give_to_owner(fresh, folder)
        if folder.exists():
            folder.rmdir()
        fresh.rename(folder)
        flush(folder.parent)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _refuse_taken(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(f"{folder} is there and not empty; name a new folder")


def _signature(note: dict[str, Any], key: Key) -> str:
    return hmac.new(key.signing, json.dumps(note, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
