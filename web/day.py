"""The tables of one run as the board shows them: read from one version of the file, kept until the file changes."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

import geopandas as gpd
import pandas as pd

from flows.home.home import Home
from flows.outputs.themes import Drawn, place_layers
from flows.run.map_shapes import drawn_map
from pipeline.errors import PublicationError
from pipeline.pages.base import page_row, page_rows
from pipeline.publication.duckdb_file import version_of
from pipeline.publication.publish import PUBLISHED, read_places, runs, unusable
from web.map_layers import KEYS, bounds_of, packed_layer

TABLES = (
    "run",
    "area_ranking",
    "area_set_ranking",
    "cell_forecast",
    "address_pile",
    "hotspot",
    "market",
    "visit_plan",
    "place_change",
    "area_evidence",
    "area_recent",
    "crime_focus",
    "offence_ranking",
    "recent_incident",
    "data_quality",
    "quality_check",
    "map_shape",
    "crackdown_plan",
)
MOST_DAYS = 6  # runs kept in memory, the latest among them
MOST_MADE = 200  # things that were made of a run, as questions that visitors asked of it
Made = TypeVar("Made")


@dataclass
class Day:
    """A run: its row, its tables, and what pages made of them. `version` tells two states of one run apart."""

    version: str
    run: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    home: Home = field(repr=False)
    _made: dict[Any, Future[Any]] = field(default_factory=dict, repr=False)
    _lock: Any = field(default_factory=Lock, repr=False)

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return str(self.run["run_id"])

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of a table by rank, where it has one."""
        return self.made(("rows", table), lambda: page_rows(_ranked(self.tables[table])))

    def made(self, key: Any, make: Callable[[], Made]) -> Made:
        """Return what is made of this run alone: once, and nobody waits who asks for something else."""
        fresh = Future[Made]()
        with self._lock:
            if len(self._made) > MOST_MADE:
                self._made.clear()
            asked: Future[Made] = self._made.setdefault(key, fresh)
        if asked is fresh:
            try:
                fresh.set_result(make())
            except BaseException as error:
                with self._lock:
                    if self._made.get(key) is fresh:
                        del self._made[key]
                fresh.set_exception(error)
        return asked.result()

    def layers(self) -> dict[str, gpd.GeoDataFrame]:
        """Return the layers of the map, in the run's own coordinate system."""
        return self.made("layers", self._layers)

    def bounds(self) -> tuple[float, float, float, float]:
        """Return the box of all areas in degrees."""
        return self.made("bounds", lambda: bounds_of(self.layers()["areas"]))

    def layer(self, name: str) -> bytes | None:
        """Return a layer as packed GeoJSON; None if the run has none of that name."""
        features = self.layers().get(name)
        return None if features is None else self.made(("layer", name), lambda: packed_layer(name, features))

    def _layers(self) -> dict[str, gpd.GeoDataFrame]:
        drawn = self.drawn()
        return {name: drawn[name] for name in KEYS if name in drawn}

    def drawn(self) -> dict[str, gpd.GeoDataFrame]:
        """Return every layer that the run is drawn as, in its own coordinate system."""
        return self.made("drawn", self._drawn)

    def _drawn(self) -> dict[str, gpd.GeoDataFrame]:
        run = {str(name): value for name, value in self.tables["run"].iloc[0].items()}
        area_ids = self.tables["area_ranking"]["area_id"]
        shapes = drawn_map(run, self.tables["map_shape"], area_ids, self.home.settings)
        return {**place_layers(Drawn(self.tables, run, shapes)), "points": shapes.points_of_interest}

    def warnings(self) -> list[str]:
        """Return what every reader is told first: that nobody may act on the run, or that it has expired."""
        expired = self.home.now() >= self.run["valid_to"]
        said = self.home.catalogue.text("This run has expired: do not act on it.")
        return [*self.unusable(), *([said] if expired else [])]

    def unusable(self) -> list[str]:
        """Return that nobody may act on the run, if nobody may."""
        because = self.run["unusable_because"]
        return [unusable(str(because))] if because else []


class Days:
    """The runs of a home, the latest by default; a few are kept in memory, and each is read by one thread."""

    def __init__(self, home: Home) -> None:
        self._home, self._lock = home, Lock()
        self._days: OrderedDict[tuple[str, str], Future[Day | None]] = OrderedDict()

    def get(self, run_id: str | None = None) -> Day:
        """Return a kept run; PublicationError if there is none."""
        for _ in range(3):  # a publication may take the file's place meanwhile
            version = self._version()
            kept = runs(self._home.path)["run_id"].tolist()
            latest = str(kept[-1]) if kept else ""
            key = (run_id or latest, version)
            with self._lock:
                fresh = Future[Day | None]()
                asked = self._days.setdefault(key, fresh)
                for each in (key, (latest, version)):  # the latest run is the last to go
                    if each in self._days:
                        self._days.move_to_end(each)
                while len(self._days) > MOST_DAYS:
                    self._days.popitem(last=False)
            if asked is fresh:  # whoever asks first reads, and holds up nobody who asks for another run
                self._read(key, fresh)
            if day := asked.result():
                return day
        raise PublicationError("the publication is changing; ask again in a moment")

    def _version(self) -> str:
        path = self._home.path / PUBLISHED
        return "-".join(map(str, version_of(path))) if path.exists() else ""

    def _read(self, key: tuple[str, str], fresh: "Future[Day | None]") -> None:
        """Read a run for all who wait for it: None if the file has changed; it is kept unless it could not be read."""
        (run_id, version), day = key, None
        try:
            tables = read_places(self._home.path, TABLES, run_id or None)
            if self._version() == version:
                day = Day(version, page_row(tables["run"].iloc[0].to_dict()), tables, self._home)
        except BaseException as error:
            self._forget(key, fresh)
            fresh.set_exception(error)
            return
        if day is None:
            self._forget(key, fresh)
        fresh.set_result(day)

    def _forget(self, key: tuple[str, str], fresh: "Future[Day | None]") -> None:
        with self._lock:
            if self._days.get(key) is fresh:
                del self._days[key]


def _ranked(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("rank", kind="stable") if "rank" in frame else frame
