"""How a third-party file maps to incidents: a mapping (YAML) and its table of offences (CSV).

The file's rows are the temporary view `raw`; `extract_sql` converts them to harmspot's names and types, and
`sql/mapped/incident.sql` turns them into incidents or refusal reasons. No row is processed in Python.
"""

import difflib
import re
from collections.abc import Collection
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyproj
import yaml

from pipeline.database import literal_sql, name_sql
from pipeline.errors import MappingError
from pipeline.files.parsed import FileFormat

DISCOVERIES = ("public", "police", "partner", "sensor")
PRECISIONS = ("instant", "day", "month")
STATUSES = ("recorded", "amended", "cancelled")
BLANK_IDS = ("refuse", "hash")
_OFFENCE_TABLE = ("offence", "offence_detail", "offence_code", "discovery")


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the file's columns; None where the file has no such column."""

    incident_id: str
    occurred_at: str
    offence: str
    offence_detail: str | None = None
    x: str | None = None
    y: str | None = None
    area_id: str | None = None
    reported_at: str | None = None
    version: str | None = None
    updated_at: str | None = None
    status: str | None = None
    discovery: str | None = None
    domestic: str | None = None

    def named(self) -> dict[str, str]:
        """Return harmspot's column name → the file's, for the columns the file has, in harmspot's order."""
        pairs = ((item.name, getattr(self, item.name)) for item in fields(self))
        return {ours: theirs for ours, theirs in pairs if theirs is not None}


@dataclass(frozen=True, slots=True)
class Mapping:
    """A validated mapping; `offences` has columns offence, offence_detail, offence_code, discovery (strings)."""

    name: str
    about: str
    source: str  # becomes event_source: the publisher of the file
    columns: Columns
    offences: pd.DataFrame = field(repr=False)
    time_zone: str | None = None  # of times without a UTC offset
    occurred_at_format: str | None = None  # strptime; None reads ISO 8601 and typed columns
    reported_at_format: str | None = None
    updated_at_format: str | None = None
    precision: str = "instant"
    crs: str = "EPSG:4326"
    encoding: str | None = None  # None: found out, and said; likewise the delimiter
    delimiter: str | None = None
    skip_rows: int = 0  # lines above the header
    sheet: str | None = None  # of a workbook
    files: str = "*"  # which files of a folder are read, such as `*-street.csv`
    blank_id: str = "refuse"  # or `hash`: an id from the row's content and its ordinal among equal rows
    discovery: str | None = None  # default for rows where neither offence nor column gives one
    discoveries: MappingOf[str, str] = field(default_factory=dict)  # the file's value → harmspot's
    statuses: MappingOf[str, str] = field(default_factory=dict)
    true_values: tuple[str, ...] = ("true", "t", "yes", "y", "1")

    def __post_init__(self) -> None:
        _check_one_of("precision", self.precision, PRECISIONS)
        _check_one_of("blank_id", self.blank_id, BLANK_IDS)
        for word in (*self.discoveries.values(), *filter(None, [self.discovery])):
            _check_one_of("discovery", word, DISCOVERIES)
        for word in self.statuses.values():
            _check_one_of("statuses", word, STATUSES)
        if (self.columns.x is None) != (self.columns.y is None):
            raise ValueError("columns: expected both x and y, or neither")
        if self.columns.version and self.columns.updated_at:
            raise ValueError("columns: expected version or updated_at, not both")
        for name in ("occurred_at_format", "reported_at_format", "updated_at_format"):
            if "%z" in (getattr(self, name) or "").lower():
                raise ValueError(f"{name}={getattr(self, name)!r}: expected no zone; omit the format to read ISO 8601")
        if self.time_zone is not None:
            _check_zone(self.time_zone)
        _check_crs(self.crs)

    def file_format(self) -> FileFormat:
        """Return what the mapping says about how its files are written."""
        return FileFormat(self.encoding, self.delimiter, self.skip_rows, self.sheet, self.files)


def read_mapping(path: Path) -> Mapping:
    """Read a mapping and its table of offences (CSV: offence, offence_detail, offence_code, discovery).

    Raises
    ------
    MappingError
        When a file is missing or unreadable, or a key, value or column is invalid; the message names it.
    """
    document = _read_document(path)
    table = document.pop("offences", None)
    if not isinstance(table, str):
        raise MappingError(f"{path}: offences={table!r}: expected the name of a CSV file beside the mapping")
    try:
        columns = Columns(**_checked(document.pop("columns", None), Columns, path, "columns"))
        offences = _read_offences(path.parent / table)
        known = _checked(document, Mapping, path, "the mapping", given={"columns", "offences"})
        known |= {"true_values": tuple(known["true_values"])} if "true_values" in known else {}
        return Mapping(**known, columns=columns, offences=offences)
    except (TypeError, ValueError) as error:
        raise MappingError(f"{path}: {error}") from None


