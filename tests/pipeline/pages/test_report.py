"""The page and its map: complete, self-contained, the same every time, and proof against hostile names and people."""

import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from models.places.axes import AXES
from pipeline.errors import PublicationError
from pipeline.pages.base import page_environment
from pipeline.pages.report import balance, naive_overlap, render_report, warnings_of
from pipeline.pages.svg_map import DRAWN_SHARE, draw_map, outline
from pipeline.publication.tables import Cell, Column, Show, read_tables

CRS = "EPSG:32618"
HOSTILE = '<script>alert("x")</script>\' onload=x {{ 7*7 }}'
PERSON = "p_" + "0123456789abcdef" * 2
PEOPLE = {"run": 1, "warrant_queue": 1234, "person_tier": 7, "safeguarding": 3}
WRITTEN_AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
RUN: dict[str, Any] = {
    "run_id": "3f9a2c71b0de4418",
    "as_of": pd.Timestamp("2026-03-01T05:00Z"),
    "valid_to": pd.Timestamp("2026-03-03T05:00Z"),
    "known_at": pd.Timestamp("2026-03-01T06:30Z"),
    "predecessor_run_id": None,
    "code_version": "0.1.0+abc",
    "config_hash": "c0ffee",
    "boundaries_hash": "b0b",
    "codebook_hash": "cafe",
    "seed": 1,
    "force_name": "Testford",
    "time_zone": "America/New_York",
    "crs": CRS,
    "top_k": 5,
    "is_staffing_assumed": False,
    "is_usable": True,
    "unusable_because": None,
}
DEFAULTS: dict[str, Any] = {
    "VARCHAR": "v",
    "VARCHAR[]": ["v", "w"],
    "DOUBLE": 0.5,
    "INTEGER": 1,
    "INTEGER[]": [1, 2],
    "DOUBLE[]": [0.5, 2.0],
    "BIGINT": 2,
    "BOOLEAN": False,
    "DATE": pd.Timestamp("2026-03-08").date(),
    "TIMESTAMP WITH TIME ZONE": RUN["as_of"],
    "BLOB": b"\x01",
}


def rows(table: str, n: int, **values: Any) -> pd.DataFrame:
    """`n` rows of a table with every column, `values` put in."""
    columns = read_tables().published[table].columns
    return pd.DataFrame({column.name: [DEFAULTS[column.duckdb_type]] * n for column in columns}).assign(**values)


def tables(name: str = "Old Town") -> dict[str, pd.DataFrame]:
    ids = ["a@1", "b@1"]
    return {
        "area_ranking": rows("area_ranking", 2, area_id=ids, area_name=[name, "Hill"], rank=[1, 2], rank_hi=[1, 2],
                             p_top_k=[0.9, 0.1], is_listed=[True, False]),
        "area_set_ranking": rows("area_set_ranking", 27, area_set=["beat"] * 25 + ["ward"] * 2,
                                 top_k=[9] * 25 + [1] * 2, area_id=[f"s{i}@1" for i in range(27)],
                                 area_name=[f"{name} {i}" for i in range(27)],
                                 rank=[*range(25, 0, -1), 2, 1], rank_hi=25),
        "sensitivity_summary": rows("sensitivity_summary", 2, variant=["published", "half_life_halved"],
                                    meaning=["the ranking itself", "half-life 90 days"], into_top_k=[[], ["a@1"]]),
        "cell_forecast": rows("cell_forecast", 40, cell_id=[f"c{i:02d}" for i in range(40)], area_id="a@1",
                              rank=range(1, 41), naive_rank=range(40, 0, -1),
                              expected_harm=[41.0 - i for i in range(1, 41)],
                              is_address_pile=[i == 2 for i in range(40)]),
        "address_pile": rows("address_pile", 25, cell_id=[f"c{i:02d}" for i in range(2, 27)], area_id="a@1",
                             rank=range(3, 28), kind="recorded_here", why=[f"reason {i}" for i in range(25)],
                             is_address_pile=[i != 1 for i in range(25)]),
        "hotspot": rows("hotspot", 1, hotspot_id="hs1"),
        "market": rows("market", 1, market_id="m1", area_id="b@1", grade="flagrant", is_provisional=True),
        "officer_allocation": rows("officer_allocation", 2, area_id=ids, today_hours=10.0, proposed_hours=[14.0, 6.0]),
        "area_notice": rows("area_notice", 2, area_id="b@1", title="To the street", body_html=f"<p>{name}</p>",
                            language="en", notice_id=["n_1", "n_2"],
                            state=["approved", "draft"], superseded_by=[None, "n_1"]),
        "outcome_monitor": rows("outcome_monitor", 3, forecast_run_id=["r1", "r2", "r3"],
                                harm_share_top5=[0.4, None, 0.3],
                                forecast_as_of=pd.date_range("2026-02-01T05:00Z", periods=3, freq="7D")),
        "place_change": rows("place_change", 1, place_kind="area", place_id="a@1", change="rose", rank_before=None),
        "data_quality": pd.DataFrame(
            [("rows_in", 10.0, "rows", False, ""), ("versions_stored", 7.0, "rows", False, ""),
             ("duplicates", 1.0, "rows", False, ""),
             ("dead_letters", 2.0, "rows", True, "reports left out: they have no location")],
            columns=["measure", "value", "unit", "is_warning", "detail"]),
        "quality_check": rows("quality_check", 2, check_name=["located", "list_chooses"], outcome="passed",
                              detail=["99.2% of incidents are located.", "Room for 5 of 21 areas."], way_out=None),
    }  # fmt: skip


