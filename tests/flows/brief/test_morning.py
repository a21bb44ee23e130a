"""After a daily run: the brief is written whole and mailed once, old ones go, and what fails never fails the run."""

import dataclasses
import os
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.brief import morning
from flows.brief.make import MadeBrief, make_brief
from flows.brief.morning import KEPT_DAYS, finish_by_hand, morning_brief
from flows.brief.state import read_last_brief
from flows.health.doctor import CHECKS
from flows.home.home import Home
from flows.schedule import daily
from flows.schedule.daily import daily_run
from pipeline.complete_folder import making_of
from pipeline.errors import MailError, PublicationError
from pipeline.messages.mail import MailSettings
from tests.pipeline.messages.smtp_server import mail_settings, smtp_server
from tests.town import AS_OF, CLOCK, TownRun

DAY = AS_OF.isoformat()


@pytest.fixture(scope="module")
def made(town_run: TownRun) -> MadeBrief:
    return make_brief(town_run.home)


@pytest.fixture
def home(
    town_run: TownRun, made: MadeBrief, shared: Path, new_home: Callable[..., Home], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Home:  # fmt: skip
    """A home with the town's run that writes briefs, of which one was made already; what it says is `said`."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in ("published.duckdb", "force.json", "key"):  # what a brief reads
        if (shared / "run" / name).exists():
            shutil.copy(shared / "run" / name, folder / name)
    home = new_home(folder)
    home.said = []  # type: ignore[attr-defined] # what it logs
    home.progress = home.said.append  # type: ignore[attr-defined]
    use(home, None)
    monkeypatch.setattr(morning, "make_brief", lambda home, run_id: made)
    monkeypatch.setattr(type(home), "is_rehearsal", False)
    return home


def use(home: Home, mail: MailSettings | None, *, brief: bool = True) -> None:
    """Let the settings of a home say whether it writes briefs, and who gets them."""
    settings = home.settings
    schedule = dataclasses.replace(settings.schedule, brief=brief)
    home.__dict__["settings"] = dataclasses.replace(settings, schedule=schedule, mail=mail or settings.mail)


def doctor(home: Home) -> tuple[str, str]:
    return CHECKS["brief"](home)


def test_both_files_stand_in_the_folder_of_the_day_and_old_days_go(
    home: Home, made: MadeBrief, town_run: TownRun
) -> None:
    assert doctor(home) == ("ok", "the next daily run writes the first")
    for day in range(1, 20):
        (home.briefs / f"2025-12-{day:02d}").mkdir(parents=True)
    (home.briefs / "notes").mkdir()  # somebody's own
    morning_brief(home, town_run.summary.run_id)
    folder = home.briefs / DAY
    assert making_of(folder) == town_run.summary.run_id
    assert {name: (folder / name).read_bytes() for name in made.files} == made.files
    days = sorted(path.name for path in home.briefs.iterdir() if path.name[0] == "2")
    assert len(days) == KEPT_DAYS and days[-1] == DAY and days[0] == "2025-12-07" and (home.briefs / "notes").exists()
    assert doctor(home) == ("ok", f"the latest is of run {town_run.summary.run_id}")


@pytest.mark.parametrize("why", ["off", "expired", "not the latest"])
def test_no_brief_is_written_of_what_is_not_for_today(home: Home, town_run: TownRun, why: str) -> None:
    use(home, None, brief=why != "off")
    home.clock = CLOCK + timedelta(days=9) if why == "expired" else CLOCK
    morning_brief(home, "0" * 16 if why == "not the latest" else town_run.summary.run_id)
    assert not home.briefs.exists()
    assert doctor(home)[0] == "ok"


def test_it_is_mailed_once_for_a_run(home: Home, made: MadeBrief, town_run: TownRun, tmp_path: Path) -> None:
    with smtp_server(tmp_path, is_encrypted=False) as (received, port, _):
        use(home, mail_settings(port))
        for _ in range(2):
            morning_brief(home, town_run.summary.run_id)
    assert len(received.envelopes) == 1
    sent = received.envelopes[0].content
    assert b"Subject: Morning brief, " in sent and b'filename="brief-2026-01-01.pdf"' in sent
    assert "on the target list" in sent.decode() or "areas is on" in sent.decode()


def test_a_rehearsal_mails_nothing(
    home: Home, town_run: TownRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(home), "is_rehearsal", True)
    with smtp_server(tmp_path, is_encrypted=False) as (received, port, _):
        use(home, mail_settings(port))
        morning_brief(home, town_run.summary.run_id)
    assert not received.envelopes and (home.briefs / DAY).is_dir()


def test_a_mail_that_fails_is_a_warning_and_the_next_run_tries_again(
    home: Home, town_run: TownRun, tmp_path: Path
) -> None:
    with smtp_server(tmp_path, is_encrypted=False) as (received, port, _):
        use(home, mail_settings(port))
        received.is_full = True
        morning_brief(home, town_run.summary.run_id)
        state, detail = doctor(home)
        assert state == "warning" and "refuses the mail: 452" in detail and "brief --mail`" in detail
        assert any("was not mailed" in text for text in home.said)  # type: ignore[attr-defined]
        assert (home.briefs / DAY).is_dir()
        received.is_full = False
        morning_brief(home, town_run.summary.run_id)
    assert len(received.envelopes) == 1 and doctor(home)[0] == "ok"


def test_one_refused_recipient_is_told_and_the_others_get_it_once(
    home: Home, town_run: TownRun, tmp_path: Path
) -> None:
    with smtp_server(tmp_path, is_encrypted=False) as (received, port, _):
        use(home, mail_settings(port))
        received.refused = {"chief@police.example"}
        for _ in range(2):
            morning_brief(home, town_run.summary.run_id)
    assert [one.rcpt_tos for one in received.envelopes] == [["duty@police.example"]]
    state, detail = doctor(home)
    assert state == "warning" and "was not mailed to all" in detail and "refuses 1 of 2 recipients" in detail
    assert sum("not mailed to all" in text for text in home.said) == 1  # type: ignore[attr-defined]


def test_a_brief_made_by_hand_mends_what_the_doctor_tells(
    home: Home, made: MadeBrief, town_run: TownRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> MadeBrief:
        raise PublicationError("does not fit")

    with monkeypatch.context() as broken:
        broken.setattr(morning, "make_brief", fail)
        morning_brief(home, town_run.summary.run_id)
    of_an_area = dataclasses.replace(made, area_id="a@1")
    assert finish_by_hand(home, of_an_area, is_mailed=False) is None and "does not fit" in doctor(home)[1]
    with smtp_server(tmp_path, is_encrypted=False) as (received, port, _):
        use(home, mail_settings(port))
        finish_by_hand(home, made, is_mailed=False)  # as the doctor says
        assert making_of(home.briefs / DAY) == town_run.summary.run_id
        assert "it was made by hand. Send it" in doctor(home)[1] and not received.envelopes
        finish_by_hand(home, made, is_mailed=True)  # as it says then
        assert doctor(home) == ("ok", f"the latest is of run {town_run.summary.run_id}")
        morning_brief(home, town_run.summary.run_id)
    assert len(received.envelopes) == 1


FAULTS: dict[str, Exception] = {
    "full disk": OSError(28, "No space left on device"),
    "bug": ZeroDivisionError("p_" + "0" * 32),
    "too long": PublicationError("does not fit"),
    "mail": MailError("no"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_brief_that_fails_fails_no_run_and_the_doctor_tells(
    home: Home, town_run: TownRun, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def fail(*_: Any) -> MadeBrief:
        raise FAULTS[fault]

    monkeypatch.setattr(morning, "make_brief", fail)
    morning_brief(home, town_run.summary.run_id)
    last = read_last_brief(home)
    assert last and last.problem and "p_0" not in last.problem
    assert doctor(home)[0] == "warning" and not (home.briefs / DAY).exists()
    assert any(re.search("no morning brief of run", text) for text in home.said)  # type: ignore[attr-defined]
    home.briefs.rename(home.path / "gone")
    home.briefs.write_text("a file in the way")
    morning_brief(home, town_run.summary.run_id)


def test_a_brief_of_before_an_embargo_is_not_put_in_place(
    home: Home, made: MadeBrief, town_run: TownRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else is published while it is made, it is made again."""
    count = []

    def make_while_it_changes(*_: Any) -> MadeBrief:
        count.append(1)
        os.utime(home.published, ns=(len(count), len(count)))
        return made

    monkeypatch.setattr(morning, "make_brief", make_while_it_changes)
    morning_brief(home, town_run.summary.run_id)
    last = read_last_brief(home)
    assert len(count) == morning.TRIES and last and last.problem and "changed 3 times" in last.problem
    assert not list((home.briefs / DAY).glob("brief*"))


def test_a_daily_run_asks_for_it_at_its_end_and_so_does_a_rerun_which_may_be_of_today(
    town_run: TownRun, shared: Path, new_home: Callable[..., Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    home = new_home(Path(shutil.copytree(shared / "run", tmp_path / "home")))
    asked: list[str] = []
    monkeypatch.setattr(daily, "morning_brief", lambda home, run_id: asked.append(run_id))
    assert not daily_run(home, AS_OF).is_new
    daily_run(home, AS_OF, is_rerun=True)
    assert asked == [town_run.summary.run_id] * 2
