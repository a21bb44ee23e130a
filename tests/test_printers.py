"""Nothing from outside is markup: every printer is given the same hostile texts, and each says what inert means to it.

A text comes from outside if a source, a map, a table of names or a person gave it: labels of offences, names of areas
and places, ids of incidents and warrants, names of sources, reasons.
"""

import csv
import io
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import pandas as pd
import pyogrio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from python_calamine import CalamineWorkbook

from flows.command.printing import print_frame, print_json, print_object
from flows.schedule.daily import RunSummary
from geo.layers import write_layers
from pipeline.briefing.embedded import packed_tables, question_json
from pipeline.briefing.shift_sheet_pdf import shift_sheet_pdf
from pipeline.errors import PublicationError
from pipeline.pages.audit import render_fairness
from pipeline.pages.notice import render_notice
from pipeline.pages.notice_pdf import notice_pdf
from pipeline.pages.svg_plots import Interval, interval_plot, line_plot
from pipeline.publication.downloads import write_csv, write_workbook
from pipeline.terminal_text import inert_in_page
from pipeline.wording.catalogue import read_catalogue
from tests.geo.layers import invented
from tests.pipeline.briefing.test_shift_sheet import SHEET, ZONE
from tests.pipeline.pages import test_report as report
from tests.pipeline.pages.test_fairness_page import page_of
from tests.pipeline.pages.test_notice import AREA, PERSON

MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)
HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload='x",
    "</template></svg><b>",
    "<!--",
    "]]><![CDATA[",
    "&lt;b&gt; &amp;",
    "{{ 7*7 }} {% raw %} {nb} %(x)s {0.__class__} $title ${x}",
    "[x](javascript:alert(1)) ![i](http://x.example/i.png) <http://x.example>",
    "http://x.example HTTPS://x.example www.x.example WWW.x.example a@x.example",
    "| a | b |\n| --- | --- |\n# head\n---\n- item\n> quote",
    "**bold** __bold__ `code` ~~gone~~",
    "W[/x] [red]W7[b][/] :skull:",
    "\x1b[31mred\x1b]8;;http://x.example\x07 \x9b2J \x07\x08\x7f",
    "a\u202ecod.exe \u2066x\u2069 \u200bz\ufeff",
    '=HYPERLINK("http://x.example")',
    "+1+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "\ufeff=1+1",
    "\u200b@x",
    "＝1+1",
    "[% \"x\" %] ' || @now || '",
    'a,b;"c"\r\nd',
    "'; DROP TABLE store; --",
]
# What a database or file can hold as text: no lone surrogates and no NUL.
WILD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30)
TEXTS = st.lists(st.sampled_from(HOSTILE) | WILD | st.tuples(WILD, st.sampled_from(HOSTILE)).map("".join), min_size=1)
EACH = pytest.mark.parametrize("text", HOSTILE)
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Structure(HTMLParser):
    """The tags of a page with the names of their attributes, its scripts and styles, and its visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[Any] = []
        self.code: list[str] = []
        self.text = ""
        self._is_code = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, [name for name, _ in attrs]))
        self._is_code = tag in ("script", "style")
        for name, value in attrs:
            assert not name.startswith("on")
            if name in ("href", "src", "action"):
                assert re.match(r"#|geo:|https?://maps\.example/|data:image/", value or ""), value
            if name == "srcdoc":
                self.tags.append(Structure(value or "").tags)

    def handle_endtag(self, tag: str) -> None:
        self._is_code = False
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self._is_code:
            self.code.append(data)
        else:
            self.text += data

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment", data))


def printed(write: Any, *arguments: Any, **options: Any) -> str:
    with redirect_stdout(io.StringIO()) as out:
        write(*arguments, **options)
    return out.getvalue()


def only_letters(text: str) -> str:
    return "".join(sign for sign in text if sign.isascii() and sign.isalnum())


@given(texts=TEXTS)
def test_on_a_terminal_nothing_steers_and_every_letter_is_there(texts: list[str]) -> None:
    frame = pd.DataFrame({"why": texts, "evidence_ids": [[text, "i1"] for text in texts]})
    for said in (
        printed(print_frame, frame, title=texts[0], as_json=False),
        printed(print_object, {}, [f"because {text}" for text in texts], as_json=False),
    ):
        assert all(sign.isprintable() or sign == "\n" for sign in said)
    assert "W[/x] [red]W7[b][/] :skull:" in printed(
        print_frame, pd.DataFrame({"warrant_id": [HOSTILE[12]]}), title="t", as_json=False
    )


@given(texts=TEXTS)
def test_json_on_a_terminal_says_the_same_in_characters_that_are_printed(texts: list[str]) -> None:
    said = printed(print_json, {"texts": texts})
    assert json.loads(said) == {"texts": texts}
    assert all(sign.isprintable() or sign == "\n" for sign in said)
    figures = {"figures": [float("nan"), float("-inf"), 1.5]}
    assert json.loads(printed(print_json, figures), parse_constant=pytest.fail) == {"figures": [None, None, 1.5]}


def page_with(text: str) -> str:
    """The report with a text in the place of every text that no test needs."""
    report.DEFAULTS["VARCHAR"], report.DEFAULTS["VARCHAR[]"] = text, [text, text]
    try:
        of = report.tables(text)
        of["offence_ranking"] = report.rows("offence_ranking", 2, area_id=["a@1", "b@1"], rank=[1, 2])
        of["recent_incident"] = report.rows("recent_incident", 2, incident_id=[text, "i2"])
        of["data_quality"] = of["data_quality"].assign(detail=text)
        of["area_notice"] = of["area_notice"].assign(body_html="<p>made by us</p>")
        return report.page(of, force_name=text)
    finally:
        report.DEFAULTS["VARCHAR"], report.DEFAULTS["VARCHAR[]"] = "v", ["v", "w"]


@pytest.fixture(scope="module")
def plain_page() -> Structure:
    return Structure(page_with("harmless"))


@EACH
def test_the_report_has_the_same_elements_and_scripts_whatever_its_texts(text: str, plain_page: Structure) -> None:
    html = page_with(text)
    found = Structure(html)
    assert found.tags == plain_page.tags
    assert found.code == plain_page.code
    assert not STEERS.search(html.replace("\r", ""))


@given(text=WILD)
@settings(max_examples=3)
def test_no_text_changes_the_elements_of_the_report(text: str, plain_page: Structure) -> None:
    assert Structure(page_with(f"x{text}")).tags == plain_page.tags


def notices(text: str) -> Iterator[dict[str, Any]]:
    said = {"sender": text, "legal_basis": text, "help_contact": text, "complaint_route": text, "approved_by": text}
    yield {**AREA, **said, "area_name": text, "evidence_ids": [text]}
    facts = [{**fact, "label": text, "evidence_id": text} for fact in PERSON["facts"]]
    yield {**PERSON, **said, "recipient": text, "facts": facts}


@given(text=st.sampled_from(HOSTILE) | WILD)
@settings(max_examples=8)
def test_a_notice_has_the_same_elements_and_a_pdf_with_the_text_or_none(text: str) -> None:
    for fields, plain in zip(notices(f"x{text}"), notices("harmless"), strict=True):
        page = render_notice(fields)
        assert Structure(page.body_html).tags == Structure(render_notice(plain).body_html).tags
        assert not STEERS.search(page.body_html.replace("\r", ""))
        try:
            content = notice_pdf(page.body_html, title=page.title, language="en", written_at=MADE_AT)
        except PublicationError as error:
            assert "U+" in str(error)  # the typeface lacks a character
        else:
            assert not re.search(rb"/JavaScript|/JS\b|/Launch|/URI|/OpenAction\s*<<|/AA\b|/EmbeddedFile", content)


@EACH
def test_the_fairness_page_has_the_same_elements_whatever_groups_are_called(text: str) -> None:
    html = render_fairness(page_of(text, text))
    assert Structure(html).tags == Structure(render_fairness(page_of("north", "quarter"))).tags
    assert not STEERS.search(html.replace("\r", ""))


@EACH
def test_a_shift_sheet_holds_a_text_as_it_is_or_is_refused(text: str) -> None:
    stops = tuple(replace(stop, place=text) for stop in SHEET.stops)
    sheet = replace(SHEET, stops=stops, area_name=text, force_name=text, help_contact=text, link="geo:{lat},{lon}")
    try:
        content = shift_sheet_pdf(sheet, read_catalogue("en"), made_at=MADE_AT)
    except PublicationError as error:
        assert "U+" in str(error) or "does not fit on one page" in str(error)
    else:
        assert inert_in_page(text) == text
        assert not re.search(rb"/JavaScript|/JS\b|/Launch|/EmbeddedFile", content)
        assert set(re.findall(rb"/URI \((.{0,4})", content)) == {b"geo:"}


def test_the_number_of_pages_is_written_for_no_text() -> None:
    """fpdf2 replaces {nb} wherever it stands; a sheet of a place called so has the same glyphs as one called {mb}."""
    sizes = []
    for name in ("{nb} {nb} {nb}", "{bn} {bn} {bn}"):
        sheet = replace(SHEET, area_name=name)
        sizes.append(len(shift_sheet_pdf(sheet, read_catalogue("en"), made_at=MADE_AT)))
    assert abs(sizes[0] - sizes[1]) < 8, "the glyphs are the same, in another order"


@given(texts=TEXTS)
def test_a_csv_gives_the_texts_back_and_no_cell_is_a_formula(texts: list[str]) -> None:
    written = write_csv(pd.DataFrame({"why": texts, "harm": [-1.5] * len(texts)}), ZONE)
    _, *rows = csv.reader(io.StringIO(written, newline=""))
    for text, (cell, figure) in zip(texts, rows, strict=True):
        assert only_letters(cell) == only_letters(text)
        assert figure == "-1.5"
        begins = "".join(sign for sign in cell if sign.isprintable() and not sign.isspace())
        assert not begins.startswith(("=", "@", "＝", "＋", "－", "＠"))
        assert not begins.startswith(("+", "-")) or re.fullmatch(r"[-+][0-9.]+([eE][-+]?[0-9]+)?", cell)


@given(texts=TEXTS)
@settings(max_examples=30)
def test_a_workbook_holds_every_text_as_text(texts: list[str]) -> None:
    content = write_workbook({"t": pd.DataFrame({"why": texts})}, zone=ZONE, made_at=MADE_AT, notes=texts)
    with ZipFile(io.BytesIO(content)) as book:
        for name in book.namelist():
            if name.endswith((".xml", ".rels")):
                ET.fromstring(book.read(name))
                assert b"<f>" not in book.read(name)
                assert b"hyperlink" not in book.read(name)
    _, *rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_name("t").to_python()
    assert [only_letters(str(row[0])) for row in rows] == [only_letters(text) for text in texts]


@given(texts=TEXTS)
def test_a_summary_for_prefect_is_headings_a_table_and_plain_text(texts: list[str]) -> None:
    summary = RunSummary(
        "r1", MADE_AT, MADE_AT, True, {"market": 1}, {}, 1.0, texts[0], texts[-1], tuple(texts), texts[0]
    )
    parsed = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(summary.markdown())
    blocks = {token.tag for token in parsed if token.tag}
    assert blocks <= {"h1", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert [token.tag for token in parsed].count("table") == 2  # its opening and its end
    inline = {child.type for token in parsed for child in token.children or ()}
    assert inline <= {"text", "strong_open", "strong_close", "text_special"}
    source = "".join(token.content for token in parsed)
    assert not re.search(r"https?://|www\.|(?<!\\)@", source), "what some renderers make a link of by themselves"


@given(text=st.sampled_from(HOSTILE) | WILD)
def test_plots_are_well_formed_and_hold_a_text_as_text(text: str) -> None:
    for svg in (
        interval_plot([Interval(text, 0.5, 0.4, 0.6, "ours")], title=text, is_share=True),
        line_plot([text, text], {text: [0.1, 0.2], f"{text}b": [0.2, 0.1]}, title=text),
    ):
        names = Structure(f"<html>{svg}</html>").tags
        assert {tag for tag, *_ in (name for name in names if isinstance(name, tuple))} <= {
            *("html", "svg", "path", "circle", "rect", "text"),
        }


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Layers of a city whose areas are called by the hostile texts."""
    folder = tmp_path_factory.mktemp("layers")
    city = invented.city(len(HOSTILE), 1)
    city["areas"] = city["areas"].assign(area_name=HOSTILE, evidence_ids=[[text] for text in HOSTILE])
    run = {**invented.RUN, "force_name": "".join(HOSTILE), "warning": "".join(HOSTILE)}
    write_layers(city, folder, run=run, themes=invented.THEMES)
    return folder


