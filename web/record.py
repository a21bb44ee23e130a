"""The record: what forecasts, promises and operations came to, what the data lack; the brief; audits, signed."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from flows.brief.make import make_brief
from flows.decisions.audits import record_audit
from flows.decisions.list_exports import verify_export
from flows.home.home import Home
from flows.human_log.audit_events import audit_report, halt_of
from flows.human_log.integrity import check_log
from flows.human_log.ledger import read_ledger
from flows.outputs.audit_page import INTROS, write_audit_page
from models.governance.audits import REPORTS
from pipeline.errors import ExportError, StoreError
from pipeline.pages.base import page_rows
from pipeline.pages.report import plot_outcomes
from pipeline.privacy.pii_guard import refuse_people_in_text
from pipeline.publication.publish import read_places
from pipeline.publication.tables import Table, read_tables
from pipeline.wording.catalogue import message
from web.acts.act import Act, After, Field, Outcome, Subjects, act_routes, acts_for
from web.acts.lists import FOUND, REPORT
from web.day import TABLES, Days
from web.entrance.board import Board
from web.entrance.visitors import Visitor

MOST_ROWS = 200
FIRST = ("outcome_monitor", "promise", "data_quality", "quality_check")
# Tables that Today, Notices and Operations show, or that hold no figures to read.
ELSEWHERE = {*TABLES, "content_hash", "area_notice", "area_notice_state", "audit_report"} - set(FIRST)


def _signed(home: Home, about: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    due_on = record_audit(
        home, about, report=values["report"], found=values["found"], made_on=values["made_on"], by=visitor.name
    )
    said = message("The report is signed; the next is due before {day}.")
    return Outcome(home.catalogue.text(said, day=home.catalogue.formats.day(due_on)))


def _log_checked(home: Home, _: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    problems = check_log(home) or home.access_log.back_in_time()
    if problems:
        raise StoreError("; ".join(problems))
    return Outcome(home.catalogue.text("The chain of the access log is intact."))


def _copy_checked(home: Home, _: str, visitor: Visitor, values: Mapping[str, Any]) -> Outcome:
    with TemporaryDirectory(prefix="harmspot-") as folder:
        path = Path(folder) / "copy.json"
        path.write_bytes(values["copy"])
        try:
            export = verify_export(home, path)
        except ExportError as error:
            raise ExportError(str(error).replace(f"{folder}/", "")) from None
    said = message("List {list} for {recipient} under {agreement} may be used until {moment}.")
    return Outcome(
        home.catalogue.text(
            said,
            list=export["list_id"],
            recipient=export["recipient"],
            agreement=export["agreement_id"],
            moment=export["valid_to"],
        )
    )


ACTS = {
    "sign": Act(
        "sign",
        "audit record",
        message("Sign"),
        message("Record that you read and signed a report of this kind."),
        (
            FOUND,
            REPORT,
            Field("made_on", message("Day the report was made, if it does not say so"), "day", is_required=False),
        ),
        _signed,
    )
}
CHECKS = {
    "log": Act(
        "log",
        "audit verify",
        message("Check the access log"),
        message("Whether its chain of entries is broken, cut off or goes back in time."),
        (),
        _log_checked,
    ),
    "copy": Act(
        "copy",
        "audit export",
        message("Check a copy of a list"),
        message("Whether an exported list is unaltered, not expired and not revoked; the copy is not kept."),
        (Field("copy", message("File of the list"), "copy"),),
        _copy_checked,
    ),
}


class Audits(Subjects):
    """The audits that lists of people wait for, and checks of the access log and of copies."""

    def page(self, request: Request, key: str, after: After) -> Response:
        """Return the page of all audits; `key` is the kind of report that was signed."""
        if key not in ("", "all", *REPORTS):
            return self.board.message(request, 404, "Not found", f"There is no audit {key!r}.")
        home = self.board.fresh_home()
        with self.board.visitors.lock:
            ledger = read_ledger(home)
            rows, halted = page_rows(audit_report(home, ledger)), halt_of(home, ledger, home.now())
        return self.board.page(
            request,
            "audits.html.jinja",
            status=after.status,
            after=after,
            rows=rows,
            halted=halted,
            key=key,
            path=self.path,
            drafted=INTROS,
            acts=acts_for(self.board, request, ACTS),
            checks=acts_for(self.board, request, CHECKS),
        )


def routes(board: Board, days: Days) -> APIRouter:
    """Return the routes of the record and of audits."""
    router, audits = APIRouter(), Audits(board, ACTS, "/audits")

    @router.get("/record")
    def record(request: Request, run: str = "") -> Response:
        day = days.get(run or None)
        main = day.made("record", partial(_record, board, day.run_id))
        return board.page(request, "record.html.jinja", main=main, warnings=day.warnings())

    @router.get("/brief.{form}")
    def brief(request: Request, form: str, run: str = "", area: str = "") -> Response:
        day = days.get(run or None)
        key = ("brief", area, board.home.now() >= day.run["valid_to"])  # which it says on top
        made = day.made(key, lambda: make_brief(board.home, day.run_id, area or None))
        name = next((name for name in made.files if name.endswith(f".{form}")), None)
        if name is None:
            return board.message(request, 404, "Not found", f"There is no brief as {form!r}: take brief.pdf or .html.")
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
        return Response(made.files[name], media_type="application/octet-stream", headers=headers)

    @router.get("/audits")
    def all_audits(request: Request) -> Response:
        return audits.shown_to(request, "", "audit status")

    @router.get("/audits/{about}/draft.html")
    def draft(request: Request, about: str) -> Response:
        if about not in INTROS:
            return board.message(request, 404, "Not found", "harmspot drafts no report of that kind.")
        with TemporaryDirectory(prefix="harmspot-") as folder:
            path = Path(folder) / "draft.html"
            write_audit_page(board.home, about, None, path)
            headers = {"content-disposition": f'attachment; filename="{about}.html"'}
            return Response(path.read_bytes(), media_type="application/octet-stream", headers=headers)

    router.include_router(act_routes(audits))
    router.include_router(act_routes(Audits(board, CHECKS, "/checks")))
    return router


def _record(board: Board, run_id: str) -> str:
    """Return the tables of the record of a run."""
    known = read_tables().published
    names = [*FIRST, *(name for name in known if name not in ELSEWHERE and name not in FIRST)]
    tables = read_places(board.home.path, names, run_id)
    zone, catalogue = board.home.settings.force.zone, board.home.catalogue
    parts = [
        {
            "name": name,
            "about": known[name].about,
            "heads": _heads(known[name]),
            "count": len(tables[name]),
            "rows": page_rows(tables[name].head(MOST_ROWS)),
        }
        for name in names
    ]
    plot = plot_outcomes(tables["outcome_monitor"], zone, catalogue) if len(tables["outcome_monitor"]) else None
    html = board.render("record_main.html.jinja", parts=parts, plot=plot, most=MOST_ROWS)
    refuse_people_in_text("the board", html)
    return html


def _heads(table: Table) -> list[tuple[str, str, str, str | None]]:
    """Return name, heading, kind and unit of the columns that are shown: the command's, else all but the run's."""
    shown = [column for column in table.shown if column.show.command]
    columns = shown or [
        c for c in table.columns if c.name not in ("run_id", "as_of", "valid_to") and c.duckdb_type != "BLOB"
    ]
    return [(column.name, column.title, column.duckdb_type, column.unit) for column in columns]
