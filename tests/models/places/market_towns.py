"""Towns with planted street markets that the detector was not tuned on: any size, report rate, cell size, empty ground.

They share no code and no figure with `models.simulate`. A market brings reports of dealing from many callers together
with fear, litter, disorder and violence. The decoys lack one of these: a street of bars (trouble, no dealing), a house
(dealing, few reports), a feud (one caller who reports dealing day after day amid trouble), an estate on quiet ground
(dealing by many callers, no trouble nearby).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.places.markets import Markets

WEEKS = 12
# Kind, channel, and reports a day of one place at the usual rate.
MARKET = (
    ("dealing", "call", 0.55), ("dealing", "tip", 0.1), ("fear", "survey", 0.07), ("paraphernalia", "call", 0.2),
    ("disorder", "call", 0.55), ("violence", "call", 0.3), ("overdose", "partner", 0.08),
)  # fmt: skip
DECOYS = {
    "bars": (("disorder", "call", 1.1), ("violence", "call", 0.4)),
    "house": (("dealing", "tip", 0.08), ("disorder", "call", 0.05)),
    "feud": (("dealing", "call", 0.5), ("disorder", "call", 0.4), ("violence", "call", 0.2)),
    "estate": (("dealing", "call", 0.25), ("dealing", "tip", 0.04)),
}
BACKGROUND = (  # reports a day per square kilometre of built-up ground
    ("dealing", "call", 0.01), ("fear", "survey", 0.003), ("paraphernalia", "call", 0.005),
    ("disorder", "call", 0.18), ("violence", "call", 0.12), ("overdose", "partner", 0.01),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlantedTown:
    """Reports and cells as `rank_markets` takes them, and the cells in which the markets were planted."""

    reports: pd.DataFrame
    cells: pd.DataFrame
    planted: np.ndarray  # [markets, 2]
    cell_m: float


def planted_town(
    seed: int,
    *,
    side_m: float = 6_000,
    markets: int = 3,
    rate: float = 1.0,
    background: float = 1.0,
    cell_m: float = 150,
    built_share: float = 1.0,
    map_is_tight: bool = False,
) -> PlantedTown:
    """Return a square town of 500 m blocks, `built_share` of them built up; a tight map has no other cells.

    `rate` multiplies all reports, `background` those of the ground between the planted places.
    """
    rng = np.random.default_rng([seed, 16])
    blocks = int(side_m // 500)
    is_built = rng.permutation(blocks**2) < max(round(built_share * blocks**2), markets + len(DECOYS))
    built = np.flatnonzero(is_built)
    activity = rng.lognormal(0, 0.8, len(built))
    sites = _spread(rng, built, blocks, markets + len(DECOYS))
    activity[_within(built, blocks, sites[-1], 750)] *= 0.2  # around the estate, which is the last of the decoys
    rows = [_site_rows(rng, at, MARKET, rate, f"m{i}") for i, at in enumerate(sites[:markets])]
    for at, (name, trade) in zip(sites[markets:], DECOYS.items(), strict=True):
        rows.append(_site_rows(rng, at, trade, rate, name, callers=1 if name == "feud" else 60))
    rows.append(_background_rows(rng, built, background * activity / activity.mean(), blocks, rate))
    reports = pd.concat(rows, ignore_index=True)
    reports = reports.assign(
        incident_id=[f"i{i:06d}" for i in range(len(reports))],
        area_id="a@1",
        cell_ix=np.floor(reports["x"] / cell_m).astype(np.int64),
        cell_iy=np.floor(reports["y"] / cell_m).astype(np.int64),
        is_daylight=rng.random(len(reports)) < 0.6,
    )
    cells = _cells(built if map_is_tight else np.arange(blocks**2), blocks, cell_m, sites[:markets])
    return PlantedTown(reports, cells, np.floor(sites[:markets] / cell_m).astype(np.int64), cell_m)


def missed_and_false(found: Markets, town: PlantedTown) -> tuple[int, int]:
    """Return how many planted markets have no flagrant one within 250 m, and how many flagrant lie elsewhere."""
    flagrant = found.markets.loc[found.markets["grade"] == "flagrant", "market_id"]
    at = flagrant.str.extract(r"market_(-?\d+)_(-?\d+)").astype(np.int64).to_numpy().reshape(-1, 2)
    apart = np.abs(at[:, None, :] - town.planted[None, :, :]).max(axis=2, initial=0)
    is_near = apart <= max(1, round(250 / town.cell_m))
    return int((~is_near.any(axis=0)).sum()), int((~is_near.any(axis=1)).sum()) if len(at) else 0


def _spread(rng: np.random.Generator, built: np.ndarray, blocks: int, count: int) -> np.ndarray:
    """Return the middles, in metres, of built-up blocks that do not touch each other, as far as there are enough."""
    chosen: list[int] = []
    for gap in (2, 1, 0):
        for block in rng.permutation(built).tolist():
            apart = [max(abs(block // blocks - b // blocks), abs(block % blocks - b % blocks)) for b in chosen]
            if len(chosen) < count and all(steps > gap for steps in apart):
                chosen.append(block)
    return 500.0 * np.stack([np.array(chosen) // blocks, np.array(chosen) % blocks], axis=1) + 250


def _within(built: np.ndarray, blocks: int, at: np.ndarray, reach_m: float) -> np.ndarray:
    """Return which built-up blocks have their middle so near to a place in both directions."""
    middle = 500.0 * np.stack([built // blocks, built % blocks], axis=1) + 250
    return np.abs(middle - at).max(axis=1) <= reach_m


def _site_rows(
    rng: np.random.Generator, at: np.ndarray, trade: tuple, rate: float, name: str, callers: int = 60
) -> pd.DataFrame:
    counts = rng.poisson([rate * 7 * WEEKS * per_day for _, _, per_day in trade])
    kinds, channels = np.repeat([kind for kind, _, _ in trade], counts), np.repeat([by for _, by, _ in trade], counts)
    near = at + rng.normal(0, 50, (len(kinds), 2))
    return _rows(rng, near, kinds, channels, [f"{name}_{c}" for c in rng.integers(0, callers, len(kinds))])


def _background_rows(
    rng: np.random.Generator, built: np.ndarray, activity: np.ndarray, blocks: int, rate: float
) -> pd.DataFrame:
    counts = rng.poisson(np.outer(activity, [0.25 * rate * 7 * WEEKS * per_day for _, _, per_day in BACKGROUND]))
    block, what = (np.repeat(index.ravel(), counts.ravel()) for index in np.indices(counts.shape))
    corner = 500.0 * np.stack([built[block] // blocks, built[block] % blocks], axis=1)
    kinds, channels = np.array([kind for kind, *_ in BACKGROUND])[what], np.array([by for _, by, _ in BACKGROUND])[what]
    return _rows(rng, corner + rng.uniform(0, 500, corner.shape), kinds, channels, [f"b{i}" for i in range(len(block))])


def _rows(
    rng: np.random.Generator, at: np.ndarray, kinds: np.ndarray, channels: np.ndarray, callers: list[str]
) -> pd.DataFrame:
    ages = rng.integers(0, 7 * WEEKS, len(kinds))
    named = {"kind": kinds.astype(object), "channel": channels.astype(object), "reporter_ref": callers}
    return pd.DataFrame({"x": at[:, 0], "y": at[:, 1], **named, "age_days": ages})


def _cells(blocks_on_map: np.ndarray, blocks: int, cell_m: float, seen_from: np.ndarray) -> pd.DataFrame:
    """Return the cells that overlap the blocks; those within 200 m of a market's middle are visible."""
    side = int(np.ceil(500 * blocks / cell_m))
    ix, iy = (axis.ravel() for axis in np.indices((side, side)))
    middle = (np.stack([ix, iy], axis=1) + 0.5) * cell_m
    block = np.minimum(middle // 500, blocks - 1).astype(int)
    on_map = np.isin(block[:, 0] * blocks + block[:, 1], blocks_on_map)
    away = np.hypot(*(middle[:, None, :] - seen_from[None, :, :]).transpose(2, 0, 1)).min(axis=1, initial=np.inf)
    cells = pd.DataFrame({"cell_ix": ix, "cell_iy": iy, "area_id": "a@1", "is_visible": away <= 200})
    return cells[on_map].reset_index(drop=True)
