"""The shift sheet as PDF: one A4 page with a map, the stops, what to do and what not."""

import math
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import pairwise
from typing import Any

from pipeline.briefing.lato_page import INK, QUIET, RULE, LatoPage
from pipeline.briefing.shift_sheet import (
    At,
    Row,
    ShiftSheet,
    Street,
    foot_of,
    intro_of,
    not_to_do,
    notes_of,
    numbers_of,
    rows_of,
    title_of,
    to_do,
    when_of,
)
from pipeline.errors import PublicationError
from pipeline.wording.catalogue import Catalogue

MARGIN, MAP_WIDTH, MAP_HEIGHT, FOOT = 14.0, 92.0, 92.0, 283.0  # mm
SIZES_PT = (11.0, 10.0, 9.0, 8.0, 7.0)  # the largest in which all stands on one page
DISC = 2.6  # mm
STREET_NAMES, NAME_MM = 10, 11.0  # names of streets on the map at most; half the room of a name
GROUND = (238, 238, 238)
COLUMNS = (9.0, 30.0, 58.0)  # mm: number, time, place; the reason has the rest


def shift_sheet_pdf(sheet: ShiftSheet, catalogue: Catalogue, *, made_at: datetime) -> bytes:
    """Return the sheet as PDF; `made_at` stands in the document's metadata.

    Raises
    ------
    PublicationError
        The text does not fit on one page, or contains a character that the typeface lacks.
    """
    for size in SIZES_PT:
        with closing(_Page(sheet, catalogue, size, made_at)) as page:
            page.draw()
            if page.y <= FOOT - 1:
                page.draw_foot()
                return bytes(page.output())
    raise PublicationError(
        "the shift sheet does not fit on one page; shorten notices.help_contact or the names of force.place_names"
    )


