"""A month of mornings: how many changes each run announced, and how many were undone within three days.

`python -m tests.bench.mornings HOME` reads the kept runs of a home with one run a day and prints two counts: the rows
of its own `place_change`, and what the rule of `models.changes` announces over the same rankings.
"""

import sys
from pathlib import Path

import pandas as pd

from models.changes import FIGURES, place_changes, with_announced
from pipeline.publication.publish import read_places, runs

TABLES = {"area": "area_ranking", "market": "market", "hotspot": "hotspot"}
OPPOSITE = {"rose": "fell", "fell": "rose", "entered": "left", "left": "entered"}
DAYS = 3


def main(home: Path) -> None:
    """Print the counts by kind of place."""
    mornings = runs(home).sort_values("as_of")
    kept = [read_places(home, [*TABLES.values(), "place_change"], run_id) for run_id in mornings["run_id"]]
    published = [tables["place_change"] for tables in kept]
    days = [moment.date() for moment in mornings["as_of"]]
    print(f"{len(kept)} runs, {days[0]} to {days[-1]}")
    for title, told in (("published", published), ("by the rule", replayed(kept, days))):
        for kind in FIGURES:
            of_kind = [changes[changes["place_kind"] == kind] for changes in told[1:]]
            per_day = pd.Series([len(changes) for changes in of_kind])
            print(
                f"{title}, {kind}: {per_day.sum()} changes, {per_day.mean():.1f} a day, {per_day.max()} at most, "
                f"{int((per_day == 0).sum())} days with none, {count_undone(of_kind)} undone within {DAYS} days"
            )


def replayed(kept: list[dict[str, pd.DataFrame]], days: list[object]) -> list[pd.DataFrame]:
    """Return what the rule announces on each day."""
    told: list[pd.DataFrame] = []
    before: dict[str, pd.DataFrame] = {}
    for tables, day in zip(kept, days, strict=True):
        found = [place_changes(before.get(kind, tables[table]), tables[table], kind) for kind, table in TABLES.items()]
        told.append(pd.concat(found, ignore_index=True))
        before = {
            kind: with_announced(tables[table], before.get(kind), told[-1], kind, day) for kind, table in TABLES.items()
        }
    return told


def count_undone(told: list[pd.DataFrame]) -> int:
    """Return how many changes were followed by the opposite one of the same place within `DAYS` days."""
    of_days = [dict(zip(changes["place_id"], changes["change"], strict=True)) for changes in told]
    return sum(
        any(later.get(place) == OPPOSITE[change] for later in of_days[number + 1 : number + 1 + DAYS])
        for number, changes in enumerate(of_days)
        for place, change in changes.items()
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
