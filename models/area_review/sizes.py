"""Sizes of areas and harm per size: residents, kilometres of street, square kilometres.

A total ranks an area by where its boundary was drawn; a rate per size does not: halves of an even area have its rate.
The exposure of an area is then days × size, as in disease mapping (Clayton and Kaldor 1987, Biometrics 43:671).
"""

import numpy as np
import pandas as pd

DAYS_PER_YEAR = 365
FEW_SHARE = 0.05  # of the median of residents; harm per resident of an area with fewer says little
# Size of an area → the column of its harm per size, and how many units of size that is per.
HARM_PER = {
    "residents": ("harm_per_1000_residents", 1000),
    "street_km": ("harm_per_street_km", 1),
    "area_km2": ("harm_per_km2", 1),
}


def with_sizes(ranking: pd.DataFrame, sizes: pd.DataFrame) -> pd.DataFrame:
    """Add to each area its sizes and its harm of a year per size.

    Parameters
    ----------
    ranking : pd.DataFrame
        area_id, harm_per_day (days of guideline prison).
    sizes : pd.DataFrame
        area_id, residents, street_km, area_km2; missing where not known.

    Returns
    -------
    pd.DataFrame
        `ranking` with residents, street_km, area_km2 and the columns of `HARM_PER` (days of guideline prison per year
        and size); missing where the size is missing or zero.
    """
    of_area = sizes.set_index("area_id").loc[ranking["area_id"], list(HARM_PER)].astype(float).reset_index(drop=True)
    of_area.index = ranking.index
    yearly = ranking["harm_per_day"] * DAYS_PER_YEAR
    per = {column: yearly / (of_area[size] / units).replace(0, np.nan) for size, (column, units) in HARM_PER.items()}
    return ranking.assign(**{name: of_area[name] for name in HARM_PER}, **per)


def sized_hours(officer_hours: pd.DataFrame, sizes: pd.DataFrame, per: str) -> pd.DataFrame:
    """Return `officer_hours` of `models.places.ranking.draw_areas` with the size that `places.per` names, if any."""
    if per == "total":
        return officer_hours
    return officer_hours.assign(size=sizes.set_index("area_id")[per].reindex(officer_hours["area_id"]).to_numpy(float))


def without_size(sizes: pd.DataFrame, per: str) -> list[str]:
    """Return the area_ids, sorted, that rank last because they have no size above zero."""
    return [] if per == "total" else sorted(sizes.loc[~(sizes[per] > 0), "area_id"])


def few_residents(ranking: pd.DataFrame) -> list[str]:
    """Return the area_names, as they stand in `ranking`, of areas with fewer residents than `FEW_SHARE` of the median.

    Columns are area_name and residents.
    """
    return ranking.loc[ranking["residents"] < FEW_SHARE * ranking["residents"].median(), "area_name"].tolist()
