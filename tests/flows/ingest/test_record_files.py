"""Suspects, birth dates, warrants and shifts from exports reach the lists of people, as safely as events do."""

import json
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.ingest.ingest import load_file
from flows.ingest.replay import replay
from flows.schedule.daily import daily_run
from pipeline.errors import MappingError, SettingsError
from pipeline.events.batch import BatchCounts
from pipeline.mapped.mapped_files import read_mapped_incidents
from pipeline.mapped.mapping_file import read_mapping
from pipeline.privacy.pseudonyms import Pseudonymiser
from pipeline.publication.publish import read_published
from tests.soak import sample
from tests.town import naming, read_people

AS_OF = date(2026, 1, 1)
CLOCK = datetime(2026, 1, 1, 12, tzinfo=UTC)
SQUARE = [[-75.2, 39.9], [-75.1, 39.9], [-75.1, 40.0], [-75.2, 40.0], [-75.2, 39.9]]
CONFIG = {
    "force": {
        "name": "A town",
        "time_zone": "America/New_York",
        "areas": {"path": "areas.geojson", "id_column": "id", "version": "1"},
        "staffing": {"assumed_total_hours_per_day": 400},
    }
}
MAPPINGS: dict[str, dict[str, Any]] = {
    "incidents": {
        "columns": {"incident_id": "nr", "occurred_at": "when", "offence": "what", "x": "x", "y": "y"},
        "offences": "offences.csv",
        "discovery": "public",
    },
    "involvements": {
        "columns": {"incident_id": "nr", "person_id": "person", "role": "role"},
        "roles": {"SUS": "suspect", "VIC": "victim", "CHG": "charged"},
    },
    "persons": {"columns": {"person_id": "person", "birth_date": "born"}, "birth_date_format": "%m/%d/%Y"},
    "same_persons": {"columns": {"person_id": "person", "same_as": "other", "status": "status"}},
    "warrants": {
        "columns": {"warrant_id": "warrant", "person_id": "person", "issued_at": "issued", "offence": "charge"},
        "offences": "offences.csv",
        "kinds": {"": "bench"},
        "statuses": {"": "outstanding"},
    },
    "staffing": {"columns": {"area_id": "area", "week": "week", "available_hours": "hours"}},
}
HEADERS = {
    "incidents": "nr,when,what,x,y",
    "involvements": "nr,person,role",
    "persons": "person,born",
    "same_persons": "person,other,status",
    "warrants": "warrant,person,issued,charge",
    "staffing": "area,week,hours",
}
OFFENCES = "offence,offence_code\nROBBERY,robbery\nPOSSESSION,drug_possession\n"


class City:
    """A home on one square area, and exports to load into it."""

    def __init__(self, folder: Path, clock: datetime = CLOCK) -> None:
        self.folder = folder
        area = {"type": "Feature", "properties": {"id": "7"}, "geometry": {"type": "Polygon", "coordinates": [SQUARE]}}
        self.write("areas.geojson", json.dumps({"type": "FeatureCollection", "features": [area]}))
        self.write("config.yaml", yaml.safe_dump(CONFIG))
        self.write("offences.csv", OFFENCES)
        for kind, keys in MAPPINGS.items():
            self.map(kind, **keys)
        self.home = Home(folder / "home", folder / "config.yaml", clock, lambda text: None)
        self.home.ensure()
        self.pseudonym: Callable[[str], str] = Pseudonymiser(self.home.key.pseudonym)

    def write(self, name: str, text: str) -> Path:
        (self.folder / name).write_text(text, encoding="utf-8")
        return self.folder / name

    def map(self, kind: str, **keys: Any) -> None:
        head = {"name": kind, "about": "a", "source": f"urn:{kind}", "time_zone": "America/New_York", "kind": kind}
        self.write(f"{kind}.yaml", yaml.safe_dump({**head, **keys}))

    def load(self, kind: str, rows: list[str], name: str = "file") -> BatchCounts:
        file = self.write(f"{name}.csv", "\n".join([HEADERS[kind], *rows]) + "\n")
        return load_file(self.home, file, self.folder / f"{kind}.yaml")

    def replay(self, *kinds: str) -> BatchCounts:
        return replay(self.home, [self.folder / f"{kind}.yaml" for kind in kinds])

    def held(self, sql: str) -> list[tuple]:
        with open_home_store(self.home) as store:
            return store._connection.execute(sql).fetchall()  # type: ignore[attr-defined]

    def letters(self) -> pd.DataFrame:
        with open_home_store(self.home) as store:
            return store.dead_letters()

    def roles(self) -> dict[str, list[tuple[str, str]]]:
        """The people and roles of the latest version of each incident."""
        rows = self.held(
            "SELECT incident_id, arg_max(involvements, version) FROM store.incident_version GROUP BY incident_id"
        )
        return {nr: [(found["person_id"], found["role"]) for found in held or []] for nr, held in rows}


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path)


