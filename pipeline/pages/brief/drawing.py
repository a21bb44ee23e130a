"""The map of a brief as one SVG: areas by chance, the squares where most harm is expected, lettered places to be.

It has no style sheet and no script, so that a page and a PDF draw the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from pipeline.pages.base import page_environment
from pipeline.pages.svg_map import CELL_STEPS, PROBABILITY_STEPS, Drawing, Shape
from pipeline.wording.catalogue import Catalogue

TONES = ("#eef2f5", "#d5e0ea", "#adc4d9", "#7fa3c4", "#4c7aa6", "#1f4e79")  # areas, by PROBABILITY_STEPS
SIZE = 640  # units of the longer side of the map, in which letters and strokes are measured
SIDES = ((1, 1), (-1, 1), (1, -1), (-1, -1))  # of a flag from its place: east and south, west and south, …
FLAG = 23  # units from a place to the middle of its flag
WIDE = 32  # units of a flag
APART = 28  # units between the middles of a flag and of the circle of an area that it does not cover
MOST_NAMED = 30  # areas whose names stand below the map
CELLS = ("#fcd873", "#f7a823", "#dd6a0a", "#7d3103")  # squares, by CELL_STEPS from the last
OTHERS = "#ffffff"  # squares that are drawn for their letter alone


def draw_brief_map(drawing: Drawing, places: Sequence[Any], catalogue: Catalogue, *, is_one_area: bool) -> Markup:
    """Return the map; `places` have `letter` and `cell_id`, each of a square that is drawn."""
    cells = {shape.row["cell_id"]: shape for shape in drawing.cells}
    stops = [(place.letter, cells[place.cell_id]) for place in places]
    unit = max(drawing.width_m, drawing.height_m) / SIZE
    circles = () if is_one_area else drawing.areas
    svg = page_environment(catalogue=catalogue).get_template("brief_map.svg.jinja").render(
        drawing=drawing, stops=_pinned(stops, circles, unit), tones=TONES, cells=CELLS, others=OTHERS,
        is_one_area=is_one_area, unit=unit,
    )  # fmt: skip
    return Markup(svg)


def _pinned(
    stops: Sequence[tuple[str, Shape]], circles: Sequence[Shape], unit: float
) -> list[tuple[str, Shape, tuple[int, int]]]:
    """Return letter, shape and the side to which its flag hangs: where it covers fewest flags before it and circles."""
    taken = [(shape.x / unit, shape.y / unit, APART) for shape in circles]
    found = []
    for letter, shape in stops:
        at = {side: (shape.x / unit + FLAG * side[0], shape.y / unit + FLAG * side[1]) for side in SIDES}
        covered = {
            side: sum(max(abs(x - a), abs(y - b)) <= apart for a, b, apart in taken) for side, (x, y) in at.items()
        }
        side = min(SIDES, key=lambda each: covered[each])
        taken.append((*at[side], WIDE))
        found.append((letter, shape, side))
    return found


def key_of(
    run: Mapping[str, Any], ranked: Sequence[str], catalogue: Catalogue, *, is_one_area: bool
) -> tuple[dict[str, Any], ...]:
    """Return what the colours and marks of the map mean: words, and the colours from the least on with their limits.

    `ranked` are the names of the areas by rank.
    """
    percent = catalogue.formats.percent
    limits = [*CELL_STEPS[::-1], 0.05]
    areas = {
        "words": catalogue.text("Areas by chance of being among the {k} worst", k=run["top_k"]),
        "colours": [
            {"colour": colour, "words": catalogue.text("from {share}", share=percent(step))}
            for colour, step in zip(TONES, (0.0, *PROBABILITY_STEPS), strict=True)
        ],
    }
    squares = {
        "words": catalogue.text("Squares where most harm is expected, of all squares of the force"),
        "colours": [
            {"colour": colour, "words": catalogue.text("worst {share}%", share=catalogue.formats.number(
                100 * limit, 1 if 100 * limit % 1 else 0))}
            for colour, limit in zip(CELLS, sorted(limits, reverse=True), strict=True)
        ] + [{"colour": OTHERS, "words": catalogue.text("others with a letter")}],
    }  # fmt: skip
    letters = catalogue.text("A letter is a place to be today.")
    ranks = catalogue.text(
        "The figure in a circle is the rank of an area; a dark circle and border mark the target list."
    )
    more = " · …" if len(ranked) > MOST_NAMED else ""
    named = " · ".join(f"{rank}\xa0{name}" for rank, name in enumerate(ranked[:MOST_NAMED], 1)) + more
    marks = {"words": letters if is_one_area else f"{letters} {ranks} {named}", "colours": []}
    return (squares, marks) if is_one_area else (areas, squares, marks)


def words_for(drawing: Drawing, places: Sequence[Any], catalogue: Catalogue) -> str:
    """Return what the map shows, for whoever does not see it."""
    named = "; ".join(f"{place.letter}: {place.name}" for place in places)
    said = catalogue.plural(
        "Map of {count} area with the squares where most harm is expected.",
        "Map of {count} areas with the squares where most harm is expected.", len(drawing.areas),
    )  # fmt: skip
    return f"{said} {catalogue.text('Places to be today')}: {named}." if named else said