def shapes(of: dict[str, pd.DataFrame]) -> dict[str, gpd.GeoDataFrame | None]:
    def layer(frame: pd.DataFrame, geometry: list[shapely.Geometry]) -> gpd.GeoDataFrame:
        return gpd.GeoDataFrame(frame.drop(columns="geometry_wkb", errors="ignore"), geometry=geometry, crs=CRS)

    cells = [shapely.box(150 * i, 0, 150 * i + 150, 150) for i in range(len(of["cell_forecast"]))]
    return {
        "areas": layer(of["area_ranking"], [shapely.box(0, 0, 3000, 6000), shapely.box(3000, 0, 6000, 6000)]),
        "cells": layer(of["cell_forecast"], cells),
        "hotspots": layer(of["hotspot"], [shapely.box(100, 100, 900, 900)] * len(of["hotspot"])),
        "markets": layer(of["market"], [shapely.box(4000, 4000, 4300, 4300)] * len(of["market"])),
        "points_of_interest": None,
    }


def page(of: dict[str, pd.DataFrame] | None = None, **run: Any) -> str:
    of = of or tables()
    return render_report({**RUN, **run}, of, shapes(of), PEOPLE, AXES, written_at=WRITTEN_AT)


class Outline(HTMLParser):
    """Counts tags, keeps ids and every address, and checks that elements close in order."""

    VOID = ("meta", "input", "br", "img", "link", "hr")
    DRAWN = ("path", "circle", "rect")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        self.ids += [found["id"]] if found.get("id") else []  # type: ignore[list-item]
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_stands_alone() -> None:
    html = page()
    outline = Outline(html)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    inside, points = ([a for a in outline.addresses if a.startswith(start)] for start in ("#", "geo:"))
    assert len(inside) + len(points) == len(outline.addresses)
    assert {address[1:] for address in inside} <= set(outline.ids)
    assert "http://" not in html
    assert "https://" not in html
    assert not re.search(r"@import|url\(", html)


def test_only_our_script_may_run() -> None:
    html = page()
    script = html.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in html
    assert html.count("<script") == 1


def test_the_same_run_gives_the_same_bytes() -> None:
    assert page() == page()


def test_the_page_says_what_when_until_and_counts_of_people() -> None:
    html = page()
    for said in (
        "Testford", "1 March 2026, 00:00", "3 March 2026, 00:00", "1 of 2 areas is on the target list", "Old Town",
        "1,234", "live warrants", "What a score does not mean", RUN["run_id"], "it adds up",
    ):  # fmt: skip
        assert said in html, said


