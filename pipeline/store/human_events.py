"""What people do to notices, lists, plans and people, as events that are only ever appended.

Each kind of act has particulars of its own, held as JSON in `detail`; one that is missing, unknown or misshapen is
refused before anything is written. What an act means, and whether it is allowed, is for `models` to say.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from pipeline.errors import StoreError

SUBJECT_KINDS = ("notice", "list", "person", "run", "plan", "audit")

Words = Annotated[str, Meta(min_length=1, max_length=4000)]
Manner = Literal["in_person", "posted", "displayed"]
Speaker = Literal["person", "resident", "partner"]


class _Detail(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What the particulars of every act share: immutable, closed, and written without the keys that say nothing."""


class Purpose(_Detail, frozen=True, kw_only=True):
    """Why somebody opened it to read."""

    purpose: Words


class Draft(_Detail, frozen=True, kw_only=True):
    """All that a notice says, field by field, as the run drafted it: kept before anything is done to it."""

    fields: dict[str, Any]
    run_id: str
    known_at: datetime


class Reason(_Detail, frozen=True, kw_only=True):
    """Why, and on which records."""

    reason: Words
    evidence_ids: tuple[str, ...] = ()


class Burial(Reason, frozen=True, kw_only=True):
    """Why somebody was erased, and whether anything was known under the id."""

    is_known: bool = True


class Serving(_Detail, frozen=True, kw_only=True):
    """When and how it was handed over or put up, and how it came about where that was a breach."""

    served_at: datetime
    manner: Manner
    breach: Words | None = None


class Statement(_Detail, frozen=True, kw_only=True):
    """What was said against it or for oneself, by whom, and the action event that brought it, if one did."""

    reason: Words
    by: Speaker = "person"
    action_id: str | None = None


class Override(_Detail, frozen=True, kw_only=True):
    """An exception to a rule, until a moment; of a list, the person who is taken off."""

    reason: Words
    rule: Words
    expires_at: datetime
    person_id: str | None = None


class Export(_Detail, frozen=True, kw_only=True):
    """What left the house: to whom, under which agreement, which columns, until when it may be used."""

    recipient: Words
    agreement_id: Words
    columns: tuple[str, ...]
    valid_to: datetime


class Registration(_Detail, frozen=True, kw_only=True):
    """What a list should bring about, beside what, and when that stops; it cannot be changed afterwards."""

    outcome: Words
    comparison: Words
    stops_at: datetime


class Finding(_Detail, frozen=True, kw_only=True):
    """What was found, and the report that it stands in: where it lies, and the hash of its content."""

    found: Words
    report: Words
    report_sha256: Words


class Beginning(_Detail, frozen=True, kw_only=True):
    """That a home did its first run, from which the clock of the audits goes; no more is to be said."""


class Audit(Finding, frozen=True, kw_only=True):
    """What an audit found, in which report, and the midnight that begins the day on which that was made."""

    made_at: datetime


IDS = ("person_id", "action_id", "run_id", "report_sha256")  # particulars that are one id, and no words

# Action events that come in on a topic are told by the same words: `notice_served` is `served`.
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
}


@dataclass(frozen=True, slots=True)
class HumanEvent:
    """One act: who did what to which notice, list, person, run, plan or audit, when by the clock, its particulars."""

    kind: str
    actor: str
    subject_kind: str
    subject: str
    at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def event_id(self) -> str:
        """Hash of all the rest: the same act twice is one event."""
        parts = (self.kind, self.actor, self.subject_kind, self.subject, self.at.isoformat(), self.detail_json)
        return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()[:32]

    @property
    def detail_json(self) -> str:
        """Return the particulars as canonical JSON, or raise StoreError naming what is wrong and never a value."""
        return msgspec.json.encode(self._detail(), order="deterministic").decode()

    @property
    def words(self) -> dict[str, str]:
        """Return who acts and every particular that is free words, by name: nobody is to be named in them.

        The ids of the records that the act goes by are left out: one may be a person's id, too, and means none.
        """
        said = msgspec.structs.asdict(self._detail())
        words = {name: each for name, each in said.items() if isinstance(each, str) and name not in IDS}
        for record in said.get("evidence_ids", ()):
            words = {name: text.replace(record, "") for name, text in words.items()}
        return {"actor": self.actor, **words}

    def columns(self) -> dict[str, Any]:
        """Return the row of `store.human_event` less its sequence.

        Raises
        ------
        StoreError
            An unknown kind, a blank actor or subject, a time without a zone, or particulars that do not fit.
        """
        if self.subject_kind not in SUBJECT_KINDS:
            raise StoreError(f"subject_kind={self.subject_kind!r}: expected one of {', '.join(SUBJECT_KINDS)}")
        if not (self.actor.strip() and self.subject.strip()):
            raise StoreError(f"an act of kind {self.kind!r} needs an actor and a subject; neither may be blank")
        if self.at.tzinfo is None:
            raise StoreError(f"an act of kind {self.kind!r} at {self.at.isoformat()}: expected a time with a zone")
        names = ("kind", "actor", "subject_kind", "subject", "at")
        columns = {name: getattr(self, name) for name in names}
        return {"event_id": self.event_id, "detail": self.detail_json, **columns}

    def _detail(self) -> _Detail:
        shape = DETAILS.get(self.kind)
        if shape is None:
            raise StoreError(f"act kind={self.kind!r}: expected one of {', '.join(DETAILS)}")
        try:
            return msgspec.convert(msgspec.to_builtins(self.detail), shape)
        except msgspec.ValidationError as error:
            raise StoreError(f"the particulars of an act of kind {self.kind!r} do not fit: {error}") from None


def read_detail(kind: str, detail: str) -> Any:
    """Return the particulars of a recorded act of `kind`, as its struct."""
    return msgspec.json.decode(detail or "{}", type=DETAILS[kind])
