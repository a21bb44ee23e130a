"""Acts: forms on the board, each of which does what one verb of the command does, with its refusals in words."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from flows.home import log
from flows.home.home import Home
from flows.users.login import refused
from models.users.roles import may
from pipeline.complete_file import write_complete
from pipeline.database import DatabaseError, explained
from pipeline.errors import FULL, AccessError, HalfDoneError, HarmspotError
from pipeline.privacy.pii_guard import without_people
from pipeline.wording.catalogue import message
from web.entrance.board import Board
from web.entrance.visitors import Visitor

FORGED = message("This form is not of your session, or the board was started anew: load the page again.")
NOT_DONE = message("The act was not finished: {why} Look what is recorded of it before you try again.")
ONLY_DONE = message("The act is recorded. What came after it failed: {why}")
MISSING = message("{field} is missing")
TOO_LONG = message("{field} is longer than {most} characters")
NOT_AMONG = message("{field}: choose one of {options}")
UNREADABLE = message("{field}: {given} cannot be read")
NAME_TAKEN = message("{field}: another file of that name was signed before; rename it")
LONGEST = 2000  # characters of a text
NOT_SHOWN = ("file", "copy", "password")  # kinds of fields that a form does not hold again after a refusal


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form.

    `kind` is text, words (sentences), day, time (local), number, password, choice, file (kept with the reports) or
    copy (a file that is read and not kept).
    """

    name: str
    label: str
    kind: str = "text"
    options: tuple[str, ...] = ()
    is_required: bool = True
    help: str = ""
    is_logged_words: bool = False  # a free text that is recorded or logged, and must name nobody


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an act came to: a sentence, and what the page shows because of it and never by itself."""

    said: str
    shown: Mapping[str, Any] | None = None
    file: tuple[str, bytes] | None = None  # name and content of a file that is handed over instead of a page


Do = Callable[[Home, str, Visitor, Mapping[str, Any]], Outcome]


@dataclass(frozen=True, slots=True)
class Act:
    """An act: its name in addresses, the verb whose roles may do it, its words, its fields, and what it does."""

    name: str
    verb: str
    title: str
    about: str
    fields: tuple[Field, ...]
    do: Do


@dataclass(frozen=True, slots=True)
class After:
    """What a page says after an act: what was done; or, by act, why not and what was entered."""

    status: int = 200
    said: str = ""
    shown: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()  # what an operator should look at
    refused: Mapping[str, str] = field(default_factory=dict)
    entered: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Subjects(ABC):
    """A kind of thing that is acted on: the start of its addresses, its acts by name, and its page."""

    board: Board
    acts: Mapping[str, Act]
    path: str

    @abstractmethod
    def page(self, request: Request, key: str, after: After) -> Response:
        """Return the page of one of them."""

    def shown_to(self, request: Request, key: str, verb: str) -> Response:
        """Return the page to a visitor whose role may do the verb, as `Board.acting` has it."""
        visitor = self.board.visitor_of(request)
        assert visitor is not None  # the door lets nobody else in
        with self.board.acting(visitor, verb):
            return self.page(request, key, After())


def reason(label: str = message("Reason, in a sentence")) -> Field:
    """Return the field of a reason."""
    return Field("reason", label, "words", is_logged_words=True)


def acts_for(board: Board, request: Request, acts: Mapping[str, Act]) -> list[Act]:
    """Return the acts that the role of whoever sends a request may do."""
    visitor = board.visitor_of(request)
    return [act for act in acts.values() if visitor and may(visitor.session.role, [act.verb])]


def act_routes(subjects: Subjects) -> APIRouter:
    """Return the route that takes the forms of a kind of subject."""
    router = APIRouter()

    @router.post(subjects.path + "/{key}/{name}")
    async def act(request: Request, key: str, name: str) -> Response:
        async with request.form(max_files=1, max_fields=20, max_part_size=2**20) as form:
            return await run_in_threadpool(_done, subjects, request, key, name, form)

    return router


def _done(subjects: Subjects, request: Request, key: str, name: str, form: FormData) -> Response:
    board = subjects.board
    visitor, act = board.visitor_of(request), subjects.acts.get(name)
    if visitor is None:
        return board.to_sign_in(request)
    if act is None:
        return board.message(request, 404, "Not found", f"There is no act {name!r}.")
    if not board.forms.is_genuine(form.get("token"), visitor.secret, request.url.path):
        refused(board.fresh_home(), visitor.name, "a form that is not of the session")
        return board.message(request, 403, "Refused", board.home.catalogue.text(FORGED))
    entered = {each.name: str(form.get(each.name) or "").strip() for each in act.fields if each.kind not in NOT_SHOWN}

    def again(status: int, why: str) -> Response:
        said = without_people(why)
        try:
            return subjects.page(request, key, After(status, refused={act.name: said}, entered={act.name: entered}))
        except (HarmspotError, OSError, DatabaseError):  # there is no such page to stand on
            return board.message(request, status, "Refused", said)

    texts = {each.name: entered[each.name] for each in act.fields if each.is_logged_words}
    try:
        with board.acting(visitor, act.verb, **texts) as home:  # before a file is kept
            outcome = act.do(home, key, visitor, _values(home, act, form))
    except HalfDoneError as error:
        log.write_error(error)
        return again(unwritten_status(error), str(error))
    except (OSError, DatabaseError) as error:
        log.write_error(error)
        return again(unwritten_status(error), board.home.catalogue.text(NOT_DONE, why=explained(error)))
    except ValueError as error:
        return again(422, str(error))
    except AccessError as error:
        return again(403, str(error))
    except HarmspotError as error:
        return again(409, str(error))
    if outcome.file:
        name, content = outcome.file
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(content, media_type="application/octet-stream", headers=headers)
    try:
        return subjects.page(request, key, After(said=outcome.said, shown=outcome.shown, notes=tuple(home.notes)))  # type: ignore[attr-defined]
    except (HarmspotError, OSError, DatabaseError) as error:
        log.write_error(error)
        why = board.home.catalogue.text(ONLY_DONE, why=explained(error))
        return board.message(request, unwritten_status(error), act.title, f"{outcome.said} {why}")


def unwritten_status(error: BaseException) -> int:
    """Return the status of an answer to what could not be written: that the disk is full, or another."""
    causes: BaseException | None = error
    while causes is not None:
        if getattr(causes, "errno", None) in FULL or "the disk is full" in str(causes):
            return 507
        causes = causes.__cause__
    return 503


def _values(home: Home, act: Act, form: FormData) -> dict[str, Any]:
    """Return the fields of a form as values; ValueError names one that is missing or none."""
    return {each.name: _value(home, each, form.get(each.name)) for each in act.fields}


def _value(home: Home, field: Field, given: Any) -> Any:
    if field.kind == "file":
        return _kept(home, field, given)
    if field.kind == "copy":
        return _sent(home, field, given).file.read()
    entered = str(given or "") if field.kind == "password" else str(given or "").strip()
    if len(entered) > LONGEST:
        raise _problem(home, TOO_LONG, field, most=LONGEST)
    if not entered and field.is_required:
        raise _problem(home, MISSING, field)
    if not entered:
        return None
    if field.kind == "choice" and entered not in field.options:
        raise _problem(home, NOT_AMONG, field, options=", ".join(field.options))
    try:
        return _READ.get(field.kind, lambda value, _: value)(entered, home)
    except ValueError:
        raise _problem(home, UNREADABLE, field, given=entered) from None


def _problem(home: Home, said: str, field: Field, **more: object) -> ValueError:
    return ValueError(home.catalogue.text(said, field=home.catalogue.text(field.label), **more))


def _moment(entered: str, home: Home) -> datetime:
    moment = datetime.fromisoformat(entered)
    return moment if moment.tzinfo else moment.replace(tzinfo=home.settings.force.zone)


def _amount(entered: str, _: Home) -> float:
    amount = float(entered)
    if not 0 <= amount < float("inf"):
        raise ValueError
    return amount


_READ: Mapping[str, Callable[[str, Home], Any]] = {
    "day": lambda entered, _: date.fromisoformat(entered),
    "time": _moment,
    "number": _amount,
}


def _kept(home: Home, field: Field, given: Any) -> Path:
    """Keep a file that was sent in the home's folder of reports, and return its path."""
    sent = _sent(home, field, given)
    name = re.sub(r"[^\w.-]", "_", Path((sent.filename or "").replace("\\", "/")).name).lstrip(".")[-100:]
    path, content = home.path / "reports" / (name or "report"), sent.file.read()
    if path.exists() and path.read_bytes() != content:
        raise _problem(home, NAME_TAKEN, field)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_complete(path, content)
    path.chmod(0o600)
    return path


def _sent(home: Home, field: Field, given: Any) -> UploadFile:
    if not isinstance(given, UploadFile) or not given.filename:
        raise _problem(home, MISSING, field)
    return given
