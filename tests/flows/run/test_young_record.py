"""A force that has sent a hundred days: every figure a day is of these days, not of the whole window."""

from dataclasses import replace

import geopandas as gpd
import pandas as pd
import pytest

from flows.home.settings import load_settings
from flows.inputs.assembly import Map
from flows.run.prioritise import allocate_officers, where_police_find
from geo.cells import Grid
from models.places.ranking import rank_areas
from tests.flows.run.test_area_sets import CRS, areas, square
from tests.models.places.test_ranking import CODEBOOK, NO_EVIDENCE

SHAPES = areas(a=square(0, 0), b=square(1, 0), c=square(2, 0))


def test_crimes_and_finds_a_day_are_of_the_days_on_record() -> None:
    settings = load_settings(None, environment={})
    days = pd.DataFrame({"age_days": range(100)}).merge(SHAPES[["area_id"]], how="cross")
    events = days.assign(offence_code="robbery", discovery="public", is_minor_used_by_adult=False, n=2)
    events = pd.concat([events, events.assign(discovery="police", n=1)])
    hours = pd.DataFrame({"area_id": SHAPES["area_id"], "hours_per_day": [10.0, 10.0, 0.0], "is_assumed": False})
    config = replace(settings.places, draws=200, top_k=1).on_record(events, CODEBOOK)
    ranking = rank_areas(events, NO_EVIDENCE, CODEBOOK, hours, config=config, seed=1)
    grid = Grid(CRS, 500)
    geography = Map(SHAPES, grid, grid.cells_of(SHAPES), gpd.GeoDataFrame(), {})
    officers = allocate_officers(ranking, geography, settings, config.window_days).areas
    assert officers["crimes_per_day"].tolist() == pytest.approx([2.0] * 3, rel=0.05)
    finds = where_police_find(ranking, officers, config.window_days).set_index("area_id")["finds_per_hour"]
    assert finds[:2].tolist() == pytest.approx([0.1] * 2, rel=0.05)
