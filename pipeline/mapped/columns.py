"""Which columns of a file give harmspot's: one dataclass for each kind of record, its fields in harmspot's order."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar

from pipeline.database import name_sql

# Characters that Unicode counts as blank, and those without width.
BLANKS = "".join(chr(code) for code in range(0x3001) if chr(code).isspace()) + "\u200b\ufeff"

Names = str | tuple[str, ...]  # a column of the file, or several that are joined


@dataclass(frozen=True, slots=True)
class NamedColumns:
    """Base of the columns of one kind of record; None where the file has no such column.

    `READS` says how each is read: text, word (folded), time, number, integer or truth; see `pipeline.mapped.extract`.
    """

    READS: ClassVar[Mapping[str, str]] = {}

    def named(self) -> dict[str, tuple[str, ...]]:
        """Return harmspot's column name → the file's, joined if several, for the columns the file has."""
        pairs = ((item.name, getattr(self, item.name)) for item in fields(self))
        return {ours: (theirs,) if isinstance(theirs, str) else theirs for ours, theirs in pairs if theirs}

    def theirs(self) -> list[str]:
        """Return the columns of the file, each once."""
        return list(dict.fromkeys(name for names in self.named().values() for name in names))

    def is_versioned(self) -> bool:
        """Say whether a column of the file tells which of two rows of one id is the later version."""
        return bool({"version", "updated_at"} & self.named().keys())


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentColumns(NamedColumns):
    """Columns of a file of incidents; ids made of the content depend on their order, so add new ones at the end."""

    incident_id: Names | None = None  # None: with `blank_id: hash`
    occurred_at: Names
    offence: str
    offence_detail: str | None = None
    x: str | None = None
    y: str | None = None
    area_id: str | None = None
    reported_at: Names | None = None
    version: str | None = None
    updated_at: Names | None = None
    status: str | None = None
    discovery: str | None = None
    domestic: str | None = None
    occurred_to: Names | None = None  # end of the interval in which it happened
    point: str | None = None  # instead of x and y: one column with both

    READS: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("incident_id", "area_id"), "text"),
        **dict.fromkeys(("occurred_at", "occurred_to", "reported_at", "updated_at"), "time"),
        **dict.fromkeys(("offence", "offence_detail", "status", "discovery"), "word"),
        **dict.fromkeys(("x", "y"), "number"),
        **{"point": "point", "version": "integer", "domestic": "truth"},
    }

    def __post_init__(self) -> None:
        if (self.x is None) != (self.y is None):
            raise ValueError("columns: expected both x and y, or neither")
        if self.point and self.x:
            raise ValueError("columns: expected point, or x and y, not both")
        if self.version and self.updated_at:
            raise ValueError("columns: expected version or updated_at, not both")


def text_sql(name: str, types: Mapping[str, str]) -> str:
    """Return SQL of a column of `raw` as text: whole numbers without `.0`, no NaN, nested values as JSON."""
    column, kind = name_sql(name), types.get(name, "VARCHAR")
    if kind == "VARCHAR":
        return column
    if kind in {"DOUBLE", "FLOAT"} or kind.startswith("DECIMAL"):
        is_whole = f"{column} = floor({column}) AND abs({column}) < 1e15"
        whole = f"CAST(CAST({column} AS BIGINT) AS VARCHAR)"
        is_number = f"NOT isnan(CAST({column} AS DOUBLE))"
        return f"CASE WHEN {is_whole} THEN {whole} WHEN {is_number} THEN CAST({column} AS VARCHAR) END"
    if kind.startswith(("STRUCT", "MAP")) or kind.endswith("[]"):
        return f"CAST(to_json({column}) AS VARCHAR)"
    return f"CAST({column} AS VARCHAR)"
