"""`harmspot new-city`: from a file of incidents to its mapping, configuration and first report in one command."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result

from flows.command import cli
from flows.home.home import Home
from flows.new_city.city import Wishes, slug_of
from flows.new_city.making import NewCity, Request, make_city
from pipeline.errors import SourceError
from pipeline.mapped.mapping_file import read_mapping
from tests.flows.new_city.portal_rows import portal_rows, write_rows

SAMPLE = Path("docs/sample/riverton_incidents.csv")
BOUNDARIES = Path("docs/sample/riverton_areas.geojson")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def taking(question: str, saw: str, default: str) -> str:
    """Answer with the guess, as `--yes` does."""
    return default


def made(file: Path, out: Path, areas: Path | None = None, ask: object = taking, **wishes: object) -> NewCity:
    request = Request(file, areas, out, Wishes(**wishes))  # type: ignore[arg-type]
    return make_city(request, Home(out / "home", None, NOW), ask)  # type: ignore[arg-type]


def command(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["--clock", NOW.isoformat(), *map(str, arguments)])


def test_a_csv_and_a_geojson_become_a_report_in_one_command(tmp_path: Path) -> None:
    home = tmp_path / "city"
    done = command("--home", home, "new-city", SAMPLE, BOUNDARIES, "--yes", "--out", home)
    assert done.exit_code == 0, done.output
    assert (home / "report.html").stat().st_size > 10_000
    assert "on a guess. Assumed: 1 officer on duty" in (home / "report.html").read_text(encoding="utf-8")
    checks = done.output.split("To check")[1]
    assert "1. staffing is assumed" in checks
    assert "PORCH PIRACY" in checks
    assert "CATALYTIC CONVERTER CUT" in checks
    again = command("--home", home, "show", "areas", "--json")
    assert {row["area_name"] for row in json.loads(again.stdout)} == {
        *("Old Mill", "Northgate", "Eastfield", "Riverside", "Westbrook")
    }
    waiting = command("--home", home, "replay")
    assert waiting.exit_code == 0


def test_after_a_refused_load_the_printed_way_names_the_configuration_and_works(tmp_path: Path) -> None:
    """The home does not remember it yet. The map has one of the five districts, so most incidents lie off it."""
    home, map_of_one = tmp_path / "city", json.loads(BOUNDARIES.read_text(encoding="utf-8"))
    map_of_one["features"] = map_of_one["features"][:1]
    (tmp_path / "one.geojson").write_text(json.dumps(map_of_one), encoding="utf-8")
    verb = ("--home", home, "new-city", SAMPLE, tmp_path / "one.geojson", "--yes", "--out", tmp_path)
    refused = command(*verb)
    assert "--allow-outside" in str(refused.exception)
    config = f"harmspot --home {home} --config {tmp_path / 'riverton.yaml'}"
    assert f"Then: {config} replay && {config} run --as-of " in refused.output
    assert command("--home", home, "--config", tmp_path / "riverton.yaml", "replay").exit_code == 0
    allowed = command(*verb, "--force", "--allow-outside")
    assert "lie in no area" not in str(allowed.exception)
    assert "rows in the file" in allowed.output


def test_the_files_say_what_was_seen_and_can_be_read(tmp_path: Path) -> None:
    new = made(SAMPLE, tmp_path, BOUNDARIES)
    mapping = read_mapping(new.files.mapping)
    assert mapping.columns.named() == {
        "incident_id": ("Case Number",),
        "occurred_at": ("Date Occurred", "Time Occurred"),
        "offence": ("Offense",),
        "x": ("Longitude",),
        "y": ("Latitude",),
        "area_id": ("District",),
    }
    assert (mapping.time_zone, mapping.precision, mapping.same_id) == ("America/Chicago", "instant", "gravest")
    assert "sure: 612 different ids in 622 rows" in new.files.mapping.read_text(encoding="utf-8")
    marked = mapping.offences.loc[mapping.offences["check"] != "", "offence"]
    assert {"PORCH PIRACY", "CATALYTIC CONVERTER CUT"} <= set(marked)
    config = yaml.safe_load(new.files.config.read_text(encoding="utf-8"))
    assert config["force"]["areas"]["id_column"] == "district"
    assert (tmp_path / config["force"]["areas"]["path"]).resolve() == BOUNDARIES.resolve()
    assert "ssumed" in config["force"]["staffing"]["note"]


@pytest.mark.parametrize("portal", ["chicago", "new_york", "boston", "police_uk"])
def test_the_header_of_a_portal_gives_a_mapping_without_a_file_of_areas(tmp_path: Path, portal: str) -> None:
    new = made(write_rows(portal_rows(portal), tmp_path / f"{portal}.csv"), tmp_path)
    assert read_mapping(new.files.mapping).name == slug_of(Path(f"{portal}.csv"))
    areas = json.loads(new.files.areas.read_text(encoding="utf-8"))
    assert len(areas["features"]) >= 10
    # Where borders are made up, the first thing to check says so.
    assert "the areas are" in new.checks[0].text
    assert [check.harm_days for check in new.checks] == sorted((c.harm_days for c in new.checks), reverse=True)


def rows_like(**columns: object) -> pd.DataFrame:
    frame = pd.read_csv(SAMPLE, dtype=str, keep_default_na=False)
    return frame.assign(**{name: values for name, values in columns.items() if values is not None}).drop(
        columns=[name for name, values in columns.items() if values is None]
    )


NONE = {"Date Occurred": None, "Time Occurred": None}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (NONE, "--column occurred_at="),
        ({"Offense": None}, "--column offence="),
        ({"Longitude": None, "Latitude": None}, "give AREAS"),
        ({"Longitude": "2701234.5", "Latitude": "234567.8"}, "--crs"),
    ],
)
def test_what_nothing_replaces_is_refused_with_the_option_that_gives_it(
    tmp_path: Path, columns: dict[str, object], words: str
) -> None:
    file = write_rows(rows_like(**columns), tmp_path / "a.csv")
    with pytest.raises(SourceError, match=words):
        made(file, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_incidents_that_name_areas_alone_are_read_with_the_areas_file(tmp_path: Path) -> None:
    file = write_rows(rows_like(Longitude=None, Latitude=None), tmp_path / "a.csv")
    mapping = read_mapping(made(file, tmp_path, BOUNDARIES).files.mapping)
    assert mapping.columns.named()["area_id"] == ("District",)
    assert mapping.time_zone == "America/Chicago"  # of the areas


def test_without_boundaries_districts_are_drawn_or_else_a_grid_is_laid(tmp_path: Path) -> None:
    drawn = made(SAMPLE, tmp_path).city
    assert drawn.areas.kind == "districts"
    assert drawn.columns["area_id"] == "District"
    grid = made(write_rows(rows_like(District=None), tmp_path / "a.csv"), tmp_path).city
    assert grid.areas.kind == "grid"
    assert "area_id" not in grid.columns


def test_a_row_without_an_id_gets_one_from_its_content(tmp_path: Path) -> None:
    columns = {"Case Number": None}
    mapping = read_mapping(made(write_rows(rows_like(**columns), tmp_path / "a.csv"), tmp_path).files.mapping)
    assert (mapping.blank_id, mapping.columns.named().get("incident_id")) == ("hash", None)


def test_a_question_is_asked_where_a_guess_is_not_sure_and_the_answer_is_written(tmp_path: Path) -> None:
    asked: list[str] = []

    def answering(question: str, saw: str, default: str) -> str:
        asked.append(question)
        return {"Name of the force": "Riverton Police", "Pattern of occurred_at": "%d/%m/%Y %H:%M"}.get(
            question, default
        )

    early = {"Date Occurred": "01/02/2025"}
    new = made(write_rows(rows_like(**early), tmp_path / "a.csv"), tmp_path, BOUNDARIES, answering)
    assert {"Name of the force", "Pattern of occurred_at"} <= set(asked)
    assert new.city.name == "Riverton Police"
    assert new.city.mapping["occurred_at_format"] == "%d/%m/%Y %H:%M"


def test_the_order_of_day_and_month_that_nobody_knows_is_the_first_thing_to_check(tmp_path: Path) -> None:
    early = {"Date Occurred": ["01/02/2025", "01/03/2025"] * 311}
    new = made(write_rows(rows_like(**early), tmp_path / "a.csv"), tmp_path, BOUNDARIES)
    assert "other way round" in new.checks[0].text


def test_lines_above_the_header_are_found_and_written(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("Riverton Police\n\nexported in January\n" + SAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    new = made(file, tmp_path, BOUNDARIES)
    assert read_mapping(new.files.mapping).skip_rows in (2, 3)
    assert new.city.rows == 622


def test_on_a_terminal_every_guess_that_is_not_sure_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.new_city.making.is_terminal", lambda: True)
    verb = [
        "--clock",
        NOW.isoformat(),
        "new-city",
        str(SAMPLE),
        str(BOUNDARIES),
        "--only-write",
        "--out",
        str(tmp_path),
    ]
    done = CliRunner().invoke(cli, verb, input="\nRiverton PD\n")
    assert done.exit_code == 0, done.output
    assert "Column of offence, or none" in done.output
    assert yaml.safe_load((tmp_path / "riverton.yaml").read_text(encoding="utf-8"))["force"]["name"] == "Riverton PD"


def test_files_that_are_there_are_overwritten_only_by_force(tmp_path: Path) -> None:
    verb = ("--home", tmp_path / "h", "new-city", SAMPLE, BOUNDARIES, "--yes", "--only-write", "--out", tmp_path)
    assert command(*verb).exit_code == 0
    table = tmp_path / "riverton_offences.csv"
    table.write_text("offence,offence_code\nMINE,arson\n", encoding="utf-8")
    refused = command(*verb)
    assert refused.exit_code == 1
    assert "--force overwrites" in str(refused.exception)
    assert "MINE" in table.read_text(encoding="utf-8")
    assert command(*verb, "--force").exit_code == 0
    assert "MINE" not in table.read_text(encoding="utf-8")
    assert not (tmp_path / "h").exists()  # --only-write makes no home


def test_a_column_that_does_not_exist_is_named(tmp_path: Path) -> None:
    wrong = command("new-city", SAMPLE, "--yes", "--out", tmp_path, "--column", "offence=CHARGE")
    assert "no column 'CHARGE'" in str(wrong.exception)
    unknown = command("new-city", SAMPLE, "--column", "crime=Offense")
    assert unknown.exit_code == 2
    assert "expected OURS=THEIRS" in unknown.output


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Riverton_incidents_2024.csv", "riverton"),
        ("Crimes_-_2001_to_Present.csv", "crimes_2001_to_present"),
        ("houston_2010_jan_aug.parquet", "houston"),
        ("2024-03.csv.gz", "2024_03"),
    ],
)
def test_a_city_is_named_after_its_file(name: str, slug: str) -> None:
    assert slug_of(Path(name)) == slug
