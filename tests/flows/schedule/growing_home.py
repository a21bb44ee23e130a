"""A home that is run day after day, and what each run leaves: size of every file, seconds, memory.

`python -m tests.flows.schedule.growing_home FOLDER RUNS` writes `growth.csv` into the folder, a line after each run;
`… growing_home draw FOLDER` draws docs/growth.svg from it.
"""

import csv
import multiprocessing
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

from flows.home.home import Home
from flows.ingest.ingest import load_file
from flows.schedule.daily import daily_run
from pipeline.pages.svg_plots import count_plot
from tests.flows.schedule.small_force import FIRST_DAY, write_day, write_force, write_people
from tests.town import KEY

KNOWN_DAYS = 60  # before the first run
HISTORY_RUNS = 30
DRAWING = Path(__file__).resolve().parents[3] / "docs/growth.svg"
STYLE = (
    "<style>.label{font:13px sans-serif;fill:#555}.end{text-anchor:end}.label.ours{fill:#111;font-weight:700}"
    ".level,.axis{stroke:#ddd}.dashed{stroke:#777;stroke-dasharray:4 4}.line{fill:none;stroke-width:2}"
    ".line.ours{stroke:#b3372f}.line.theirs{stroke:#777}circle{r:0}</style>"
    '<rect width="100%" height="100%" fill="#fff"/>'
)
DRAWN = {  # name on the chart → column and what it is multiplied by
    "published, MB": ("published.duckdb", 1.0),
    "processor, s": ("processor_s", 1.0),
    "memory, 100 MB": ("memory_mb", 0.01),
    "store, MB": ("store.duckdb", 1.0),
    "restricted, MB": ("restricted.duckdb", 1.0),
    "access log, MB": ("access.log", 1.0),
}


def new_small_home(folder: Path, **settings: object) -> Home:
    """Make a home for rehearsals, which takes the clock that is passed in, and load who is known in it."""
    home = Home(folder / "home", write_force(folder / "force", **settings), at_five(FIRST_DAY), lambda text: None)
    home.path.mkdir()
    key = home.path / "key"
    key.touch(mode=0o600)
    key.write_text(KEY)
    home.mark_rehearsal()
    load_file(home, write_people(folder), None)
    return home


def grow(folder: Path, runs: int, **settings: object) -> Iterator[dict[str, float]]:
    """Load a day and run it, again and again, each run in a process of its own, as `schedule` does it.

    Yields what each run took and left: seconds, processor, peak of the memory, MB of each file.
    """
    home = new_small_home(folder, **settings)
    one_each = multiprocessing.get_context("forkserver")
    one_each.set_forkserver_preload(["flows.schedule.daily"])
    with ProcessPoolExecutor(1, one_each, max_tasks_per_child=1) as process:
        for number in range(KNOWN_DAYS + runs):
            day = FIRST_DAY + timedelta(days=number)
            home.clock = at_five(day + timedelta(days=1))
            load_file(home, write_day(folder, day), None)
            if number >= KNOWN_DAYS:
                yield process.submit(run_of, home.path, home.config_file, day + timedelta(days=1)).result()


def run_of(path: Path, config_file: Path, day: date) -> dict[str, float]:
    """Run a day, read a list as somebody would, and return what it took and left."""
    home = Home(path, config_file, at_five(day), lambda text: None)
    began, before = time.perf_counter(), getrusage(RUSAGE_SELF)
    daily_run(home, day)
    after = getrusage(RUSAGE_SELF)
    home.log_access("show people", {"people": 3}, reader="Insp. J. Reyes", purpose="morning tasking")
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "processor_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2),
        "memory_mb": round(after.ru_maxrss / 1e3, 1),
        **{name: round(size / 1e6, 3) for name, size in sizes_of(home.path).items()},
    }


def sizes_of(folder: Path) -> dict[str, int]:
    """Return the bytes of each file of a home, and of each of its folders together."""
    sizes: dict[str, int] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).parts[0]
            sizes[name] = sizes.get(name, 0) + path.stat().st_size
    return sizes


def at_five(day: date) -> datetime:
    """Return five o'clock of a day."""
    return datetime(day.year, day.month, day.day, 5, tzinfo=UTC)


def write(folder: Path, runs: int) -> None:
    """Write `growth.csv`, a line after each run."""
    with (folder / "growth.csv").open("w", newline="") as file:
        writer: csv.DictWriter[str] | None = None
        for number, row in enumerate(grow(folder, runs, publication={"history_runs": HISTORY_RUNS}), 1):
            if writer is None:
                writer = csv.DictWriter(file, ["run", *row], extrasaction="ignore")
                writer.writeheader()
            writer.writerow({"run": number, **row})
            file.flush()


def draw(folder: Path) -> None:
    """Draw sizes, processor seconds and memory over the runs of `growth.csv`."""
    with (folder / "growth.csv").open() as file:
        rows = list(csv.DictReader(file))
    series = {name: [float(row.get(key) or 0) * by for row in rows] for name, (key, by) in DRAWN.items()}
    moments = [f"run {row['run']}" for row in rows]
    plot = str(count_plot(moments, series, title="What daily runs leave", start=min(HISTORY_RUNS, len(rows))))
    opening, rest = plot.split(">", 1)
    opening = opening.replace('class="plot"', 'xmlns="http://www.w3.org/2000/svg"')
    DRAWING.write_text(f"{opening}>{STYLE}{rest}\n", encoding="utf-8")


if __name__ == "__main__":
    draw(Path(sys.argv[2])) if sys.argv[1] == "draw" else write(Path(sys.argv[1]), int(sys.argv[2]))
