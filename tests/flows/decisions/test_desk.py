"""The desk: one decision at a time, one read of the ledger, and a publication that shows what was recorded."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flows.decisions import lists
from flows.decisions.desk import at_desk
from flows.home.home import Home
from flows.home.store_access import read_people
from flows.human_log.ledger import read_ledger
from models.governance.list_lifecycle import list_id_of
from pipeline.errors import KeyFileError, PublicationError
from pipeline.publication.publish import publication_lock
from pipeline.store.human_events import HumanEvent
from pipeline.store.store import DuckDBStore as Store
from tests.town import TownRun

READING = {"reader": "A. Lee", "purpose": "approve the list"}
WHY = "evidence read and found sound"


@pytest.fixture
def queue(town_run: TownRun) -> str:
    return list_id_of("warrant_queue", town_run.summary.run_id)


def approval(home: Home, list_id: str, kind: str = "approved") -> HumanEvent:
    return HumanEvent(kind, "A. Lee", "list", list_id, home.now(), {"reason": WHY})


def opening(home: Home, list_id: str, by: str) -> HumanEvent:
    return HumanEvent("opened", by, "list", list_id, home.now(), {"purpose": "approve the list"})


def shown(home: Home) -> list[str]:
    return read_people(home, "approval", reader="a test", purpose="a test reads")["list_id"].tolist()


def test_a_publication_shows_what_was_recorded_even_if_a_later_step_is_refused(home: Home, queue: str) -> None:
    with pytest.raises(PublicationError, match="a later step"), at_desk(home) as desk:
        before = len(desk.ledger.events)
        for by in ("B. Reyes", "A. Lee"):
            desk.record(opening(home, queue, by))
        desk.record(approval(home, queue))
        assert [event.kind for event in desk.ledger.events[before:]] == ["opened", "opened", "approved"]
        raise PublicationError("a later step is refused")
    assert shown(home) == [queue]
    assert [event.kind for event in read_ledger(home).events[before:]] == ["opened", "opened", "approved"]


def test_what_is_not_recorded_is_not_shown_and_leaves_the_files_alone(home: Home, queue: str) -> None:
    files = [home.published.read_bytes(), home.restricted.read_bytes()]
    with pytest.raises(PublicationError, match="refused"), at_desk(home):
        raise PublicationError("refused")
    assert [home.published.read_bytes(), home.restricted.read_bytes()] == files
    with at_desk(home) as desk:
        for by in ("B. Reyes", "A. Lee"):
            desk.store.record_human_event(opening(home, queue, by))
        desk.store.record_human_event(approval(home, queue))  # as by a process that died before it published
    assert shown(home) == []
    with at_desk(home) as desk:
        desk.refresh()
    assert shown(home) == [queue]


def test_of_two_people_who_approve_at_once_one_does(home: Home, queue: str) -> None:
    people = ("A. Lee", "B. Reyes")
    for reader in people:
        lists.open_list(home, queue, reader=reader, purpose="approve the list")

    def approve(by: str) -> str | None:
        try:
            lists.approve_list(home, queue, by=by, reason=WHY)
        except PublicationError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(2) as pool:
        refused = [error for error in pool.map(approve, people) if error]
    assert len(refused) == 1 and "already approved" in refused[0]
    assert len(read_ledger(home).about("list", kinds=["approved"])) == 1
    assert shown(home) == [queue]


def test_the_publication_is_locked_before_the_store_is_opened(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of a run: otherwise a run that publishes and a person who decides would wait for each other."""
    monkeypatch.setattr("flows.decisions.desk.publication_lock", lambda path, wait_s: publication_lock(path, 0.1))
    monkeypatch.setattr("flows.decisions.desk.open_home_store", lambda home: pytest.fail("the store was opened"))
    with publication_lock(home.path), pytest.raises(PublicationError, match="another process"), at_desk(home):
        pytest.fail("a second desk was opened")


def test_a_home_that_is_none_gets_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError), at_desk(Home(tmp_path / "typo")):
        pytest.fail("a desk was opened")
    assert not (tmp_path / "typo").exists()


def test_an_act_reads_the_ledger_once(home: Home, queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    read = Store.human_events
    monkeypatch.setattr(Store, "human_events", lambda store: (reads.append(1), read(store))[1])
    lists.open_list(home, queue, **READING)
    lists.open_list(home, queue, **READING | {"reader": "B. Reyes"})
    lists.approve_list(home, queue, by="A. Lee", reason=WHY)
    lists.revoke_list(home, queue, by="A. Lee", reason=WHY)
    assert len(reads) == 4


def test_the_same_event_twice_is_one_in_the_ledger_as_in_the_store(home: Home, queue: str) -> None:
    with at_desk(home) as desk:
        for _ in range(2):
            desk.record(opening(home, queue, "A. Lee"))
        seen = desk.ledger.events
    assert seen == read_ledger(home).events


def test_a_publication_that_cannot_be_replaced_says_that_the_decision_stands(
    home: Home, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object, **more: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("flows.decisions.desk.project", full)
    with pytest.raises(PublicationError, match=r"is recorded, but .*No space left"), at_desk(home) as desk:
        desk.record(opening(home, queue, "A. Lee"))
    with pytest.raises(PublicationError, match="refused later"), at_desk(home) as desk:
        desk.record(approval(home, queue))
        raise PublicationError("refused later")
    assert [event.kind for event in read_ledger(home).about("list")][-2:] == ["opened", "approved"]
