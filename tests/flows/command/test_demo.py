"""The clock of a demo is noon of its day, but never later than the present."""

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from flows.command.demo import _clear_earlier_demo, _home_in
from flows.home.settings import SettingsError
from flows.simulation.town import TownFiles

DAY = date(2026, 3, 2)
STARTED = """
import sys
from flows.command import main
from flows.schedule import prefect_server as room

def started(home):
    print(home, sorted({"pandas", "duckdb", "numpy", "flows.home.home"} & set(sys.modules)))
    sys.exit()

room.prefect_server = started
main()
"""


@pytest.mark.parametrize(
    ("now", "clock"),
    [
        (datetime(2026, 3, 2, 3, tzinfo=UTC), datetime(2026, 3, 2, 3, tzinfo=UTC)),
        (datetime(2026, 3, 2, 15, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)),
        (datetime(2026, 5, 1, 3, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)),
    ],
)
def test_the_clock_stands_at_noon_unless_noon_is_still_to_come(
    town: TownFiles, tmp_path: Path, now: datetime, clock: datetime
) -> None:
    (tmp_path / "config.yaml").write_text(town.config_file.read_text())
    assert _home_in(tmp_path, DAY, now, str.strip).clock == clock


def test_an_interrupted_demo_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    """The server's folder is there before the configuration is."""
    begun = tmp_path / "begun"
    (begun / "home" / "prefect").mkdir(parents=True)
    _clear_earlier_demo(begun)
    assert not begun.exists()
    (begun / "home" / "prefect").mkdir(parents=True)
    (begun / "home" / "store.duckdb").touch()
    with pytest.raises(SettingsError, match="something other than a demo"):
        _clear_earlier_demo(begun)


def test_the_server_starts_before_anything_that_takes_long_to_import(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTED, "demo", "--folder", str(tmp_path / "town")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{tmp_path / 'town' / 'home'} []\n"
