"""What doctor says of how a home grows, and the command line of retention, compaction and the key."""

import json
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.health import growth as module
from flows.health.doctor import examine
from flows.health.growth import growth
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.ingest.ingest import load_file
from pipeline.privacy.keys import begin_rotation
from pipeline.store.retention import CATEGORIES
from tests import poison
from tests.flows.command.test_command import harmspot
from tests.town import CLOCK

Disk = namedtuple("Disk", "total used free")


@pytest.fixture
def home(new_home: Callable[..., Home], tmp_path: Path) -> Home:
    """A home into which ten incidents came in one batch, and two in another."""
    home = new_home(tmp_path / "home", CLOCK)
    for name, numbers in {"first": range(10), "second": range(10, 12)}.items():
        file = tmp_path / f"{name}.jsonl"
        file.write_bytes(b"\n".join(poison.good(number) for number in numbers))
        load_file(home, file, None)
    return home


@pytest.mark.parametrize(("days_left", "state"), [(1000, "ok"), (30, "warning"), (3, "fault")])
def test_the_days_until_the_disk_is_full_are_told(
    home: Home, monkeypatch: pytest.MonkeyPatch, days_left: int, state: str
) -> None:
    with open_home_store(home) as store:
        health = store.health()
    assert health.daily_share == 1.0  # all came on one day
    size = home.store.stat().st_size
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: Disk(0, 0, days_left * size + days_left))
    found = growth(home, health)
    assert found.state == state
    assert f"store.duckdb {size / 1e6:,.1f} MB (+{size / 1e6:,.2f} a day)" in found.detail
    assert ("harmspot retain" in found.detail) == (state != "ok")


def test_doctor_names_a_rotation_that_was_not_finished_and_retention_that_is_due(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARMSPOT__RETENTION__DEAD_LETTERS_DAYS", "90")
    begin_rotation(home.path)
    asked = Home(home.path, home.config_file, CLOCK, lambda text: None)
    found = examine(asked).set_index("check")
    assert found.loc["key", "state"] == found.loc["retention", "state"] == "warning"
    assert "rotate-key" in found.loc["key", "detail"]
    assert "was not carried out yet" in found.loc["retention", "detail"]
    assert found.loc["growth", "state"] == "ok"


def test_the_verbs_print_what_they_did(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARMSPOT__RETENTION__DEAD_LETTERS_DAYS", "90")
    said = ("--purpose", "yearly review", "--reader", "Records, M. Ito")
    at = ("--home", home.path, "--config", home.config_file, "--clock", CLOCK.isoformat())
    done = harmspot(*at, "retain", "--dry-run", "--json", *said)
    assert {row["category"]: row["gone"] for row in json.loads(done.stdout)} == dict.fromkeys(CATEGORIES, 0)
    assert "backups" in done.stderr
    sizes = json.loads(harmspot(*at, "compact", "--json").stdout)
    assert sizes[0] == {"file": "store.duckdb", "before": sizes[0]["before"], "after": home.store.stat().st_size}
    kept = home.path.with_name("key of before")
    assert "is encrypted under a new key" in harmspot(*at, "rotate-key", "--keep-old", kept).stdout
    assert kept.stat().st_mode & 0o777 == 0o600
    assert harmspot(*at, "rotate-key", "--keep-old", kept).returncode == 1  # replaces no file
