"""Operations at street markets: planned, registered, recorded, evaluated, as the verbs of `plan` do."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from flows.decisions.place_actions import (
    evaluate_operation,
    operations_at,
    record_at_market,
    register_operation,
    stop_problem,
    text_problem,
)
from flows.home.home import Home
from models.governance.actors import RECORDED
from pipeline.errors import SourceError
from pipeline.pages.base import page_rows
from pipeline.publication.tables import read_tables
from pipeline.wording.catalogue import message
from web.acts.act import Act, After, Field, Outcome, Subjects, act_routes, acts_for
from web.acts.lists import COMPARISON, FOUND, OUTCOME, REPORT, STOP_ON
from web.entrance.board import Board
from web.entrance.visitors import Visitor


def _registered(home: Home, market: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    if problem := stop_problem(home, values["stop_on"]):
        raise SourceError(problem)
    _refuse_semicolons(values, "outcome", "comparison")
    _, action_id = register_operation(
        home,
        market,
        outcome=values["outcome"],
        comparison=values["comparison"],
        stop_on=values["stop_on"],
        by=visitor.name,
    )
    return Outcome(home.catalogue.text("Registered as {action}; tell health partners next.", action=action_id))


def _recorded(home: Home, market: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    _, action_id = record_at_market(
        home,
        values["kind"],
        market,
        actor=visitor.name,
        hours=values["hours"],
        notice_id=values["notice_id"],
        detail=values["detail"],
        at=values["at"],
    )
    return Outcome(home.catalogue.text("Recorded as {action}.", action=action_id))


def _evaluated(home: Home, market: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    _refuse_semicolons({**values, "report": str(values["report"])}, "found", "report")
    _, action_id = evaluate_operation(home, market, found=values["found"], report=values["report"], by=visitor.name)
    said = message("Evaluated as {action}; the next operation there may be registered.")
    return Outcome(home.catalogue.text(said, action=action_id))


def _refuse_semicolons(values: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if problem := text_problem(values[name]):
            raise SourceError(f"{name}: {problem}")


UNTOLD = ("run_id", "as_of", "valid_to", "market_id", "position")  # of a plan, on its page
ACTS = {
    act.name: act
    for act in (
        Act(
            "register",
            "plan register",
            message("Register"),
            message("Say what it should bring about before anything is announced; that cannot be changed afterwards."),
            (OUTCOME, COMPARISON, STOP_ON),
            _registered,
        ),
        Act(
            "record",
            "plan record",
            message("Record an action"),
            message("What was done there; an announcement or a start that is not allowed yet is refused with reasons."),
            (
                Field("kind", message("Kind"), "choice", RECORDED),
                Field(
                    "hours",
                    message("Officer-hours: per day for an operation, else in all"),
                    "number",
                    is_required=False,
                ),
                Field("notice_id", message("Notice that was served for it"), is_required=False),
                Field("detail", message("Detail, without names"), is_required=False, is_logged_words=True),
                Field("at", message("Time, if it was earlier than now"), "time", is_required=False),
            ),
            _recorded,
        ),
        Act(
            "evaluate",
            "plan evaluate",
            message("Evaluate"),
            message(
                "Record what the registered outcome came to; it ends the operation and frees the place for the next."
            ),
            (FOUND, REPORT),
            _evaluated,
        ),
    )
}


class Operations(Subjects):
    """Operations on the board; what is under an embargo is named nowhere."""

    def page(self, request: Request, key: str, after: After) -> Response:
        """Return the page of a market with its plan and its operations."""
        plan = next((row for row in _plans(self.board) if row["market_id"] == key), None)
        if plan is None:
            return self.board.message(request, 404, "Not found", f"The latest run has no plan for {key!r}.")
        home = self.board.fresh_home()
        with self.board.visitors.lock:
            held = operations_at(home, home.now())
        columns = read_tables().published["crackdown_plan"].columns
        names = self.board.area_names()
        shown = {**plan, "area_id": names.get(plan["area_id"], plan["area_id"])}
        facts = [
            (column.title, shown[column.name], column.duckdb_type, column.unit)
            for column in columns
            if column.name not in UNTOLD and plan[column.name] not in (None, [])
        ]
        held = held[~held["is_hidden"].astype(bool) & (held["market_id"].eq(key) | held["area_id"].eq(plan["area_id"]))]
        return self.board.page(
            request,
            "operation.html.jinja",
            status=after.status,
            after=after,
            key=key,
            plan=plan,
            facts=facts,
            operations=page_rows(held),
            acts=acts_for(self.board, request, ACTS),
            path=self.path,
        )


def _plans(board: Board) -> list[dict[str, Any]]:
    """Return the plans of the latest run, with the place of each market."""
    tables = board.tables()
    plans = tables["crackdown_plan"].sort_values("position")
    places = tables["market"].set_index("market_id")["place"].to_dict()
    return [{**row, "place": places.get(row["market_id"])} for row in page_rows(plans)]


def routes(board: Board) -> APIRouter:
    """Return the routes of operations."""
    router, operations = APIRouter(), Operations(board, ACTS, "/operations")

    @router.get("/operations")
    def all_of_them(request: Request) -> Response:
        return board.page(request, "operations.html.jinja", plans=_plans(board))

    @router.get("/operations/{key}")
    def one(request: Request, key: str) -> Response:
        return operations.page(request, key, After())

    router.include_router(act_routes(operations))
    return router
