"""The board in a real browser: look, select, explain, approve with two users; by keys, on a phone, alone."""

import base64
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pmtiles.tile import TileType

from flows.home.home import Home
from pipeline.publication.publish import read_published
from tests.town import TownRun
from tests.web.conftest import BELL, REYES, serving
from tests.web.test_base_map import home_with, write_tiles
from web.app import create_app

axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH: the board is not opened")
WITH_GL = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
PATIENCE_MS = 60_000
PAGES_TO_LOOK_AT = ("/notices", "/lists", "/operations", "/audits", "/record", "/compare", "/visits", "/embargoes",
                    "/people", "/users", "/gis/collections/areas?f=html")  # fmt: skip
RED = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="  # a PNG
WHY = "Read all five records; they hold."


@pytest.fixture(scope="module")
def served(
    shared: Path, town_run: TownRun, new_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Home]]:
    """The address of a board of a copy of the town's home."""
    home = new_home(Path(shutil.copytree(shared / "run", tmp_path_factory.mktemp("board") / "home")))
    with serving(create_app(home)) as port:
        yield f"http://localhost:{port}", home


@pytest.fixture(scope="module")
def opened(served: tuple[str, Home]) -> Iterator[Callable[..., Any]]:
    """Sign in as somebody at a width; no error of a script, no refused content and no request elsewhere may come."""
    address, _ = served
    with playwright.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=WITH_GL)

        @contextmanager
        def page(name: str = BELL, width: int = 1400, address: str = address, **context: Any) -> Iterator[Any]:
            with browser.new_context(
                viewport={"width": width, "height": 900}, base_url=address, reduced_motion="reduce", **context
            ) as one:
                one.set_default_timeout(PATIENCE_MS)
                shown = one.new_page()
                errors: list[str] = []
                asked: list[str] = []
                shown.on("pageerror", lambda error: errors.append(str(error)))
                shown.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
                shown.on("request", lambda request: asked.append(request.url))
                shown.goto("/sign-in")
                shown.check(f"input[value='{name}']")
                shown.click("button.main")
                shown.wait_for_url("**/")
                yield shown
                assert [error for error in errors if "409" not in error] == []  # a refusal is told as such
                assert [url for url in asked if not url.startswith((address, "blob:", "data:"))] == []

        yield page
        browser.close()


def violations(page: Any) -> list[tuple[str, list[str]]]:
    found = axe_playwright.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    return [(one["id"], [node["html"][:160] for node in one["nodes"]][:3]) for one in grave]


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (1400, "dark"), (390, "light"), (390, "dark")])
def test_axe_finds_nothing_serious_and_no_page_is_wider_than_its_screen(
    opened: Callable[..., Any], served: tuple[str, Home], width: int, scheme: str
) -> None:
    notice = read_published(served[1].path, "area_notice")["notice_id"].iloc[0]
    area = read_published(served[1].path, "area_ranking")["area_id"].iloc[0]
    pages = [f"/?open=area:{area}", f"/notices/{notice}"]
    pages += (
        [
            "/notices",
            "/lists",
            "/operations",
            "/audits",
            "/record",
            "/compare",
            "/visits",
            "/embargoes",
            "/people",
            "/users",
            "/gis/collections/areas?f=html",
        ]
        if scheme == "light"
        else []
    )
    with opened(width=width, bypass_csp=True, color_scheme=scheme) as page:
        for path in pages:
            page.goto(path)
            page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
            assert (path, violations(page)) == (path, [])
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_a_row_and_the_map_open_each_other(opened: Callable[..., Any], served: tuple[str, Home]) -> None:
    with opened() as page:
        page.wait_for_selector("#board-map[data-ready]")
        assert page.locator("#board-map").get_attribute("data-drawn") == "areas cells hotspots markets"
        link = page.locator("#areas a.opener").nth(2)
        name = link.inner_text()
        link.click()
        page.wait_for_selector(f"#detail h2:text-is('{name}')")
        assert page.evaluate("document.activeElement.innerText") == name
        assert page.locator("#areas tr.lit").inner_text().split("\t")[1].startswith(name)
        assert "open=area" in page.url
        page.goto("/")
        page.wait_for_selector("#board-map[data-ready]")
        page.locator("#board-map canvas").click(position={"x": 300, "y": 230})
        page.locator("#detail [data-opened]").wait_for()
        page.select_option("select[name=axis]", "violence")
        page.wait_for_url("**axis=violence**")


