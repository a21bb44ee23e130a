"""The periods that outcomes and costs are counted over: local months and the year of them, and operations.

Months and their year are counted for the force, for each area, and for `NO_AREA`, what names no area of the map. Months
tile the days, and areas with `NO_AREA` tile the force, so that counts sum over both. What was not recorded is missing
with a reason, never zero. Figures drawn from records of people are withheld where few people stand behind them.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from models.arrays import Bools, Ints
from models.operations.promises import NO_AREA
from models.outcomes.small_groups import withheld_sums

FORCE = "force"  # scope_id of what is counted for the whole force, and of what names no area of it
MONTHS = 12  # the current one among them
FEWEST_PEOPLE = 10
FEW = f"fewer than {FEWEST_PEOPLE} people"
REASONS = "not_recorded"
MONTH, YEAR, OPERATION = "month", "year", "operation"  # spans
KEY = ("scope", "scope_id", "area_id", "span", "from_on", "to_on", "is_current")


def make_periods(
    area_ids: Sequence[str], operations: pd.DataFrame, *, as_of: pd.Timestamp, time_zone: str
) -> pd.DataFrame:
    """Return the months of the force, of each area and of `NO_AREA`, the year of them, and the operations in it.

    Parameters
    ----------
    area_ids : sequence of str
        Areas of the map.
    operations : DataFrame
        As `models.operations.history.operations_of`, less those that may not be named; those that have begun count.
    as_of : Timestamp
        The clock.
    time_zone : str
        Zone of the local days.

    Returns
    -------
    DataFrame
        KEY with local days as timestamps without a zone: scope (force, area, no_area, operation), scope_id (`FORCE`,
        an area, `NO_AREA`, or the market of an operation, else its area), area_id (null where there is none), span
        (MONTH, YEAR, OPERATION), from_on, to_on (the last day, counted), is_current (it goes on).
    """
    last_on = _last_day(as_of, time_zone)
    months = pd.date_range(end=last_on.replace(day=1), periods=MONTHS, freq="MS")
    ends = months + pd.offsets.MonthEnd(0)
    spans = pd.DataFrame(
        {
            "span": [MONTH] * MONTHS + [YEAR],
            "from_on": [*months, months[0]],
            "to_on": [*ends.where(ends < last_on, last_on), last_on],
            "is_current": [*(ends > last_on), ends[-1] > last_on],
        }
    )
    places = [(FORCE, FORCE, None), *(("area", area, area) for area in sorted(area_ids)), ("no_area", NO_AREA, None)]
    whole = pd.DataFrame(places, columns=["scope", "scope_id", "area_id"]).merge(spans, how="cross")
    own = _of_operations(operations, months[0], last_on, time_zone)
    rows = pd.concat([whole, own], ignore_index=True) if len(own) else whole
    return rows.astype({"area_id": object})[list(KEY)]


def recorded_from(periods: pd.DataFrame, *records: pd.DataFrame) -> pd.Series:
    """Return from which day on each period is on record: not before the first `on` of all records; missing without.

    What was not yet recorded was not counted: a rate is over the days on record, which may be fewer than the period's.
    """
    first = min((on for on in map(first_day, records) if on is not None), default=pd.NaT)
    begin = periods["from_on"].where(periods["from_on"].ge(first), first)
    return pd.to_datetime(begin.where(begin.le(periods["to_on"])))


def local_days(moments: pd.Series, time_zone: str) -> pd.Series:
    """Return the local day of each moment (UTC), as a timestamp without a zone."""
    return pd.to_datetime(moments, utc=True).dt.tz_convert(time_zone).dt.tz_localize(None).dt.normalize()


def _last_day(as_of: pd.Timestamp, time_zone: str) -> pd.Timestamp:
    return (as_of - pd.Timedelta(microseconds=1)).tz_convert(time_zone).tz_localize(None).normalize()


def _of_operations(
    operations: pd.DataFrame, first_on: pd.Timestamp, last_on: pd.Timestamp, time_zone: str
) -> pd.DataFrame:
    begun = operations.dropna(subset=["started_at"])
    ended_on = local_days(begun["ended_at"], time_zone)
    rows = pd.DataFrame(
        {
            "scope": "operation",
            "scope_id": begun["market_id"].astype(object).where(begun["market_id"].notna(), begun["area_id"]),
            "area_id": begun["area_id"],
            "span": OPERATION,
            "from_on": local_days(begun["started_at"], time_zone),
            "to_on": ended_on.fillna(last_on),
            "is_current": ended_on.isna(),
        }
    )
    rows = rows[(rows["to_on"] >= first_on) & (rows["from_on"] <= rows["to_on"])]
    return rows.sort_values(["scope_id", "from_on", "to_on"]).drop_duplicates(["scope_id", "from_on"], keep="last")


def in_periods(rows: pd.DataFrame, periods: pd.DataFrame) -> pd.DataFrame:
    """Return the rows once for each period that they count in, with its number in column `period`.

    Parameters
    ----------
    rows : DataFrame
        area_id (an area of the periods, or missing) and on (local day); other columns are kept.
    periods : DataFrame
        As `make_periods` returns.
    """
    numbered = periods.assign(period=np.arange(len(periods)))
    kept, parts = [*rows.columns, "period"], [rows.assign(period=0)[:0]]
    placed = rows.assign(scope_id=rows["area_id"].astype(object).where(rows["area_id"].notna(), NO_AREA))
    for _, of_span in numbered[numbered["span"] != OPERATION].groupby("span"):
        of_force = of_span[of_span["scope"] == FORCE].sort_values("from_on")
        place = np.searchsorted(of_force["from_on"], rows["on"], side="right") - 1
        dated = placed.assign(from_on=of_force["from_on"].to_numpy()[np.maximum(place, 0)])
        dated = dated[(place >= 0) & rows["on"].le(of_force["to_on"].max()).to_numpy()]
        parts.append(dated.merge(of_force[["from_on", "period"]], on="from_on"))
        of_places = of_span.loc[of_span["scope"] != FORCE, ["scope_id", "from_on", "period"]]
        parts.append(dated.merge(of_places, on=["scope_id", "from_on"]))
    for operation in numbered[numbered["span"] == OPERATION].to_dict("records"):
        is_in = rows["area_id"].eq(operation["area_id"]) & rows["on"].between(operation["from_on"], operation["to_on"])
        parts.append(rows[is_in].assign(period=operation["period"]))
    return pd.concat([part[kept] for part in parts if len(part)] or parts, ignore_index=True)


def total(counted: pd.DataFrame, periods: pd.DataFrame, column: str | None = None) -> pd.Series:
    """Return per period the number of rows of `in_periods`, or the sum of a column; zero where there are none."""
    of_period = counted.groupby("period")
    found = of_period.size() if column is None else of_period[column].sum()
    return found.reindex(range(len(periods)), fill_value=0)


def unrecorded(periods: pd.DataFrame, first_on: pd.Timestamp | None, what: str) -> pd.Series:
    """Return why nothing can be counted in each period, None where it can: the force recorded no such thing by then.

    Parameters
    ----------
    periods : DataFrame
        As `make_periods` returns.
    first_on : Timestamp or None
        Local day of the first record of its kind, wherever it was; missing if there is none.
    what : str
        Name of such a record.
    """
    if first_on is None or pd.isna(first_on):
        return _where(np.ones(len(periods), dtype=bool), f"no {what} was ever recorded")
    return _where(
        periods["to_on"].lt(first_on).to_numpy(dtype=bool), f"no {what} was recorded before {first_on:%Y-%m-%d}"
    )


def unless_recorded(rows: pd.DataFrame, periods: pd.DataFrame, what: str) -> pd.Series:
    """Return as `unrecorded` why nothing of a kind can be counted; of areas also if none of its records names one.

    Parameters
    ----------
    rows : DataFrame
        All records of the kind: area_id (missing outside every area), on.
    periods, what
        As of `unrecorded`.
    """
    why = unrecorded(periods, first_day(rows), what)
    if rows["area_id"].notna().any():
        return why
    is_of_area = periods["area_id"].notna().to_numpy() & why.isna().to_numpy()
    return why.mask(is_of_area, f"no {what} names an area of the map")


def first_day(rows: pd.DataFrame) -> pd.Timestamp | None:
    """Return the earliest `on` of some rows; None if there are none."""
    return None if rows.empty else rows["on"].min()


def few_people(counted: pd.DataFrame, periods: pd.DataFrame) -> pd.Series:
    """Return `FEW` for each period whose figure is withheld for the sake of few people, None elsewhere.

    Withheld are figures of one to nine people, and those from which one of them would follow by sums and differences:
    among months, years, areas and the force as `withheld_sums` says. The figure of an operation is withheld, too,
    unless all months that it touches are shown, and the operations shown cut these into spans of nobody or of ten
    people or more.

    Parameters
    ----------
    counted : DataFrame
        Of `in_periods`: the records that a figure is drawn from, with person_id, area_id, on and count: how many people
        a record without person_id stands for.
    periods : DataFrame
        As `make_periods` returns.
    """
    is_few = np.zeros(len(periods), dtype=bool)
    numbers = _table_of(periods)
    people = _people_of_each(counted, len(periods))[numbers]

    def together(cells: Bools) -> int:
        return _people(counted[counted["period"].isin(numbers[cells])])

    hidden = withheld_sums(people, together, least=FEWEST_PEOPLE)
    np.logical_or.at(is_few, numbers, hidden)
    shown: list[int] = []
    for number in np.flatnonzero(periods["span"] == OPERATION).tolist():
        is_few[number] = not _may_show(counted, periods, is_few, number, shown)
        shown += [] if is_few[number] else [number]
    return _where(is_few, FEW)


def _table_of(periods: pd.DataFrame) -> Ints:
    """Return the number of each month and, in the last column, of the year: of each place, and last of the force."""
    rows = periods.assign(number=np.arange(len(periods)))[periods["span"] != OPERATION]
    rows = rows.assign(is_force=rows["scope"] == FORCE, is_year=rows["span"] == YEAR)
    ordered = rows.sort_values(["is_force", "scope_id", "is_year", "from_on"])
    places = len(ordered[["is_force", "scope_id"]].drop_duplicates())
    numbers = ordered["number"].to_numpy(np.int64).reshape(places, -1)
    return numbers if numbers.shape[1] > 1 else np.repeat(numbers, 2, axis=1)  # a year alone is its only month


def _may_show(counted: pd.DataFrame, periods: pd.DataFrame, is_few: Bools, number: int, shown: Sequence[int]) -> bool:
    """Return whether an operation may be shown beside its area's months and operations that are shown."""
    own, day = periods.iloc[number], pd.Timedelta(days=1)
    is_there = periods["area_id"].eq(own["area_id"]).to_numpy()
    months = np.flatnonzero(is_there & (periods["span"] == MONTH).to_numpy())
    is_touched = periods["from_on"].le(own["to_on"]) & periods["to_on"].ge(own["from_on"])
    touched = months[is_touched.to_numpy()[months]]
    if is_few[touched].any():
        return False
    beside = [*(each for each in shown if is_there[each]), number]
    others, begins = periods.iloc[beside], periods["from_on"].iloc[months]
    oldest = beside[int(others["from_on"].argmin())]
    is_before = counted["period"].eq(oldest) & counted["on"].lt(begins.min())
    rows = counted[counted["period"].isin(touched) | is_before]
    cuts = np.sort(np.concatenate([begins, others["from_on"], others["to_on"] + day]))
    span = np.searchsorted(cuts, rows["on"], side="right")
    return not any(_is_few(_people(part)) for _, part in rows.groupby(span))


