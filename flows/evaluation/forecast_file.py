"""Forecast from a file of incidents, without a store, as `harmspot forecast` does."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from pyproj import Transformer

from geo.cells import Grid
from models.forecast.forecast import ForecastConfig, forecast_cells
from pipeline.errors import SourceError
from pipeline.reference_table import Column, TableFile

CANONICAL = ("occurred_at", "offence", "lon", "lat")


@dataclass(frozen=True, slots=True)
class Extent:
    """A box in metres, in the coordinate system of the forecast."""

    x_min_m: float
    y_min_m: float
    x_max_m: float
    y_max_m: float

    def __post_init__(self) -> None:
        if not (self.x_min_m < self.x_max_m and self.y_min_m < self.y_max_m):
            box = f"{self.x_min_m:g},{self.y_min_m:g},{self.x_max_m:g},{self.y_max_m:g}"
            raise ValueError(f"extent {box}: expected minx,miny,maxx,maxy with minx < maxx and miny < maxy")

    def cells(self, grid: Grid) -> pd.DataFrame:
        """Return cell_ix, cell_iy of every cell that overlaps the box, from south-west to north-east."""
        ix, iy = grid.index([self.x_min_m, self.x_max_m], [self.y_min_m, self.y_max_m])
        # A box that ends on a grid line does not overlap the cell beyond it.
        ends_on_line = np.array([ix[1] * grid.size_m == self.x_max_m, iy[1] * grid.size_m == self.y_max_m])
        columns = np.arange(ix[0], ix[1] + 1 - ends_on_line[0])
        rows = np.arange(iy[0], iy[1] + 1 - ends_on_line[1])
        east, north = np.meshgrid(columns, rows, indexing="ij")
        return pd.DataFrame({"cell_ix": east.ravel(), "cell_iy": north.ravel()})


def read_events(path: Path) -> pd.DataFrame:
    """Return occurred_at (naive local, or absolute), offence, lon, lat of a CSV or Parquet file.

    Raises
    ------
    SourceError
        The file cannot be read, or a column is missing.
    """
    try:
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read as CSV or Parquet: {error}") from error
    missing = [column for column in CANONICAL if column not in frame.columns]
    if missing:
        raise SourceError(
            f"{path}: no column {missing[0]!r}; it has {', '.join(map(str, frame.columns))}. "
            f"Rename to {', '.join(CANONICAL)}, or name a mapping with --mapping"
        )
    return frame[list(CANONICAL)].assign(occurred_at=_times(frame["occurred_at"], path))


def _times(values: pd.Series, path: Path) -> pd.Series:
    form = None if values.dtype.kind == "M" else "ISO8601"
    try:
        return pd.to_datetime(values, format=form)
    except (ValueError, TypeError) as error:
        is_invalid = pd.to_datetime(values, format=form, errors="coerce", utc=True).isna() & values.notna()
        if not is_invalid.any():
            raise SourceError(
                f"{path}: column occurred_at mixes times with and without a zone; write all with or all without one"
            ) from error
        row = int(np.flatnonzero(is_invalid)[0])
        raise SourceError(
            f"{path}: column occurred_at, row {row + 1}: {values.iloc[row]!r}; expected an ISO 8601 time, such as "
            "2019-12-01T14:30"
        ) from error


def read_weights(path: Path) -> pd.Series:
    """Return harm_days by offence from a CSV `offence,harm_days`; raise SourceError if it is malformed."""
    columns = {"offence": Column("an offence"), "harm_days": Column("a number of at least 0", "number", least=0)}
    table = TableFile(path, "harm weights", SourceError).read(columns, key=("offence",))
    return table.set_index("offence")["harm_days"]


def forecast_file(
    events: pd.DataFrame,
    harm_days: pd.Series,
    *,
    as_of: datetime,
    horizon_days: int,
    extent: Extent,
    grid: Grid,
    time_zone: str,
    seed: int,
    config: ForecastConfig,
) -> pd.DataFrame:
    """Forecast every cell of the extent from the events before `as_of`.

    Parameters
    ----------
    events : pd.DataFrame
        As `read_events` returns them; times without a zone are local in `time_zone`.
    harm_days : pd.Series
        Weight by offence, in days; every offence of the events must have one.
    as_of : datetime
        End of the past to learn from, local in `time_zone` if it has no zone.
    horizon_days : int
        Days to forecast.
    extent : Extent
        The box to forecast.
    grid : Grid
        Grid of the cells.
    time_zone : str
        IANA time zone of the local times.
    seed : int
        Seed of the random draws.
    config : ForecastConfig
        Settings of the forecast.

    Returns
    -------
    pd.DataFrame
        x_min_m, y_min_m and the columns of `forecast_cells`; `attrs["notes"]` lists limitations, including the number
        of rows left out and why.

    Raises
    ------
    ValueError
        An offence has no harm weight.
    """
    placed, notes = _before(events, as_of, time_zone)
    unweighted = sorted(set(placed["offence"]) - set(harm_days.index))
    if unweighted:
        raise ValueError(
            f"offence {unweighted[0]!r} has no harm weight ({len(unweighted)} such); add it to --weights as a line "
            "offence,harm_days"
        )
    cells = extent.cells(grid)
    outcome = forecast_cells(
        _cell_events(placed, grid),
        cells,
        harm_days,
        horizon_days=horizon_days,
        seed=seed,
        config=config,
    )
    corners = pd.DataFrame({"x_min_m": cells["cell_ix"] * grid.size_m, "y_min_m": cells["cell_iy"] * grid.size_m})
    table = corners.join(outcome)
    table.attrs["notes"] = [*notes, *outcome.attrs.get("notes", [])]
    return table


def _before(events: pd.DataFrame, as_of: datetime, time_zone: str) -> tuple[pd.DataFrame, list[str]]:
    """Return the usable events before `as_of` with age_days, and notes on the rows left out."""
    age = _local(pd.Series([as_of]), time_zone).iloc[0] - _local(events["occurred_at"], time_zone)
    is_past = age > pd.Timedelta(0)
    has_point = np.isfinite(events["lon"].to_numpy(float)) & np.isfinite(events["lat"].to_numpy(float))
    usable = is_past & has_point & events["offence"].notna()
    # Day 0 is [as_of − 1 day, as_of): it includes the moment exactly one day before.
    age_days = (np.ceil(age[usable] / pd.Timedelta(days=1)) - 1).astype(np.int64)
    left_out = {
        "not before as-of": int((~is_past & age.notna()).sum()),
        "without time": int(age.isna().sum()),
        "without coordinates": int((is_past & ~has_point).sum()),
    }
    notes = [f"{count:,} rows {why} were left out" for why, count in left_out.items() if count]
    return events[usable].assign(age_days=age_days), notes


def _local(times: pd.Series, time_zone: str) -> pd.Series:
    """Return wall-clock times: days are local days, also across clock changes."""
    stamps = pd.Series(pd.to_datetime(times))
    return stamps if stamps.dt.tz is None else stamps.dt.tz_convert(time_zone).dt.tz_localize(None)


def _cell_events(placed: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """Count events by cell, offence and age; a point outside the coordinate system has no cell."""
    lon, lat = placed["lon"].to_numpy(float), placed["lat"].to_numpy(float)
    x, y = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True).transform(lon, lat)
    has_place = np.isfinite(x) & np.isfinite(y)
    ix, iy = grid.index(x[has_place], y[has_place])
    located = placed[has_place].rename(columns={"offence": "offence_code"}).assign(cell_ix=ix, cell_iy=iy)
    return count_rows(located, ["cell_ix", "cell_iy", "offence_code", "age_days"])


def count_rows(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return each combination of `columns` and its number of rows n, sorted by these columns."""
    return frame.groupby(columns, as_index=False).size().rename(columns={"size": "n"})
