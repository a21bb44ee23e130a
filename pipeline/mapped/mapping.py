"""How another system's file maps to harmspot's records: the keys of a mapping, checked."""

import difflib
import re
from collections.abc import Collection
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import pandas as pd
import pyproj

from pipeline.errors import MappingError
from pipeline.files.parsed import FileFormat
from pipeline.mapped.columns import NamedColumns
from pipeline.mapped.record_columns import COLUMNS_OF_KIND, WORD_KEYS, RecordColumns
from pipeline.mapped.time_format import check_format
from pipeline.privacy.short_ids import SOURCE_IDS

DISCOVERIES = ("public", "police", "partner", "sensor")
PRECISIONS = ("instant", "day", "month")
STATUSES = ("recorded", "amended", "cancelled")
NO_WORDS = ("false", "f", "no", "n", "0")  # a plain no beside `true_values`
BLANK_IDS = ("refuse", "hash")
SAME_IDS = ("conflict", "gravest", "each", "later_load_corrects")
_SAME_IDS_OF = {"incidents": SAME_IDS, "warrants": ("conflict", "gravest", "later_load_corrects")}
KEYED_KINDS = ("incidents", "involvements", "warrants")
_OF_PEOPLE = ("persons", "same_persons", "involvements", "warrants", "custody", "actions")
DECIMALS = (".", ",")
THOUSANDS = (",", ".", " ", "'")


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """The force's own table of places: addresses, blocks or street segments, and the point of each."""

    file: str  # CSV beside the mapping
    match: tuple[str, ...]  # columns of the data
    on: tuple[str, ...]  # columns of the gazetteer, in the same order
    x: str
    y: str
    crs: str = "EPSG:4326"

    def __post_init__(self) -> None:
        if len(self.match) != len(self.on) or not self.match:
            raise ValueError("gazetteer: expected as many columns in match as in on, at least one")
        check_crs("gazetteer.crs", self.crs)


@dataclass(frozen=True, slots=True)
class Mapping:
    """A validated mapping and the tables beside it."""

    name: str
    about: str
    source: str  # becomes event_source: the publisher of the file
    columns: NamedColumns  # of the kind
    offences: pd.DataFrame = field(repr=False)  # offence, offence_detail, offence_code, discovery, check; strings
    kind: str = "incidents"
    # How the file is written; None is found out.
    encoding: str | None = None
    delimiter: str | None = None
    skip_rows: int = 0  # lines above the header
    sheet: str | None = None  # of a workbook
    files: str = "*"  # which files of a folder are read, such as `*-street.csv`
    # How its values are written.
    time_zone: str | None = None  # of times without a UTC offset
    formats: MappingOf[str, str] = field(
        default_factory=dict
    )  # time column of ours → strptime, epoch_s, epoch_ms, excel
    precision: str = "instant"
    crs: str | None = None  # of x and y; None: as the file states, or else WGS84
    decimal: str = "."
    thousands: str | None = None
    blanks: tuple[str, ...] = ()  # further words for nothing
    numeric: tuple[str, ...] = ()  # columns of ours whose text is a number: 0012345, 12345 and 12345.0 are one value
    true_values: tuple[str, ...] = ("true", "t", "yes", "y", "1")
    # What they mean.
    blank_id: str = "refuse"  # or `hash`: an id from the row's content and its ordinal among equal rows
    same_id: str = "conflict"  # what several rows with one id are
    source_ids: str = "as_given"  # or `keyed`: they may hold the id of a person, so short ids take their place
    discovery: str | None = None  # default for rows where neither offence nor column gives one
    discoveries: MappingOf[str, str] = field(default_factory=dict)  # the file's value → harmspot's
    statuses: MappingOf[str, str] = field(default_factory=dict)
    kinds: MappingOf[str, str] = field(default_factory=dict)
    roles: MappingOf[str, str] = field(default_factory=dict)
    gazetteer: Gazetteer | None = None
    places: pd.DataFrame | None = field(
        default=None, repr=False
    )  # the gazetteer's rows: text, lon, lat; distinct texts
    notes: tuple[str, ...] = ()  # what was guessed as the mapping was read, for people

    def __post_init__(self) -> None:
        check_one_of("kind", self.kind, tuple(COLUMNS_OF_KIND))
        check_one_of("precision", self.precision, PRECISIONS)
        check_one_of("blank_id", self.blank_id, BLANK_IDS)
        check_one_of("source_ids", self.source_ids, SOURCE_IDS)
        if self.source_ids == "keyed" and self.kind not in KEYED_KINDS:
            raise ValueError(f"source_ids: a mapping of kind {self.kind} has no ids of incidents or warrants")
        check_one_of("same_id", self.same_id, _SAME_IDS_OF.get(self.kind, ("conflict", "later_load_corrects")))
        for word in (*self.discoveries.values(), *filter(None, [self.discovery])):
            check_one_of("discovery", word, DISCOVERIES)
        self._check_words()
        if self.time_zone is not None:
            _check_zone(self.time_zone)
        if self.crs is not None:
            check_crs("crs", self.crs)
        self._check_numbers()
        self._check_formats()

    @property
    def format(self) -> FileFormat:
        """What the mapping says about how its files are written."""
        return FileFormat(self.encoding, self.delimiter, self.skip_rows, self.sheet, self.files)

    def _check_words(self) -> None:
        known = self.columns.WORDS if isinstance(self.columns, RecordColumns) else {"status": STATUSES}
        for name, key in WORD_KEYS.items():
            for word in getattr(self, key).values():
                if name not in known:
                    raise ValueError(f"{key}: a mapping of kind {self.kind} has no such words")
                check_one_of(key, word, known[name])

    def theirs(self) -> list[str]:
        """Return the columns of the file that the mapping reads, each once."""
        return list(dict.fromkeys([*self.columns.theirs(), *(self.gazetteer.match if self.gazetteer else ())]))

    def _check_numbers(self) -> None:
        check_one_of("decimal", self.decimal, DECIMALS)
        if self.thousands is not None:
            check_one_of("thousands", self.thousands, THOUSANDS)
        if self.thousands == self.decimal:
            raise ValueError(f"thousands={self.thousands!r}: expected another mark than decimal")
        if self.skip_rows < 0:
            raise ValueError(f"skip_rows={self.skip_rows}: expected a number of lines, 0 or more")
        for ours in self.numeric:
            check_one_of("numeric", ours, tuple(self.columns.named()))

    def _check_formats(self) -> None:
        for ours, pattern in self.formats.items():
            if ours not in self.columns.named():
                raise ValueError(f"{ours}_format: columns names no {ours}")
            check_format(f"{ours}_format", pattern)


