"""Records that are no incidents, by the `kind` of a mapping: their columns, and what each column holds."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Literal, NamedTuple, get_args

from pipeline.events.schema import ActionKind, CustodyKind, Role, SameStatus, WarrantKind, WarrantStatus
from pipeline.mapped.columns import IncidentColumns, NamedColumns, Names

Holds = Literal["text", "offence", "time", "day", "number", "integer", "truth", "word"]
# What a column of ours holds, in every kind of record; any other holds text.
HOLDS: dict[str, Holds] = {
    **dict.fromkeys(("deceased_at", "custody_from", "custody_to", "issued_at", "at", "updated_at"), "time"),
    **dict.fromkeys(("shift_start", "shift_end"), "time"),
    **dict.fromkeys(("birth_date", "week"), "day"),
    **dict.fromkeys(("rostered_hours", "available_hours", "hours", "days"), "number"),
    **dict.fromkeys(("version", "birth_year", "count"), "integer"),
    **dict.fromkeys(("treatment_consent", "treatment_engaged"), "truth"),
    **dict.fromkeys(("kind", "status", "role"), "word"),
    **dict.fromkeys(("offence", "offence_detail"), "offence"),
}
# The key of the mapping that says what the words of a column mean.
WORD_KEYS = {"kind": "kinds", "status": "statuses", "role": "roles"}
_READ_AS = {"day": "time", "truth": "word", "offence": "word"}  # where the reading has another name than what is held


def holds(name: str) -> Holds:
    """Return what a column of ours holds."""
    return HOLDS.get(name, "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordColumns(NamedColumns):
    """Base of the columns of records other than incidents; `WORDS` has the meanings that words of a column can have."""

    WORDS: ClassVar[Mapping[str, tuple[str, ...]]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class InvolvementColumns(RecordColumns):
    """Who had which role in which incident: a row for each."""

    incident_id: Names
    person_id: Names
    role: Names | None = None

    WORDS: ClassVar[Mapping[str, tuple[str, ...]]] = {"role": get_args(Role)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _VersionedColumns(RecordColumns):
    version: Names | None = None
    updated_at: Names | None = None

    def __post_init__(self) -> None:
        if self.version and self.updated_at:
            raise ValueError("columns: expected version or updated_at, not both")


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonColumns(_VersionedColumns):
    """What is known of a person: age, death, treatment."""

    person_id: Names
    birth_date: Names | None = None
    birth_year: Names | None = None
    deceased_at: Names | None = None
    treatment_consent: Names | None = None
    treatment_engaged: Names | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SamePersonColumns(_VersionedColumns):
    """Two ids that are one person, unless the status says otherwise."""

    person_id: Names
    same_as: Names
    status: Names | None = None

    WORDS: ClassVar[Mapping[str, tuple[str, ...]]] = {"status": get_args(SameStatus)}


@dataclass(frozen=True, slots=True, kw_only=True)
class WarrantColumns(_VersionedColumns):
    """A warrant; the offence behind it is looked up in the table of offences."""

    warrant_id: Names
    person_id: Names
    issued_at: Names
    offence: Names
    offence_detail: Names | None = None
    kind: Names | None = None
    status: Names | None = None

    WORDS: ClassVar[Mapping[str, tuple[str, ...]]] = {"kind": get_args(WarrantKind), "status": get_args(WarrantStatus)}


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodyColumns(_VersionedColumns):
    """A stay away from liberty; person and beginning identify it, and it lasts while `custody_to` is blank."""

    person_id: Names
    custody_from: Names
    custody_to: Names | None = None
    kind: Names | None = None

    WORDS: ClassVar[Mapping[str, tuple[str, ...]]] = {"kind": get_args(CustodyKind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffingColumns(_VersionedColumns):
    """Officer hours of an area in a shift, or in the seven days that begin on `week`."""

    area_id: Names
    shift_start: Names | None = None
    shift_end: Names | None = None
    week: Names | None = None
    rostered_hours: Names | None = None
    available_hours: Names | None = None

    def __post_init__(self) -> None:
        _VersionedColumns.__post_init__(self)
        if {"shift_start", "shift_end", "week"} & self.named().keys() not in ({"shift_start", "shift_end"}, {"week"}):
            raise ValueError("columns: expected shift_start and shift_end, or week (its first day) alone")
        if not self.rostered_hours and not self.available_hours:
            raise ValueError("columns: expected available_hours, rostered_hours or both")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionColumns(_VersionedColumns):
    """What people did: visits, operations, offers, notices and answers to them."""

    action_id: Names
    at: Names
    kind: Names | None = None
    actor: Names | None = None
    subject: Names | None = None
    area: Names | None = None
    notice_id: Names | None = None
    hours: Names | None = None
    count: Names | None = None
    days: Names | None = None
    detail: Names | None = None

    WORDS: ClassVar[Mapping[str, tuple[str, ...]]] = {"kind": get_args(ActionKind)}


class RecordKind(NamedTuple):
    """A kind of record: its columns, its entity in the store, and what no row may leave blank."""

    columns: type[RecordColumns]
    entity: str
    required: tuple[str, ...]


RECORD_KINDS: dict[str, RecordKind] = {
    # An involvement goes through the decoder as its person alone.
    "involvements": RecordKind(InvolvementColumns, "person", ("incident_id", "person_id", "role")),
    "persons": RecordKind(PersonColumns, "person", ("person_id",)),
    "same_persons": RecordKind(SamePersonColumns, "same_person", ("person_id", "same_as")),
    "warrants": RecordKind(
        WarrantColumns, "warrant", ("warrant_id", "person_id", "kind", "issued_at", "status", "offence")
    ),
    "custody": RecordKind(CustodyColumns, "custody", ("person_id", "custody_from")),
    "staffing": RecordKind(StaffingColumns, "staffing", ("area_id",)),
    "actions": RecordKind(ActionColumns, "action", ("action_id", "kind", "at")),
}
# Columns that a file of the kind may lack, and the columns of the entity that then stay as the store holds them.
OPTIONAL: dict[str, dict[str, str]] = {
    "persons": {
        **{name: name for name in ("birth_date", "birth_year", "deceased_at")},
        **{"treatment_consent": "is_treatment_consented", "treatment_engaged": "is_treatment_engaged"},
    }
}
for _kind in RECORD_KINDS.values():
    _kind.columns.READS = {
        item.name: _READ_AS.get(holds(item.name), holds(item.name)) for item in fields(_kind.columns)
    }
# The columns of each kind of record that a mapping may state.
COLUMNS_OF_KIND: dict[str, type[NamedColumns]] = {
    "incidents": IncidentColumns,
    **{name: kind.columns for name, kind in RECORD_KINDS.items()},
}
