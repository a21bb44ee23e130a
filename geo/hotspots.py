"""Hot spots: significant clusters of harm that one can walk, as polygons with ids that persist from run to run.

Local statistic: Gi* of Getis and Ord (1992, Geographical Analysis 24:189) in the standardised form of Ord and Getis
(1995, Geographical Analysis 27:286). Values are weighted by harm; neighbours are all cells within a band.
Multiple testing: Benjamini and Hochberg (1995, JRSS B 57:289).

Harm is rare and heavy-tailed, so a sum over a dozen cells is far from normal, and a normal approximation gives many
false hot spots. The p-value is therefore from a Pearson type III distribution with the exact mean,
variance and skewness of the sum under random permutation of the cells (Mielke, Berry and Brier 1981, Monthly Weather
Review 109:120), which needs no draws.

Size: in a busy city the significant cells hang together over square kilometres, which nobody can walk. A hot spot
therefore grows cell by cell from a peak, in the manner of AMOEBA (Aldstadt and Getis 2006, Geographical Analysis
38:327), up to a size. The foot beats of Philadelphia had 1.3 miles of streets each (Ratcliffe, Taniguchi, Groff and
Wood 2011, Criminology 49:795): with a street every 100 to 150 m, 0.10 to 0.16 km².
"""

from heapq import heappop, heappush

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse import csr_array, eye_array
from scipy.spatial import KDTree
from scipy.special import gammainc, gammaincc, ndtr

from geo.cells import Floats, Grid, Integers
from geo.crs import metric_crs

Booleans = npt.NDArray[np.bool_]

COLUMNS = [
    *("hotspot_id", "rank", "cell_count", "area_m2", "harm_days", "harm_per_km2"),
    *("z_max", "p_adjusted_min", "geometry"),
]

# Below this skewness the Pearson and normal distributions agree to more digits than the gamma functions have.
SMALLEST_SKEWNESS = 1e-4
ENTER_P, LEAVE_P = 0.05, 0.10  # false-discovery rate at which a cell enters, and at which a previously hot cell stays
# Least overlap (intersection over union) with a previous hot spot to keep its id; ids go by decreasing overlap, each
# once.
MINIMUM_IOU = 0.3
# So many times the harm of a previous hot spot's cells counts for their order, against `minimum_ratio`, and when a hot
# spot that grows from one of them chooses its next cell. `harm_days` is without.
STAY_FACTOR = 1.5


