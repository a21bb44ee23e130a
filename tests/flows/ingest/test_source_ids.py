"""Ids that hold the id of a person: no run publishes one; keyed short ids of incidents and warrants replace them."""

from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import pandas as pd
import pytest

from flows.decisions.erasure import erase_person
from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.ingest.dead_letters import waiting_letters
from flows.ingest.ingest import load_file
from flows.outputs.explain_places import find_incident
from flows.schedule import daily
from flows.schedule.daily import daily_run
from pipeline.errors import MappingError, PersonMentionedError, PublicationError
from pipeline.mapped.mapping_file import read_mapping
from pipeline.publication.publish import read_published
from pipeline.store.store import DuckDBStore
from tests.flows.ingest.test_record_files import AS_OF, CLOCK, MAPPINGS, City
from tests.town import event, read_people

RAW = "QX4711"
INCIDENTS = [f"2025-{RAW}-{n},2025-12-{n:02} 12:00,ROBBERY,-75.15,39.95" for n in range(1, 25)]
ROLES = [f"2025-{RAW}-{n},{RAW},CHG" for n in range(1, 25)]
WARRANTS = [f"W-{RAW},{RAW},2025-11-01,ROBBERY"]


@pytest.fixture
def city(tmp_path: Path) -> City:
    made = City(tmp_path)
    made.load("persons", [f"{RAW},06/15/1990"], name="persons")
    made.load("incidents", INCIDENTS, name="incidents")
    made.load("involvements", ROLES, name="roles")
    return made


def with_keyed_ids(city: City, *kinds: str) -> None:
    for kind in kinds:
        city.map(kind, **MAPPINGS[kind], source_ids="keyed")


def ids(city: City) -> list[str]:
    return [found for (found,) in city.held("SELECT DISTINCT incident_id FROM store.incident_version ORDER BY ALL")]


def test_a_run_with_the_id_of_a_person_in_ids_of_incidents_publishes_nothing_and_drafts_nothing(city: City) -> None:
    with pytest.raises(PublicationError, match="source_ids: keyed") as refused:
        daily_run(city.home, AS_OF)
    assert RAW not in str(refused.value)
    assert not city.home.published.exists()
    assert not city.held("SELECT kind FROM store.human_event")


def test_an_erased_id_stops_the_run_and_is_redacted_as_before(city: City) -> None:
    said = {"reader": "Records, M. Ito", "purpose": "right to erasure", "reason": "court order seven"}
    city.load("incidents", [f"x1,2025-12-01 12:00,AFFRAY BY {RAW.lower()},-75.15,39.95"], name="dead")
    assert erase_person(city.home, RAW, **said).is_known
    city.load("incidents", [f"x2,2025-12-01 12:00,FRACAS ({RAW.lower()}) 7,-75.15,39.95"], name="later")
    with pytest.raises(PublicationError, match="source_ids: keyed") as refused:
        daily_run(city.home, AS_OF)
    assert RAW not in str(refused.value)
    assert "FRACAS ([person]) 7" in set(waiting_letters(city.home)["value"])
    with pytest.raises(PersonMentionedError):
        city.home.refuse_mentions({"reason": f"asked by {RAW}"})
    city.home.refuse_mentions({"reason": "asked by QX4712, 4711 and XQX4711"})
    with_keyed_ids(city, "incidents", "involvements")
    city.load("incidents", INCIDENTS, name="incidents")
    assert daily_run(city.home, AS_OF).is_new


def test_keyed_ids_let_the_run_through_nothing_published_holds_the_id_and_both_ids_explain_the_incident(
    city: City,
) -> None:
    with_keyed_ids(city, "incidents", "involvements", "warrants")
    city.load("incidents", INCIDENTS, name="incidents")  # the same file again
    city.load("warrants", WARRANTS, name="warrants")
    assert len(ids(city)) == 24, "what was loaded before has the short ids, too"
    assert all(each.startswith("k_") for each in ids(city))
    run_id = daily_run(city.home, AS_OF).run_id
    evidence = read_published(city.home.path, "area_evidence")["incident_id"]
    assert len(evidence) and evidence.str.fullmatch("k_[0-9a-f]{24}").all()
    assert read_people(city.home, "warrant_queue", run_id)["warrant_id"].str.startswith("k_").all()
    for path in sorted(city.home.path.rglob("*")):
        if path.is_file() and path.name not in ("store.duckdb", "restricted.duckdb"):  # encrypted
            assert RAW.encode() not in path.read_bytes(), path
    with duckdb.connect(city.home.published, read_only=True) as published:
        for (name,) in published.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall():
            assert RAW not in str(published.execute(f"FROM {name}").fetchall())
    own = find_incident(city.home, f"2025-{RAW}-3", None)
    assert own["incident_id"] == city.home.short_id(f"2025-{RAW}-3")
    assert own == find_incident(city.home, own["incident_id"], None)


def test_roles_and_corrections_find_the_incident_under_its_short_id(city: City) -> None:
    with_keyed_ids(city, "incidents", "involvements")
    again = city.load("incidents", INCIDENTS, name="incidents")
    assert (again.stored, again.duplicates, again.cancelled) == (0, 24, 0), "the same file changes nothing"
    assert city.load("involvements", ROLES, name="roles").duplicates == 24
    later = city.load("involvements", [f"2025-{RAW}-1,V1,VIC"], name="later")
    assert (later.stored, later.dead) == (1, 0)
    assert len(city.roles()[city.home.short_id(f"2025-{RAW}-1")]) == 2


