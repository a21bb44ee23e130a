"""A home with one run of a simulated town, and what was planted in it: what tests of the whole share."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import pandas as pd

from flows.daily import RunSummary
from flows.home import Home
from flows.town import TownFiles
from pipeline.batch import BatchCounts
from pipeline.identity import Pseudonymiser
from pipeline.publication import read_published, read_restricted

AS_OF = date(2026, 1, 1)
CLOCK = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = "5e" * 32


@dataclass
class TownRun:
    """A home with one run of a simulated town, and what was planted in it."""

    files: TownFiles
    home: Home
    loaded: BatchCounts
    summary: RunSummary
    said: list[str] = field(default_factory=list)

    def truth(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.files.folder / "truth" / f"{name}.parquet")

    def people(self) -> pd.DataFrame:
        """The planted people by pseudonym."""
        truth = self.truth("people")
        return truth.assign(person_id=truth["person_id"].map(Pseudonymiser(self.home.key.pseudonym)))

    def published(self, table: str) -> pd.DataFrame:
        return read_published(self.home.path, table, self.summary.run_id)

    def restricted(self, table: str) -> pd.DataFrame:
        return read_people(self.home, table, self.summary.run_id)


def read_people(home: Home, table: str, run_id: str) -> pd.DataFrame:
    log = home.access_log
    now = max(home.now(), log.last_at() or home.now())
    return read_restricted(home.path, home.key, table, reader="a test", purpose="test", log=log, now=now, run_id=run_id)