def find_hotspots(
    cells: pd.DataFrame,
    grid: Grid,
    *,
    previous: gpd.GeoDataFrame | None = None,
    band_m: float = 300.0,
    winsor_quantile: float = 0.995,
    max_area_m2: float = 250_000.0,
    minimum_ratio: float = 3.0,
) -> gpd.GeoDataFrame:
    """Find significant clusters of harm of a size that one can walk.

    The significant cells with enough harm are parted: from the heaviest cell that is free, a hot spot takes the
    heaviest free cell that shares a side with it, until it is full or none is left. What is left over with too little
    harm is no hot spot.

    Parameters
    ----------
    cells : pd.DataFrame
        every cell of the study area once, including those without harm: cell_ix, cell_iy, harm (days, ≥ 0, over the
        window; a sum or an empirical-Bayes rate).
    grid : Grid
        the cells' grid.
    previous : gpd.GeoDataFrame | None
        hot spots of the previous run: hotspot_id, geometry. Its cells stay while p ≤ `LEAVE_P`, their harm counts
        `STAY_FACTOR` times where they are compared, and a cluster that overlaps one of its polygons keeps the id.
        Polygons larger than `max_area_m2` count for nothing.
    band_m : float
        cells whose centres are at most this far apart are neighbours, metres.
    winsor_quantile : float
        harm above this quantile of the cells with harm is set to the quantile, so that one homicide does not dominate
        its surroundings for a year.
    max_area_m2 : float
        the largest hot spot, square metres of whole cells; at least one cell.
    minimum_ratio : float
        the least harm of a cell in a hot spot, in means of all cells; and the least harm of a hot spot is that of one
        of the largest size in which every cell has so much.

    Returns
    -------
    gpd.GeoDataFrame
        In the grid's system, sorted by rank: hotspot_id, rank (1 has the most harm), cell_count, area_m2 (of whole
        squares), harm_days (winsorised), harm_per_km2, z_max (Gi*), p_adjusted_min, geometry. No two share a cell, and
        the cells of each hang together by their sides. Empty without significant clusters.

    Raises
    ------
    ValueError
        A cell is repeated, harm is negative or not finite, or `previous` has no coordinate system.
    """
    ordered = _checked(cells)
    # A multiple of the cell may fall short of the largest area by rounding.
    most_cells = max(1, int(max_area_m2 / grid.size_m**2 * (1 + 1e-9)))
    before = _previous_shapes(previous, grid, max(max_area_m2, grid.size_m**2))
    ix, iy = ordered["cell_ix"].to_numpy(np.int64), ordered["cell_iy"].to_numpy(np.int64)
    harm = winsorise(ordered["harm"].to_numpy(np.float64), winsor_quantile)
    z, p = gi_star(harm, neighbours(ix, iy, band_m / grid.size_m))
    p_adjusted = adjust_for_false_discovery(p)
    held = _holder(before, ix, iy, grid)
    # What was in a hot spot counts more, so that shapes and ids do not flicker from day to day.
    weight = np.where(held >= 0, STAY_FACTOR * harm, harm)
    enough = minimum_ratio * harm.mean() if harm.size else 0.0
    is_significant = (z > 0) & ((p_adjusted <= ENTER_P) | ((held >= 0) & (p_adjusted <= LEAVE_P)))
    scored = pd.DataFrame({"cell_ix": ix, "cell_iy": iy, "harm_days": harm, "z": z, "p_adjusted": p_adjusted})
    hot = scored.assign(held=held, weight=weight)[is_significant & (harm > 0) & (weight >= enough)]
    clusters, members = _clusters(_parted(hot, most_cells, enough * most_cells), grid)
    clusters["hotspot_id"] = _names(clusters, members, before, grid)
    return clusters[COLUMNS]


def winsorise(harm: Floats, quantile: float) -> Floats:
    """Return harm truncated at its quantile among cells with harm; cells without harm do not change the result."""
    positive = harm[harm > 0]
    return np.minimum(harm, np.quantile(positive, quantile)) if positive.size else harm


def neighbours(ix: Integers, iy: Integers, band_cells: float) -> csr_array:
    """Return the symmetric 0/1 matrix of cells whose centres lie within the band, each its own neighbour."""
    if not ix.size:
        return csr_array((0, 0))
    pairs = KDTree(np.column_stack([ix, iy])).query_pairs(band_cells * (1 + 1e-12), output_type="ndarray")
    ones = np.ones(len(pairs))
    half = csr_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(ix.size, ix.size))
    return csr_array(half + half.T + eye_array(ix.size))


def gi_star(values: Floats, weights: csr_array) -> tuple[Floats, Floats]:
    """Return Gi* of each cell and its one-sided p-value for "more than chance", under permutation of the cells.

    z_i = (Σ_j w_ij x_j − x̄ W_i) / (S √[(n W_i − W_i²) / (n − 1)]) with W_i = Σ_j w_ij and w_ij 0 or 1.
    Where all values are equal, or a cell neighbours all others, z is 0 and p is 1.
    """
    n = values.size
    count = np.asarray(weights.sum(axis=1)).ravel()
    deviation = values - values.mean() if n else values
    squares, cubes = float((deviation**2).sum()), float((deviation**3).sum())
    # Moments of the sum of `count` cells drawn from n without replacement.
    variance = squares * count * (n - count) / max(n * (n - 1), 1)
    third = cubes * count * (n - count) * (n - 2 * count) / max(n * (n - 1) * (n - 2), 1)
    varies = variance > 1e-12 * float((values**2).sum())
    scale = np.sqrt(np.where(varies, variance, 1.0))
    z = np.where(varies, weights @ deviation / scale, 0.0)
    return z, np.where(varies, _pearson_tail(z, third / scale**3), 1.0)


