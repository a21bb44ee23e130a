"""The brief of a town's run: pages, one area, places only, one run, the command, and a browser that opens the page."""

import io
import json
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
import shapely
from click.testing import CliRunner, Result
from pypdf import PdfReader

from flows.brief import make
from flows.brief.make import MadeBrief, make_brief
from flows.command import cli
from flows.home.home import Home
from pipeline.errors import PublicationError, SettingsError
from tests.town import CLOCK, TownRun, naming

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def made(town_run: TownRun) -> MadeBrief:
    return make_brief(town_run.home)


def parts(brief: MadeBrief) -> tuple[str, str]:
    """The text of the PDF and the page."""
    (_, pdf), (_, html) = sorted(brief.files.items(), reverse=True)
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    return re.sub(r"\s+", " ", text), html.decode()


def run_command(home: Home, *words: str) -> Result:
    clock = ["--home", str(home.path), "--config", str(home.config_file), "--clock", CLOCK.isoformat()]
    return CliRunner().invoke(cli, [*clock, "brief", *words])


def test_the_town_has_a_brief_of_four_pages_at_most_both_files_of_one_run(made: MadeBrief, town_run: TownRun) -> None:
    assert sorted(made.files) == ["brief-2026-01-01.html", "brief-2026-01-01.pdf"]
    text, html = parts(made)
    assert 1 < len(PdfReader(io.BytesIO(made.files["brief-2026-01-01.pdf"])).pages) <= 4
    found = {name: set(re.findall(r"Run ([0-9a-f]{16})", said)) for name, said in (("pdf", text), ("html", html))}
    assert found == {name: {town_run.summary.run_id} for name in ("pdf", "html")}
    listed = town_run.published("area_ranking").query("is_listed")["area_name"]
    assert all(name in text and name in html for name in listed)


def test_it_names_places_only(made: MadeBrief, town_run: TownRun) -> None:
    truth, said = town_run.truth("people"), [(str(n), text.encode()) for n, text in enumerate(parts(made))]
    ids = {str(person).encode() for person in (*truth["person_id"], *town_run.people()["person_id"])}
    assert not naming({each for each in ids if each.startswith((b"P", b"p_"))}, said)
    assert not [person for person in ids if any(person in text for _, text in said)]


def test_the_same_run_gives_the_same_bytes_while_it_is_valid(town_run: TownRun, made: MadeBrief) -> None:
    later = Home(town_run.home.path, town_run.home.config_file, CLOCK + timedelta(hours=3))
    assert make_brief(later, town_run.summary.run_id).files == made.files
    expired = Home(town_run.home.path, town_run.home.config_file, CLOCK + timedelta(days=30))
    assert all("This run has expired" in said for said in parts(make_brief(expired)))


def test_the_brief_of_an_area_is_about_its_own_places(town_run: TownRun) -> None:
    row = town_run.published("area_ranking").sort_values("rank").iloc[2]
    brief = make_brief(town_run.home, None, row["area_name"])
    cells = town_run.published("cell_forecast").set_index("cell_id")["area_id"]
    assert brief.brief.places and {cells[place.cell_id] for place in brief.brief.places} == {row["area_id"]}
    assert all(f"of {len(cells):,} squares of the force" in place.why for place in brief.brief.places)
    text, _ = parts(brief)
    assert f"Morning brief: {row['area_name']}" in text
    assert sorted(brief.files) == [
        f"brief-2026-01-01-{row['area_name'].replace(' ', '-')}.{end}" for end in ("html", "pdf")
    ]
    with pytest.raises(PublicationError, match="0 areas match"):
        make_brief(town_run.home, None, "nowhere")


def test_the_map_has_the_letters_of_the_list_for_the_force_and_for_each_area(
    town_run: TownRun, made: MadeBrief, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "brief_pdf", lambda *_, **__: b"")  # slow, and of the same map
    names = town_run.published("area_ranking").sort_values("rank")["area_name"]
    pages = [made.files["brief-2026-01-01.html"].decode()]
    pages += [sorted(make_brief(town_run.home, None, name).files.items())[0][1].decode() for name in names]
    for page in pages:
        listed = re.findall(r'<span class="letter">(.)</span>', page)
        drawn = re.findall(r'font-size="23"[^>]*>(.)</text>', page)
        assert sorted(drawn) == listed
    assert len(re.findall(r'<span class="letter">', pages[0])) == 5