def check_columns(mapping: Mapping, present: Collection[str], origin: str) -> None:
    """Raise MappingError if the file lacks a column of the mapping; name its columns and the closest one."""
    for ours, theirs in mapping.columns.named().items():
        if theirs not in present:
            raise MappingError(
                f"{origin}: no column {theirs!r}, which mapping {mapping.name!r} reads as {ours}"
                f"{_suggestion(theirs, present)}; it has {', '.join(map(repr, present))}"
            )


def check_offence_codes(mapping: Mapping, offence_codes: Collection[str]) -> None:
    """Raise MappingError if the table of offences has a code that is not in the codebook."""
    for code in mapping.offences["offence_code"]:
        if code not in offence_codes:
            raise MappingError(
                f"mapping {mapping.name!r}: offence_code {code!r} is not in the codebook"
                f"{_suggestion(code, offence_codes)}; add it there or give the offence another code"
            )


def extract_sql(mapping: Mapping, types: MappingOf[str, str]) -> str:
    """Return the query that converts `raw` to harmspot's names and types; `types` are DuckDB's types in `raw`."""
    reads = {
        "incident_id": _text_sql,
        "occurred_at": _time_sql(mapping.occurred_at_format),
        "reported_at": _time_sql(mapping.reported_at_format),
        "updated_at": _time_sql(mapping.updated_at_format),
        "offence": _folded_sql,
        "offence_detail": _folded_sql,
        "x": _number_sql,
        "y": _number_sql,
        "area_id": _text_sql,
        "version": _integer_sql,
        "status": _folded_sql,
        "discovery": _folded_sql,
        "domestic": _truth_sql(mapping.true_values),
    }
    named = mapping.columns.named()
    parts = [read(ours, named.get(ours), types.get(named.get(ours, ""), "")) for ours, read in reads.items()]
    # A replayed row carries its row number and derived id.
    row = ["harmspot_number AS row_number", "harmspot_file AS file"]
    row += [f"{name if name in types else 'NULL'} AS {name}" for name in ("harmspot_row", "harmspot_incident_id")]
    return "SELECT " + ",\n    ".join([*row, *parts]) + "\nFROM raw"


def content_of_row_sql(mapping: Mapping) -> str:
    """Return SQL that joins the mapped columns of a row; rows with equal content give equal text."""
    texts = ", ".join(
        f"coalesce(CAST({name_sql(theirs)} AS VARCHAR), '')" for theirs in mapping.columns.named().values()
    )
    return f"concat_ws(chr(31), {texts})"


def words_of(meanings: MappingOf[str, str]) -> pd.DataFrame:
    """Return the table of upper-case word → meaning, as in `status_word` and `discovery_word`."""
    return pd.DataFrame({"word": [w.strip().upper() for w in meanings], "meaning": list(meanings.values())}, dtype=str)


def _text_sql(ours: str, theirs: str | None, _: str) -> str:
    return f"{_trimmed_sql(theirs)} AS {ours}"


def _folded_sql(ours: str, theirs: str | None, _: str) -> str:
    return f"upper({_trimmed_sql(theirs)}) AS {ours}"


def _number_sql(ours: str, theirs: str | None, kind: str) -> str:
    value = "NULL::DOUBLE" if theirs is None else f"TRY_CAST({name_sql(theirs)} AS DOUBLE)"
    return f"{value} AS {ours}, {_is_given_sql(theirs, kind)} AS is_{ours}_given"


def _integer_sql(ours: str, theirs: str | None, kind: str) -> str:
    value = "NULL::BIGINT" if theirs is None else f"TRY_CAST({name_sql(theirs)} AS BIGINT)"
    return f"{value} AS {ours}, {_is_given_sql(theirs, kind)} AS is_{ours}_given"


def _truth_sql(true_values: tuple[str, ...]) -> Any:
    words = ", ".join(literal_sql(word.strip().upper()) for word in true_values)
    return lambda ours, theirs, _: (
        f"coalesce(upper({_trimmed_sql(theirs)}) IN ({words}), false) AS is_{ours}" if theirs else f"false AS is_{ours}"
    )


