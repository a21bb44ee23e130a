"""Append-only events of human decisions about notices, lists, plans and people.

Each kind of event has its own details, stored as JSON in `detail`; missing, unknown or malformed details are refused
before anything is written. `models` defines what an event means and whether it is allowed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import pandas as pd
from msgspec import Meta, Struct

from pipeline.errors import StoreError

SUBJECT_KINDS = ("notice", "list", "person", "run", "plan", "audit", "market", "harm_cell", "store")

Words = Annotated[str, Meta(min_length=1, max_length=4000)]
Manner = Literal["in_person", "posted", "displayed"]
Speaker = Literal["person", "resident", "partner"]


class _Detail(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Base of the details of every event: immutable, no unknown keys, and keys with default values are not written."""


class Purpose(_Detail, frozen=True, kw_only=True):
    """Purpose for which the subject was read."""

    purpose: Words


class Draft(_Detail, frozen=True, kw_only=True):
    """All fields of a notice as the run drafted it, recorded before any other event on the notice."""

    fields: dict[str, Any]
    run_id: str
    known_at: datetime


class Reason(_Detail, frozen=True, kw_only=True):
    """Reason of the decision and the records it is based on."""

    reason: Words
    evidence_ids: tuple[str, ...] = ()


class Burial(Reason, frozen=True, kw_only=True):
    """Reason for erasing a person, and whether the store held anything under the id."""

    is_known: bool = True


class Serving(_Detail, frozen=True, kw_only=True):
    """Time and manner of service of a notice, and an explanation if the service was a breach."""

    served_at: datetime
    manner: Manner
    breach: Words | None = None


class Statement(_Detail, frozen=True, kw_only=True):
    """Representation or objection, who made it, and the action event that reported it, if any."""

    reason: Words
    by: Speaker = "person"
    action_id: str | None = None


class Override(_Detail, frozen=True, kw_only=True):
    """Temporary exception to a rule; for a list, the person who is removed."""

    reason: Words
    rule: Words
    expires_at: datetime
    person_id: str | None = None


class Export(_Detail, frozen=True, kw_only=True):
    """Export of a list: recipient, agreement, columns, and the end of permitted use."""

    recipient: Words
    agreement_id: Words
    columns: tuple[str, ...]
    valid_to: datetime


class Registration(_Detail, frozen=True, kw_only=True):
    """Pre-registered outcome of a list, its comparison and its stopping time; immutable once recorded."""

    outcome: Words
    comparison: Words
    stops_at: datetime


class Finding(_Detail, frozen=True, kw_only=True):
    """Finding, with the location of its report and the hash of the report's content."""

    found: Words
    report: Words
    report_sha256: Words


class Hiding(_Detail, frozen=True, kw_only=True):
    """Embargo of a market: its reason, the midnight after its last day, and the cells of the market."""

    reason: Words
    ends_at: datetime
    cell_ids: tuple[str, ...]


class Grading(Reason, frozen=True, kw_only=True):
    """Grade of a cell of a harm matrix, its reason, and the priority that was looked up for it."""

    severity: Words
    incidence: Words
    priority: Words
    confidence: Words


class Beginning(_Detail, frozen=True, kw_only=True):
    """First run of a home, from which audit deadlines count; has no fields."""


class Retention(_Detail, frozen=True, kw_only=True):
    """The moments before which data went, and how many entities went, by category."""

    edges: dict[str, datetime]
    gone: dict[str, int]


class Audit(Finding, frozen=True, kw_only=True):
    """Finding of an audit, its report, and the midnight at the start of the day the report was made."""

    made_at: datetime


IDS = ("person_id", "action_id", "run_id", "report_sha256")  # details that are a single id, not free text

