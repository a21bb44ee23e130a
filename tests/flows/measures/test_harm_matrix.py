"""The harm matrices of a run: the file is held to the codebook, people grade by name, and nothing else reads them."""

from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml

from flows.home.settings import CONFIGS, SettingsError
from flows.inputs.assembly import query
from flows.inputs.harm_book import read_harm_book
from models.places.axes import codebook_axes
from pipeline.events.codebook import read_codebook
from tests.town import TownRun

FILE = CONFIGS / "codebooks" / "harm_matrix.yaml"
CODEBOOK = read_codebook(CONFIGS / "codebooks" / "harm.csv", date(2026, 1, 1), codebook_axes())


def changed(folder: Path, *path: str, to: object) -> Path:
    """The shipped file with one value in the place of another."""
    content = yaml.safe_load(FILE.read_text())
    at = content
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = to
    file = folder / "matrix.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.mark.parametrize(
    ("path", "to", "said"),
    [
        (
            ("in_no_cell", "type_by_level"),
            ["drug_possession"],
            "'contact_stop' of the codebook stands nowhere in type_",
        ),
        (
            ("source_by_bearer", "use", "users", "offences"),
            ["overdoze"],
            "'overdoze' is not in the codebook; .*overdose",
        ),
        (
            ("in_no_cell", "source_by_bearer"),
            ["overdose"],
            "'overdose' stands in a cell of source_by_bearer and in in_no",
        ),
        (("severity_without_weight",), {}, "'overdose' has no harm points in the codebook"),
        (("severity_without_weight", "robbery"), "grave", "'robbery' is no counted offence without harm points"),
        (("severity_without_weight", "overdose"), "dire", "overdose: 'dire': expected one of marginal"),
        (("priority", "grave", "continuous"), "low", "let no row and no column fall"),
        (("priority", "grave", "continuous"), "urgent", "continuous: 'urgent': expected one of low"),
        (("severity", "grave"), 5000, "expected thresholds that begin with 0 and rise"),
        (("incidence", "in_the_force", "rare"), 1, "expected thresholds that begin with 0 and rise"),
        (
            ("type_by_level", "social", "country"),
            {"answered_by": "nobody"},
            "answered_by='nobody': expected one of local",
        ),
        (("type_by_level", "social", "county"), {}, r"type_by_level\.social\.county'; did you mean 'country'"),
        (
            ("source_by_bearer", "enforcement", "users", "ledger"),
            {"custody": "grave"},
            "'custody' counts nothing in the led",
        ),
        (
            ("source_by_bearer", "enforcement", "users", "ledger"),
            {"arrests": "moderate", "custody_days": "moderate"},  # days cannot be added to arrests
            "'custody_days' counts nothing in the ledger",
        ),
        (("source_by_bearer", "use", "users", "offences"), ["overdose", "overdose"], "'overdose' stands there twice"),
    ],
)
def test_a_wrong_file_is_refused_by_place_value_and_way_out(
    tmp_path: Path, path: tuple[str, ...], to: object, said: str
) -> None:
    with pytest.raises(SettingsError, match=rf"harm matrix .*matrix\.yaml: .*{said}"):
        read_harm_book(changed(tmp_path, *path, to=to), CODEBOOK)


def test_an_offence_that_the_codebook_gains_must_be_placed(tmp_path: Path) -> None:
    longer = pd.concat([CODEBOOK, CODEBOOK.loc[["robbery"]].rename(index={"robbery": "hijacking"})])
    with pytest.raises(SettingsError, match="'hijacking' of the codebook stands nowhere in type_by_level; name it in"):
        read_harm_book(FILE, longer)
    with pytest.raises(SettingsError, match=r"name an existing file as force\.harm_matrix"):
        read_harm_book(tmp_path / "none.yaml", CODEBOOK)
    (tmp_path / "torn.yaml").write_text("severity: {marginal: 0\n")
    with pytest.raises(SettingsError, match=r"torn\.yaml: not readable as YAML: line 2"):
        read_harm_book(tmp_path / "torn.yaml", CODEBOOK)


def test_reported_incidents_of_the_window_in_the_areas_are_counted_and_no_others() -> None:
    rows = pd.DataFrame(
        [
            ("i1", "robbery", "public", "A1", 0),
            ("i2", "robbery", "public", "A2", 3),
            ("i3", "robbery", "sensor", "A1", 1),
            ("i0", "robbery", "public", "A1", 3),
            ("p1", "robbery", "police", "A1", 0),  # what police found
            ("o1", "robbery", "public", None, 0),  # outside every area
            ("e1", "robbery", "public", "A1", 364),  # before the window
            ("d1", "overdose", "partner", "A1", 9),
        ],
        columns=["incident_id", "offence_code", "discovery", "area_id", "age_days"],
    )
    connection = duckdb.connect()
    connection.register("given", rows)
    connection.execute("CREATE TABLE incident_placed AS SELECT * FROM given ORDER BY hash(incident_id)")
    assert query(connection, "harm_matrix#days")["days"].tolist() == [365]
    found = query(connection, "harm_matrix#offence", days=364, discoveries=["public", "partner", "sensor"])
    assert found[["offence_code", "n"]].to_numpy().tolist() == [["overdose", 1], ["robbery", 4]]
    assert [list(ids) for ids in found["evidence_ids"]] == [["d1"], ["i1", "i3", "i0"]]


def test_a_run_publishes_every_cell_measured_or_not(town_run: TownRun) -> None:
    matrix = town_run.published("harm_matrix").sort_values("position")
    assert len(matrix) == 31 and matrix["per_100000_residents"].isna().all()  # the town's file has no residents
    assert set(matrix["state"]) >= {"from_events", "not_measured"} and not matrix["has_moved"].any()
    assert matrix.loc[matrix["state"] == "not_measured", "event_count"].isna().all()
    assert matrix.loc[matrix["answered_by"] == "national", "state"].eq("not_measured").all()