class _Page(LatoPage):
    def __init__(self, sheet: ShiftSheet, catalogue: Catalogue, size: float, made_at: datetime) -> None:
        super().__init__(title_of(sheet, catalogue), catalogue.language, made_at, margin_mm=MARGIN, top_mm=12)
        self.sheet, self.catalogue, self.size, self.line_mm = sheet, catalogue, size, size * 0.44
        self.set_auto_page_break(False)
        self.c_margin = 0

    def draw(self) -> None:
        sheet, catalogue = self.sheet, self.catalogue
        self._write(title_of(sheet, catalogue), 17, style="B", line_mm=8)
        self._write(when_of(sheet, catalogue), 11, line_mm=5.5)
        self._write(intro_of(sheet, catalogue), 11, line_mm=5.5)
        self.ln(2)
        top = self.y
        self._map(MARGIN, top)
        self.set_xy(MARGIN + MAP_WIDTH + 5, top)
        self._list(catalogue.text("What to do there"), to_do(sheet, catalogue))
        self.ln(2)
        self._list(catalogue.text("What not to do"), not_to_do(catalogue))
        self.set_xy(MARGIN, max(top + MAP_HEIGHT, self.y) + 4)
        if sheet.stops:
            self._table(rows_of(sheet, catalogue))
            self.ln(2)
            self._write(" ".join(notes_of(sheet, catalogue)), self.size - 1, colour=QUIET)

    def draw_foot(self) -> None:
        self.set_xy(MARGIN, FOOT)
        self._write(foot_of(self.sheet, self.catalogue), 10, style="B")

    def _list(self, heading: str, items: Sequence[str]) -> None:
        left = MARGIN + MAP_WIDTH + 5
        self.set_x(left)
        self._write(heading, self.size + 2, style="B", line_mm=self.line_mm + 1.5)
        for item in items:
            self.set_x(left)
            self.set_font("lato", "", self.size)
            self.cell(3.5, self.line_mm, "•")
            self._write(item, self.size)
            self.ln(0.8)

    def _table(self, rows: Sequence[Row]) -> None:
        lefts = [MARGIN, *(MARGIN + sum(COLUMNS[:n]) for n in (1, 2, 3))]
        catalogue = self.catalogue
        heads = ("", catalogue.text("Time"), catalogue.text("Place"), catalogue.text("Why there"))
        top = self.y
        for left, head in zip(lefts, heads, strict=True):
            self.set_xy(left, top)
            self._write(head, self.size, style="B", colour=QUIET)
        for row in rows:
            self._rule(self.y + 0.8)
            self.set_y(self.y + 2)
            self._row(row, lefts)

    def _row(self, row: Row, lefts: Sequence[float]) -> None:
        top, bottoms = self.y, []
        self._disc(lefts[0] + DISC, top + DISC, row.number)
        cells = (
            (lefts[1], COLUMNS[1] - 2, (row.time, "B", None), (row.minutes, "", None)),
            (lefts[2], COLUMNS[2] - 3, (row.place, "B", None), (row.at, "U" if row.link else "", row.link)),
            (lefts[3], self.w - MARGIN - lefts[3], (row.why, "", None)),
        )
        for left, width, *lines in cells:
            self.set_y(top)
            for line, style, link in lines:
                self.set_x(left)
                self._write(line, self.size, style=style, width=width, link=link)
            bottoms.append(self.y)
        self.set_y(max(*bottoms, top + 2 * DISC))

    def _map(self, left: float, top: float) -> None:
        """Draw the area, the route and its numbered places, with north and scale."""
        self.set_draw_color(*RULE)
        self.rect(left, top, MAP_WIDTH, MAP_HEIGHT)
        to_page, mm_per_m = _scaled(self.sheet, left, top)
        self.set_draw_color(*INK)
        self.set_fill_color(*GROUND)
        self.set_line_width(0.4)
        for ring in self.sheet.rings:
            self.polygon([to_page(at) for at in ring], style="DF")
        self.set_line_width(0.2)
        places = [to_page(stop.at_m) for stop in self.sheet.stops]
        with self.rect_clip(left, top, MAP_WIDTH, MAP_HEIGHT):
            self._streets(to_page, places)
        self._places([to_page(stop.at_m) for stop in self.sheet.stops])
        self._north(left + MAP_WIDTH - 6, top + 4)
        self._scale(left + 4, top + MAP_HEIGHT - 5, mm_per_m)

    def _places(self, at: Sequence[tuple[float, float]]) -> None:
        if len(at) > 1:
            self.set_draw_color(*QUIET)
            with self._dashed():
                self.polyline(at)
        numbers = numbers_of(self.sheet)
        points = {numbers[stop.cell_id]: point for stop, point in zip(self.sheet.stops, at, strict=True)}
        for (number, point), disc in zip(points.items(), _apart(list(points.values())), strict=True):
            self.set_draw_color(*INK)
            self.line(*point, *disc)
            self.set_fill_color(*INK)
            self.circle(*point, 0.6, style="F")
            self._disc(*disc, number)

    def _streets(self, to_page: "_ToPage", places: Sequence[tuple[float, float]]) -> None:
        """Draw the streets, and along the longest their names, where neither a place nor another name stands."""
        self.set_draw_color(*RULE)
        for street in self.sheet.streets:
            for line in street.lines:
                self.polyline([to_page(at) for at in line])
        taken = list(places)
        for street in self.sheet.streets:
            start, end = (to_page(at) for at in max(_segments(street), key=lambda ends: math.dist(*ends)))
            middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
            if len(taken) < len(places) + STREET_NAMES and all(math.dist(middle, other) > NAME_MM for other in taken):
                self._street_name(street.name, middle, start, end)
                taken.append(middle)

    def _street_name(
        self, name: str, middle: tuple[float, float], start: tuple[float, float], end: tuple[float, float]
    ) -> None:
        (west, south), (east, north) = sorted((start, end))
        with self.rotation(math.degrees(math.atan2(south - north, east - west)), *middle):
            self.set_xy(middle[0] - NAME_MM, middle[1] - 3)
            self._write(name, 6, width=2 * NAME_MM, align="C", colour=QUIET)

    @contextmanager
    def _dashed(self) -> Iterator[None]:
        self.set_dash_pattern(1.2, 1.2)
        yield
        self.set_dash_pattern()

    def _disc(self, x: float, y: float, number: int) -> None:
        self.set_fill_color(*INK)
        self.circle(x, y, DISC, style="F")
        self.set_font("lato", "B", 9)
        self.set_text_color(255, 255, 255)
        self.set_xy(x - DISC, y - DISC)
        self.cell(2 * DISC, 2 * DISC, str(number), align="C")

    def _north(self, x: float, y: float) -> None:
        self.set_fill_color(*INK)
        self.polygon([(x, y), (x - 1.6, y + 5), (x + 1.6, y + 5)], style="F")
        self.set_xy(x - 3, y + 5)
        self._write(self.catalogue.text("N"), 8, style="B", width=6, align="C")

    def _scale(self, x: float, y: float, mm_per_m: float) -> None:
        length_m = _round_length(MAP_WIDTH / 4 / mm_per_m)
        self.set_draw_color(*INK)
        self.set_line_width(0.6)
        self.line(x, y, x + length_m * mm_per_m, y)
        self.set_line_width(0.2)
        said = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m} m"
        self.set_xy(x, y + 0.8)
        self._write(said, 8, width=30)

    def _rule(self, y: float) -> None:
        self.draw_rule(MARGIN, self.w - MARGIN, y)

    def _write(
        self, text: str, size: float, *, line_mm: float | None = None, link: str | None = None, **how: Any
    ) -> None:
        self.refuse_missing_glyphs([text], "a shift sheet", "rename the place")
        self.write_text(text, size, line_mm or size * 0.44, link=link or "", **how)


