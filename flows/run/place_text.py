"""Where things are, in words: names and coordinates of cells, hot spots and markets; incidents as they may be told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from flows.home.settings import Settings, SettingsError
from flows.inputs.assembly import Map, query
from geo.cells import Floats
from geo.place_names import PlaceNames, area_parts, degrees_of, read_place_names
from geo.placement import place_points
from models.places.axes import uses_minors
from models.places.coarse import coarse_codes, is_coarse
from models.places.ranking import PlacesConfig

WHERE = ["place", "lat", "lon"]
MOST_OFFENCES, LEAST_INCIDENTS = 3, 3  # named at a cell; fewer incidents of one are no pattern


@dataclass(frozen=True, slots=True)
class Places:
    """The words for places of a run: what the force has named, and its areas."""

    geography: Map
    names: PlaceNames | None

    def of_cells(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Return place, lat, lon of the middle of cells with x_min_m, y_min_m and area_id, on their index."""
        half = self.geography.grid.size_m / 2
        x, y = (cells[name].to_numpy(dtype=float) + half for name in ("x_min_m", "y_min_m"))
        return self._told(x, y, cells["area_id"], self._nearest(x, y))

    def of_shapes(self, shapes: gpd.GeoSeries) -> pd.DataFrame:
        """Return place, lat, lon of a point inside of each shape, on their index."""
        inside = shapely.point_on_surface(shapes.to_numpy())
        x, y = shapely.get_x(inside), shapely.get_y(inside)
        ix, iy = self.geography.grid.index(x, y)
        areas = self.geography.cells.set_index(["cell_ix", "cell_iy"])["area_id"]
        area_ids = areas.reindex(pd.MultiIndex.from_arrays([ix, iy])).set_axis(shapes.index)
        return self._told(x, y, area_ids, self._nearest(x, y))

    def of_points(self, points: pd.DataFrame) -> "pd.Series[str]":
        """Return the place of each point with lon, lat and area_id; that without a point is its area."""
        place = points["area_id"].map(self.geography.areas.set_index("area_id")["area_name"]).astype(object)
        located = points[points["lon"].notna()]
        if len(located):
            placed = place_points(located[["lon", "lat"]], self.geography.areas, self.geography.grid)
            x, y = placed["x_m"].to_numpy(), placed["y_m"].to_numpy()
            place.loc[located.index] = self._told(x, y, located["area_id"], self._nearest(x, y))["place"]
        return place

    def _nearest(self, x: Floats, y: Floats) -> npt.NDArray[np.object_] | None:
        return None if self.names is None else self.names.of_points(x, y)

    def _told(self, x: Floats, y: Floats, area_ids: pd.Series, named: npt.NDArray[np.object_] | None) -> pd.DataFrame:
        place = area_parts(x, y, area_ids, self.geography.areas)
        if named is not None:
            place = np.where(pd.isna(named), place, named)
        lat, lon = degrees_of(x, y, self.geography.areas.crs)
        return pd.DataFrame({"place": place, "lat": lat, "lon": lon}, index=area_ids.index)


def read_places_in_words(geography: Map, settings: Settings) -> Places:
    """Return the words for places; SettingsError names what is wrong with `force.place_names`."""
    return Places(geography, named_places(settings, geography.areas.crs))


def named_places(settings: Settings, crs: Any) -> PlaceNames | None:
    """Return what the force has named, if anything; SettingsError names what is wrong with `force.place_names`."""
    config = settings.force.place_names
    if config.path is None:
        return None
    try:
        return read_place_names(
            config.path,
            crs,
            within_m=config.within_m,
            name_column=config.name_column,
            x_column=config.x_column,
            y_column=config.y_column,
            table_crs=config.crs,
            layer=config.layer,
            choose_with="force.place_names.layer",
        )
    except ValueError as error:
        raise SettingsError(f"force.place_names: {error}") from error


def with_cell_place(table: pd.DataFrame, cells: pd.DataFrame, columns: Sequence[str] = WHERE) -> pd.DataFrame:
    """Return a table of cells by cell_id with `columns` (place, lat, lon) of `cells`, which has them by cell_id."""
    where = cells.set_index("cell_id")[list(columns)].reindex(table["cell_id"])
    return table.assign(**{name: where[name].to_numpy() for name in columns})


def main_offences(
    connection: duckdb.DuckDBPyConnection, cells: pd.DataFrame, codebook: pd.DataFrame, config: PlacesConfig
) -> pd.Series:
    """Return by cell_id the offences that make up most of a cell's harm in the window, at most three.

    Offences whose incidents are told by day and area alone are left out: to name them at a cell would tell the place.
    Call `place_incidents` on the connection first; `cells` has cell_id, cell_ix, cell_iy.
    """
    connection.register("wanted_cell", pd.DataFrame(cells[["cell_id", "cell_ix", "cell_iy"]]))
    found = query(
        connection,
        "cell_offences",
        window_days=config.window_days,
        half_life_days=config.half_life_days,
        discoveries=list(config.discoveries),
    )
    connection.unregister("wanted_cell")
    told = found[~found["offence_code"].isin(coarse_codes(codebook)) & found["n"].ge(LEAST_INCIDENTS)]
    first = told[told.groupby("cell_id").cumcount() < MOST_OFFENCES]
    labels = first["offence_code"].map(codebook["label"]).astype(object)
    return labels.groupby(first["cell_id"].astype(object)).agg(list)


