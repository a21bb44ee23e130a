"""Acts on a full disk, or beside a broker that hangs: what was recorded is told, and nobody else waits."""

import errno
import gc
import html
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest

from flows.decisions.embargoes import embargo_market
from flows.decisions.partners import deliver_to_partners
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.users.login import log_out
from pipeline.messages.outbox import OutboxMessage, make_message
from pipeline.messages.partners import Partner
from pipeline.publication.publish import read_published
from pipeline.sources.kafka import KafkaPublisher
from tests.town import CLOCK
from tests.users import PASSWORD, name_in
from tests.web.conftest import BELL, LEE, browser_of, visiting
from tests.web.test_acts import WHY, acts_of, notice_of
from web.app import UNTOLD, create_app
from web.entrance.board import COOKIE

Copies = Callable[[str], Home]
UNTIL = {"until": "2026-01-20", "reason": "a covert inquiry goes on"}


def raising(code: int) -> Callable[..., Any]:
    def write(*_: Any, **__: Any) -> Any:
        raise OSError(code, "", "/home/somewhere.duckdb")

    return write


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        (errno.ENOSPC, 507, "the disk is full. Free some space"),
        (errno.EROFS, 503, "for reading only. Mount it for writing"),
        (errno.EACCES, 503, "give that user the right"),
    ],
)
@pytest.mark.parametrize(
    ("who", "act", "fields", "writer"),
    [
        (BELL, "/notices/NOTICE/open", {}, "pipeline.store.store.DuckDBStore.record_human_event"),
        (BELL, "/audits/fairness/sign", {"found": WHY}, "web.acts.act.write_complete"),
        (LEE, "/embargoes/all/embargo", {"market": "MARKET", **UNTIL}, "flows.decisions.embargoes._remove_drawings"),
    ],
)
def test_an_act_that_cannot_be_written_says_that_it_is_not_recorded(
    code: int, status: int, said: str, who: str, act: str, fields: dict[str, str], writer: str, copy_of_run: Copies,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    home, names = copy_of_run("home"), {}
    names = {"NOTICE": notice_of(home), "MARKET": market_of(home)}
    browser = browser_of(home)
    browser.sign_in("Analyst, M. Ito" if "audits" in act else who)
    act = act.replace("NOTICE", names["NOTICE"])
    token = browser.token({"/audits": "/audits", "/embarg": "/embargoes"}.get(act[:7], act.rpartition("/")[0]), act)
    files = {"report": ("report.html", b"<p>sound</p>")} if "sign" in act else None
    monkeypatch.setattr(writer, raising(code))
    with caplog.at_level(logging.ERROR):
        sent = {name: names.get(value, value) for name, value in fields.items()}
        answer = browser.post(act, data={"token": token, **sent}, files=files)
    assert answer.status_code == status, answer.text
    page = html.unescape(answer.text)
    assert "The act was not finished: /home/somewhere.duckdb" in page and said in page
    assert "Traceback" not in page and any(record.levelno == logging.ERROR for record in caplog.records)
    monkeypatch.undo()
    assert acts_of(home) == []


def market_of(home: Home) -> str:
    return str(read_published(home.path, "crackdown_plan").sort_values("position")["market_id"].iloc[0])


@pytest.mark.parametrize(
    ("writer", "said"),
    [
        ("flows.brief.morning.write_outputs", "draw them: `harmspot layers`, then `harmspot brief`"),
        ("flows.decisions.desk.project", "the publication does not show it yet"),
        ("pipeline.store.store.DuckDBStore.withdraw_messages", "what follows from it failed"),
    ],
)
def test_half_an_act_is_told_as_recorded_and_logged_as_no_refusal(
    writer: str, said: str, copy_of_run: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = copy_of_run("home")
    browser = browser_of(home)
    browser.sign_in(LEE)
    monkeypatch.setattr(writer, raising(errno.ENOSPC))
    answer = browser.act("/embargoes/all/embargo", "/embargoes", market=market_of(home), **UNTIL)
    page = html.unescape(answer.text)
    assert answer.status_code == 507 and "is recorded" in page and said in page and "the disk is full" in page
    assert "not recorded" not in page
    monkeypatch.undo()
    assert [kind for kind, *_ in acts_of(home)] == ["embargoed"]
    assert not [entry for entry in home.access_log.entries() if entry["action"] == "refused"]


def test_a_mark_of_the_access_log_that_cannot_be_written_is_told_and_undoes_nothing(
    copy_of_run: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = browser_of(copy_of_run("home"))
    browser.sign_in(BELL)
    monkeypatch.setattr("flows.users.admission.mark_reads", raising(errno.ENOSPC))
    answer = browser.act("/all-notices/all/read", "/notices", purpose="prepare the letters")
    assert answer.status_code == 200
    assert "not marked in the store yet, the next read marks it: /home/somewhere" in html.unescape(answer.text)


def test_strangers_read_no_path_of_a_file_that_cannot_be_written(
    real_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.entrance.visitors.log_in", raising(errno.ENOSPC))
    answer = browser_of(real_home).sign_in(name_in("planner"), PASSWORD)
    assert answer.status_code == 507 and "/home/somewhere" not in answer.text


def test_who_asks_on_a_full_disk_is_told_that_it_cannot_be_told(
    real_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = browser_of(real_home)
    browser.sign_in(name_in("planner"), PASSWORD)
    log_out(real_home, browser.cookies[COOKIE])
    monkeypatch.setattr("web.entrance.visitors.session_of", raising(errno.ENOSPC))
    for _ in range(2):
        answer = browser.get("/")
        assert (answer.status_code, answer.text) == (503, UNTOLD)


@pytest.mark.parametrize(
    "page", ["/", "/visits", "/operations", "/notices", "/compare", "/record", "/lists", "/audits"]
)
def test_every_page_says_that_the_run_has_expired(page: str, copy_of_run: Copies) -> None:
    home = copy_of_run("home")
    home.clock = read_published(home.path, "run")["valid_to"].iloc[-1].to_pydatetime()
    browser = browser_of(home)
    browser.sign_in(LEE)
    said = "This run has expired: do not act on it."
    assert browser.get(page).text.count(said) == 1
    area = read_published(home.path, "area_ranking")["area_id"].iloc[0]
    assert said in browser.get(f"/detail?open=area:{area}").text
    sheet = html.unescape(browser.get(f"/visits/sheet.pdf?area={area}&shift=late").text)
    assert "no crew may be sent by it; run today: `harmspot run" in sheet


def test_a_broker_that_never_answers_holds_up_nobody_else(copy_of_run: Copies, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection and says nothing. The messages stay for the next delivery."""
    home = copy_of_run("home")
    hung = socket.create_server(("127.0.0.1", 0))
    settings = home.settings
    unit = Partner(name="health", topics={"watches": ["cause"]}, agreement_id="ISA-7")
    home.__dict__["settings"] = replace(
        settings,
        kafka=replace(settings.kafka, bootstrap_servers=f"127.0.0.1:{hung.getsockname()[1]}"),
        partners=replace(settings.partners, to=("kafka",), recipients=(unit,)),
    )
    watch = make_message("watches.health", "w_1", "harmspot.watch.v1", {"cause": "seizure"}, time=CLOCK)
    with open_home_store(home) as store:
        store.add_messages([watch], CLOCK)
    monkeypatch.setattr("flows.decisions.partners.KafkaPublisher", partial(KafkaPublisher, timeout_s=8.0))
    board = create_app(home)
    bell, lee = visiting(board), visiting(board)
    bell.sign_in(BELL)
    lee.sign_in(LEE)
    told: list[Any] = []
    token, path = bell.token("/notices", "/all-notices/all/deliver"), f"/notices/{notice_of(home)}"
    form = lee.token(path, f"{path}/open")
    bell.get("/operations")
    delivering = Thread(
        target=lambda: told.append(bell.post("/all-notices/all/deliver", data={"token": token}))
    )  # fmt: skip
    delivering.start()
    held = [hung.accept()[0], hung.accept()[0]]  # the first only asks whether anybody is there
    slowest = 0.0
    for ask in (
        lambda: lee.get("/notices"),
        lambda: lee.get("/visits?delivered=1"),
        lambda: lee.post(f"{path}/open", data={"token": form}),
    ):
        began = monotonic()
        assert ask().status_code == 200
        slowest = max(slowest, monotonic() - began)
    assert delivering.is_alive()  # all of that meanwhile
    delivering.join()
    for each in (*held, hung):
        each.close()
    assert told[0].status_code == 409 and "Kafka" in html.unescape(told[0].text)
    with open_home_store(home) as store:
        assert [each.message_id for each in store.undelivered(9, "watches.health")] == [watch.message_id]
    assert slowest < 4.0  # less than the broker takes to be given up; a second on a machine of its own
    gc.collect()  # a socket that the client left open fails here


def test_one_delivery_at_a_time_and_an_embargo_waits_for_what_is_on_its_way(
    copy_of_run: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, is_sending, may_go, sent = copy_of_run("home"), Event(), Event(), list[str]()
    message = make_message("watches.health", "w_1", "harmspot.watch.v1", {}, time=CLOCK)

    class Slow:
        def publish(self, messages: Sequence[OutboxMessage]) -> None:
            is_sending.set()
            assert may_go.wait(60)
            sent.extend(each.message_id for each in messages)

    monkeypatch.setattr("flows.decisions.partners._publishers", lambda home: [Slow()])
    unit = Partner(name="health", topics={"watches": ["cause"]}, agreement_id="ISA-7")
    partners = replace(home.settings.partners, recipients=(unit,))
    home.__dict__["settings"] = replace(home.settings, partners=partners)
    with open_home_store(home) as store:
        store.add_messages([message], CLOCK)
    ended: list[str] = []

    def deliver() -> None:
        deliver_to_partners(home, ["watches.health"])
        ended.append("delivery")

    def embargo() -> None:
        said = {"reason": UNTIL["reason"], "until": date.fromisoformat(UNTIL["until"]), "by": LEE}
        embargo_market(home, market_of(home), **said)
        ended.append("embargo")

    threads = [Thread(target=each) for each in (deliver, deliver, embargo)]
    threads[0].start()
    assert is_sending.wait(60)
    for each in threads[1:]:
        each.start()
        each.join(0.5)
    assert ended == []
    may_go.set()
    for each in threads:
        each.join()
    assert sorted(ended) == ["delivery", "delivery", "embargo"] and sent == [message.message_id]
