"""The page of outcomes: unmeasured is no zero, a grade by a person stands beside, in both languages, accessible."""

import re
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.outputs.outcomes_page import render_outcomes
from models.statistics.intervals import shares
from pipeline.errors import PublicationError
from pipeline.wording.catalogue import read_catalogue
from tests.models.outcomes.test_harm_matrix import BOOK, graded
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
        from_on=pd.to_datetime(["2025-04-01", "2026-02-01", "2026-01-20"]).date,
        to_on=pd.to_datetime(["2026-03-01"] * 3).date,
        recorded_from=pd.to_datetime(["2025-12-02", "2026-02-01", "2026-01-20"]).date,
        area_id=[None, None, "a@1"],
        arrests=[12, 7, 7],
        possession_arrests=[9, 5, 5],
        injured_officers=[4, 4, 4],
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
        from_on=pd.to_datetime(["2026-01-01", "2026-02-01", "2025-04-01"]).date,
        to_on=pd.to_datetime(["2026-01-31", "2026-03-01", "2026-03-01"]).date,
        recorded_from=pd.to_datetime(["2026-01-01", "2026-02-01", "2025-12-02"]).date,
        diversions_offered=[1, 2, 3],
        promises_due=[1, 1, 2],
        promises_kept=[1, 0, 1],
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
        answer=["worse", "not_worse", "cannot_tell"],
        not_measured_because=[None, None, "no event carries days waited"],
        why=["mix of substances moved", "share of synthetic opioids fell", "days waited: not measured"],
    )
    register = rows(
        "operation_register",
        1,
        market_id="m1",
        area_id="a@1",
        registered_at=NOW,
        outcome="public reports at the market",
        comparison="other markets",
        started_at=pd.Timestamp("2026-01-20 09:00", tz="UTC"),
        state="running",
        due_since=None,
        found=None,
        answer="better",
        measured="better by more than chance: 5 reports in 4 weeks, 12 expected: -7 (likely range -9 to -5)",
    )
    return {
        "area_ranking": rows("area_ranking", 1, area_id="a@1", area_name="Old Town"),
        "operation_register": register,
        "promise": rows(
            "promise", 2, market_id="m1", status=["kept", "open"],
            announced_at=pd.Timestamp("2026-01-10 09:00", tz="UTC"),
        ),
        "crackdown_plan": rows(
            "crackdown_plan", 1, market_id="m1", phase="maintain", tell_partners_on=date(2026, 1, 9)
        ),
        "harm_matrix": rows("harm_matrix", len(matrix), **{name: matrix[name] for name in matrix}),
        "harm_grade": pd.concat([grade(**STRUCTURAL), grade(**PHYSICAL)], ignore_index=True),
        "enforcement_ledger": ledger, "scoreboard": board, "consequence": consequence,
        "arrest_policy": arrests(),
        **more,
    }  # fmt: skip


def arrests(**counts: tuple[int, int]) -> pd.DataFrame:
    """Arrests of stated offence, and those for possession, by area; all were made by the night shift."""
    areas = counts or {"a@1": (12, 9)}
    places = [("area", area, *of) for area, of in areas.items()]
    places.append(("force", "force", *(sum(of[n] for of in areas.values()) for n in (0, 1))))
    made = [(*place, shift) for place in places for shift in ("all", "night")]
    frame = pd.DataFrame(made, columns=["scope", "scope_id", "stated_arrests", "possession_arrests", "shift"])
    share = shares("share_against_policy", frame["possession_arrests"], frame["stated_arrests"])
    area = [row.scope_id if row.scope == "area" else None for row in frame.itertuples()]
    more = {"arrests": frame["stated_arrests"], "no_offence_arrests": 0, "not_recorded": [[] for _ in made]}
    return rows("arrest_policy", len(made), **frame.to_dict("list"), **more, **share, area_id=area)


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


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
    assert "High priority grave, persistent; it rests on many cases 200 in 364 days Robbery: 200" in robbed
    assert "nothing of it is known here: Country." in text_of(html) and ">Country<" not in html
    assert "Not measured: unknown no event shows this harm; a named person may grade it" in cell_of(
        html, "Structural", 0
    )
    assert cell_of(html, "Enforcement", 1).startswith("Not measured: unknown the enforcement ledger holds")


def test_the_number_of_a_cell_stands_beside_all_that_its_list_holds_and_no_record_is_named() -> None:
    matrix = graded({"robbery": 872, "violence_without_injury": 1066}).reset_index()
    html = page(harm_matrix=rows("harm_matrix", len(matrix), **{name: matrix[name] for name in matrix}))
    cell = cell_of(html, "Physical", 0)
    assert "872 grave or worse, of 1,938 in 364 days Robbery: 872 violence_without_injury: 1,066 Bold: grave" in cell
    assert "<strong>Robbery: 872</strong>" in html and "<strong>violence_without_injury" not in html
    assert "robbery-1" not in html  # an id that the cell rests on


def test_the_record_is_said_where_it_is_shorter_than_the_months_shown() -> None:
    text = text_of(page())
    assert "On record since 2 December 2025: 90 days." in text and "welve months" not in text
    assert "Since 2 December 2025" in text.split("Scoreboard")[1]


def test_arrests_in_an_operation_stand_beside_those_of_the_whole_months_before_it() -> None:
    """January 2026 is not over when it begins, and of November the first days are not on record."""
    months = rows(
        "enforcement_ledger",
        3,
        scope="area", scope_id="a@1", area_id="a@1", span="month", arrests=[9, 31, 90],
        from_on=pd.to_datetime(["2025-11-01", "2025-12-01", "2026-01-01"]).date,
        to_on=pd.to_datetime(["2025-11-30", "2025-12-31", "2026-01-31"]).date,
        recorded_from=pd.to_datetime(["2025-11-02", "2025-12-01", "2026-01-01"]).date,
    )  # fmt: skip
    ledger = pd.concat([tables()["enforcement_ledger"], months], ignore_index=True)
    entry = text_of(page(enforcement_ledger=ledger).split("<article")[1])
    assert "7 (1.2 a week; 7.0 a week before it), 5 of them for possession" in entry