# Action events ingested from a topic use the same names: `notice_served` is `served`.
DETAILS: dict[str, type[_Detail]] = {
    "drafted": Draft,
    "opened": Purpose,
    "reviewed": Reason,
    "approved": Reason,
    "served": Serving,
    "withdrawn": Reason,
    "expired": Reason,
    "kept": Reason,
    "broken": Reason,
    "represented": Statement,
    "contested": Statement,
    "overridden": Override,
    "revoked": Reason,
    "erased": Burial,
    "exported": Export,
    "registered": Registration,
    "evaluated": Finding,
    "began": Beginning,
    "audited": Audit,
    "embargoed": Hiding,
    "lifted": Reason,
    "graded": Grading,
    "retained": Retention,
}


@dataclass(frozen=True, slots=True)
class HumanEvent:
    """One human decision: actor, kind, subject (notice, list, run, market …), time and details."""

    kind: str
    actor: str
    subject_kind: str
    subject: str
    at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def event_id(self) -> str:
        """Hash of all other fields: the same decision recorded twice is one event."""
        parts = (self.kind, self.actor, self.subject_kind, self.subject, self.at.isoformat(), self.detail_json)
        return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()[:32]

    @property
    def detail_json(self) -> str:
        """Return the details as canonical JSON; a StoreError names what is wrong but never a value."""
        return msgspec.json.encode(self._detail(), order="deterministic").decode()

    @property
    def words(self) -> dict[str, str]:
        """Return the actor and every free-text detail, by name: none of them may name a person.

        Ids of the evidence records are removed from the text: one may equal a person's id without meaning that person.
        """
        fields = msgspec.structs.asdict(self._detail())
        texts = {name: value for name, value in fields.items() if isinstance(value, str) and name not in IDS}
        for evidence_id in fields.get("evidence_ids", ()):
            texts = {name: text.replace(evidence_id, "") for name, text in texts.items()}
        return {"actor": self.actor, **texts}

    def typed(self) -> "HumanEvent":
        """Return the event with its details typed and complete, as `events_of` reads them; raises as `columns`."""
        return replace(self, detail=msgspec.structs.asdict(self._detail()))

    def columns(self) -> dict[str, Any]:
        """Return the row of `store.human_event` without its sequence.

        Raises
        ------
        StoreError
            The kind is unknown, the actor or subject is blank, the time has no zone, or the details are invalid.
        """
        if self.subject_kind not in SUBJECT_KINDS:
            raise StoreError(f"subject_kind={self.subject_kind!r}: expected one of {', '.join(SUBJECT_KINDS)}")
        if not (self.actor.strip() and self.subject.strip()):
            raise StoreError(f"an event of kind {self.kind!r} needs an actor and a subject; neither may be blank")
        if self.at.tzinfo is None:
            raise StoreError(f"an event of kind {self.kind!r} at {self.at.isoformat()}: expected a time with a zone")
        names = ("kind", "actor", "subject_kind", "subject", "at")
        columns = {name: getattr(self, name) for name in names}
        return {"event_id": self.event_id, "detail": self.detail_json, **columns}

    def _detail(self) -> _Detail:
        shape = DETAILS.get(self.kind)
        if shape is None:
            raise StoreError(f"event kind={self.kind!r}: expected one of {', '.join(DETAILS)}")
        try:
            return msgspec.convert(msgspec.to_builtins(self.detail), shape)
        except msgspec.ValidationError as error:
            raise StoreError(f"invalid details of an event of kind {self.kind!r}: {error}") from None


def events_of(rows: pd.DataFrame) -> tuple[HumanEvent, ...]:
    """Return the events of `Store.human_events` in the same order, their details typed and complete."""
    return tuple(
        HumanEvent(
            kind=row["kind"],
            actor=row["actor"],
            subject_kind=row["subject_kind"],
            subject=row["subject"],
            at=row["at"].to_pydatetime(),
            detail=msgspec.structs.asdict(read_detail(row["kind"], row["detail"])),
        )
        for row in rows.to_dict("records")
    )


def read_detail(kind: str, detail: str) -> Any:
    """Return the details of a recorded event of `kind` as its struct."""
    return msgspec.json.decode(detail or "{}", type=DETAILS[kind])