@pytest.mark.parametrize("rows_in", [10.0, 12.0])
def test_rows_that_went_missing_are_said(rows_in: float) -> None:
    of = tables()
    of["data_quality"] = of["data_quality"].assign(value=[rows_in, 7.0, 1.0, 2.0])
    assert balance(of["data_quality"]) == {
        **{"rows_in": rows_in, "versions_stored": 7, "duplicates": 1, "merged": 0, "dead_letters": 2},
        "difference": rows_in - 10,
    }  # fmt: skip
    assert ("2 rows are unaccounted for" in page(of)) is (rows_in == 12)
    assert balance(of["data_quality"].iloc[1:]) is None


def test_assumptions_and_doubts_come_first() -> None:
    assert warnings_of(RUN, tables()) == [
        "Markets are provisional: each was judged from a single square, before all rules were applied.",
        "2 reports left out: they have no location",
    ]
    assert warnings_of({**RUN, "is_staffing_assumed": True}, tables())[0].startswith("Officer hours are assumed")
    assert "Officer hours are assumed" in page(is_staffing_assumed=True)
    of = tables()
    said = {"measure": "staffing_assumed", "detail": "officer hours are an assumption, not a report: Guess: 1 < 2"}
    of["data_quality"] = pd.concat([of["data_quality"], rows("data_quality", 1, **said)])
    assert warnings_of({**RUN, "is_staffing_assumed": True}, of)[0].endswith("on a guess. Guess: 1 < 2")


def test_hostile_names_stay_text() -> None:
    of = tables(HOSTILE)
    of["data_quality"] = of["data_quality"].assign(detail=HOSTILE)
    of["place_change"] = of["place_change"].assign(why=HOSTILE)
    of["market"] = of["market"].assign(grade=HOSTILE)
    html = page(of, force_name=HOSTILE)
    parsed = Outline(html)
    assert parsed.tags.count("script") == 1
    assert parsed.handlers == []
    assert "{{ 7*7 }}" in html.replace("&#34;", '"')


def test_only_a_literal_is_a_message_and_may_hold_html() -> None:
    folder = Path(page_environment.__code__.co_filename).parent / "templates"
    calls = [
        call for path in folder.glob("*.jinja") for call in re.findall(r"(?<![\w.])_n?\(.", path.read_text("utf-8"))
    ]
    assert len(calls) > 100
    assert {call[-1] for call in calls} == {'"'}


def test_a_draft_that_another_notice_speaks_instead_of_says_so() -> None:
    html = page()
    assert "draft, en; superseded by n_1" in html
    assert html.count("superseded by") == 1
    assert "State as of 2 March 2026, 04:30." in html


def test_a_page_without_anything_but_areas_still_reads() -> None:
    of = {name: frame if name == "area_ranking" else frame.iloc[:0] for name, frame in tables().items()}
    of["area_ranking"] = of["area_ranking"].assign(is_listed=False)
    html = page(of)
    assert Outline(html).open == []
    for said in (
        "None of 2 areas",
        "No square was forecast",
        "No market was found",
        "No notice was drafted",
        "first kept run",
    ):
        assert said in html


def test_further_sets_stand_under_the_areas_each_with_its_own_k() -> None:
    html = page()
    section = html[html.index('<section id="areas">') : html.index('<section id="forecast">')]
    assert re.findall(r"<h3>(.*?)</h3>", section) == ["Set beat: the first 20 of 25 areas", "Set ward: all 2 areas"]
    assert re.findall(r"Chance of being among the (\d+) worst</button>", section) == ["5", "9", "1"]
    beats = section[section.index("Set beat") : section.index("Set ward")]
    assert re.findall(r'<th scope="row">Old Town (\d+)</th>', beats) == [str(i) for i in range(24, 4, -1)]  # by rank
    assert "likely 1 to 25 of 25" in beats
    assert "The others are in the downloads." in beats
    assert "in the downloads" not in section[section.index("Set ward") :]


def test_missing_figures_are_dashes() -> None:
    of = tables()
    nothing = {name: None for name in of["area_ranking"].columns if name.endswith(("_share", "_per_day", "_lo", "_hi"))}
    of["area_ranking"] = of["area_ranking"].assign(
        **{**nothing, "rank_lo": 1, "rank_hi": 2, "moves_out_if": None, "evidence_ids": None}
    )
    html = page(of)
    assert not re.search(r"\bnan\b|NaT|>None<", re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL))


