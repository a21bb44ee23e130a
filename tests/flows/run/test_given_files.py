"""Files that people give: the docs' examples are read; whatever is broken is refused with file, row and column."""

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, get_args, get_type_hints

import geopandas as gpd
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.command import cli
from flows.evaluation.benefit_cases import weigh_file
from flows.evaluation.forecast_file import read_weights
from flows.home.settings import ForceSettings, load_settings
from flows.inputs.assembly import SHARES, _by_area, _staffing_file, read_map
from flows.run.address_piles import known_institutions
from flows.run.plans import read_checklist
from geo.place_names import read_place_names
from geo.points_of_interest import read_points_of_interest
from pipeline.errors import HarmspotError, MappingError, SettingsError
from pipeline.events.codebook import read_codebook
from pipeline.mapped.gazetteer import read_places
from pipeline.mapped.mapping import Gazetteer
from pipeline.mapped.offence_table import read_offences
from pipeline.near_words import did_you_mean
from pipeline.wording.po_file import read_messages

DOCS = Path(__file__).resolve().parents[3] / "docs" / "files.md"
DEFAULTS = DOCS.parents[1] / "configs" / "default.yaml"
CRS = "EPSG:32618"
AREAS: Any = pd.DataFrame({"raw_area_id": ["north", "south"], "area_id": ["north@1", "south@1"]})
EXAMPLES = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.M | re.S))
READERS: dict[str, Callable[[Path], Any]] = {
    "staffing.csv": lambda path: _staffing_file(path, AREAS),
    "equity.csv": lambda path: _by_area(path, "equity shares", SHARES, AREAS),
    "institutions.csv": lambda path: known_institutions(path, CRS, radius_m=75),
    "codebook.csv": lambda path: read_codebook(path, date(2026, 1, 1), ("violence", "none")),
    "weights.csv": read_weights,
    "areas.geojson": lambda path: gpd.read_file(path),
    "points.geojson": lambda path: read_points_of_interest(path, CRS),
    "streets.geojson": lambda path: read_place_names(path, CRS, within_m=250).named,
    "words.po": lambda path: [m for m in read_messages(path, "en") if m.id],
    "config.yaml": lambda path: [load_settings(path, {})],
    "fidelity.yaml": read_checklist,
    "proposals.yaml": weigh_file,
}
TABLES = [name for name in EXAMPLES if name.endswith(".csv")]


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("name", READERS)
def test_the_docs_show_an_example_of_every_file_that_its_reader_reads(name: str, tmp_path: Path) -> None:
    assert set(EXAMPLES) == set(READERS)
    assert len(READERS[name](written(tmp_path, name, EXAMPLES[name]))) >= 1


def test_the_docs_name_every_setting_of_the_force_that_is_a_file() -> None:
    hints = get_type_hints(ForceSettings)
    paths = [name for name, kind in hints.items() if Path in (kind, *get_args(kind))]
    assert len(paths) >= 4
    assert not [name for name in paths if f"`force.{name}`" not in DOCS.read_text(encoding="utf-8")]


def test_the_example_sets_every_key_that_has_no_default_and_its_files_are_read(tmp_path: Path) -> None:
    def unset(values: dict[str, Any], at: str = "") -> set[str]:
        keys: set[str] = set()
        for name, value in values.items():
            keys |= unset(value, f"{at}{name}.") if isinstance(value, dict) and value else set()
            keys |= {at + name} if value in (None, [], {}) else set()
        return keys

    def is_set(key: str, values: Any) -> bool:
        for name in key.split("."):
            values = (values or {}).get(name)
        return bool(values)

    defaults, example = (
        yaml.safe_load(text) for text in (DEFAULTS.read_text(encoding="utf-8"), EXAMPLES["config.yaml"])
    )
    of_one_layer = {"force.areas.layer", "force.points_of_interest_layer", "force.place_names.layer"}
    of_a_plugin, of_no_file = {"sources"}, {"log.file"}
    no_mail = {f"mail.{each}" for each in ("host", "user", "password", "password_file", "sender", "recipients")}
    kept_whole = {f"retention.{each}_days" for each in ("people", "incidents", "shifts", "messages", "dead_letters")}
    no_provider = {
        f"web.oidc.{each}"
        for each in ("issuer", "client_id", "client_secret", "client_secret_file", "role_claim", "roles")
    }
    no_database = {"store.address", "store.password_file"}
    left_out = of_one_layer | of_a_plugin | of_no_file | no_mail | kept_whole | no_provider | {"web.base_map"}
    left_out |= no_database
    assert {key for key in unset(defaults) if not is_set(key, example)} == left_out
    for name, content in EXAMPLES.items():
        written(tmp_path, name, content)
    config = load_settings(tmp_path / "config.yaml", {})
    assert read_map(config).areas["area_name"].tolist() == ["North End"]
    assert config.force.messages == tmp_path / "words.po"


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("form", ["utf-8-sig", "utf-16", "semicolon", "crlf", "blank rows", "trailing columns"])
def test_a_table_reads_the_same_however_a_spreadsheet_saved_it(name: str, form: str, tmp_path: Path) -> None:
    text = EXAMPLES[name]
    forms = {
        "semicolon": text.replace(",", ";"),
        "crlf": text.replace("\n", "\r\n"),
        "blank rows": text.replace("\n", "\n\n"),
        "trailing columns": text.replace("\n", ",,\n"),
    }
    content = forms[form].encode() if form in forms else text.encode(form)
    expected = READERS[name](written(tmp_path, f"a{name}", text))
    assert READERS[name](written(tmp_path, f"b{name}", content)).equals(expected)


