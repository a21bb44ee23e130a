"""Hashes of the content of files."""

import glob
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path


def hash_of_files(files: Mapping[str, Path | None]) -> str:
    """Return a hash of files and of what each is for; a file that takes another's place gives another hash.

    Parameters
    ----------
    files : Mapping[str, Path | None]
        Files by what they are for; None where there is none. A shapefile counts with its table, a folder with all of
        its files.

    Raises
    ------
    OSError
        A file cannot be read.
    """
    contents: list[bytes] = []
    for label, path in files.items():
        if path is not None:
            contents += [f"\0{label}".encode(), *(file.read_bytes() for file in _files_of(path))]
    return hash_of_bytes(contents)


def hash_of_bytes(contents: Iterable[bytes]) -> str:
    """Return a hash of contents in their order."""
    digest = hashlib.sha256()
    for content in contents:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


def _files_of(path: Path) -> list[Path]:
    """Return the files that a path stands for: all of a shapefile, or of a folder such as a File Geodatabase."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file() and file.suffix != ".lock")
    if path.suffix.lower() == ".shp":  # ids and names stand in the .dbf, the coordinate system in the .prj
        beside = path.parent.glob(f"{glob.escape(path.stem)}.*")
        found = sorted(file for file in beside if file.suffix.lower() in (".shp", ".dbf", ".prj", ".cpg"))
        return found or [path]
    return [path]