def incident(number: int, what: str = "ROBBERY") -> str:
    day = date(2025, 12, 20) - timedelta(days=5 * number)
    return f"I{number},{day} 21:00:00,{what},-75.15,39.95"


def balanced(counts: BatchCounts, rows: int) -> bool:
    return counts.rows_in == rows == counts.stored + counts.duplicates + counts.dead


def test_four_exports_make_the_lists_of_people(city: City) -> None:
    crowd = [f"P{number}" for number in range(100, 140)]
    worst, child, ageless, victim, user = "PWORST", "PCHILD", "PAGELESS", "PVICTIM", "PUSER"
    incidents = [incident(number) for number in range(60)] + [incident(60, "POSSESSION")]
    roles = [f"I{number},{person},SUS" for number, person in enumerate(crowd)]
    roles += [f"I{number},{worst},CHG" for number in range(40, 60)]
    roles += [f"I{number},{child},SUS" for number in range(40, 60)]
    roles += [f"I1,{ageless},suspect", f"I2,{victim},VIC", f"I3,{victim},witness", f"I60,{user},SUS"]
    born = [f"{person},04/17/1988" for person in [*crowd, worst, victim, user]] + [f"{child},06/30/2010"]
    warrants = [f"W1,{worst},10/05/2025,Robbery", f"W2,{child},10/05/2025,Robbery", f"W3,{user},10/05/2025,possession"]
    city.map("warrants", **MAPPINGS["warrants"], issued_at_format="%m/%d/%Y")
    for kind, rows in {"incidents": incidents, "involvements": roles, "persons": born, "warrants": warrants}.items():
        counts = city.load(kind, rows, kind)
        assert balanced(counts, len(rows))
        assert counts.stored == len(rows)
    weeks = [f"7,{week},700" for week in ("2025-12-01", "2025-12-08", "2025-12-15", "2025-12-22")]
    assert city.load("staffing", weeks).stored == 4

    summary = daily_run(city.home, AS_OF)
    tables = {
        name: read_people(city.home, name, summary.run_id) for name in ("person_tier", "safeguarding", "warrant_queue")
    }
    listed = dict(zip(tables["person_tier"]["person_id"], tables["person_tier"]["tier"], strict=True))
    assert city.pseudonym(worst) in listed
    reasons = dict(zip(tables["safeguarding"]["person_id"], tables["safeguarding"]["reason"], strict=True))
    assert reasons == {city.pseudonym(child): "under_18", city.pseudonym(ageless): "age_unknown"}
    queue = tables["warrant_queue"].sort_values("position")
    assert queue[["warrant_id", "person_id", "kind", "route"]].to_numpy().tolist() == [
        ["W1", city.pseudonym(worst), "bench", "execute"],
        ["W3", city.pseudonym(user), "bench", "summons"],
    ]
    for table in tables.values():
        assert city.pseudonym(victim) not in set(table["person_id"])
    assert not {city.pseudonym(child), city.pseudonym(ageless), city.pseudonym(user)} & set(listed)
    hours = read_published(city.home.path, "officer_allocation", summary.run_id)
    assert hours["today_hours"].tolist() == pytest.approx([100.0])  # 700 a week
    needles = [person.encode() for person in (worst, child, victim)]
    plain = [(str(file), file.read_bytes()) for file in (city.folder / "home").rglob("*") if file.is_file()]
    assert not naming(needles, plain)