def check_columns(mapping: Mapping, present: Collection[str], origin: str) -> None:
    """Raise MappingError if the file lacks a column of the mapping; name its columns and the closest one.

    What stands where none of the columns is may be a row; of a file about people nothing is shown.
    """
    read_as = {theirs: ours for ours, names in mapping.columns.named().items() for theirs in names}
    if mapping.gazetteer:
        read_as |= dict.fromkeys(mapping.gazetteer.match, "gazetteer.match")
    if not {_plain(name) for name in read_as} & {_plain(name) for name in present}:
        raise MappingError(
            f"{origin}: its first line names none of the columns that mapping {mapping.name!r} reads "
            f"({', '.join(map(repr, read_as))}); does the file have a header? Lines above it: skip_rows"
        )
    for theirs, ours in read_as.items():
        if theirs not in present:
            missing = f"{origin}: no column {theirs!r}, which mapping {mapping.name!r} reads as {ours}"
            if mapping.kind in _OF_PEOPLE:
                raise MappingError(missing)
            raise MappingError(f"{missing}{suggestion(theirs, present)}; it has {', '.join(map(repr, present))}")


def check_offence_codes(mapping: Mapping, offence_codes: Collection[str]) -> None:
    """Raise MappingError if the table of offences has a code that is not in the codebook."""
    offences = mapping.offences
    for code in offences.loc[offences["check"] == "", "offence_code"]:
        if code not in offence_codes:
            raise MappingError(
                f"mapping {mapping.name!r}: offence_code {code!r} is not in the codebook"
                f"{suggestion(code, offence_codes)}; add it there or give the offence another code"
            )


def check_one_of(name: str, value: str, expected: tuple[str, ...]) -> None:
    """Raise ValueError if the value of a key is none of those expected."""
    if value not in expected:
        raise ValueError(
            f"{name}={value!r}: expected one of {', '.join(map(repr, expected))}{suggestion(value, expected)}"
        )


def check_crs(name: str, crs: str) -> None:
    """Raise ValueError if the text is no coordinate system that PROJ knows."""
    try:
        pyproj.CRS.from_user_input(crs)
    except (pyproj.exceptions.CRSError, ValueError):
        raise ValueError(f"{name}={crs!r}: expected a code such as EPSG:4326") from None


def suggestion(word: str, known: Collection[str]) -> str:
    """Return ` (did you mean …?)` with the closest known word, or nothing."""
    folded = {_plain(k): k for k in sorted(known)}
    close = difflib.get_close_matches(_plain(word), list(folded), n=1)
    return f" (did you mean {folded[close[0]]!r}?)" if close else ""


def _plain(name: str) -> str:
    return re.sub(r"\W|_", "", name).lower()


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"time_zone={name!r}: expected an IANA zone such as America/New_York") from None
