"""Explain one cell or one incident of a kept run in words: where, when, how heavy, what it counts for.

Nothing tells who was involved. Incidents that are told by day and area alone are listed at no cell.
"""

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pandas as pd

from flows.home.home import Home
from flows.home.rows import to_json_rows
from flows.home.store_access import open_home_snapshot
from flows.human_log.embargoes import cells_of_run
from flows.human_log.ledger import read_ledger
from flows.inputs.assembly import area_events, earliest, place_incidents, query, read_map, read_run_codebook
from flows.outputs.kept_run import changed_since, kept_run
from flows.run.place_text import Places, read_places_in_words, tell_incidents
from geo.cells import Grid
from models.places.axes import AXES
from models.places.ranking import PlacesConfig
from pipeline.errors import PublicationError
from pipeline.local_time import local_text
from pipeline.map_link import map_link
from pipeline.pages.base import days_ahead
from pipeline.publication.publish import read_places
from pipeline.store.snapshot import Snapshot

MOST = 5  # incidents listed at a cell
POINT = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True, slots=True)
class OpenRun:
    """What a kept run knew, opened again with the settings of today."""

    home: Home
    snapshot: Snapshot
    places: Places
    codebook: pd.DataFrame
    is_embargoed: bool

    def tell(self, incident_ids: list[str]) -> pd.DataFrame:
        """Return what may be told of incidents; see `tell_incidents`."""
        return tell_incidents(
            self.snapshot.connection, incident_ids, self.places, self.codebook, self.home.settings, self.is_embargoed
        )

    def config(self) -> PlacesConfig:
        """Return the settings of the ranking of areas, with a window no longer than the record."""
        events = area_events(self.snapshot.connection, self.home.settings)
        return self.home.settings.places.on_record(events, self.codebook)


@contextmanager
def open_run(home: Home, run: pd.Series) -> Iterator[OpenRun]:
    """Open what a kept run knew; `run` is its row of table `run`."""
    settings, as_of, known_at = home.settings, run["as_of"].to_pydatetime(), run["known_at"].to_pydatetime()
    geography, codebook = read_map(settings), read_run_codebook(settings, as_of)
    is_embargoed = bool(cells_of_run(read_ledger(home), as_of, known_at, home.now()))
    with open_home_snapshot(home, as_of, known_at=known_at, since=earliest(as_of, settings)) as snapshot:
        place_incidents(snapshot.connection, geography, codebook, as_of, settings)
        yield OpenRun(home, snapshot, read_places_in_words(geography, settings), codebook, is_embargoed)


def find_cell(home: Home, cell: str, run_id: str | None) -> dict[str, Any]:
    """Return the row of `cell_forecast` for a cell_id, a point "LAT,LON" or a place, with what explains it.

    Raises
    ------
    PublicationError
        The run has no such cell; the message says which place is alike.
    """
    tables = read_places(home.path, ["cell_forecast", "address_pile", "area_ranking"], run_id)
    forecast = tables["cell_forecast"].sort_values("rank", ignore_index=True)
    run = kept_run(home, run_id)
    if forecast.empty:
        raise PublicationError(f"run {run['run_id']} has no cells: it is unusable, or nothing was forecast")
    found = _matching(forecast, cell, run["crs"])
    row = to_json_rows(found.iloc[:1])[0]
    names = dict(zip(tables["area_ranking"]["area_id"], tables["area_ranking"]["area_name"], strict=True))
    piles = tables["address_pile"]
    return {
        **row,
        "cell_count": len(forecast),
        "area_name": names.get(row["area_id"]),
        "map_link": _link(home, row),
        "same_place_cell_ids": found["cell_id"].iloc[1:].tolist(),
        "address_pile": next(iter(to_json_rows(piles[piles["cell_id"].eq(row["cell_id"])])), None),
        "incidents": to_json_rows(_heaviest_in(home, run, row["cell_id"])),
        "changed_since_the_run": changed_since(home, run),
    }


