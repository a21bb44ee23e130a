"""Lists of people: their states in counts; one list, read by whoever may; and what the verbs of `lists` do."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from flows.decisions.list_effects import evaluate_effect, lacking_effect, register_effect
from flows.decisions.list_exports import export_list
from flows.decisions.lists import approve_list, evidence_of, open_list, override_entry, revoke_list
from flows.home.home import Home
from flows.home.rows import to_json_rows
from flows.human_log.audit_events import halt_of
from flows.human_log.ledger import read_ledger
from flows.human_log.list_events import effect_rows
from flows.human_log.list_runs import human_changes, shown_lists
from models.governance.list_effects import CHOSEN_LISTS
from pipeline.pages.base import page_rows
from pipeline.privacy.signed_export import NOT_GROUNDS
from pipeline.wording.catalogue import message
from web.acts.act import Act, After, Field, Outcome, Subjects, act_routes, acts_for, reason
from web.entrance.board import Board
from web.entrance.visitors import Visitor


def _opened(home: Home, list_id: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    rows, columns = evidence_of(open_list(home, list_id, reader=visitor.name, purpose=values["purpose"]))
    shown = {
        "columns": columns,
        "rows": to_json_rows(rows),
        "not_grounds": NOT_GROUNDS,
    }
    return Outcome(home.catalogue.text("You have opened the list; that is logged."), shown)


def _approved(home: Home, list_id: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    approve_list(home, list_id, by=visitor.name, reason=values["reason"])
    return Outcome(home.catalogue.text("The list is active; {name} is accountable for it.", name=visitor.name))


def _overridden(home: Home, list_id: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    expires_at = home.midnight(values["until"])
    override_entry(home, list_id, values["person"], by=visitor.name, reason=values["reason"], expires_at=expires_at)
    said = message("One person is off the list until {day}; earlier copies of it must no longer be used.")
    return Outcome(home.catalogue.text(said, day=home.catalogue.formats.day(values["until"])))


def _revoked(home: Home, list_id: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    revoke_list(home, list_id, by=visitor.name, reason=values["reason"])
    return Outcome(home.catalogue.text("The list and all its copies are revoked."))


def _exported(home: Home, list_id: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    with TemporaryDirectory(prefix="harmspot-") as folder:
        out = Path(folder) / "list.json"
        export_list(
            home,
            list_id,
            out,
            recipient=values["recipient"],
            agreement_id=values["agreement_id"],
            reader=visitor.name,
            purpose=values["purpose"],
            is_resolved=values["ids"] == OWN_IDS,
        )
        return Outcome("", file=(f"{list_id}.json", out.read_bytes()))


def _registered(home: Home, name: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    register_effect(
        home,
        name,
        outcome=values["outcome"],
        comparison=values["comparison"],
        stop_on=values["stop_on"],
        by=visitor.name,
    )
    return Outcome(home.catalogue.text("The effect is registered; {name} is accountable for it.", name=visitor.name))


def _evaluated(home: Home, name: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    evaluate_effect(home, name, found=values["found"], report=values["report"], by=visitor.name)
    return Outcome(home.catalogue.text("The effect is evaluated; register it again before its lists are approved."))


OUTCOME = Field("outcome", message("Outcome that will be measured"), "words", is_logged_words=True)
COMPARISON = Field("comparison", message("Comparison for the outcome"), "words", is_logged_words=True)
STOP_ON = Field("stop_on", message("Last day, on which it is evaluated"), "day")
FOUND = Field("found", message("What was found, in a sentence"), "words", is_logged_words=True)
REPORT = Field("report", message("File of the report"), "file")
OWN_IDS = "own_ids"
PURPOSE = Field("purpose", message("Purpose of reading this list, logged"), "words", is_logged_words=True)
ACTS = {
    act.name: act
    for act in (
        Act(
            "open",
            "lists open",
            message("Open"),
            message("Read the list with the evidence behind each entry; whoever approves it must have."),
            (PURPOSE,),
            _opened,
        ),
        Act(
            "approve",
            "lists approve",
            message("Approve"),
            message("Make the list active; whoever approves it is accountable for it."),
            (reason(),),
            _approved,
        ),
        Act(
            "override",
            "lists override",
            message("Take one person off"),
            message("Until a day, and from the same list of later runs; nobody can be added to a list."),
            (
                Field("person", message("Person, by the pseudonym on the list or the force's own id")),
                reason(),
                Field("until", message("Last day, within 90 days"), "day"),
            ),
            _overridden,
        ),
        Act(
            "export",
            "lists export",
            message("Export"),
            message("Write the list to a signed file for one recipient, with the fields that the recipient needs."),
            (
                Field("recipient", message("Recipient"), is_logged_words=True),
                Field("agreement_id", message("Sharing agreement"), is_logged_words=True),
                PURPOSE,
                Field(
                    "ids",
                    message("Ids of people"),
                    "choice",
                    (OWN_IDS,),
                    is_required=False,
                    help=message("Pseudonyms, unless the recipient needs the force's own; logged."),
                ),
            ),
            _exported,
        ),
        Act(
            "revoke",
            "lists revoke",
            message("Revoke"),
            message("Revoke the list and all its copies for good."),
            (reason(),),
            _revoked,
        ),
    )
}
EFFECT_ACTS = {
    act.name: act
    for act in (
        Act(
            "register",
            "lists register",
            message("Register the effect"),
            message("Say what the list should bring about before any is approved; it cannot be changed afterwards."),
            (OUTCOME, COMPARISON, STOP_ON),
            _registered,
        ),
        Act(
            "evaluate",
            "lists evaluate",
            message("Evaluate the effect"),
            message("Record what came of it; this ends the registration and every list under it."),
            (FOUND, REPORT),
            _evaluated,
        ),
    )
}


class Lists(Subjects):
    """Lists on the board: who is on one is shown to whoever opens it, at that moment."""

    def page(self, request: Request, key: str, after: After) -> Response:
        """Return the page of a list, or of the registered effects of lists of one name."""
        home = self.board.fresh_home()
        with self.board.visitors.lock:
            ledger = read_ledger(home)
            lists = page_rows(shown_lists(home, ledger, None))
            effects = [row for row in page_rows(effect_rows(ledger)) if row["list"] == key]
        this = next((row for row in lists if row["list_id"] == key), None)
        if this is None and key not in CHOSEN_LISTS and after.status == 200:
            return self.board.message(request, 404, "Not found", f"The latest run has no list {key!r}.")
        return self.board.page(
            request,
            "list.html.jinja",
            status=after.status,
            after=after,
            key=key,
            this=this,
            shown=after.shown,
            effects=effects,
            path=self.path,
            acts=acts_for(self.board, request, self.acts),
        )


def routes(board: Board) -> APIRouter:
    """Return the routes of lists."""
    router = APIRouter()
    lists, effects = Lists(board, ACTS, "/lists"), Lists(board, EFFECT_ACTS, "/effects")

    @router.get("/lists")
    def all_of_them(request: Request) -> Response:
        visitor, home = board.visitor_of(request), board.fresh_home()
        assert visitor is not None  # the door lets nobody else in
        with board.acting(visitor, "lists show"):
            ledger = read_ledger(home)
            rows, changes = page_rows(shown_lists(home, ledger, None)), page_rows(human_changes(home, ledger))
            halted, lacking = halt_of(home, ledger, home.now()), lacking_effect(home, ledger)
        return board.page(
            request,
            "lists.html.jinja",
            rows=rows,
            halted=halted,
            lacking=lacking.values(),
            alarms=[row["list"] for row in changes if row["is_alarm"]],
            chosen=CHOSEN_LISTS,
        )

    @router.get("/lists/{key}")
    def one(request: Request, key: str) -> Response:
        return lists.shown_to(request, key, "lists show")

    @router.get("/effects/{key}")
    def effect(request: Request, key: str) -> Response:
        return effects.shown_to(request, key, "lists show")

    router.include_router(act_routes(lists))
    router.include_router(act_routes(effects))
    return router