BROKEN = st.sampled_from(["", "-1e999", "nan", "inf", "-3", "1,5", "1.234,5", "many", "½", "0x10", "1_000", "norht"])


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(TABLES), row=st.integers(1, 2), cell=st.integers(0, 6), value=BROKEN)
def test_a_broken_cell_is_read_as_written_or_refused_by_row_and_column(
    name: str, row: int, cell: int, value: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = [line.split(",") for line in EXAMPLES[name].splitlines()]
    row, cell = min(row, len(lines) - 1), min(cell, len(lines[0]) - 1)
    lines[row][cell] = f'"{value}"'
    path = written(tmp_path_factory.mktemp("broken"), name, "\n".join(map(",".join, lines)))
    column = lines[0][cell]
    is_free_text = column in ("name", "kind", "group", "label", "category", "offence", "offence_code") and value != ""
    if is_free_text or (column, value) in {("radius_m", ""), ("lon", "-3"), ("lat", "-3")}:
        READERS[name](path)
        return
    with pytest.raises(HarmspotError) as refused:
        READERS[name](path)
    assert all(part in str(refused.value) for part in (str(path), f"row {row + 1}", f"column {column}", "expected"))


@pytest.mark.parametrize("name", TABLES)
def test_a_file_that_is_no_table_is_refused_by_name(name: str, tmp_path: Path) -> None:
    text = EXAMPLES[name]
    head, first = text.splitlines()[:2]
    (tmp_path / "folder.csv").mkdir()
    bad = {
        "empty": written(tmp_path, "e.csv", ""),
        "no rows": written(tmp_path, "h.csv", head + "\n"),
        "occurs twice": written(tmp_path, "t.csv", text.replace(head, f"{head},{head.split(',')[0]}")),
        "no column": written(tmp_path, "m.csv", text.replace(head.split(",")[1], "x", 1)),
        "row 2": written(tmp_path, "l.csv", f"{head}\n{first},5,5,5\n"),
        "one row for each": written(tmp_path, "d.csv", f"{head}\n{first}\n{first}\n"),
        "not UTF-8": written(tmp_path, "c.csv", text.encode() + b"\xe9"),
        "CSV text": written(tmp_path, "n.csv", text.encode("utf-16-le")),
        "Is a directory": tmp_path / "folder.csv",
        "No such file": tmp_path / "none.csv",
    }
    for words, path in bad.items():
        with pytest.raises(HarmspotError, match=words) as refused:
            READERS[name](path)
        assert str(path) in str(refused.value)


def test_an_unknown_area_is_told_the_nearest(tmp_path: Path) -> None:
    path = written(tmp_path, "s.csv", "area_id,available_hours_per_day\nnorht,3\n")
    with pytest.raises(SettingsError, match=r"row 2, column area_id: 'norht': .*did you mean 'north'\?"):
        READERS["staffing.csv"](path)


def test_an_area_by_its_full_id_and_its_own_is_one_area(tmp_path: Path) -> None:
    path = written(tmp_path, "s.csv", "area_id,available_hours_per_day\nnorth,3\nnorth@1,4\n")
    with pytest.raises(SettingsError, match="row 3, column area_id"):
        READERS["staffing.csv"](path)


def test_tables_beside_a_mapping_name_the_row(tmp_path: Path) -> None:
    offences = written(tmp_path, "o.csv", "offence,offence_code\n\nRobbery,robbery\nrobbery,theft\n")
    with pytest.raises(ValueError, match="row 4, column offence: 'robbery' occurs twice"):
        read_offences(offences)
    written(tmp_path, "p.csv", "street,lon,lat\nElm,-75,40\nOak,x,40\n")
    with pytest.raises(ValueError, match="row 3"):
        read_places(
            Gazetteer(file="p.csv", on=("street",), x="lon", y="lat", match=("address",), crs="EPSG:4326"), tmp_path
        )


@pytest.mark.parametrize("name", ["fidelity.yaml", "proposals.yaml"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"- [", b"x: 1", b"- 3"])
def test_a_broken_list_is_refused_by_file(name: str, content: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(HarmspotError, match=re.escape(str(path))):
        READERS[name](path)


def test_a_number_that_is_none_is_refused_in_a_proposal(tmp_path: Path) -> None:
    path = written(tmp_path, "p.yaml", "- {proposal_id: a, kind: arrest, custody_days: .nan}\n")
    with pytest.raises(HarmspotError, match="custody_days is not a number"):
        weigh_file(path)


def test_only_near_words_are_suggested() -> None:
    assert did_you_mean("Norht", ["north", "south"]) == "did you mean 'north'?"
    assert did_you_mean("xyz", ["north", "south"]) == "known here: north, south"


@pytest.mark.parametrize(
    ("words", "near"),
    [(["shwo"], "show"), (["audit", "ersae"], "erase"), (["show", "aeras"], "areas"), (["plan", "benfit"], "benefit")],
)
def test_an_unknown_verb_is_told_the_nearest(words: list[str], near: str) -> None:
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 2
    assert f"did you mean '{near}'?" in result.output


def test_the_codebook_keeps_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="cannot be read"):
        READERS["codebook.csv"](tmp_path)