def test_dead_letters_that_are_shown_hold_no_id_of_a_person(city: City) -> None:
    city.load("incidents", [f"x1,2025-12-01 12:00,AFFRAY BY {RAW},-75.15,39.95"], name=f"export-{RAW}")
    shown = waiting_letters(city.home)
    assert len(shown) == 1
    assert "AFFRAY BY [person]" in set(shown["value"])
    assert RAW not in shown.to_csv()


def test_the_settings_key_the_ids_of_every_source_and_what_is_held(city: City) -> None:
    config = city.folder / "config.yaml"
    config.write_text(config.read_text() + "publication: {source_ids: keyed}\n")
    home = Home(city.home.path, config, CLOCK, lambda text: None)
    incident = {"incident_id": f"E-{RAW}", "version": 1, "status": "recorded", "occurred_at": "2025-12-01T00:00:00Z"}
    incident |= {"offence_code": "robbery", "discovery": "public", "location": {"lon": -75.15, "lat": 39.95}}
    file = city.write("events.jsonl", event("incident.recorded", "e1", incident))
    assert load_file(home, file).stored == 1
    assert load_file(home, file).duplicates == 1
    with open_home_store(home):
        pass
    assert len(ids(city)) == 25
    assert home.short_id(f"E-{RAW}") in ids(city)
    assert all(each.startswith("k_") for each in ids(city))


def test_an_event_that_comes_again_after_its_id_was_keyed_is_a_duplicate(city: City) -> None:
    incident = {"incident_id": f"E-{RAW}", "version": 1, "status": "recorded", "occurred_at": "2025-12-01T00:00:00Z"}
    incident |= {"offence_code": "robbery", "discovery": "public", "location": {"lon": -75.15, "lat": 39.95}}
    file = city.write("events.jsonl", event("incident.recorded", "e1", incident))
    assert load_file(city.home, file).stored == 1
    config = city.folder / "config.yaml"
    config.write_text(config.read_text() + "publication: {source_ids: keyed}\n")
    home = Home(city.home.path, config, CLOCK, lambda text: None)
    assert load_file(home, file).duplicates == 1


def test_evidence_that_was_cited_before_its_id_was_keyed_is_still_corrected(city: City) -> None:
    city.load("incidents", ["x1,2025-12-01 12:00,ROBBERY,-75.15,39.95"], name="more")
    with_keyed_ids(city, "incidents")
    city.load("incidents", ["x1,2025-12-01 12:00,ROBBERY,-75.15,39.95"], name="more")
    city.held(
        "INSERT INTO store.incident_version SELECT * REPLACE (2 AS version, 'cancelled' AS status, "
        "ingested_at + INTERVAL 1 HOUR AS ingested_at) FROM store.incident_version "
        f"WHERE incident_id = '{city.home.short_id('x1')}'"
    )
    cited = pd.DataFrame({"notice_id": "n", "incident_id": ["x1", city.home.short_id("x1"), f"2025-{RAW}-2"]})
    with open_home_store(city.home) as store:
        now = store.latest_known_at(CLOCK)
        found = store.corrected_evidence(
            cited.assign(person_id=None, known_then=pd.Timestamp(now)), now + timedelta(hours=2)
        )
    assert found.to_dict("list") == {
        "notice_id": ["n", "n"],
        "incident_id": [city.home.short_id("x1"), "x1"],
        "what": ["cancelled", "cancelled"],
    }


def test_ids_are_keyed_once_and_those_of_later_batches_when_they_come(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = city.folder / "config.yaml"
    config.write_text(config.read_text() + "publication: {source_ids: keyed}\n")
    home = Home(city.home.path, config, CLOCK, lambda text: None)
    asked: list[int] = []
    key_ids = DuckDBStore.key_ids

    def counted(store: DuckDBStore, source: str | None = None, since: int = 0) -> int:
        asked.append(since)
        return key_ids(store, source, since)

    monkeypatch.setattr(DuckDBStore, "key_ids", counted)
    for _ in range(3):
        with open_home_store(home):
            pass
    assert asked == [0]
    assert all(each.startswith("k_") for each in ids(city))
    city.load("incidents", ["late,2025-12-02 12:00,ROBBERY,-75.15,39.95"], name="late")  # under the old settings
    assert "late" in ids(city)
    for _ in range(2):
        with open_home_store(home):
            pass
    assert len(asked) == 2 and asked[1] > 0
    assert "late" not in ids(city) and home.short_id("late") in ids(city)


@pytest.mark.parametrize(
    ("kind", "word", "said"),
    [("incidents", "hashed", "did you mean|expected one of"), ("persons", "keyed", "no ids of incidents or warrants")],
)
def test_a_mapping_with_another_word_is_refused(city: City, kind: str, word: str, said: str) -> None:
    city.map(kind, **MAPPINGS[kind], source_ids=word)
    with pytest.raises(MappingError, match=said):
        read_mapping(city.folder / f"{kind}.yaml")


def test_the_row_of_the_run_is_searched_as_its_tables_are(monkeypatch: pytest.MonkeyPatch) -> None:
    store = SimpleNamespace(raw_ids=lambda: [RAW], erased_ids_in=lambda tables: set())
    monkeypatch.setattr(daily, "open_home_store", lambda home: nullcontext(store))
    home = SimpleNamespace(key=SimpleNamespace(home_name="5b07ed185459"))
    identity = SimpleNamespace(row=lambda **_: {"force_name": f"Force of {RAW}"})
    products = SimpleNamespace(
        published={"map_shape": pd.DataFrame({"shapes_id": ["s1"]})}, restricted={}, is_staffing_assumed=False
    )
    with pytest.raises(PublicationError, match=r"column run\.force_name holds the id"):
        daily.search_for_people(cast(Any, home), cast(Any, identity), cast(Any, products))
