"""The force's own table of places (CSV), which gives addresses their points."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyproj

from pipeline.mapped.beside import folded, read_beside
from pipeline.mapped.mapping import Gazetteer

WGS84 = "EPSG:4326"


def read_places(gazetteer: Gazetteer, folder: Path) -> pd.DataFrame:
    """Read the places of a gazetteer.

    Returns
    -------
    pandas.DataFrame
        key, the folded text of the columns `on`, distinct; lon, lat in degrees.

    Raises
    ------
    ValueError
        The file cannot be read, lacks a column, a point is none, or one text has two points.
    """
    path = folder / gazetteer.file
    table, _ = read_beside(path, "gazetteer")
    names = {name: name.strip().lower().replace(" ", "_") for name in (*gazetteer.on, gazetteer.x, gazetteer.y)}
    for name, plain in names.items():
        if plain not in table.columns:
            raise ValueError(f"gazetteer {path}: no column {name!r}; it has {list(table.columns)}")
    texts = table[[names[name] for name in gazetteer.on]].agg(" ".join, axis=1)
    keys = folded(pd.DataFrame({"place": texts}), {"place": "folded_place"})["place"]
    points = _points(table[names[gazetteer.x]], table[names[gazetteer.y]], gazetteer.crs)
    places = points.assign(key=keys)[keys != ""].drop_duplicates()
    if (bad := places[places[["lon", "lat"]].isna().any(axis=1)]).size:
        raise ValueError(
            f"gazetteer {path}, row {bad.index[0]}: {bad['key'].iloc[0]!r} has no point on Earth in {gazetteer.crs}"
        )
    if (twice := places[places["key"].duplicated()]).size:
        raise ValueError(
            f"gazetteer {path}, row {twice.index[0]}: {twice['key'].iloc[0]!r} has two points; keep one row"
        )
    return places[["key", "lon", "lat"]].reset_index(drop=True)


def _points(x: pd.Series, y: pd.Series, crs: str) -> pd.DataFrame:
    xs, ys = (pd.to_numeric(values, errors="coerce").to_numpy(dtype=float) for values in (x, y))
    lon, lat = pyproj.Transformer.from_crs(crs, WGS84, always_xy=True).transform(xs, ys)
    is_on_earth = np.isfinite(lon) & np.isfinite(lat) & (np.abs(lon) <= 180) & (np.abs(lat) <= 90)
    points = {"lon": np.where(is_on_earth, lon, np.nan), "lat": np.where(is_on_earth, lat, np.nan)}
    return pd.DataFrame(points, index=x.index)
