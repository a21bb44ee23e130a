"""What `load`, `dead-letters` and `doctor` say of the rows that could not be used, and what `load` warns of."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.flows.command.test_command import harmspot

AREAS = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"id": "1"},
            "geometry": {"type": "Polygon", "coordinates": [[[-75.3, 39.8], [-75, 39.8], [-75, 40.1], [-75.3, 39.8]]]},
        }
    ],
}
CONFIG = {
    "force": {
        **{"name": "Town", "time_zone": "America/New_York"},
        **{"areas": {"path": "areas.geojson", "id_column": "id", "version": "1"}},
        "staffing": {"assumed_total_hours_per_day": 400},
    },
    "ingest": {"mapping": "town.yaml"},
}
MAPPING = {
    **{"name": "town", "about": "A town", "source": "town-police", "offences": "offences.csv"},
    "columns": {"incident_id": "id", "occurred_at": "when", "offence": "what", "x": "lon", "y": "lat"},
    "time_zone": "America/New_York",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "areas.geojson").write_text(json.dumps(AREAS))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    (tmp_path / "town.yaml").write_text(yaml.safe_dump(MAPPING))
    (tmp_path / "offences.csv").write_text("offence,offence_code,discovery\nTHEFT,theft_other,public\n")
    return tmp_path


def in_home(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    options = ("--home", folder / "home", "--config", folder / "config.yaml", "--clock", "2024-06-01T12:00:00Z")
    return harmspot(*options, *arguments)


def csv(folder: Path, *rows: str, name: str = "in.csv") -> Path:
    (folder / name).write_text("\n".join(["id,when,what,lon,lat", *rows]) + "\n", encoding="utf-8")
    return folder / name


def row(number: str, what: str = "THEFT", when: str = "2023-06-15 10:00:00", lon: str = "-75.1") -> str:
    return f"{number},{when},{what},{lon},39.95"


def test_the_table_of_a_load_gives_every_outcome_an_example_and_every_unknown_word_its_line(folder: Path) -> None:
    rows = [
        row("a"),
        row("a"),
        row("b", "THEFT, OVER"),
        row("c", '"THEFT, OVER"'),
        row("d", when="31/02/2023"),
        row("e"),
    ]
    done = in_home(folder, "load", csv(folder, *rows, row("far", lon="-7")))
    assert done.returncode == 1  # one line has a field too many
    for words in ("rows in the file", "in.csv, line 4", "in.csv, line 6", "31/02/2023", '"THEFT, OVER",CODE,public'):
        assert words in done.stdout, done.stdout
    assert (
        "1 of 3 points (33%) lie outside every area of the map: wrong map, wrong crs, or x and y swapped?"
        in done.stdout
    )
    found = json.loads(in_home(folder, "load", "--json", folder / "in.csv").stdout)
    assert (found["rows_in"], found["stored"], found["duplicates"], found["dead"]) == (7, 0, 4, 3)
    assert found["dead_by_reason"] == {"bad_value": 1, "unknown_offence_code": 1, "unread_line": 1}
    assert [(word["word"], word["rows"]) for word in found["unknown_words"]] == [("THEFT, OVER", 1)]


def test_areas_that_crossed_themselves_are_said_at_every_load_and_by_doctor(folder: Path) -> None:
    bow_tie = {
        "type": "Polygon",
        "coordinates": [[[-75.3, 39.8], [-75, 40.1], [-75, 39.8], [-75.3, 40.1], [-75.3, 39.8]]],
    }
    feature = {"type": "Feature", "properties": {"id": "7"}, "geometry": bow_tie}
    crossed = {"type": "FeatureCollection", "features": [*AREAS["features"], feature]}
    (folder / "areas.geojson").write_text(json.dumps(crossed))
    words = "1 areas: outlines crossed themselves, and the repair changed their ground: 7@1"
    assert words in " ".join(in_home(folder, "load", csv(folder, row("a"))).stdout.split())
    [line] = json.loads(in_home(folder, "load", "--json", csv(folder, row("b"), name="b.csv")).stdout)["repaired_areas"]
    assert line.startswith(words)
    assert line.endswith("100.0%)")
    [of_map] = [found for found in json.loads(in_home(folder, "doctor", "--json").stdout) if found["check"] == "map"]
    assert of_map["state"] == "warning"
    assert words in of_map["detail"]


def test_dead_letters_are_listed_filtered_and_exported_until_a_replay_takes_them(folder: Path) -> None:
    in_home(folder, "load", csv(folder, row("a", "ARSON"), row("b", when="soon"), row("c", "ARSON")))
    listed = in_home(folder, "dead-letters").stdout
    assert "in.csv, line 2: what is 'ARSON'" in listed
    assert "add the line  ARSON,CODE,public" in listed
    rows = json.loads(in_home(folder, "dead-letters", "--rows", "--json", "--reason", "bad_value").stdout)
    assert [(r["file"], r["line"], r["column"], r["value"]) for r in rows] == [("in.csv", 3, "when", "soon")]
    in_home(folder, "dead-letters", "--csv", folder / "waiting.csv")
    assert (folder / "waiting.csv").read_text().count("\n") == 4
    assert "waiting are bad_value, unknown_offence_code" in in_home(folder, "dead-letters", "--reason", "x").stderr
    found = in_home(folder, "doctor").stdout
    assert "ARSON (2)" in " ".join(found.split())
    (folder / "offences.csv").write_text(
        "offence,offence_code,discovery\nTHEFT,theft_other,public\nARSON,arson,public\n"
    )
    assert "versions stored 2" in in_home(folder, "replay").stdout
    left = json.loads(in_home(folder, "dead-letters", "--json").stdout)
    assert [(r["reason"], r["letters"]) for r in left["reasons"]] == [("bad_value", 1)]
    assert left["unknown_words"] == []


def test_no_value_of_an_id_or_of_free_text_is_shown(folder: Path) -> None:
    rows = [f"p_{'0f' * 16},2023-06-15 10:00:00,THEFT,-75.1,39.95", row("", "THEFT")]
    in_home(folder, "load", csv(folder, *rows))
    listed = json.loads(in_home(folder, "dead-letters", "--rows", "--json").stdout)
    assert [(letter["reason"], letter["value"]) for letter in listed] == [("names_person", ""), ("empty_id", "")]


def test_a_loss_that_bends_the_ranking_is_said(folder: Path) -> None:
    months = [row(f"a{number}", when=f"2023-0{1 + number % 5}-15 10:00:00") for number in range(50)]
    lost = [row(f"b{number}", when="2023-06-15 10:00:00", lon="") for number in range(10)]
    assert (
        "biased loss: 10 of 10 rows of month '2023-06' are refused"
        in in_home(folder, "load", csv(folder, *months, *lost)).stderr
    )
    even = [
        row(f"c{number}", when=f"2023-0{1 + number % 5}-15 10:00:00", lon="" if number < 10 else "-75.1")
        for number in range(50)
    ]
    assert "biased loss" not in in_home(folder, "load", csv(folder, *even, name="even.csv")).stderr


def test_ids_that_are_twins_are_warned_of(folder: Path) -> None:
    assert "differ" not in in_home(folder, "load", csv(folder, row("12345"), row("12346"))).stderr
    done = in_home(folder, "load", csv(folder, row("0012345"), row("777"), name="feb.csv"))
    assert "1 ids differ from another only in leading zeros" in done.stderr
    assert "numeric: [incident_id]" in done.stderr


def test_each_file_of_the_settings_is_read_through_its_own_mapping(folder: Path) -> None:
    (folder / "other.yaml").write_text(
        yaml.safe_dump(
            MAPPING | {"name": "other", "files": "other-*", "columns": {**MAPPING["columns"], "offence": "crime"}}
        )
    )
    csv(folder, row("a"))
    (folder / "other-1.csv").write_text("id,when,crime,lon,lat\nb,2023-06-15 10:00:00,THEFT,-75.1,39.95\n")
    (folder / "lines.jsonl").write_text(
        '{"id": "c", "when": "2023-06-15 10:00:00", "what": "THEFT", "lon": -75.1, "lat": 39.95}\n'
    )
    sources = {"sources": ["in.csv", "other-1.csv", "lines.jsonl"], "mapping": "town.yaml", "mappings": ["other.yaml"]}
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG | {"ingest": sources}))
    assert in_home(folder, "init").returncode == 0
    done = in_home(folder, "run", "--as-of", "2023-12-01", "--without-prefect", "--allow-empty")  # of three thefts
    assert done.returncode == 0, done.stderr
    again = json.loads(in_home(folder, "load", "--json", folder / "other-1.csv").stdout)
    assert (again["stored"], again["duplicates"]) == (0, 1)


def test_a_dead_letter_whose_mapping_is_not_known_names_the_way_out(folder: Path) -> None:
    in_home(folder, "load", "--mapping", folder / "town.yaml", csv(folder, row("a", "ARSON")))
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG | {"ingest": {"mapping": None}}))
    assert "--mapping" in in_home(folder, "replay").stderr
