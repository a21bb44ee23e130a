"""Status of each person: age, death, and treatment disclosed with consent."""

import pandas as pd

OF_AGE = 18


def make_register(persons: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return one row per person with the status at the clock.

    Parameters
    ----------
    persons : DataFrame
        person_id, birth_date (date or missing), birth_year, deceased_at, is_treatment_consented, is_treatment_engaged;
        one row each.
    as_of : Timestamp
        The clock, a local midnight in the force's zone: a birthday is a local day.

    Returns
    -------
    DataFrame
        Sorted by its index person_id: born_on, adult_days (local days from the 18th birthday to the clock, negative
        for a child), deceased_at, is_age_unknown, is_under_18, is_deceased, is_treatment_consented,
        is_treatment_engaged.

    Raises
    ------
    ValueError
        If a person has two rows.
    """
    if persons["person_id"].duplicated().any():
        raise ValueError("persons has two rows for one person: expected only the latest version of each")
    people = persons.set_index("person_id").sort_index()
    born = _born(people)
    came_of_age = 10_000 * OF_AGE + born  # as yyyymmdd; a person born on 29 February comes of age on 1 March
    came_of_age_on = pd.to_datetime(_valid_day(came_of_age).astype("Int64").astype("string"), format="%Y%m%d")
    adult_days = (as_of.tz_localize(None).normalize() - came_of_age_on).dt.days
    deceased_at = pd.to_datetime(people["deceased_at"], utc=True)
    return pd.DataFrame(
        {
            "born_on": pd.to_datetime(born.astype("Int64").astype("string"), format="%Y%m%d"),
            "adult_days": adult_days,
            "deceased_at": deceased_at,
            "is_age_unknown": born.isna(),
            "is_under_18": adult_days.lt(0),
            "is_deceased": deceased_at.notna(),  # any known death, even after the clock
            "is_treatment_consented": people["is_treatment_consented"].eq(True).fillna(False).astype(bool),
            "is_treatment_engaged": people["is_treatment_engaged"].eq(True).fillna(False).astype(bool),
        },
        index=people.index,
    )


def _born(people: pd.DataFrame) -> pd.Series:
    """Return the birth date as yyyymmdd; a year alone counts as its 31 December, the youngest possible age."""
    dates = pd.to_datetime(people["birth_date"])
    exact = dates.dt.year * 10_000 + dates.dt.month * 100 + dates.dt.day
    return exact.astype("Float64").fillna(people["birth_year"].astype("Float64") * 10_000 + 1231)


def _valid_day(day: pd.Series) -> pd.Series:
    """Return the days with 29 February moved to 1 March in years that lack it."""
    year, is_leap_day = day // 10_000, (day % 10_000).eq(229)
    is_leap_year = ((year % 4).eq(0) & (year % 100).ne(0)) | (year % 400).eq(0)
    return day.mask(is_leap_day.fillna(False) & ~is_leap_year.fillna(False), year * 10_000 + 301)
