"""Notices: the list of them, one with its records and history, and what the verbs of `harmspot notices` do."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from flows.decisions.notice_decisions import (
    Decision,
    NoticeRefusedError,
    do,
    open_notice,
    standing_notices,
    superseded_by,
)
from flows.decisions.partners import deliver_to_partners, log_partners_not_told
from flows.home.home import Home
from flows.human_log.notice_records import notice_page
from models.governance.notice_kinds import KINDS, NoticeKind
from models.governance.notice_lifecycle import Notice
from pipeline.pages.base import page_rows
from pipeline.pages.notice_outline import outline
from pipeline.pages.notice_pdf import notice_pdf
from pipeline.publication.publish import read_published
from pipeline.wording.catalogue import message
from web.acts.act import Act, After, Do, Field, Outcome, Subjects, act_routes, acts_for, reason
from web.entrance.board import Board
from web.entrance.visitors import Visitor

MANNERS = tuple(sorted({manner for kind in KINDS.values() for manner in kind.manners}))
SPEAKER = Field("speaker", message("Who makes the statement"), "choice", ("person", "resident", "partner"))
WHY_READ = Field("purpose", message("Purpose of reading it, logged"), "words", is_logged_words=True, is_required=False)


def _opened(home: Home, notice_id: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    purpose = values["purpose"] or visitor.purpose
    notice = open_notice(home, notice_id, reader=visitor.name, purpose=purpose)
    return Outcome(home.catalogue.text("You have opened the notice."), _shown(home, notice))


def _deciding(kind: str) -> Do:
    """Return what does one kind of decision, as `harmspot notices` does."""

    def decide(home: Home, notice_id: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
        detail = dict(values)
        if kind == "served":
            detail["served_at"] = detail["served_at"] or home.now()
        if "speaker" in detail:
            detail["by"] = detail.pop("speaker")
        notice = do(home, notice_id, Decision(kind, visitor.name, detail), purpose=f"to have it {kind}")
        said = home.catalogue.text("The notice is {state}.", state=home.catalogue.text(notice.status.state))
        return Outcome(said, _shown(home, notice))

    return decide


ACTS = {
    act.name: act
    for act in (
        Act(
            "open",
            "notices show",
            message("Open"),
            message("Record that you read the notice: whoever reviews or approves it must have."),
            (WHY_READ,),
            _opened,
        ),
        Act(
            "review",
            "notices review",
            message("Review"),
            message("Record that you checked the notice against its records and that it is correct."),
            (reason(),),
            _deciding("reviewed"),
        ),
        Act(
            "approve",
            "notices approve",
            message("Approve"),
            message("Approve the notice; the reviewer may not approve it."),
            (reason(),),
            _deciding("approved"),
        ),
        Act(
            "serve",
            "notices serve",
            message("Serve"),
            message("Record that the notice was displayed, posted, or handed over in person."),
            (
                Field("manner", message("Manner of service"), "choice", MANNERS),
                Field("served_at", message("Time of service, if it was earlier than now"), "time", is_required=False),
                Field(
                    "breach",
                    message("If it must not be served and was: how that happened"),
                    "words",
                    is_required=False,
                    is_logged_words=True,
                ),
            ),
            _deciding("served"),
        ),
        Act(
            "keep",
            "notices keep",
            message("Mark kept"),
            message("Record that what the notice announced was done."),
            (reason(),),
            _deciding("kept"),
        ),
        Act(
            "fail",
            "notices fail",
            message("Mark broken"),
            message("Record that what the notice announced was not done."),
            (reason(),),
            _deciding("broken"),
        ),
        Act(
            "represent",
            "notices represent",
            message("Record a representation"),
            message("By the person or on behalf of the place; it reopens the notice."),
            (SPEAKER, reason(message("What is said, in a sentence"))),
            _deciding("represented"),
        ),
        Act(
            "contest",
            "notices contest",
            message("Record a contest"),
            message("Record that the notice is contested as wrong; it reopens the notice."),
            (SPEAKER, reason(message("What is said, in a sentence"))),
            _deciding("contested"),
        ),
        Act(
            "withdraw",
            "notices withdraw",
            message("Withdraw"),
            message("Withdraw the notice for good; it can never be served again."),
            (reason(),),
            _deciding("withdrawn"),
        ),
    )
}
# What may be done in a state, and is shown first; the rest stands below, and the rules refuse it in words.
NEXT = {
    "draft": ("open", "review"),
    "reviewed": ("open", "approve"),
    "approved": ("serve",),
    "served": ("keep", "fail"),
}


class Notices(Subjects):
    """Notices on the board. Those to people are shown to whoever opens them, and each opening is logged."""

    def page(self, request: Request, key: str, after: After) -> Response:
        """Return the page of a notice; without `shown`, one to a person is not read."""
        home, why, shown, status = self.board.fresh_home(), "", after.shown, after.status
        if shown is None:
            try:
                with self.board.visitors.lock:
                    shown = self.of_a_place(home, key)
            except NoticeRefusedError as error:
                why, status = str(error), 404 if status == 200 else status
        state = shown["state"] if shown else "draft"
        acts = acts_for(self.board, request, ACTS)
        acts = [_for_kind(act, KINDS[shown["kind"]]) for act in acts] if shown else acts
        first = [act for act in acts if act.name in (NEXT.get(state, ()) if shown else ("open",))]
        others = [act for act in acts if act not in first] if shown else []
        return self.board.page(
            request,
            "notice.html.jinja",
            status=status,
            after=after,
            key=key,
            notice=shown,
            why=why,
            first=first,
            others=others,
            path=self.path,
            plan=self.plan_of(shown["market_id"]) if shown else None,
        )

    def plan_of(self, market_id: str | None) -> dict[str, Any] | None:
        """Return what the latest plan says of a market; None where it says nothing."""
        plans = self.board.tables()["crackdown_plan"]
        return next(iter(page_rows(plans[plans["market_id"] == market_id])), None)

    def of_a_place(self, home: Home, key: str) -> dict[str, Any] | None:
        """Return a notice to a place; None for one that may be to a person, which nobody has asked to read."""
        known: set[str] = set()
        for kind in (kind for kind in KINDS.values() if not kind.is_to_person):
            for table in (kind.table, kind.state_table):
                known |= set(read_published(home.path, table)["notice_id"])
        if key not in known:
            return None
        return _shown(home, open_notice(home, key, reader=None, purpose=None))


def routes(board: Board) -> APIRouter:
    """Return the routes of notices."""
    notices = Notices(board, ACTS, "/notices")
    router = APIRouter()

    @router.get("/notices")
    def all_of_them(request: Request, state: str = "") -> Response:
        return _list(board, request, state, After())

    @router.get("/notices/{key}")
    def one(request: Request, key: str) -> Response:
        return notices.page(request, key, After())

    @router.get("/notices/{key}/print.pdf")
    def printed(request: Request, key: str) -> Response:
        home = board.fresh_home()
        with board.visitors.lock:
            if notices.of_a_place(home, key) is None:
                return board.message(request, 404, "Not found", "There is no notice to a place of that id.")
            notice = open_notice(home, key, reader=None, purpose=None)
        page = notice_page(notice, is_rehearsal=home.is_rehearsal)
        written_at = datetime.combine(notice.fields["written_on"], time(), tzinfo=UTC)
        pdf = notice_pdf(page.body_html, title=page.title, language=notice.fields["language"], written_at=written_at)
        return Response(
            pdf,
            media_type="application/pdf",
            headers={"content-disposition": f'attachment; filename="{notice.notice_id}.pdf"'},
        )

    router.include_router(act_routes(AllNotices(board, ACTS_ON_ALL, "/all-notices")))
    router.include_router(act_routes(notices))
    return router


class AllNotices(Subjects):
    """What is done with all notices: those to people are listed for a purpose, and logged; partners are told."""

    def page(self, request: Request, key: str, after: After) -> Response:
        """Return the page of all notices, with those to people where they were just read."""
        return _list(self.board, request, "", after)


def _list(board: Board, request: Request, state: str, after: After) -> Response:
    home = board.fresh_home()
    kinds = [kind.name for kind in KINDS.values() if not kind.is_to_person]
    found = board.kept("notices", lambda: standing_notices(home, kinds))
    rows = _rows(home, [notice for notice in found if state in ("", notice.status.state)], found)
    states = sorted({notice.status.state for notice in found})
    return board.page(
        request,
        "notices.html.jinja",
        status=after.status,
        notices=rows,
        states=states,
        state=state,
        people=after.shown,
        acts=acts_for(board, request, ACTS_ON_ALL),
        after=after,
    )


def _read_people(home: Home, _: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    kinds = [kind.name for kind in KINDS.values() if kind.is_to_person]
    found = standing_notices(home, kinds, reader=visitor.name, purpose=values["purpose"] or visitor.purpose)
    return Outcome("", {"rows": _rows(home, found, found)})


def _delivered(home: Home, _: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    log_partners_not_told(home)
    count = deliver_to_partners(home)
    return Outcome(home.catalogue.text("Messages that partners were sent: {count}.", count=count))


ACTS_ON_ALL = {
    "read": Act(
        "read",
        "notices list --people",
        message("List notices to people"),
        message("List the notices to people; the read is logged."),
        (WHY_READ,),
        _read_people,
    ),
    "deliver": Act(
        "deliver",
        "notices deliver",
        message("Deliver to partners"),
        message("Send partners the messages that wait; decisions on notices and runs also do this."),
        (),
        _delivered,
    ),
}


def _rows(home: Home, notices: list[Notice], known: list[Notice]) -> list[dict[str, Any]]:
    return [
        {
            "notice_id": notice.notice_id,
            "state": notice.status.state,
            "subject": notice.fields.get("area_name") or notice.subject,
            "serve_by": notice.fields["serve_by"],
            "first_day": notice.fields.get("starts_on"),
            "last_day": notice.last_day,
            "reviewed_by": notice.status.reviewed_by,
            "approved_by": notice.status.approved_by,
            "language": notice.fields["language"],
            "superseded_by": instead,
        }
        for notice, instead in zip(notices, superseded_by(home, notices, known), strict=True)
    ]


def _for_kind(act: Act, kind: NoticeKind) -> Act:
    """Return an act that offers the manners of service of a kind of notice."""
    fields = (replace(field, options=kind.manners) if field.name == "manner" else field for field in act.fields)
    return replace(act, fields=tuple(fields))


def _shown(home: Home, notice: Notice) -> dict[str, Any]:
    """Return what the page of a notice shows."""
    page = notice_page(notice, is_rehearsal=home.is_rehearsal)
    return {
        "title": page.title,
        "kind": notice.kind.name,
        "market_id": notice.fields.get("market_id"),
        "blocks": outline(page.body_html),
        "state": notice.status.state,
        "is_to_person": notice.kind.is_to_person,
        "language": notice.fields["language"],
        "serve_by": notice.fields["serve_by"],
        "last_day": notice.last_day,
        "evidence_ids": list(notice.fields["evidence_ids"]),
        "events": [
            {
                "kind": event.kind,
                "actor": event.actor,
                "at": event.at,
                "served_at": event.detail.get("served_at"),
                "manner": event.detail.get("manner"),
                "why": event.detail.get("breach") or event.detail.get("reason") or "",
            }
            for event in notice.events
        ],
    }
