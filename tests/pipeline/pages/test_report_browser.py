"""The report in a real browser: accessible, alone, on a phone, on paper, without script; its question and downloads."""

import csv
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from models.places.axes import AXES
from pipeline.pages.report import render_report
from tests.pipeline.pages.test_report import PEOPLE, RUN, rows, shapes, tables

axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH: the report is not opened")

AREAS = ["a@1", "b@1"]
FORMULA = "=1+1"
Opened = Callable[..., Any]


def answers(group: str, shift: str, ranks: list[int], chances: list[float]) -> pd.DataFrame:
    return rows("offence_ranking", 2, area_set="area", offence_group=group, offence_group_label=group.title(),
                shift=shift, area_id=AREAS, area_name=["Old Town", "Hill"], rank=ranks, p_top_k=chances,
                expected_count=[4.2, 9.1])  # fmt: skip


def written(path: Path) -> Path:
    of = tables()
    own = {
        "area_evidence": rows("area_evidence", 2, area_id="a@1", position=[1, 2], incident_id=["i1", "i2"],
                              offence=["Homicide", "Robbery"], place="12 Mill Lane", lat=39.9, lon=-75.1),
        "area_recent": rows("area_recent", 2, area_id=AREAS, weekly_counts=[[1, 2, 3] * 17 + [4]] * 2,
                            hour_counts=[list(range(24))] * 2, weekday_counts=[[1, 2, 3, 4, 5, 6, 7]] * 2),
        "recent_incident": rows("recent_incident", 41, position=range(1, 42), incident_id=[f"g{i}" for i in range(41)],
                                offence=["Robbery"] * 40 + ["Homicide"], harm_days=[365.0] * 40 + [5475.0],
                                area_id="a@1"),
        "visit_plan": rows("visit_plan", 3, cell_id="c00", place="12 Mill Lane", minutes=[12, 14, 13],
                           starts_at=pd.to_datetime(["2026-03-01T13:05Z", "2026-03-01T15:40Z", "2026-03-02T04:30Z"])),
        "offence_ranking": pd.concat([
            answers("burglary", "all", [2, 1], [0.1, 0.9]),
            answers("burglary", "night", [1, 2], [0.7, 0.3]),
            answers("rape", "all", [1, 2], [0.5, 0.002]),
            answers("vagrancy", "all", [None, None], [0.0, 0.0]),
        ]),
        "crime_focus": rows("crime_focus", 2, area_id=AREAS, focus_rank=1, label="Burglary by night"),
    }  # fmt: skip
    of["address_pile"] = of["address_pile"].assign(why=FORMULA)
    of["area_ranking"] = of["area_ranking"].assign(area_name=["24", "Hill"], rank_change=[0, 2])
    html = render_report(RUN, {**of, **own}, shapes(of), PEOPLE, AXES, written_at=RUN["valid_to"] + timedelta(days=1),
                         shifts={"early": (420, 900), "late": (900, 1380), "night": (1380, 420)})  # fmt: skip
    path.write_text(html, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """Open the page at a width, in a context of the browser with the further choices; no error of script may come."""
    address = written(tmp_path_factory.mktemp("report") / "report.html").as_uri()
    with playwright.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        @contextmanager
        def page(width: int = 1400, **context: Any) -> Iterator[Any]:
            with browser.new_context(viewport={"width": width, "height": 900}, **context) as one:
                shown = one.new_page()
                shown.errors = []
                shown.asked = []
                shown.on("pageerror", lambda error: shown.errors.append(str(error)))
                shown.on("request", lambda request: shown.asked.append(request.url))
                shown.goto(address)
                yield shown
                assert shown.errors == []

        yield page
        browser.close()


def violations(page: Any) -> list[tuple[str, list[str]]]:
    found = axe_playwright.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [(one["id"], [node["html"][:120] for node in one["nodes"]][:3]) for one in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_axe_finds_nothing(opened: Opened, width: int, scheme: str) -> None:
    with opened(width, bypass_csp=True, color_scheme=scheme) as page:
        page.select_option("#question-group", "burglary")
        page.locator("#area-1 details").evaluate("one => one.open = true")
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert violations(page) == []


def test_no_request_leaves_the_file(opened: Opened) -> None:
    with opened() as page:
        page.select_option("#question-group", "burglary")
        page.locator("#download-table").hover()
        page.wait_for_function("document.getElementById('download-table').options.length > 3")
        assert [url for url in page.asked if not url.startswith(("file:", "data:", "blob:", "about:"))] == []
        assert sum(url.startswith("file:") for url in page.asked) == 1


def test_a_phone_shows_rank_name_change_and_reason_without_scrolling_sideways(opened: Opened) -> None:
    with opened(390) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        cells = page.locator("#area-1 > *:visible")
        assert cells.count() == 4
        boxes = [cell.bounding_box() for cell in cells.all()]
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
        heads = page.locator(".ranking:not(.by-question) thead th:visible")
        assert [head.inner_text() for head in heads.all()] == ["Rank", "Area", "Change", "Reason"]
        assert all(head.bounding_box()["height"] < 45 for head in heads.all())  # one line: no letter under another
        assert "Heaviest incident: Homicide" in cells.nth(3).inner_text()


def test_paper_shows_the_evidence_and_that_the_run_had_expired(opened: Opened) -> None:
    with opened() as page:
        page.evaluate("addEventListener('beforeprint', () => { window.shut = document.querySelectorAll("
                      "'details:not(.notice):not([open])').length; })")  # fmt: skip
        page.pdf()
        assert page.evaluate("window.shut") == 0
        assert page.locator("#area-1 details[open]").count() == 0  # closed again afterwards
    with opened(java_script_enabled=False) as page:
        page.emulate_media(media="print")
        assert page.locator("#expired").is_visible()
        assert page.locator("#area-1 .evidence").is_visible()
        assert "12 Mill Lane" in page.locator("#area-1 .evidence").inner_text()
        style = page.locator("#expired").evaluate("one => [getComputedStyle(one).backgroundColor, "
                                                  "getComputedStyle(one).printColorAdjust]")  # fmt: skip
        assert style == ["rgb(0, 0, 0)", "exact"]


def test_the_question_of_the_day_changes_the_map_and_the_ranking(opened: Opened) -> None:
    def shown(page: Any) -> tuple[list[str], list[str], list[str]]:
        grades = [page.locator(f'.area[data-area="{one}"]').get_attribute("class") for one in AREAS]
        labels = [page.locator(f'.label[data-of="{one}"] .rank').text_content() for one in AREAS]
        return grades, labels, page.locator(".by-question tbody th").all_inner_texts()

    with opened() as page:
        before = shown(page)
        assert page.locator("#question-answer").is_hidden()
        assert page.locator("#question-group option").all_inner_texts() == ["All harm", "Burglary", "Rape"]
        page.select_option("#question-group", "burglary")
        assert all(page.locator(f"#layer-{layer}").is_hidden() for layer in ("cells", "hotspots", "today"))
        assert "are of all harm; they are hidden" in page.locator("#question-answer").inner_text()
        assert shown(page) == (["area a1", "area a5"], ["2", "1"], ["Hill", "Area 24"])
        assert "Burglary by night" in page.locator(".by-question tbody tr").first.inner_text()
        page.select_option("#question-shift", "night")
        assert shown(page) == (["area a4", "area a2"], ["1", "2"], ["Area 24", "Hill"])
        page.select_option("#question-group", "rape")  # told for the whole day alone
        assert page.input_value("#question-shift") == "all"
        assert page.locator("#question-shift option[value=night]").is_disabled()
        assert "<1%" in page.locator(".by-question tbody tr").nth(1).inner_text()
        page.select_option("#question-group", "")
        assert shown(page)[:2] == before[:2]
        assert page.locator("#layer-cells").is_visible()


def test_downloads_hold_the_rows_and_no_formula(opened: Opened, tmp_path: Path) -> None:
    with opened(accept_downloads=True) as page:
        page.locator("#download-table").hover()
        page.wait_for_function("document.getElementById('download-table').options.length > 3")
        page.select_option("#download-table", "address_pile")
        for kind in ("csv", "xlsx"):
            with page.expect_download() as caught:
                page.click(f"[data-download={kind}]")
            caught.value.save_as(tmp_path / f"all.{kind}")
            assert caught.value.suggested_filename.startswith(f"harmspot-{RUN['run_id']}")
    with (tmp_path / "all.csv").open(encoding="utf-8-sig", newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["cell_id"] for row in read] == [f"c{i:02d}" for i in range(2, 27)]
    assert {row["why"] for row in read} == {"'" + FORMULA}
    book = openpyxl.load_workbook(tmp_path / "all.xlsx")
    assert {"area_ranking", "address_pile", "recent_incident", "offence_ranking"} <= set(book.sheetnames)
    sheet = book["address_pile"]
    heads = [cell.value for cell in sheet[1]]
    whys = [row[heads.index("why")] for row in sheet.iter_rows(min_row=2)]
    assert [(cell.value, cell.data_type) for cell in whys] == [(FORMULA, "s")] * 25
    assert book["recent_incident"].max_row == 42
    assert not any(cell.data_type == "f" for one in book for row in one.iter_rows() for cell in row)


def test_without_script_the_tables_still_read(opened: Opened) -> None:
    with opened(java_script_enabled=False) as page:
        assert page.locator("#area-2").is_visible()
        assert page.locator("#forecast tbody tr").first.is_visible()
        assert page.locator("#question").is_hidden()
        assert page.locator("#downloads .noscript").is_visible()
        page.locator("#area-1 summary").first.click()
        assert page.locator("#area-1 .evidence").is_visible()


def test_today_comes_first_and_names_the_heaviest_incidents_alone(opened: Opened) -> None:
    with opened() as page:
        heads = page.locator("main h2:visible, #today h3:visible").all_inner_texts()
        assert heads[:5] == ["Today at a glance", "Where to be on 1 March 2026", "What changed", "What was left out",
                             "41 new grave incidents since the run before"]  # fmt: skip
        grave = page.locator(".grave li").all_inner_texts()
        assert len(grave) == 10
        assert grave[0].startswith("Homicide")
        assert page.get_by_text("31 more grave incidents are in the downloads.").is_visible()
        # A link is text on the page's own ground, not a mark of the map.
        assert page.locator(".grave .at").first.evaluate("one => getComputedStyle(one).backgroundColor") == (
            "rgba(0, 0, 0, 0)"
        )


def test_a_place_has_one_letter_in_list_and_map_its_rank_and_its_visits_by_shift(opened: Opened) -> None:
    with opened() as page:
        card = page.locator(".places li").first
        assert card.locator(".letter").inner_text() == page.locator("#layer-today text").first.text_content() == "A"
        said = card.inner_text()
        assert "early 07:00–15:00\n08:05, 10:40" in said and "night 23:00–07:00\n23:30" in said
        assert "late" not in said
        assert "3 visits, about 13 minutes each" in said
        assert "Rank 1 of 40 squares of the force" in said
        assert page.locator("#forecast tbody tr").first.locator(".rank").inner_text() == "1"


def test_areas_named_by_a_number_are_told_from_ranks_wherever_they_stand(opened: Opened) -> None:
    with opened() as page:
        for where in (".worst a", "#area-1 th", ".label .name", "#officers tbody th", ".places .coordinates"):
            assert "Area 24" in page.locator(where).first.text_content(), where
        assert "Area 24" in page.locator('.area[data-area="a@1"]').get_attribute("data-tip")


def test_the_list_says_why_how_sure_and_what_changed_before_anything_else(opened: Opened) -> None:
    with opened() as page:
        first = page.locator(".worst li").first.inner_text()
        assert "rank 1, likely 1 to 1 · no real change" in first
        assert "Most of the score:" in first and "Heaviest incident: Homicide" in first
        assert page.locator("#area-1 .change").inner_text() == "no real change"
        assert page.locator("#area-2 .change").inner_text() == "▲ 2 worse"
        link = page.locator('#today a[href="#harm-point"]')
        assert "a day of the sentence" in link.locator("..").inner_text()
        link.click()
        assert page.locator("#harm-point").is_visible()


def test_long_tables_are_folded_on_a_phone_and_open_elsewhere(opened: Opened) -> None:
    with opened(390) as page:
        assert page.locator("#quality table:visible").count() == 0
        assert page.locator("#area-2").is_visible()  # the ranking is what a phone is for
        page.locator("#forecast summary").first.click()
        assert page.locator("#forecast tbody tr").first.is_visible()
        page.locator('#today a[href="#harm-point"]').click()  # a link opens what is folded around its target
        assert page.locator("#harm-point").is_visible()
        page.set_viewport_size({"width": 1400, "height": 900})
        assert page.locator("#quality table:visible").count() == 2
        assert page.locator(".fold > summary:visible").count() == 0


def test_what_somebody_acts_on_is_printed_before_the_tables_and_those_of_analysts_not_at_all(opened: Opened) -> None:
    with opened() as page:
        page.emulate_media(media="print")
        tops = [
            page.locator(one).first.bounding_box()["y"] for one in (".worst", "#today", "#warnings", "#map", "#areas")
        ]
        assert tops == sorted(tops)
        assert page.locator("#areas").evaluate("one => getComputedStyle(one).breakBefore") == "page"
        for long in ("#forecast", "#markets", "#officers", "#quality", "#people", "#glossary", "#sensitivity"):
            assert page.locator(long).is_hidden(), long
        assert page.get_by_text("are on the page and in its downloads, not on paper").is_visible()


def test_hot_spots_are_explained_where_they_are_drawn(opened: Opened) -> None:
    with opened() as page:
        assert (
            "neighbouring squares with more past harm than chance" in page.locator("#map-section fieldset").inner_text()
        )


def test_no_sentence_of_the_page_has_a_command_or_a_column(opened: Opened) -> None:
    with opened() as page:
        text = page.evaluate("[...document.querySelectorAll('main :is(h2, h3, p, li, figcaption, td)')]"
                             ".filter(each => !each.closest('.noscript, #run, code'))"
                             ".map(each => each.innerText).join(' | ')")  # fmt: skip
        assert not re.findall(r"harmspot \w+|\b\w+\.\w+_\w+|area_id|\bcells?\b", text)