def _pearson_tail(z: Floats, skewness: Floats) -> Floats:
    """Return P(Z ≥ z) for a standardised Pearson type III variable: a shifted, possibly mirrored gamma variable."""
    is_skewed = np.abs(skewness) > SMALLEST_SKEWNESS
    shape = 4.0 / np.where(is_skewed, skewness, 1.0) ** 2
    point = shape + np.sign(skewness) * z * np.sqrt(shape)
    upper, lower = gammaincc(shape, np.maximum(point, 0)), gammainc(shape, np.maximum(point, 0))
    return np.where(is_skewed, np.where(skewness > 0, upper, lower), ndtr(-z))


def adjust_for_false_discovery(p: Floats) -> Floats:
    """Return Benjamini–Hochberg adjusted p-values: reject those ≤ q to keep the false-discovery rate at q."""
    order = np.argsort(p, kind="stable")
    scaled = p[order] * p.size / np.arange(1, p.size + 1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def _checked(cells: pd.DataFrame) -> pd.DataFrame:
    ordered = cells[["cell_ix", "cell_iy", "harm"]].sort_values(["cell_ix", "cell_iy"], ignore_index=True)
    twice = ordered.duplicated(["cell_ix", "cell_iy"])
    if twice.any():
        ix, iy = ordered.loc[twice, ["cell_ix", "cell_iy"]].iloc[0]
        raise ValueError(f"cells: ({ix}, {iy}) occurs more than once; sum the harm of each cell first")
    bad = int((~np.isfinite(ordered["harm"]) | (ordered["harm"] < 0)).sum())
    if bad:
        raise ValueError(f"cells: harm of {bad} cells is negative or not finite; expected days ≥ 0")
    return ordered


def _previous_shapes(previous: gpd.GeoDataFrame | None, grid: Grid, largest_m2: float) -> gpd.GeoDataFrame:
    """Return hotspot_id and geometry of the previous run in the grid's system, in a total order.

    A shape that is too large, found under another limit, is left out: all of its cells would count as hot before.
    """
    if previous is None:
        return gpd.GeoDataFrame({"hotspot_id": pd.Series(dtype="str")}, geometry=[], crs=grid.crs)
    metric_crs(previous.crs, what="previous hot spots")
    shapes = previous[["hotspot_id", "geometry"]].to_crs(grid.crs).sort_values("hotspot_id", ignore_index=True)
    # Another coordinate system may stretch a shape by less than one in a hundred.
    return shapes[shapes.area <= 1.01 * largest_m2].reset_index(drop=True)


def _holder(shapes: gpd.GeoDataFrame, ix: Integers, iy: Integers, grid: Grid) -> Integers:
    """Return the row of the shape in which each cell has its centre, or −1; the last, if there are several."""
    centres = shapely.points((ix + 0.5) * grid.size_m, (iy + 0.5) * grid.size_m)
    row, inside = shapely.STRtree(centres).query(shapes.geometry.to_numpy(), predicate="intersects")
    held = np.full(ix.size, -1, dtype=np.int64)
    held[inside] = row
    return held


def _parted(hot: pd.DataFrame, most_cells: int, least_weight: float) -> pd.DataFrame:
    """Return the cells of hot spots, heaviest first, with `label`, the row of the cell that each hot spot grew from.

    `hot` has cell_ix, cell_iy, harm_days, z, held (row of the previous hot spot, or −1), weight.
    """
    order = ["weight", "z", "cell_ix", "cell_iy"]
    hot = hot.sort_values(order, ascending=[False, False, True, True], ignore_index=True)
    ix, iy, harm, held = (hot[name].to_numpy() for name in ("cell_ix", "cell_iy", "harm_days", "held"))
    beside = neighbours(ix, iy, 1.0)
    label = np.full(len(hot), -1, dtype=np.int64)
    for seed in range(len(hot)):
        if label[seed] < 0:
            is_kin = (held == held[seed]) & (held >= 0)
            weight = np.where(is_kin, STAY_FACTOR * harm, harm)
            # Equal cells are taken nearest first, so that an even surface is cut into compact pieces.
            distance = (ix - ix[seed]) ** 2 + (iy - iy[seed]) ** 2
            taken = _grown(seed, label < 0, weight, distance, beside, most_cells)
            label[taken] = seed if weight[taken].sum() >= least_weight else len(hot)
    return hot.assign(label=label)[label < len(hot)]


def _grown(
    seed: int, is_free: Booleans, weight: Floats, distance: Integers, beside: csr_array, most_cells: int
) -> list[int]:
    """Return the rows that a hot spot takes from the seed on: always the heaviest free one at its side."""
    taken: list[int] = []
    queue, seen = [(0.0, 0, seed)], {seed}
    while queue and len(taken) < most_cells:
        cell = heappop(queue)[2]
        taken.append(cell)
        for row in beside.indices[beside.indptr[cell] : beside.indptr[cell + 1]].tolist():
            if is_free[row] and row not in seen:
                seen.add(row)
                heappush(queue, (-weight[row], distance[row], row))
    return taken


def _clusters(hot: pd.DataFrame, grid: Grid) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Return the clusters by rank, and their cells with the row of their cluster, heaviest cells first."""
    squares = gpd.GeoDataFrame(hot, geometry=grid.squares(hot["cell_ix"], hot["cell_iy"]).to_numpy(), crs=grid.crs)
    heaviest_first = squares.sort_values(["harm_days", "z", "cell_ix", "cell_iy"], ascending=[False, False, True, True])
    by_label = heaviest_first.groupby("label", sort=True)
    clusters = by_label.agg(
        cell_count=("z", "size"),
        harm_days=("harm_days", "sum"),
        z_max=("z", "max"),
        p_adjusted_min=("p_adjusted", "min"),
    )
    # Squares meet edge to edge, as the fast coverage union requires.
    shapes = squares[["label", "geometry"]].dissolve(by="label", method="coverage").geometry
    ranked = gpd.GeoDataFrame(clusters, geometry=shapes.reindex(clusters.index), crs=grid.crs).sort_values(
        ["harm_days", "z_max"], ascending=False, kind="stable"
    )
    row = pd.Series(np.arange(len(ranked)), index=ranked.index)
    ranked = ranked.assign(rank=row + 1, area_m2=ranked.area).astype({"rank": "int32", "cell_count": "int32"})
    ranked["harm_per_km2"] = ranked["harm_days"] / (ranked["area_m2"] / 1e6)
    return ranked.reset_index(drop=True), heaviest_first.assign(row=heaviest_first["label"].map(row))


def _names(clusters: gpd.GeoDataFrame, hot: pd.DataFrame, before: gpd.GeoDataFrame, grid: Grid) -> pd.Series:
    """Return each cluster's id: that of the hot spot it continues, else that of its cell with most harm."""
    kept = _continued(clusters, before)
    fresh = hot[~hot["row"].isin(kept.index)]
    cell_ids = pd.Series(grid.cell_id(fresh["cell_ix"], fresh["cell_iy"]), index=fresh.index, dtype="str")
    named = fresh.assign(hotspot_id=cell_ids, is_taken=cell_ids.isin(kept))
    # A cell whose id another cluster has kept is skipped if the cluster has another cell.
    first = named.sort_values("is_taken", kind="stable").groupby("row")[["hotspot_id", "is_taken"]].first()
    free = first["hotspot_id"].map(lambda name: _free_name(name, set(kept)))
    return pd.concat([kept, free]).reindex(clusters.index)


def _free_name(name: str, taken: set[str]) -> str:
    return _free_name(f"{name}:again", taken) if name in taken else name


def _continued(clusters: gpd.GeoDataFrame, before: gpd.GeoDataFrame) -> pd.Series:
    """Return the previous id of each cluster that continues a hot spot, by decreasing overlap, each id once."""
    new, old = clusters.geometry.to_numpy(), before.geometry.to_numpy()
    new_row, old_row = shapely.STRtree(old).query(new, predicate="intersects")
    shared_m2 = shapely.area(shapely.intersection(new[new_row], old[old_row]))
    union_m2 = shapely.area(new[new_row]) + shapely.area(old[old_row]) - shared_m2
    pairs = pd.DataFrame({"new": new_row, "old": old_row, "iou": shared_m2 / union_m2})
    pairs = pairs[pairs["iou"] >= MINIMUM_IOU].sort_values(["iou", "new", "old"], ascending=[False, True, True])
    names: dict[int, int] = {}
    for new_one, old_one in zip(pairs["new"], pairs["old"], strict=True):
        if new_one not in names and old_one not in names.values():
            names[new_one] = old_one
    return pd.Series(before["hotspot_id"].to_numpy()[list(names.values())], index=list(names), dtype="str")
