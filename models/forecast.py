"""Where next: expected harm and events per cell over the coming days, with their uncertainty, beside a naive count.

Each offence has a rate of its own per cell: decayed counts, mixed over scales from the cell to the city, so that rare
offences lean on wide scales and frequent ones on the cell. Harm is the sum of rates times harm days.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.atlas import Atlas, pack, smooth
from models.predictive import draw_harm, summarise

Floats = npt.NDArray[np.float64]

NAIVE_DAYS = 365


@dataclass(frozen=True, slots=True)
class ForecastConfig:
    """How far the forecast looks, ahead and back."""

    horizon_days: int
    history_days: int
    draws: int = 400

    def __post_init__(self) -> None:
        for name in ("horizon_days", "history_days", "draws"):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= 1):
                raise ValueError(f"{name}={value!r}: expected a whole number from one up")


def forecast_cells(
    cell_events: pd.DataFrame,
    cells: pd.DataFrame,
    harm_days: pd.Series,
    *,
    horizon_days: int,
    seed: int,
    config: ForecastConfig,
) -> pd.DataFrame:
    """Forecast harm and events of each cell over the coming `horizon_days`.

    Parameters
    ----------
    cell_events : cell_ix, cell_iy, offence_code, age_days (whole days before as_of, ≥ 0), n.
    cells : cell_ix, cell_iy; distinct.
    harm_days : weight by offence code. Offences without one are left out of the forecast.

    Returns
    -------
    DataFrame on cells' index: expected_harm, expected_harm_lo, expected_harm_hi (80% interval), expected_events,
    p_top1, p_top5, naive_count (events of the last 365 days).
    """
    events = cell_events[
        cell_events["offence_code"].isin(harm_days.index) & (cell_events["age_days"] < config.history_days)
    ]
    codes = sorted(events["offence_code"].unique()) or sorted(harm_days.index)
    weights = harm_days.reindex(codes).to_numpy(dtype=np.float64)
    atlas = pack(cells["cell_ix"], cells["cell_iy"])
    pixel = atlas.pixels(cells["cell_ix"], cells["cell_iy"])
    rates = np.column_stack(
        [_rate(events[events["offence_code"] == code], atlas, pixel) * horizon_days for code in codes]
    )
    summary = summarise(draw_harm(rates, weights, np.full(len(cells), 0.2), draws=config.draws, seed=seed))
    recent = events[events["age_days"] < NAIVE_DAYS]
    return pd.DataFrame(
        {
            "expected_harm": rates @ weights,
            "expected_harm_lo": summary["harm_lo"].to_numpy(),
            "expected_harm_hi": summary["harm_hi"].to_numpy(),
            "expected_events": rates.sum(axis=1),
            "p_top1": summary["p_top_0"].to_numpy(),
            "p_top5": summary["p_top_1"].to_numpy(),
            "naive_count": _counted(recent, atlas, recent["n"])[pixel].astype(np.int64),
        },
        index=cells.index,
    )


def _counted(events: pd.DataFrame, atlas: Atlas, values: npt.ArrayLike) -> Floats:
    pixel = atlas.pixels(events["cell_ix"], events["cell_iy"])
    known = pixel >= 0
    weights = np.asarray(values, dtype=np.float64)[known]
    return np.bincount(pixel[known], weights, atlas.shape[0] * atlas.shape[1]).astype(np.float64, copy=False)


def _rate(events: pd.DataFrame, atlas: Atlas, pixel: npt.NDArray[np.int64]) -> Floats:
    """Events per day and cell of one offence."""
    mean_life = 200.0
    seen_days = float(events["age_days"].max()) + 1 if len(events) else 1.0
    decay = np.exp(-events["age_days"] / mean_life) / (mean_life * -np.expm1(-seen_days / mean_life))
    raster = _counted(events, atlas, events["n"] * decay)
    near = smooth(raster.reshape(atlas.shape), 1.5).ravel()[pixel]
    own, city = raster[pixel], raster[pixel].mean()
    # As many pseudo-days of the surroundings as it takes for them to show about two events.
    trust = own / (own + 2 / mean_life)
    rate: Floats = trust * own + (1 - trust) * (0.8 * near + 0.2 * city)
    return rate