class _ToPage:
    """Metres to millimetres on the page: the whole area and every stop lie in the box of the map."""

    def __init__(self, points: Sequence[At], left: float, top: float) -> None:
        east, north = [at.x for at in points], [at.y for at in points]
        inner = (MAP_WIDTH - 12, MAP_HEIGHT - 18)
        wide = max(max(east) - min(east), 1.0), max(max(north) - min(north), 1.0)
        self.mm_per_m = min(inner[0] / wide[0], inner[1] / wide[1])
        self.middle = (max(east) + min(east)) / 2, (max(north) + min(north)) / 2
        self.centre = left + MAP_WIDTH / 2, top + MAP_HEIGHT / 2 - 2

    def __call__(self, at: At) -> tuple[float, float]:
        """Return x and y on the page."""
        east, south = at.x - self.middle[0], self.middle[1] - at.y
        return self.centre[0] + east * self.mm_per_m, self.centre[1] + south * self.mm_per_m


def _segments(street: Street) -> Iterator[tuple[At, At]]:
    for line in street.lines:
        yield from pairwise(line)


def _scaled(sheet: ShiftSheet, left: float, top: float) -> tuple[_ToPage, float]:
    points = [at for ring in sheet.rings for at in ring] + [stop.at_m for stop in sheet.stops]
    to_page = _ToPage(points, left, top)
    return to_page, to_page.mm_per_m


def _apart(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return where the numbers stand: at their places, or beside them where two would overlap."""
    placed: list[tuple[float, float]] = []
    for x, y in points:
        ways = [(x, y)] + [
            (x + away * math.cos(turn * math.pi / 4), y - away * math.sin(turn * math.pi / 4))
            for away in (6.5, 10.0) for turn in range(8)
        ]  # fmt: skip
        others = [other for other in points if other != (x, y)]
        is_free = [all(math.dist(way, other) > 2.1 * DISC for other in (*placed, *others)) for way in ways]
        placed.append(ways[is_free.index(True)] if any(is_free) else (x, y))
    return placed


def _round_length(length_m: float) -> int:
    """Return the greatest of 1, 2, 5, 10, 20, 50, … metres that is not longer (at least 1)."""
    power = 10 ** max(math.floor(math.log10(max(length_m, 1))), 0)
    return max(step * power for step in (1, 2, 5) if step == 1 or step * power <= length_m)
