"""Hot spots: significant clusters of harm as polygons with ids that persist from run to run.

Local statistic: Gi* of Getis and Ord (1992, Geographical Analysis 24:189) in the standardised form of Ord and Getis
(1995, Geographical Analysis 27:286). Values are weighted by harm; neighbours are all cells within a band.
Multiple testing: Benjamini and Hochberg (1995, JRSS B 57:289).

Harm is rare and heavy-tailed, so a sum over a dozen cells is far from normal, and a normal approximation gives many
false hot spots. The p-value is therefore from a Pearson type III distribution with the exact mean,
variance and skewness of the sum under random permutation of the cells (Mielke, Berry and Brier 1981, Monthly Weather
Review 109:120), which needs no draws.
"""

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse import csr_array, eye_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree
from scipy.special import gammainc, gammaincc, ndtr

from geo.cells import Floats, Grid, Integers
from geo.crs import metric_crs

Booleans = npt.NDArray[np.bool_]

COLUMNS = ["hotspot_id", "rank", "cell_count", "area_m2", "harm_days", "z_max", "p_adjusted_min", "geometry"]

# Below this skewness the Pearson and normal distributions agree to more digits than the gamma functions have.
SMALLEST_SKEWNESS = 1e-4


def find_hotspots(
    cells: pd.DataFrame,
    grid: Grid,
    *,
    previous: gpd.GeoDataFrame | None = None,
    band_m: float = 300.0,
    winsor_quantile: float = 0.995,
    enter_p: float = 0.05,
    leave_p: float = 0.10,
    minimum_iou: float = 0.3,
) -> gpd.GeoDataFrame:
    """Find significant clusters of harm.

    Parameters
    ----------
    cells : pd.DataFrame
        every cell of the study area once, including those without harm: cell_ix, cell_iy, harm (days, ≥ 0, over the
        window; a sum or an empirical-Bayes rate).
    grid : Grid
        the cells' grid.
    previous : gpd.GeoDataFrame | None
        hot spots of the previous run: hotspot_id, geometry. Its cells stay while p ≤ `leave_p`, and a cluster that
        overlaps one of its polygons keeps the id.
    band_m : float
        cells whose centres are at most this far apart are neighbours, metres.
    winsor_quantile : float
        harm above this quantile of the cells with harm is set to the quantile, so that one homicide does not dominate
        its surroundings for a year.
    enter_p, leave_p : float
        false-discovery rate at which a cell enters, and at which a previously hot cell stays.
    minimum_iou : float
        minimum overlap (intersection over union) with a previous hot spot to keep its id; ids are assigned by
        decreasing overlap, each once.

    Returns
    -------
    gpd.GeoDataFrame
        In the grid's system, sorted by rank: hotspot_id, rank (1 has the most harm), cell_count, area_m2 (of whole
        squares), harm_days (winsorised), z_max (Gi*), p_adjusted_min, geometry. Empty without significant clusters.

    Raises
    ------
    ValueError
        A cell is repeated, harm is negative or not finite, `previous` has no coordinate system, or a setting is out of
        range.
    """
    _check_settings(band_m, winsor_quantile, enter_p, leave_p, minimum_iou)
    ordered = _checked(cells)
    before = _previous_shapes(previous, grid)
    ix, iy = ordered["cell_ix"].to_numpy(np.int64), ordered["cell_iy"].to_numpy(np.int64)
    harm = winsorise(ordered["harm"].to_numpy(np.float64), winsor_quantile)
    z, p = gi_star(harm, neighbours(ix, iy, band_m / grid.size_m))
    p_adjusted = adjust_for_false_discovery(p)
    stays = _lies_in(before, ix, iy, grid) & (p_adjusted <= leave_p)
    is_hot = (z > 0) & ((p_adjusted <= enter_p) | stays)
    scored = pd.DataFrame({"cell_ix": ix, "cell_iy": iy, "harm_days": harm, "z": z, "p_adjusted": p_adjusted})
    hot = scored[is_hot].reset_index(drop=True)
    clusters, hot = _clusters(hot, grid)
    clusters["hotspot_id"] = _names(clusters, hot, before, grid, minimum_iou)
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


