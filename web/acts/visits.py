"""Visits of the day by area, the sheet of a crew to print, and planned visits beside recorded ones."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi import APIRouter, Request
from fastapi.responses import Response

from flows.evaluation.visit_compliance import visit_delivery
from flows.outputs.shift_sheet import write_shift_sheet
from pipeline.pages.base import page_rows
from web.entrance.board import Board

PATH = "/visits"


def routes(board: Board) -> APIRouter:
    """Return the routes of visits. Who made one records it at the operation of the area, as `plan record visit`."""
    router = APIRouter()

    @router.get(PATH)
    def all_of_them(request: Request, delivered: str = "") -> Response:
        home = board.fresh_home()
        tables = board.tables()
        visits = tables["visit_plan"].sort_values(["area_id", "starts_at", "cell_id"])
        areas = [(area_id, page_rows(rows)) for area_id, rows in visits.groupby("area_id", sort=True)]
        compared = None
        if delivered:
            with board.visitors.lock:
                compared = page_rows(visit_delivery(home, home.now()))[::-1]
        return board.page(
            request,
            "visits.html.jinja",
            run=tables["run"].iloc[0].to_dict(),
            areas=areas,
            names=board.area_names(),
            markets=tables["crackdown_plan"].set_index("area_id")["market_id"].to_dict(),
            shifts=[shift.name for shift in home.settings.force.day_shifts],
            compared=compared,
        )

    @router.get(PATH + "/sheet.pdf")
    def sheet(request: Request, area: str, shift: str) -> Response:
        home = board.fresh_home()
        with TemporaryDirectory(prefix="harmspot-") as folder, board.visitors.lock:
            path = Path(folder) / "sheet.pdf"
            write_shift_sheet(home, area, shift, None, path)
            content = path.read_bytes()
        name = "-".join(re.sub(r"[^A-Za-z0-9.]+", "-", each.partition("@")[0]) for each in ("shift", area, shift))
        headers = {"content-disposition": f'attachment; filename="{name}.pdf"'}
        return Response(content, media_type="application/pdf", headers=headers)

    return router
