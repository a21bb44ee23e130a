"""The board under 200 signed-in sessions while a run publishes, and its first view in Chromium; of Philadelphia.

`python -m pytest tests/bench/test_board_bench.py -m bench -s` prints what docs/benchmarks.md reports;
HARMSPOT_BENCH_RUNS says how many days are run before. 90 take half an hour: HARMSPOT_BENCH_HOME names the folder in
which the home is kept, and a home that is there already is used as it is.
"""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest

from flows.home.home import Home
from flows.users.accounts import add_user
from flows.users.login import SESSION
from pipeline.publication.publish import read_published, runs
from pipeline.users.credentials import new_token, token_hash
from pipeline.users.users import Token
from tests.bench.test_daily_bench import HARMSPOT, INCIDENTS, ROOT, harmspot
from web.entrance.board import COOKIE

SESSIONS, EACH_S, FOR_S = 200, 5.0, 60.0
RUNS = int(os.environ.get("HARMSPOT_BENCH_RUNS", 2))
KEPT = os.environ.get("HARMSPOT_BENCH_HOME")
FIRST, PASSWORD = date(2019, 12, 1), "a long password of the bench"
PATIENCE_S = 600.0
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not INCIDENTS.exists(), reason="the Philadelphia incidents are not beside the project"),
]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(KEPT) if KEPT else tmp_path_factory.mktemp("board") / "home"
    if not folder.exists():
        harmspot(folder, "load", str(INCIDENTS))
        for day in range(RUNS):
            harmspot(folder, "run", "--as-of", str(FIRST + timedelta(days=day)), "--without-prefect")
    home = Home(folder, ROOT / "configs" / "philadelphia.yaml", progress=lambda text: None)
    if not home.users.all():
        add_user(home, "Admin, A.", "administrator", PASSWORD)
    return folder


def tokens_of(folder: Path, count: int) -> list[str]:
    """Begin sessions of one user, as sign-ins do, without the second that each password costs."""
    home, now = Home(folder, progress=lambda text: None), datetime.now(UTC)
    user, tokens = home.users.all()[0], [new_token() for _ in range(count)]
    home.users.set_role(user.user_id, "supervisor")
    for token in tokens:
        session = Token(token_hash(token), user.user_id, "session", "measure it", now, now + SESSION)
        home.users.begin_session(session, user.password_hash)
    return tokens


@contextmanager
def board_of(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [HARMSPOT, "--home", folder, "--config", ROOT / "configs" / "philadelphia.yaml", "web", "--port", port]
    with (folder.parent / "board.log").open("w") as log:
        child = subprocess.Popen([*map(str, command)], stdout=log, stderr=log)
        address = f"http://127.0.0.1:{port}"
        try:
            until = time.monotonic() + PATIENCE_S
            while time.monotonic() < until:
                try:
                    if httpx.get(f"{address}/readyz", timeout=60).status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.2)
            yield address
        finally:
            child.terminate()
            child.wait()


