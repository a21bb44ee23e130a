"""Pages: what they show of a run, what hostile parameters come to, and that nothing of a page is inline."""

import asyncio
import gzip
import json
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.decisions.embargoes import embargo_market
from flows.home.home import Home
from pipeline.privacy.pii_guard import PSEUDONYM
from pipeline.publication.publish import PUBLISHED, read_published, runs
from tests.town import AS_OF, CLOCK, TownRun
from tests.users import PASSWORD, name_in
from tests.web.conftest import BELL, LEE, Browser, browser_of
from web.day import Days
from web.entrance.board import Board
from web.today import live_parts

GETS = ["/", "/compare", "/notices", "/operations", "/lists", "/audits", "/record", "/effects/person_tier", "/nothing"]
HOSTILE = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'; DROP TABLE run; --", "../../key",
           "{{ 7731 * 7 }}", "\u202e\x00\u0085", "A" * 400, "-1", "1e999"]  # fmt: skip


def test_today_shows_ranking_map_places_and_what_changed(looked_at: Browser, town_run: TownRun) -> None:
    page = looked_at.get("/").text
    ranking = town_run.published("area_ranking").sort_values("rank")
    shown = re.findall(r'data-open="area:([^"]+)"', page)
    assert shown == ranking["area_id"].tolist()
    assert all(str(name) in page for name in ranking["area_name"])
    assert town_run.summary.run_id in page
    assert "there is nothing to compare it with" in page


def test_a_row_opens_with_its_explanation_with_and_without_script(looked_at: Browser, town_run: TownRun) -> None:
    first = town_run.published("area_ranking").sort_values("rank").iloc[0]
    part = looked_at.get("/detail", params={"open": f"area:{first.area_id}"}).text
    assert part in looked_at.get("/", params={"open": f"area:{first.area_id}"}).text
    assert f"Likely range of the rank: {first.rank_lo} to {first.rank_hi}" in part
    assert "Heaviest incidents" in part and str(first.evidence_ids[0]) in part
    assert str(first.moves_out_if or first.moves_in_if).split(" by ")[0][:20] in part
    for kind, table in (("cell", "cell_forecast"), ("hotspot", "hotspot"), ("market", "market")):
        key = town_run.published(table)[f"{kind}_id"].iloc[0]
        assert str(key) in looked_at.get("/detail", params={"open": f"{kind}:{key}"}).text
    assert looked_at.get("/detail", params={"open": "area:nowhere"}).status_code == 404


def test_the_ranking_is_of_the_offence_and_the_words_that_were_asked_for(looked_at: Browser, town_run: TownRun) -> None:
    offences = town_run.published("offence_ranking")
    group = offences[offences["rank"].notna()]["offence_group"].iloc[0]
    of_group = offences[(offences["offence_group"] == group) & (offences["shift"] == "all")].sort_values("rank")
    page = looked_at.get("/", params={"offence": group}).text
    assert re.findall(r'data-open="area:([^"]+)"', page)[0] == of_group["area_id"].iloc[0]
    name = town_run.published("area_ranking")["area_name"].iloc[0]
    page = looked_at.get("/", params={"q": str(name).upper()}).text
    shown = re.findall(r'data-open="area:([^"]+)"', page)
    assert shown == [town_run.published("area_ranking")["area_id"].iloc[0]]


def test_every_layer_has_every_row_in_degrees(looked_at: Browser, town_run: TownRun) -> None:
    version = re.search(r'data-version="([\d-]+)"', looked_at.get("/").text)
    assert version
    west, south, east, north = 1.2, 53.9, 1.5, 54.2
    for layer, table in (("areas", "area_ranking"), ("cells", "cell_forecast"), ("hotspots", "hotspot"),
                         ("markets", "market"), ("visits", "visit_plan")):  # fmt: skip
        answer = looked_at.get(f"/map/{town_run.summary.run_id}/{version[1]}/{layer}.json")
        assert "immutable" in answer.headers["cache-control"]
        features = json.loads(answer.content)["features"]
        assert len(features) == len(town_run.published(table))
        lon, lat = features[0]["geometry"]["coordinates"][0][0][:2] if layer != "areas" else (west, south)
        assert west <= lon <= east and south <= lat <= north
    assert looked_at.get(f"/map/{town_run.summary.run_id}/0-0/areas.json").status_code == 404


