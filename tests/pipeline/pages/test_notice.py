import os
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from models.governance.reading_age import reading_age
from pipeline.errors import PublicationError
from pipeline.pages.notice import TEMPLATES, languages, render_notice, render_notices
from pipeline.pages.notice_outline import Block, notice_text
from pipeline.pages.notice_outline import outline as outline_of
from pipeline.pages.notice_pdf import notice_pdf

ROOT = Path(__file__).resolve().parents[3]
COMMON: dict[str, Any] = {
    "notice_id": "n_1",
    "status": "draft",
    "language": "en",
    "sender": "The chief constable",
    "legal_basis": "The common-law duty of police to prevent crime and keep the peace",
    "help_contact": "Ask at any police station or treatment centre",
    "complaint_route": "Write to the force's professional standards department",
    "written_on": date(2026, 3, 1),
    "approved_by": "",
    "evidence_ids": ["i1", "i2"],
}
AREA: dict[str, Any] = {
    **COMMON,
    "kind": "area",
    "area_name": "Mill Lane",
    "starts_on": date(2026, 3, 8),
    "ends_on": date(2026, 4, 4),
    "window_weeks": 12,
    "is_provisional": False,
    "behaviours": ["flagrant_dealing", "violence", "disorder", "using_minors"],
    "facts": [
        {"behaviour": "flagrant_dealing", "report_count": 24},
        {"behaviour": "violence", "report_count": 1},
    ],
    "consequence": "daily_patrol_and_arrest_for_what_is_seen",
}
PERSON: dict[str, Any] = {
    **COMMON,
    "kind": "person",
    "recipient": "[[recipient]]",
    "respond_by": date(2026, 3, 15),
    "behaviours": ["flagrant_dealing", "violence", "disorder", "using_minors"],
    "facts": [
        {
            "behaviour": "violence",
            "label": "Robbery",
            "role": role,
            "occurred_on": date(2026, 1, 30),
            "evidence_id": f"i{i}",
        }
        for i, role in enumerate(["suspect", "charged", "convicted"])
    ],
    "consequence": "case_to_the_prosecutor_if_it_happens_again",
}
BOTH = pytest.mark.parametrize("fields", [AREA, PERSON], ids=["area", "person"])


class Outline(HTMLParser):
    """Tags in order, whether they close properly, and the visible text by block."""

    VOID = ("br", "meta")
    BLOCKS = ("p", "li", "h1", "h2", "title")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.blocks: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in self.BLOCKS:
            self.blocks.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in (*self.BLOCKS, "span"):
            self.blocks[-1] += data


def outline(fields: dict[str, Any]) -> Outline:
    parsed = Outline(render_notice(fields).body_html)
    assert parsed.open == []
    return parsed


def words_of(fields: dict[str, Any]) -> str:
    return " ".join(" ".join(outline(fields).blocks).split())


@BOTH
def test_a_child_of_twelve_can_read_it(fields: dict[str, Any]) -> None:
    """The limit of the settings as shipped, for the shipped words with the shipped texts in them."""
    limit = yaml.safe_load((ROOT / "configs" / "default.yaml").read_text(encoding="utf-8"))["notices"]["reading_age"]
    assert reading_age(notice_text(render_notice(fields).body_html)) <= limit == 12


@BOTH
@pytest.mark.parametrize("language", ["en", "es"])
def test_every_required_part_is_on_the_page(fields: dict[str, Any], language: str) -> None:
    text = words_of({**fields, "language": language})
    for name in ("sender", "legal_basis", "help_contact", "complaint_route", "notice_id"):
        assert fields[name] in text
    assert len([tag for tag in outline({**fields, "language": language}).tags if tag == "h2"]) >= 5
    assert 'class="line"></span>' in render_notice({**fields, "language": language}).body_html
    assert f'lang="{language}"' in render_notice({**fields, "language": language}).body_html
    assert ("2026" in text) and ("None" not in text)


def test_english_says_what_must_be_said() -> None:
    area, person = words_of(AREA), words_of(PERSON)
    for text in (area, person):
        assert "not a charge, caution or proof of guilt" in text
        assert "ask us to put it right" in text
        assert "Not valid until signed" in text
    assert "24 reports of drugs sold" in area
    assert "1 report of people hurt" in area
    assert "From 8 March 2026 to 4 April 2026" in area
    assert "To: [[recipient]]" in person
    assert "until 15 March 2026" in person
    assert "30 January 2026: Robbery (record i0). You are a suspect. No court has found" in person


def test_spanish_dates_and_conduct() -> None:
    text = words_of({**AREA, "language": "es"})
    assert "Desde el 8 de marzo de 2026 hasta el 4 de abril de 2026" in text
    assert "la venta de drogas a la vista de todos" in text
    assert "no es una acusación" in text.lower()


