"""Inputs that people had trouble with give what they should: read right, or refused by name.

They stand beside the project (../shared/cases); what they are is also in the literal rows of tests/pipeline.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from flows.home.home import Home
from flows.home.store_access import open_home_store
from flows.ingest.ingest import load_file
from pipeline.errors import MappingError, SourceError

CASES = Path("../shared/cases")
CLOCK = datetime(2024, 6, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is absent: inputs that people had trouble with")

KEPT = (
    "SELECT incident_id, strftime(occurred_at AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ'), occurred_precision, "
    "offence_code, lon, lat, area_id FROM store.incident_version "
    "QUALIFY row_number() OVER (PARTITION BY incident_id ORDER BY version DESC) = 1 ORDER BY ALL"
)


class Incident(NamedTuple):
    """What the store holds of an incident."""

    at: str
    precision: str
    code: str
    lon: float | None
    lat: float | None
    area: str | None


class Loaded(NamedTuple):
    """Incidents by id, reasons of dead letters by line, and what was said."""

    incidents: dict[str, Incident]
    refused: dict[int, str]
    said: str


def load(folder: Path, case: str, *files: str, mapping: str = "mapping.yaml", **keys: Any) -> Loaded:
    """Load files of a case one after the other through its mapping, to which `keys` are added."""
    [source] = CASES.glob(f"{case}-*")
    said: list[str] = []
    document = yaml.safe_load((source / mapping).read_text()) | keys
    document["offences"] = str((source / document["offences"]).resolve())
    (folder / "mapping.yaml").write_text(yaml.safe_dump(document))
    home = Home(folder / "home", source / "config.yaml", CLOCK, progress=said.append).ensure()
    for file in files:
        load_file(home, source / file, folder / "mapping.yaml")
    with open_home_store(home) as store:
        kept = store._connection.execute(KEPT).fetchall()  # type: ignore[attr-defined]
        letters = store.dead_letters()
    refused = dict(zip((letters["source_offset"] + 1).astype(int), letters["reason"], strict=True))
    return Loaded({row[0]: Incident(*row[1:]) for row in kept}, refused, "\n".join(said))


def instants(loaded: Loaded) -> dict[str, str]:
    return {number: incident.at for number, incident in loaded.incidents.items()}


def refusal(folder: Path, case: str, file: str, **keys: Any) -> str:
    """Return the sentence in which a file or a mapping is refused."""
    with pytest.raises((MappingError, SourceError)) as refused:
        load(folder, case, file, **keys)
    return str(refused.value)


def test_offsets_are_read(tmp_path: Path) -> None:
    loaded = load(tmp_path, "01", "in.csv")
    assert instants(loaded) == {"A1": "2023-06-15T03:30:00Z", "A2": "2023-01-15T03:30:00Z"}


def test_short_offsets_are_read(tmp_path: Path) -> None:
    eastern, central = "2023-01-16T03:10:00Z", "2023-01-16T04:10:00Z"
    loaded = load(tmp_path, "02", "in.csv")
    assert instants(loaded) == {
        "B1": eastern,
        "B2": central,
        "B3": central,
        "B4": eastern,
        "B5": "2023-01-15T22:10:00Z",
    }


def test_zones_in_words_are_read_or_refused(tmp_path: Path) -> None:
    loaded = load(tmp_path, "03", "in.csv")
    july = "2023-07-15T22:10:00Z"
    assert instants(loaded) == {"C1": "2023-01-15T22:10:00Z", "C2": july, "C3": july}
    assert loaded.refused == {5: "bad_zone"}


def test_half_a_day_is_not_guessed(tmp_path: Path) -> None:
    assert "%I without %p leaves the half of the day open" in refusal(tmp_path, "05b", "in.csv")


def test_date_and_time_apart(tmp_path: Path) -> None:
    loaded = load(tmp_path, "07", "in.csv", mapping="mapping-list.yaml")
    assert instants(loaded) == {"901": "2023-06-16T03:45:00Z", "902": "2023-06-16T04:10:00Z"}
    assert {incident.precision for incident in loaded.incidents.values()} == {"instant"}


@pytest.mark.parametrize("mapping", ["mapping.yaml", "mapping-format-F-T.yaml", "mapping-format-s.yaml"])
@pytest.mark.parametrize("file", ["in.csv", "int.parquet"])
def test_epochs(tmp_path: Path, file: str, mapping: str) -> None:
    loaded = load(tmp_path, "08", file, mapping=mapping)
    assert set(instants(loaded).values()) == {"2020-01-02T05:30:00Z"}
    assert len(loaded.incidents) == 2


def test_a_pattern_of_another_language_is_refused(tmp_path: Path) -> None:
    assert "%Y-%m-%d %H:%M:%S" in refusal(tmp_path, "08", "in.csv", mapping="mapping-format-java.yaml")


def test_points_in_one_column(tmp_path: Path) -> None:
    places = {(incident.lon, incident.lat) for incident in load(tmp_path, "15", "in.csv").incidents.values()}
    assert places == {(-79.024223, 35.907822)}


@pytest.mark.parametrize("file", ["in.csv", "in.tab", "in.tsv", "in.txt"])
def test_tabs_under_any_name(tmp_path: Path, file: str) -> None:
    assert len(load(tmp_path, "17", file).incidents) == 5


@pytest.mark.parametrize("mapping", ["mapping.yaml", "mapping-left-out.yaml", "mapping-null.yaml"])
def test_no_id_column(tmp_path: Path, mapping: str) -> None:
    assert len(load(tmp_path, "20", "in.csv", mapping=mapping).incidents) == 3


def test_several_offences_of_one_number(tmp_path: Path) -> None:
    waiting = load(tmp_path, "22", "in.csv")
    assert waiting.incidents == {}
    assert set(waiting.refused.values()) == {"same_id"}
    (tmp_path / "gravest").mkdir()
    gravest = load(tmp_path / "gravest", "22", "in.csv", same_id="gravest").incidents
    assert {gravest[f"S{number}"].code for number in range(6)} == {"robbery"}
    assert gravest["S9"].code == "homicide"


def test_an_amended_export(tmp_path: Path) -> None:
    loaded = load(tmp_path, "23", "monday.csv", "tuesday.csv", same_id="later_load_corrects")
    assert {number: incident.code for number, incident in loaded.incidents.items()} == {
        f"T{n}": "robbery" for n in range(8)
    }


@pytest.mark.parametrize("file", ["in.csv", "header.csv"])
def test_cp1252_is_guessed_and_said(tmp_path: Path, file: str) -> None:
    loaded = load(tmp_path, "25", file)
    assert len(loaded.incidents) == 4
    assert "cp1252 (guessed)" in loaded.said


def test_utf16(tmp_path: Path) -> None:
    assert set(load(tmp_path, "26", "in.csv").incidents) == {"Y1", "Y2"}


def test_titles_and_totals(tmp_path: Path) -> None:
    loaded = load(tmp_path, "28", "totals.csv")
    assert (set(loaded.incidents), len(loaded.refused)) == ({"AA1", "AA2"}, 2)
    assert "skip_rows: 3" in refusal(tmp_path, "28", "titled.csv")
    assert "AA3" in load(tmp_path, "28", "titled.csv", skip_rows=3).incidents


def test_ids_as_floats_and_with_zeros(tmp_path: Path) -> None:
    loaded = load(tmp_path, "29", "jan.csv", "mar.parquet", numeric=["incident_id"])
    assert {"12345", "12346"} <= set(loaded.incidents)
    assert not any(number.endswith(".0") for number in loaded.incidents)
    (tmp_path / "text").mkdir()
    assert "leading zeros or `.0`" in load(tmp_path / "text", "29", "jan.csv", "feb.csv").said


def test_offence_words(tmp_path: Path) -> None:
    loaded = load(tmp_path, "30", "in.csv")
    assert {"V2", "V4", "V6", "V9"} <= set(loaded.incidents)
    assert not {"V7", "V8"} & set(loaded.incidents)
    assert set(loaded.refused.values()) == {"unknown_offence_code"}


def test_areas_alone(tmp_path: Path) -> None:
    loaded = load(tmp_path, "32", "in.csv")
    assert set(loaded.incidents) == {f"AG{number}" for number in range(1, 6)}
    assert loaded.refused == {7: "no_location"}


def test_sentinels(tmp_path: Path) -> None:
    loaded = load(tmp_path, "35", "in.csv")
    assert len(loaded.incidents) == 6
    assert "U10" in loaded.incidents
    assert len(loaded.refused) == 5


def test_an_unclosed_quote_costs_its_own_line(tmp_path: Path) -> None:
    loaded = load(tmp_path, "36b", "in.csv")
    assert (len(loaded.incidents), loaded.refused) == (4999, {11: "unread_line"})


def test_line_ends(tmp_path: Path) -> None:
    files = ("cr.csv", "mixed.csv", "noeol.csv", "nul.csv", "blank.csv", "dup.csv")
    assert {f"AC{number}" for number in (1, 2, 3, 4, 5, 6, 7, 9, 10, 12)} == set(load(tmp_path, "37", *files).incidents)
    for file, words in (("empty.csv", "is empty"), ("headeronly.csv", "no row"), ("case.csv", "did you mean 'ID'")):
        assert words in refusal(tmp_path, "37", file)


def test_all_outside_the_map_is_said(tmp_path: Path) -> None:
    from flows.ingest.load_report import load_and_report

    [case] = CASES.glob("39-*")
    home = Home(tmp_path / "home", case / "config.yaml", CLOCK, progress=lambda text: None).ensure()
    with pytest.raises(SourceError, match="40 of 40 located incidents lie in no area of 'Case'"):
        load_and_report(home, case / "in.csv", case / "mapping.yaml")
    with open_home_store(home) as store:
        assert store.batch_number() == 0
    report = load_and_report(home, case / "in.csv", case / "mapping.yaml", allows_outside=True)
    assert (report.located, report.outside) == (40, 40)


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.glob("43-*/offences*.csv")))
def test_offence_tables_out_of_excel(tmp_path: Path, name: str) -> None:
    [case] = CASES.glob("43-*")
    assert "AI1" in load(tmp_path, "43", "in.csv", offences=str(case.resolve() / name)).incidents


@pytest.mark.parametrize("file", ["header.csv", "rows.csv"])
def test_trailing_commas(tmp_path: Path, file: str) -> None:
    assert len(load(tmp_path, "46", file).incidents) == 2


def test_numbers_with_marks(tmp_path: Path) -> None:
    loaded = load(tmp_path, "48", "in.csv")
    assert (set(loaded.incidents), loaded.refused) == ({"AN2", "AN3"}, {2: "bad_coordinate"})
    (tmp_path / "marked").mkdir()
    marked = load(tmp_path / "marked", "48", "in.csv", thousands=",").incidents
    assert marked["AN1"][3:5] == marked["AN2"][3:5]


def test_a_folder_with_other_files(tmp_path: Path) -> None:
    loaded = load(tmp_path, "50", "in")
    assert set(loaded.incidents) == {"AP1"}
    assert all(name in loaded.said for name in ("2023.tsv", "2024.txt", "2025.xlsx"))


def test_every_case_is_tried() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    numbers = [path.name.split("-")[0] for path in CASES.iterdir() if path.is_dir()]
    assert [number for number in numbers if f'"{number}"' not in text and f'"{number}-*"' not in text] == []
