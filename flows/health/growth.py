"""How the files of a home grow, and when the disk will be full."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from flows.home.home import Home
from pipeline.publication.publish import runs
from pipeline.sources.registry import Finding
from pipeline.store.interface import StoreHealth

LATELY_DAYS = 30
FULL_SOON_DAYS = 60
FULL_NOW_DAYS = 7
REMEDY = "make room, keep fewer runs (publication.history_runs), or set section retention and run `harmspot retain`"


def growth(home: Home, health: StoreHealth) -> Finding:
    """Return how large each file and folder of a home is, by how much it grows a day, and when the disk is full."""
    sizes = {path.name: _bytes(path) for path in sorted(home.path.iterdir()) if path.name != "key"}
    a_day = {
        "store.duckdb": sizes.get("store.duckdb", 0) * health.daily_share,
        **{name: sizes.get(name, 0) * _share_of_runs(home) for name in (home.published.name, home.restricted.name)},
        "access.log": sizes.get("access.log", 0) / _days_of_log(home),
    }
    told = ", ".join(f"{name} {size / 1e6:,.1f} MB{_pace(a_day.get(name, 0))}" for name, size in sizes.items() if size)
    free, total = shutil.disk_usage(home.path).free, sum(a_day.values())
    if free > total * FULL_SOON_DAYS or not total:
        return Finding("growth", "ok", told)
    days = free / total
    said = f"at this pace the disk is full in {days:.0f} days: {REMEDY}. Now {told}"
    return Finding("growth", "fault" if days < FULL_NOW_DAYS else "warning", said, days)


def _share_of_runs(home: Home) -> float:
    """Return what share of itself a publication grows by a day: nothing once as many runs are kept as may be."""
    kept = runs(home.path)
    if not 0 < len(kept) < home.settings.publication.history_runs:
        return 0.0
    lately = kept["as_of"] > kept["as_of"].max() - timedelta(days=LATELY_DAYS)
    return int(lately.sum()) / LATELY_DAYS / len(kept)


def _days_of_log(home: Home) -> float:
    first = next(home.access_log.entries(), None)
    return max((home.now() - datetime.fromisoformat(first["at"])) / timedelta(days=1), 1.0) if first else 1.0


def _pace(bytes_a_day: float) -> str:
    return f" (+{bytes_a_day / 1e6:,.2f} a day)" if bytes_a_day >= 5e3 else ""


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(each.stat().st_size for each in files if each.is_file())
