"""The page of outcomes: unmeasured is no zero, a grade by a person stands beside, in both languages, accessible."""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.outputs.outcomes_page import render_outcomes
from pipeline.errors import PublicationError
from pipeline.wording.catalogue import read_catalogue
from tests.models.outcomes.test_harm_matrix import graded
from tests.pipeline.pages.test_report import RUN, rows

LABELS = {"robbery": "Robbery", "shoplifting": "Shoplifting"}
NOW = RUN["as_of"] + timedelta(days=1)
STRUCTURAL = {"matrix": "type_by_level", "matrix_row": "structural", "matrix_column": "community"}
PHYSICAL = {"matrix": "type_by_level", "matrix_row": "physical", "matrix_column": "individual"}


def grade(**values: Any) -> pd.DataFrame:
    of = {"severity": "serious", "incidence": "persistent", "priority": "high", "confidence": "low", "graded_at": NOW}
    more = {"severity_before": None, "incidence_before": None, "ends_at": NOW + timedelta(days=9), "state": "in_force"}
    return rows(
        "harm_grade", 1, **{**of, **more, "graded_by": "Supt. A. Lee", "reason": "calls go unanswered", **values}
    )


def tables(**more: pd.DataFrame) -> dict[str, pd.DataFrame]:
    before = graded({"robbery": 5}).reset_index()
    matrix = graded({"robbery": 200, "shoplifting": 3}, before=before).reset_index()
    ledger = rows(
        "enforcement_ledger",
        3,
        scope=["force", "force", "operation"],
        scope_id=["force", "force", "m1"],
        span=["year", "month", "operation"],
        from_on=pd.to_datetime(["2026-01-01", "2026-02-01", "2026-01-20"]).date,
        area_id=[None, None, "a@1"],
        arrests=[12, 7, 7],
        complaints=None,
        custody_days=[7.0, 4.0, 4.0],
        not_recorded=[["complaints: no complaint was ever recorded"] for _ in range(3)],
        harm_averted=[None, None, 40.0],
        harm_averted_lo=[None, None, 9.0],
        harm_averted_hi=[None, None, 70.0],
    )
    board = rows(
        "scoreboard",
        3,
        scope="force",
        span=["month", "month", "year"],
        from_on=pd.to_datetime(["2026-01-01", "2026-02-01", "2026-01-01"]).date,
        harm=[120.0, 80.0, 200.0],
        is_current=[False, True, True],
        not_recorded=[[], [], []],
    )
    consequence = rows(
        "consequence",
        3,
        consequence=["substance", "substance", "policy"],
        indicator=["substance_mix", "synthetic_opioids", "treatment_wait"],
        place="force",
        area_id=None,
        is_alarm=[True, False, None],
        not_measured_because=[None, None, "no event carries days waited"],
        why=["mix of substances moved", "share of synthetic opioids fell", "days waited: not measured"],
    )
    return {
        "area_ranking": rows("area_ranking", 1, area_id="a@1", area_name="Old Town"),
        "harm_matrix": rows("harm_matrix", len(matrix), **{name: matrix[name] for name in matrix}),
        "harm_grade": pd.concat([grade(**STRUCTURAL), grade(**PHYSICAL)], ignore_index=True),
        "enforcement_ledger": ledger, "scoreboard": board, "consequence": consequence,
        "arrest_policy": rows("arrest_policy", 1, scope="force", shift="all"),
        **more,
    }  # fmt: skip


def page(language: str = "en", **more: pd.DataFrame) -> str:
    before, catalogue = RUN["as_of"] - timedelta(days=1), read_catalogue(language)
    return render_outcomes(RUN, tables(**more), LABELS, before=before, now=NOW, catalogue=catalogue)


def cell_of(html: str, row: str, column: int) -> str:
    """The words of a cell of the first or second matrix."""
    line = html.split(f'<th scope="row">{row}</th>')[1].split("</tr>")[0]
    words = re.sub(r"<[^>]*>", " ", line.split("</td>")[column])
    return " ".join(words.split())


def test_a_cell_says_its_grade_in_words_or_that_nobody_measured_it() -> None:
    html = page()
    robbed = cell_of(html, "Physical", 0)
    assert "High priority grave, persistent; high confidence 200 in 364 days Robbery: 200" in robbed
    assert cell_of(html, "Physical", 2) == "Not measured National agencies"
    assert "Not measured no event shows this harm; a named person may grade it" in cell_of(html, "Structural", 0)
    assert cell_of(html, "Enforcement", 1).startswith("Not measured the enforcement ledger holds nothing")


