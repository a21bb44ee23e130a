"""Officer hours of the areas of one set, carried over from those of another set that covers the same ground."""

import numpy as np
import pandas as pd

# Of the parts of an area, where staffing is reported by the day.
DAYS = {"reported_days": "min", "force_days": "max", "expected_days": "max", "report_age_days": "min"}
COVERED = 0.99  # share of an area's ground from which it counts as covered; the rest is digitising noise


def carry_hours(officer_hours: pd.DataFrame, ground: pd.DataFrame, area_ids: pd.Index) -> pd.DataFrame:
    """Carry officer hours over to areas of another set.

    The hours of an area with known hours are split equally over the areas of the other set that lie in it, or by the
    part of each of them that does. They are carried over as reported where no split is needed, so that nothing is
    guessed: an area takes the reported hours of areas that lie wholly in it, and they cover it. Otherwise they are
    assumed.

    Parameters
    ----------
    officer_hours : pd.DataFrame
        area_id, hours_per_day, is_assumed; the columns of DAYS, where staffing is reported by the day. Zero hours are
        unknown ones.
    ground : pd.DataFrame
        area_id (of the other set), other_area_id (of `officer_hours`), share (of the area's ground), other_share; one
        row for each pair with common ground.
    area_ids : pd.Index
        ids of the areas of the other set.

    Returns
    -------
    pd.DataFrame
        In the order of `area_ids`: area_id, hours_per_day (zero, unknown, if those of a part are), is_assumed,
        and DAYS (those of the part with the least cover; missing if no part has any).
    """
    pairs = ground.merge(officer_hours.rename(columns={"area_id": "other_area_id"}), on="other_area_id")
    pairs = pairs.sort_values(["area_id", "other_area_id"], ignore_index=True)
    # What lies outside every area of this set keeps its part of the hours.
    of_other = pairs.groupby("other_area_id")
    covered = _without_noise(of_other["other_share"].transform("sum"))
    pairs["hours"] = pairs["hours_per_day"] * covered * (pairs["share"] / of_other["share"].transform("sum"))
    pairs["is_known"] = pairs["hours_per_day"] > 0
    pairs["is_whole"] = (pairs["other_share"] >= COVERED) & ~pairs["is_assumed"].astype(bool)
    by_area = pairs.groupby("area_id").agg(
        hours=("hours", "sum"), share=("share", "sum"), is_known=("is_known", "all"), is_whole=("is_whole", "all"),
        **{name: (name, least_or_most) for name, least_or_most in DAYS.items() if name in officer_hours},
    )  # fmt: skip
    of_area = by_area.reindex(area_ids)
    is_known = of_area["is_known"].eq(True).to_numpy(dtype=bool)
    is_whole = of_area["is_whole"].eq(True).to_numpy(dtype=bool)
    is_covered = (of_area["share"] >= COVERED).to_numpy(dtype=bool)
    return pd.DataFrame(
        {
            "area_id": area_ids,
            "hours_per_day": np.where(is_known, of_area["hours"].fillna(0.0), 0.0),
            "is_assumed": ~(is_known & is_whole & is_covered),
            **{name: of_area[name].to_numpy(dtype=float) for name in DAYS if name in of_area},
        }
    )


def _without_noise(share: pd.Series) -> pd.Series:
    return share.where(share < COVERED, 1.0)
