"""The incidents of Philadelphia and Houston as `measure_displacement` reads them, and operations planted in them."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from pyproj import Transformer

from geo.cells import Grid
from geo.market_shapes import Ground
from models.places.displacement import measure_displacement

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
DAY = pd.Timedelta(days=1)
HOUSTON_CODES = {
    "murder": "homicide",
    "rape": "rape",
    "robbery": "robbery",
    "aggravated assault": "violence_with_injury",
    "burglary": "burglary_unspecified",
    "auto theft": "vehicle_theft",
    "theft": "theft_other",
}


@dataclass(frozen=True)
class CityReports:
    """Public reports of one city, in order of time, with the ground that they lie on."""

    history: pd.DataFrame
    ground: Ground

    def until(self, moment: pd.Timestamp) -> "CityReports":
        return replace(self, history=self.history[self.history["occurred_at"] < moment].reset_index(drop=True))

    def hot_places(self, start: pd.Timestamp, count: int, every: int = 1) -> np.ndarray:
        """The places with most disorder and violence in the 84 days before: the rule by which markets are found."""
        recent = self.history[
            self.history["occurred_at"].between(start - 84 * DAY, start, inclusive="left")
            & self.history["kind"].notna()
        ]
        weights = self.ground.weights(np.bincount(recent["point"], minlength=len(self.ground.points)).astype(float))
        rows = self.ground.heaviest(weights)[: count * every : every]
        return self.ground.cells[["cell_ix", "cell_iy"]].to_numpy(np.int64)[rows]

    def outside_m(self, middle: np.ndarray) -> np.ndarray:
        """Metres of each report from the outline around a place, 0 inside."""
        from geo.market_shapes import metres_outside

        points = self.ground.points.to_numpy()[self.history["point"]]
        size = float(self.ground.grid.size_m)
        offset = points - (middle + 0.5) * size
        return metres_outside(offset[:, 0], offset[:, 1], size)

    def thinned(self, middle: np.ndarray, start: pd.Timestamp, share: float, seed: int) -> "CityReports":
        """The same, but each report at the place since the start stayed away with this probability."""
        is_own = (self.outside_m(middle) == 0) & (self.history["occurred_at"] >= start).to_numpy()
        stays_away = is_own & (np.random.default_rng(seed).random(len(is_own)) < share)
        return replace(self, history=self.history[~stays_away].reset_index(drop=True))

    def measured(self, middle: np.ndarray, start: pd.Timestamp, as_of: pd.Timestamp) -> pd.DataFrame:
        """Table displacement of an operation that started at the place."""
        market_id = f"market_{middle[0]}_{middle[1]}"
        row = {"market_id": market_id, "area_id": "a", "started_at": start, "announced_at": pd.NaT, "ended_at": pd.NaT}
        operations = pd.DataFrame([row])
        for name in ("started_at", "announced_at", "ended_at"):
            operations[name] = pd.to_datetime(operations[name], utc=True)
        return measure_displacement(operations, self.history, self.ground, as_of=as_of, longest_days=84)


def city_reports(city: str, size_m: float = 150) -> CityReports:
    """Read a city: `philadelphia` or `houston`."""
    read = {"philadelphia": _philadelphia, "houston": _houston}[city]
    told, crs, zone = read()
    codebook = pd.read_csv(ROOT / "configs" / "codebooks" / "harm.csv").drop_duplicates("offence_code", keep="last")
    told = (
        told.drop(columns="category")
        .dropna(subset=["lon", "lat", "offence_code"])
        .merge(codebook[["offence_code", "category", "axis", "harm_days"]], on="offence_code")
    )
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(told["lon"], told["lat"])
    at = told["occurred_at"].dt.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
    told = told.assign(
        x_m=x,
        y_m=y,
        occurred_at=at.dt.tz_convert("UTC").astype("datetime64[us, UTC]"),
        daypart=np.where(at.dt.hour.between(7, 18), "by day", "by night"),
        kind=told["axis"].where(told["axis"].isin(["disorder", "violence"])),
    )
    told = told.sort_values(["occurred_at", "event_id"], ignore_index=True)
    points, point = np.unique(told[["x_m", "y_m"]].to_numpy(), axis=0, return_inverse=True)
    grid = Grid(crs, size_m)
    cells = np.unique(np.stack(grid.index(points[:, 0], points[:, 1]), axis=1), axis=0)
    ground = Ground(
        grid, pd.DataFrame(cells, columns=["cell_ix", "cell_iy"]), pd.DataFrame(points, columns=["x_m", "y_m"])
    )
    columns = ["occurred_at", "category", "harm_days", "daypart", "kind"]
    return CityReports(told[columns].assign(point=point.reshape(-1)), ground)


def _philadelphia() -> tuple[pd.DataFrame, str, str]:
    told = pd.read_parquet(DATA / "philadelphia_2017_2019.parquet")
    words = pd.read_csv(ROOT / "configs" / "mappings" / "philadelphia_offences.csv")
    public = words[words["discovery"] == "public"].set_index("offence")["offence_code"]
    told = told.drop_duplicates("event_id").assign(offence_code=told["offence"].map(public))
    return told[told["lon"].between(-75.4, -74.9) & told["lat"].between(39.8, 40.2)], "EPSG:32618", "America/New_York"


def _houston() -> tuple[pd.DataFrame, str, str]:
    told = pd.read_parquet(DATA / "houston_2010_jan_aug.parquet")
    told = told.assign(offence_code=told["offence"].map(HOUSTON_CODES))
    return told[told["lon"].between(-96, -94.9) & told["lat"].between(29.4, 30.2)], "EPSG:32615", "America/Chicago"
