"""The clock of a demo is noon of its day, but never later than the present."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from flows.command.demo import _home_of
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
    assert _home_of(TownFiles(tmp_path, 0), DAY, now, str.strip).clock == clock