def test_a_first_run_read_back_from_its_table_has_no_predecessor() -> None:
    of = tables()
    of["place_change"] = of["place_change"].iloc[:0]
    read_back = pd.Series([None], dtype="str").iloc[0]  # what a null text is after reading
    assert "This is the first kept run" in page(of, predecessor_run_id=read_back)
    assert "Nothing changed since run <code>r0</code>" in page(of, predecessor_run_id="r0")


def test_a_pseudonym_is_refused_and_not_quoted() -> None:
    of = tables(f"near {PERSON}")
    with pytest.raises(PublicationError) as caught:
        page(of)
    assert PERSON not in str(caught.value)


def test_inputs_are_left_alone() -> None:
    of = tables()
    before = {name: frame.copy() for name, frame in of.items()}
    page(of)
    for name, frame in of.items():
        pd.testing.assert_frame_equal(frame, before[name])


def test_the_forecast_stands_beside_the_count() -> None:
    assert naive_overlap(tables()["cell_forecast"]) == 0
    same = tables()["cell_forecast"].assign(naive_rank=range(1, 41))
    assert naive_overlap(same) == 20


def test_address_piles_stand_apart_with_their_reason_and_are_marked_in_the_forecast() -> None:
    html = page(tables())
    apart = html[html.index('id="piles"') : html.index('id="markets"')]
    assert "reason 0" in apart and "reason 1<" not in apart  # a cell that is no pile is not shown as one
    assert "The 20 ranked first of 24." in apart
    assert re.findall(r"<code>(c\d\d)</code> <span class=\"tag quiet\">address pile", html) == ["c02"]
    of = tables()
    of["address_pile"] = of["address_pile"].assign(is_address_pile=False)
    assert 'id="piles"' not in page(of)


def test_outlines_run_east_and_south_from_the_corner_in_whole_metres() -> None:
    square = shapely.Polygon([(10, 20), (10, 30), (20, 30), (20, 20)])
    assert outline(square, (0, 0, 100, 100)) == "M10 80l0 -10 10 0 0 10z"
    holed = shapely.Polygon([(0, 0), (0, 9), (9, 9), (9, 0)], [[(3, 3), (6, 3), (6, 6), (3, 6)]])
    assert outline(holed, (0, 0, 9, 9)).count("M") == 2
    two = shapely.MultiPolygon([square, shapely.box(50, 50, 60, 60)])
    assert outline(two, (0, 0, 100, 100)).count("z") == 2


def test_the_map_draws_the_top_cells_the_greatest_last() -> None:
    drawing = draw_map(shapes(tables()))
    assert drawing.cell_count == len(drawing.cells) == DRAWN_SHARE * 40
    assert [shape.row["rank"] for shape in drawing.cells] == [2, 1]
    assert drawing.cell_share_of_harm == pytest.approx((40 + 39) / 820)
    assert [shape.grade for shape in drawing.areas] == [5, 1]
    assert (drawing.width_m, drawing.height_m) == (6360, 6360)
    assert drawing.scale_m == 1000


def test_cells_of_one_area_are_graded_by_those_of_the_force_and_a_cell_asked_for_is_drawn_whatever_its_rank() -> None:
    layers = shapes(tables())
    cells = layers["cells"]
    assert cells is not None
    some = cells[cells["rank"] % 7 == 2]  # 2, 9, …, of 40
    drawn = draw_map({**layers, "cells": some}, cell_count=40, always=[cells["cell_id"].iloc[15]]).cells
    assert [(shape.row["rank"], shape.grade) for shape in drawn] == [(16, -1), (2, 0)]
    assert {shape.row["rank"]: shape.grade for shape in draw_map(layers).cells}[2] == 0


