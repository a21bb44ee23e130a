"""The access log against what was kept outside: cut, rewritten or replaced, and an anchor that was altered."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.health import anchors
from flows.health.anchors import anchor_problems, write_anchor
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.human_log.integrity import check_log
from pipeline.errors import StoreError
from pipeline.messages.outbox import OutboxMessage
from pipeline.privacy.access_log import AccessLog


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home", is_for_rehearsals=True, progress=lambda text: None).ensure()
    with open_home_store(made):
        read(made, 3)
    return made


def read(home: Home, times: int = 1) -> None:
    for number in range(times):
        home.log_access("read", {"number": number}, reader="Insp. J. Reyes", purpose="morning tasking")


def rewritten(log: AccessLog, change: Callable[[list[dict[str, object]]], list[dict[str, object]]], key: bytes) -> None:
    """Write the log anew after a change, as somebody with that key would."""
    entries = change(list(log.entries()))
    log.path.unlink()
    again = AccessLog(log.path, key)
    for entry in entries:
        again._append({"at": __import__("datetime").datetime.fromisoformat(str(entry.pop("at"))),
                       **{k: v for k, v in entry.items() if k not in ("hash", "keyed_hash", "previous")}})  # fmt: skip


def test_the_last_entry_is_missed_at_once(home: Home) -> None:
    """A read of people is marked in the store when the store is closed: nobody has to decide anything first."""
    assert check_log(home) == []
    log = home.access_log.path
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:-1]))
    assert "cut off or rewritten" in check_log(home)[0]


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_log_that_is_written_anew_without_the_key_is_found(home: Home, kept: int) -> None:
    log = home.access_log
    rewritten(
        log, lambda entries: entries[:kept] + [entry | {"reader": "Nobody Else"} for entry in entries[kept:]], b"guess"
    )
    assert "without the home's key" in log.verify()[0]
    assert check_log(home)


def test_a_log_without_keyed_hashes_verifies_as_far_as_it_goes(home: Home) -> None:
    """As a harmspot before wrote it; what comes after has them, and none may come without after that."""
    home.access_log.path.unlink()
    old = AccessLog(home.access_log.path)
    said = {"reader": "Insp. J. Reyes", "purpose": "morning tasking", "action": "read", "now": home.now()}
    old.append(**said)
    read(home, 2)
    assert home.access_log.verify() == []
    assert ["keyed_hash" in entry for entry in home.access_log.entries()] == [False, True, True]
    old.append(**said | {"now": home.now()})
    assert "line 4: the entry was written without the home's key" in home.access_log.verify()[0]


def test_an_anchor_finds_what_whoever_has_the_key_rewrites(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "anchors.jsonl"
    write_anchor(home, str(out))
    read(home, 2)
    write_anchor(home, str(out))
    read(home)
    assert anchor_problems(home, out) == []
    rewritten(home.access_log, lambda entries: entries[:3] + entries[4:], home.key.log)
    assert home.access_log.verify() == []  # the chain is whole again
    [problem] = anchor_problems(home, out)  # the first anchor still holds
    assert "cut off or rewritten" in problem and "anchored at" in problem


def test_a_log_that_was_cut_is_not_anchored(home: Home, tmp_path: Path) -> None:
    """Else the anchor would vouch for what is left, and so would everybody who trusts it."""
    out = tmp_path / "anchors.jsonl"
    log = home.access_log.path
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    for target in (str(out), anchors.SYSLOG, "topic:audit-anchors"):
        with pytest.raises(StoreError, match=r"nothing is anchored: .*cut off or rewritten"):
            write_anchor(home, target)
    done = CliRunner().invoke(cli, ["--home", str(home.path), "audit", "anchor", "--out", str(out)])
    assert done.exit_code != 0 and not out.exists()


def test_an_altered_anchor_is_none(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "anchors.jsonl"
    write_anchor(home, str(out))
    event = json.loads(out.read_text())
    event["data"]["size_bytes"] = 0
    out.write_text(json.dumps(event))
    assert "was altered" in anchor_problems(home, out)[0]
    out.write_text("Jan  1 12:00:00 host harmspot[7]: started\n{}\n[1]\n{\n")
    with pytest.raises(StoreError, match="no anchor of home"):
        anchor_problems(home, out)


def test_the_command_anchors_and_verifies(home: Home, tmp_path: Path) -> None:
    arguments = ["--home", str(home.path), "audit"]
    out = tmp_path / "anchors.jsonl"
    for _ in range(2):
        assert CliRunner().invoke(cli, [*arguments, "anchor", "--out", str(out)]).exit_code == 0
    assert CliRunner().invoke(cli, [*arguments, "verify", "--anchor", str(out)]).exit_code == 0
    home.access_log.path.write_bytes(b"")
    done = CliRunner().invoke(cli, [*arguments, "verify", "--anchor", str(out)])
    assert done.exit_code == 1 and "anchored at" in done.output


def test_an_anchor_goes_to_syslog_and_to_a_topic(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr("syslog.syslog", lambda level, text: sent.append(text))
    topic: list[OutboxMessage] = []
    broker = SimpleNamespace(publish=topic.extend, close=lambda: None)
    monkeypatch.setattr("pipeline.sources.kafka.KafkaPublisher", lambda *_: broker)
    write_anchor(home, anchors.SYSLOG)
    write_anchor(home, "topic:audit-anchors")
    assert topic[0].topic == "audit-anchors"
    (tmp_path / "log").write_text(f"Jan  1 12:00:00 host {sent[0]}\n{topic[0].payload.decode()}\n")
    assert anchor_problems(home, tmp_path / "log") == []
