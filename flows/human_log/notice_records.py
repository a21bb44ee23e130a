"""Notices from the ledger, their pages and their tables."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

import pandas as pd

from flows.human_log.ledger import Ledger
from models.governance.actors import MACHINE
from models.governance.notice_drafts import fields_from_json, fields_json
from models.governance.notice_kinds import KINDS
from models.governance.notice_lifecycle import Notice
from pipeline.pages.notice import NoticePage, render_notice
from pipeline.publication.tables import read_tables
from pipeline.store.same_people import SamePeople


def notices_of(ledger: Ledger) -> dict[str, Notice]:
    """Return every opened notice with its events, by id; none to people who were erased."""
    notices: dict[str, Notice] = {}
    for event in ledger.about("notice"):  # a few a day
        if event.kind == "drafted":
            fields = fields_from_json(fields_json(event.detail["fields"]))
            origin = {name: event.detail[name] for name in ("run_id", "known_at")}
            notices.setdefault(event.subject, Notice(fields, ledger.zone, **origin, is_recorded=True))
        elif event.subject in notices:
            notices[event.subject] = notices[event.subject].plus(event)
    erased = ledger.erased_people
    return {notice_id: notice for notice_id, notice in notices.items() if notice.subject not in erased}


def by_one_id(notice: Notice, same: SamePeople) -> Notice:
    """Return a notice as if it were to the one id of its person, to compare whom notices are to."""
    fields = notice.fields
    if not notice.kind.is_to_person:
        return notice
    return replace(notice, fields={**fields, notice.kind.subject: same.one_id(fields[notice.kind.subject])})


def notice_page(notice: Notice, recipient: str | None = None, *, is_rehearsal: bool = False) -> NoticePage:
    """Render a notice with its current status, its approver and, if given, its recipient; a rehearsal says so."""
    status = notice.status
    signed = f"{status.approved_by}, {status.approved_on}" if status.approved_on else ""
    shown = {**notice.fields, "status": status.state, "approved_by": signed}
    more = ({"recipient": recipient} if recipient else {}) | ({"is_rehearsal": True} if is_rehearsal else {})
    return render_notice(shown | more)


def evidence_behind(notices: Iterable[Notice]) -> pd.DataFrame:
    """Return the incidents that notices cite as evidence, as `Store.corrected_evidence` takes them."""
    rows = [
        (notice.notice_id, incident_id, notice.fields.get("person_id"), notice.known_at)
        for notice in notices
        for incident_id in notice.fields["evidence_ids"]
    ]
    return pd.DataFrame(rows, columns=["notice_id", "incident_id", "person_id", "known_then"])


def notice_states(ledger: Ledger) -> dict[str, pd.DataFrame]:
    """Return the table of states of each kind of notice."""
    notices = notices_of(ledger).values()
    return {
        kind.state_table: pd.DataFrame(
            [_state(notice) for notice in notices if notice.kind == kind],
            columns=read_tables().find(kind.state_table).column_names,
        )
        for kind in KINDS.values()
    }


def _state(notice: Notice) -> dict[str, Any]:
    # Reasons by people may contain a name; for places only harmspot's own text is published.
    is_publishable = notice.kind.is_to_person or notice.status.closed_by == MACHINE
    why = notice.status.closed_because if is_publishable else None
    return {**notice.fields, **asdict(notice.status), "why": why}