def test_two_runs_are_compared(two_days: tuple[Home, str, str]) -> None:
    home, first, second = two_days
    browser = browser_of(home)
    browser.sign_in(BELL)
    page = browser.get(f"/compare?a={first}&b={second}").text
    assert page.count("<tr>") == len(read_published(home.path, "area_ranking")) + 1
    announced = read_published(home.path, "place_change", second)
    assert len(announced) and page.count('<li class="') >= len(announced[announced["place_kind"] == "area"])
    assert browser.get("/").text.count('class="change"') > 1
    key = read_published(home.path, "area_ranking")["area_id"].iloc[0]
    assert "Rank over the last 2 kept runs" in browser.get("/detail", params={"open": f"area:{key}"}).text
    address = re.search(r'data-moves="([^"]+)"', page)
    assert address
    features = json.loads(browser.get(address[1]).content)["features"]
    ranks = [read_published(home.path, "area_ranking", run).set_index("area_id")["rank"] for run in (first, second)]
    moved = (ranks[0] - ranks[1]).to_dict()
    assert {one["properties"]["id"]: one["properties"]["moved"] for one in features} == moved
    same = browser.get(f"/compare?a={second}&b={second}").text
    assert "These are the same run" in same


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_words_are_words(hostile: str, looked_at: Browser) -> None:
    names = ("set", "offence", "shift", "q", "axis", "open", "state", "then")
    asked = [("/", names), ("/", ("run",)), ("/detail", names), ("/compare", ("a",)), ("/compare", ("b",)),
             ("/notices", names), ("/record", ("run",)), ("/sign-in", names)]  # fmt: skip
    answers = [looked_at.get(page, params=dict.fromkeys(names, hostile)) for page, names in asked]
    key = quote(hostile, safe="")
    answers += [looked_at.get(path) for path in (f"/notices/{key}", f"/lists/{key}", f"/operations/{key}",
                                                 f"/audits/{key}/draft.html", f"/map/{key}/x/y.json")]  # fmt: skip
    for answer in answers:
        assert answer.status_code in (200, 404, 405), answer.url
        assert "<script>alert" not in answer.text and "<img src=x" not in answer.text
        assert "54117" not in answer.text
    assert looked_at.get("/").status_code == 200


def test_an_id_that_is_guessed_shows_nothing(looked_at: Browser) -> None:
    for path in ("/lists/person_tier-0000000000000000", "/operations/market_0_0", "/?run=0000000000000000",
                 "/audits/nothing/draft.html", "/effects/warrant_queue"):  # fmt: skip
        assert looked_at.get(path).status_code == 404
    assert "is shown to whoever opens it" in looked_at.get("/notices/n_000000000000000000000000").text


def test_nothing_of_a_page_is_inline_and_no_page_names_a_person(looked_at: Browser) -> None:
    for path in (*GETS, "/sign-in", f"/lists/person_tier-{'0' * 16}"):
        page = looked_at.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", page), path
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page), path
        assert not re.search(PSEUDONYM, page), path


