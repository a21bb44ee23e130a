"""Which files hold events and which the rows of another system is told by their lines, with a mapping at hand."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import yaml

from flows.home.home import Home
from flows.ingest.ingest import load_file
from pipeline.errors import SourceError
from tests.flows.command.test_command import harmspot
from tests.flows.ingest.test_load_report import AREAS, CONFIG, MAPPING

EVENT = json.dumps({"specversion": "1.0", "id": "e1", "source": "x", "type": "unknown"})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "areas.geojson").write_text(json.dumps(AREAS))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    (tmp_path / "town.yaml").write_text(yaml.safe_dump(MAPPING))
    (tmp_path / "offences.csv").write_text("offence,offence_code,discovery\nTHEFT,theft_other,public\n")
    (tmp_path / "in").mkdir()
    home = Home(tmp_path / "home", tmp_path / "config.yaml", datetime(2024, 6, 1, 12, tzinfo=UTC))
    home.ensure()
    return home


def row(number: str) -> str:
    return json.dumps({"id": number, "when": "2023-06-15 10:00:00", "what": "THEFT", "lon": -75.1, "lat": 39.95})


@pytest.mark.parametrize(
    ("text", "dead"), [(f"\n{row('a')}\n", 0), (f'{{"id": broken\n{row("a")}\n', 1), (f"[\n{row('a')}\n]\n", 0)]
)
def test_rows_of_another_system_go_through_the_mapping_however_they_begin(
    home: Home, tmp_path: Path, text: str, dead: int
) -> None:
    (tmp_path / "in/rows.jsonl").write_text(text)
    for path in (tmp_path / "in/rows.jsonl", tmp_path / "in"):
        counts = load_file(home, path, tmp_path / "town.yaml")
        assert (counts.stored + counts.duplicates, counts.dead) == (1, dead)


def test_events_are_events_though_their_first_lines_are_blank_or_broken(home: Home, tmp_path: Path) -> None:
    (tmp_path / "in/events.jsonl").write_text(f"\n{{broken\n{EVENT}\n")
    (tmp_path / "in/none.jsonl").write_text("")
    for path in (tmp_path / "in/events.jsonl", tmp_path / "in"):
        assert load_file(home, path, tmp_path / "town.yaml").dead_by_reason.keys() >= {"unknown_type"}


def test_a_folder_with_both_is_refused_by_name(home: Home, tmp_path: Path) -> None:
    (tmp_path / "in/events.jsonl").write_text(f"{EVENT}\n")
    (tmp_path / "in/rows.jsonl").write_text(f"{row('a')}\n")
    with pytest.raises(SourceError, match=r"events \(events.jsonl\) and rows of another system \(rows.jsonl\)"):
        load_file(home, tmp_path / "in", tmp_path / "town.yaml")


def test_a_parquet_file_whose_pages_are_damaged_is_refused_in_a_sentence(home: Home, tmp_path: Path) -> None:
    rows = {"id": [f"a{i}" for i in range(5_000)], "when": "2023-06-15", "what": "THEFT", "lon": -75.1, "lat": 39.95}
    pd.DataFrame(rows).to_parquet(tmp_path / "in.parquet")
    content = bytearray((tmp_path / "in.parquet").read_bytes())
    content[300:2_000] = bytes(1_700)
    (tmp_path / "in.parquet").write_bytes(content)
    options = ("--home", home.path, "--config", tmp_path / "config.yaml")
    done = harmspot(*options, "load", tmp_path / "in.parquet")
    assert done.returncode == 1
    assert "in.parquet cannot be read: it is cut off or damaged" in done.stderr
    assert "Traceback" not in done.stderr