def test_what_may_be_worse_is_told_and_not_folded() -> None:
    rise = rows("consequence", 1, consequence="policy", area_id=None, answer="may_be_worse", why="hours rose")
    told = page(consequence=rise)
    assert "May be worse: 1" in text_of(told) and "hours rose" in told.split("Five unintended")[2].split("<details")[0]


def test_an_operation_has_one_entry_with_its_answer_announcement_and_costs() -> None:
    entry = text_of(page().split("<article")[1].split("</article>")[0])
    assert "Old Town: Fewer reports at the market; around it, cannot tell (so far) began 20 January 2026" in entry
    assert "goes on: held with fewer hours" in entry
    assert "to the place, 10 January 2026" in entry and "to health partners, 9 January 2026" in entry
    assert "1 of 1 promises due were kept" in entry and "7, 5 of them for possession or use of drugs" in entry
    assert "Harm there was 40 points below what was expected (likely range 9 to 70)." in entry
    early = page(operation_register=tables()["operation_register"].assign(answer="too_early", measured="too early"))
    assert "Old Town: Too early to say" in text_of(early) and "points below" not in early
    moved = rows("consequence", 1, consequence="geographical", area_id="a@1", answer="not_worse", why="as before")
    assert "It helped : Old Town (so far)." in text_of(page(consequence=moved))
    worse = text_of(page(consequence=moved.assign(answer="worse")))
    assert "more around it: cannot tell whether it helped : Old Town" in worse and "It helped :" not in worse
    assert "Look there, and do not say that it helped." in worse and "hold it with the fewest hours" not in worse


def test_arrests_name_the_areas_to_ask_and_what_is_everywhere_else() -> None:
    many = {f"b{n:02d}@1": (30, 20) for n in range(9)} | {"a@1": (30, 29)}
    text = text_of(page(arrest_policy=arrests(**many, **{"z@1": (4, 1), "y@1": (6, 0)})))
    assert (
        "Whoever leads in Old Town, b00@1, " in text
        and ", where 209 of the 210 arrests against the policy were made:" in text
    )
    assert "Everywhere else 10%" in text and "10 1 0" in text.split("Everywhere else")[1]
    assert "overlap" not in text
    assert "overlap: chance alone may order them" in text_of(
        page(arrest_policy=arrests(**{"a@1": (9, 8), "b@1": (9, 7)}))
    )
    assert "Offers of help in the same time: 3." in text


def test_every_part_says_what_it_asks_of_whom() -> None:
    html = page()
    asked = [section for section in html.split("<section")[1:] if "What this asks of you" in section]
    assert len(asked) == 5  # matrices, operations, arrests, consequences, and the scoreboard after broken promises
    assert "1 promise was broken" in html


def test_days_and_officers_are_in_no_box_that_counts_people() -> None:
    ledger = tables()["enforcement_ledger"].assign(custody_days=400.0, injured_officers=50, scope=["force"] * 3)
    table = graded({}, ledger[ledger["span"] == "year"])
    borne = table[table["state"] == "from_ledger"]
    counted = {name for items in borne["items"] for name in items}
    assert counted >= {"arrests", "possession_arrests"}
    assert not counted & {"custody_days", "prison_days", "injured_officers", "dead_officers"}


def test_the_scales_of_the_file_are_shown() -> None:
    html = render_outcomes(RUN, tables(), LABELS, before=None, now=NOW, book=BOOK)
    assert "marginal 0, moderate 10, serious 100, grave 365, catastrophic 2,500." in text_of(html)


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
    text = text_of(page())
    assert "Physical (individuals) : grave, seldom → grave, persistent. Robbery +195" in text
    assert "Structural (community) : Supt. A. Lee graded it serious, persistent: calls go unanswered" in text
    assert "Arrests 12 " in text and "Days in custody 7 " in text and "Arrests for possession 9 of 12 arrests" in text
    assert "Complaints (no complaint was ever recorded)" in text
    assert "Worse by more than chance: 1 ; Not worse: 1 mix of substances moved" in text
    assert "Policy displacement: does enforcement crowd out health? Cannot tell: 1" in text
    assert "Harm reported, in harm points" in text


def test_what_nobody_could_measure_raises_no_false_calm() -> None:
    none = rows("consequence", 1, consequence="policy", area_id=None, answer=None, not_measured_because="no event")
    counted = (
        "Five unintended consequences: Worse by more than chance: 0; May be worse: 0; Better by more than chance: 0; "
    )
    counted += "Not worse: {}"
    assert f"{counted.format(0)}; Cannot tell: 1." in text_of(page(consequence=none))
    calm = rows("consequence", 1, consequence="policy", area_id=None, answer="not_worse", not_measured_because=None)
    assert f"{counted.format(1)}; Cannot tell: 0." in text_of(page(consequence=calm))


def test_sections_without_a_table_are_left_out() -> None:
    first = rows("harm_matrix", 31, **graded({"robbery": 9}).reset_index().to_dict("series"))
    kept = {"area_ranking": tables()["area_ranking"], "harm_matrix": first, "harm_grade": grade().iloc[:0]}
    html = render_outcomes(RUN, kept, LABELS, before=None, now=NOW)
    assert not any(head in html for head in ("Scoreboard</h2>", "<h2>What enforcement cost", "<h2>Five", "<h2>Did"))
    assert "Nothing to compare with yet." in html


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
