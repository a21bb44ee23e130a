"""Controls of an operation: places without an operation whose past trajectory is most similar.

Places are matched on the trajectory before the compared days, never on those days: a place that reached the market's
level by chance falls back afterwards, which would look like displacement (regression to the mean). Counts are compared
as square roots, which stabilise the variance (Bartlett 1936), separately for core and ring.
"""

import numpy as np
import pandas as pd

MOST_CONTROLS = 5
BLOCK_DAYS = 28  # whole weeks, so that no block has more weekends than another
MOST_BLOCKS = 6


def nearest_controls(
    site_id: str,
    site_cells: pd.DataFrame,
    events: pd.DataFrame,
    taken: set[str],
    *,
    until: pd.Timestamp,
    since: pd.Timestamp,
) -> list[str]:
    """Return up to MOST_CONTROLS places that overlap neither each other nor the cells in `taken`, most similar first.

    Parameters
    ----------
    site_id : str
        market_id of the place with the operation.
    site_cells : pd.DataFrame
        market_id (the place), cell_id; core and ring together.
    events : pd.DataFrame
        market_id, occurred_at (UTC), is_core.
    taken : set[str]
        cell_ids covered by an operation or its ring, including those of the site itself.
    until, since : pd.Timestamp
        the past is the last MOST_BLOCKS whole blocks of BLOCK_DAYS before `until` and after `since`. Without a whole
        block, the candidates are in order of id.
    """
    free = site_cells[~site_cells["market_id"].isin(site_cells.loc[site_cells["cell_id"].isin(taken), "market_id"])]
    distance = _distances(site_id, sorted(free["market_id"].unique()), events, until, since)
    cells = free.groupby("market_id")["cell_id"].agg(set)
    chosen: list[str] = []
    covered: set[str] = set()
    for candidate in distance.sort_values(kind="stable").index:
        if len(chosen) < MOST_CONTROLS and not covered & cells[candidate]:
            chosen.append(candidate)
            covered |= cells[candidate]
    return chosen


def _distances(
    site_id: str, candidates: list[str], events: pd.DataFrame, until: pd.Timestamp, since: pd.Timestamp
) -> pd.Series:
    """Return the squared distance of each candidate's trajectory from the site's, in order of id."""
    block = pd.Timedelta(days=BLOCK_DAYS)
    blocks = min(max(int((until - since) / block), 0), MOST_BLOCKS)
    past = events[(events["occurred_at"] < until) & (events["occurred_at"] >= until - blocks * block)]
    ago = (until - past["occurred_at"]).dt.total_seconds().to_numpy() / block.total_seconds()
    column = np.ceil(ago).astype(np.int64) - 1 + np.where(past["is_core"], blocks, 0)
    row = pd.Index([site_id, *candidates]).get_indexer(pd.Index(past["market_id"]))
    counts = np.zeros((1 + len(candidates), 2 * blocks))
    np.add.at(counts, (row[row >= 0], column[row >= 0]), 1.0)
    roots = np.sqrt(counts)
    return pd.Series(((roots[1:] - roots[0]) ** 2).sum(axis=1), index=candidates)