def test_two_users_approve_by_keyboard_and_one_alone_cannot(
    opened: Callable[..., Any], served: tuple[str, Home]
) -> None:
    notice = read_published(served[1].path, "area_notice")["notice_id"].iloc[0]

    def by_keys(page: Any, act: str, *texts: str) -> None:
        page.locator(f"#act-{act} :is(textarea, select)").first.focus()
        for text in texts:
            page.keyboard.type(text)
            page.keyboard.press("Tab")
        for _ in range(4):
            if page.evaluate("document.activeElement.tagName") == "BUTTON":
                break
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        # What the board says has the focus, so that a screen reader reads it first.
        page.wait_for_selector(".said:focus, .do .refused:focus")

    with opened(REYES) as page:
        page.goto(f"/notices/{notice}")
        by_keys(page, "review", WHY)
        assert "must open the notice first" in page.locator("#act-review .refused").inner_text()
        by_keys(page, "open", "review the notice")
        by_keys(page, "review", WHY)
        by_keys(page, "approve", WHY)
        assert "may not approve the notice" in page.locator("#act-approve .refused").inner_text()
    with opened(BELL) as page:
        page.goto(f"/notices/{notice}")
        assert page.locator("#act-approve").count() == 0
    with opened("Supt. A. Lee") as page:
        page.goto(f"/notices/{notice}")
        by_keys(page, "open", "approve the notice")
        by_keys(page, "approve", WHY)
        assert "The notice is approved." in page.locator(".said").inner_text()
    with opened(BELL) as page:
        page.goto(f"/notices/{notice}")
        by_keys(page, "serve", "displayed")
        assert "The notice is served." in page.locator(".said").inner_text()


def test_without_script_rows_open_and_the_tables_say_all(opened: Callable[..., Any]) -> None:
    with opened(java_script_enabled=False) as page:
        assert "needs a browser with script" in page.locator("#board-map").inner_text()
        link = page.locator("#areas a.opener").first
        name = link.inner_text()
        link.click()
        assert page.locator("#detail h2").inner_text() == name
        assert page.locator("#detail .evidence li").count() > 0


def test_what_is_printed_has_the_ranking_and_no_forms(opened: Callable[..., Any]) -> None:
    with opened() as page:
        page.emulate_media(media="print")
        assert page.locator("#areas table").is_visible()
        assert not page.locator("#question").is_visible()
        assert not page.locator("header nav").is_visible()
        assert page.pdf().startswith(b"%PDF")


def test_a_base_map_lies_beneath_and_what_it_shows_is_seen_through(
    opened: Callable[..., Any], served: tuple[str, Home], tmp_path: Path
) -> None:
    tiles = write_tiles(tmp_path / "base.pmtiles", TileType.PNG, base64.b64decode(RED))
    with (
        serving(create_app(home_with(served[1], str(tiles)))) as port,
        opened(address=f"http://localhost:{port}") as page,
    ):
        asked: list[int] = []
        page.on("response", lambda answer: asked.append(answer.status) if "/base/" in answer.url else None)
        page.reload()
        page.wait_for_selector("#board-map[data-ready][data-base=raster]")
        assert page.evaluate("document.getElementById('board-map').dataset.drawn").startswith("areas")
        assert set(asked) <= {200, 204}
        assert 200 in asked


def test_from_sign_in_to_a_served_notice_by_keys_alone(opened: Callable[..., Any], served: tuple[str, Home]) -> None:
    """As a new user would: no mouse, no address typed but the first; each step goes by Tab, Enter and letters."""
    notice = str(read_published(served[1].path, "area_notice")["notice_id"].iloc[-1])

    def tab_to(page: Any, test: str, most: int = 200) -> None:
        for _ in range(most):
            page.keyboard.press("Tab")
            if page.evaluate(f"(at => {test})(document.activeElement)"):
                return
        raise AssertionError(f"Tab does not lead to {test}")

    def act(page: Any, name: str, *typed: str) -> None:
        if not page.evaluate(f"document.querySelector('#act-{name}').open"):
            tab_to(page, f"at.matches('#act-{name} summary')")
            page.keyboard.press("Enter")
        for text in typed:
            tab_to(page, f"at.matches('#act-{name} :is(textarea, select, input)') && at.value === ''")
            page.keyboard.type(text)
        tab_to(page, f"at.matches('#act-{name} button')")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        page.wait_for_selector(".said")

    def come_in(page: Any, name: str) -> None:
        tab_to(page, "at.matches('input[type=radio]')")
        for _ in range(10):
            if page.evaluate("document.activeElement.value") == name:
                break
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url("**/")
        tab_to(page, "at.getAttribute('href') === '/notices'")
        page.keyboard.press("Enter")
        page.wait_for_url("**/notices")
        tab_to(page, f"at.getAttribute('href') === '/notices/{notice}'")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/notices/{notice}")

    def go_out(page: Any) -> None:
        tab_to(page, "at.matches('.who button')")
        page.keyboard.press("Enter")
        page.wait_for_url("**/sign-in**")

    with opened() as page:
        go_out(page)
        come_in(page, BELL)
        act(page, "open")
        act(page, "review", WHY)
        go_out(page)
        come_in(page, REYES)
        act(page, "open")
        act(page, "approve", WHY)
        go_out(page)
        come_in(page, BELL)
        act(page, "serve", "displayed")
        assert "The notice is served." in page.locator(".said").inner_text()
