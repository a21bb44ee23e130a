"""Today: the ranking beside the map, what one row means, and two runs compared."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import pandas as pd
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool

from models.changes import FIGURES, place_changes
from models.places.axes import AXES
from pipeline.briefing.area_story import by_area, reason
from pipeline.briefing.changes import change_name, change_words
from pipeline.briefing.today import left_out, passed_over, places_today
from pipeline.errors import PublicationError
from pipeline.pages.base import page_rows
from pipeline.pages.svg_plots import Interval, rank_plot
from pipeline.privacy.pii_guard import refuse_people_in_text
from pipeline.publication.duckdb_file import version_of
from pipeline.publication.history import read_history
from pipeline.publication.publish import runs
from pipeline.wording.area_names import area_label
from web.day import Day, Days
from web.entrance.board import Board
from web.entrance.visitors import Visitor
from web.map_layers import packed_layer

MOST_ROWS = 60  # squares and visits in a table; the search finds the others
TABLE_OF = {"area": "area_ranking", "cell": "cell_forecast", "hotspot": "hotspot", "market": "market"}
NAMED = ("area_name", "place", "area_id", "cell_id", "market_id", "hotspot_id")  # searched for words
LOOKS_S = 2.0  # between two looks at the live figures
PACKED = {"content-encoding": "gzip", "cache-control": "private, max-age=604800, immutable"}
UNBUFFERED = {"x-accel-buffering": "no"}  # a proxy passes each event on at once
HAS_HISTORY = ("area", "hotspot", "market")


@dataclass(frozen=True, slots=True)
class Question:
    """What a visitor asks of a run: set of areas, offence with its shift, words, order, and the row that is open."""

    area_set: str = ""
    offence: str = ""
    shift: str = "all"
    words: str = ""
    axis: str = ""
    opened: str = ""

    @classmethod
    def of(cls, request: Request) -> "Question":
        """Return the question that an address asks; what it does not know is not asked."""
        asked = request.query_params
        return cls(
            asked.get("set", ""),
            asked.get("offence", ""),
            asked.get("shift", "all") or "all",
            asked.get("q", "").strip()[:100],
            asked.get("axis", ""),
            asked.get("open", ""),
        )


def routes(board: Board, days: Days) -> APIRouter:
    """Return the routes of Today and of what its script asks for."""
    router = APIRouter()

    @router.get("/")
    def today(request: Request, run: str = "") -> Response:
        day, question = days.get(run or None), Question.of(request)
        main = day.made(("today", question), lambda: _today(board, day, question))
        kept = _kept(day)
        return board.page(
            request,
            "today.html.jinja",
            day=day,
            main=main,
            question=question,
            kept=kept,
            warnings=day.warnings(),
            sets=day.made("sets", lambda: _sets(day)),
            offences=day.made(("asked", question.area_set, question.offence), lambda: _offences(day, question)),
        )

    @router.get("/detail")
    def detail(request: Request, run: str = "") -> Response:
        day, question = days.get(run or None), Question.of(request)
        part = day.made(("detail", question.area_set, question.opened), lambda: _detail(board, day, question))
        warned = board.render("warnings.html.jinja", warnings=day.warnings()) if part else ""
        return Response(f"{warned}{part or ''}", 200 if part else 404, media_type="text/html")

    @router.get("/live")
    async def live(request: Request) -> Response:
        visitor = board.visitor_of(request)
        assert visitor is not None  # the door lets nobody else in
        return StreamingResponse(
            live_parts(board, days, visitor, request.is_disconnected),
            headers=UNBUFFERED,
            media_type="text/event-stream",
        )

    @router.get("/map/{run_id}/{version}/{layer}.json")
    def layer(run_id: str, version: str, layer: str) -> Response:
        day = days.get(run_id)
        packed = day.layer(layer)
        if packed is None or version != day.version:
            raise PublicationError(f"run {run_id} has no layer {layer!r}, or was published anew: load the page again")
        return Response(packed, media_type="application/geo+json", headers=PACKED)

    @router.get("/moves/{before_id}/{after_id}/{version}.json")
    def moves(before_id: str, after_id: str, version: str) -> Response:
        before, after = days.get(before_id), days.get(after_id)
        if version != after.version:
            raise PublicationError("the runs were published anew: load the page again")
        packed = after.made(("moves", before.run_id, before.version), lambda: _moves(before, after))
        return Response(packed, media_type="application/geo+json", headers=PACKED)

    @router.get("/compare")
    def compare(request: Request, a: str = "", b: str = "") -> Response:
        after = days.get(b or None)
        before = days.get(a or after.run["predecessor_run_id"] or after.run_id)
        key = ("compare", before.run_id, before.version)
        main = after.made(key, lambda: _compared(board, before, after))
        return board.page(
            request,
            "compare.html.jinja",
            kept=_kept(after),
            before=before,
            later=after,
            main=main,
            warnings=list(dict.fromkeys([*after.warnings(), *before.unusable()])),
        )

    return router


async def live_parts(
    board: Board, days: Days, visitor: Visitor, is_gone: Callable[[], Awaitable[bool]], pause_s: float = LOOKS_S
) -> AsyncIterator[str]:
    """Yield the live figures as server-sent events whenever they change, until the reader is gone or signed out."""
    seen: tuple[int, ...] | None = None
    while not await is_gone():
        who = await run_in_threadpool(board.visitors.visitor, visitor.secret)
        if who is None:
            return
        path = board.home.live_figures
        version = version_of(path) if path.exists() else ()
        if version != seen:
            seen = version
            part = await run_in_threadpool(_live, board, days)
            yield f"data: {json.dumps(str(part))}\n\n"
        else:
            yield ": nothing new\n\n"
        await asyncio.sleep(pause_s)


def _live(board: Board, days: Days) -> Markup:
    """Return the areas with incidents since the latest run, with their provisional rank; empty if nothing is live."""
    path = board.home.live_figures
    try:
        found = pd.read_parquet(path)
        day = days.get()
    except (OSError, PublicationError):
        return Markup("")
    rows = found[(found["place_kind"] == "area") & (found["run_id"] == day.run_id)]
    ranks = day.tables["area_ranking"].set_index("area_id")["rank"]
    rows = rows.assign(rank_of_run=rows["place_id"].map(ranks))
    rows = rows[(rows["new_incidents"] > 0) | (rows["rank"] != rows["rank_of_run"])].sort_values(["rank", "place_id"])
    at = None if found.empty else found["updated_at"].max().to_pydatetime()
    return board.render("live.html.jinja", rows=page_rows(rows), at=at, names=_names(day))


def _kept(day: Day) -> list[dict[str, Any]]:
    """Return the kept runs, the latest first."""
    return day.made("kept", lambda: page_rows(runs(day.home.path))[::-1])


def _sets(day: Day) -> list[str]:
    return sorted(set(day.tables["area_set_ranking"]["area_set"]))


def _offences(day: Day, question: Question) -> dict[str, Any]:
    """Return the groups of offences by name with their label, and the shifts of the chosen one."""
    table = _of_set(day, day.tables["offence_ranking"], question)
    pairs = table[["offence_group", "offence_group_label"]].drop_duplicates().sort_values("offence_group_label")
    shifts = table.loc[table["offence_group"] == question.offence, "shift"]
    groups = dict(zip(pairs["offence_group"], pairs["offence_group_label"], strict=True))
    return {"groups": groups, "shifts": sorted(set(shifts) - {"all"})}


def _of_set(day: Day, frame: pd.DataFrame, question: Question) -> pd.DataFrame:
    chosen = question.area_set or day.home.settings.force.areas.set
    return frame[frame["area_set"] == chosen]


def _areas(day: Day, question: Question) -> list[dict[str, Any]]:
    """Return the areas asked about, in the order asked for."""
    if question.offence:
        table = _of_set(day, day.tables["offence_ranking"], question)
        table = table[(table["offence_group"] == question.offence) & (table["shift"] == question.shift)]
    elif question.area_set:
        table = _of_set(day, day.tables["area_set_ranking"], question)
    else:
        table = day.tables["area_ranking"]
    order, is_ascending = ("rank", True)
    if question.axis in AXES and AXES[question.axis].rate in table:
        order, is_ascending = AXES[question.axis].rate, False
    rows = page_rows(table.sort_values([order, "area_id"], ascending=[is_ascending, True], kind="stable"))
    catalogue = day.home.catalogue
    return [{**row, "area_name": catalogue.sentence(area_label(row["area_name"]))} for row in rows]


def _today(board: Board, day: Day, question: Question) -> Markup:
    """Return the part of the page that is of the run alone."""
    settings, catalogue = board.home.settings, board.home.catalogue
    recent = {row["area_id"]: row for row in day.rows("area_recent")}
    evidence = by_area(day.tables["area_evidence"], day.rows("area_evidence"))
    shifts = {shift.name: (shift.starts, shift.ends) for shift in settings.force.day_shifts}
    link = settings.force.map_link
    zone = settings.force.zone
    places = places_today(day.tables["visit_plan"], day.tables["cell_forecast"], zone, link, catalogue, shifts)
    piles = day.tables["address_pile"]
    areas = [row for row in _areas(day, question) if _has_words(row, question.words)]
    names = _names(day)
    part = board.render(
        "today_main.html.jinja",
        day=day,
        run=day.run,
        question=question,
        areas=areas,
        area_count=len(day.tables["area_ranking"]),
        reasons={
            row["area_id"]: reason(row, recent.get(row["area_id"]), evidence.get(row["area_id"], []), AXES, catalogue)
            for row in areas
        },
        names=names,
        change_name=partial(change_name, names=names, places={}, catalogue=catalogue),
        change_words=partial(change_words, catalogue=catalogue),
        places=places,
        passed_over=passed_over(day.tables["cell_forecast"], places),
        left_out=left_out(day.tables["data_quality"], int(piles["is_address_pile"].astype(bool).sum()), catalogue),
        changes=day.rows("place_change"),
        tables={
            name: _first_rows(day.tables[table], order, question.words)
            for name, (table, order) in {
                "cells": ("cell_forecast", "rank"),
                "hotspots": ("hotspot", "rank"),
                "markets": ("market", "rank"),
                "visits": ("visit_plan", "starts_at"),
            }.items()
        },
        most=MOST_ROWS,
        layers=list(day.layers()),
        bounds=day.bounds(),
        detail=_detail(board, day, question),
    )
    refuse_people_in_text("the board", part)
    return part


def _names(day: Day) -> dict[str, str]:
    frame, catalogue = day.tables["area_ranking"], day.home.catalogue
    return {
        str(area): catalogue.sentence(area_label(name))
        for area, name in zip(frame["area_id"], frame["area_name"], strict=True)
    }


def _has_words(row: Mapping[str, Any], words: str) -> bool:
    """Return whether the words stand in a name or id of a row."""
    named = " ".join(str(row.get(name) or "") for name in NAMED)
    return words.casefold() in named.casefold()


def _first_rows(frame: pd.DataFrame, order: str, words: str) -> dict[str, Any]:
    """Return `rows`, the first of those with the words, and `count`, how many have them."""
    if words:
        names = [frame[name].astype(object).fillna("").astype(str) for name in NAMED if name in frame]
        is_meant = pd.Series(False, index=frame.index)
        for name in names:
            is_meant |= name.str.casefold().str.contains(words.casefold(), regex=False)
        frame = frame[is_meant]
    return {"rows": page_rows(frame.sort_values(order, kind="stable").head(MOST_ROWS)), "count": len(frame)}


def _detail(board: Board, day: Day, question: Question) -> Markup | None:
    """Return what is known of the row that is open; None where none is."""
    kind, _, key = question.opened.partition(":")
    if kind not in TABLE_OF:
        return None
    table = TABLE_OF[kind]
    if kind == "area" and question.area_set:
        frame = _of_set(day, day.tables["area_set_ranking"], question)
    else:
        frame = day.tables[table]
    found = page_rows(frame[frame[f"{kind}_id"].astype(str) == key])
    if not found:
        return None
    row = found[0]
    evidence = by_area(day.tables["area_evidence"], day.rows("area_evidence"))
    focus = by_area(day.tables["crime_focus"], _first_focus(day))
    is_main = kind == "area" and not question.area_set
    return board.render(
        "detail.html.jinja",
        kind=kind,
        row=row,
        run=day.run,
        count=len(frame),
        top_k=row.get("top_k") or day.run["top_k"],
        names=_names(day),
        axes=AXES,
        evidence=evidence.get(key, []) if is_main else [],
        evidence_ids=list(row.get("evidence_ids") or []),
        focus=focus.get(key, []) if is_main else [],
        pile=next((pile for pile in day.rows("address_pile") if kind == "cell" and pile["cell_id"] == key), None),
        incidents=[each for each in day.rows("recent_incident") if kind == "area" and each["area_id"] == key],
        history=_history(day, kind, key) if kind in HAS_HISTORY and (is_main or kind != "area") else None,
    )


def _first_focus(day: Day) -> list[dict[str, Any]]:
    return [row for row in day.rows("crime_focus") if row["focus_rank"] is not None and row["focus_rank"] <= 3]


def _history(day: Day, kind: str, key: str) -> Markup | None:
    """Return the ranks of a place over the kept runs until this one as a chart; None where there is but one."""
    past = read_history(day.home.path, TABLE_OF[kind])
    past = past[past["as_of"] <= pd.Timestamp(day.run["as_of"])]
    moments = past.groupby("run_id", sort=False)["as_of"].first()
    of_place = past[past[f"{kind}_id"] == key].set_index("run_id").reindex(moments.index)
    if len(moments) < 2:
        return None
    lo, hi = ("rank_lo", "rank_hi") if "rank_lo" in of_place else ("rank", "rank")
    ranks = [
        Interval("", float(rank), float(from_rank), float(to_rank), "ours")
        for rank, from_rank, to_rank in of_place[["rank", lo, hi]].astype(float).to_numpy()
    ]
    zone = day.home.settings.force.zone
    days = [f"{moment.astimezone(zone):%Y-%m-%d}" for moment in moments]
    title = day.home.catalogue.plural(
        "Rank over {count} kept run", "Rank over the last {count} kept runs", len(moments)
    )
    return rank_plot(days, ranks, count=int(past["rank"].max()), title=title)


def _compared(board: Board, before: Day, after: Day) -> Markup:
    """Return the part of the page that is of the two runs alone."""
    rows, changes = _side_by_side(before, after), _changes(before, after)
    return board.render("compare_main.html.jinja", before=before, after=after, rows=rows, changes=changes)


def _moves(before: Day, after: Day) -> bytes:
    """Return the areas of the later run as a layer, with how far each came nearer to rank 1."""
    areas = after.layers()["areas"]
    ranks = before.tables["area_ranking"].set_index("area_id")["rank"]
    moved = (areas["area_id"].map(ranks) - areas["rank"]).astype("Int64")
    return packed_layer("areas", areas.assign(moved=moved))


def _side_by_side(before: Day, after: Day) -> list[dict[str, Any]]:
    """Return each area with its rank and chance in both runs, the greatest move first."""
    columns = ["area_id", "area_name", "rank", "rank_lo", "rank_hi", "p_top_k", "is_listed"]
    both = before.tables["area_ranking"][columns].merge(
        after.tables["area_ranking"][columns], on="area_id", how="outer", suffixes=("_before", "_after")
    )
    moved = both["rank_before"].astype(float) - both["rank_after"].astype(float)
    named = both["area_name_after"].where(both["area_name_after"].notna(), both["area_name_before"])
    both = both.assign(moved=moved, size=moved.abs().fillna(0), area_name=named)
    return page_rows(both.sort_values(["size", "rank_after", "area_id"], ascending=[False, True, True]))


def _changes(before: Day, after: Day) -> list[dict[str, Any]]:
    """Return the real changes between two runs, as a run announces them; none of a run with itself."""
    if before.run_id == after.run_id:
        return []
    found: list[dict[str, Any]] = []
    for kind in FIGURES:
        table = TABLE_OF[kind]
        past = before.tables[table].drop(columns=["rank_announced", "figure_announced", "announced_on"])
        changes = place_changes(past, after.tables[table], kind)
        where = _where(before, after, kind)
        rows = page_rows(changes)
        found += [{**row, "place": where.get(row["place_id"])} for row in cast("Sequence[dict[str, Any]]", rows)]
    return found


def _where(before: Day, after: Day, kind: str) -> dict[str, str]:
    """Return the name or place of each place of two runs."""
    name = "area_name" if kind == "area" else "place"
    return {
        str(row[f"{kind}_id"]): str(row[name])
        for day in (before, after)
        for row in day.rows(TABLE_OF[kind])
        if row[name]
    }