def test_layers_give_every_text_back_as_it_was(layers: Path) -> None:
    for file in ("harmspot.gpkg", "areas.geojson"):
        named = {"layer": "areas"} if file.endswith("gpkg") else {}
        assert sorted(pyogrio.read_dataframe(layers / file, **named)["area_name"]) == sorted(HOSTILE)
    json.loads((layers / "areas.geojson").read_text(encoding="utf-8"), parse_constant=pytest.fail)


def test_project_styles_and_metadata_of_layers_are_well_formed(layers: Path) -> None:
    with ZipFile(layers / "harmspot.qgz") as project:
        root = ET.fromstring(project.read("harmspot.qgs"))
    with closing(sqlite3.connect(layers / "harmspot.gpkg")) as package:
        documents = [
            *package.execute("SELECT metadata FROM gpkg_metadata"),
            *package.execute("SELECT styleQML FROM layer_styles"),
        ]
    for (document,) in documents:
        ET.fromstring(document)
    assert len(documents) > 2
    assert not root.findall(".//action")


def test_a_map_tip_is_a_page_in_which_a_name_is_escaped(layers: Path) -> None:
    with ZipFile(layers / "harmspot.qgz") as project:
        root = ET.fromstring(project.read("harmspot.qgs"))
    tips = [tip.text or "" for tip in root.findall(".//mapTip")]
    assert len(tips) > 1
    for tip in tips:
        for expression in re.findall(r"\[% (.*?) %\]", tip, re.DOTALL):
            is_number = expression.startswith("round(") or re.fullmatch(r'"(rank|is_listed|rank_before)"', expression)
            assert is_number or re.fullmatch(
                r"replace\(replace\(replace\(.*, '&', '&amp;'\), '<', '&lt;'\), '>', '&gt;'\)", expression, re.DOTALL
            ), expression


