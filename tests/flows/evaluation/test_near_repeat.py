"""Near repeats of a loaded town: planted ones are found, and invalid requests are named."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.evaluation.near_repeat import band_labels, check_codes, find_near_repeats
from flows.home.home import Home
from flows.ingest.ingest import load_file
from flows.simulation.town import TownFiles
from pipeline.errors import StoreError

CODEBOOK = pd.DataFrame({"harm_days": 1.0}, index=["arson", "burglary_aggravated", "burglary_residential", "robbery"])


@pytest.fixture(scope="module")
def home(town: TownFiles, new_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = new_home(tmp_path_factory.mktemp("near repeats"))
    load_file(home, town.events / "incidents.jsonl", None)
    return home


def test_the_towns_burglaries_repeat_nearby_and_soon(home: Home) -> None:
    found = find_near_repeats(home, days=365, permutations=199)
    assert found.last_day == date(2025, 12, 31)
    assert all(code.startswith("burglary") for code in found.offence_codes)
    table = found.table.set_index(["distance_to_m", "day_to"])
    soon, late = table.loc[(100, 2)], table.loc[(400, 28)]
    assert soon["ratio"] > 2
    assert soon["p_value"] == 1 / 200
    assert 0.7 < late["ratio"] < 1.3


def test_only_the_days_asked_for_are_looked_at(home: Home) -> None:
    whole = find_near_repeats(home, ["robbery"], days=365, permutations=19)
    half = find_near_repeats(home, ["robbery"], days=100, last_day=date(2025, 9, 30), permutations=19)
    assert half.last_day == date(2025, 9, 30)
    assert 0 < half.incident_count < whole.incident_count
    assert half.incident_count == pytest.approx(whole.incident_count * 100 / 365, rel=0.35)


def test_days_without_such_an_incident_are_named(home: Home) -> None:
    with pytest.raises(StoreError, match="no incident of robbery in the 5 days to 2001-01-01"):
        find_near_repeats(home, ["robbery"], days=5, last_day=date(2001, 1, 1))


def test_codes_are_those_of_the_codebook_and_by_default_burglaries() -> None:
    assert check_codes([], CODEBOOK) == ["burglary_aggravated", "burglary_residential"]
    assert check_codes(["robbery", "arson", "arson"], CODEBOOK) == ["arson", "robbery"]
    with pytest.raises(ValueError, match="'robery' is not in the codebook; it has robbery"):
        check_codes(["robery"], CODEBOOK)


def test_bands_read_as_words_and_only_what_outdoes_all_bands_stands_out() -> None:
    table = pd.DataFrame(
        {
            "distance_from_m": [0.0, 0.0],
            "distance_to_m": [0.0, 100.0],
            "day_from": [0, 3],
            "day_to": [2, 7],
            "pairs": [7, 5],
            "expected_pairs": [2.04, np.nan],
            "ratio": [3.431, np.nan],
            "p_value": [0.025, 0.026],
        }
    )
    read = band_labels(table)
    assert read["distance"].tolist() == ["same point", "0–100 m"]
    assert read["days apart"].tolist() == ["0–2", "3–7"]
    assert read["repeats"].tolist() == ["more than chance has", ""]
    assert read["ratio"].iloc[0] == 3.43


def test_a_home_without_incidents_says_so(new_home: Callable[..., Home], town: TownFiles, tmp_path: Path) -> None:
    home = new_home(tmp_path / "no incidents", clock=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=12))
    load_file(home, town.events / "staffing.jsonl", None)
    with pytest.raises(StoreError, match="no incidents"):
        find_near_repeats(home, days=365)
