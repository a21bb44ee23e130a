"""What became of the rows of a load, for the person who loaded them: counts, examples, words, points off the map."""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from flows.home.home import Home
from flows.home.rows import to_json_rows
from flows.home.settings import Settings
from flows.home.store_access import open_home_store
from flows.ingest.dead_letters import by_reason, listed, unknown_words
from flows.ingest.ingest import load_file
from flows.ingest.other_city import refuse_other_city
from flows.inputs.assembly import areas_of, count_outside
from flows.run.quality import repair_lines, repair_measures
from pipeline.events.batch import BatchCounts


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Counts of a load, and what of its files waits."""

    counts: BatchCounts
    reasons: pd.DataFrame  # reason, letters, example, detail
    words: pd.DataFrame  # word, rows, mapping, todo
    located: int  # incidents of the load with a point
    outside: int  # of these, outside every area of the map
    repairs: list[str]  # what was repaired in the boundary file of the areas

    @property
    def is_broken(self) -> bool:
        """Whether lines of the file could not be told apart into fields."""
        return bool(self.counts.dead_by_reason.get("unread_line"))

    def rows(self) -> pd.DataFrame:
        """Return one row per outcome: outcome, rows, example."""
        counts, examples = self.counts, dict(zip(self.reasons["reason"], self.reasons["example"], strict=True))
        table = [
            ("rows in the file", counts.rows_in, ""),
            ("new", counts.stored - counts.corrected, ""),
            ("corrected", counts.corrected, "new versions of what the store had"),
            ("repeated", counts.duplicates, "the same as a row before or in the store"),
            ("merged", counts.merged, "another row of the id counts, here or in the store, as same_id says"),
            *((f"refused: {reason}", rows, examples.get(reason, "")) for reason, rows in counts.dead_by_reason.items()),
        ]
        if counts.cancelled:
            table.append(("withdrawn", counts.cancelled, "records or roles that the file takes back"))
        return pd.DataFrame(table, columns=["outcome", "rows", "example"])

    def as_json(self) -> dict[str, Any]:
        """Return everything for `--json`."""
        return {
            **asdict(self.counts),
            "refused": to_json_rows(self.reasons),
            "unknown_words": to_json_rows(self.words),
            "located": self.located,
            "outside_map": self.outside,
            "repaired_areas": self.repairs,
        }


def load_and_report(home: Home, path: Path, mapping: Path | None, *, allows_outside: bool = False) -> LoadReport:
    """Load a file or folder (as `load_file`) and return what became of its rows.

    Raises
    ------
    SourceError
        As `load_file`; or the incidents are of another city (`refuse_other_city`), unless `allows_outside`.
    """
    with open_home_store(home) as store:
        before = store.batch_number()
    counts = load_file(home, path, mapping, check=None if allows_outside else partial(refuse_other_city, home))
    with open_home_store(home) as store:
        points, letters = store.points_since(before), listed(store.redact_words(store.letters_since(before)))
    outside, repairs = _on_the_map(points, home.settings)
    located = int(points["incidents"].sum())
    return LoadReport(counts, by_reason(letters), unknown_words(letters), located, outside, repairs)


def _on_the_map(points: pd.DataFrame, settings: Settings) -> tuple[int, list[str]]:
    """Return how many points lie outside every area, and what was repaired in the areas; nothing without a map."""
    if settings.force.areas.path is None or points.empty:
        return 0, []
    areas = areas_of(settings.force)
    return count_outside(points, areas, settings), repair_lines(repair_measures(areas))
