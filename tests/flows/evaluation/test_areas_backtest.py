"""Backtest of the area ranking on a loaded town: origins, sets, sentences, and the page that shows them."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.evaluation.areas_backtest import AreaSetTrial, evaluate_area_set
from flows.evaluation.placed_city import open_city
from flows.home.home import Home
from flows.ingest.ingest import load_file
from flows.inputs.assembly import area_tables
from flows.simulation.town import TownFiles
from pipeline.errors import StoreError


@pytest.fixture(scope="module")
def home(town: TownFiles, new_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = new_home(tmp_path_factory.mktemp("judged"))
    load_file(home, town.events / "incidents.jsonl", None)
    return home


@pytest.fixture(scope="module")
def found(home: Home) -> AreaSetTrial:
    return evaluate_area_set(home, origins=3, every_days=14, horizon_days=14, area_set=None, last_day=None)


def test_the_last_horizon_ends_with_the_latest_incident(found: AreaSetTrial) -> None:
    assert found.first_days == [date(2025, 11, 20), date(2025, 12, 4), date(2025, 12, 18)]
    assert found.trial.cases["origin_day"].nunique() == 3
    assert len(found.trial.cases) == 3 * found.area_count
    assert found.trial.coverage["held"].le(len(found.trial.cases)).all()


def test_events_by_day_are_those_of_the_run(home: Home) -> None:
    with open_city(home, None) as city:
        events, hours = city.area_days(None)
        window = home.settings.places.window_days
        of_run = area_tables(city.connection, home.settings)["area_events"].query("age_days < @window")
    days = (city.last_day - date(1970, 1, 1)).days - events.pop("day")
    again = events.assign(age_days=days)[days < window]
    keys = ["area_id", "offence_code", "discovery", "is_minor_used_by_adult", "age_days"]
    assert again.groupby(keys)["n"].sum().to_dict() == of_run.groupby(keys)["n"].sum().to_dict()
    assert set(events["area_id"]) <= set(hours["area_id"])


def test_areas_that_are_ranked_per_size_have_their_size(home: Home) -> None:
    with open_city(home, None) as city:
        per_ground = replace(city.settings, places=replace(city.settings.places, per="area_km2"))
        _, hours = replace(city, settings=per_ground).area_days(None)
        assert "size" not in city.area_days(None)[1]
    assert (hours["size"] > 0).all()


def test_sentences_say_what_was_promised_and_what_came(found: AreaSetTrial) -> None:
    row = found.trial.coverage.iloc[0]
    said = found.verdicts()
    assert f"Of {row['cases']} intervals of the {row['interval']} {row['held']} contained the outcome" in said[0]
    assert "promised 80%: too few origins to judge" in said[0]
    tables = found.tables()
    assert [len(tables[name]) for name in ("reliability", "curve", "chances")] == [0, 0, 0]  # a bin, no case
    assert not any("Calibrated" in sentence for sentence in said)
    assert any("take more origins" in sentence for sentence in said)  # too few cases for a second bin
    assert f"The {found.top_k} areas ranked first held" in said[-1]
    assert "those first by the plain harm of the last 365 days held" in said[-1]
    found = replace(found, first_days=2 * found.first_days)
    narrow = found.trial.coverage.assign(covered=0.5, lo=0.4, hi=0.6)
    right = replace(found, trial=replace(found.trial, coverage=narrow.assign(lo=0.4, hi=0.9)))
    assert "too narrow" in replace(found, trial=replace(found.trial, coverage=narrow)).verdicts()[0]
    assert "as promised" in right.verdicts()[0]


def test_everything_found_is_json(found: AreaSetTrial) -> None:
    content = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert content["first_days"][-1] == "2025-12-18"
    assert {"coverage", "reliability", "chances", "harm_held", "by_origin", "verdicts"} <= set(content)
    assert "cases" not in content


def test_the_command_writes_a_page(home: Home, town: TownFiles, tmp_path: Path) -> None:
    page = tmp_path / "areas.html"
    arguments = ["--home", home.path, "--config", town.config_file, "--clock", "2026-01-01T12:00:00Z", "evaluate"]
    options = ["areas", "--origins", "2", "--horizon-days", "14", "--out", page]
    done = CliRunner().invoke(cli, [str(part) for part in [*arguments, *options]], catch_exceptions=False)
    assert done.exit_code == 0
    assert "contained the outcome" in done.stdout
    html = page.read_text(encoding="utf-8")
    assert "How good the area ranking is" in html
    assert "promised 80%" in html


def test_too_many_origins_and_an_unknown_set_say_what_to_do(home: Home) -> None:
    with pytest.raises(StoreError, match="no incident before the first origin"):
        evaluate_area_set(home, origins=9, every_days=400, horizon_days=7, area_set=None, last_day=None)
    with pytest.raises(StoreError, match="no set of areas 'beat'; the settings have"):
        evaluate_area_set(home, origins=1, every_days=7, horizon_days=7, area_set="beat", last_day=None)