def test_roles_are_new_versions_of_the_incidents_and_nothing_else_of_them_changes(city: City) -> None:
    city.load("incidents", [incident(1), incident(2)])
    before = city.held("SELECT * EXCLUDE (involvements) FROM store.incident_version ORDER BY incident_id")
    counts = city.load("involvements", ["I1,PA,SUS", "I1,PB,VIC", "I1,PA,SUS", "I1,PA,witness"])
    assert (counts.rows_in, counts.stored, counts.duplicates, counts.dead) == (4, 3, 1, 0)
    p = city.pseudonym
    assert city.roles() == {"I1": sorted([(p("PA"), "suspect"), (p("PA"), "witness"), (p("PB"), "victim")]), "I2": []}
    assert city.load("involvements", ["I1,PA,SUS", "I1,PB,VIC"]).duplicates == 2
    assert city.load("involvements", ["I1,PC,CHG", "I2,PA,VIC"], "more").stored == 2
    assert len(city.roles()["I1"]) == 4
    changed = "version, event_source, event_id, event_time, source_offset, content_hash, ingested_at, batch_id"
    kept = f"* EXCLUDE (involvements, {changed})"
    versions = city.held(f"SELECT DISTINCT {kept} FROM store.incident_version ORDER BY incident_id")
    assert len(before) == len(versions) == 2
    assert city.held(
        "SELECT incident_id, max(version), count(*) FROM store.incident_version GROUP BY 1 ORDER BY 1"
    ) == [
        ("I1", 3, 3),
        ("I2", 2, 2),
    ]


def test_an_incident_loaded_again_keeps_its_people(city: City) -> None:
    city.load("incidents", [incident(1)])
    city.load("involvements", ["I1,PA,VIC"])
    assert city.load("incidents", [incident(1)]).duplicates == 1
    assert city.roles() == {"I1": [(city.pseudonym("PA"), "victim")]}


def test_roles_wait_for_their_incident_and_for_their_word(city: City) -> None:
    city.load("incidents", [incident(1)])
    counts = city.load("involvements", ["I1,PA,SUS", "I2,PA,SUS", "I1,PB,PERP", "I1,,SUS", ",PA,SUS"])
    assert (counts.rows_in, counts.stored, counts.dead) == (5, 1, 4)
    assert counts.dead_by_reason == {"bad_value": 1, "empty_id": 2, "unknown_incident": 1}
    assert city.held("SELECT count(*) FROM store.identity") == [(1,)]
    assert not any("PA" in detail or "PB" in detail for detail in city.letters()["detail"])
    assert city.replay("involvements").dead == 4
    city.load("incidents", [incident(2)])
    city.map("involvements", **MAPPINGS["involvements"] | {"roles": {"SUS": "suspect", "PERP": "charged"}})
    counts = city.replay("involvements")
    assert (counts.stored, counts.dead) == (2, 2)
    p = city.pseudonym
    assert city.roles() == {"I1": sorted([(p("PA"), "suspect"), (p("PB"), "charged")]), "I2": [(p("PA"), "suspect")]}
    assert list(city.letters()["reason"]) == ["empty_id", "empty_id"]


def test_rows_of_every_kind_wait_and_are_replayed_through_the_mended_mapping(city: City) -> None:
    counts = city.load("warrants", ["W1,PA,2025-10-05,Robbery", "W2,PB,2025-10-05,Affray"])
    assert (counts.stored, counts.dead_by_reason) == (1, {"unknown_offence_code": 1})
    city.write("offences.csv", OFFENCES + "AFFRAY,robbery\n")
    assert city.replay("warrants").stored == 1
    assert city.held("SELECT warrant_id, person_id FROM store.warrant_version ORDER BY warrant_id") == [
        ("W1", city.pseudonym("PA")),
        ("W2", city.pseudonym("PB")),
    ]
    assert city.letters().empty
    assert city.load("warrants", ["W1,PA,2025-10-05,Robbery", "W2,PB,2025-10-05,Affray"], "again").duplicates == 2


