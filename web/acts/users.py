"""Users of the home: added, given roles, passwords and tokens, disabled; and one's own password."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.ledger import void_events
from flows.users.accounts import (
    add_user,
    change_password,
    disable,
    give_token,
    refuse_rehearsal,
    reset_password,
    revoke_tokens,
    set_role,
    user_rows,
)
from models.users.roles import ROLES
from pipeline.database import DatabaseError, explained
from pipeline.errors import HalfDoneError, HarmspotError
from pipeline.pages.base import page_rows
from pipeline.wording.catalogue import message
from web.acts.act import Act, After, Do, Field, Outcome, Subjects, act_routes, acts_for
from web.entrance.board import Board
from web.entrance.visitors import Visitor

PATH = "/users"
NAME = Field("user", message("Name"))
ROLE = Field("role", message("Role"), "choice", ROLES)
NEW = Field("new", message("New password"), "password")


def _added(home: Home, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    user = add_user(home, values["user"], values["role"], values["new"])
    return Outcome(
        home.catalogue.text("{name} is added, {role}.", name=user.user_id, role=home.catalogue.text(user.role))
    )


def _moved(home: Home, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    user = set_role(home, values["user"], values["role"])
    role = home.catalogue.text(user.role)
    return Outcome(home.catalogue.text("{name} is now {role}.", name=user.user_id, role=role))


def _disabled(home: Home, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    user = disable(home, values["user"])
    try:
        with open_home_store(home) as store:
            count = len(void_events(store.ledger(), {user.look}))
    except (HarmspotError, OSError, DatabaseError) as error:
        raise HalfDoneError(
            f"{user.user_id} is disabled; which decisions are void by that was not counted: {explained(error)}"
        ) from error
    said = message("{name} is disabled; decisions that nobody had acted on and are void: {count}.")
    return Outcome(home.catalogue.text(said, name=user.user_id, count=count))


def _reset(home: Home, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    user = reset_password(home, values["user"], values["new"])
    said = message("{name} has a new password; earlier sessions and tokens ended.")
    return Outcome(home.catalogue.text(said, name=user.user_id))


def _given(home: Home, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    token, expires_at = give_token(home, values["user"], int(values["days"]))
    said = message("The token is valid until {moment} and shown only now.")
    return Outcome(home.catalogue.text(said, moment=home.local_text(expires_at)), {"token": token})


def _revoked(home: Home, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    user = revoke_tokens(home, values["user"])
    return Outcome(home.catalogue.text("{name} has no valid token or session left.", name=user.user_id))


def _changed(home: Home, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    change_password(home, values["old"], values["new"])
    return Outcome(home.catalogue.text("You have a new password; sign in again with it."))


def _of_users(do: Any) -> Do:
    """Return the act on a home that has users: one for rehearsals has none."""

    def done(home: Home, _: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
        refuse_rehearsal(home)
        return do(home, visitor, values)

    return done


ACTS = {
    act.name: act
    for act in (
        Act(
            "password",
            "users password",
            message("Change your password"),
            message("All your sessions end; sign in again with the new one."),
            (Field("old", message("Old password"), "password"), NEW),
            _of_users(_changed),
        ),
        Act(
            "add",
            "users add",
            message("Add a user"),
            message("Who is known by that name for good; a name that looks like another is refused."),
            (
                NAME,
                ROLE,
                Field(
                    "new",
                    message("New password"),
                    "password",
                    is_required=False,
                    help=message("Without one it is a service, which has tokens alone."),
                ),
            ),
            _of_users(_added),
        ),
        Act(
            "role",
            "users role",
            message("Give another role"),
            message("It counts at once, also in sessions that have begun."),
            (NAME, ROLE),
            _of_users(_moved),
        ),
        Act(
            "disable",
            "users disable",
            message("Disable"),
            message("For good: sessions and tokens end, and approvals that nobody has acted on are void."),
            (NAME,),
            _of_users(_disabled),
        ),
        Act(
            "reset",
            "users reset",
            message("Set a new password"),
            message("Earlier sessions and tokens end, and a lock; your own is set by another administrator."),
            (NAME, NEW),
            _of_users(_reset),
        ),
        Act(
            "token",
            "users token",
            message("Give a service a token"),
            message("It is shown once and kept nowhere."),
            (NAME, Field("days", message("Days for which it is valid, at most 366"), "number")),
            _of_users(_given),
        ),
        Act(
            "revoke",
            "users token",
            message("Revoke tokens and sessions"),
            message("All that the user has."),
            (NAME,),
            _of_users(_revoked),
        ),
    )
}


class Users(Subjects):
    """Users on the board: their table for those who may list them, and to everybody the own password."""

    def page(self, request: Request, key: str, after: After) -> Response:
        """Return the page of users."""
        board, visitor = self.board, self.board.visitor_of(request)
        assert visitor is not None  # the door lets nobody else in
        rows = None
        if board.may(visitor, "users list") and not board.home.is_rehearsal:
            with board.acting(visitor, "users list") as home:
                rows = page_rows(user_rows(home))
        return board.page(
            request,
            "users.html.jinja",
            status=after.status,
            after=after,
            key=key,
            rows=rows,
            suggested={"user": [row["user_id"] for row in rows or ()]},
            acts=[] if board.home.is_rehearsal else acts_for(board, request, ACTS),
            path=self.path,
        )


def routes(board: Board) -> APIRouter:
    """Return the routes of users."""
    router, users = APIRouter(), Users(board, ACTS, PATH)

    @router.get(PATH)
    def all_of_them(request: Request) -> Response:
        return users.page(request, "all", After())

    router.include_router(act_routes(users))
    return router