def test_a_persons_grade_stands_beside_that_of_events_and_changes_nothing_of_it() -> None:
    html, bare = page(), page(harm_grade=grade().iloc[:0])
    said = "Supt. A. Lee says: serious, persistent; low confidence “calls go unanswered”"
    assert said in cell_of(html, "Structural", 1) and cell_of(html, "Structural", 1).startswith("■■■□ High priority")
    own = cell_of(bare, "Physical", 0).removesuffix(" Local police")
    assert cell_of(html, "Physical", 0).startswith(own) and said in cell_of(html, "Physical", 0)
    ended = page(harm_grade=grade(**STRUCTURAL, ends_at=NOW))
    withdrawn = page(harm_grade=grade(**STRUCTURAL, state="withdrawn"))
    assert all(cell_of(each, "Structural", 1).startswith("Not measured") for each in (ended, withdrawn, bare))


def test_the_page_tells_what_moved_what_it_cost_and_what_alarms() -> None:
    text = " ".join(re.sub(r"<[^>]*>", " ", page()).split())
    assert "Physical (individuals) : grave, seldom → grave, persistent. Robbery +195" in text
    assert "Structural (community) : not graded → serious, persistent. Graded by Supt. A. Lee" in text
    assert "Arrests 12 " in text and "Days in custody 7 " in text
    assert "Complaints (no complaint was ever recorded)" in text
    assert "Old Town 20 January 2026" in text and "40 (9 to 70) it prevented harm" in text
    assert "Alarm : mix of substances moved" in text and "1 figure of the five unintended consequences raises" in text
    assert "Policy displacement: does enforcement crowd out health? Not measured" in text
    assert "Harm reported, in harm points" in text


def test_what_nobody_could_measure_raises_no_false_calm() -> None:
    none = rows("consequence", 1, consequence="policy", area_id=None, is_alarm=None, not_measured_because="no event")
    assert "Nothing of the five unintended consequences could be measured." in page(consequence=none)
    calm = rows("consequence", 1, consequence="policy", area_id=None, is_alarm=False, not_measured_because=None)
    assert "1 figure could be measured; it raises no alarm" in page(consequence=calm)


def test_sections_without_a_table_are_left_out() -> None:
    first = rows("harm_matrix", 31, **graded({"robbery": 9}).reset_index().to_dict("series"))
    kept = {"area_ranking": tables()["area_ranking"], "harm_matrix": first, "harm_grade": grade().iloc[:0]}
    html = render_outcomes(RUN, kept, LABELS, before=None, now=NOW)
    assert not any(head in html for head in ("Scoreboard</h2>", "<h2>What enforcement cost", "<h2>Five", "<h2>Did"))
    assert "This is the first run; the next one says what moved." in html


def test_the_page_has_no_text_of_its_own_outside_the_catalogue() -> None:
    found = r"<(?:h1|h2|h3|th|summary|b|p|small|li)\b[^>]*>([^<]*[A-Za-z]{4}[^<]*)<"
    english, spanish = ({text.strip() for text in re.findall(found, page(language))} for language in ("en", "es"))
    of_data = {"Old Town", "Robbery: 200", "v", "“calls go unanswered” 2 March 2026, 12:00"}
    assert (english & spanish) - of_data == set()


def test_the_page_refuses_a_pseudonym() -> None:
    with pytest.raises(PublicationError, match="names a person by pseudonym"):
        page(harm_grade=grade(**STRUCTURAL, reason="p_" + "0" * 32))


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH: the page is not opened")
    with playwright.sync_playwright() as player:
        opened = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.parametrize(("width", "scheme"), [(1300, "light"), (390, "dark")])
def test_axe_finds_nothing_and_no_request_leaves_the_page(
    browser: Any, tmp_path: Path, width: int, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    (tmp_path / "page.html").write_text(page(), encoding="utf-8")
    asked: list[str] = []
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True) as one:
        shown = one.new_page()
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto((tmp_path / "page.html").as_uri())
        shown.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        found = axe.Axe().run(shown, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:120]) for each in found] == []
    assert len(asked) == 1
