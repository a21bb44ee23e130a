"""The clock of a demo is noon of its day, but never later than the present."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from flows.command.demo import _clear_earlier_demo, _home_in
from flows.home.settings import SettingsError
from flows.simulation.town import TownFiles

DAY = date(2026, 3, 2)


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
