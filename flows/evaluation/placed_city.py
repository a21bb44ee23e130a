"""The loaded city up to its last day to evaluate, with every incident placed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import duckdb
import geopandas as gpd
import pandas as pd

from flows.home.home import Home
from flows.home.settings import Settings
from flows.home.store_access import open_home_snapshot
from flows.inputs.assembly import Map, officer_hours, place_incidents, query, read_map, read_run_codebook
from flows.run.area_sets import area_sizes, further_set
from models.area_review.sizes import sized_hours
from pipeline.errors import StoreError
from pipeline.near_words import did_you_mean


@dataclass(frozen=True, slots=True)
class PlacedCity:
    """A snapshot of the store, map and codebook; `until` is the end of `last_day`."""

    connection: duckdb.DuckDBPyConnection
    geography: Map
    codebook: pd.DataFrame
    last_day: date
    until: datetime
    settings: Settings

    def incidents(self, name: str, **parameters: Any) -> pd.DataFrame:
        """Return the incidents before `until` that count for places, by a query of `flows/sql/evaluation.sql`."""
        return query(
            self.connection,
            f"evaluation#{name}",
            until=self.until,
            discoveries=list(self.settings.places.discoveries),
            time_zone=self.settings.force.time_zone,
            **parameters,
        )

    def area_days(self, area_set: str | None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the incidents before `until` by area and day, and the officer hours, of a set; None is the main one.

        The hours have the size that `places.per` names, if any.

        Raises
        ------
        StoreError
            The settings name no such set.
        """
        sets, geography = self.settings.force.areas, self.geography
        hours = officer_hours(self.connection, geography.areas, self.until, self.settings)
        read = partial(
            query, self.connection, "evaluation#area_days", until=self.until, time_zone=self.settings.force.time_zone
        )
        if area_set in (None, sets.set):
            return read(), self._sized(hours, geography.areas)
        if area_set not in geography.further:
            near = did_you_mean(area_set, [sets.set, *sorted(geography.further)], listing="the settings have")
            raise StoreError(f"no set of areas {area_set!r}; {near}")
        with further_set(self.connection, area_set, geography, hours, self.until, self.settings) as hours_of_set:
            return read(), self._sized(hours_of_set, geography.further[area_set])

    def _sized(self, hours: pd.DataFrame, areas: gpd.GeoDataFrame) -> pd.DataFrame:
        return sized_hours(hours, area_sizes(areas), self.settings.places.per)


@contextmanager
def open_city(home: Home, last_day: date | None) -> Iterator[PlacedCity]:
    """Open the city with its incidents placed; `last_day` is by default that of the latest incident.

    Raises
    ------
    StoreError
        The store holds no incidents.
    """
    settings = home.settings
    with open_home_snapshot(home, home.now()) as snapshot:
        latest = query(snapshot.connection, "evaluation#last_day", time_zone=settings.force.time_zone)["day"].iloc[0]
        if last_day is None and pd.isna(latest):
            raise StoreError("the store holds no incidents; load some first: harmspot load")
        last_day = last_day or pd.Timestamp(latest).date()
        until = home.midnight(last_day + timedelta(days=1))
        codebook, geography = read_run_codebook(settings, until), read_map(settings)
        place_incidents(snapshot.connection, geography, codebook, until, settings)
        yield PlacedCity(snapshot.connection, geography, codebook, last_day, until, settings)
