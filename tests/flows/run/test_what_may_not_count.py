"""What measures policing moves no rank, grade, list, plan or visit, to the bit.

Stops, contacts and overdoses, whatever fields they have; and every kind and field by which consequences are measured
(schema version 1.1).
"""

import itertools
import json
from collections.abc import Callable
from datetime import timedelta
from typing import get_args

import pandas as pd
import pytest

from flows.home.home import Home
from flows.ingest.ingest import load_file
from flows.schedule.daily import daily_run
from flows.simulation.town import TownFiles
from pipeline.events.schema import ActionKind
from pipeline.publication.publish import read_published
from pipeline.publication.tables import RUN_COLUMNS, read_tables
from tests.flows.run.test_address_piles import point_in
from tests.town import AS_OF, CLOCK, TownRun, event, read_people

# Tables that exist to count such events, or the rows that were read.
COUNTING = {"overdose_watch", "feedback", "outcome_monitor", "data_quality", "quality_check", "run", "content_hash"}
# Of what was done: nothing else reads them.
MEASURING = {"consequence", "enforcement_ledger", "arrest_policy", "enforcement_cost", "scoreboard", "harm_matrix"}
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


@pytest.mark.parametrize("name", sorted(set(read_tables().published) - COUNTING - MEASURING))
def test_they_move_nothing_to_the_bit(name: str, code: str, town_run: TownRun, with_them: Home) -> None:
    pd.testing.assert_frame_equal(
        compared(read_published(with_them.path, name)), compared(town_run.published(name)), check_exact=True
    )


INCIDENT_FIELDS = {
    "flags": {"fatal": True, "naloxone": True},
    "drugs": {"substance": "fentanyl", "price_per_gram": 500.0, "purity": 0.9},
}
ACTION_FIELDS = {"offence_code": "homicide", "party": "public", "count": 40, "days": 99.0}
NEW_KINDS = get_args(ActionKind)[get_args(ActionKind).index("contest") + 1 :]


def with_new_fields(line: bytes) -> bytes:
    """Return an event with every field of schema version 1.1; what is malformed on purpose stays as it is."""
    try:
        found = json.loads(line)
        data = found["data"]
        if "incident_id" in data:
            parts = {key: {**(data.get(key) or {}), **fields} for key, fields in INCIDENT_FIELDS.items()}
            found["data"] = {**data, **parts}
        elif "action_id" in data:
            found["data"] = {**data, **ACTION_FIELDS}
    except (ValueError, TypeError, KeyError):
        return line
    return json.dumps(found, separators=(",", ":")).encode() + b"\n"


@pytest.fixture(scope="module")
def with_new(
    town: TownFiles, town_run: TownRun, tmp_path_factory: pytest.TempPathFactory, new_home: Callable[..., Home]
) -> Home:
    """The town with every new field on every event, and every new kind in every area, about everybody listed."""
    folder = tmp_path_factory.mktemp("measured")
    events = folder / "events"
    events.mkdir()
    for path in sorted(town.events.iterdir()):
        (events / path.name).write_bytes(b"".join(map(with_new_fields, path.read_bytes().splitlines(keepends=True))))
    people = town_run.people().set_index("person_id").index
    raw = dict(zip(people, town_run.truth("people")["person_id"], strict=True))
    listed = [raw[person] for person in town_run.restricted("person_tier")["person_id"]]
    areas = [area.split("@")[0] for area in town_run.published("area_ranking")["area_id"]]
    with (events / "actions.jsonl").open("a", encoding="utf-8") as lines:
        for i, (kind, area, day) in enumerate(itertools.product(NEW_KINDS, areas, range(1, 90, 9))):
            data = {"action_id": f"new-{i}", "version": 1, "kind": kind, "area": area, "hours": 9.0, **ACTION_FIELDS}
            data |= {"subject": listed[i % len(listed)], "at": f"{CLOCK - timedelta(days=day):%Y-%m-%dT%H:%M:%SZ}"}
            lines.write(event("action.recorded", f"new-{i}", data))
    home = new_home(folder / "home")
    load_file(home, events, None)
    daily_run(home, AS_OF)
    return home


@pytest.mark.parametrize("name", sorted(set(read_tables().published) - COUNTING - MEASURING))
def test_what_consequences_are_measured_by_moves_nothing_to_the_bit(
    name: str, town_run: TownRun, with_new: Home
) -> None:
    found, expected = read_published(with_new.path, name), town_run.published(name)
    pd.testing.assert_frame_equal(compared(found), compared(expected), check_exact=True)


@pytest.mark.parametrize("name", sorted(read_tables().restricted))
def test_what_consequences_are_measured_by_moves_nobody_to_the_bit(
    name: str, town_run: TownRun, with_new: Home
) -> None:
    run_id = read_published(with_new.path, "run")["run_id"].iloc[-1]
    found, expected = read_people(with_new, name, run_id), town_run.restricted(name)
    pd.testing.assert_frame_equal(compared(found), compared(expected), check_exact=True)


def test_but_the_consequences_are_measured(with_new: Home) -> None:
    table = read_published(with_new.path, "consequence").set_index(["place", "indicator"])
    assert table["not_measured_because"].isna().sum() >= 3