def _matching(forecast: pd.DataFrame, cell: str, crs: str) -> pd.DataFrame:
    if point := POINT.fullmatch(cell):
        from pyproj import Transformer

        lat, lon = map(float, point.groups())
        grid = Grid(crs, float(forecast["cell_size_m"].iloc[0]))
        x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
        found = forecast[forecast["cell_id"].isin(grid.cell_id(*grid.index([x], [y])))]
        if found.empty:
            raise PublicationError(
                f"{cell}: latitude {lat}, longitude {lon} lies in no cell of the areas; expected LAT,LON"
            )
        return found
    places = forecast["place"].astype(object).fillna("").str.casefold()
    found = forecast[forecast["cell_id"].eq(cell) | places.eq(cell.casefold())]
    if found.empty:
        close = difflib.get_close_matches(cell.casefold(), places.unique().tolist(), n=1)
        named = f"; did you mean {forecast.loc[places.eq(close[0]), 'place'].iloc[0]!r}?" if close else "."
        raise PublicationError(
            f"no cell {cell!r}{named} Give a cell id or a place, as `harmspot show cells` prints them, or LAT,LON"
        )
    return found


def _heaviest_in(home: Home, run: pd.Series, cell_id: str) -> pd.DataFrame:
    """Return the heaviest incidents of a cell, less those told by day and area alone."""
    *_, ix, iy = cell_id.split(":")
    config = home.settings.places
    with open_run(home, run) as opened:
        ids = query(
            opened.snapshot.connection,
            "cell_evidence",
            ix=int(ix),
            iy=int(iy),
            window_days=config.window_days,
            half_life_days=config.half_life_days,
            discoveries=list(config.discoveries),
        )["incident_id"].tolist()
        told = opened.tell(ids)
    shown = told[~told["is_coarse"]].loc[[name for name in ids if not told["is_coarse"].get(name, True)]]
    return shown.head(MOST).reset_index()


def cell_lines(row: dict[str, Any]) -> list[str]:
    """Return the lines that explain a row of `find_cell`."""
    same, pile = row["same_place_cell_ids"], row["address_pile"]
    return [
        f"{row['place'] or row['cell_id']}: rank {row['rank']:,} of {row['cell_count']:,} cells; {row['area_name']}",
        *([f"Middle at {row['lat']:.6f}, {row['lon']:.6f} · {row['map_link']}"] if row["map_link"] else []),
        f"Expected harm over {days_ahead(row['horizon_days'])}: {row['expected_harm']:,.0f} harm points "
        f"(1 = one day of starting sentence; likely range {row['expected_harm_lo']:,.0f} to "
        f"{row['expected_harm_hi']:,.0f}), {row['expected_events']:,.1f} incidents",
        f"Last year's count: {row['naive_count']:,} incidents, rank {row['naive_rank']:,} by count",
        "Heaviest incidents that count here, by weight now:" if row["incidents"] else "No incident is listed here",
        *[f"  {incident_line(incident)}" for incident in row["incidents"]],
        "Incidents that are told by day and area alone are listed at no cell.",
        *([f"Address pile: {pile['why']}"] if pile else []),
        *([f"{len(same)} more cells have this name: {', '.join(same[:MOST])}"] if same else []),
        *_changed_line(row),
        f"Cell {row['cell_id']}, area {row['area_id']}",
    ]


def incident_line(incident: dict[str, Any], *, is_placed: bool = False) -> str:
    """Return an incident in one line: offence, day, place if asked for, weight, and its id at the end."""
    place = f", {incident['place']}" if is_placed and incident["place"] else ""
    alone = ", told by day and area alone" if incident["is_coarse"] else ""
    return (
        f"{incident['offence']}, {_day(incident)}{place}: {incident['harm_days']:,.0f} harm points, "
        f"{incident['harm_now']:,.0f} after decay{alone} ({incident['incident_id']})"
    )


def _day(incident: dict[str, Any]) -> str:
    """Return when it happened: local time with its zone, or the day alone."""
    moment = pd.Timestamp(incident["occurred_at"]) if incident["occurred_at"] else None
    return str(incident["occurred_on"]) if moment is None else local_text(moment.to_pydatetime())