def test_a_replay_takes_the_mappings_that_it_is_given_and_leaves_the_others_waiting(city: City) -> None:
    city.load("involvements", ["I1,PA,SUS"], "roles")
    city.load("incidents", [incident(1, "AFFRAY")], "incidents")
    city.load("persons", ["PA,13/13/1988"], "persons")
    with pytest.raises(SettingsError, match="replay --mapping"):
        city.replay()
    city.write("offences.csv", OFFENCES + "AFFRAY,robbery\n")
    counts = city.replay("involvements", "incidents")  # incidents first, whatever the order
    assert (counts.stored, counts.dead) == (2, 0)
    assert city.roles() == {"I1": [(city.pseudonym("PA"), "suspect")]}
    assert list(city.letters()["mapping"]) == ["persons"]


def test_raw_ids_stand_in_the_identities_and_in_letters_alone(city: City) -> None:
    city.load("incidents", [incident(1)])
    city.load("involvements", ["I1,PSUSPECT,SUS"])
    city.load("persons", ["PSUSPECT,04/17/1988"])
    city.load("warrants", ["W1,PSUSPECT,2025-10-05,Robbery"])
    tables = city.held(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'store' AND table_name <> 'identity'"
    )
    rows = [repr(city.held(f"SELECT * FROM store.{name}")) for (name,) in tables]
    assert len(rows) > 5
    assert not [row for row in rows if "PSUSPECT" in row]
    assert city.held("SELECT * FROM store.identity") == [(city.pseudonym("PSUSPECT"), "PSUSPECT")]


def test_a_later_file_corrects_and_a_file_that_contradicts_itself_waits(city: City) -> None:
    assert city.load("persons", ["PA,04/17/1988", "PB,04/17/1990", "PB,04/17/1990"]).duplicates == 1
    counts = city.load("persons", ["PA,04/17/2010", "PC,01/01/1970", "PC,01/01/2012"], "later")
    assert (counts.stored, counts.corrected, counts.dead_by_reason) == (1, 1, {"same_id": 2})
    held = city.held("SELECT person_id, version, birth_date FROM store.person_version ORDER BY ALL")
    p = city.pseudonym
    assert held == sorted(
        [(p("PA"), 1, date(1988, 4, 17)), (p("PA"), 2, date(2010, 4, 17)), (p("PB"), 1, date(1990, 4, 17))]
    )
    assert set(city.letters()["topic"]) == {"later.csv"}
    assert "person_id" in city.letters()["detail"].iloc[0]
    assert city.held("SELECT count(*) FROM store.identity") == [(2,)]
    city.map("persons", **MAPPINGS["persons"], same_id="conflict")
    counts = city.load("persons", ["PB,04/17/1991"], "third")
    assert counts.dead_by_reason == {"same_id": 1}
    assert "later_load_corrects" in city.letters()["detail"].iloc[-1]


def test_a_mended_mapping_takes_back_the_roles_that_the_old_one_gave(city: City) -> None:
    city.load("incidents", [incident(1), incident(2)])
    rows = ["I1,PA,SUS", "I1,PB,VIC", "I2,PB,VIC"]
    wrong = {"SUS": "suspect", "VIC": "suspect"}
    city.map("involvements", **MAPPINGS["involvements"] | {"roles": wrong})
    city.load("involvements", rows)
    city.load("involvements", ["I2,PC,charged", "I2,PB,witness"], "other")
    city.map("involvements", **MAPPINGS["involvements"])
    counts = city.load("involvements", rows)
    assert (counts.rows_in, counts.stored, counts.duplicates, counts.cancelled) == (3, 2, 1, 2)
    p = city.pseudonym
    expected = {
        "I1": sorted([(p("PA"), "suspect"), (p("PB"), "victim")]),
        "I2": sorted([(p("PC"), "charged"), (p("PB"), "witness"), (p("PB"), "victim")]),
    }
    assert city.roles() == expected
    counts = city.load("involvements", rows)
    assert (counts.stored, counts.duplicates, counts.cancelled) == (0, 3, 0)
    assert city.roles() == expected


