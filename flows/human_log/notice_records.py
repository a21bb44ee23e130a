"""Notices from the store: fields, events and status of each, and their tables."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import pandas as pd

from flows.home.home import Home
from flows.human_log.ledger import Ledger
from models.governance.actors import MACHINE
from models.governance.notice_drafts import fields_from_json, fields_json
from models.governance.notice_lifecycle import NoticeEvent, NoticeStatus, status_of
from pipeline.pages.notice import NoticePage, render_notice
from pipeline.publication.tables import read_tables
from pipeline.store.human_events import HumanEvent


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice: its fields, and its events in order of recording. A draft that nobody opened has no events."""

    notice_id: str
    fields: Mapping[str, Any]
    run_id: str
    known_at: datetime
    events: tuple[NoticeEvent, ...] = ()
    is_recorded: bool = False

    @property
    def status(self) -> NoticeStatus:
        """The status after all events."""
        return status_of(self.fields, self.events)

    @property
    def kind(self) -> str:
        """`area` or `person`."""
        return str(self.fields["kind"])

    @property
    def subject(self) -> str:
        """The id of the market or person."""
        return str(self.fields["market_id" if self.kind == "area" else "person_id"])

    def as_of(self, moment: datetime) -> "Notice":
        """Return the notice with only the events recorded by a moment."""
        return replace(self, events=tuple(event for event in self.events if event.at <= moment))

    def page(self, recipient: str | None = None) -> NoticePage:
        """Render the notice with its current status, its approver and, if given, its recipient."""
        status = self.status
        signed = f"{status.approved_by}, {status.approved_on}" if status.approved_on else ""
        shown = {**self.fields, "status": status.state, "approved_by": signed}
        return render_notice({**shown, "recipient": recipient} if recipient else shown)


def evidence_behind(notices: Iterable[Notice]) -> pd.DataFrame:
    """Return the incidents that notices cite as evidence, as `Store.corrected_evidence` takes them."""
    rows = [
        (notice.notice_id, incident_id, notice.fields.get("person_id"), notice.known_at)
        for notice in notices
        for incident_id in notice.fields["evidence_ids"]
    ]
    return pd.DataFrame(rows, columns=["notice_id", "incident_id", "person_id", "known_then"])


def notices_of(ledger: Ledger) -> dict[str, Notice]:
    """Return every opened notice, by id."""
    notices: dict[str, Notice] = {}
    for event in ledger.about("notice"):  # a few a day
        if event.kind == "drafted":
            fields = fields_from_json(fields_json(event.detail["fields"]))
            draft = Notice(event.subject, fields, event.detail["run_id"], event.detail["known_at"], (), True)
            notices.setdefault(event.subject, draft)
        elif event.subject in notices:
            before = notices[event.subject]
            notices[event.subject] = replace(before, events=(*before.events, make_notice_event(event, ledger)))
    return notices


def make_notice_event(event: HumanEvent, ledger: Ledger) -> NoticeEvent:
    """Return a human event as the rules take it, with days in the force's zone."""
    served_at = event.detail.get("served_at")
    return NoticeEvent(
        kind=event.kind,
        actor=event.actor,
        at=event.at,
        on=event.at.astimezone(ledger.zone).date(),
        reason=event.detail.get("reason", ""),
        served_at=served_at,
        served_on=served_at.astimezone(ledger.zone).date() if served_at else None,
        manner=event.detail.get("manner"),
        breach=event.detail.get("breach"),
    )


def notice_states(home: Home, ledger: Ledger) -> dict[str, pd.DataFrame]:
    """Return area_notice_state and person_notice_state."""
    notices = notices_of(ledger)
    tables = {"area": "area_notice_state", "person": "person_notice_state"}
    return {
        table: pd.DataFrame(
            [_state(notice) for notice in notices.values() if notice.kind == kind],
            columns=read_tables().find(table).column_names,
        )
        for kind, table in tables.items()
    }


def _state(notice: Notice) -> dict[str, Any]:
    status = notice.status
    # Reasons by people may contain a name; for places only harmspot's own text is published.
    is_publishable = notice.kind == "person" or status.closed_by == MACHINE
    why = status.closed_because if is_publishable else None
    return {**notice.fields, **asdict(status), "notice_id": notice.notice_id, "why": why}
