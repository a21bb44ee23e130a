"""The brief's content, page and PDF: four pages at most whatever is in it, tagged, the same every time, places only."""

import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from models.places.axes import AXES
from pipeline.errors import PublicationError
from pipeline.map_link import DEFAULT
from pipeline.pages.brief import pdf as pdf_module
from pipeline.pages.brief.brief import Asked, Brief, first_page
from pipeline.pages.brief.drawing import draw_brief_map, key_of, words_for
from pipeline.pages.brief.page import brief_page
from pipeline.pages.brief.pdf import brief_pdf
from pipeline.pages.brief.record import later_sections
from pipeline.pages.brief.sections import Item, Part, Section
from pipeline.pages.svg_map import draw_map
from pipeline.wording.catalogue import Catalogue, read_catalogue
from tests.pipeline.pages.test_report import HOSTILE, PERSON, RUN, rows, shapes, tables
from tests.soak import sample

LONG = "Intersection of the Very Long Avenue of the Liberators and the Old Northern Ring Road (eastern ramp) " * 2
MANY = [f"{LONG[:23]}…"] * 40  # names of areas below the map, each as long as it may be


def all_tables(name: str = "Old Town") -> dict[str, pd.DataFrame]:
    """Every table that a brief reads, with as many rows as it may show and more."""
    at = pd.to_datetime([f"2026-03-01T{hour:02}:05Z" for hour in range(13, 24)])
    cells = [f"c{i:02d}" for i in range(5) for _ in at]
    of = tables(name)
    areas = [f"x{i}@1" for i in range(40)]
    many = rows("area_ranking", 40, area_id=areas, area_name=f"{name} of the hill", rank=range(3, 43), p_top_k=0.7,
                is_listed=True)  # fmt: skip
    return {
        **of,
        "area_ranking": pd.concat([of["area_ranking"], many], ignore_index=True),
        "cell_forecast": of["cell_forecast"].assign(place=name),
        "visit_plan": rows("visit_plan", len(cells), cell_id=cells, starts_at=[*at] * 5, minutes=12, place=name,
                           chosen_for="forecast", mostly=[[name, name, name]] * len(cells)),
        "area_recent": rows("area_recent", 40, area_id=areas),
        "area_evidence": rows("area_evidence", 40, area_id=areas, offence=name),
        "crime_focus": rows("crime_focus", 120, area_id=areas * 3, focus_rank=[*([1] * 40), *([2] * 40), *([3] * 40)],
                            label=name),
        "recent_incident": rows("recent_incident", 30, place=name, offence=name, area_id="a@1"),
        "place_change": rows("place_change", 30, place_kind="hotspot", place=name, change="rose", why=name),
        "crackdown_plan": rows("crackdown_plan", 9, next_step="announce", area_id="a@1"),
        "promise": rows("promise", 30, status="broken", promised=name, why=name),
        "operation_register": rows("operation_register", 30, state="running", answer="better"),
        "scoreboard": rows("scoreboard", 2, scope="force", span=["month", "year"], promises_due=12, not_recorded=None),
        "enforcement_ledger": rows("enforcement_ledger", 2, scope="force", span=["month", "year"], not_recorded=None),
        "sensitivity_summary": rows("sensitivity_summary", 9, into_top_k=[areas] * 9, out_of_top_k=[areas] * 9,
                                    meaning=name),
        "data_quality": rows("data_quality", 60, is_warning=True, detail=name),
    }  # fmt: skip


def asked(of: dict[str, pd.DataFrame] | None = None, **how: Any) -> Asked:
    given = {
        "run": {**RUN, "predecessor_run_id": "r0"}, "tables": of or all_tables(), "area_id": None, "area": None,
        "cell_count": 40,
        "axes": AXES, "written_at": datetime(2026, 3, 1, 12, tzinfo=UTC), "catalogue": Catalogue(), "link": DEFAULT,
        "shifts": {"early": (420, 900), "late": (900, 1380), "night": (1380, 420)}, "help_contact": "Ask anybody",
        "complaint_route": "Write to us",
    }  # fmt: skip
    return Asked(**(given | how))


def brief_of(what: Asked) -> Brief:
    first = first_page(what)
    return Brief(**first, sections=later_sections(what, first["places"], {"better": "It helped"}, {}))


@cache
def usual() -> Brief:
    return brief_of(asked())