def test_an_answer_is_of_one_run_while_another_is_published(two_days: tuple[Home, str, str], tmp_path: Path) -> None:
    """A publication renames its file; readers before, meanwhile and after see a whole run, and never a mixture."""
    home, first, second = two_days
    folder = Path(shutil.copytree(home.path, tmp_path / "home"))
    days = Days(Home(folder, home.config_file, home.clock, lambda text: None))
    seen: list[set[str]] = []

    def read() -> None:
        for _ in range(12):
            day = days.get()
            seen.append(
                {str(run) for table in ("area_ranking", "cell_forecast") for run in day.tables[table]["run_id"]}
            )

    readers = [Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(12):
        shutil.copy(folder / PUBLISHED, folder / "fresh")
        (folder / "fresh").replace(folder / PUBLISHED)
    for reader in readers:
        reader.join()
    assert len(seen) == 36
    assert all(one == {second} for one in seen)
    assert {str(run) for run in runs(folder)["run_id"]} == {first, second}


def test_what_is_packed_is_the_same_each_time(town_run: TownRun) -> None:
    first, second = (
        {name: day.layer(name) for name in day.layers()} for day in (Days(town_run.home).get() for _ in range(2))
    )
    assert first == second
    assert json.loads(gzip.decompress(first["points"] or b""))["type"] == "FeatureCollection"


def test_a_run_that_has_expired_says_so(copy_of_run: Callable[[str], Home]) -> None:

    home = copy_of_run("home")
    assert home.clock is not None
    home.clock += timedelta(days=30)
    browser = browser_of(home)
    browser.sign_in(BELL)
    assert "This run has expired" in browser.get("/").text


def test_live_figures_are_pushed_as_they_change_until_the_reader_leaves(
    copy_of_run: Callable[[str], Home],
) -> None:
    home = copy_of_run("home")
    board = Board(home)
    token = board.visitors.sign_in(board.fresh_home(), BELL, "", "look at the day")
    visitor = board.visitors.visitor(token)
    assert visitor
    run_id = str(runs(home.path)["run_id"].iloc[-1])
    ranking = read_published(home.path, "area_ranking").sort_values("rank")
    figures = pd.DataFrame({
        "place_kind": "area", "place_id": ranking["area_id"], "rank": ranking["rank"], "run_id": run_id,
        "new_incidents": [3, *[0] * (len(ranking) - 1)], "updated_at": pd.Timestamp(CLOCK), "is_provisional": True,
    })  # fmt: skip

    async def stay() -> bool:
        return False

    async def told() -> list[str]:
        parts, found = live_parts(board, Days(home), visitor, stay, pause_s=0.0), []
        for step in range(4):
            found.append(await anext(parts))
            if step == 1:
                figures.to_parquet(home.path / "live.parquet")
        board.visitors.sign_out(home, token)
        with pytest.raises(StopAsyncIteration):
            await anext(parts)
        return found

    nothing, same, changed, after = asyncio.run(told())
    assert nothing == 'data: ""\n\n' and same == after == ": nothing new\n\n"
    assert "provisional" in changed and str(ranking["area_name"].iloc[0]) in changed
    assert str(ranking["area_name"].iloc[1]) not in changed


def test_ground_under_an_embargo_is_named_nowhere_also_by_a_board_that_had_shown_it(
    copy_of_run: Callable[[str], Home],
) -> None:
    home = copy_of_run("home")
    market = read_published(home.path, "market").sort_values("rank").iloc[0]
    browser = browser_of(home)
    browser.sign_in(LEE)
    opened = f"market:{market.market_id}"
    pages = ["/", f"/?open={opened}", "/operations", f"/operations/{market.market_id}", "/notices", "/record"]
    assert market.market_id in browser.get("/").text
    assert browser.get("/detail", params={"open": opened}).status_code == 200
    embargo_market(home, market.market_id, reason="a covert inquiry goes on", until=AS_OF + timedelta(days=9), by=LEE)
    assert browser.get("/detail", params={"open": opened}).status_code == 404
    for page in pages:
        text = browser.get(page).text.replace(opened, "").replace(f"&#39;{market.market_id}&#39;", "")  # as asked for
        assert market.market_id not in text, page
    version = re.search(r'data-version="([\d-]+)"', browser.get("/").text)
    run_id = runs(home.path)["run_id"].iloc[-1]
    assert version and market.market_id not in browser.get(f"/map/{run_id}/{version[1]}/markets.json").text


def test_who_may_not_see_lists_is_refused_and_that_is_logged(real_home: Home) -> None:
    browser = browser_of(real_home)
    browser.sign_in(name_in("administrator"), PASSWORD)
    page = browser.get("/lists")
    assert page.status_code == 403
    assert 'href="/lists"' not in page.text
    assert list(real_home.access_log.entries())[-1]["action"] == "refused"


PARAMETERS = st.dictionaries(
    st.sampled_from(["run", "set", "offence", "shift", "q", "axis", "open", "a", "b", "state", "then"]),
    st.one_of(st.text(max_size=40), st.sampled_from(["area:A01@1", "cell:", "violence", "reviewed", "all"])),
    max_size=4,
)


@settings(max_examples=25)
@given(page=st.sampled_from([*GETS, "/detail", "/sign-in"]), asked=PARAMETERS)
def test_no_parameters_make_a_page_fail(looked_at: Browser, page: str, asked: dict[str, str]) -> None:
    assert looked_at.get(page, params=asked).status_code in (200, 404)


def test_the_brief_of_the_run_and_of_an_area_is_one_click_away(looked_at: Browser, town_run: TownRun) -> None:
    area = town_run.published("area_ranking").iloc[0]
    run_id = town_run.summary.run_id
    assert f'href="/brief.pdf?run={run_id}"' in looked_at.get("/").text
    opened = looked_at.get(f"/detail?run={run_id}&open=area:{area['area_id']}").text
    link = re.search(r'href="(/brief\.pdf\?run=[^"]+)"', opened)
    assert link
    for path, start, name in (
        (f"/brief.pdf?run={run_id}", b"%PDF", "brief-2026-01-01.pdf"),
        (f"/brief.html?run={run_id}", b"<!doctype html>", "brief-2026-01-01.html"),
        (unescape(link[1]), b"%PDF", f"brief-2026-01-01-{area['area_name'].replace(' ', '-')}.pdf"),
    ):
        answer = looked_at.get(path)
        assert answer.status_code == 200 and answer.content.startswith(start), path
        assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"
    assert looked_at.get("/brief.docx").status_code == 404
    assert looked_at.get("/brief.pdf?area=nowhere").status_code == 404
