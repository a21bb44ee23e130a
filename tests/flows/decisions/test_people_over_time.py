"""People over several runs: withdrawn evidence unlists them, and runs at an earlier known_at still list them."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.home.home import Home
from flows.ingest.ingest import load_file
from flows.schedule.daily import RunSummary, daily_run
from models.people_lists.explain import explain_person
from pipeline.privacy.pseudonyms import Pseudonymiser
from tests.town import read_people

FIRST, NEXT = date(2026, 1, 1), date(2026, 1, 2)
KNOWN_FIRST, KNOWN_VICTIM, KNOWN_WITHDRAWN = (datetime(2026, 1, 2, hour, tzinfo=UTC) for hour in (6, 7, 8))
SELLER, BOTH = "P-seller", "P-both"
CHILD, DEAD = "P-child", "P-dead"
ROBBERS = [f"P-robber-{i}" for i in range(20)]
LISTS = ("person_tier", "dealer_ranking", "call_in", "warrant_queue", "referral", "safeguarding")
RUN_COLUMNS = ["run_id", "as_of", "valid_to"]


def event(kind: str, event_id: str, data: dict[str, Any], time: str = "2025-12-31T00:00:00Z") -> str:
    envelope = {"specversion": "1.0", "id": event_id, "source": "/test", "type": f"harmspot.{kind}.v1"}
    return json.dumps({**envelope, "time": time, "data": data})


def person(person_id: str, version: int = 1, time: str = "2025-12-31T00:00:00Z", **more: Any) -> str:
    data = {"person_id": person_id, "version": version, "birth_date": "1985-05-05"}
    return event("person.updated", f"{person_id}.{version}", {**data, **more}, time)


def warrant(version: int, status: str, time: str = "2025-12-31T00:00:00Z") -> str:
    data = {"warrant_id": "W1", "version": version, "person_id": BOTH, "kind": "bench", "status": status}
    more = {"issued_at": "2025-12-01T00:00:00Z", "underlying_offence_code": "robbery"}
    return event("warrant.changed", f"W1.{version}", {**data, **more}, time)


def incident(number: int, code: str, who: dict[str, str], version: int = 1, **more: Any) -> str:
    occurred_at = datetime(2025, 12, 30, 12, tzinfo=UTC) - timedelta(days=9 * (number % 40))
    data = {
        "incident_id": f"I{number}",
        "version": version,
        "status": "recorded" if version == 1 else "amended",
        "occurred_at": occurred_at.isoformat(),
        "offence_code": code,
        "discovery": "public",
        "location": {"lon": 1.3106, "lat": 54.0067},  # in an area of the town
        "involvements": [{"person_id": person, "role": role} for person, role in who.items()],
    }
    return event("incident.recorded", f"I{number}.{version}", {**data, **more})


def supply(version: int, role: str) -> list[str]:
    used = {"drugs": {"activity": "supply"}, "minors": {"used_by_adult": True}}
    return [incident(900 + i, "drug_supply", {SELLER: role}, version, **used) for i in range(5)]


def at_first() -> list[str]:
    """A seller who uses minors and also holds drugs, three who rob often, twenty who rob, a hundred who do nothing."""
    people = [SELLER, BOTH, CHILD, DEAD, *ROBBERS, *(f"P-quiet-{i}" for i in range(100))]
    born = [person(each) for each in people]
    robberies = [incident(i, "robbery", {robber: "convicted"}) for i, robber in enumerate(ROBBERS * 2)]
    often = [
        incident(number + i, "robbery", {each: "convicted"})
        for number, each in ((500, BOTH), (600, CHILD), (800, DEAD))
        for i in range(4)
    ]
    held = [incident(950, "drug_possession", {SELLER: "charged"}, drugs={"activity": "possession"})]
    return [*born, *robberies, *often, *held, *supply(1, "charged"), warrant(1, "outstanding")]


def protecting() -> list[str]:
    """Events recorded after midnight and known to the morning's run."""
    at = "2026-01-02T05:00:00Z"
    return [
        person(CHILD, 2, at, birth_date="2010-05-05"),
        person(DEAD, 2, at, deceased_at="2026-01-02T03:00:00Z"),
        warrant(2, "recalled", at),
    ]


def suffered() -> list[str]:
    """One who robs turns out to have been robbed, five times."""
    return [incident(700 + i, "robbery", {BOTH: "victim"}) for i in range(5)]