@cache
def of_map() -> tuple[Any, str, Any]:
    """The map, what it shows, what its colours mean."""
    drawing = draw_map(shapes(tables()), always=[place.cell_id for place in usual().places])
    svg = draw_brief_map(drawing, usual().places, Catalogue(), is_one_area=False)
    return svg, words_for(drawing, usual().places, Catalogue()), key_of(RUN, MANY, Catalogue(), is_one_area=False)


def made(brief: Brief) -> tuple[bytes, bytes]:
    """The PDF and the page."""
    pdf = brief_pdf(brief, *of_map(), made_at=RUN["as_of"].to_pydatetime())
    return pdf, brief_page(brief, *of_map(), Catalogue())


def read(pdf: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(pdf))


def text_of(pdf: bytes) -> str:
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in read(pdf).pages))


@pytest.mark.parametrize("name", ["Old Town", LONG])
@pytest.mark.parametrize("language", ["en", "es"])
def test_the_longest_brief_has_four_pages_and_its_first_stands_alone(name: str, language: str) -> None:
    pdf, _ = made(brief_of(asked(all_tables(name), catalogue=read_catalogue(language))))
    pages = [page.extract_text() for page in read(pdf).pages]
    assert len(pages) <= 4
    title = {"en": "The target list, and why", "es": "La lista y sus razones"}[language]
    assert title in pages[0] and title not in pages[1]


LETTERS = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])
WORDS = st.text(LETTERS, max_size=70)
SECTIONS = st.builds(
    Section,
    WORDS.filter(str.strip),
    st.lists(
        st.one_of(
            st.builds(Part.said, WORDS),
            st.builds(lambda points: Part(points=tuple(points)), st.lists(st.builds(Item, WORDS, WORDS), max_size=4)),
            st.builds(lambda cells: Part(head=("A", "B"), rows=((cells[0], cells[1]),)), st.tuples(WORDS, WORDS)),
        ),
        max_size=6,
    ).map(tuple),
)


@settings(max_examples=sample(10, whole=500))
@given(WORDS.filter(str.strip), WORDS, st.lists(SECTIONS, max_size=3), st.lists(SECTIONS, max_size=2))
@pytest.mark.sampled
def test_any_words_make_a_tagged_pdf(title: str, words: str, below: list[Section], later: list[Section]) -> None:
    brief = replace(usual(), title=title, force=words, alarms=(words,), summary=(words, words), below=tuple(below),
                    sections=tuple(later))  # fmt: skip
    pdf = brief_pdf(brief, *of_map(), made_at=RUN["as_of"].to_pydatetime())
    assert len(read(pdf).pages) <= 4
    assert "/StructTreeRoot" in read(pdf).root_object


def test_the_pdf_is_tagged_and_carries_text_typeface_title_and_language() -> None:
    pdf, _ = made(usual())
    found = read(pdf)
    root = found.root_object
    assert root["/MarkInfo"]["/Marked"] and root["/Lang"] == "en" and root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert found.metadata and found.metadata.title == "Morning brief: Testford"
    assert b"pdfuaid" in root["/Metadata"].get_object().get_data()
    kinds, figures = set(), []

    def walk(node: Any) -> None:
        node = node.get_object()
        if isinstance(node, list):
            for each in node:
                walk(each)
        elif isinstance(node, dict) and "/S" in node:
            kinds.add(node["/S"])
            figures.extend([node["/Alt"]] if node["/S"] == "/Figure" else [])
            walk(node.get("/K", []))

    walk(root["/StructTreeRoot"]["/K"])
    assert {"/H1", "/H2", "/H3", "/P", "/L", "/LI", "/Table", "/TH", "/TD", "/Figure", "/Link"} <= kinds
    assert len(figures) == 1 and figures[0].startswith("Map of 2 areas") and "A: Old Town" in figures[0]
    fonts = [font.get_object() for page in found.pages for font in page["/Resources"]["/Font"].values()]
    for font in fonts:
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert "Lato" in descriptor["/FontName"] and {"/FontFile2", "/FontFile3"} & set(descriptor)
        assert "/ToUnicode" in font
    assert "Where to be on 1 March 2026" in text_of(pdf)


def test_the_same_content_gives_the_same_bytes() -> None:
    assert made(usual()) == made(brief_of(asked()))