RECENT = [
    "position", "incident_id", "occurred_at", "occurred_on", "offence_code", "offence", "harm_days", "area_id",
    *WHERE, "is_coarse",
]  # fmt: skip


def tell_incidents(
    connection: duckdb.DuckDBPyConnection,
    incident_ids: list[str],
    places: Places,
    codebook: pd.DataFrame,
    settings: Settings,
    is_embargoed: bool,
) -> pd.DataFrame:
    """Return incidents of the snapshot as they may be told; call `place_incidents` first.

    Parameters
    ----------
    incident_ids : list of str
        Those to tell; unknown ones are left out.
    is_embargoed : bool
        True while any place is under an embargo: every incident is then told by day and area alone, as coarse ones
        are, because to tell those on its ground so would show where it is.

    Returns
    -------
    pd.DataFrame
        Index incident_id: offence_code, offence, occurred_at, occurred_on, harm_days, harm_now, axis, place, lat, lon,
        is_coarse as in table area_evidence; area_id, discovery, age_days, is_of_month.
    """
    found = query(connection, "incident_told", incident_ids=incident_ids).set_index("incident_id")
    about = codebook.reindex(found["offence_code"]).set_axis(found.index)
    coarse = is_coarse(found, codebook) | is_embargoed
    moment = found["occurred_at"].astype("datetime64[us, UTC]")
    local = moment.dt.tz_convert(settings.force.zone)
    has_hour = found["has_hour"].astype(bool) & (local != local.dt.normalize())  # midnight stands for a day
    point = found[["lon", "lat"]].astype(float)
    point.loc[coarse] = np.nan
    harm = about["harm_days"].fillna(0.0)
    return pd.DataFrame(
        {
            "offence_code": found["offence_code"],
            "offence": about["label"],
            "occurred_at": moment.where(has_hour & ~coarse),
            "occurred_on": local.dt.date,
            "harm_days": harm,
            "harm_now": harm * decay(found["age_days"], settings.places),
            "axis": about["axis"].where(~uses_minors(found.assign(axis=about["axis"])) | coarse, "minors"),
            "place": places.of_points(point.assign(area_id=found["area_id"])),
            "lat": point["lat"],
            "lon": point["lon"],
            "is_coarse": coarse,
            "area_id": found["area_id"],
            "discovery": found["discovery"],
            "age_days": found["age_days"],
            "is_of_month": found["is_of_month"].astype(bool),
        }
    )


def decay(age_days: pd.Series, config: PlacesConfig) -> pd.Series:
    """Return the share of its weight that an incident keeps at an age."""
    return 0.5 ** (age_days / config.half_life_days)


def area_evidence(ranking: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Return area_evidence less run columns; `told` is of the incidents in `evidence_ids`."""
    columns = ["offence_code", "offence", "occurred_at", "occurred_on", "harm_days", "harm_now", "axis", *WHERE]
    of_areas = ranking[["area_id", "evidence_ids"]].explode("evidence_ids").dropna()
    of_areas = of_areas.sort_values("area_id", kind="stable").rename(columns={"evidence_ids": "incident_id"})
    of_areas["position"] = of_areas.groupby("area_id").cumcount().astype("int32") + 1
    return of_areas.merge(told[[*columns, "is_coarse"]], left_on="incident_id", right_index=True, how="left")


def evidence_of(
    ranking: pd.DataFrame,
    connection: duckdb.DuckDBPyConnection,
    places: Places,
    codebook: pd.DataFrame,
    settings: Settings,
    is_embargoed: bool,
) -> pd.DataFrame:
    """Return area_evidence less run columns; call `place_incidents` first."""
    incident_ids = sorted({incident_id for ids in ranking["evidence_ids"] for incident_id in ids})
    return area_evidence(ranking, tell_incidents(connection, incident_ids, places, codebook, settings, is_embargoed))


def recent_incidents(
    connection: duckdb.DuckDBPyConnection,
    places: Places,
    codebook: pd.DataFrame,
    settings: Settings,
    is_embargoed: bool,
    days: int,
) -> pd.DataFrame:
    """Return recent_incident less run columns: the grave incidents of the last `days` local days.

    Within a day the gravest come first: an order by time would tell the hour of coarse incidents.
    """
    discoveries = list(settings.places.discoveries)
    found = query(connection, "recent_incident", last_day=days - 1, discoveries=discoveries)["incident_id"]
    told = tell_incidents(connection, found.tolist(), places, codebook, settings, is_embargoed).reset_index()
    by = ["occurred_on", "harm_days", "incident_id"]
    told = told.sort_values(by, ascending=[False, False, True], ignore_index=True)
    told["position"] = told.index.to_numpy(dtype="int32") + 1
    return told[RECENT]