@given(texts=TEXTS)
def test_tables_inside_the_page_are_json_that_a_browser_reads(texts: list[str]) -> None:
    count = len(texts)
    figures = [float("inf"), float("-inf"), float("nan"), 1.0]
    frame = report.rows("offence_ranking", count, offence_group=texts, p_top_k=(figures * count)[:count])
    frame = frame.assign(rank=pd.Series((figures * count)[:count], dtype=object))
    read = json.loads(question_json(frame), parse_constant=pytest.fail)
    assert dict(zip(read["columns"], read["values"], strict=True))["offence_group"] == texts
    assert packed_tables({"t": frame}, ZONE)


def sources(*packages: str) -> Iterator[tuple[str, str]]:
    root = Path(__file__).parents[1]
    for package in packages:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in (".py", ".jinja", ".html"):
                yield str(path.relative_to(root)), path.read_text(encoding="utf-8")


def test_every_page_is_made_where_texts_are_escaped_and_nothing_steers() -> None:
    made = {name: text for name, text in sources("pipeline", "flows", "geo") if " Environment(" in text}
    assert made.keys() == {"pipeline/pages/base.py", "pipeline/pages/notice.py"}
    assert all("autoescape=True,\n" in text and "finalize=inert_value,\n" in text for text in made.values())
    unescaped = [name for name, text in sources("pipeline") if re.search(r"\|\s*safe\b|autoescape\s+false", text)]
    assert not unescaped


def test_every_csv_is_written_without_formulas() -> None:
    writing = {name: text for name, text in sources("pipeline", "flows", "geo", "models") if ".to_csv(" in text}
    assert writing.keys() == {"pipeline/publication/downloads.py", "flows/command/dead_letters.py"}
    for text in writing.values():
        assert all(line.count("without_formulas(") for line in text.splitlines() if ".to_csv(" in line)