def evidence_in_words(home: Home, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the incidents in `evidence_ids` of an area of any set as they may be told, the heaviest first."""
    ids, run_id = row["evidence_ids"], row["run_id"]
    published = read_places(home.path, ["area_evidence"], run_id)["area_evidence"]
    told = published[published["area_id"].eq(row["area_id"])].sort_values("position").set_index("incident_id")
    if set(ids) - set(told.index):  # of a further set, or of a run of an earlier version
        with open_run(home, kept_run(home, run_id)) as opened:
            told = opened.tell(ids)
    return to_json_rows(told.reindex([each for each in ids if each in told.index]).reset_index(names="incident_id"))


def find_incident(home: Home, incident_id: str, run_id: str | None) -> dict[str, Any]:
    """Return what may be told of an incident, and what it counts for in a kept run.

    Raises
    ------
    PublicationError
        The run knows no such incident.
    """
    run = kept_run(home, run_id)
    with open_run(home, run) as opened:
        told = opened.tell([incident_id, home.short_id(incident_id)]).reset_index()
        areas = opened.places.geography.areas
        if told.empty:
            raise PublicationError(
                f"run {run['run_id']} knows no incident {incident_id!r}: ids match exactly; one that happened after "
                f"{home.local_text(run['as_of'])}, came in after {home.local_text(run['known_at'])}, was cancelled, or "
                "is older than the run reads is unknown to it"
            )
        names, config = dict(zip(areas["area_id"], areas["area_name"], strict=True)), opened.config()
    row = to_json_rows(told)[0]
    row |= {"area_name": names.get(row["area_id"]), "map_link": _link(home, row), "run_id": run["run_id"]}
    row |= {"counts_for_nothing_because": _no_count(config, row), "changed_since_the_run": changed_since(home, run)}
    return row


def _no_count(config: PlacesConfig, row: dict[str, Any]) -> list[str]:
    """Return why an incident counts for nothing in the ranking of areas; empty if it counts."""
    reasons = {
        f"its offence has no weight: {row['offence']}": not row["harm_days"],
        "police discovered it themselves, which raises nothing": row["discovery"] not in config.discoveries,
        "it lies in no area": row["area_id"] is None,
        f"it is older than {config.window_days} days": row["age_days"] >= config.window_days,
    }
    return [reason for reason, holds in reasons.items() if holds]


def incident_lines(row: dict[str, Any], half_life_days: float) -> list[str]:
    """Return the lines that explain a row of `find_incident`; `half_life_days` is `places.half_life_days`."""
    axis = AXES.get(row["axis"])
    measure = f"measure {axis.words}" if axis else "all harm, and no measure of its own"
    where = row["place"] or "no area"
    if row["map_link"]:
        where += f" · {row['lat']:.6f}, {row['lon']:.6f} · {row['map_link']}"
    because = row["counts_for_nothing_because"]
    return [
        f"{row['offence']}, {_day(row)}{' (of its month alone is known)' if row['is_of_month'] else ''}",
        f"Where: {where}{', told by day and area alone' if row['is_coarse'] else ''}",
        f"Weight: {row['harm_days']:,.0f} harm points (1 = one day of starting sentence); "
        f"after {row['age_days']:,} days it counts {row['harm_now']:,.0f}, "
        f"as weight halves every {half_life_days:,.0f} days",
        f"Counts for nothing: {'; '.join(because)}" if because else f"Counts for: {measure}; {row['area_name']}",
        *_changed_line(row),
        f"Incident {row['incident_id']}, run {row['run_id']}",
    ]


def _changed_line(row: dict[str, Any]) -> list[str]:
    changed = row["changed_since_the_run"]
    return (
        [f"Changed since the run: {', '.join(changed)}; what is told here is told by those of now"] if changed else []
    )


def _link(home: Home, row: dict[str, Any]) -> str | None:
    return None if row["lat"] is None else map_link(row["lat"], row["lon"], home.settings.force.map_link)