def _time_sql(pattern: str | None) -> Any:
    """Return a reader of two columns: local time, or absolute time if the file states an offset."""

    def read(ours: str, theirs: str | None, kind: str) -> str:
        local, absolute = _local_and_absolute_sql(theirs, kind, pattern)
        return (
            f"{local} AS {ours}_local, {absolute} AS {ours}_absolute, {_is_given_sql(theirs, kind)} AS is_{ours}_given"
        )

    return read


def _local_and_absolute_sql(theirs: str | None, kind: str, pattern: str | None) -> tuple[str, str]:
    nothing = ("NULL::TIMESTAMP", "NULL::TIMESTAMPTZ")
    if theirs is None:
        return nothing
    column = name_sql(theirs)
    if kind == "TIMESTAMP WITH TIME ZONE":
        return nothing[0], column
    if kind != "VARCHAR":
        return f"TRY_CAST({column} AS TIMESTAMP)", nothing[1]
    text = _trimmed_sql(theirs)
    if pattern is not None:
        return f"coalesce(try_strptime({text}, {literal_sql(pattern)}), TRY_CAST({text} AS TIMESTAMP))", nothing[1]
    has_offset = rf"regexp_matches({text}, '[0-9:.](Z|[+-]\d\d:?\d\d)$')"
    return (
        f"CASE WHEN NOT {has_offset} THEN TRY_CAST({text} AS TIMESTAMP) END",
        f"CASE WHEN {has_offset} THEN TRY_CAST({text} AS TIMESTAMPTZ) END",
    )


def _trimmed_sql(theirs: str | None) -> str:
    return "NULL::VARCHAR" if theirs is None else f"nullif(trim(CAST({name_sql(theirs)} AS VARCHAR)), '')"


def _is_given_sql(theirs: str | None, kind: str) -> str:
    if theirs is None:
        return "false"
    return f"{_trimmed_sql(theirs)} IS NOT NULL" if kind == "VARCHAR" else f"{name_sql(theirs)} IS NOT NULL"


def _read_document(path: Path) -> dict[str, Any]:
    if not path.is_file():
        beside = sorted(p.stem for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        raise MappingError(
            f"mapping {path} does not exist{_suggestion(path.stem, beside)}; there are {beside or 'none'}"
        )
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MappingError(f"mapping {path} is not YAML: {error}") from None
    if not isinstance(document, dict):
        raise MappingError(f"mapping {path}: expected keys and values at the top level")
    return document


def _checked(
    found: Any, expected: type, path: Path, place: str, given: frozenset[str] | set[str] = frozenset()
) -> dict:
    """Return `found` if it is a mapping whose keys are fields of dataclass `expected` that are not in `given`."""
    if not isinstance(found, dict):
        raise MappingError(f"{path}: {place}: expected keys and values, got {found!r}")
    known = {item.name for item in fields(expected)} - given
    for key in found:
        if key not in known:
            raise MappingError(
                f"{path}: unknown key {key!r} in {place}{_suggestion(str(key), known)}; known: {sorted(known)}"
            )
    return found


def _read_offences(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise MappingError(f"table of offences {path} cannot be read: {error}") from None
    table = table.assign(offence_detail=table.get("offence_detail", ""), discovery=table.get("discovery", ""))
    missing = [name for name in _OFFENCE_TABLE if name not in table]
    if missing:
        raise MappingError(f"table of offences {path}: no column {missing[0]!r}; it has {list(table.columns)}")
    folded = table.assign(**{name: table[name].str.strip().str.upper() for name in ("offence", "offence_detail")})
    twice = folded[folded.duplicated(["offence", "offence_detail"])]
    if len(twice):
        raise MappingError(f"table of offences {path}: {twice['offence'].iloc[0]!r} occurs twice; keep one row")
    for word in folded.loc[folded["discovery"] != "", "discovery"]:
        _check_one_of("discovery", word, DISCOVERIES)
    return folded[list(_OFFENCE_TABLE)]


def _check_one_of(name: str, value: str, expected: tuple[str, ...]) -> None:
    if value not in expected:
        raise ValueError(f"{name}={value!r}: expected one of {', '.join(expected)}")


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"time_zone={name!r}: expected an IANA zone such as America/New_York") from None


def _check_crs(crs: str) -> None:
    try:
        pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError:
        raise ValueError(f"crs={crs!r}: expected a code such as EPSG:4326") from None


def _suggestion(word: str, known: Collection[str]) -> str:
    folded = {re.sub(r"\W|_", "", k).lower(): k for k in sorted(known)}
    close = difflib.get_close_matches(re.sub(r"\W|_", "", word).lower(), list(folded), n=1)
    return f" (did you mean {folded[close[0]]!r}?)" if close else ""