def test_many_sessions_while_a_run_publishes(city: Path) -> None:
    pages = ["/", "/", "/?axis=violence", "/detail?open=area:{area}", "/notices", "/record", "/visits", "/operations"]
    area = read_published(city, "area_ranking")["area_id"].iloc[0]
    took: list[tuple[str, float]] = []
    failed: list[tuple[str, int]] = []
    lost: list[str] = []
    shown: list[tuple[str, tuple[str, ...]]] = []
    tokens = tokens_of(city, SESSIONS)

    async def visit(client: httpx.AsyncClient, number: int, until: float) -> None:
        await asyncio.sleep(EACH_S * number / SESSIONS)
        step = number
        while time.monotonic() < until:
            page, began = pages[step % len(pages)], time.perf_counter()
            how = {"headers": {"cookie": f"{COOKIE}={tokens[number]}"}}
            try:
                answer = await client.get(page.format(area=area), **how)
            except httpx.TransportError as error:  # on another connection, as browsers do
                lost.append(type(error).__name__)
                answer = await client.get(page.format(area=area), **how)
            seconds = time.perf_counter() - began
            took.append((page, seconds))
            if answer.status_code != 200:
                failed.append((page, answer.status_code))
            elif page == "/" and (run := re.search(r'data-run="(\w+)"', answer.text)):
                shown.append((run[1], tuple(re.findall(r'data-open="area:([^"]+)"', answer.text))))
            step += 1
            await asyncio.sleep(max(0.0, EACH_S - seconds))

    async def load(address: str) -> None:
        limits = httpx.Limits(max_connections=SESSIONS, keepalive_expiry=2.0)  # the board ends what is idle for 5 s
        async with httpx.AsyncClient(base_url=address, limits=limits, timeout=60) as client:
            await client.get("/", headers={"cookie": f"{COOKIE}={tokens[0]}"})
            until = time.monotonic() + FOR_S
            await asyncio.gather(*(visit(client, number, until) for number in range(SESSIONS)))

    as_of = (runs(city)["as_of"].max() + timedelta(days=1)).date()
    command = [HARMSPOT, "--home", city, "--config", ROOT / "configs" / "philadelphia.yaml", "run", "--as-of", as_of,
               "--without-prefect"]  # fmt: skip
    with board_of(city) as address:
        with subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as publishing:
            asyncio.run(load(address))
        assert publishing.returncode == 0
    order = {
        run_id: tuple(read_published(city, "area_ranking", run_id).sort_values("rank")["area_id"])
        for run_id in runs(city)["run_id"]
    }
    torn = [run_id for run_id, areas in shown if areas != order[run_id]]
    seconds = np.array([each for _, each in took])
    print(f"\n{len(took)} requests of {SESSIONS} sessions in {FOR_S:.0f} s, a run published meanwhile: "
          f"{len(failed)} errors, {len(lost)} connections lost, "
          f"{len(torn)} torn of {len(shown)} rankings ({len(set(dict(shown)))} runs seen); "
          f"median {np.median(seconds) * 1000:.0f} ms, p95 {np.quantile(seconds, 0.95) * 1000:.0f} ms, "
          f"slowest {seconds.max() * 1000:.0f} ms; load {os.getloadavg()[0]:.1f}")  # fmt: skip
    for page in dict.fromkeys(pages):
        of_page = np.array([each for name, each in took if name == page])
        print(f"  {page}: median {np.median(of_page) * 1000:.0f} ms, p95 {np.quantile(of_page, 0.95) * 1000:.0f} ms")
    assert (failed, torn) == ([], [])


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")
def test_first_view(city: Path) -> None:
    from playwright.sync_api import sync_playwright

    token, cells = tokens_of(city, 1)[0], len(read_published(city, "cell_forecast"))
    gl = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
    with board_of(city) as address, sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=gl)
        for attempt in ("the first of the process", "again", "again"):
            context = browser.new_context(viewport={"width": 1400, "height": 900})
            context.add_cookies([{"name": COOKIE, "value": token, "url": address}])
            page = context.new_page()
            page.set_default_timeout(PATIENCE_S * 1000)
            page.goto(address)
            paint = page.evaluate(
                "new Promise(done => new PerformanceObserver(seen => done(seen.getEntries()[0].startTime))"
                ".observe({type: 'paint', buffered: true}))"
            )
            page.wait_for_selector("#board-map[data-ready]")
            ready = page.evaluate("performance.now()")
            began = time.perf_counter()
            page.locator("#areas a.opener").nth(1).click()
            page.wait_for_selector("#detail h2")
            opened = time.perf_counter() - began
            print(f"\n{cells:,} cells, {len(runs(city))} runs, {attempt}: first paint {paint:.0f} ms, "
                  f"map {ready:.0f} ms, row {opened * 1000:.0f} ms; load {os.getloadavg()[0]:.1f}")  # fmt: skip
            context.close()
        browser.close()
