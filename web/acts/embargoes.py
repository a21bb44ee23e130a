"""Embargoes of markets: set, lifted and read, each logged. No address names what is under one: the form does."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from flows.brief.morning import redraw
from flows.decisions.embargoes import embargo_market, lift_embargo, read_embargoes
from flows.home.home import Home
from pipeline.pages.base import page_rows
from pipeline.wording.catalogue import message
from web.acts.act import Act, After, Do, Field, Outcome, Subjects, act_routes, acts_for, reason
from web.entrance.board import Board
from web.entrance.visitors import Visitor

PATH = "/embargoes"
MARKET = Field("market", message("Street market, by its id"))
PURPOSE = Field("purpose", message("Purpose of reading them, logged"), "words", is_logged_words=True)


def _reading(*, is_all: bool) -> Do:
    def read(home: Home, _: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
        rows = read_embargoes(home, is_all=is_all, reader=visitor.name, purpose=values["purpose"])
        return Outcome(home.catalogue.text("You have read the embargoes; that is logged."), {"rows": page_rows(rows)})

    return read


def _embargoed(home: Home, _: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    last_day = embargo_market(home, values["market"], reason=values["reason"], until=values["until"], by=visitor.name)
    redraw(home)
    said = message("Nothing names the market until {day} is over.")
    return Outcome(home.catalogue.text(said, day=home.catalogue.formats.day(last_day)))


def _lifted(home: Home, _: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    lift_embargo(home, values["market"], reason=values["reason"], by=visitor.name)
    return Outcome(home.catalogue.text("The embargo is over; the run of the next day names the market again."))


ACTS = {
    act.name: act
    for act in (
        Act(
            "read",
            "plan embargoes",
            message("Read those in force"),
            message("List the embargoes in force; the read is logged."),
            (PURPOSE,),
            _reading(is_all=False),
        ),
        Act(
            "history",
            "audit embargoes",
            message("Read all"),
            message("List every embargo, also those that are over: who set it, why, until when; the read is logged."),
            (PURPOSE,),
            _reading(is_all=True),
        ),
        Act(
            "embargo",
            "plan embargo",
            message("Put a market under an embargo"),
            message(
                "Nothing names the market until the day is over: no notice, plan, visit, layer, page or kept run. "
                "Copies elsewhere, such as printed notices, are yours to collect. Given again, it lasts until the "
                "later day."
            ),
            (MARKET, reason(), Field("until", message("Last day, within 90 days"), "day")),
            _embargoed,
        ),
        Act(
            "lift",
            "plan lift",
            message("Lift an embargo"),
            message("End an embargo before its last day; the run of the next day names the market again."),
            (MARKET, reason()),
            _lifted,
        ),
    )
}


class Embargoes(Subjects):
    """Embargoes on the board: shown to whoever asks for them, in the answer to that form alone."""

    def page(self, request: Request, key: str, after: After) -> Response:
        """Return the page of embargoes, with their rows where they were just read."""
        rows = after.shown["rows"] if after.shown else None
        named = self.board.tables()["crackdown_plan"]["market_id"]
        in_force = [row["market_id"] for row in rows or () if row["state"] == "in_force"]
        return self.board.page(
            request,
            "embargoes.html.jinja",
            status=after.status,
            after=after,
            key=key,
            rows=rows,
            suggested={"market": sorted({*named, *in_force})},
            acts=acts_for(self.board, request, ACTS),
            path=self.path,
        )


def routes(board: Board) -> APIRouter:
    """Return the routes of embargoes."""
    router, embargoes = APIRouter(), Embargoes(board, ACTS, PATH)

    @router.get(PATH)
    def all_of_them(request: Request) -> Response:
        return embargoes.shown_to(request, "all", "plan embargoes")

    router.include_router(act_routes(embargoes))
    return router