def test_neighbours_keep_their_common_border_when_simplified() -> None:
    wiggle = [(3000 + 0.2 * (i % 2), 10 * i) for i in range(601)]
    west = shapely.Polygon([(0, 6000), (0, 0), *wiggle])
    east = shapely.Polygon([(6000, 6000), (6000, 0), *wiggle])
    layers = shapes(tables())
    areas = layers["areas"]
    assert areas is not None
    layers["areas"] = areas.set_geometry(gpd.GeoSeries([west, east], crs=CRS))
    one, other = draw_map(layers).areas
    # Of 599 corners on the border one is left, the same for both.
    assert one.outline == "M3180 6180l0 -5990 0 -10 -3000 0 0 6000z"
    assert other.outline == "M3180 6180l0 -5990 0 -10 3000 0 0 6000z"


def test_layers_in_another_coordinate_system_are_refused() -> None:
    layers = shapes(tables())
    markets = layers["markets"]
    assert markets is not None
    with pytest.raises(ValueError, match="markets have crs EPSG:32617"):
        draw_map({**layers, "markets": markets.set_crs("EPSG:32617", allow_override=True)})
    areas = layers["areas"]
    assert areas is not None
    with pytest.raises(ValueError, match="expected a metric one"):
        draw_map({"areas": areas.set_crs("EPSG:4326", allow_override=True)})
    with pytest.raises(ValueError, match="at least one area"):
        draw_map({"areas": None})


def test_points_of_interest_are_one_path_for_each_kind() -> None:
    points = gpd.GeoDataFrame(
        {"kind": ["school", "park", "school"]}, geometry=gpd.points_from_xy([0, 10, 20], [6000, 6000, 6000]), crs=CRS
    )
    drawing = draw_map({**shapes(tables()), "points_of_interest": points})
    assert drawing.points == {"park": "M190 180h0", "school": "M180 180h0M200 180h0"}


def test_the_record_of_earlier_forecasts_is_shown_the_latest_first() -> None:
    html = page()
    record = html[html.index('id="outcomes"') : html.index('id="markets"')]
    made = re.findall(r"<th scope=\"row\">([^<]+)</th>", record)
    assert made == ["15 February 2026, 00:00", "8 February 2026, 00:00", "1 February 2026, 00:00"]
    assert 'class="line ours"' in record and 'class="line theirs"' in record
    assert "last year's count" in record.replace("&#39;", "'")


def test_a_run_without_a_record_says_so() -> None:
    assert "No earlier forecast has come due yet." in page({**tables(), "outcome_monitor": rows("outcome_monitor", 0)})


def test_a_column_with_show_appears_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    known = read_tables()
    market = known.published["market"]
    cell = Cell("Calm at {{ top_k }}", digits=1)
    toy = Column("calm_days", "DOUBLE", "Days without a report.", "days", Show(report=(cell,)))
    with_toy = replace(market, columns=(*market.columns, toy))
    monkeypatch.setattr(
        "pipeline.pages.report.read_tables", lambda: replace(known, published={**known.published, "market": with_toy})
    )
    of = tables()
    html = page({**of, "market": of["market"].assign(calm_days=12.25)})
    assert "Calm at 5</button>" in html
    assert '<td class="n" data-v="12.25">12.2</td></tr>' in html


def test_a_heading_stands_where_its_figures_do() -> None:
    html = page()
    compared = 0
    for table in re.findall(r'<table class="sortable">.*?</table>', html, re.DOTALL):
        head, body = table.split("</thead>")
        heads = ['class="n"' in attributes for attributes in re.findall(r"<th( [^>]*)>", head)]
        sortable = ["<button" in cell for cell in re.findall(r"<th .*?</th>", head, re.DOTALL)]
        cells = re.findall(r"<t[dh]( [^>]*)?>", body.split("</tr>")[0])
        for is_right, can_sort, attributes in zip(heads, sortable, cells, strict=True):
            assert is_right == (can_sort and bool(re.search(r'class="n\b', attributes)))
            compared += is_right
    assert compared > 15


def test_the_longest_bar_of_hours_is_found_once_for_the_page() -> None:
    template = page_environment().get_template("report_cells.html.jinja")
    bar = template.make_module({"most_hours": 28}).hours_bar(
        {"today_hours": 14, "proposed_hours": 28}, "today_hours", 0
    )
    assert 'd="M50.0 7H100.0"' in bar
    assert 'd="M71.4 7H100.0"' in page()  # 10 of at most 14 hours