def test_page_and_pdf_say_the_same() -> None:
    brief = usual()
    pdf, html = made(brief)
    printed, shown = text_of(pdf), re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", html.decode()))
    for said in (*brief.summary, brief.foot, *(place.why for place in brief.places)):
        assert said in printed and said in shown
    for section in (*brief.beside, *brief.below, *brief.sections):
        assert section.title in printed and section.title in shown
    assert printed.count(RUN["run_id"]) >= 1 and RUN["run_id"] in shown


def test_an_unusable_or_expired_run_says_so_on_top() -> None:
    late = asked(written_at=RUN["valid_to"] + timedelta(seconds=1))
    bad = asked(run={**RUN, "unusable_because": "half of it is missing"})
    assert "expired" in text_of(made(brief_of(late))[0])[:400]
    assert "half of it is missing" in text_of(made(brief_of(bad))[0])[:600]
    assert not usual().alarms


def test_hostile_names_are_words_and_a_letter_without_a_form_is_a_question_mark() -> None:
    pdf, html = made(brief_of(asked(all_tables(f"#panic() *x* {HOSTILE}"))))
    assert "#panic() *x* <script>" in text_of(pdf)
    assert b"<script" not in html and b"onload=x" in html
    assert "?? Lane" in text_of(made(replace(usual(), force="漢字 Lane"))[0])


def test_a_pseudonym_is_refused() -> None:
    with pytest.raises(PublicationError, match="names a person"):
        made(replace(usual(), force=PERSON))


def test_what_never_fits_is_refused_with_the_way_out() -> None:
    brief = replace(usual(), summary=("word",) * 900)
    with pytest.raises(PublicationError, match="does not fit on four pages"):
        made(brief)
    assert len(read(made(replace(usual(), summary=("word " * 900,)))[0]).pages) <= 4  # cut


def test_however_short_it_becomes_alarms_links_and_the_run_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_module, "FITS", pdf_module.FITS[-1:])
    usual_place = usual().places[0]
    alarm, link = "Do not plan with it, " * 9 + "ask.", "https://map.example/" + "9" * 80
    crowded = Section("Crowded", (Part.said("word " * 60),))
    brief = replace(usual(), alarms=(alarm,), sections=(crowded,), places=(replace(usual_place, link=link),))
    pdf, _ = made(brief)
    said = text_of(pdf)
    assert "word " * 20 not in said  # the last size, in which texts have 60 letters
    assert alarm in said and brief.foot in said
    links = [note.get_object()["/A"]["/URI"] for page in read(pdf).pages for note in page.get("/Annots", [])]
    assert link in links


def test_the_brief_of_an_area_tells_its_own_reason_and_rank_whatever_the_run_kept() -> None:
    of = all_tables() | {"area_recent": rows("area_recent", 0)}
    brief = brief_of(asked(of, area_id="x30@1", area="Old Town"))
    assert [point.lead for part in brief.below[0].parts for point in part.points] == ["Old Town of the hill"]
    assert brief.below[0].parts[0].points[0].text.startswith("rank 33, ")
    ranks = next(part for part in brief.sections[1].parts if part.rows and part.head[1] == "Rank")
    assert "33" in [row[1] for row in ranks.rows]


def test_a_change_that_no_area_is_known_of_says_so() -> None:
    of = all_tables() | {"place_change": rows("place_change", 2, place_kind="hotspot", is_unplaced=[True, False])}
    brief = brief_of(asked(of, area_id="x30@1", area="Old Town"))
    told = [point.text for part in brief.beside[0].parts for point in part.points][:2]
    assert ["Of the whole force" in each for each in told] == [True, False]
    assert "1 of them may lie in another area." in brief.summary[2]


def test_a_run_with_nothing_in_it_says_so() -> None:
    of = {name: frame.iloc[:0] for name, frame in all_tables().items()}
    of["area_ranking"] = tables()["area_ranking"].assign(is_listed=False)
    pdf, _ = made(brief_of(asked(of, run=RUN)))
    said = text_of(pdf)
    for words in ("None of 2 areas is on the target list.", "No place is named: no square was forecast.",
                  "This is the first kept run", "No earlier forecast has come due yet.",
                  "Nothing had been announced by then, so nothing was promised.", "Nothing was left out."):  # fmt: skip
        assert words in said, words