def _where(is_so: Bools, text: str) -> pd.Series:
    """Return the text where it is so, else None."""
    return pd.Series([text if each else None for each in is_so.tolist()]).astype(object)


def _people(records: pd.DataFrame) -> int:
    return int(records["person_id"].nunique() + records.loc[records["person_id"].isna(), "count"].sum())


def _people_of_each(records: pd.DataFrame, periods: int) -> Ints:
    """Return how many people stand behind the records of each period."""
    of_period = records.groupby("period")
    named = of_period["person_id"].nunique()
    unnamed = records["count"].where(records["person_id"].isna(), 0).groupby(records["period"]).sum()
    return (named + unnamed).reindex(range(periods), fill_value=0).to_numpy(np.int64)


def _is_few(people: int) -> bool:
    return 0 < people < FEWEST_PEOPLE


def with_reasons(table: pd.DataFrame, reasons: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Return the table with every figure that has a reason missing, and the reasons as lists of texts in `REASONS`.

    Parameters
    ----------
    table : DataFrame
        One row per period, in their order.
    reasons : mapping of str to Series
        Of a figure, or of several with a comma between their names: why it is missing, None where it is not.
    """
    table = table.copy()
    texts: list[list[str]] = [[] for _ in range(len(table))]
    for names, why in reasons.items():
        is_missing = why.notna().to_numpy()
        for name in names.split(", "):
            table[name] = table[name].mask(is_missing)
        for row in np.flatnonzero(is_missing):
            texts[row].append(f"{names}: {why.iloc[row]}")
    return table.assign(**{REASONS: pd.Series(texts, index=table.index, dtype=object)})


def first_reason(*reasons: pd.Series) -> pd.Series:
    """Return the first reason of each period."""
    found = reasons[0]
    for other in reasons[1:]:
        found = found.where(found.notna(), other)
    return found
