"""Every setting that protects people is bounded, and every number among the settings is decided on."""

import dataclasses
from functools import reduce
from pathlib import Path

import pytest
import yaml

from flows.home.settings import Settings, load_settings
from models.governance.setting_bounds import ANY, BOUNDS
from pipeline.errors import SettingsError

# Numbers that protect nobody: sizes, windows, draws, costs and limits of the machine.
FREE = {
    "seed",
    "address_piles",
    "allocation",
    "benefit",
    "crackdowns.baseline_days",
    "crackdowns.below_days",
    "crackdowns.below_share",
    "crackdowns.cost_hi",
    "crackdowns.cost_lo",
    "crackdowns.doubt_factor",
    "mail",
    "crackdowns.draws",
    "crackdowns.maintenance_share",
    "crackdowns.officer_hours_per_day",
    "crackdowns.sanctions_per_hour",
    "crackdowns.sellers_per_weekly_report",
    "forecast",
    "ingest",
    "markets.visibility_distance_m",
    "markets.window_weeks",
    "people.attendance_probability",
    "places.cell_size_m",
    "places.half_life_days",
    "places.top_k",
    "promises.window_days",
    "publication.history_runs",
    "quality.newest_days",  # an archive is ranked, too
    "quality.outside_share",  # a source may hold much that the map does not
    "quality.warn_at",
    "schedule",
    "store",
    "stream",
    "visits",
}


def numbers(settings: Settings) -> set[str]:
    found = {"seed"}
    for section in dataclasses.fields(settings):
        values = getattr(settings, section.name)
        if dataclasses.is_dataclass(values):
            found |= {
                f"{section.name}.{field.name}"
                for field in dataclasses.fields(values)
                if type(getattr(values, field.name)) in (int, float)
            }
    return found


def test_every_number_is_bounded_or_protects_nobody() -> None:
    undecided = {
        name for name in numbers(load_settings(environment={})) if not {name, name.split(".")[0]} & (FREE | set(BOUNDS))
    }
    assert undecided == set()


def test_the_defaults_lie_within_their_bounds() -> None:
    settings = load_settings(environment={})
    assert all(bound.holds(reduce(getattr, name.split("."), settings)) for name, bound in BOUNDS.items())


@pytest.mark.parametrize("name", BOUNDS)
def test_a_value_beyond_its_bound_is_refused_with_the_reason(name: str, tmp_path: Path) -> None:
    bound, (section, key) = BOUNDS[name], name.split(".")
    beyond = [bound.least - 0.01 if bound.most <= 1 else bound.least - 1]
    beyond += [] if bound.most == ANY else [bound.most + 0.01 if bound.most <= 1 else bound.most + 1]
    config = tmp_path / "harmspot.yaml"
    for value in beyond:
        config.write_text(yaml.safe_dump({section: {key: value}}))
        with pytest.raises(SettingsError, match=key):
            load_settings(config, {})


@pytest.mark.parametrize("name", ["publication.people_valid_days", "people.term_days"])
def test_a_hundred_years_are_no_term(name: str) -> None:
    variable = "HARMSPOT__" + name.upper().replace(".", "__")
    with pytest.raises(SettingsError, match=r"=36500: expected 1 to 90, because a listing of a person ends"):
        load_settings(environment={variable: "36500"})
