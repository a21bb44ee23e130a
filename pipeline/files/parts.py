"""Which files a path stands for: the file, the files of a folder, the members of a zip; and how each is opened."""

import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pipeline.errors import SourceError
from pipeline.files.parsed import UnreadableError

# Files of one family are read together; where a folder holds several families, the first of this order is read.
FAMILIES = {
    "CSV": (".csv",),
    "TSV": (".tsv", ".tab"),
    "Parquet": (".parquet", ".geoparquet"),
    "workbook": (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
    "JSON": (".json", ".jsonl", ".ndjson", ".geojson", ".geojsonl", ".geojsons"),
    "vector": (".gpkg", ".shp", ".fgb"),
    "text": (".txt",),
}
_FAMILY_OF = {suffix: family for family, suffixes in FAMILIES.items() for suffix in suffixes}
_ORDER = list(FAMILIES)
_ARCHIVE = ".zip"
_BESIDE_SHAPES = (".dbf", ".shx", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".qmd", ".shp.xml")
_GZIP = b"\x1f\x8b"
_CHUNK_BYTES = 1 << 22
_BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)
# First bytes of what is no table, or not one in this wrapping, and the way out.
_FOREIGN = (
    (b"PK\x03\x04", "is a zip or a workbook", "name it .zip or .xlsx"),
    (b"BZh", "is packed with bzip2", "unpack it (bunzip2), or pack it with gzip"),
    (b"\xfd7zXZ\x00", "is packed with xz", "unpack it (unxz), or pack it with gzip"),
    (b"\x28\xb5\x2f\xfd", "is packed with Zstandard", "unpack it (unzstd), or pack it with gzip"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive", "unpack it, or pack it as zip"),
    (b"Rar!", "is a RAR archive", "unpack it, or pack it as zip"),
    (b"\xd0\xcf\x11\xe0", "is an old Office file (.xls)", "name it .xls, or save it as .xlsx or CSV"),
    (b"%PDF", "is a PDF", "ask the publisher for the table as CSV or a workbook"),
    (b"PAR1", "is Parquet", "name it .parquet"),
    (b"SQLite format 3\x00", "is a database", "name it .gpkg if it is a GeoPackage, else export it as CSV"),
    (b"<!doctype html", "is a web page (HTML), perhaps an error of the portal", "download the file again as CSV"),
    (b"<html", "is a web page (HTML), perhaps an error of the portal", "download the file again as CSV"),
    (b"<?xml", "is XML", "export it as CSV, JSON or a workbook"),
)


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A file that is not read, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Part:
    """A file with rows: one on the disk, or a member of a zip."""

    path: Path
    name: str
    suffix: str  # in lower case, without .gz
    member: str | None = None

    @property
    def family(self) -> str:
        """Which files it can be read together with."""
        return _FAMILY_OF[self.suffix]

    @property
    def is_packed(self) -> bool:
        """Whether it begins as gzip does, whatever its name."""
        with self.stored() as stream:
            return stream.read(2) == _GZIP

    @contextmanager
    def stored(self) -> Iterator[BinaryIO]:
        """Open its bytes as they are stored; a failure to read them, inside too, is an UnreadableError."""
        try:
            if self.member is None:
                with self.path.open("rb") as stream:
                    yield stream
            else:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as stream:
                    yield stream  # type: ignore[misc]
        except _BROKEN as error:
            raise UnreadableError(
                f"{self.name} cannot be read: {error or type(error).__name__}; it may be cut off or damaged: fetch it "
                "again"
            ) from None

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Open its content: what gzip has packed is unpacked."""
        is_packed = self.is_packed
        with self.stored() as stream:
            yield gzip.GzipFile(fileobj=stream) if is_packed else stream  # type: ignore[misc]

    def content(self) -> bytes:
        """Return all of it."""
        with self.opened() as stream:
            return stream.read()

    def digest(self) -> str:
        """Return the hash of its content."""
        whole = hashlib.blake2b(digest_size=16)
        with self.opened() as stream:
            for chunk in iter(lambda: stream.read(_CHUNK_BYTES), b""):
                whole.update(chunk)
        return whole.hexdigest()


def check_is_text(name: str, begin: bytes) -> None:
    """Raise SourceError if the first bytes are those of another kind of file."""
    folded = begin.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for sign, what, way_out in _FOREIGN:
        if begin.startswith(sign) or (sign.startswith(b"<") and folded.startswith(sign)):
            raise UnreadableError(f"{name} {what}, which harmspot does not read under this name; {way_out}")


def find_parts(path: Path, pattern: str) -> tuple[list[Part], list[PassedOver]]:
    """Return the files with rows that the path stands for, in order, and those passed over.

    Parameters
    ----------
    path : pathlib.Path
        A file, a zip, or a folder, which is searched with all that is below it.
    pattern : str
        Which files of a folder, and members of a zip, are read.

    Raises
    ------
    SourceError
        When there is nothing to read, or a folder holds both CSV and Parquet.
    """
    if not path.exists():
        raise SourceError(f"{path} does not exist; name a file, or a folder of files")
    if not path.is_dir():
        return _parts_alone(path, pattern)
    parts: list[Part] = []
    passed: list[PassedOver] = []
    for file in _files_below(path):
        found, others = _parts_of_file(file, pattern)
        parts += found
        passed += others
    parts, others = _one_family(parts, path)
    return _distinct_names(_checked(parts, passed, path, pattern), path), passed + others


def _parts_alone(path: Path, pattern: str) -> tuple[list[Part], list[PassedOver]]:
    suffix = suffix_of(path.name)
    if suffix == _ARCHIVE:
        parts, passed = _members(path, pattern)
        parts, others = _one_family(parts, path)
        return _checked(parts, passed, path, pattern), passed + others
    if suffix not in _FAMILY_OF:
        with path.open("rb") as stream:
            check_is_text(str(path), stream.read(64))
        raise SourceError(f"{path}: expected {_expected()}; rename or export it, in a folder at least one of them")
    return [Part(path, path.name, suffix)], []


def suffix_of(name: str) -> str:
    """Return the suffix in lower case, below .gz."""
    return PurePosixPath(name.lower().removesuffix(".gz")).suffix


def _expected() -> str:
    return ", ".join([*_FAMILY_OF, _ARCHIVE]) + " (text and JSON also with .gz)"


def _files_below(folder: Path) -> list[Path]:
    """Return the files of a folder, sorted, without those that belong to a shapefile."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    shapes = {file.with_suffix("") for file in files if file.suffix.lower() == ".shp"}
    return [
        file
        for file in files
        if not (file.name.lower().endswith(_BESIDE_SHAPES) and file.parent / file.name.partition(".")[0] in shapes)
    ]


def _parts_of_file(file: Path, pattern: str) -> tuple[list[Part], list[PassedOver]]:
    suffix = suffix_of(file.name)
    if suffix == _ARCHIVE:
        try:
            return _members(file, "*" if file.match(pattern) else pattern)
        except UnreadableError as error:
            return [], [PassedOver(file.name, str(error))]
    why = _why_not(file.name, suffix, is_matching=file.match(pattern), pattern=pattern)
    return ([], [PassedOver(file.name, why)]) if why else ([Part(file, file.name, suffix)], [])


def _why_not(name: str, suffix: str, *, is_matching: bool, pattern: str) -> str:
    if name.startswith("."):
        return "hidden"
    if suffix not in _FAMILY_OF:
        return "not a kind of table that harmspot reads"
    return "" if is_matching else f"does not match files: {pattern}"


def _members(path: Path, pattern: str) -> tuple[list[Part], list[PassedOver]]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = sorted((i for i in archive.infolist() if not i.is_dir()), key=lambda info: info.filename)
    except _BROKEN as error:
        raise UnreadableError(f"{path} cannot be opened as a zip: {error}; fetch it again, or unpack it") from None
    parts, passed, seen = [], [], set()
    has_shapes = {str(PurePosixPath(i.filename).with_suffix("")) for i in infos if i.filename.lower().endswith(".shp")}
    for info in infos:
        inside, name = PurePosixPath(info.filename), f"{path.name}/{info.filename}"
        if info.filename.startswith("__MACOSX/") or (
            info.filename.lower().endswith(_BESIDE_SHAPES) and str(inside.with_suffix("")) in has_shapes
        ):
            continue
        suffix = suffix_of(inside.name)
        why = _why_not(inside.name, suffix, is_matching=inside.match(pattern), pattern=pattern)
        why = "protected by a password; unpack it" if not why and info.flag_bits & 1 else why
        why = "a second member of this name" if not why and info.filename in seen else why
        seen.add(info.filename)
        if why:
            passed.append(PassedOver(name, why))
        else:
            parts.append(Part(path, name, suffix, info.filename))
    return parts, passed


def _one_family(parts: list[Part], path: Path) -> tuple[list[Part], list[PassedOver]]:
    """Keep the files of the first family; CSV beside Parquet is refused, because they often hold the same rows."""
    present = {part.family for part in parts}
    if present >= {"CSV", "Parquet"}:
        raise SourceError(f"{path} holds both CSV and Parquet; load one kind at a time")
    chosen = min(present, key=_ORDER.index, default="")
    kept = [part for part in parts if part.family == chosen]
    passed = [
        PassedOver(part.name, f"{part.suffix} beside {kept[0].suffix}; load it by its name")
        for part in parts
        if part.family != chosen
    ]
    return kept, passed


def _checked(parts: list[Part], passed: list[PassedOver], path: Path, pattern: str) -> list[Part]:
    if parts:
        return parts
    if any(one.why.startswith("does not match") for one in passed):
        raise SourceError(
            f"{path} holds no file that matches the mapping's pattern {pattern!r}; name a file to read it anyway"
        )
    others = f"; it holds {', '.join(f'{one.name} ({one.why})' for one in passed[:3])}" if passed else ""
    raise SourceError(f"{path}: expected {_expected()}, in a folder at least one of them{others}")


def _distinct_names(parts: list[Part], folder: Path) -> list[Part]:
    """Name files by their path below the folder where their name alone stands twice."""
    names = [part.name for part in parts]
    return [
        replace(part, name=f"{part.path.parent.relative_to(folder).as_posix()}/{part.name}")
        if names.count(part.name) > 1
        else part
        for part in parts
    ]