def test_the_changes_of_an_area_are_those_that_reach_into_it(
    town_run: TownRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "brief_pdf", lambda *_, **__: b"")
    read = make.read_places
    ranking = town_run.published("area_ranking").sort_values("rank")
    cells = town_run.published("cell_forecast")
    here, there = ranking["area_id"].iloc[0], ranking["area_id"].iloc[1]

    def square(area_id: str) -> bytes:
        """The middle of a cell of an area, as a hot spot that is no more."""
        cell = cells[cells["area_id"].eq(area_id)].sort_values("rank").iloc[0]
        middle = shapely.Point(cell["x_min_m"] + cell["cell_size_m"] / 2, cell["y_min_m"] + cell["cell_size_m"] / 2)
        return middle.buffer(10).wkb

    def changed(*given: object) -> dict:
        tables = read(*given)
        rows = pd.DataFrame(
            [("hotspot", "left_here", square(here)), ("hotspot", "left_there", square(there)),
             ("market", "lost", None), ("area", there, None), ("area", here, None)],
            columns=["place_kind", "place_id", "geometry_wkb"],
        ).assign(change="left", rank_before=3)  # fmt: skip
        missing = {name: None for name in tables["place_change"].columns if name not in rows}
        return {**tables, "place_change": rows.assign(**missing)}

    monkeypatch.setattr(make, "read_places", changed)
    brief = make_brief(town_run.home, None, here).brief
    leads = {point.lead: point.text for part in brief.beside[0].parts for point in part.points}
    assert {"Hot spot left_here", "Market lost"} <= set(leads) and "Hot spot left_there" not in leads
    assert "Of the whole force" in leads["Market lost"] and "Of the whole" not in leads["Hot spot left_here"]
    assert "No real change" not in " ".join(brief.summary)


def test_the_command_writes_both_files_complete(town_run: TownRun, made: MadeBrief, tmp_path: Path) -> None:
    done = run_command(town_run.home, "--out", str(tmp_path / "new"))
    assert done.exit_code == 0, done.output + str(done.exception)
    assert {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()} == made.files
    missing = run_command(town_run.home, "--run", "nothing", "--out", str(tmp_path / "none"))
    assert isinstance(missing.exception, PublicationError) and "nothing" in str(missing.exception)
    unset = run_command(town_run.home, "--mail", "--out", str(tmp_path / "none"))
    assert isinstance(unset.exception, SettingsError) and "mail.host is not set" in str(unset.exception)
    assert not (tmp_path / "none").exists()


def test_every_table_that_it_reads_is_published(town_run: TownRun) -> None:
    assert all(len(town_run.published(name).columns) for name in make.TABLES)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH: the page is not opened")
def test_a_browser_asks_for_nothing_and_axe_finds_nothing(made: MadeBrief, tmp_path: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = tmp_path / "brief.html"
    path.write_bytes(made.files["brief-2026-01-01.html"])
    with playwright.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width, scheme in ((1400, "light"), (390, "dark")):
            page = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
            ).new_page()
            asked: list[str] = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.goto(path.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            found = axe.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
            assert [(one["id"], one["nodes"][0]["html"][:150]) for one in found] == []
            assert asked == [path.as_uri()]
        browser.close()


def test_ground_under_an_embargo_is_named_neither_by_a_new_brief_nor_by_one_that_stands(
    town_run: TownRun, shared: Path, new_home: Callable[..., Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARMSPOT__SCHEDULE__BRIEF", "true")
    home = new_home(Path(shutil.copytree(shared / "run", tmp_path / "home")))
    plan = town_run.published("crackdown_plan").sort_values("position").iloc[0]
    place = town_run.published("market").set_index("market_id")["place"][plan["market_id"]]
    monkeypatch.setattr(make, "read_places", _with_step(make.read_places, plan["market_id"]))
    assert f"{place} next step" in re.sub("<[^>]+>", "", parts(make_brief(home))[1])
    old = home.briefs / "2025-12-31"
    old.mkdir(parents=True)
    (old / "brief-2025-12-31.html").write_text(plan["market_id"])
    (home.briefs / "last.json").write_text(json.dumps({"run_id": town_run.summary.run_id}))
    clock = ["--home", str(home.path), "--config", str(home.config_file), "--clock", CLOCK.isoformat()]
    secret = ["--reason", "a covert inquiry until the arrests", "--by", "Supt. A. Lee", "--until", "2026-01-20"]
    done = CliRunner().invoke(cli, [*clock, "plan", "embargo", plan["market_id"], *secret])
    assert done.exit_code == 0, done.output + str(done.exception)
    assert sorted(path.name for path in home.briefs.iterdir()) == ["2026-01-01", "last.json"]  # that of today, anew
    fresh = (home.briefs / "2026-01-01" / "brief-2026-01-01.html").read_bytes()
    assert plan["market_id"].encode() not in fresh and b"next step" not in fresh
    assert "next step" not in parts(make_brief(home))[1]


def _with_step(read: Callable[..., dict], market_id: str) -> Callable[..., dict]:
    """Read tables with a next step of one market alone."""

    def changed(*given: object) -> dict:
        tables = read(*given)
        plan = tables["crackdown_plan"]
        is_it = plan["market_id"].eq(market_id)
        return {**tables, "crackdown_plan": plan.assign(next_step=is_it.map({True: "announce", False: "nothing"}))}

    return changed