def _check_settings(band_m: float, winsor_quantile: float, enter_p: float, leave_p: float, minimum_iou: float) -> None:
    if not band_m > 0:
        raise ValueError(f"band_m={band_m!r}: expected metres above zero")
    if not 0 < winsor_quantile <= 1:
        raise ValueError(f"winsor_quantile={winsor_quantile!r}: expected above 0 and at most 1")
    if not 0 < enter_p <= leave_p < 1:
        raise ValueError(f"enter_p={enter_p!r}, leave_p={leave_p!r}: expected 0 < enter_p ≤ leave_p < 1")
    if not 0 < minimum_iou <= 1:
        raise ValueError(f"minimum_iou={minimum_iou!r}: expected above 0 and at most 1")


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


def _previous_shapes(previous: gpd.GeoDataFrame | None, grid: Grid) -> gpd.GeoDataFrame:
    """Return hotspot_id and geometry of the previous run in the grid's system, in a total order."""
    if previous is None:
        return gpd.GeoDataFrame({"hotspot_id": pd.Series(dtype="str")}, geometry=[], crs=grid.crs)
    metric_crs(previous.crs, what="previous hot spots")
    return previous[["hotspot_id", "geometry"]].to_crs(grid.crs).sort_values("hotspot_id", ignore_index=True)


def _lies_in(shapes: gpd.GeoDataFrame, ix: Integers, iy: Integers, grid: Grid) -> Booleans:
    """Return which cells have their centre in one of the shapes."""
    centres = shapely.points((ix + 0.5) * grid.size_m, (iy + 0.5) * grid.size_m)
    _, inside = shapely.STRtree(centres).query(shapes.geometry.to_numpy(), predicate="intersects")
    return np.isin(np.arange(ix.size), inside)


def _clusters(hot: pd.DataFrame, grid: Grid) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Return the clusters by rank, and the hot cells with the row of their cluster, heaviest cells first.

    Cells that share a side or a corner are in one cluster.
    """
    ix, iy = hot["cell_ix"].to_numpy(), hot["cell_iy"].to_numpy()
    queen = neighbours(ix, iy, np.sqrt(2))
    label = connected_components(queen, directed=False)[1] if len(hot) else np.zeros(0, dtype=np.int64)
    squares = gpd.GeoDataFrame(hot.assign(label=label), geometry=grid.squares(ix, iy))
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
    return ranked.reset_index(drop=True), heaviest_first.assign(row=heaviest_first["label"].map(row))


def _names(
    clusters: gpd.GeoDataFrame, hot: pd.DataFrame, before: gpd.GeoDataFrame, grid: Grid, minimum_iou: float
) -> pd.Series:
    """Return each cluster's id: that of the hot spot it continues, else that of its cell with most harm."""
    kept = _continued(clusters, before, minimum_iou)
    fresh = hot[~hot["row"].isin(kept.index)]
    cell_ids = pd.Series(grid.cell_id(fresh["cell_ix"], fresh["cell_iy"]), index=fresh.index, dtype="str")
    named = fresh.assign(hotspot_id=cell_ids, is_taken=cell_ids.isin(kept))
    # A cell whose id another cluster has kept is skipped if the cluster has another cell.
    first = named.sort_values("is_taken", kind="stable").groupby("row")[["hotspot_id", "is_taken"]].first()
    free = first["hotspot_id"].map(lambda name: _free_name(name, set(kept)))
    return pd.concat([kept, free]).reindex(clusters.index)


def _free_name(name: str, taken: set[str]) -> str:
    return _free_name(f"{name}:again", taken) if name in taken else name


def _continued(clusters: gpd.GeoDataFrame, before: gpd.GeoDataFrame, minimum_iou: float) -> pd.Series:
    """Return the previous id of each cluster that continues a hot spot, by decreasing overlap, each id once."""
    new, old = clusters.geometry.to_numpy(), before.geometry.to_numpy()
    new_row, old_row = shapely.STRtree(old).query(new, predicate="intersects")
    shared_m2 = shapely.area(shapely.intersection(new[new_row], old[old_row]))
    union_m2 = shapely.area(new[new_row]) + shapely.area(old[old_row]) - shared_m2
    pairs = pd.DataFrame({"new": new_row, "old": old_row, "iou": shared_m2 / union_m2})
    pairs = pairs[pairs["iou"] >= minimum_iou].sort_values(["iou", "new", "old"], ascending=[False, True, True])
    names: dict[int, int] = {}
    for new_one, old_one in zip(pairs["new"], pairs["old"], strict=True):
        if new_one not in names and old_one not in names.values():
            names[new_one] = old_one
    return pd.Series(before["hotspot_id"].to_numpy()[list(names.values())], index=list(names), dtype="str")
