"""One person, explained to whoever may and says why; the id stands in the form, and in no address or title."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from flows.home.home import Home
from flows.outputs.explain import person_lines, read_person
from pipeline.wording.catalogue import message
from web.acts.act import Act, After, Field, Outcome, Subjects, act_routes, acts_for
from web.entrance.board import Board
from web.entrance.visitors import Visitor

PATH = "/people"


def _explained(home: Home, _: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    rows = read_person(home, values["person"], None, purpose=values["purpose"], reader=visitor.name)
    lines = person_lines(rows, home.settings.force.zone)
    return Outcome(
        home.catalogue.text("You have read what is held about one person; that is logged."), {"lines": lines}
    )


ACTS = {
    "explain": Act(
        "explain",
        "explain person",
        message("Explain a person"),
        message("Why a person is on a list or on none, and what would change it; the read is logged first."),
        (
            Field("person", message("Person, by the pseudonym on the list or the force's own id")),
            Field("purpose", message("Purpose of reading it, logged"), "words", is_logged_words=True),
        ),
        _explained,
    )
}


class People(Subjects):
    """People on the board: one at a time, in the answer to the form alone."""

    def page(self, request: Request, key: str, after: After) -> Response:
        """Return the page with the form, and with what was just asked for."""
        acts = acts_for(self.board, request, ACTS)
        return self.board.page(
            request, "person.html.jinja", status=after.status, after=after, key=key, acts=acts, path=self.path
        )


def routes(board: Board) -> APIRouter:
    """Return the routes of people."""
    router, people = APIRouter(), People(board, ACTS, PATH)

    @router.get(PATH)
    def form(request: Request) -> Response:
        return people.shown_to(request, "one", "explain person")

    router.include_router(act_routes(people))
    return router
