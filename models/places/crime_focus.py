"""Rank the offences of an area for focused policing: those that are visible, harmful and reported by the public.

Focused policing works on specific, observable behaviour (Braga, Weisburd and Turchan 2018, Criminology & Public Policy
17:205, on focused deterrence). Harm, visibility and public reports are shown together; police discoveries are shown
but not counted. Use and possession of drugs, health events and contacts are never a focus.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import gammaincinv

from models.statistics.empirical_bayes import fit_gamma_prior, posterior

NEVER = ("drugs", "health", "contact")  # categories of the codebook; dealing reported by the public is disorder
LEAST_REPORTS = 5  # fewer reports are not a pattern
INTERVAL_LOW = 0.1
COLUMNS = (
    "area_id", "offence_code", "label", "focus_rank", "is_visible", "public_count", "harm_days", "harm_share",
    "rate_ratio", "rate_ratio_lo", "police_count",
)  # fmt: skip


def rank_focus(area_events: pd.DataFrame, codebook: pd.DataFrame, *, discoveries: Sequence[str]) -> pd.DataFrame:
    """Rank the visible offences of each area by publicly reported harm.

    Parameters
    ----------
    area_events : pd.DataFrame
        area_id, offence_code, discovery, n.
    codebook : pd.DataFrame
        index offence_code; label, category, harm_days, is_visible.
    discoveries : Sequence[str]
        kinds of discovery whose reports count.

    Returns
    -------
    pd.DataFrame
        Rows of `crime_focus` without the run's columns, sorted by area_id, offence_code; one row per area and reported
        offence. Visible offences with five reports or more are ranked by harm, then by reports.
    """
    may_be = codebook[~codebook["category"].isin(NEVER) & (codebook["harm_days"] > 0)]
    events = area_events[area_events["offence_code"].isin(may_be.index)]
    is_counted = events["discovery"].isin(list(discoveries))
    counts = _count(events[is_counted], "public_count").join(_count(events[~is_counted], "police_count"), how="left")
    rows = counts.fillna({"police_count": 0}).astype({"police_count": "int64"}).reset_index()
    definition = may_be.loc[rows["offence_code"], ["label", "harm_days", "is_visible"]].reset_index(drop=True)
    rows = rows.assign(
        label=definition["label"],
        is_visible=definition["is_visible"],
        harm_days=rows["public_count"] * definition["harm_days"],
    )
    rows["harm_share"] = rows["harm_days"] / rows.groupby("area_id")["harm_days"].transform("sum")
    return _ranked(_compared(rows))[list(COLUMNS)]


def _count(events: pd.DataFrame, name: str) -> pd.DataFrame:
    return events.groupby(["area_id", "offence_code"])["n"].sum().rename(name).to_frame()


def _compared(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the ratio of reports to those expected from the offence mix of the whole force, by a gamma–Poisson model."""
    of_area = rows.groupby("area_id")["public_count"].transform("sum")
    of_offence = rows.groupby("offence_code")["public_count"].transform("sum")
    rows = rows.assign(expected=of_area * of_offence / max(float(rows["public_count"].sum()), 1.0))
    ratio, low = np.ones(len(rows)), np.ones(len(rows))
    if len(rows):
        prior = fit_gamma_prior(rows["public_count"], rows["expected"])
        shape, rate = posterior(prior, rows["public_count"], rows["expected"])
        ratio, low = shape / rate, gammaincinv(shape, INTERVAL_LOW) / rate
    return rows.assign(rate_ratio=ratio, rate_ratio_lo=low)


def _ranked(rows: pd.DataFrame) -> pd.DataFrame:
    is_ranked = rows["is_visible"].astype(bool) & (rows["public_count"] >= LEAST_REPORTS)
    order = rows[is_ranked].sort_values(
        ["area_id", "harm_days", "public_count", "offence_code"], ascending=[True, False, False, True]
    )
    ranks = (order.groupby("area_id").cumcount() + 1).reindex(rows.index)
    return rows.assign(focus_rank=ranks).sort_values(["area_id", "offence_code"], ignore_index=True)
