"""Feedback between police presence and police discoveries, by area.

Models of discovered incidents send police where they have been before (Ensign et al. 2018, Proceedings of Machine
Learning Research 81). harmspot does not count discoveries; this table shows the bias they would cause. The ratio of an
area's share of discovered incidents to its share of publicly reported ones is one if both agree. Its 80% interval
treats both counts as Poisson, with half an incident added to each to avoid zeros. An area has an alarm if the interval
is above one and its share of officer hours exceeds its share of public reports.
"""

import numpy as np
import pandas as pd
from scipy.special import ndtri

from models.statistics.rank_draws import total_ranks

Z80 = float(ndtri(0.9))  # half width of an 80% interval in standard errors
FEEDBACK_COLUMNS = (
    "area_id", "public_count", "police_count", "public_share", "police_share", "hours_share", "proposed_share",
    "find_ratio", "find_ratio_lo", "find_ratio_hi", "rank_public", "rank_with_police", "is_alarm",
)  # fmt: skip


def measure_feedback(areas: pd.DataFrame) -> pd.DataFrame:
    """Compare discovered with reported incidents and officer hours.

    Parameters
    ----------
    areas : pd.DataFrame
        area_id (distinct), public_count, police_count, today_hours, proposed_hours; hours may be missing.

    Returns
    -------
    pd.DataFrame
        FEEDBACK_COLUMNS, by area: shares of the total (missing if it is zero), find_ratio with its 80% interval, and
        the rank by count without and with police discoveries (1 has most, ties by area_id).
    """
    table = areas.sort_values("area_id", ignore_index=True)
    public, police = (table[name].to_numpy(np.float64) for name in ("public_count", "police_count"))
    hours, proposed = (_share(table[name].to_numpy(np.float64)) for name in ("today_hours", "proposed_hours"))
    ratio = _share(police + 0.5) / _share(public + 0.5)
    spread = np.exp(Z80 * np.sqrt(1 / (police + 0.5) + 1 / (public + 0.5)))
    is_alarm = (ratio / spread > 1) & (hours > _share(public)) & (police.sum() > 0)
    return table.assign(
        public_share=_share(public),
        police_share=_share(police),
        hours_share=hours,
        proposed_share=proposed,
        find_ratio=ratio,
        find_ratio_lo=ratio / spread,
        find_ratio_hi=ratio * spread,
        rank_public=total_ranks(public, ids=table["area_id"]),
        rank_with_police=total_ranks(public + police, ids=table["area_id"]),
        is_alarm=is_alarm,
    )[list(FEEDBACK_COLUMNS)]


def _share(values: np.ndarray) -> np.ndarray:
    total = np.nansum(values)  # a missing area does not affect the others
    return values / total if total > 0 else np.full(len(values), np.nan)
