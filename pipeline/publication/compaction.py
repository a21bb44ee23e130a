"""Publications written anew as they are: to their least size, or under another key."""

import shutil
from pathlib import Path

from pipeline.complete_file import unfinished
from pipeline.database import copy_database
from pipeline.privacy.keys import Key
from pipeline.publication.duckdb_file import opened, put_in_place
from pipeline.publication.publish import PUBLISHED, RESTRICTED, clean_up


def rewrite_publications(home: Path, key: Key) -> None:
    """Replace each publication by a copy with the same rows; call it under `publication_lock`.

    A process that is killed leaves each file as it was or the copy of it.
    """
    clean_up(home)
    for name, encryption in ((RESTRICTED, key.encryption), (PUBLISHED, None)):
        path = home / name
        if path.exists():
            fresh = unfinished(path)
            with opened(path, encryption) as connection:
                copy_database(connection, "kept", fresh, encryption)
            shutil.copymode(path, fresh)
            put_in_place(fresh, path)