def test_a_correction_of_an_incident_keeps_its_people(city: City) -> None:
    city.load("incidents", [incident(1)])
    city.load("involvements", ["I1,PA,VIC", "I1,PB,SUS"])
    city.map("incidents", **MAPPINGS["incidents"], same_id="later_load_corrects")
    assert city.load("incidents", [incident(1, "POSSESSION")], "amended").corrected == 1
    assert city.load("involvements", ["I1,PC,witness"], "third").stored == 1
    roles = [("PA", "victim"), ("PB", "suspect"), ("PC", "witness")]
    assert city.roles() == {"I1": sorted((city.pseudonym(person), role) for person, role in roles)}
    assert city.held("SELECT arg_max(offence_code, version) FROM store.incident_version") == [("drug_possession",)]


@pytest.mark.sampled
@settings(max_examples=sample(4, whole=40), deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["I1", "I2", "I9"]), st.sampled_from(["PA", "PB"]), st.sampled_from(["SUS", "VIC", "X"])
        ),
        min_size=1,
        max_size=8,
    ),
    cut=st.integers(0, 8),
)
def test_roles_are_the_same_in_whatever_order_and_files_they_come(rows: list[tuple[str, str, str]], cut: int) -> None:
    words = {"SUS": "suspect", "VIC": "victim"}
    known = {(nr, person, words[word]) for nr, person, word in rows if nr != "I9" and word in words}
    for parts in ([rows[:cut], rows[cut:]], [rows[::-1]]):
        with tempfile.TemporaryDirectory() as name:
            city = City(Path(name))
            city.load("incidents", [incident(1), incident(2)])
            for number, part in enumerate(parts):
                if part:
                    counts = city.load("involvements", [",".join(row) for row in part], f"part{number}")
                    assert balanced(counts, len(part))
            expected = {
                nr: sorted((city.pseudonym(person), role) for at, person, role in known if at == nr)
                for nr in ("I1", "I2")
            }
            assert city.roles() == expected


def test_a_forecast_needs_incidents(city: City) -> None:
    file = city.write("persons.csv", "person,born\nPA,04/17/1988\n")
    with pytest.raises(MappingError, match="'persons' reads persons: expected one of incidents"):
        read_mapped_incidents(file, read_mapping(city.folder / "persons.yaml"), horizon=CLOCK)


def nfa(city: City) -> None:
    """Mend the mapping of roles: DROPPED means that nobody pursues the person any more."""
    keys = MAPPINGS["involvements"]
    city.map("involvements", **{**keys, "roles": {**keys["roles"], "DROPPED": "no_further_action"}})


@pytest.mark.parametrize("is_replay", [True, False])
def test_a_dropped_arrest_that_waited_for_its_word_drops_the_suspect(city: City, is_replay: bool) -> None:
    city.load("incidents", [incident(1)])
    city.load("involvements", ["I1,PA,SUS"])
    assert city.load("involvements", ["I1,PA,DROPPED"], "later").dead == 1
    nfa(city)
    city.replay("involvements") if is_replay else city.load("involvements", ["I1,PA,DROPPED"], "later")
    assert city.roles() == {"I1": [(city.pseudonym("PA"), "no_further_action")]}
    assert city.letters().empty


def test_a_file_that_calls_a_person_pursued_and_not_waits(city: City) -> None:
    nfa(city)
    city.load("incidents", [incident(1)])
    counts = city.load("involvements", ["I1,PA,SUS", "I1,PA,DROPPED", "I1,PB,SUS", "I1,PA,VIC"])
    assert counts.dead_by_reason == {"same_id": 2}
    assert sorted(city.roles()["I1"]) == sorted([(city.pseudonym("PB"), "suspect"), (city.pseudonym("PA"), "victim")])


