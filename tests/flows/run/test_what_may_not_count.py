"""Stops, contacts and overdoses move no rank, grade, list, plan or visit, to the bit, whatever fields they have."""

import itertools
from collections.abc import Callable
from datetime import timedelta

import pandas as pd
import pytest

from flows.home.home import Home
from flows.ingest.ingest import load_file
from flows.schedule.daily import daily_run
from pipeline.publication.publish import read_published
from pipeline.publication.tables import RUN_COLUMNS, read_tables
from tests.flows.run.test_address_piles import point_in
from tests.town import AS_OF, CLOCK, TownRun, event

# Tables that exist to count such events, or the rows that were read.
COUNTING = {"overdose_watch", "feedback", "outcome_monitor", "data_quality", "quality_check", "run", "content_hash"}
DISCOVERIES = ("public", "partner", "sensor", "police")
SUBJECTS = (None, "dealing", "fear", "paraphernalia", "overdose")
CHANNELS = ("call", "tip", "survey", "officer")


def planted(code: str, points: list[tuple[float, float]]) -> str:
    """Lines of events of one offence at some points, with every field that another event could be judged by."""
    lines = []
    for i, (at, discovery, subject, channel, week) in enumerate(
        itertools.product(range(len(points)), DISCOVERIES, SUBJECTS, CHANNELS, range(12))
    ):
        lon, lat = points[at]
        data = {
            **{"incident_id": f"{code}-{i}", "version": 1, "status": "recorded", "offence_code": code},
            **{"occurred_at": f"{CLOCK - timedelta(days=2 + 7 * week, hours=i % 24):%Y-%m-%dT%H:%M:%SZ}"},
            **{"discovery": discovery, "location": {"lon": lon, "lat": lat}},
            "report": {"channel": channel, "reporter_ref": f"r{i}", **({"subject": subject} if subject else {})},
            "flags": {"weapon": True, "injury": True},
            "minors": {"used_by_adult": True, "present": True},
            "market": {"setting": "open_air"},
            "drugs": {"activity": "supply", "substance": "heroin"},
        }
        lines.append(event("incident.recorded", f"{code}-{i}", data))
    return "".join(lines)


@pytest.fixture(scope="module", params=["contact_stop", "overdose"])
def code(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def with_them(
    code: str, town_run: TownRun, tmp_path_factory: pytest.TempPathFactory, loaded_home: Callable[..., Home]
) -> Home:
    """The town with two thousand of them: in a market, and in a quiet place."""
    cells = town_run.published("cell_forecast").sort_values("rank")
    crs = town_run.published("run")["crs"].iloc[0]
    folder = tmp_path_factory.mktemp("uncounted")
    points = [point_in(cells.iloc[at], crs) for at in (0, len(cells) // 2)]
    (folder / "incidents.jsonl").write_text(planted(code, points), encoding="utf-8")
    home = loaded_home(folder / "home")
    load_file(home, folder / "incidents.jsonl", None)
    daily_run(home, AS_OF)
    return home


def compared(table: pd.DataFrame) -> pd.DataFrame:
    """Return what no such event may move: not the columns that count discoveries or overdoses."""
    return table[[name for name in table if name not in (*RUN_COLUMNS, "police_count") and "overdose" not in name]]


@pytest.mark.parametrize("name", sorted(set(read_tables().published) - COUNTING))
def test_they_move_nothing_to_the_bit(name: str, code: str, town_run: TownRun, with_them: Home) -> None:
    pd.testing.assert_frame_equal(
        compared(read_published(with_them.path, name)), compared(town_run.published(name)), check_exact=True
    )