def test_no_rule_but_its_own_takes_the_colour_of_an_axis() -> None:
    css = page().split("<style>")[1].split("</style>")[0]
    declared = re.findall(r"(--[\w-]+):", css.split("}")[0])
    assert len(declared) == len(set(declared))
    assert {f"--axis-{name}" for name in AXES} <= set(declared)
    assert not {f"--{name}" for name in AXES} & set(declared)  # --ratio is the shape of the map
    for name in AXES:
        assert css.count(f".axis-{name} {{ background: var(--axis-{name}); }}") == css.count(f"var(--axis-{name})") == 1
        assert f'<i class="axis-{name}"></i>' in page()


def test_every_cell_has_a_macro_and_every_axis_its_columns() -> None:
    macros = page_environment().get_template("report_cells.html.jinja").module
    columns = [column for table in read_tables().published.values() for column in table.shown]
    assert all(hasattr(macros, cell.draw or "number") for column in columns for cell in column.show.report)
    described = read_tables().published["area_ranking"].column_names
    for name, axis in AXES.items():
        for column in (axis.rate, f"{name}_share", f"rank_without_{name}"):
            assert column in described, f"axis {name}: describe {column} under area_ranking in tables.yml"


def test_what_the_checks_say_stands_on_top_and_every_check_in_the_table() -> None:
    of = tables()
    assert warnings_of(RUN, of) == warnings_of(RUN, {**of, "quality_check": of["quality_check"].iloc[:0]})
    said = {"outcome": ["warning", "failed"], "detail": ["No axis <has> data.", "All outside."], "way_out": "Load it."}
    of["quality_check"] = of["quality_check"].assign(**said)
    assert warnings_of(RUN, of)[:2] == said["detail"]
    html = page(of)
    assert html.count("No axis &lt;has&gt; data.") == 2 and "<has>" not in html
    assert html.count("<td>All outside.</td>") == 1
    assert "Load it." not in html  # what an analyst can do stands in the terminal


def test_an_unusable_run_says_so_at_the_head_of_the_page() -> None:
    said = "This run is unusable"
    assert said not in page()
    html = page(is_usable=False, unusable_because="100% of incidents lie outside every area.")
    assert html.index(said) < html.index("<main>")


def test_how_near_the_list_is_stands_under_it_and_not_among_the_warnings() -> None:
    of = tables()
    near = of["quality_check"].iloc[:1].assign(check_name="near_list", outcome="warning", detail="The nearest is Hill.")
    of["quality_check"] = pd.concat([of["quality_check"], near])
    assert "The nearest is Hill." not in warnings_of(RUN, of)
    assert '<p class="when">The nearest is Hill.</p>' in page(of)


def test_other_choices_are_shown_with_the_names_of_areas() -> None:
    html = page(tables("Old Town"))
    section = html[html.index('id="sensitivity"') :].split("</table>")[0]
    assert section.index("the ranking itself") < section.index("half-life 90 days")
    assert "<td>Old Town</td>" in section


def test_the_page_says_how_far_ahead_it_looks_and_tells_no_chance_below_one_percent_from_another() -> None:
    of = tables()
    of["area_ranking"] = of["area_ranking"].assign(horizon_days=30, p_top_k=[0.004, 0.0], rank_now_lo=3, rank_now_hi=4)
    html = page(of)
    assert "areas over the next 30 days." in html
    assert "by the rates now 3 to 4 (80%)" in html
    assert html.count("<small>&lt;1%</small>") >= 2
    assert "<small>0%</small>" not in html[html.index('<section id="areas">') : html.index("<h3>Set")]


@pytest.mark.parametrize(("reports", "said"), [(0.0, "There is no public report"), (3.0, "No market was found")])
def test_without_a_report_of_dealing_no_market_could_be_found(reports: float, said: str) -> None:
    of = tables()
    counted = pd.DataFrame([("dealing_reports", reports, "reports", False, "")], columns=of["data_quality"].columns)
    assert said in page({**of, "market": of["market"].head(0), "data_quality": counted})