def test_a_provisional_notice_tells_its_approver() -> None:
    assert "Provisional" not in words_of(AREA)
    assert "Provisional" in words_of({**AREA, "is_provisional": True})


@settings(max_examples=30)
@given(name=st.text(max_size=40))
def test_no_name_can_break_the_page(name: str) -> None:
    hostile = outline({**AREA, "area_name": name + "</title><script>alert(1)</script>{{ 7 * 7 }}\"'"})
    assert hostile.tags == outline(AREA).tags


def test_the_headline_is_plain_text() -> None:
    page = render_notice({**AREA, "area_name": "Bow & <i>Mile</i>"})
    assert page.title == "Police will be at Bow & <i>Mile</i> each day from 8 March 2026"
    assert "Bow &amp; &lt;i&gt;Mile&lt;/i&gt;" in page.body_html


@BOTH
def test_a_missing_field_is_an_error_that_names_it(fields: dict[str, Any]) -> None:
    without = {key: value for key, value in fields.items() if key != "sender"}
    with pytest.raises(PublicationError, match="sender"):
        render_notice(without)


def test_an_unknown_language_names_those_there_are() -> None:
    assert languages() == ["en", "es"]
    with pytest.raises(PublicationError, match="en, es"):
        render_notice({**AREA, "language": "xx"})


def test_frames_keep_their_index_and_pages_are_the_same_twice() -> None:
    drafts = pd.DataFrame([AREA, {**AREA, "area_name": "Dock"}], index=[7, 3])
    rendered = render_notices(drafts)
    assert rendered.index.tolist() == [7, 3]
    assert rendered.loc[3, "title"].startswith("Police will be at Dock")
    pd.testing.assert_frame_equal(rendered, render_notices(drafts))
    assert render_notices(drafts[:0]).empty


@BOTH
def test_every_language_has_the_same_words_to_say(fields: dict[str, Any]) -> None:
    def keys(words: Any, at: str = "") -> set[str]:
        return (
            set().union(*(keys(value, f"{at}.{key}") for key, value in words.items()))
            if isinstance(words, dict)
            else {at}
        )

    english, *others = [
        keys(yaml.safe_load((TEMPLATES / f"notice_{fields['kind']}.{language}.yml").read_text(encoding="utf-8")))
        for language in languages()
    ]
    assert all(other == english for other in others)


@BOTH
@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("status", ["withdrawn", "expired"])
def test_what_no_longer_holds_says_so_first(fields: dict[str, Any], language: str, status: str) -> None:
    assert blocks({**fields, "language": language, "status": status})[0].style == "void"
    assert all(block.style != "void" for block in blocks({**fields, "language": language}))


def blocks(fields: dict[str, Any]) -> list[Block]:
    return outline_of(render_notice(fields).body_html)


@BOTH
def test_the_outline_has_every_visible_word_once(fields: dict[str, Any]) -> None:
    told = "".join(block.text for block in blocks(fields))
    expected = words_of(fields).removeprefix(render_notice(fields).title)
    assert "".join(told.split()) == "".join(expected.split())


@BOTH
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_pdf_is_the_same_twice_and_holds_one_letter(fields: dict[str, Any], language: str) -> None:
    page = render_notice({**fields, "language": language})
    made = [
        notice_pdf(page.body_html, title=page.title, language=language, written_at=datetime(2026, 3, 1, tzinfo=UTC))
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert made[0].startswith(b"%PDF-")
    pages = made[0].count(b"/Type /Page\n")
    assert pages == (2 if fields["kind"] == "area" else 1)  # a place's copy on file has a page of its own


def test_a_pdf_never_goes_out_with_a_hole() -> None:
    page = render_notice({**AREA, "area_name": "水門"})
    with pytest.raises(PublicationError, match=r"U\+6C34"):
        notice_pdf(page.body_html, title=page.title, language="en", written_at=datetime(2026, 3, 1, tzinfo=UTC))


def test_no_typeface_stays_open() -> None:
    """A refused letter is the case that matters: what was raised keeps the half-drawn letter alive."""
    written_at = datetime(2026, 3, 1, tzinfo=UTC)
    notice_pdf("<h1>Whole</h1>", title="t", language="en", written_at=written_at)
    with pytest.raises(PublicationError, match=r"U\+4E2D, which the typeface Lato lacks"):
        notice_pdf("<h1>中</h1>", title="t", language="en", written_at=written_at)
    links = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.exists()]  # noqa: PTH115
    assert not [link for link in links if link.endswith(".ttf")]