def test_one_file_through_two_mappings_waits_for_each(city: City) -> None:
    header, rows = "nr,when,what,x,y,person,role", ["I1,2025-10-01 21:00:00,ARSON,-75.15,39.95,PA,PERP"]
    file = city.write("both.csv", "\n".join([header, *rows]) + "\n")
    for kind in ("incidents", "involvements"):
        load_file(city.home, file, city.folder / f"{kind}.yaml")
    assert sorted(city.letters()["mapping"]) == ["incidents", "involvements"]
    city.write("offences.csv", f"{OFFENCES}ARSON,arson\n")
    keys = MAPPINGS["involvements"]
    city.map("involvements", **{**keys, "roles": {**keys["roles"], "PERP": "suspect"}})
    city.replay("incidents", "involvements")
    assert city.roles() == {"I1": [(city.pseudonym("PA"), "suspect")]}


def test_a_file_of_birth_dates_alone_leaves_treatment_and_death_as_they_are(city: City) -> None:
    keys = {"columns": {"person_id": "person", "birth_date": "born", "treatment_consent": "consent"}}
    city.map("persons", **keys, birth_date_format="%m/%d/%Y")
    file = city.write("full.csv", "person,born,consent\nPA,04/17/1988,yes\n")
    load_file(city.home, file, city.folder / "persons.yaml")
    city.map("persons", **MAPPINGS["persons"])
    assert city.load("persons", ["PA,04/18/1988"], "births").corrected == 1
    assert city.load("persons", ["PA,04/18/1988"], "births").duplicates == 1
    latest = "SELECT birth_date, is_treatment_consented FROM store.person_version ORDER BY version DESC LIMIT 1"
    assert city.held(latest) == [(date(1988, 4, 18), True)]


def test_what_a_mended_mapping_no_longer_gives_is_withdrawn(city: City) -> None:
    wrong = {**MAPPINGS["warrants"]["columns"], "warrant_id": "charge"}
    city.map("warrants", **{**MAPPINGS["warrants"], "columns": wrong})
    rows = ["W1,PA,10/25/2025,Robbery"]
    city.load("warrants", rows)
    city.map("warrants", **MAPPINGS["warrants"])
    assert city.load("warrants", rows).cancelled == 1
    latest = "SELECT warrant_id, arg_max(status, version) FROM store.warrant_version GROUP BY 1 ORDER BY 1"
    assert city.held(latest) == [("Robbery", "recalled"), ("W1", "outstanding")]


def test_hours_of_a_week_read_wrong_do_not_stay_beside_the_right_ones(city: City) -> None:
    city.map("staffing", **MAPPINGS["staffing"], week_format="%d/%m/%Y")
    city.load("staffing", ["7,02/11/2025,700"])
    city.map("staffing", **MAPPINGS["staffing"], week_format="%m/%d/%Y")
    assert city.load("staffing", ["7,02/11/2025,700"]).cancelled == 1
    hours = "SELECT arg_max(available_hours, version) FROM store.staffing_version GROUP BY shift_start ORDER BY 1"
    assert city.held(hours) == [(0.0,), (700.0,)]


def test_of_several_charges_of_a_warrant_the_gravest_counts_where_the_mapping_says_so(city: City) -> None:
    city.map("warrants", **MAPPINGS["warrants"], same_id="gravest")
    counts = city.load("warrants", ["W1,PA,10/25/2025,possession", "W1,PA,10/25/2025,Robbery"])
    assert (counts.stored, counts.merged) == (1, 1)
    assert city.held("SELECT underlying_offence_code FROM store.warrant_version") == [("robbery",)]


def test_pairs_of_ids_are_joined_by_a_file_and_parted_by_a_later_one(tmp_path: Path) -> None:
    city = City(tmp_path)
    assert city.load("same_persons", ["P1,P2,", "P2,P3,joined", "P9,P9,"]).dead == 1
    assert city.load("same_persons", ["P3,P2,parted"], "later").stored == 1
    with open_home_store(city.home) as store:
        same = store.same_people()
    assert {*same.one_ids} == {city.pseudonym("P1"), city.pseudonym("P2")}