class Force:
    """A home to load into and run at chosen times."""

    def __init__(self, folder: Path, new_home: Callable[..., Home]) -> None:
        self.folder, self.new_home = folder, new_home

    def home(self, clock: datetime) -> Home:
        return self.new_home(self.folder / "home", clock=clock)

    def load(self, events: Iterable[str], clock: datetime) -> None:
        file = self.folder / f"{clock:%H}.jsonl"
        file.write_text("".join(f"{line}\n" for line in events), encoding="utf-8")
        counts = load_file(self.home(clock), file, None)
        assert counts.dead == 0

    def run(self, day: date, known_at: datetime | None = None) -> RunSummary:
        return daily_run(self.home(KNOWN_WITHDRAWN), day, known_at)

    def people(self, run: RunSummary, table: str) -> pd.DataFrame:
        return read_people(self.home(KNOWN_WITHDRAWN), table, run.run_id)

    def pseudonym(self, person: str) -> str:
        return Pseudonymiser(self.home(KNOWN_WITHDRAWN).key.pseudonym)(person)

    def lists_of(self, run: RunSummary, person: str) -> set[str]:
        return {name for name in LISTS if self.pseudonym(person) in set(self.people(run, name)["person_id"])}


@pytest.fixture(scope="module", autouse=True)
def small_force() -> Iterator[None]:
    """A force with two dozen scored people, most of whom may be in the top K."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.home.settings.check_bounds", lambda settings: None)  # no force may list so many
        patch.setenv("HARMSPOT__PEOPLE__TOP_SHARE", "0.9")
        yield


@pytest.fixture(scope="module")
def force(tmp_path_factory: pytest.TempPathFactory, new_home: Callable[..., Home]) -> Force:
    made = Force(tmp_path_factory.mktemp("force"), new_home)
    made.load(at_first(), KNOWN_FIRST)
    made.load(suffered(), KNOWN_VICTIM)
    made.load([*supply(2, "no_further_action"), *protecting()], KNOWN_WITHDRAWN)
    return made


@pytest.fixture(scope="module")
def as_known_first(force: Force) -> RunSummary:
    return force.run(FIRST, KNOWN_FIRST)


@pytest.fixture(scope="module")
def withdrawn(force: Force, as_known_first: RunSummary) -> RunSummary:
    return force.run(NEXT)


def test_a_victim_who_is_also_an_offender_is_ranked_on_the_offending_alone(
    force: Force, as_known_first: RunSummary
) -> None:
    known_later = force.run(FIRST, KNOWN_VICTIM)
    assert known_later.run_id != as_known_first.run_id
    assert "person_tier" in force.lists_of(as_known_first, BOTH)
    for name in (*LISTS, "tier_term", "seller_term", "person_change"):
        before, after = (force.people(run, name).drop(columns=RUN_COLUMNS) for run in (as_known_first, known_later))
        pd.testing.assert_frame_equal(before, after, check_exact=True)


def test_a_withdrawn_supply_charge_takes_the_person_off_on_the_next_run(
    force: Force, as_known_first: RunSummary, withdrawn: RunSummary
) -> None:
    assert force.lists_of(as_known_first, SELLER) >= {"person_tier", "dealer_ranking"}
    assert force.lists_of(withdrawn, SELLER) == {"referral"}
    change = force.people(withdrawn, "person_change").set_index("person_id").loc[force.pseudonym(SELLER)]
    assert change["change"] == "left"
    assert "No further action was taken over I900" in change["why"]
    assert "possession or use of drugs" in change["why"]
    tables = {name: force.people(withdrawn, name) for name in LISTS}
    assert "treatment information" in "\n".join(explain_person(force.pseudonym(SELLER), tables))


def test_with_known_at_the_person_is_back_on_in_the_old_run(
    force: Force, as_known_first: RunSummary, withdrawn: RunSummary
) -> None:
    assert withdrawn.is_new
    again = force.run(FIRST, KNOWN_FIRST)
    assert (again.run_id, again.is_new) == (as_known_first.run_id, False)
    next_day = force.run(NEXT, KNOWN_VICTIM)
    assert force.lists_of(next_day, SELLER) >= {"person_tier", "dealer_ranking"}


def test_what_protects_somebody_holds_in_the_mornings_run_and_in_a_backfill(
    force: Force, as_known_first: RunSummary, withdrawn: RunSummary
) -> None:
    assert "person_tier" in force.lists_of(as_known_first, CHILD) & force.lists_of(as_known_first, DEAD)
    assert force.lists_of(as_known_first, BOTH) >= {"person_tier", "warrant_queue"}
    for run in (withdrawn, force.run(FIRST)):
        assert force.lists_of(run, CHILD) == {"safeguarding"}
        assert force.lists_of(run, DEAD) == set()
        assert "warrant_queue" not in force.lists_of(run, BOTH)
